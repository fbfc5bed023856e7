// SPDX-License-Identifier: MIT
#include "triggers/trigger_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "core/diagnostics.hpp"

namespace tracectl {
namespace {

// In the order of TriggerKind.
constexpr TriggerKindInfo kKinds[] = {
    {TriggerKind::tracepoint, "tracepoint", "tracepoint:GROUP:NAME", "tracepoint:syscalls:sys_enter_openat", true, true,
     "a kernel tracepoint; on the emulated machine: syscalls:* and raw_syscalls:*"},
    {TriggerKind::breakpoint, "breakpoint", "breakpoint:[OBJECT:]SYMBOL[+OFFSET] | [OBJECT:]FILE:LINE | ADDRESS",
     "breakpoint:app:parse_header", true, true,
     "an instruction is reached (access x); data is written or touched (w, rw); four at a time on x86 hardware"},
    {TriggerKind::uprobe, "uprobe", "uprobe:OBJECT:SYMBOL[+OFFSET]", "uprobe:libc.so.6:qsort", true, true,
     "a function of a program or library is entered; no debug-register limit"},
    {TriggerKind::uretprobe, "uretprobe", "uretprobe:OBJECT:SYMBOL", "uretprobe:libc.so.6:qsort", true, true,
     "a function of a program or library is left"},
    {TriggerKind::kprobe, "kprobe", "kprobe:SYMBOL[+OFFSET]", "kprobe:vfs_read", true, false,
     "a kernel function is entered"},
    {TriggerKind::kretprobe, "kretprobe", "kretprobe:SYMBOL", "kretprobe:vfs_read", true, false,
     "a kernel function is left"},
    {TriggerKind::event, "event", "event:NAME | event:PMU/TERM=VALUE,.../", "event:page-faults", true, false,
     "every Nth hit (period) of a software or hardware counter"},
};

using Location = tl::expected<CodeLocation, TextError>;

tl::unexpected<TextError> bad(size_t offset, size_t length, std::string message, std::string hint = {}) {
  return tl::unexpected<TextError>(TextError{static_cast<unsigned>(offset),
                                             static_cast<unsigned>(std::max<size_t>(1, length)), std::move(message),
                                             std::move(hint)});
}

// The first ':' that is not half of "::".
size_t single_colon(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ':') continue;
    if (i + 1 < text.size() && text[i + 1] == ':') {
      ++i;
      continue;
    }
    return i;
  }
  return std::string_view::npos;
}

std::optional<uint64_t> number(std::string_view text) {
  const bool hex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  if (hex) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_operator(std::string_view before) { return before.size() >= 8 && before.find("operator") != std::string_view::npos; }

// SYMBOL[+OFFSET]. In a name a '+' stands only behind `operator`, and a single ':' never does.
Location parse_symbol(std::string_view text, size_t at, bool with_offset) {
  CodeLocation where;
  const size_t plus = text.rfind('+');
  if (plus != std::string_view::npos && plus > 0) {
    const auto offset = number(text.substr(plus + 1));
    if (offset && !with_offset)
      return bad(at + plus, text.size() - plus, "a return probe takes no offset",
                 "a function returns from wherever it does");
    if (!offset && !is_operator(text.substr(0, plus)))
      return bad(at + plus + 1, text.size() - plus - 1, fmt::format("\"{}\" is not an offset", text.substr(plus + 1)),
                 "an offset is a number of bytes that fits in 64 bits: +16 or +0x10");
    if (offset) {
      where.offset = *offset;
      text = text.substr(0, plus);
    }
  }
  if (text.empty()) return bad(at, 1, "the symbol is missing");
  if (const size_t colon = single_colon(text);
      colon != std::string_view::npos && !is_operator(text) && text.find('(') == std::string_view::npos)
    return bad(at, text.size(), fmt::format("\"{}\" is not a symbol", text),
               "a source line is written breakpoint:OBJECT:FILE:LINE, for example breakpoint:app:src/parse.c:88");
  if (text.size() > 2 && text.substr(text.size() - 2) == "()")
    return bad(at + text.size() - 2, 2, "a symbol has no parentheses",
               fmt::format("write {}", text.substr(0, text.size() - 2)));
  if (text.find_first_of(" \t") != std::string_view::npos && text.find('(') == std::string_view::npos &&
      text.find("operator") == std::string_view::npos)
    return bad(at, text.size(), fmt::format("\"{}\" is not a symbol", text));
  where.symbol = text;
  return where;
}

Location parse_file_line(std::string_view rest, size_t at, size_t last) {
  CodeLocation where;
  where.form = CodeLocation::Form::file_line;
  const auto line = number(rest.substr(last + 1));
  if (!line || *line == 0 || *line > UINT32_MAX)
    return bad(at + last + 1, rest.size() - last - 1, "a line number counts from 1");
  where.line = static_cast<unsigned>(*line);
  const std::string_view left = rest.substr(0, last);
  const size_t colon = single_colon(left);
  if (colon != std::string_view::npos) where.object = left.substr(0, colon);
  where.file = colon == std::string_view::npos ? left : left.substr(colon + 1);
  if (where.file.empty())
    return bad(at, rest.size(), "the source file is missing", "write OBJECT:FILE:LINE, for example app:src/parse.c:88");
  return where;
}

Location parse_breakpoint(std::string_view rest, size_t at) {
  if (rest.empty())
    return bad(at, 1, "the place is missing", fmt::format("for example {}", info_of(TriggerKind::breakpoint).example));
  if (rest.substr(0, 2) == "0x") {
    const auto address = number(rest);
    if (!address) return bad(at, rest.size(), fmt::format("\"{}\" is not an address", rest), "write it as 0x401136");
    CodeLocation where;
    where.form = CodeLocation::Form::address;
    where.address = *address;
    return where;
  }
  const size_t last = rest.rfind(':');
  if (last != std::string_view::npos && last + 1 < rest.size() &&
      rest.find_first_not_of("0123456789", last + 1) == std::string_view::npos)
    return parse_file_line(rest, at, last);
  const size_t colon = single_colon(rest);
  if (colon == std::string_view::npos) return parse_symbol(rest, at, true);
  if (colon == 0) return bad(at, 1, "the object is empty", "leave the ':' out for any object");
  const std::string_view right = rest.substr(colon + 1);
  if (right.substr(0, 2) == "0x")
    return bad(at + colon + 1, right.size(), "an address takes no object",
               "write OBJECT:SYMBOL+OFFSET, or breakpoint:ADDRESS");
  auto where = parse_symbol(right, at + colon + 1, true);
  if (where) where->object = rest.substr(0, colon);
  return where;
}

Location parse_object_symbol(std::string_view rest, size_t at, bool with_offset, std::string_view form) {
  const size_t colon = single_colon(rest);
  if (colon == std::string_view::npos || colon == 0)
    return bad(at, rest.size(), "the object is missing",
               fmt::format("write {}; the object is a file name such as libc.so.6", form));
  auto where = parse_symbol(rest.substr(colon + 1), at + colon + 1, with_offset);
  if (where) where->object = rest.substr(0, colon);
  return where;
}

std::optional<TextError> parse_syscall(std::string_view name, size_t at, BackendKind backend, TriggerEvent* event) {
  event->is_syscall = true;
  event->syscall_exit = name.substr(0, 9) == "sys_exit_";
  const std::string_view prefix = event->syscall_exit ? "sys_exit_" : "sys_enter_";
  if (name.substr(0, prefix.size()) != prefix)
    return TextError{static_cast<unsigned>(at), static_cast<unsigned>(std::max<size_t>(1, name.size())),
                     fmt::format("no tracepoint \"syscalls:{}\"", name), "they are sys_enter_NAME and sys_exit_NAME"};
  const std::string_view call = name.substr(prefix.size());
  event->syscall = find_syscall(call, backend);
  if (event->syscall != nullptr && call == event->syscall->event) return std::nullopt;
  const std::string near = event->syscall != nullptr ? event->syscall->name : nearest_syscall(call, backend);
  const SyscallInfo* meant = find_syscall(near, backend);
  std::string hint = "tracectl list tracepoints";
  if (event->syscall != nullptr)
    hint = fmt::format("the kernel calls {} {}{}", call, prefix, event->syscall->event);
  else if (meant != nullptr)
    hint = fmt::format("did you mean {}{}?", prefix, meant->event);
  return TextError{static_cast<unsigned>(at), static_cast<unsigned>(name.size()),
                   fmt::format("no tracepoint \"syscalls:{}\"", name), hint};
}

std::optional<TextError> parse_tracepoint(std::string_view rest, size_t at, BackendKind backend, TriggerEvent* event) {
  const size_t colon = rest.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size())
    return TextError{static_cast<unsigned>(at), static_cast<unsigned>(std::max<size_t>(1, rest.size())),
                     "a tracepoint has a group and a name", "for example tracepoint:syscalls:sys_enter_openat"};
  event->tp_group = rest.substr(0, colon);
  event->tp_name = rest.substr(colon + 1);
  if (event->tp_group == "syscalls") return parse_syscall(event->tp_name, at + colon + 1, backend, event);
  if (event->tp_group != "raw_syscalls") return std::nullopt;
  event->is_syscall = true;
  event->syscall_exit = event->tp_name == "sys_exit";
  if (event->syscall_exit || event->tp_name == "sys_enter") return std::nullopt;
  return TextError{static_cast<unsigned>(at + colon + 1), static_cast<unsigned>(event->tp_name.size()),
                   fmt::format("no tracepoint \"raw_syscalls:{}\"", event->tp_name), "they are sys_enter and sys_exit"};
}

std::string all_kinds() {
  std::string out;
  for (const auto& kind : kKinds) out += (out.empty() ? "" : ", ") + std::string(kind.name);
  return out;
}

// Names of perf, bpftrace and others for our kinds, and forms that leave the kind out.
std::string other_name(std::string_view text, std::string_view word) {
  constexpr struct {
    const char* word;
    const char* ours;
  } kNames[] = {{"tp", "tracepoint"},  {"t", "tracepoint"},      {"bp", "breakpoint"}, {"b", "breakpoint"},
                {"mem", "breakpoint"}, {"hbreak", "breakpoint"}, {"u", "uprobe"},      {"ur", "uretprobe"},
                {"k", "kprobe"},       {"kr", "kretprobe"},      {"e", "event"},       {"hardware", "event"}};
  for (const auto& name : kNames)
    if (word == name.word) return fmt::format("did you mean \"{}\"?", name.ours);
  if (word == "syscalls" || word == "raw_syscalls") return fmt::format("write tracepoint:{}", text);
  if (word.substr(0, 4) == "sys_") return fmt::format("write tracepoint:syscalls:{}", word);
  return {};
}

tl::unexpected<TextError> unknown_kind(std::string_view text, std::string_view word) {
  if (const std::string other = other_name(text, word); !other.empty())
    return bad(0, word.size(), fmt::format("unknown trigger kind \"{}\"", word), other);
  std::vector<std::string> names;
  for (const auto& kind : kKinds) names.emplace_back(kind.name);
  const std::string near = nearest(word, names);
  return bad(0, word.size(), fmt::format("unknown trigger kind \"{}\"", word),
             near.empty() ? "kinds: " + all_kinds() : fmt::format("did you mean \"{}\"? kinds: {}", near, all_kinds()));
}

Location parse_where(TriggerKind kind, std::string_view rest, size_t at) {
  switch (kind) {
    case TriggerKind::breakpoint:
      return parse_breakpoint(rest, at);
    case TriggerKind::uprobe:
      return parse_object_symbol(rest, at, true, "uprobe:OBJECT:SYMBOL");
    case TriggerKind::uretprobe:
      return parse_object_symbol(rest, at, false, "uretprobe:OBJECT:SYMBOL");
    default:
      return parse_symbol(rest, at, kind == TriggerKind::kprobe);
  }
}

}  // namespace

std::span<const TriggerKindInfo> trigger_kinds() { return kKinds; }
const TriggerKindInfo& info_of(TriggerKind kind) { return kKinds[static_cast<size_t>(kind)]; }

tl::expected<TriggerEvent, TextError> parse_on(std::string_view text, BackendKind backend) {
  const size_t colon = text.find(':');
  const std::string_view word = text.substr(0, colon);
  const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& k) { return word == k.name; });
  if (kind == std::end(kKinds)) return unknown_kind(text, word);
  if (colon == std::string_view::npos)
    return bad(0, word.size(), fmt::format("\"{}\" says no place", word), fmt::format("write {}", kind->grammar));
  const std::string_view rest = text.substr(colon + 1);
  TriggerEvent event;
  event.kind = kind->kind;
  if (event.kind == TriggerKind::tracepoint) {
    if (auto error = parse_tracepoint(rest, colon + 1, backend, &event)) return tl::unexpected<TextError>(std::move(*error));
    return event;
  }
  if (event.kind == TriggerKind::event) {
    if (rest.empty()) return bad(colon, 1, "the event's name is missing", fmt::format("for example {}", kind->example));
    event.event = rest;
    return event;
  }
  auto where = parse_where(event.kind, rest, colon + 1);
  if (!where) return tl::unexpected<TextError>(std::move(where.error()));
  event.where = std::move(*where);
  return event;
}

tl::expected<CodeLocation, TextError> parse_function(std::string_view text, unsigned base) {
  return parse_object_symbol(text, base, false, "OBJECT:SYMBOL");
}

std::string text_of(const CodeLocation& where) {
  const std::string prefix = where.object.empty() ? "" : where.object + ":";
  if (where.form == CodeLocation::Form::address) return fmt::format("{:#x}", where.address);
  if (where.form == CodeLocation::Form::file_line) return fmt::format("{}{}:{}", prefix, where.file, where.line);
  return prefix + where.symbol + (where.offset == 0 ? "" : fmt::format("+{:#x}", where.offset));
}

}  // namespace tracectl
