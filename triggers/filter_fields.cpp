// SPDX-License-Identifier: MIT
// The fields that a filter may name, as the event's format file has them.
#include <string_view>

#include "triggers/filter.hpp"

namespace tracectl {

std::vector<FilterFieldInfo> syscall_fields(const SyscallInfo* info, bool is_exit) {
  std::vector<FilterFieldInfo> fields;
  if (info == nullptr) {
    fields.push_back({"id", FilterField::syscall_nr, 8, true, false, false, ""});
    if (!is_exit)
      fields.push_back({"args", FilterField::arg0, 8, false, false, false,
                        "args is an array; use syscalls:sys_enter_NAME, which has the arguments by name"});
  }
  if (info != nullptr && !is_exit) {
    for (size_t i = 0; i < info->arg_count; ++i) {
      const SyscallArg& arg = info->args[i];
      const std::string_view type = arg.type;
      const bool text = type == "char *" || type == "const char *";
      fields.push_back({arg.name, static_cast<FilterField>(i), arg.size, arg.is_signed, text, text, ""});
    }
  }
  if (is_exit) fields.push_back({"ret", FilterField::ret, 8, true, false, false, ""});
  if (info != nullptr) fields.push_back({"__syscall_nr", FilterField::syscall_nr, 4, true, false, false, ""});
  fields.push_back({"common_pid", FilterField::common_pid, 4, true, false, false, ""});
  for (const char* name : {"comm", "COMM"}) fields.push_back({name, FilterField::comm, 16, false, true, false, ""});
  for (const char* name : {"cpu", "CPU", "common_cpu"})
    fields.push_back({name, FilterField::cpu, 4, true, false, false, ""});
  fields.push_back({"common_type", FilterField::common_type, 2, false, false, false, ""});
  fields.push_back({"common_flags", FilterField::common_flags, 1, false, false, false, ""});
  fields.push_back({"common_preempt_count", FilterField::common_preempt_count, 1, false, false, false, ""});
  return fields;
}

}  // namespace tracectl
