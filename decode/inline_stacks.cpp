// SPDX-License-Identifier: MIT
#include "decode/inline_stacks.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "decode/debug_file.hpp"
#include "decode/open_elf.hpp"

namespace tracectl::decode {
namespace {

constexpr unsigned kGnuDiscriminator = 0x2136;  // DW_AT_GNU_discriminator
constexpr int kDeepest = 500;                   // of nested DIEs; what is deeper is damaged

// Which frame each address is in. What is put later lies over what was there.
class FrameMap {
 public:
  void put(uint64_t begin, uint64_t end, uint32_t frame) {
    if (begin >= end) return;
    const uint32_t behind = at(end);
    starts_.erase(starts_.lower_bound(begin), starts_.upper_bound(end));
    starts_[begin] = frame;
    starts_[end] = behind;
  }
  template <class Each>  // each(begin, end, frame), ascending
  void for_each(Each&& each) const {
    for (auto i = starts_.begin(); i != starts_.end(); ++i)
      if (const auto next = std::next(i); next != starts_.end() && i->second != InlineFrame::kNone)
        each(i->first, next->first, i->second);
  }

 private:
  [[nodiscard]] uint32_t at(uint64_t address) const {
    const auto next = starts_.upper_bound(address);
    return next == starts_.begin() ? InlineFrame::kNone : std::prev(next)->second;
  }
  std::map<uint64_t, uint32_t> starts_;
};

struct Row {
  uint64_t address = 0;
  uint32_t line = 0, discriminator = 0;
  bool end = false;  // no code from here on
};

uint32_t number_of(Dwarf_Die& die, unsigned name, bool integrate) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  auto* found = integrate ? dwarf_attr_integrate(&die, name, &attribute) : dwarf_attr(&die, name, &attribute);
  return found != nullptr && dwarf_formudata(found, &value) == 0 ? static_cast<uint32_t>(value) : 0;
}

std::string name_of(Dwarf_Die& die) {
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name}) {
    Dwarf_Attribute attribute;
    const char* text = dwarf_formstring(dwarf_attr_integrate(&die, name, &attribute));
    if (text != nullptr) return text;
  }
  return {};
}

class Reading {
 public:
  Reading(Elf* main, const AddressSet& wanted) : wanted_(wanted) { read_headers(main); }

  void unit(Dwarf_Die lines_in, Dwarf_Die die) {
    if (!unit_is_wanted(die)) return;
    lines_in_ = lines_in;
    rows_.reset();
    children(die, nullptr, InlineFrame::kNone, 0);
  }

  InlineStacks finish() {
    auto& spans = out_.spans;
    std::sort(spans.begin(), spans.end(), [](const LineSpan& a, const LineSpan& b) { return a.begin < b.begin; });
    uint64_t end = 0;
    for (LineSpan& s : spans) {
      s.begin = std::max(s.begin, end);
      end = std::max(end, s.end);
    }
    std::erase_if(spans, [](const LineSpan& s) { return s.begin >= s.end; });
    return std::move(out_);
  }

 private:
  struct Range {
    uint64_t begin, end;
  };

  void read_headers(Elf* main) {
    size_t count = 0;
    elf_getphdrnum(main, &count);
    for (size_t i = 0; i < count; ++i) {
      GElf_Phdr ph;
      if (gelf_getphdr(main, static_cast<int>(i), &ph) == nullptr || ph.p_type != PT_LOAD) continue;
      base_ = ph.p_vaddr;
      break;
    }
    for (Elf_Scn* scn = nullptr; (scn = elf_nextscn(main, scn)) != nullptr;) {
      GElf_Shdr sh;
      if (gelf_getshdr(scn, &sh) == nullptr) continue;
      if ((sh.sh_flags & SHF_EXECINSTR) != 0 && sh.sh_addr >= base_)
        code_.push_back({sh.sh_addr - base_, sh.sh_addr - base_ + sh.sh_size});
      if (sh.sh_type == SHT_SYMTAB) look_for_mark(main, scn, sh);
    }
  }

  // Which clang leaves in a program with flow-sensitive discriminators.
  void look_for_mark(Elf* main, Elf_Scn* scn, const GElf_Shdr& sh) {
    Elf_Data* data = elf_getdata(scn, nullptr);
    const int count = data == nullptr || sh.sh_entsize == 0 ? 0 : static_cast<int>(sh.sh_size / sh.sh_entsize);
    for (int i = 0; i < count; ++i) {
      GElf_Sym sym;
      const char* name = gelf_getsym(data, i, &sym) == nullptr ? nullptr : elf_strptr(main, sh.sh_link, sym.st_name);
      if (name != nullptr && std::strcmp(name, "__llvm_fs_discriminator__") == 0) out_.flow_sensitive = true;
    }
  }

  // Only what lies in code: of functions that the linker threw away, addresses near 0 stay.
  std::optional<Range> relative(uint64_t low, uint64_t high) const {
    if (low < base_ || low >= high) return std::nullopt;
    const Range out{low - base_, high - base_};
    const bool code =
        std::any_of(code_.begin(), code_.end(), [&](const Range& c) { return out.begin >= c.begin && out.end <= c.end; });
    return code ? std::optional(out) : std::nullopt;
  }

  std::vector<Range> ranges_of(Dwarf_Die& die) const {
    std::vector<Range> out;
    Dwarf_Addr base = 0, low = 0, high = 0;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;)
      if (const auto range = relative(low, high)) out.push_back(*range);
    return out;
  }

  bool any_wanted(const std::vector<Range>& ranges) const {
    return std::any_of(ranges.begin(), ranges.end(), [&](const Range& r) { return wanted_.touches(r.begin, r.end); });
  }

  // A unit's ranges may span several sections; one without ranges is looked through.
  bool unit_is_wanted(Dwarf_Die& die) const {
    Dwarf_Addr base = 0, low = 0, high = 0;
    bool any = false;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;) {
      any = true;
      if (high > base_ && wanted_.touches(std::max(low, base_) - base_, high - base_)) return true;
    }
    return !any;
  }

  void children(Dwarf_Die& die, FrameMap* map, uint32_t frame, int depth) {
    Dwarf_Die child;
    if (depth > kDeepest || dwarf_child(&die, &child) != 0) return;
    do {
      switch (dwarf_tag(&child)) {
        case DW_TAG_subprogram:
          function(child, depth);
          break;
        case DW_TAG_inlined_subroutine:
          if (map != nullptr) inlined(child, *map, frame, depth);
          break;
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
          children(child, map, frame, depth + 1);
          break;
        default:
          break;
      }
    } while (dwarf_siblingof(&child, &child) == 0);
  }

  void function(Dwarf_Die& die, int depth) {
    const auto ranges = ranges_of(die);
    // Another unit's copy of an inline function, which the linker kept once.
    if (!any_wanted(ranges) || out_.entries.contains(ranges.front().begin)) return;
    const auto frame = static_cast<uint32_t>(out_.frames.size());
    out_.frames.push_back({name_of(die), number_of(die, DW_AT_decl_line, true), InlineFrame::kNone, 0, 0});
    out_.entries[ranges.front().begin] = frame;
    FrameMap map;
    for (const Range& r : ranges) map.put(r.begin, r.end, frame);
    children(die, &map, frame, depth + 1);
    map.for_each([&](uint64_t begin, uint64_t end, uint32_t of) { add_spans(begin, end, of); });
  }

  void inlined(Dwarf_Die& die, FrameMap& map, uint32_t caller, int depth) {
    const auto frame = static_cast<uint32_t>(out_.frames.size());
    out_.frames.push_back({name_of(die), number_of(die, DW_AT_decl_line, true), caller,
                           number_of(die, DW_AT_call_line, false), number_of(die, kGnuDiscriminator, false)});
    for (const Range& r : ranges_of(die)) map.put(r.begin, r.end, frame);
    children(die, &map, frame, depth + 1);
  }

  void add_spans(uint64_t begin, uint64_t end, uint32_t frame) {
    const auto& all = rows();
    auto row = std::upper_bound(all.begin(), all.end(), begin, [](uint64_t at, const Row& r) { return at < r.address; });
    if (row != all.begin()) --row;
    for (; row != all.end() && row->address < end; ++row) {
      const auto next = std::next(row);
      const LineSpan span{std::max(begin, row->address), next == all.end() ? end : std::min(end, next->address), frame,
                          row->line, row->discriminator};
      if (!row->end && span.begin < span.end) out_.spans.push_back(span);
    }
  }

  // Of this unit, ascending; of those at one address the last one counts.
  const std::vector<Row>& rows() {
    if (rows_) return *rows_;
    rows_.emplace();
    Dwarf_Lines* table = nullptr;
    size_t count = 0;
    if (dwarf_getsrclines(&lines_in_, &table, &count) != 0) return *rows_;
    for (size_t i = 0; i < count; ++i) {
      Dwarf_Line* line = dwarf_onesrcline(table, i);
      Dwarf_Addr address = 0;
      int number = 0;
      Row row;
      if (dwarf_lineaddr(line, &address) != 0 || address < base_ || dwarf_lineno(line, &number) != 0) continue;
      dwarf_linediscriminator(line, &row.discriminator);
      dwarf_lineendsequence(line, &row.end);
      row.address = address - base_;
      row.line = number > 0 ? static_cast<uint32_t>(number) : 0;
      rows_->push_back(row);
    }
    return *rows_;
  }

  const AddressSet& wanted_;
  InlineStacks out_;
  uint64_t base_ = 0;
  std::vector<Range> code_;  // executable sections
  Dwarf_Die lines_in_{};     // the unit with the line table
  std::optional<std::vector<Row>> rows_;
};

bool has_debug_info(Elf* elf) {
  size_t strings = 0;
  if (elf_getshdrstrndx(elf, &strings) != 0) return false;
  for (Elf_Scn* scn = nullptr; (scn = elf_nextscn(elf, scn)) != nullptr;) {
    GElf_Shdr sh;
    const char* name = gelf_getshdr(scn, &sh) == nullptr ? nullptr : elf_strptr(elf, strings, sh.sh_name);
    if (name != nullptr && (std::strcmp(name, ".debug_info") == 0 || std::strcmp(name, ".zdebug_info") == 0)) return true;
  }
  return false;
}

tl::unexpected<Error> no_debug_info(const std::string& path) {
  return fail(path + " has no debug information (DWARF), and none that was split off is to be found",
              "give the file as it was before `strip`: it has the same build-id; or put its debug file beside it or under "
              "/usr/lib/debug. Compile with -gline-tables-only -fdebug-info-for-profiling, or with -g");
}

}  // namespace

Result<InlineStacks> read_inline_stacks(const std::string& path, const AddressSet& wanted) {
  const OpenElf main(path);
  if (!main.fd) return fail_errno("cannot open " + path);
  if (main.elf == nullptr) return fail("cannot read debug information of " + path + ": not an ELF file");
  std::optional<OpenElf> split;
  Elf* elf = main.elf.get();
  if (!has_debug_info(elf)) {
    const std::string place = debug_file_of(path);
    if (place.empty()) return no_debug_info(path);
    elf = split.emplace(place).elf.get();
    if (elf == nullptr || !has_debug_info(elf)) return no_debug_info(path);
  }
  const std::unique_ptr<Dwarf, DwarfEnd> dwarf(dwarf_begin_elf(elf, DWARF_C_READ, nullptr));
  if (dwarf == nullptr) return fail("cannot read debug information of " + path + ": " + dwarf_errmsg(-1));
  Reading reading(main.elf.get(), wanted);
  Dwarf_CU* cu = nullptr;
  Dwarf_Die die, below;
  uint8_t kind = 0;
  while (dwarf_get_units(dwarf.get(), cu, &cu, nullptr, &kind, &die, &below) == 0) {
    if (kind == DW_UT_compile) reading.unit(die, die);
    if (kind == DW_UT_skeleton) reading.unit(die, below.addr != nullptr ? below : die);
  }
  return reading.finish();
}

}  // namespace tracectl::decode
