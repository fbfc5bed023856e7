// SPDX-License-Identifier: MIT
// Locator: from an address in a traced program, at a time, to its function, its source line
// and its code bytes. Files are opened once and shared by all locators of a SymbolStore.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decode/image.hpp"
#include "decode/symbols.hpp"

namespace tracectl::decode {

// One file with code: its symbols (when it is an ELF file, or a kernel's) and its bytes.
class CodeFile {
 public:
  explicit CodeFile(const std::string& path);
  CodeFile(const CodeFile&) = delete;
  CodeFile& operator=(const CodeFile&) = delete;
  ~CodeFile();
  // The function that holds a byte of the file, or nullptr.
  [[nodiscard]] const Symbol* symbol_at(uint64_t file_offset) const;
  [[nodiscard]] std::optional<SourceLine> line_at(uint64_t file_offset) const;
  [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::optional<Symbols> symbols_;
  std::vector<Symbol> kernel_;  // ascending offset
  std::span<const uint8_t> bytes_;
};

class SymbolStore {
 public:
  [[nodiscard]] const CodeFile& file(const std::string& path);

 private:
  std::map<std::string, std::unique_ptr<CodeFile>> files_;
};

// An address, located. Pointers live as long as the store and the timeline.
struct Place {
  const Section* section = nullptr;  // nullptr: no mapping holds the address
  const CodeFile* file = nullptr;
  const Symbol* symbol = nullptr;
  uint64_t file_offset = 0;

  [[nodiscard]] uint64_t into_symbol() const { return symbol == nullptr ? 0 : file_offset - symbol->file_offset; }
  [[nodiscard]] bool at_entry() const { return symbol != nullptr && file_offset == symbol->file_offset; }
  [[nodiscard]] std::optional<SourceLine> line() const;
  // The file name of the object: "libc.so.6"; "" when unknown.
  [[nodiscard]] std::string object() const;
  // What a person calls the function: "qsort", "[libc.so.6]", "[unknown]".
  [[nodiscard]] std::string function() const;
};

// "qsort+0x12", "libc.so.6+0x1234", "0x7f00" .
[[nodiscard]] std::string describe(const Place& place, uint64_t address);
// "dir/file.c:12", with at most the last directory of the path; "" when unknown.
[[nodiscard]] std::string describe(const std::optional<SourceLine>& line);

class Locator {
 public:
  Locator(SymbolStore& store, const ImageTimeline& images);
  // Another program runs from now on. What was given before stays as it is.
  void use(const ImageTimeline& images);
  [[nodiscard]] const Place& at(uint64_t address, uint64_t time);
  // Bytes of code from `address` to the end of its mapping or file; where that is near, an instruction's worth of them
  // with those of the next mapping, good until the next call.
  [[nodiscard]] std::span<const uint8_t> code(uint64_t address, uint64_t time);
  // True when `time` is behind the replacement of a mapping: what is known by address is stale.
  [[nodiscard]] bool stale(uint64_t time) const {
    return now_->passed < now_->changes.size() && now_->changes[now_->passed] <= time;
  }
  // Forgets what is stale.
  void advance(uint64_t time);

 private:
  [[nodiscard]] std::span<const uint8_t> code_of_one(uint64_t address, uint64_t time);
  // What is known of one program.
  struct Program {
    explicit Program(const ImageTimeline& images);
    SectionIndex sections;
    std::vector<uint64_t> changes;  // times at which a mapping replaces another, ascending
    size_t passed = 0;
  };
  struct Slot {
    uint64_t address = ~uint64_t{0};
    const Program* program = nullptr;
    size_t passed = 0;  // filled behind so many changes
    Place place;
  };
  SymbolStore& store_;
  std::map<const ImageTimeline*, std::unique_ptr<Program>> programs_;
  Program* now_ = nullptr;
  std::vector<Slot> slots_;
  std::array<uint8_t, 15> joined_{};  // the longest instruction
};

}  // namespace tracectl::decode
