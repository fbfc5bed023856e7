// SPDX-License-Identifier: MIT
// Snapshot: a directory of ini files and dumps, as OpenCSD's and Arm's debuggers write trace out of a board: which
// devices it had, how they were set, what was in the trace buffers and in memory.
//
// Shape:  snapshot.ini  [device_list] NAME=FILE ...  [trace] metadata=FILE
//         a device      [device] name, class (core, trace_source), type  [regs] NAME(NOTE)=VALUE ...
//                       [dumpN] file, address, length, offset, space
//         the metadata  [trace_buffers] buffers=NAME,...  [NAME] name, file, format
//                       [source_buffers] SOURCE=BUFFER  [core_trace_sources] CORE=SOURCE
//         Values are decimal or 0x...; a line that begins with ; or # is a remark.
// Errors: a file that is not there, a line that is none of these, a number that is none, a device that is named twice;
//         each with the file and the line. Sections and keys that nobody knows are passed over.
// Source: OpenCSD 1.3.3, docs/specs (ARM CoreSight snapshot specification).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace tracectl::capture {

struct IniEntry {
  std::string key, value;  // key: without what stands in brackets behind it
  size_t line = 0;
};
struct IniSection {
  std::string name;
  std::vector<IniEntry> entries;
  [[nodiscard]] const IniEntry* find(std::string_view key) const;  // the first one
  [[nodiscard]] std::string text(std::string_view key) const;      // "" when absent
};
// `file` is for messages.
[[nodiscard]] Result<std::vector<IniSection>> parse_ini(std::string_view text, const std::string& file);
// "0x1f", "31"; nothing else around it.
[[nodiscard]] std::optional<uint64_t> parse_number(std::string_view text);

struct SnapshotDump {
  std::string file;                              // absolute
  uint64_t address = 0, length = 0, offset = 0;  // bytes; length: never 0, within the file
  std::string space;                             // "": any
};

struct SnapshotDevice {
  std::string name, kind, type;  // kind: the class
  std::string file;
  IniSection registers;
  std::vector<SnapshotDump> dumps;
  // An error where the register is not there or no number.
  [[nodiscard]] Result<uint64_t> reg(std::string_view name) const;
  [[nodiscard]] uint64_t reg_or_zero(std::string_view name) const;
};

struct SnapshotBuffer {
  std::string name, file, format;  // file: absolute
};

struct Snapshot {
  std::vector<SnapshotDevice> devices;
  std::vector<SnapshotBuffer> buffers;
  std::vector<std::pair<std::string, std::string>> source_buffers, core_sources;  // as the metadata names them
  [[nodiscard]] const SnapshotDevice* device(std::string_view name) const;
};

// True for a directory with a snapshot.ini.
[[nodiscard]] bool is_snapshot(const std::string& path);
[[nodiscard]] Result<Snapshot> read_snapshot(const std::string& directory);

}  // namespace tracectl::capture
