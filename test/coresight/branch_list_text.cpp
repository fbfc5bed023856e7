// SPDX-License-Identifier: MIT
// A branch list of one AArch64 binary as the text of `export --to autofdo`; on stderr how many lists it has, and how many of
// them could not be walked to their ends.
//
// usage: branch_list_text FILE BINARY
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "backends/coresight/flow_insn.hpp"
#include "profile/autofdo_text.hpp"
#include "profile/branch_list.hpp"

using namespace tracectl;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  auto code = profile::A64Code::open(argv[2], coresight::a64_reader({}));
  if (!code) {
    fmt::print(stderr, "{}\n", code.error().message());
    return 1;
  }
  const auto list = profile::parse_branch_list(bytes, argv[1], *code);
  if (!list) {
    fmt::print(stderr, "{}\n", list.error().message());
    return 1;
  }
  fmt::print("{}", profile::to_autofdo_text(list->profile));
  fmt::print(stderr, "{} {}\n", list->lists, list->cut);
  return 0;
}
