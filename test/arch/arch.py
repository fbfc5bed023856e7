#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of docs/DESIGN.md that a compiler does not know: who includes whom, one door
for each third-party library, licence lines, sizes.

usage: arch.py ROOT              exit 1 and one line for each violation
       arch.py --self-test BAD   BAD holds planted violations: each must be found, and no more
"""
import pathlib
import re
import sys

# folder -> what it may include of ours, itself besides. Longest prefix wins.
ARROWS = {
    "cli": {"config", "core", "triggers", "backends/intel_pt", "backends/coresight", "machines", "decode", "profile", "views"},
    "views": {"profile", "decode", "core"},
    "profile": {"decode", "core"},
    "config": {"triggers", "backends/intel_pt", "backends/coresight", "core"},
    "machines": {"triggers", "backends/intel_pt", "backends/coresight", "core"},
    "backends/intel_pt": {"decode", "core"},
    "backends/coresight": {"decode", "core"},
    "triggers": {"core"},
    "decode": {"core"},
    "core": set(),
}
# config looks at a backend's PMU and buffer rules, never at its decoder.
CONFIG_BACKEND_FILES = {"pmu.hpp", "buffer.hpp", "sinks.hpp"}

# library -> (pattern of its includes, files that may have them; a trailing / is a folder)
DOORS = {
    "toml++": (r"toml\+\+/|toml\.hpp", {"config/parse.cpp"}),
    "libipt": (r"intel-pt\.h", {"backends/intel_pt/decoder.cpp"}),
    "OpenCSD": (r"opencsd/", {"backends/coresight/tree.cpp"}),
    "Zydis": (r"Zydis/", {"backends/intel_pt/insn.cpp"}),
    "elfutils": (r"(elfutils/|libelf\.h|gelf\.h|libdw|dwarf\.h)", {"decode/symbols.cpp", "decode/debug_file.cpp", "decode/inline_stacks.cpp",
                                                                           "decode/open_elf.cpp"}),
    "Capstone": (r"capstone/", {"views/disassembly.cpp"}),
    "Asio": (r"boost/asio", {"core/session.cpp", "machines/"}),
    "CLI11": (r"CLI/", {"cli/"}),
    "Catch2": (r"catch2/", {"test/"}),
    "linux/perf_event.h": (r"linux/perf_event\.h", {"core/perf/uapi.hpp"}),
}
# Third-party includes that a header may have, and where.
HEADER_EXCEPTIONS = {
    ("core/result.hpp", "tl/expected.hpp"),
    ("cli/verbs.hpp", "CLI/CLI.hpp"),
    ("cli/capture_options.hpp", "CLI/CLI.hpp"),
    ("cli/plan_options.hpp", "CLI/CLI.hpp"),
    ("views/out.hpp", "fmt/format.h"),  # a checked format string must be a template
}
THIRD_PARTY = r"(fmt/|nlohmann/|tl/|boost/|toml\+\+|intel-pt\.h|opencsd/|Zydis/|elfutils/|libelf|gelf\.h|dwarf\.h|capstone/|CLI/|catch2/)"

# Lines: the aim, and the size where the test fails. Tables may be longer.
AIMS = {".hpp": 150, ".cpp": 300}
LIMIT = 1.5
TABLES = {"triggers/trigger_kinds.cpp", "triggers/syscalls.cpp"}

SPDX_SUFFIXES = {".cpp", ".hpp", ".c", ".h", ".S", ".py", ".sh", ".cmake", ".inc"}
SPDX_NAMES = {"CMakeLists.txt", "dev", "run", ".clang-tidy"}
# Modules of Linux: under its licence, made of its headers.
MODULES = {"test/guest/standin/cs_etm_standin.c": "GPL-2.0-only"}
SKIPPED = re.compile(r"^(\.git|build[^/]*|test/hosts|test/arch/bad|test/golden|test/fuzz/corpus)(/|$)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def folder_of(path):
    best = ""
    for folder in ARROWS:
        if (path + "/").startswith(folder + "/") and len(folder) > len(best):
            best = folder
    return best


def inside(path, places):
    return any(path == p or (p.endswith("/") and path.startswith(p)) for p in places)


def check_arrow(path, include, out):
    here, there = folder_of(path), folder_of(include)
    if not here or not there or here == there:
        return
    if there not in ARROWS[here]:
        out.append(("arrow", path, f"{here} must not include {include}"))
    elif here == "config" and there.startswith("backends/") and pathlib.PurePath(include).name not in CONFIG_BACKEND_FILES:
        out.append(("arrow", path, f"config may see only the PMU and buffer rules of a backend, not {include}"))


def check_includes(path, text, out):
    for _, include in INCLUDE.findall(text):
        check_arrow(path, include, out)
        for library, (pattern, places) in DOORS.items():
            # A test or a benchmark may hold us against the library itself.
            if path.startswith(("test/", "bench/")) and library != "linux/perf_event.h":
                continue
            if re.match(pattern, include) and not inside(path, places):
                out.append(("door", path, f"<{include}>: {library} belongs in {', '.join(sorted(places))}"))
        if path.endswith(".hpp") and not path.startswith("test/") and re.match(THIRD_PARTY, include):
            if (path, include) not in HEADER_EXCEPTIONS:
                out.append(("header", path, f"a header must not show the third-party <{include}>"))


def check_size(path, text, out, reports):
    suffix = pathlib.PurePath(path).suffix
    if suffix not in AIMS or path in TABLES or path.startswith("test/"):
        return
    lines, aim = text.count("\n"), AIMS[suffix]
    if lines > aim * LIMIT:
        out.append(("size", path, f"{lines} lines; the aim is {aim}, the limit {int(aim * LIMIT)}"))
    elif lines > aim:
        reports.append(f"long: {path}: {lines} lines (aim {aim})")


def check(root):
    out, reports = [], []
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        path = file.relative_to(root).as_posix()
        if SKIPPED.match(path):
            continue
        wants_spdx = file.suffix in SPDX_SUFFIXES or file.name in SPDX_NAMES
        if not wants_spdx:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        licence = MODULES.get(path, "MIT")
        if f"SPDX-License-Identifier: {licence}" not in "\n".join(text.split("\n", 3)[:3]):
            out.append(("spdx", path, "no SPDX-License-Identifier in the first three lines"))
        if file.suffix in (".cpp", ".hpp", ".c", ".h") and path not in MODULES:
            check_includes(path, text, out)
            check_size(path, text, out, reports)
    return out, reports


def self_test(root):
    """Each planted file says in its first lines `expect: KIND...` what must be found in it."""
    expected = set()
    for file in (p for p in root.rglob("*") if p.is_file()):
        for kinds in re.findall(r"expect: ([a-z ]+)", file.read_text()):
            expected |= {(kind, file.relative_to(root).as_posix()) for kind in kinds.split()}
    found = {(kind, path) for kind, path, _ in check(root)[0]}
    for kind, path in sorted(expected - found):
        print(f"missed: {kind} in {path}")
    for kind, path in sorted(found - expected):
        print(f"wrong: {kind} in {path}")
    kinds = {kind for kind, _ in expected}
    print(f"self-test: {len(expected & found)} of {len(expected)} planted violations found, kinds: {' '.join(sorted(kinds))}")
    return 0 if expected == found and kinds == {"arrow", "door", "header", "spdx", "size"} else 1


def main(args):
    if len(args) == 2 and args[0] == "--self-test":
        return self_test(pathlib.Path(args[1]))
    if len(args) != 1:
        print(__doc__)
        return 2
    out, reports = check(pathlib.Path(args[0]))
    for line in reports:
        print(line)
    for kind, path, text in out:
        print(f"{kind}: {path}: {text}")
    print(f"{len(out)} violations, {len(reports)} files over the aim")
    return 1 if out else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
