# SPDX-License-Identifier: MIT
"""export --to llvm-prof: place by place what LLVM's own llvm-profgen and Google's create_llvm_prof make of the same counts,
the same by DWARF 4 and 5, and a profile that clang takes."""
import collections
import os
import re
import shutil

from common import SOURCES, equal, main, need

PROFILING = ["-fdebug-info-for-profiling"]
TOOLS = {"clang-14": "clang-14", "llvm-profdata-14": "llvm-14", "llvm-profgen-14": "llvm-14", 
         "create_llvm_prof": "autofdo", "objcopy": "binutils", "strip": "binutils",
         "aarch64-linux-gnu-objcopy": "g++-aarch64-linux-gnu", "aarch64-linux-gnu-strip": "g++-aarch64-linux-gnu"}


def lacking(*tools):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return f"skipped: no {', '.join(missing)} (apt-get install {' '.join(sorted({TOOLS[t] for t in missing}))})" if missing else ""


def compiled(bench, name, *flags, own="own"):
    """The program of programs/lines. `own`: another name for steps.c's function that main.c has one of too."""
    directory, objects = bench.path(name + ".objects"), []
    target = ["--target=aarch64-linux-gnu"] if bench.arm else []
    os.makedirs(directory)
    for source in ("main.c", "steps.c", "shapes.cpp"):
        objects.append(os.path.join(directory, source + ".o"))
        options = [f"-Down={own}"] if source == "steps.c" else []
        done = bench.run(["clang-14", *target, "-O2", *flags, *options, "-c", os.path.join(SOURCES, "lines", source), "-o",
                          objects[-1]])
        equal(f"compiling {source}", (done.returncode, done.stderr), (0, b""))
    binary = bench.path(name)
    done = bench.run(["clang-14", *target, *(["-static"] if bench.arm else []), "-o", binary, *objects, "-lstdc++", "-lm"])
    equal("linking " + name, (done.returncode, done.stderr), (0, b""))
    return binary


def exported(bench, capture, binary, to="llvm-prof"):
    """The file's path; no warning may come with it."""
    path = f"{capture}.{os.path.basename(binary)}.{to}"
    done = bench.run([bench.tracectl, "export", "--to", to, "--binary", binary, "-o", path, capture])
    told = done.stderr.decode()
    need(done.returncode == 0 and re.fullmatch(r"tracectl: \d+ instructions and \d+ taken branches of [^\n]+\n", told),
         "export --to", to, "ends with", done.returncode, "and says", told)
    return path


def made(bench, name, *flags, **more):
    """(binary, capture, path of the profile)."""
    binary = compiled(bench, name, *flags, **more)
    capture = bench.trace([binary], name=name + ".capture")
    return binary, capture, exported(bench, capture, binary)


def read(path):
    """{function: head count}, {(function, place, callee, place, ...): (count, {target: count})} of a profile as text."""
    with open(path, "rb") as file:
        raw = file.read().split(b"\n")
    lines = []  # create_llvm_prof garbles names, with line ends in them
    for line in raw:
        if re.match(rb" *\d+(\.\d+)?: ", line) or re.fullmatch(rb"[^ ]\S*:\d+:\d+", line) or not lines:
            lines.append(line)
        elif line:
            lines[-1] += b"\n" + line
    heads, counts, path = {}, {}, ()
    for line in lines:
        place = re.match(rb"( +)(\d+)(?:\.(\d+))?: (.*)", line, re.S)
        if place is None:
            name, _, head = line.decode().rsplit(":", 2)
            heads[name], path = int(head), (name,)
            continue
        here = path[:2 * len(place[1]) - 1] + ((int(place[2]), int(place[3] or 0)),)
        body = re.fullmatch(rb"(\d+)((?: \S+:\d+)*)", place[4])
        if body:
            targets = dict(word.rsplit(b":", 1) for word in body[2].split())
            counts[here] = int(body[1]), {name.decode(): int(count) for name, count in targets.items()}
        else:
            path = here + (place[4].rsplit(b":", 1)[0].decode("latin-1"),)
    return heads, counts


def differences(ours, theirs):
    return [(path, ours.get(path), theirs.get(path)) for path in sorted(ours.keys() | theirs.keys(), key=str)
            if ours.get(path) != theirs.get(path)]


def unsymbolized(bench, binary, capture):
    """Our counts as llvm-profgen reads them: addresses count from the first segment with code."""
    loads = re.findall(r"LOAD\s+\w+ 0x(\w+) \w+ \w+ \w+ (R.E)?", bench.run(["readelf", "-lW", binary]).stdout.decode())
    shift = next(int(address, 16) for address, code in loads if code) - int(loads[0][0], 16)
    with open(exported(bench, capture, binary, "autofdo"), encoding="ascii") as file:
        found = re.findall(r"^([0-9a-f]+)(->?)([0-9a-f]+):(\d+)$", file.read(), re.M)
    path = bench.path("unsymbolized")
    with open(path, "w", encoding="ascii") as file:
        for kind in ("-", "->"):
            rows = [f"{int(a, 16) - shift:x}{between}{int(b, 16) - shift:x}:{count}" for a, between, b, count in found
                    if between == kind]
            file.write("\n".join([str(len(rows)), *rows]) + "\n")
    return path


def overlap(bench, base, test):
    done = bench.run(["llvm-profdata-14", "overlap", "--sample", base, test])
    equal("llvm-profdata overlap", done.returncode, 0)
    return float(re.search(r"profile similarity: ([\d.]+)%", done.stdout.decode())[1])


def profgen(bench):
    """llvm-profgen, with LLVM's disassembler and LLVM's reader of DWARF 5: every line, every target."""
    if words := lacking("clang-14", "llvm-profgen-14", "llvm-profdata-14"):
        return words
    binary, capture, profile = made(bench, "lines", "-gdwarf-5", *PROFILING, own="own_of_steps")
    theirs_in = bench.path("theirs")
    done = bench.run(["llvm-profgen-14", f"--unsymbolized-profile={unsymbolized(bench, binary, capture)}", f"--binary={binary}",
                      f"--output={theirs_in}", "--format=text"])
    equal("llvm-profgen", (done.returncode, done.stdout), (0, b""))
    our_heads, ours = read(profile)
    their_heads, theirs = read(theirs_in)
    need(len(theirs) > 200, "few lines:", len(theirs))
    equal("lines that differ", differences(ours, theirs), [])
    # Entered from libc, which their branches do not tell.
    equal("entered from outside", [f for f in our_heads if our_heads[f] != their_heads[f]], ["main", "compare"]
          if list(our_heads).index("main") < list(our_heads).index("compare") else ["compare", "main"])
    equal("main is entered", our_heads["main"], 1)
    similar = overlap(bench, theirs_in, profile)
    need(similar > 99, "overlap:", similar)
    return f"{len(ours)} lines in {len(our_heads)} functions; overlap {similar} %"


def create_llvm_prof(bench):
    """Google's tool by DWARF 4: the same counts, function by function and place by place. Debian's (0.19) garbles the names
    of what was inlined, so places are compared without them."""
    if words := lacking("clang-14", "create_llvm_prof"):
        return words
    binary, capture, profile = made(bench, "lines", "-gdwarf-4", *PROFILING, own="own_of_steps")
    theirs_in = bench.path("theirs")
    done = bench.run(["create_llvm_prof", "--profiler", "text", "--profile", exported(bench, capture, binary, "autofdo"), "--binary",
                      binary, "--format", "text", "--out", theirs_in])
    equal("create_llvm_prof", done.returncode, 0)

    def by_place(counts):
        out = collections.Counter()
        for path, (count, _) in counts.items():
            out[(path[0], *path[1::2])] += count
        return out

    (_, ours), (_, theirs) = read(profile), read(theirs_in)
    both = {path[0] for path in ours} & {path[0] for path in theirs}
    need(both >= {"main", "by_case", "by_pointer", "fibonacci", "own", "of_shapes"}, "functions:", both)
    ours, theirs = ({k: v for k, v in by_place(counts).items() if k[0] in both} for counts in (ours, theirs))
    equal("places that differ", differences(ours, theirs), [])
    return f"{len(ours)} places in {len(both)} functions"


def sampled(bench):
    """perf's samples of the same trace through llvm-profgen: near to the whole. They are 64 branches every 1000 instructions,
    so code with long blocks is over-represented."""
    if words := lacking("clang-14", "llvm-profgen-14", "llvm-profdata-14"):
        return words
    if not shutil.which("perf") or bench.run(["perf", "version"]).returncode != 0:
        return "skipped: perf is not installed (apt-get install linux-perf)"
    binary, capture, profile = made(bench, "lines", "-gdwarf-5", *PROFILING, own="own_of_steps")
    inject = bench.run(["perf", "inject", "-i", capture, "--itrace=i1000il64", "-o", bench.path("injected")])
    equal("perf inject", inject.returncode, 0)
    script = bench.run(["perf", "script", "-i", bench.path("injected"), "-F", "ip,brstack", "--show-mmap-events"])
    with open(bench.path("script"), "wb") as file:
        file.write(script.stdout)
    done = bench.run(["llvm-profgen-14", f"--perfscript={bench.path('script')}", f"--binary={binary}",
                      f"--output={bench.path('theirs')}", "--format=text"])
    equal("llvm-profgen", done.returncode, 0)
    _, theirs = read(bench.path("theirs"))
    _, ours = read(profile)
    whole, total = sum(c for c, _ in ours.values()), sum(c for c, _ in theirs.values())
    similar = 100 * sum(min(ours.get(path, (0,))[0] / whole, count / total) for path, (count, _) in theirs.items())
    need(similar > 90, "similarity:", similar)
    return f"{similar:.1f} %"


def debug_information(bench):
    """DWARF 4 and 5, in the program, beside it, in .dwo files: the same profile, which LLVM's writer writes just so."""
    objcopy, strip = (f"aarch64-linux-gnu-{tool}" if bench.arm else tool for tool in ("objcopy", "strip"))
    if words := lacking("clang-14", "llvm-profdata-14", objcopy, strip):
        return words
    binary, capture, profile = made(bench, "four", "-gdwarf-4", *PROFILING)
    with open(profile, "rb") as file:
        wanted = file.read()
    merged = bench.path("merged")
    equal("merge", bench.run(["llvm-profdata-14", "merge", "--sample", "--text", "-o", merged, profile]).returncode, 0)
    with open(merged, "rb") as file:
        equal("LLVM's bytes of it", file.read(), wanted)
    for name, flags in (("five", ["-gdwarf-5"]), ("dwo", ["-gdwarf-5", "-gsplit-dwarf"])):
        with open(made(bench, name, *flags, *PROFILING)[2], "rb") as file:
            need(file.read() == wanted, name, "differs")
    link = bench.path("four.debug")
    for command in ([objcopy, "--only-keep-debug", binary, link], [strip, binary],
                    [objcopy, f"--add-gnu-debuglink={link}", binary]):
        equal(command[0], bench.run(command).returncode, 0)
    with open(exported(bench, bench.trace([binary], name="split"), binary), "rb") as file:
        need(file.read() == wanted, ".gnu_debuglink differs")
    os.remove(link)
    return f"{len(wanted)} bytes"


def compilers(bench):
    """clang takes it: no warning, and functions are entered as often as they were."""
    if words := lacking("clang-14"):
        return words
    _, _, profile = made(bench, "lines", "-gdwarf-5", *PROFILING)
    heads, _ = read(profile)
    target = ["--target=aarch64-linux-gnu"] if bench.arm else []
    wanted = {"main": 1, "by_case": 20 * 400, "by_pointer": 20 * 25, "fibonacci": 1219, "skip_until": 30, "sort_numbers": 1,
              "_ZN6shapes6StairsC2Ej": 100}
    need(heads["own"] > 20 * 400, "of main.c's and steps.c's functions of one name, both count:", heads["own"])
    need(heads["compare"] > 500, "qsort calls it:", heads["compare"])
    equal("heads", {name: heads[name] for name in wanted}, wanted)
    out = bench.path("out.ll")
    for source, names in (("steps.c", ["fibonacci", "by_case", "by_pointer"]), ("shapes.cpp", ["_ZN6shapes6StairsC2Ej"])):
        done = bench.run(["clang-14", *target, "-O2", "-g", *PROFILING, f"-fprofile-sample-use={profile}", "-Wall", "-S",
                          "-emit-llvm", "-o", out, os.path.join(SOURCES, "lines", source)])
        equal(source, (done.returncode, done.stderr), (0, b""))
        with open(out, encoding="utf-8") as file:
            text = file.read()
        for name in names:
            numbers = re.search(rf"define[^\n]* @{name}\([^\n]* !prof !(\d+)", text)
            need(numbers, name, "has no profile")
            count = int(re.search(rf'^!{numbers[1]} = !{{!"function_entry_count", i64 (\d+)}}', text, re.M)[1])
            need(0 <= count - heads[name] <= 1, f"{name}: {count} entries of {heads[name]}")
    return f"fibonacci {heads['fibonacci']}"


def refusals(bench):
    """What debug information does not tell is an error or a warning that says so."""
    if words := lacking("clang-14", "strip"):
        return words

    def told(name, words, status, *flags):
        binary = compiled(bench, name, *flags)
        capture = bench.trace([binary], name=name + ".capture")
        if name == "stripped":
            equal("strip", bench.run(["strip", binary]).returncode, 0)
        out = bench.path("refused.prof")
        done = bench.run([bench.tracectl, "export", "--to", "llvm-prof", "--binary", binary, "-o", out, capture])
        equal("status", (name, done.returncode), (name, status))
        need(words in done.stderr.decode(), words, "is not in", done.stderr.decode())
        need(os.path.exists(out) == (status == 0), name, "leaves a file" if status else "leaves no file")

    told("none", "no debug information (DWARF)", 1, "-g0")
    told("stripped", "before `strip`", 1, "-g", *PROFILING)
    told("lines_alone", "where the executed functions are declared", 1, "-gline-tables-only")
    told("plain", "no discriminators", 0, "-g")


if __name__ == "__main__":
    main({"llvm_prof": [profgen, create_llvm_prof, sampled, debug_information, compilers, refusals]},
         arm={"llvm_prof": [create_llvm_prof, debug_information, compilers]})
