# SPDX-License-Identifier: MIT
"""perf script decodes our captures to the same instructions, and says nothing on stderr.

Every difference is listed. Accepted: one instruction at a discontinuity, which is where one
side has a system call or a far branch just before or just behind it."""
import shutil
import subprocess

from common import equal, main, need

SHOWN = 20
NO_UNWINDING = "unwind: target platform=arm64 is not supported"  # a perf that is built so


def every_instruction(bench):
    return "i1i" if bench.arm else "i0ns"  # perf's CoreSight decoder never ends with the second


def perf_instructions(bench, capture, accepted=()):
    """{tid: [address]} as perf sees them; `perf script` is quiet, but for lines that begin as one that is accepted."""
    command = ["perf", "script", "-i", capture, f"--itrace={every_instruction(bench)}", "-F", "tid,event,ip"]
    errors = bench.path("perf.err")
    out = {}
    with open(errors, "wb") as err, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL,
                                                     env=bench.env) as perf:
        for line in perf.stdout:
            words = line.split()
            if len(words) == 3 and words[1].startswith(b"instructions"):  # not the triggers' own samples
                out.setdefault(int(words[0]), []).append(int(words[2], 16))
    equal("perf's status", perf.returncode, 0)
    with open(errors, "rb") as err:
        told = [line for line in err.read().decode().splitlines() if line and not (bench.arm and line.startswith((NO_UNWINDING, *accepted)))]
    equal("perf's stderr", told, [])
    return out


def discontinuities(bench, capture):
    """Addresses of the instructions that end or begin a stretch of trace."""
    out = set()
    for line in bench.view("script", "branches", capture).splitlines():
        words = line.split()
        if len(words) > 2 and words[1] in ("syscall", "far"):
            out.add(int(words[2], 16))
    return out


def differences(ours, perfs):
    """[(index, ours or None, perf's or None)]: what one side alone has."""
    out, i, j = [], 0, 0
    while i < len(ours) or j < len(perfs):
        if i < len(ours) and j < len(perfs) and ours[i] == perfs[j]:
            i, j = i + 1, j + 1
            continue
        for ahead in range(1, 64):
            if ours[i + ahead:i + ahead + 8] == perfs[j:j + 8]:
                out += [(i + k, ours[i + k], None) for k in range(ahead)]
                i += ahead
                break
            if ours[i:i + 8] == perfs[j + ahead:j + ahead + 8]:
                out += [(i, None, perfs[j + k]) for k in range(ahead)]
                j += ahead
                break
        else:
            out.append((i, ours[i] if i < len(ours) else None, perfs[j] if j < len(perfs) else None))
            return out
    return out


def same(bench, command, options=(), stdin=b"", status=0):
    if not shutil.which("perf") or bench.run(["perf", "version"]).returncode != 0:
        return "skipped: perf is not installed (apt-get install linux-perf)"
    capture = bench.trace(command, options, stdin=stdin, status=status)
    ours, perfs = bench.instructions(capture), perf_instructions(bench, capture)
    equal("threads", sorted(perfs), sorted(ours))
    total, accepted, refused = 0, 0, []
    ends = None
    for tid, sequence in ours.items():
        total += len(sequence)
        if sequence == perfs[tid]:
            continue
        ends = discontinuities(bench, capture) if ends is None else ends
        found = differences(sequence, perfs[tid])
        for n, (index, mine, theirs) in enumerate(found):
            alone = n == 0 or found[n - 1][0] + 1 < index
            near = ends.intersection(sequence[max(0, index - 1):index + 2])
            print(f"  thread {tid}, instruction {index}: ours {mine and hex(mine)}, perf's {theirs and hex(theirs)}")
            if alone and near:
                accepted += 1
            else:
                refused.append(index)
            if n >= SHOWN:
                break
    need(not refused, f"{len(refused)} differences that no discontinuity explains")
    return f"{total} instructions, {accepted} differences at discontinuities"


def flow(bench):
    return same(bench, [bench.program("flow"), "loop", "recursion", "pointers", "longjump", "text"], status=None)


def edges(bench):
    return same(bench, [bench.program("edges")])


def exceptions(bench):
    return same(bench, [bench.program("throws")])


def signals(bench):
    return same(bench, [bench.program("signals"), "raise", "nested", "longjump", "segv", "alarm"])


def threads(bench):
    return same(bench, [bench.program("threads"), "twice"])


def children(bench):
    return same(bench, [bench.program("children"), "vfork", bench.program("children"), "leaf"])


def libraries(bench):
    plugs = [bench.program(f"plug_{n}.so") for n in ("one", "two", "one", "two")]
    return same(bench, [bench.program("libs"), "500", *plugs])


def windows(bench):
    return same(bench, [bench.program("windows"), "calls", "300"], ["--window", "function=windows:leaf"])


def sqlite(bench):
    if not shutil.which("sqlite3"):
        return "skipped: no sqlite3"
    query = b"CREATE TABLE t(a,b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<4000)" \
            b"INSERT INTO t SELECT i, i*7919 % 3001 FROM n; SELECT b % 10, sum(a) FROM t GROUP BY 1 ORDER BY 2;\n"
    return same(bench, ["/usr/bin/sqlite3"], stdin=query)


def python(bench):
    code = "import _thread, time\nfor n in range(2): _thread.start_new_thread(sum, (range(1000),))\ntime.sleep(0.2)"
    return same(bench, ["/usr/bin/python3", "-I", "-S", "-c", code])


def made_code(bench):
    cases = "grow rewrite flip stack heap remap patch self across memfd file threads turns fork".split()
    return "; ".join(f"{case}: {same(bench, [bench.program('jit'), case])}" for case in cases)


def luajit(bench):
    if not shutil.which("luajit"):
        return "skipped: no luajit (apt-get install luajit)"
    return same(bench, [shutil.which("luajit"), "-e", "local s = 0 for i = 1, 3000 do s = s + #tostring(i) end print(s)"])


if __name__ == "__main__":
    main({"small": [flow, edges, exceptions, signals, threads, children, libraries, windows], "code": [made_code, luajit],
          "large": [sqlite, python]})
