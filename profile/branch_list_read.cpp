// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cstring>
#include <set>

#include "core/protobuf.hpp"
#include "decode/paths.hpp"
#include "profile/branch_list.hpp"
#include "profile/branch_list_fields.hpp"

namespace tracectl::profile {
namespace {

using decode::BranchKind;
using Type = ProtobufFields::Type;
namespace fields = branch_list_fields;

constexpr std::string_view kFirstField = "\x0a\x18";  // of the one message: the magic, 24 bytes
constexpr std::string_view kZstd = "\x28\xb5\x2f\xfd";
static_assert(kBranchListMagic.size() == 24);

// Whose lists they are.
struct Owner {
  std::string path, build_id;
  uint64_t kernel_start = 0;
};

// simpleperf has 20 bytes, the last ones 0 where the file has fewer.
std::string padded(std::string hex) {
  constexpr size_t kDigits = 40;
  hex.resize(kDigits, '0');
  return hex;
}

struct Atoms {
  std::string_view bits;
  uint64_t size = 0, count = 0;
  [[nodiscard]] bool taken(uint64_t i) const { return (static_cast<uint8_t>(bits[i / 8]) >> (i % 8) & 1) != 0; }
};

class Reader {
 public:
  Reader(const std::string& name, A64Code& code) : name_(name), code_(code) {}

  Result<> file(std::string_view bytes);
  Result<BranchListProfile> finish();

 private:
  Result<> messages(std::string_view bytes);
  Result<> message(std::string_view bytes, bool first);
  Result<> binary(std::string_view bytes);
  Result<> address(std::string_view bytes);
  Result<Atoms> atoms(std::string_view bytes) const;
  [[nodiscard]] bool wanted(const Owner& owner) const;
  void walk(uint64_t address, const Atoms& atoms);
  void count(std::map<Profile::Pair, uint64_t>& counts, uint64_t from, uint64_t to, uint64_t more) const {
    uint64_t& known = counts[{from - code_.base(), to - code_.base()}];
    known = sum(known, more);
  }
  [[nodiscard]] tl::unexpected<Error> no(const std::string& what, std::string hint = {}) const {
    return fail("cannot read the branch list " + name_ + ": " + what, std::move(hint));
  }
  [[nodiscard]] tl::unexpected<Error> damaged() const { return no("its bytes are damaged, or cut short"); }

  const std::string& name_;
  A64Code& code_;
  BranchListProfile out_;
  std::set<std::string> others_;  // of what else lists are there
  bool lbr_ = false;
};

Result<> Reader::file(std::string_view bytes) {
  if (bytes.substr(0, kBranchListMagic.size()) == kBranchListMagic) return messages(bytes.substr(kBranchListMagic.size()));
  if (is_branch_list(bytes)) return message(bytes, true);
  if (bytes.substr(0, kZstd.size()) == kZstd) return no("it is compressed", "`zstd -d` unpacks it");
  return no("it does not begin as simpleperf's branch lists do", "`simpleperf inject --output branch-list` writes one");
}

// The newer form, behind the magic: version (4 bytes), compressed (1), and messages, each behind its size (4).
Result<> Reader::messages(std::string_view bytes) {
  const auto number = [&bytes](uint32_t& value) {
    if (bytes.size() < sizeof value) return false;
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes.remove_prefix(sizeof value);
    return true;
  };
  uint32_t version = 0, size = 0;
  if (!number(version) || bytes.empty()) return damaged();
  if (version != 1) return no(fmt::format("it is of version {}; version 1 is known", version));
  if (bytes.front() != 0) return no("its messages are compressed", "have simpleperf write it uncompressed");
  bytes.remove_prefix(1);
  while (!bytes.empty()) {
    if (!number(size) || size > bytes.size()) return damaged();
    if (auto done = message(bytes.substr(0, size), false); !done) return done;
    bytes.remove_prefix(size);
  }
  return {};
}

Result<> Reader::message(std::string_view bytes, bool first) {
  bool known = !first;
  ProtobufFields all(bytes);
  while (all.next()) {
    if (all.is(fields::kMagic, Type::bytes)) known |= all.bytes() == kBranchListMagic;
    if (all.is(fields::kLbrData, Type::bytes)) lbr_ = true;
    if (!all.is(fields::kEtmData, Type::bytes)) continue;
    if (auto done = binary(all.bytes()); !done) return done;
  }
  if (!all.good() || !known) return damaged();
  return {};
}

bool Reader::wanted(const Owner& owner) const {
  if (!owner.build_id.empty() && !code_.build_id().empty()) return padded(owner.build_id) == padded(code_.build_id());
  return decode::last_parts(owner.path, 1) == decode::last_parts(code_.path(), 1);
}

Result<> Reader::binary(std::string_view bytes) {
  Owner owner;
  ProtobufFields facts(bytes);
  while (facts.next()) {
    if (facts.is(fields::kPath, Type::bytes)) owner.path = facts.bytes();
    if (facts.is(fields::kBuildId, Type::bytes)) owner.build_id = facts.bytes();
    if (!facts.is(fields::kKernel, Type::bytes)) continue;
    ProtobufFields kernel(facts.bytes());
    while (kernel.next())
      if (kernel.is(fields::kKernelStart, Type::number)) owner.kernel_start = kernel.number();
    if (!kernel.good()) return damaged();
  }
  if (!facts.good()) return damaged();
  if (!wanted(owner)) {
    others_.insert(owner.path + (owner.build_id.empty() ? "" : " with the build-id " + owner.build_id));
    return {};
  }
  if (owner.kernel_start != 0)
    return no("its addresses of the kernel are those where it ran, not vmlinux's",
              "`simpleperf inject --symdir` with vmlinux at hand converts them");
  ProtobufFields addresses(bytes);
  while (addresses.next())
    if (addresses.is(fields::kAddresses, Type::bytes))
      if (auto done = address(addresses.bytes()); !done) return done;
  return {};
}

Result<> Reader::address(std::string_view bytes) {
  uint64_t from = 0;
  ProtobufFields facts(bytes);
  while (facts.next())
    if (facts.is(fields::kAddress, Type::number)) from = facts.number();
  if (!facts.good()) return damaged();
  ProtobufFields branches(bytes);
  while (branches.next()) {
    if (!branches.is(fields::kBranches, Type::bytes)) continue;
    const auto list = atoms(branches.bytes());
    if (!list) return tl::unexpected<Error>(list.error());
    walk(from, *list);
  }
  return {};
}

Result<Atoms> Reader::atoms(std::string_view bytes) const {
  Atoms out;
  ProtobufFields facts(bytes);
  while (facts.next()) {
    if (facts.is(fields::kAtoms, Type::bytes)) out.bits = facts.bytes();
    if (facts.is(fields::kAtomCount, Type::number)) out.size = static_cast<uint32_t>(facts.number());
    if (facts.is(fields::kCount, Type::number)) out.count = facts.number();
  }
  if (!facts.good() || (out.size + 7) / 8 > out.bits.size()) return damaged();
  return out;
}

// Bit 0 of an address is T32's mark; this is A64.
void Reader::walk(uint64_t address, const Atoms& atoms) {
  address &= ~uint64_t{1};
  ++out_.lists;
  for (uint64_t i = 0; i < atoms.size && atoms.count != 0; ++i) {
    const decode::FlowNode* run = code_.run(address);
    if (run == nullptr) {
      ++out_.cut;
      return;
    }
    const BranchKind kind = run->kind();
    const bool taken = kind != BranchKind::none && atoms.taken(i);
    count(out_.profile.ranges, run->ip(), run->last(), atoms.count);
    address = run->end();
    if (!taken) continue;
    if (kind != BranchKind::cond && kind != BranchKind::jump && kind != BranchKind::call) {
      out_.cut += i + 1 != atoms.size ? 1 : 0;
      return;
    }
    address = run->target();
    if (code_.holds(address)) count(out_.profile.branches, run->last(), address, atoms.count);
  }
}

Result<BranchListProfile> Reader::finish() {
  if (out_.lists == 0) {
    if (!others_.empty()) return no(fmt::format("it is not of {}, but of {}", code_.path(), *others_.begin()));
    if (lbr_) return no("it holds samples of branch records (LBR), and no lists of atoms");
    return no("it holds no list");
  }
  if (out_.profile.ranges.empty())
    return no(fmt::format("none of its {} lists leads through code of {}", out_.lists, code_.path()),
              "give the very file that was traced");
  out_.profile.path = code_.path();
  out_.profile.build_id = code_.build_id();
  return std::move(out_);
}

}  // namespace

bool is_branch_list(std::string_view bytes) {
  if (bytes.substr(0, kFirstField.size()) == kFirstField) bytes.remove_prefix(kFirstField.size());
  return bytes.substr(0, kBranchListMagic.size()) == kBranchListMagic;
}

Result<BranchListProfile> parse_branch_list(std::string_view bytes, const std::string& name, A64Code& code) {
  Reader reader(name, code);
  if (auto done = reader.file(bytes); !done) return tl::unexpected<Error>(done.error());
  return reader.finish();
}

}  // namespace tracectl::profile
