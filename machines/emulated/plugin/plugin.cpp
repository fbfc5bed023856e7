// SPDX-License-Identifier: MIT
// tracectl's QEMU plugin: loaded into QEMU user mode, it plays the trace unit for the
// program that QEMU runs. Arguments (one comma-separated list, as QEMU passes them):
//   socket=NAME  the launcher's abstract socket
//   exec=1       this program replaced a traced one; paused=0|1 is the state it inherits,
//                hand=N the last word by hand that is in this state
//   comm=NAME    what the program is called
//   log=FILE     tests: digests of what was executed
// It must stay loadable into a GPL program: MIT, and only MIT or BSD libraries.
#include <dlfcn.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <cstring>

#include "machines/emulated/plugin/guest.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/program.hpp"
#include "machines/emulated/plugin/qemu_api.hpp"
#include "machines/emulated/plugin/state.hpp"
#include "machines/emulated/plugin/translation.hpp"
#include "machines/emulated/plugin/watch.hpp"

namespace tracectl::plugin {

Process& process() {
  static auto* p = new Process;  // never destroyed: callbacks run until the very end
  return *p;
}
Process& g = process();
constinit thread_local ThreadState* tls_state = nullptr;

namespace {

void copy_text(char* out, size_t size, const char* text) {
  std::strncpy(out, text, size - 1);
  out[size - 1] = 0;
}

void read_arguments(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) {
    const char* a = argv[i];
    if (std::strncmp(a, "socket=", 7) == 0) copy_text(g.socket, sizeof g.socket - 1, a + 7);
    if (std::strncmp(a, "comm=", 5) == 0) copy_text(g.comm, sizeof g.comm, a + 5);
    if (std::strncmp(a, "log=", 4) == 0) copy_text(g.log, sizeof g.log, a + 4);
    if (std::strcmp(a, "exec=1") == 0) g.exec = true;
    if (std::strcmp(a, "paused=1") == 0) g.paused_at_exec = true;
    if (std::strncmp(a, "hand=", 5) == 0) g.obeyed_at_exec = static_cast<uint32_t>(std::strtoul(a + 5, nullptr, 10));
  }
}

bool choose_guest(const char* qemu_target) {
  for (const Guest* guest : {&kX86Guest, &kA64Guest})
    if (std::strcmp(qemu_target, guest->qemu_target) == 0) g.guest = guest;
  return g.guest != nullptr;
}

void index_triggers() {
  for (uint32_t i = 0; i < g.triggers.size(); ++i) {
    const WireTrigger& w = g.triggers[i];
    if (w.kind != static_cast<uint8_t>(TriggerKind::tracepoint)) {
      if (w.access != static_cast<uint8_t>(BreakAccess::execute)) {
        g.watched_accesses |= kQemuMemWrite | (w.access == static_cast<uint8_t>(BreakAccess::read_write) ? kQemuMemRead : 0);
        if (w.address != 0) add_watch(i, w.address);
      } else if (w.address != 0) {
        g.sites[w.address].push_back(i);
      }
      continue;
    }
    g.any_syscall_trigger = true;
    auto* lists = w.syscall_exit != 0 ? g.on_exit : g.on_enter;
    for (int n = 0; n < 512; ++n)
      if (w.raw_syscall != 0 || n == w.syscall_nr) lists[n].push_back(i);
  }
}

}  // namespace
}  // namespace tracectl::plugin

using namespace tracectl::plugin;

// QEMU compares this with the versions it takes: 7.2 takes 1, 9.0 and later 2 and up. It is
// settled by the constructor, which runs before QEMU reads it.
extern "C" {
__attribute__((visibility("default"))) int qemu_plugin_version = 1;
}

__attribute__((constructor)) static void choose_api_version() {
  if (dlsym(RTLD_DEFAULT, "qemu_plugin_scoreboard_new") != nullptr) qemu_plugin_version = 2;
}

extern "C" __attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info,
                                                                          int argc, char** argv) {
  if (info->system_emulation || !choose_guest(info->target_name)) return -1;
  read_arguments(argc, argv);
  if (!say_hello() || g.config.elf_machine != g.guest->elf_machine)
    return 0;  // no launcher: the program runs as under plain QEMU
  index_triggers();
  install_fork_handlers();
  install_callbacks(id);
  return 0;
}
