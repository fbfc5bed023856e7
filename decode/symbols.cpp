// SPDX-License-Identifier: MIT
#include "decode/symbols.hpp"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>
#include <gelf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "decode/build_id.hpp"
#include "decode/debug_file.hpp"
#include "decode/frame_table.hpp"
#include "decode/open_elf.hpp"
#include "decode/paths.hpp"

namespace tracectl::decode {
namespace {

struct Segment {
  uint64_t vaddr, offset, size;
};

// Rank of a symbol among those at one address: the lower is the better name for people.
struct Candidate {
  Symbol symbol;
  int rank = 0;
};

std::string demangle(const char* name) {
  if (name[0] != '_' || name[1] != 'Z') return name;
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string out = status == 0 ? text : name;
  std::free(text);
  return out;
}

int rank_of(const GElf_Sym& sym, const char* name) {
  int rank = GELF_ST_BIND(sym.st_info) == STB_GLOBAL ? 0 : GELF_ST_BIND(sym.st_info) == STB_WEAK ? 1 : 2;
  if (GELF_ST_TYPE(sym.st_info) == STT_NOTYPE) rank += 20;
  while (*name == '_') ++name, rank += 4;
  return rank;
}

Elf_Scn* section_named(Elf* elf, const char* want) {
  size_t strings = 0;
  if (elf_getshdrstrndx(elf, &strings) != 0) return nullptr;
  for (Elf_Scn* scn = nullptr; (scn = elf_nextscn(elf, scn)) != nullptr;) {
    GElf_Shdr sh;
    if (gelf_getshdr(scn, &sh) == nullptr) continue;
    const char* name = elf_strptr(elf, strings, sh.sh_name);
    if (name != nullptr && std::strcmp(name, want) == 0) return scn;
  }
  return nullptr;
}

// "ns::f(int) const" and "ns::f" name the same function for a person who types the latter.
bool same_without_arguments(std::string_view demangled, std::string_view want) {
  return demangled.size() > want.size() && demangled.starts_with(want) && demangled[want.size()] == '(';
}

}  // namespace

struct Symbols::Impl {
  explicit Impl(const std::string& file) : path(file), main(file) {}

  std::string path, build_id, soname;
  uint16_t machine = 0;
  OpenElf main;
  std::unique_ptr<OpenElf> debug;  // separate debug information, when installed
  std::vector<Segment> segments;
  std::vector<Symbol> all;       // ascending offset; aliases of one address behind its best name
  std::vector<uint32_t> starts;  // indices into `all`, the best name of every address

  std::vector<Symbol> unnamed;  // functions of a stripped file, ascending offset

  struct CuRange {
    uint64_t low, high;
    Dwarf_Die cu;
  };
  std::unique_ptr<Dwarf, DwarfEnd> dwarf;
  bool dwarf_tried = false;
  std::vector<CuRange> cus;  // ascending low

  std::optional<uint64_t> offset_of(uint64_t vaddr) const {
    for (const Segment& s : segments)
      if (vaddr >= s.vaddr && vaddr - s.vaddr < s.size) return vaddr - s.vaddr + s.offset;
    return std::nullopt;
  }
  std::optional<uint64_t> vaddr_of(uint64_t offset) const {
    for (const Segment& s : segments)
      if (offset >= s.offset && offset - s.offset < s.size) return offset - s.offset + s.vaddr;
    return std::nullopt;
  }

  void read_headers();
  void read_dynamic();
  void find_debug_file();
  void add_table(Elf* elf, uint32_t type, std::vector<Candidate>& out) const;
  void add_plt(std::vector<Candidate>& out) const;
  std::map<uint64_t, std::string> got_slots() const;
  void index(std::vector<Candidate> found);
  void find_unnamed();
  const Symbol* named_at(uint64_t file_offset) const;
  Dwarf* lines();
  void index_cus();
  std::vector<uint64_t> resolve_line(const std::string& file, unsigned line);
  std::vector<uint64_t> resolve_symbol(const std::string& name, uint64_t add) const;
};

void Symbols::Impl::read_headers() {
  GElf_Ehdr eh;
  if (gelf_getehdr(main.elf.get(), &eh) != nullptr) machine = eh.e_machine;
  size_t count = 0;
  elf_getphdrnum(main.elf.get(), &count);
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr ph;
    if (gelf_getphdr(main.elf.get(), static_cast<int>(i), &ph) == nullptr) continue;
    if (ph.p_type == PT_LOAD) segments.push_back({ph.p_vaddr, ph.p_offset, ph.p_filesz});
  }
  build_id = build_id_of(path);
}

void Symbols::Impl::read_dynamic() {
  for (Elf_Scn* scn = nullptr; (scn = elf_nextscn(main.elf.get(), scn)) != nullptr;) {
    GElf_Shdr sh;
    if (gelf_getshdr(scn, &sh) == nullptr || sh.sh_type != SHT_DYNAMIC) continue;
    Elf_Data* data = elf_getdata(scn, nullptr);
    for (int i = 0; data != nullptr && i < static_cast<int>(sh.sh_size / std::max<uint64_t>(1, sh.sh_entsize)); ++i) {
      GElf_Dyn dyn;
      if (gelf_getdyn(data, i, &dyn) == nullptr || dyn.d_tag == DT_NULL) break;
      if (dyn.d_tag != DT_SONAME) continue;
      if (const char* name = elf_strptr(main.elf.get(), sh.sh_link, dyn.d_un.d_val)) soname = name;
    }
  }
}

void Symbols::Impl::find_debug_file() {
  const std::string place = debug_file_of(path);
  if (place.empty()) return;
  auto file = std::make_unique<OpenElf>(place);
  if (file->elf != nullptr) debug = std::move(file);
}

void Symbols::Impl::add_table(Elf* elf, uint32_t type, std::vector<Candidate>& out) const {
  for (Elf_Scn* scn = nullptr; (scn = elf_nextscn(elf, scn)) != nullptr;) {
    GElf_Shdr sh;
    if (gelf_getshdr(scn, &sh) == nullptr || sh.sh_type != type || sh.sh_entsize == 0) continue;
    Elf_Data* data = elf_getdata(scn, nullptr);
    const int count = data == nullptr ? 0 : static_cast<int>(sh.sh_size / sh.sh_entsize);
    for (int i = 0; i < count; ++i) {
      GElf_Sym sym;
      if (gelf_getsym(data, i, &sym) == nullptr || sym.st_shndx == SHN_UNDEF || sym.st_shndx == SHN_ABS) continue;
      const int kind = GELF_ST_TYPE(sym.st_info);
      if (kind != STT_FUNC && kind != STT_GNU_IFUNC && kind != STT_NOTYPE) continue;
      if (kind == STT_NOTYPE) {  // a label of assembly code; elsewhere it marks data
        GElf_Shdr in;
        Elf_Scn* home = elf_getscn(elf, sym.st_shndx);
        if (home == nullptr || gelf_getshdr(home, &in) == nullptr || (in.sh_flags & SHF_EXECINSTR) == 0) continue;
      }
      const char* raw = elf_strptr(elf, sh.sh_link, sym.st_name);
      const auto offset = offset_of(sym.st_value);
      if (raw == nullptr || *raw == 0 || *raw == '$' || !offset) continue;
      std::string linkage(raw, std::strcspn(raw, "@"));  // without a symbol version
      std::string name = demangle(linkage.c_str());
      out.push_back({{std::move(name), std::move(linkage), *offset, sym.st_size}, rank_of(sym, raw)});
    }
  }
}

// Address of a GOT slot → the symbol that the dynamic linker puts there.
std::map<uint64_t, std::string> Symbols::Impl::got_slots() const {
  std::map<uint64_t, std::string> slots;
  for (Elf_Scn* scn = nullptr; (scn = elf_nextscn(main.elf.get(), scn)) != nullptr;) {
    GElf_Shdr sh, table;
    if (gelf_getshdr(scn, &sh) == nullptr || sh.sh_type != SHT_RELA || sh.sh_entsize == 0) continue;
    Elf_Scn* symscn = elf_getscn(main.elf.get(), sh.sh_link);
    if (symscn == nullptr || gelf_getshdr(symscn, &table) == nullptr) continue;
    Elf_Data *data = elf_getdata(scn, nullptr), *syms = elf_getdata(symscn, nullptr);
    const int count = data == nullptr || syms == nullptr ? 0 : static_cast<int>(sh.sh_size / sh.sh_entsize);
    for (int i = 0; i < count; ++i) {
      GElf_Rela rela;
      GElf_Sym sym;
      if (gelf_getrela(data, i, &rela) == nullptr || GELF_R_SYM(rela.r_info) == 0) continue;
      if (gelf_getsym(syms, static_cast<int>(GELF_R_SYM(rela.r_info)), &sym) == nullptr) continue;
      const char* name = elf_strptr(main.elf.get(), table.sh_link, sym.st_name);
      if (name != nullptr && *name != 0) slots[rela.r_offset] = name;
    }
  }
  return slots;
}

// Names the stubs of x86-64's .plt sections: each is found by its jmp *slot(%rip).
void Symbols::Impl::add_plt(std::vector<Candidate>& out) const {
  if (machine != EM_X86_64) return;
  std::map<uint64_t, std::string> slots;
  for (const char* name : {".plt", ".plt.sec", ".plt.got"}) {
    Elf_Scn* scn = section_named(main.elf.get(), name);
    GElf_Shdr sh;
    if (scn == nullptr || gelf_getshdr(scn, &sh) == nullptr || sh.sh_type == SHT_NOBITS) continue;
    const Elf_Data* data = elf_getdata(scn, nullptr);
    if (data == nullptr || data->d_buf == nullptr) continue;
    if (slots.empty()) slots = got_slots();
    const auto* bytes = static_cast<const uint8_t*>(data->d_buf);
    const size_t stub = std::strcmp(name, ".plt.got") == 0 && sh.sh_entsize == 8 ? 8 : 16;
    for (size_t at = 0; at + 6 <= data->d_size; ++at) {
      if (bytes[at] != 0xff || bytes[at + 1] != 0x25) continue;
      int32_t disp = 0;
      std::memcpy(&disp, bytes + at + 2, sizeof disp);
      const auto slot = slots.find(sh.sh_addr + at + 6 + static_cast<int64_t>(disp));
      if (slot == slots.end()) continue;
      const std::string label = slot->second + "@plt";
      const auto offset = offset_of(sh.sh_addr + at / stub * stub);
      if (offset) out.push_back({{demangle(slot->second.c_str()) + "@plt", label, *offset, stub}, 10});
      at += 5;
    }
  }
}

void Symbols::Impl::index(std::vector<Candidate> found) {
  std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.symbol.file_offset, a.symbol.size == 0, a.rank, a.symbol.linkage.size(),
                      std::string_view(a.symbol.linkage)) < std::tuple(b.symbol.file_offset, b.symbol.size == 0, b.rank,
                                                                       b.symbol.linkage.size(),
                                                                       std::string_view(b.symbol.linkage));
  });
  all.reserve(found.size());
  std::set<std::string_view> here;  // linkage names at the current address
  for (Candidate& c : found) {
    const bool fresh = all.empty() || all.back().file_offset != c.symbol.file_offset;
    if (fresh) here.clear();
    if (!here.insert(c.symbol.linkage).second) continue;
    if (fresh) starts.push_back(static_cast<uint32_t>(all.size()));
    all.push_back(c.symbol);
  }
}

// Functions without a symbol get a name from their address, as disassemblers do.
void Symbols::Impl::find_unnamed() {
  Elf_Scn* scn = section_named(main.elf.get(), ".eh_frame_hdr");
  GElf_Shdr sh;
  if (scn == nullptr || gelf_getshdr(scn, &sh) == nullptr || sh.sh_type == SHT_NOBITS) return;
  const Elf_Data* data = elf_getdata(scn, nullptr);
  if (data == nullptr || data->d_buf == nullptr) return;
  const auto begins = function_starts({static_cast<const uint8_t*>(data->d_buf), data->d_size}, sh.sh_addr);
  for (size_t i = 0; i < begins.size(); ++i) {
    const auto offset = offset_of(begins[i]);
    if (!offset) continue;
    const Symbol* known = named_at(*offset);
    if (known != nullptr && (known->size != 0 || known->file_offset == *offset)) continue;
    const std::string name = fmt::format("sub_{:x}", begins[i]);
    unnamed.push_back({name, name, *offset, i + 1 < begins.size() ? begins[i + 1] - begins[i] : 0});
  }
}

Dwarf* Symbols::Impl::lines() {
  if (dwarf_tried) return dwarf.get();
  dwarf_tried = true;
  for (OpenElf* file : {&main, debug.get()}) {
    if (file == nullptr || file->elf == nullptr || section_named(file->elf.get(), ".debug_info") == nullptr) continue;
    dwarf.reset(dwarf_begin_elf(file->elf.get(), DWARF_C_READ, nullptr));
    if (dwarf != nullptr) break;
  }
  if (dwarf != nullptr) index_cus();
  return dwarf.get();
}

// .debug_aranges is not always there (clang), so the units are asked themselves.
void Symbols::Impl::index_cus() {
  Dwarf_CU* cu = nullptr;
  Dwarf_Die die, skeleton;
  uint8_t kind = 0;
  while (dwarf_get_units(dwarf.get(), cu, &cu, nullptr, &kind, &die, &skeleton) == 0) {
    if (kind != DW_UT_compile && kind != DW_UT_skeleton) continue;
    Dwarf_Addr base = 0, low = 0, high = 0;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;)
      if (low < high) cus.push_back({low, high, die});
  }
  std::sort(cus.begin(), cus.end(), [](const CuRange& a, const CuRange& b) { return a.low < b.low; });
}

// One address for each function instance (inlined copies included) that holds code of the
// line: its lowest statement start, as debuggers choose it.
std::vector<uint64_t> Symbols::Impl::resolve_line(const std::string& file, unsigned line) {
  std::vector<uint64_t> out;
  if (lines() == nullptr) return out;
  std::map<std::pair<Dwarf_Off, bool>, uint64_t> lowest;  // by DIE; by address when none
  std::set<Dwarf_Off> seen;
  for (const CuRange& range : cus) {
    Dwarf_Die cu = range.cu;
    if (!seen.insert(dwarf_dieoffset(&cu)).second) continue;
    Dwarf_Lines* table = nullptr;
    size_t count = 0;
    if (dwarf_getsrclines(&cu, &table, &count) != 0) continue;
    for (size_t i = 0; i < count; ++i) {
      Dwarf_Line* row = dwarf_onesrcline(table, i);
      int number = 0;
      bool statement = false, end = false;
      if (dwarf_lineno(row, &number) != 0 || number != static_cast<int>(line)) continue;
      if (dwarf_linebeginstatement(row, &statement) != 0 || !statement) continue;
      if (dwarf_lineendsequence(row, &end) != 0 || end) continue;
      const char* source = dwarf_linesrc(row, nullptr, nullptr);
      Dwarf_Addr address = 0;
      if (source == nullptr || !path_ends_with(source, file) || dwarf_lineaddr(row, &address) != 0) continue;
      std::pair<Dwarf_Off, bool> key{address, false};
      Dwarf_Die* scopes = nullptr;
      const int depth = dwarf_getscopes(&cu, address, &scopes);
      for (int s = 0; s < depth; ++s) {
        const int tag = dwarf_tag(&scopes[s]);
        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine) continue;
        key = {dwarf_dieoffset(&scopes[s]), true};
        break;
      }
      std::free(scopes);
      const auto [at, fresh] = lowest.emplace(key, address);
      if (!fresh) at->second = std::min(at->second, address);
    }
  }
  for (const auto& [key, address] : lowest)
    if (const auto offset = offset_of(address)) out.push_back(*offset);
  return out;
}

std::vector<uint64_t> Symbols::Impl::resolve_symbol(const std::string& name, uint64_t add) const {
  std::vector<uint64_t> out;
  for (const bool loosely : {false, true}) {
    for (const Symbol& s : all)
      if (loosely ? same_without_arguments(s.name, name) : s.linkage == name || s.name == name)
        out.push_back(s.file_offset + add);
    if (!out.empty()) break;
  }
  return out;
}

Symbols::Symbols(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Symbols::Symbols(Symbols&&) noexcept = default;
Symbols& Symbols::operator=(Symbols&&) noexcept = default;
Symbols::~Symbols() = default;

Result<Symbols> Symbols::open(const std::string& path) {
  auto impl = std::make_unique<Impl>(path);
  if (!impl->main.fd) return fail_errno("cannot open " + path);
  if (impl->main.elf == nullptr) return fail("cannot read symbols of " + path + ": not an ELF file");
  impl->read_headers();
  impl->read_dynamic();
  impl->find_debug_file();
  std::vector<Candidate> found;
  impl->add_table(impl->main.elf.get(), SHT_SYMTAB, found);
  impl->add_table(impl->main.elf.get(), SHT_DYNSYM, found);
  if (impl->debug != nullptr) impl->add_table(impl->debug->elf.get(), SHT_SYMTAB, found);
  impl->add_plt(found);
  impl->index(std::move(found));
  impl->find_unnamed();
  return Symbols(std::move(impl));
}

const std::string& Symbols::build_id() const { return impl_->build_id; }
const std::string& Symbols::soname() const { return impl_->soname; }
uint16_t Symbols::elf_machine() const { return impl_->machine; }
const std::vector<Symbol>& Symbols::all() const { return impl_->all; }

std::vector<uint64_t> Symbols::resolve(const CodeLocation& where) const {
  std::vector<uint64_t> out;
  if (where.form == CodeLocation::Form::symbol) out = impl_->resolve_symbol(where.symbol, where.offset);
  if (where.form == CodeLocation::Form::file_line) out = impl_->resolve_line(where.file, where.line);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

const Symbol* Symbols::Impl::named_at(uint64_t file_offset) const {
  auto it = std::upper_bound(starts.begin(), starts.end(), file_offset,
                             [this](uint64_t at, uint32_t i) { return at < all[i].file_offset; });
  // A short function may lie inside a longer one (a cold part, a label): look a little back.
  constexpr int kLookBack = 8;
  for (int steps = 0; it != starts.begin() && steps < kLookBack; ++steps) {
    const Symbol& s = all[*--it];
    if (s.size == 0 ? steps == 0 : file_offset - s.file_offset < s.size) return &s;
  }
  return nullptr;
}

const Symbol* Symbols::at(uint64_t file_offset) const {
  const Symbol* named = impl_->named_at(file_offset);
  if (named != nullptr && named->size != 0) return named;
  const auto& unnamed = impl_->unnamed;
  auto it = std::upper_bound(unnamed.begin(), unnamed.end(), file_offset,
                             [](uint64_t at, const Symbol& s) { return at < s.file_offset; });
  if (it == unnamed.begin()) return named;
  const Symbol& s = *--it;
  // A label without a size reaches only as far as the next function begins.
  if (named != nullptr && named->file_offset >= s.file_offset) return named;
  return s.size == 0 || file_offset - s.file_offset < s.size ? &s : named;
}

std::optional<SourceLine> Symbols::line_at(uint64_t file_offset) const {
  const auto vaddr = impl_->vaddr_of(file_offset);
  if (!vaddr || impl_->lines() == nullptr) return std::nullopt;
  auto it = std::upper_bound(impl_->cus.begin(), impl_->cus.end(), *vaddr,
                             [](uint64_t at, const Impl::CuRange& r) { return at < r.low; });
  if (it == impl_->cus.begin() || *vaddr >= (--it)->high) return std::nullopt;
  Dwarf_Line* row = dwarf_getsrc_die(&it->cu, *vaddr);
  int number = 0;
  const char* file = row == nullptr ? nullptr : dwarf_linesrc(row, nullptr, nullptr);
  if (file == nullptr || dwarf_lineno(row, &number) != 0 || number <= 0) return std::nullopt;
  return SourceLine{file, static_cast<unsigned>(number)};
}

}  // namespace tracectl::decode
