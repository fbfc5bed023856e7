# SPDX-License-Identifier: MIT
"""export --to branch-list of AArch64 programs: by simpleperf's schema (protoc) and walked over objdump's listing it is the
profile that --to autofdo writes; and lists as simpleperf collects them of the same trace, read by us, are so too."""
import os
import re
import sys

import arm_sinks
import autofdo
from common import SOURCES, equal, main, need

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "coresight"))
import branch_lists  # noqa: E402, pylint: disable=wrong-import-position

BASE = 0x400000  # of the static programs
CROSS = "/usr/aarch64-linux-gnu"


def read_back(bench, path, binary):
    """By `merge`: ranges, branches; how many lists it could not walk to the end."""
    done = bench.run([bench.tracectl, "merge", "--binary", binary, path])
    equal(f"status of reading {path}", (done.returncode, done.stderr.decode() if done.returncode else ""), (0, ""))
    ranges, branches, _ = autofdo.sections(done.stdout.decode().splitlines())
    cut = re.search(r"(\d+) of \d+ lists lead behind", done.stderr.decode())
    return ranges, branches, int(cut[1]) if cut else 0


def sayable(profile, what):
    """What lists of atoms can say: ranges that end with an atom, and where direct branches went."""
    ranges, branches, _ = profile
    return ({pair: count for pair, count in ranges.items() if what(pair[1])},
            {pair: count for pair, count in branches.items() if what(pair[0]) != "indirect"})


def same(what, got, wanted):
    odd = sorted(pair for pair in set(got) | set(wanted) if got.get(pair) != wanted.get(pair))
    need(not odd, f"{what}: {len(odd)} differ; (pair, got, wanted):",
         [(f"{p[0]:x} {p[1]:x}", got.get(p), wanted.get(p)) for p in odd[:8]])


def written(bench, capture, binary, base):
    """Our file says what the profile says: by protoc and objdump, and by our reader."""
    code, out = branch_lists.code(binary), bench.path("x.branch_list")
    what = lambda address: code[address + base][0]
    profile = autofdo.sections(autofdo.exported(bench, capture, binary))
    said, direct = sayable(profile, what)
    bench.view("export", "--to", "branch-list", "--binary", binary, "-o", out, capture)
    with open(out, "rb") as file:
        ((path, _, lists),) = branch_lists.decode(file.read())
    equal("path", path, binary)
    told, to = branch_lists.walk(code, lists, base)
    same("ranges, by objdump", told, said)
    same("branches, by objdump", {pair: n for pair, n in to.items() if what(pair[0]) != "indirect"}, direct)
    told, to, cut = read_back(bench, out, binary)
    same("ranges, read back", told, said)
    same("branches, read back", to, direct)
    equal("lists that were cut", cut, 0)
    passes = sum(profile[0].values())
    return len(said), f"{len(said)} ranges, {sum(map(len, lists.values()))} lists, {passes - sum(said.values())} of {passes} passes lost"


def as_simpleperf(bench, capture, binary, base):
    """simpleperf's lists of the same trace, read by us, give the profile that we make of the trace."""
    code, out = branch_lists.code(binary), bench.path("theirs.branch_list")
    said, direct = sayable(autofdo.sections(autofdo.exported(bench, capture, binary)), lambda address: code[address + base][0])
    place = lambda address: address if address in code else None
    lists = branch_lists.lists_of(bench.view("script", "packets", capture), place)
    with open(out, "wb") as file:
        file.write(branch_lists.encode(binary, "", lists))
    told, to, _ = read_back(bench, out, binary)
    same("ranges, of simpleperf's lists", told, said)
    same("branches, of simpleperf's lists", to, direct)
    return max(len(atoms) for there in lists.values() for atoms in there)


def compared(bench, program, *words):
    if branch_lists.missing():
        return branch_lists.missing()
    binary = bench.program(program)
    count, said = written(bench, bench.trace([binary, *words], status=None), binary, BASE)
    need(count > 100, "few ranges:", count)
    # OpenCSD prints the packets of an ETMv4, as phones have it.
    capture = arm_sinks.use(bench, "etmv4").trace([binary, *words], status=None)
    longest = as_simpleperf(bench, capture, binary, BASE)
    need(longest > 100, "only short lists:", longest)
    return f"{said}; the longest list of simpleperf's kind: {longest}"


def flow(bench):
    return compared(bench, "flow", "recursion", "table", "pointers")


def threads(bench):
    return compared(bench, "windows", "threads", "25")


def signals(bench):
    return compared(bench, "signals", "raise", "nested", "segv", "altstack", "longjump")


def libraries(bench):
    """A program that is loaded anywhere, and the libraries that it runs in, each by itself."""
    if branch_lists.missing():
        return branch_lists.missing()
    if not os.path.exists(CROSS + "/lib/libc.so.6"):
        return "skipped: no libc for AArch64 is installed (apt-get install g++-aarch64-linux-gnu)"
    program, bench.env["QEMU_LD_PREFIX"] = bench.path("throws"), CROSS
    done = bench.run(["aarch64-linux-gnu-g++", "-O2", "-fPIE", "-pie", "-o", program, os.path.join(SOURCES, "throws.cpp")])
    equal("the compiler's status", done.returncode, 0)
    capture = bench.trace([program], status=None)
    files = program, *(os.path.realpath(f"{CROSS}/lib/{name}") for name in ("libc.so.6", "libstdc++.so.6"))
    return "; ".join(f"{os.path.basename(file)}: {written(bench, capture, file, 0)[1]}" for file in files)


def barriers(bench):
    """ISBs have atoms, and end ranges, whichever decoder tells them."""
    words = compared(bench, "barriers")
    binary, capture = bench.program("barriers"), bench.path("capture")
    made = [autofdo.exported(bench, capture, binary, "--decoder", decoder) for decoder in ("flow", "reference")]
    need(made[0] == made[1], "the decoders differ:", sorted(set(made[0]) ^ set(made[1]))[:8])
    return words


def repeatable(bench):
    """The same capture, the same bytes; on the standard output too."""
    binary = bench.program("flow")
    capture = bench.trace([binary, "loop"], status=None)
    made = []
    for name in ("one", "two"):
        bench.view("export", "--to", "branch-list", "--binary", binary, "-o", bench.path(name), capture)
        with open(bench.path(name), "rb") as file:
            made.append(file.read())
    done = bench.run([bench.tracectl, "export", "--to", "branch-list", "--binary", binary, capture])
    equal("status", done.returncode, 0)
    need(made[0] == made[1] == done.stdout and b"simpleperf:EtmBranchList" in made[0], "three files differ")


def refusals(bench):
    """A program of another processor is refused before anything is decoded, and leaves no file."""
    capture = bench.trace([bench.program("flow"), "loop"], status=None)
    out = bench.path("none")
    for binary, words, status in ((bench.tracectl, "no AArch64 program", 3), ("/etc/passwd", "no 64-bit ELF file", 1)):
        done = bench.run([bench.tracectl, "export", "--to", "branch-list", "--binary", binary, "-o", out, capture])
        equal("status", done.returncode, status)
        need(words in done.stderr.decode(), words, "is not in", done.stderr.decode())
        need(not os.path.exists(out), "a file was left")


if __name__ == "__main__":
    main({}, arm={"branch_list": [flow, threads, signals, libraries, barriers, repeatable, refusals]})
