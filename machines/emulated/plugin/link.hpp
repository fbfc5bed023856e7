// SPDX-License-Identifier: MIT
// The plugin's line to the launcher: requests on the session's socket, futexes, the clock.
// Errors: false or null; the program then runs on untraced, which the session page counts.
#pragma once

#include <cstdint>
#include <vector>

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

int32_t gettid_now();

void futex_wait(std::atomic<uint32_t>& word, uint32_t value, unsigned timeout_ms);
void futex_wake(std::atomic<uint32_t>& word);
// Tells the launcher that there is something to drain.
void ring_doorbell();
// False once the session is over or its launcher has died.
bool session_alive();

// hello: fills g.config, g.triggers, ...; maps the session page.
bool say_hello();
// thread: a Thread with its rings, or null.
Thread* request_thread(emulated::ThreadOrigin origin, int32_t parent_pid, int32_t parent_tid);
void release_thread(Thread*);
// module: which triggers sit in a file.
struct Module {
  std::vector<emulated::WireSite> sites;
  uint8_t build_id[20] = {};
  uint8_t build_id_size = 0;
  uint64_t code_offset = 0;
};
bool ask_module(const char* path, Module& out);
// code: room in the capture for code without a file, mapped; null when there is none.
struct CodeRoom {
  uint8_t* bytes = nullptr;
  uint64_t offset = 0, size = 0;
};
CodeRoom request_code_room(char (&path)[emulated::kMaxPath]);

}  // namespace tracectl::plugin
