// SPDX-License-Identifier: MIT
#include "machines/emulated/launcher.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "core/clock.hpp"
#include "core/collector.hpp"
#include "core/elf_machine.hpp"
#include "core/loaded_files.hpp"
#include "machines/child_signals.hpp"
#include "machines/emulated/by_hand.hpp"
#include "machines/emulated/program_file.hpp"
#include "machines/emulated/server.hpp"
#include "machines/emulated/wire.hpp"

namespace tracectl::emulated {
namespace {

// Turns the session page's doorbell (a futex, so that the traced program keeps no descriptor
// of ours) into an eventfd for the session's loop.
class Doorbell {
 public:
  explicit Doorbell(SessionPage& page)
      : page_(page), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { listen(); }) {}
  ~Doorbell() {
    over_ = true;
    page_.doorbell.fetch_add(1);
    syscall(SYS_futex, &page_.doorbell, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    thread_.join();
  }
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;
  [[nodiscard]] int fd() const { return fd_.get(); }
  void acknowledge() const {
    uint64_t n = 0;
    [[maybe_unused]] const ssize_t r = read(fd_.get(), &n, sizeof n);
  }

 private:
  void listen() {
    uint32_t seen = 0;
    while (!over_) {
      page_.launcher_waits.store(1);  // seq_cst: pairs with the plugin's bump-then-look
      if (page_.doorbell.load() == seen) {
        const timespec t{0, 200000000};
        syscall(SYS_futex, &page_.doorbell, FUTEX_WAIT, seen, &t, nullptr, 0);
      }
      page_.launcher_waits.store(0);
      if (page_.doorbell.load() == seen) continue;
      seen = page_.doorbell.load();
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t r = write(fd_.get(), &one, sizeof one);
    }
  }

  SessionPage& page_;
  Fd fd_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// As execvp finds it; the name itself when it does not.
std::string program_path(const std::string& command) { return find_command(command, search_path()).value_or(command); }

// Between fork and exec: only what is async-signal-safe.
[[noreturn]] void become(const char* qemu, char* const* arguments) {
  execv(qemu, arguments);
  _exit(126);
}

uint16_t machine_of(BackendKind backend) { return backend == BackendKind::coresight ? kElfAArch64 : kElfX86_64; }

pid_t start(const HostFacts& host, BackendKind backend, const std::vector<std::string>& command, const std::string& plugin) {
  Command c{program_path(command[0]), "", command[0], {command.begin() + 1, command.end()}};
  prepare_program(c, machine_of(backend));
  const std::string& qemu = qemu_for(backend, host).path;
  auto arguments = qemu_arguments({qemu, plugin, sysroot_for(backend, host)}, c);
  const auto pointers = exec_pointers(arguments);
  const pid_t pid = fork();
  if (pid == 0) become(qemu.c_str(), pointers.data());
  return pid;
}

Result<Outcome> record(Server& server, Session& session, pid_t child, const ResolvedPlan& plan, const RunOptions& options,
                       capture::Writer& writer) {
  Outcome out;
  bool ended = false;
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  if (!pidfd) return fail_errno(fmt::format("watching process {}", child), "tracectl needs Linux 5.3 or later (pidfd_open)");
  session.watch(pidfd.get(), [&] {
    waitpid(child, &out.wait_status, 0);
    ended = true;
    session.stop();
    return false;
  });
  Doorbell doorbell(server.page());
  session.watch(doorbell.fd(), [&] {
    doorbell.acknowledge();
    session.drain();
    server.reap_done();
    return true;
  });
  Collector collector(plan, writer, session);
  const auto turn = [&server](bool on) { return server.turn(on), Result<>{}; };
  if (auto r = collector.prepare({turn, [&server] { return server.all_paused(); }, monotonic_ns}); !r)
    return tl::unexpected<Error>(r.error());
  server.on_first_thread([&collector] { collector.begin(); });
  ControlServer control(plan, writer, session);
  if (auto r = control.listen(by_hand(server, writer)); !r && options.say) options.say(r.error().message());
  session.after_drain([&] {
    server.settle_snapshots();
    server.ask_again();
    collector.tick();
    control.tick();
    if (server.windows_done()) session.stop("limit: windows");
    if (options.progress) options.progress(writer.aux_bytes(), server.live_processes());
  });
  session.on_signal(SIGUSR2, [&] {
    if (!server.ask_snapshot() && options.say) options.say("SIGUSR2: mode = full keeps everything; nothing to do");
  });
  auto result = session.run();
  if (result) result = collector.failed();
  control.close();
  server.page().stop = 1;
  out.stop_reason = session.stop_reason();
  if (!result && options.failed) options.failed(result.error());
  server.finish_all();
  collector.end();
  server.report(out);
  if (!ended) pass_signals_untraced(child);
  if (!ended && result && options.over) options.over(out);
  if (!ended) wait_untraced(child, &out.wait_status);  // to its own end
  if (!result) return tl::unexpected<Error>(result.error());
  return out;
}

// QEMU would say no more than the loader's name.
bool loader_is_there(const Command& c, BackendKind backend, const HostFacts& host, CannotStart& out) {
  const std::string loader = loader_of(c.file);
  if (loader.empty() || access((sysroot_for(backend, host) + loader).c_str(), R_OK) == 0 ||
      access(loader.c_str(), R_OK) == 0)
    return true;
  const bool arm = backend == BackendKind::coresight;
  out = {static_cast<int>(ErrorKind::unsupported),
         fmt::format("'{}' needs the dynamic linker {}, which is not on this computer", c.file, loader),
         arm ? "sudo apt-get install libc6-arm64-cross, or QEMU_LD_PREFIX=DIRECTORY with an AArch64 system's /lib and "
               "/usr/lib, "
               "or link the program with -static"
             : "install the C library that the program was built for"};
  return false;
}

}  // namespace

bool can_start(const std::vector<std::string>& command, BackendKind backend, const HostFacts& host, CannotStart& out) {
  if (command.empty()) {
    out = {static_cast<int>(ErrorKind::usage), "no command to run", "put it behind --: tracectl run plan.toml -- ./app"};
    return false;
  }
  Command c{program_path(command[0]), "", command[0], {}};
  struct stat st {};
  if (stat(c.file.c_str(), &st) != 0 || c.file.find('/') == std::string::npos) {
    out = {127, fmt::format("cannot run '{}': no such program", command[0]), "give its path, or check PATH"};
    return false;
  }
  if (!S_ISREG(st.st_mode) || access(c.file.c_str(), X_OK) != 0) {
    out = {126, fmt::format("cannot run '{}': not an executable file", c.file), "chmod +x " + c.file};
    return false;
  }
  const ProgramKind kind = prepare_program(c, machine_of(backend));
  if (kind == ProgramKind::refused) {
    out = {126, fmt::format("cannot run '{}': not a program that execve takes (or its interpreter is missing)", c.file), ""};
    return false;
  }
  if (kind == ProgramKind::foreign) {
    out = {static_cast<int>(ErrorKind::unsupported),
           fmt::format("'{}' cannot run on the emulated machine: no {} ELF program that we may read, or set-user-ID", c.file,
                       backend == BackendKind::coresight ? "AArch64" : "x86-64"),
           "trace an x86-64 or AArch64 program; `tracectl doctor` lists what this machine can do"};
    return false;
  }
  return loader_is_there(c, backend, host, out);
}

Result<Outcome> run_emulated(const ResolvedPlan& plan, const HostFacts& host, const ModuleFinder& modules,
                             capture::Writer& writer, const RunOptions& options) {
  const QemuFacts& qemu = qemu_for(plan.backend, host);
  if (qemu.path.empty())
    return fail_unsupported(fmt::format("the emulated machine needs QEMU user mode, and {} is not in PATH",
                                        plan.backend == BackendKind::coresight ? "qemu-aarch64" : "qemu-x86_64"),
                            "apt-get install qemu-user");
  if (host.plugin_path.empty())
    return fail_unsupported("tracectl's QEMU plugin (tracectl-qemu-plugin.so) was not found",
                            "build it with ./dev build, or set TRACECTL_PLUGIN");
  if (plan.triggers.size() > 64)
    return fail_unsupported(fmt::format("{} triggers; the emulated machine takes 64", plan.triggers.size()));
  Session session(writer, plan.limits);
  Server server(plan, host, options, modules, writer, session);
  if (auto r = server.open(); !r) return tl::unexpected<Error>(r.error());
  pid_t child = 0;
  pass_signals(session, child);
  child = start(host, plan.backend, plan.command, server.plugin_option());
  if (child < 0) return fail_errno("starting " + qemu.path);
  return record(server, session, child, plan, options, writer);
}

}  // namespace tracectl::emulated
