// SPDX-License-Identifier: MIT
// The packets of the emulated ETE, byte by byte. Source of the bytes: ARM IHI 0064, chapter 6.
#include "backends/coresight/encoder.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "backends/coresight/a64.hpp"

using namespace tracectl::coresight;

namespace {

using Bytes = std::vector<uint8_t>;

struct Ring {
  std::vector<uint8_t> memory = std::vector<uint8_t>(4096);
  EtmWriter writer;
  Ring() {
    writer.base = memory.data();
    writer.mask = memory.size() - 1;
  }
  [[nodiscard]] Bytes bytes() const { return {memory.begin(), memory.begin() + static_cast<std::ptrdiff_t>(writer.pos)}; }
};

// What the atoms that an Atom packet stands for are, oldest first: the reverse of the tables in IHI 0064, 6.4.
std::string atoms_of(uint8_t header) {
  const auto bits = [](unsigned value, unsigned count) {
    std::string out;
    for (unsigned i = 0; i < count; ++i) out += (value >> i & 1) != 0 ? 'E' : 'N';
    return out;
  };
  if ((header & 0xfe) == 0xf6) return bits(header & 1, 1);
  if ((header & 0xfc) == 0xd8) return bits(header & 3, 2);
  if ((header & 0xf8) == 0xf8) return bits(header & 7, 3);
  if ((header & 0xfc) == 0xdc) return std::vector<std::string>{"NEEE", "NNNN", "NENE", "ENEN"}[header & 3];
  if (header == 0xd5) return "NNNNN";
  if (header == 0xd6) return "NENEN";
  if (header == 0xd7) return "ENENE";
  if (header == 0xf5) return "NEEEE";
  if ((header & 0xc0) == 0xc0 && (header & 0x1f) <= 20)
    return std::string((header & 0x1f) + 3u, 'E') + ((header & 0x20) != 0 ? "N" : "E");
  return "?";
}

std::string round_trip(const std::string& atoms) {
  Ring ring;
  for (const char c : atoms) add_atom(ring.writer, c == 'E');
  flush_atoms(ring.writer);
  CHECK(ring.writer.atoms == 1);
  std::string out;
  for (const uint8_t header : ring.bytes()) out += atoms_of(header);
  return out;
}

}  // namespace

TEST_CASE("every run of up to twelve atoms comes back") {
  for (unsigned count = 1; count <= 12; ++count)
    for (unsigned bits = 0; bits < 1u << count; ++bits) {
      std::string atoms;
      for (unsigned i = 0; i < count; ++i) atoms += (bits >> i & 1) != 0 ? 'E' : 'N';
      REQUIRE(round_trip(atoms) == atoms);
    }
}

TEST_CASE("long runs of atoms come back, and fit between two looks") {
  for (unsigned run = 0; run < 200; ++run) {
    const std::string atoms = std::string(run, 'E') + "N" + std::string(run / 3, 'E') + std::string(run / 7, 'N');
    REQUIRE(round_trip(atoms) == atoms);
  }
  Ring ring;
  for (unsigned i = 0; i < kMaxAtoms; ++i) add_atom(ring.writer, i % 3 == 0);
  CHECK(ring.writer.pos <= 20);
}

TEST_CASE("an address takes the shortest form that the last three allow") {
  Ring ring;
  put_address(ring.writer, 0x0000aaaabbbbcc10);                                             // 64 bits
  put_address(ring.writer, 0x0000aaaabbbbcc14);                                             // short, 9 bits
  put_address(ring.writer, 0x0000aaaabbba0c14);                                             // short, 17 bits
  put_address(ring.writer, 0x0000aaaa1bba0c14);                                             // 32 bits
  put_address(ring.writer, 0x0000aaaabbbbcc14);                                             // the third last
  put_address(ring.writer, 0x0000aaaabbbbcc14);                                             // the last
  CHECK(ring.bytes() == Bytes{0x9d, 0x04, 0x66,        0xbb, 0xbb, 0xaa, 0xaa, 0x00, 0x00,  //
                              0x95, 0x05,                                                   //
                              0x95, 0x85, 0x06 | 0x00,                                      //
                              0x9a, 0x05, 0x06,        0xba, 0x1b,                          //
                              0x92, 0x90});
}

TEST_CASE("a sync forgets every address and the time") {
  Ring ring;
  ring.writer.with_context_id = 1;
  ring.writer.context_id = 0x1234;
  put_address(ring.writer, 0x400000);
  put_timestamp(ring.writer, 0x1ff);
  const auto before = ring.bytes().size();
  put_sync(ring.writer);
  put_timestamp(ring.writer, 0x1ff);
  put_address_with_context(ring.writer, 0x400000);
  const Bytes all = ring.bytes();
  CHECK(Bytes(all.begin() + static_cast<std::ptrdiff_t>(before), all.end()) ==
        Bytes{0,    0,    0,    0,    0,    0,    0,    0,    0,    0,   0, 0x80, 0x01, 0x01, 0x00, 0x02, 0xff, 0x03,  //
              0x82, 0x00, 0x00, 0x40, 0x00, 0xb0, 0x34, 0x12, 0x00, 0x00});
}

TEST_CASE("a timestamp has the bytes that changed") {
  Ring ring;
  put_timestamp(ring.writer, ~0ull);
  put_timestamp(ring.writer, ~0ull - 1);
  put_timestamp(ring.writer, ~0ull - 1);
  CHECK(ring.bytes() == Bytes{0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x7e, 0x02, 0x7e});
}

TEST_CASE("an exception says where it returns to") {
  Ring ring;
  ring.writer.last[0] = 0x400000;
  put_exception(ring.writer, Exception::call, 0x400004);
  put_trace_on(ring.writer);
  put_overflow(ring.writer);
  CHECK(ring.bytes() == Bytes{0x06, 0x05, 0x95, 0x01, 0x04, 0x00, 0x05});
}

TEST_CASE("a unit that is switched off says so") {
  Ring ring;
  put_discard(ring.writer);
  CHECK(ring.bytes() == Bytes{0x00, 0x03});
}

TEST_CASE("A64 branches and where they go") {
  struct Case {
    uint32_t word;
    A64Kind kind;
    uint64_t target;
  };
  for (const Case& c :
       {Case{0x14000002, A64Kind::jump, 0x1008}, Case{0x97ffffff, A64Kind::call, 0xffc},
        Case{0x54000040, A64Kind::cond, 0x1008}, Case{0xb5ffffe0, A64Kind::cond, 0xffc},
        Case{0x34000040, A64Kind::cond, 0x1008}, Case{0x3707ffe0, A64Kind::cond, 0xffc},
        Case{0xd61f0200, A64Kind::indirect_jump, 0}, Case{0xd63f0000, A64Kind::indirect_call, 0},
        Case{0xd65f03c0, A64Kind::ret, 0}, Case{0xd65f0bff, A64Kind::ret, 0}, Case{0xd71f0801, A64Kind::indirect_jump, 0},
        Case{0xd5033fdf, A64Kind::isb, 0x1004}, Case{0xd4000001, A64Kind::svc, 0}, Case{0xd4200000, A64Kind::exception, 0},
        Case{0xd69f03e0, A64Kind::eret, 0}, Case{0xd503201f, A64Kind::other, 0}, Case{0x91000400, A64Kind::other, 0}}) {
    const A64 got = decode_a64(c.word, 0x1000);
    INFO(std::hex << c.word);
    CHECK(got.kind == c.kind);
    CHECK(got.target == c.target);
  }
}
