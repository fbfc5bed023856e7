# SPDX-License-Identifier: MIT
"""export --to autofdo: every branch pair as perf counts it, every instruction as `script` counts it, and a profile that
create_llvm_prof makes something of."""
import bisect
import collections
import os
import re
import shutil

from common import equal, main, need

HOT = """
__attribute__((noinline)) long leaf(long x) { return x % 7 == 0 ? x / 3 : x + 1; }
int main(void) {
  volatile long sum = 0;
  for (long i = 0; i < 20000; ++i) sum += leaf(i);
  return 0;
}
"""


def exported(bench, capture, binary, *options):
    path = bench.path("profile.txt")
    bench.view("export", "--to", "autofdo", "--binary", binary, "-o", path, *options, capture)
    with open(path, encoding="ascii") as text:
        return text.read().splitlines()


def sections(lines):
    """({(from, to): count} of the ranges, the same of the branches, comments)."""
    at, out = 0, []
    for pattern in (r"([0-9a-f]+)-([0-9a-f]+):(\d+)$", r"([0-9a-f]+)()(\d+)$", r"([0-9a-f]+)->([0-9a-f]+):(\d+)$"):
        count = int(lines[at])
        found = [re.match(pattern, line) for line in lines[at + 1:at + 1 + count]]
        need(all(found), f"a line that does not fit {pattern} in", lines[at:at + 1 + count])
        pairs = [(int(m[1], 16), int(m[2] or "0", 16)) for m in found]
        equal("order", pairs, sorted(set(pairs)))
        out.append({pair: int(m[3]) for pair, m in zip(pairs, found)})
        at += 1 + count
    ranges, addresses, branches = out
    equal("addresses", addresses, {})
    return ranges, branches, lines[at:]


def base_of(bench, capture, binary):
    """Where the capture has the first byte of the file."""
    maps = bench.run(["perf", "script", "-i", capture, "--show-mmap-events", "--itrace=e", "-F", "ip"]).stdout.decode()
    for line in maps.splitlines():
        match = re.search(r"\[0x([0-9a-f]+)\(0x[0-9a-f]+\) @ (0x)?([0-9a-f]+) .* (\S+)$", line)
        if match and match[4] == binary:
            return int(match[1], 16) - int(match[3], 16)
    raise AssertionError(f"no mapping of {binary}")


def perf_branches(bench, capture, binary):
    text = bench.run(["perf", "script", "-i", capture, "--itrace=b", "-F", "event,ip,addr"], timeout=600).stdout.decode()
    base, size = base_of(bench, capture, binary), os.path.getsize(binary)
    out = collections.Counter()
    for line in text.splitlines():
        match = re.search(r"branches\S*\s+([0-9a-f]+)(?: \S+)* =>\s+([0-9a-f]+)", line)
        if match:
            pair = int(match[1], 16) - base, int(match[2], 16) - base
            if all(0 <= address < size for address in pair):
                out[pair] += 1
    return dict(out)


def branches(bench, program, *words):
    if not shutil.which("perf") or bench.run(["perf", "version"]).returncode != 0:
        return "skipped: perf is not installed (apt-get install linux-perf)"
    binary = bench.program(program)
    capture = bench.trace([binary, *words], status=None)
    _, ours, _ = sections(exported(bench, capture, binary))
    theirs = perf_branches(bench, capture, binary)
    need(len(theirs) > 20, "perf sees few branches:", len(theirs))
    equal("pairs that one side has alone", sorted(set(ours) ^ set(theirs)), [])
    equal("counts that differ", [(p, ours[p], theirs[p]) for p in ours if ours[p] != theirs[p]], [])
    return f"{len(ours)} branches, {sum(ours.values())} times"


def branches_of_a_pie(bench):
    return branches(bench, "flow", "loop", "recursion", "table", "pointers", "sort")


def branches_of_threads(bench):
    return branches(bench, "windows", "threads", "25")


def instructions(bench):
    """The ranges hold as many instructions as the trace has in the binary: a static one at its own addresses."""
    binary = bench.program("flow_static")
    capture = bench.trace([binary, "recursion", "table"], status=None)
    ranges, _, _ = sections(exported(bench, capture, binary))
    listing = bench.run(["objdump", "-d", "--no-show-raw-insn", binary]).stdout.decode()
    first = int(re.search(r"LOAD\s+0x\w+ (0x\w+)", bench.run(["readelf", "-lW", binary]).stdout.decode())[1], 16)
    starts = sorted(int(m[1], 16) - first for m in re.finditer(r"^\s+([0-9a-f]+):\t", listing, re.M))
    counted = 0
    for (begin, last), count in ranges.items():
        need(begin in set(starts[bisect.bisect_left(starts, begin):][:1]), f"{begin:x} is no instruction")
        counted += count * (bisect.bisect_right(starts, last) - bisect.bisect_left(starts, begin))
    (sequence,) = bench.instructions(capture).values()
    equal("instructions", counted, len(sequence))
    return f"{counted} instructions in {len(ranges)} ranges"


def profile(bench):
    """create_llvm_prof takes it: as many entries of the function as there were calls."""
    for tool in ("create_llvm_prof", "llvm-profdata-14", "clang-14"):
        if shutil.which(tool) is None:
            return f"skipped: {tool} is not installed (apt-get install autofdo llvm-14 clang-14)"
    source, binary = bench.path("hot.c"), bench.path("hot")
    with open(source, "w", encoding="ascii") as out:
        out.write(HOT)
    equal("clang", bench.run(["clang-14", "-O2", "-gdwarf-4", "-fdebug-info-for-profiling", "-o", binary, source]).returncode, 0)
    text = bench.path("profile.txt")
    capture = bench.trace([binary])
    lines = exported(bench, capture, binary)
    build_id = re.search(r"Build ID: (\w+)", bench.run(["readelf", "-n", binary]).stdout.decode())
    if build_id:
        need("// build_id: 0x" + build_id[1] in lines, "no build-id in", lines[-2:])
    done = bench.run(["create_llvm_prof", "--profiler", "text", "--profile", text, "--binary", binary, "--format", "text",
                      "--out", bench.path("out.prof")])
    equal("create_llvm_prof", done.returncode, 0)
    with open(bench.path("out.prof"), encoding="ascii") as out:
        made = out.read()
    leaf = re.search(r"^leaf:(\d+):(\d+)$", made, re.M)
    need(leaf, "no leaf in", made)
    equal("calls of leaf", int(leaf[2]), 20000)
    equal("llvm-profdata", bench.run(["llvm-profdata-14", "show", "--sample", bench.path("out.prof")]).returncode, 0)
    return f"leaf:{leaf[1]}:{leaf[2]}"


def refusals(bench):
    """An empty profile is an error that says why, and leaves no file."""
    capture = bench.trace([bench.program("flow"), "loop"], status=None)
    out = bench.path("none.txt")

    def refused(binary, words, status=1):
        done = bench.run([bench.tracectl, "export", "--to", "autofdo", *binary, "-o", out, capture])
        equal("status", done.returncode, status)
        need(words in done.stderr.decode(), words, "is not in", done.stderr.decode())
        need(not os.path.exists(out), "a file was left")

    refused([], "--binary", 2)
    refused(["--binary", bench.program("windows")], "most ran in")
    refused(["--binary", "/etc/passwd"], "no 64-bit ELF file")
    other = bench.path("flow")
    equal("gcc", bench.run(["gcc", "-x", "c", "-o", other, "-"], stdin=b"int main(void) { return 0; }").returncode, 0)
    refused(["--binary", other], "another build of it")


if __name__ == "__main__":
    main({"autofdo": [branches_of_a_pie, branches_of_threads, instructions, profile, refusals]})
