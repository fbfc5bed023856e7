// SPDX-License-Identifier: MIT
#include "core/capture/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace tracectl::capture {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kLargestIni = 16u << 20;  // bytes

std::string_view trimmed(std::string_view s) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = s.find_first_not_of(kBlank);
  return begin == std::string_view::npos ? "" : s.substr(begin, s.find_last_not_of(kBlank) - begin + 1);
}

Result<std::vector<IniSection>> read_ini(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream in(path, std::ios::binary);
  if (error || !in || !fs::is_regular_file(path, error)) return fail(fmt::format("cannot read {}: no such file", path));
  if (size > kLargestIni) return fail(fmt::format("cannot read {}: it is no ini file ({} bytes)", path, size));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return parse_ini(text, path);
}

const IniSection* section_of(const std::vector<IniSection>& ini, std::string_view name) {
  const auto at = std::find_if(ini.begin(), ini.end(), [name](const IniSection& s) { return s.name == name; });
  return at == ini.end() ? nullptr : &*at;
}

// A number of a section; `otherwise` when it is absent.
Result<uint64_t> number_of(const IniSection& section, std::string_view key, uint64_t otherwise, const std::string& file) {
  const IniEntry* entry = section.find(key);
  if (entry == nullptr) return otherwise;
  if (const auto value = parse_number(entry->value)) return *value;
  return fail(fmt::format("{}:{}: {} is '{}', which is no number", file, entry->line, key, entry->value));
}

Result<SnapshotDump> read_dump(const IniSection& section, const std::string& directory, const std::string& file) {
  SnapshotDump out;
  out.file = (fs::path(directory) / section.text("file")).lexically_normal().string();
  out.space = section.text("space");
  std::error_code error;
  const auto size = fs::file_size(out.file, error);
  if (section.text("file").empty() || error)
    return fail(fmt::format("{}: [{}]: cannot read the dump {}", file, section.name, out.file));
  if (section.find("address") == nullptr) return fail(fmt::format("{}: [{}] has no address", file, section.name));
  const auto address = number_of(section, "address", 0, file), length = number_of(section, "length", 0, file);
  const auto offset = number_of(section, "offset", 0, file);
  for (const auto* number : {&address, &length, &offset})
    if (!*number) return tl::unexpected<Error>(number->error());
  if (*offset >= size)
    return fail(fmt::format("{}: [{}]: its offset is behind the end of {}", file, section.name, out.file));
  out.address = *address;
  out.offset = *offset;
  out.length = *length == 0 ? size - *offset : std::min<uint64_t>(*length, size - *offset);
  if (out.address + out.length < out.address)
    return fail(fmt::format("{}: [{}] goes beyond the last address", file, section.name));
  return out;
}

Result<SnapshotDevice> read_device(const std::string& directory, const std::string& file) {
  const auto ini = read_ini(file);
  if (!ini) return tl::unexpected<Error>(ini.error());
  const IniSection* device = section_of(*ini, "device");
  if (device == nullptr || device->text("name").empty()) return fail(file + ": no [device] with a name");
  SnapshotDevice out{device->text("name"), device->text("class"), device->text("type"), file, {}, {}};
  for (const IniSection& section : *ini) {
    if (section.name == "regs") out.registers = section;
    if (!section.name.starts_with("dump")) continue;
    auto dump = read_dump(section, directory, file);
    if (!dump) return tl::unexpected<Error>(dump.error());
    out.dumps.push_back(std::move(*dump));
  }
  return out;
}

Result<> read_buffers(const std::vector<IniSection>& ini, const std::string& directory, const std::string& file,
                      Snapshot& out) {
  const IniSection* list = section_of(ini, "trace_buffers");
  const std::string all = list == nullptr ? "" : list->text("buffers");
  std::string_view names = all;
  while (!names.empty()) {
    const size_t comma = names.find(',');
    const auto name = trimmed(names.substr(0, comma));
    names = comma == std::string_view::npos ? "" : names.substr(comma + 1);
    if (name.empty()) continue;
    const IniSection* section = section_of(ini, name);
    if (section == nullptr || section->text("file").empty()) return fail(fmt::format("{}: no [{}] with a file", file, name));
    const std::string data = (fs::path(directory) / section->text("file")).lexically_normal().string();
    std::error_code error;
    if (!fs::is_regular_file(data, error)) return fail(fmt::format("{}: [{}]: cannot read {}", file, name, data));
    const std::string own = section->text("name");
    out.buffers.push_back({own.empty() ? std::string(name) : own, data, section->text("format")});
  }
  if (out.buffers.empty()) return fail(file + ": it names no trace buffer");
  return {};
}

Result<> read_metadata(const std::string& directory, const std::string& file, Snapshot& out) {
  const auto ini = read_ini(file);
  if (!ini) return tl::unexpected<Error>(ini.error());
  if (auto done = read_buffers(*ini, directory, file, out); !done) return done;
  if (const IniSection* section = section_of(*ini, "source_buffers"))
    for (const IniEntry& e : section->entries) out.source_buffers.emplace_back(e.key, e.value);
  if (const IniSection* section = section_of(*ini, "core_trace_sources"))
    for (const IniEntry& e : section->entries) out.core_sources.emplace_back(e.key, e.value);
  return {};
}

}  // namespace

const IniEntry* IniSection::find(std::string_view key) const {
  const auto at = std::find_if(entries.begin(), entries.end(), [key](const IniEntry& e) { return e.key == key; });
  return at == entries.end() ? nullptr : &*at;
}

std::string IniSection::text(std::string_view key) const {
  const IniEntry* entry = find(key);
  return entry == nullptr ? "" : entry->value;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::vector<IniSection>> parse_ini(std::string_view text, const std::string& file) {
  std::vector<IniSection> out;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    const auto now = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (now.empty() || now[0] == ';' || now[0] == '#') continue;
    if (now[0] == '[' && now.back() == ']') {
      out.push_back({std::string(trimmed(now.substr(1, now.size() - 2))), {}});
      continue;
    }
    const size_t equal = now.find('=');
    if (equal == std::string_view::npos || out.empty())
      return fail(fmt::format("{}:{}: neither a [section] nor a NAME=VALUE in one", file, line));
    const auto key = now.substr(0, std::min(equal, now.find('(')));
    out.back().entries.push_back({std::string(trimmed(key)), std::string(trimmed(now.substr(equal + 1))), line});
  }
  return out;
}

Result<uint64_t> SnapshotDevice::reg(std::string_view which) const {
  if (registers.find(which) == nullptr) return fail(fmt::format("{}: {} does not say its {}", file, name, which));
  return number_of(registers, which, 0, file);
}

uint64_t SnapshotDevice::reg_or_zero(std::string_view which) const { return reg(which).value_or(0); }

const SnapshotDevice* Snapshot::device(std::string_view name) const {
  const auto at = std::find_if(devices.begin(), devices.end(), [name](const SnapshotDevice& d) { return d.name == name; });
  return at == devices.end() ? nullptr : &*at;
}

bool is_snapshot(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(fs::path(path) / "snapshot.ini", error);
}

Result<Snapshot> read_snapshot(const std::string& directory) {
  std::error_code error;
  const std::string root = fs::absolute(directory, error).lexically_normal().string();
  if (error) return fail(fmt::format("cannot read {}: {}", directory, error.message()));
  const std::string file = (fs::path(root) / "snapshot.ini").string();
  const auto ini = read_ini(file);
  if (!ini) return tl::unexpected<Error>(ini.error());
  Snapshot out;
  const IniSection* list = section_of(*ini, "device_list");
  if (list == nullptr) return fail(file + ": it names no devices");
  for (const IniEntry& entry : list->entries) {
    auto device = read_device(root, (fs::path(root) / entry.value).string());
    if (!device) return tl::unexpected<Error>(device.error());
    if (out.device(device->name) != nullptr)
      return fail(fmt::format("{}:{}: a second device is called {}", file, entry.line, device->name));
    out.devices.push_back(std::move(*device));
  }
  const IniSection* trace = section_of(*ini, "trace");
  if (trace == nullptr || trace->text("metadata").empty()) return fail(file + ": it holds no trace ([trace] metadata)");
  if (auto done = read_metadata(root, (fs::path(root) / trace->text("metadata")).string(), out); !done)
    return tl::unexpected<Error>(done.error());
  return out;
}

}  // namespace tracectl::capture
