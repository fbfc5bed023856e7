// SPDX-License-Identifier: MIT
#include "core/loaded_files.hpp"

#include <elf.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/run_tool.hpp"

namespace tracectl {
namespace {

constexpr uint64_t kLongestPath = 4096;

template <class T>
bool read_at(std::ifstream& file, uint64_t offset, T* out) {
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(out), sizeof *out);
  return file.good();
}

}  // namespace

std::string loader_of(const std::string& program) {
  std::ifstream file(program, std::ios::binary);
  Elf64_Ehdr header{};
  if (!read_at(file, 0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return "";
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) return "";
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!read_at(file, header.e_phoff + i * sizeof segment, &segment)) return "";
    if (segment.p_type != PT_INTERP || segment.p_filesz == 0 || segment.p_filesz > kLongestPath) continue;
    std::string path(segment.p_filesz, '\0');
    file.seekg(static_cast<std::streamoff>(segment.p_offset));
    file.read(path.data(), static_cast<std::streamsize>(path.size()));
    return file.good() ? path.c_str() : "";
  }
  return "";
}

std::vector<std::string> loaded_files(const std::string& program) {
  std::vector<std::string> out;
  const std::string loader = loader_of(program);
  if (loader.empty()) return out;
  std::istringstream lines(output_of({loader, "--list", program}));  // each "name => /path (0x...)" or "/path (0x...)"
  for (std::string line; std::getline(lines, line);) {
    const auto from = line.find('/');
    const auto to = line.rfind(" (0x");
    if (from != std::string::npos && to != std::string::npos && to > from) out.push_back(line.substr(from, to - from));
  }
  return out;
}

std::vector<std::string> program_files(const ProgramFacts& program) {
  std::error_code error;
  const auto path = std::filesystem::canonical(program.interpreter.empty() ? program.path : program.interpreter, error);
  if (error) return {};
  auto out = loaded_files(path.string());
  out.insert(out.begin(), path.string());
  return out;
}

}  // namespace tracectl
