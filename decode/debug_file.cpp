// SPDX-License-Identifier: MIT
#include "decode/debug_file.hpp"

#include <gelf.h>

#include <cstring>
#include <vector>

#include "decode/build_id.hpp"
#include "decode/open_elf.hpp"
#include "decode/paths.hpp"

namespace tracectl::decode {
namespace {

// The file name in .gnu_debuglink, "" when there is none.
std::string debug_link_of(const std::string& path) {
  const OpenElf file(path);
  Elf* const elf = file.elf.get();
  size_t strings = 0;
  if (elf == nullptr || elf_getshdrstrndx(elf, &strings) != 0) return {};
  for (Elf_Scn* scn = nullptr; (scn = elf_nextscn(elf, scn)) != nullptr;) {
    GElf_Shdr sh;
    if (gelf_getshdr(scn, &sh) == nullptr) continue;
    const char* name = elf_strptr(elf, strings, sh.sh_name);
    if (name == nullptr || std::strcmp(name, ".gnu_debuglink") != 0) continue;
    const Elf_Data* data = elf_getdata(scn, nullptr);
    if (data == nullptr || data->d_size == 0 || std::memchr(data->d_buf, 0, data->d_size) == nullptr) return {};
    return static_cast<const char*>(data->d_buf);
  }
  return {};
}

}  // namespace

std::string debug_file_of(const std::string& path) {
  const std::string build_id = build_id_of(path);
  std::vector<std::string> places;
  if (build_id.size() > 2)
    places.push_back("/usr/lib/debug/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug");
  if (const std::string name = debug_link_of(path), dir = directory_of(path); !name.empty())
    for (const std::string& d : {dir, dir + "/.debug", "/usr/lib/debug" + dir}) places.push_back(d + "/" + name);
  for (const std::string& place : places)
    if (place != path && (build_id.empty() || build_id_of(place) == build_id) && OpenElf(place).elf != nullptr) return place;
  return {};
}

}  // namespace tracectl::decode
