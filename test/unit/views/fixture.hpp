// SPDX-License-Identifier: MIT
// What the tests of views share: a program that the test compiles from assembly, so that every
// address is known, and a thread that runs blocks in it.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "views/context.hpp"
#include "views/out.hpp"

namespace tracectl::views::test {

using decode::Block;
using decode::BranchKind;

// Functions of 16 bytes each, at 0x1000 of the text section: f0, f1, ... f7.
inline const std::string& program() {
  static const std::string path = [] {
    const auto dir = std::filesystem::temp_directory_path();
    const std::string base = (dir / fmt::format("tracectl-views-{}", ::getpid())).string();
    std::ofstream source(base + ".s");
    source << ".text\n";
    for (int i = 0; i < 8; ++i)
      source << ".globl f" << i << "\n.type f" << i << ",@function\n.p2align 4\nf" << i << ":\n.fill 16,1,0x90\n.size f" << i
             << ",16\n";
    source.close();
    const std::string command = "gcc -nostdlib -static -Wl,-e,f0 -o " + base + " " + base + ".s";
    REQUIRE(std::system(command.c_str()) == 0);
    return base;
  }();
  return path;
}

// A thread that runs blocks; addresses are FUNCTION * 16 + offset from f0.
struct Thread {
  decode::SymbolStore store;
  decode::ImageTimeline images;
  std::unique_ptr<decode::Locator> locator;
  decode::WindowSet windows;
  StreamContext context;
  uint64_t time = 5;

  Thread() {
    const auto symbols = decode::Symbols::open(program());
    REQUIRE(symbols);
    CodeLocation where;
    where.symbol = "f0";
    const uint64_t offset = symbols->resolve(where).at(0);
    images.sections.push_back({0, 0x1000, 0x80, offset, program(), "/x/prog", ""});
    locator = std::make_unique<decode::Locator>(store, images);
    context = {1, 1, -1, "prog", locator.get(), &windows};
  }
  static uint64_t at(unsigned function, unsigned offset = 0) { return 0x1000 + function * 16 + offset; }

  // `insns` one-byte instructions from `from`, the last of which goes to `to`.
  void run(decode::ItemSink& sink, uint64_t from, uint32_t insns, BranchKind kind, uint64_t to, bool taken = true) {
    Block b{from, from + insns - 1, insns, 1, kind, taken, to};
    sink.on_block({time, 1, 1, -1, 0}, b);
  }
};

template <class Fn>
std::string captured(Fn&& fn) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  {
    Out out(file);
    fn(out);
  }
  std::rewind(file);
  std::string text;
  for (int c; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

}  // namespace tracectl::views::test
