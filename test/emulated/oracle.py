# SPDX-License-Identifier: MIT
"""The decoded instructions against QEMU's own log (-singlestep -d exec,nochain).

Two ways. Block mode: QEMU and tracectl run the program one after the other in the same
environment; tracectl's run is as users have it. Same run: the traced process itself logs, in
single steps; for threads and children, whose order no second run repeats."""
import os
import shutil
import subprocess

from common import equal, main, need


def run_compare(bench, log, decoded, *more):
    """compare's (count, hash, [begun])."""
    done = subprocess.run([bench.program("compare"), log, decoded, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    need(done.returncode == 0, f"compare {os.path.basename(log)}:", done.stderr.decode()[-1000:])
    return parse_compare(done.stdout)


def parse_compare(output):
    first, *rest = output.decode().splitlines()
    count, digest, extras = first.split()
    need(int(extras) == len(rest), "compare's own count")
    return int(count), digest, [int(line.split()[1], 16) for line in rest]


def oracle_command(bench, command, log):
    return [bench.qemu, "-singlestep", "-d", "in_asm,exec,nochain", "-D", log, "-0", command[0], *command]


def block(bench, command, begun=0, env=None, stdin=b"", sequence=True, timeout=280):
    """The whole comparison of a program with one thread. `begun`: how many instructions fault;
    a function: is told their addresses. Without `sequence` only the digests are compared."""
    env = env or bench.env
    capture = bench.trace(command, env=env, stdin=stdin, status=None, timeout=timeout)
    traced = bench.last
    info = bench.clean_info(capture)
    equal("threads", info["threads"], 1)
    fifo = bench.path("oracle.log")
    if os.path.exists(fifo):
        os.remove(fifo)
    os.mkfifo(fifo)
    arguments = [bench.program("compare"), fifo, "/dev/stdin" if sequence else "-"]
    script = None
    if sequence:
        script = subprocess.Popen([bench.tracectl, "script", "instructions", "--raw", capture], stdout=subprocess.PIPE)
    compare = subprocess.Popen(arguments, stdin=script.stdout if script else subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    if script:
        script.stdout.close()
    plain = bench.run(oracle_command(bench, command, fifo), env, stdin, timeout)
    out, err = compare.communicate(timeout=timeout)
    if script:
        script.wait(timeout=timeout)
    need(compare.returncode == 0, "compare:", err.decode()[-1000:])
    count, digest, extras = parse_compare(out)
    equal("output", traced.stdout, plain.stdout)
    equal("status", traced.returncode, plain.returncode if plain.returncode >= 0 else 128 - plain.returncode)
    if callable(begun):
        begun(extras)
    else:
        equal("instructions begun only", len(extras), begun)
    if not sequence:
        check_digests(bench, capture, count, digest)
        return f"{count} instructions, digests only"
    equal("info's instructions", info["instructions"], count)
    check_digests(bench, capture, count, digest)
    return f"{count} instructions"


def check_digests(bench, capture, count, digest):
    logged, decoded = bench.plugin_digests(), bench.digests(capture)
    equal("plugin's log", [line[1:] for line in logged], [(str(count), digest)])
    equal("decoded digests", decoded, logged)


def same_run(bench, command, begun=None, stdin=b"", status=0, timeout=280):
    """Runs with the process logging itself. Returns (capture, {tid: log path}, {tid: [address]})."""
    logs = bench.path("logs")
    shutil.rmtree(logs, ignore_errors=True)
    os.mkdir(logs)
    # The second name is that of QEMU 8.1 and later; each ignores the other's.
    env = dict(bench.env, QEMU_SINGLESTEP="1", QEMU_ONE_INSN_PER_TB="1", QEMU_LOG="in_asm,exec,nochain,tid", QEMU_LOG_FILENAME=logs + "/%d")
    capture = bench.trace(command, env=env, stdin=stdin, status=status, timeout=timeout)
    return capture, {int(name): os.path.join(logs, name) for name in os.listdir(logs)}


def raw_file(bench, capture):
    path = bench.path("decoded.txt")
    with open(path, "wb") as out:
        subprocess.run([bench.tracectl, "script", "instructions", "--raw", capture], stdout=out, check=True)
    return path


def threads_equal(bench, command, count=None, begun=0, status=0, died=False):
    """Every thread of one process, in its same run. One that died leaves no log of the plugin's."""
    capture, logs = same_run(bench, command, status=status)
    info = bench.clean_info(capture)
    decoded = raw_file(bench, capture)
    total, extras, lines = 0, 0, []
    for tid, log in sorted(logs.items()):
        n, digest, begun_here = run_compare(bench, log, decoded, str(tid), *logs.values())
        total += n
        extras += len(begun_here)
        lines.append((str(tid), str(n), digest))
    equal("instructions begun only", extras, begun)
    equal("info's instructions", info["instructions"], total)
    equal("threads", info["threads"], len(logs))
    if count is not None:
        equal("threads", len(logs), count)
    if not died:
        equal("plugin's log", bench.plugin_digests(), sorted(lines))
    equal("decoded digests", bench.digests(capture), sorted(lines))
    return f"{len(logs)} threads, {total} instructions"


# ---- flow ----

FLOW = ["loop", "recursion", "table", "pointers", "sort", "longjump", "text"]


def flow_dynamic(bench):
    return block(bench, [bench.program("flow"), *FLOW])


def flow_static(bench):
    return block(bench, [bench.program("flow_static"), *FLOW])


def flow_static_pie(bench):
    return block(bench, [bench.program("flow_static_pie"), *FLOW])


def exceptions_dynamic(bench):
    return block(bench, [bench.program("throws")])


def exceptions_static(bench):
    return block(bench, [bench.program("throws_static")])


def a_real_program(bench):
    return block(bench, ["/bin/ls", "-l", "/usr/lib/os-release"])


# ---- edges ----


def edges_dynamic(bench):
    return block(bench, [bench.program("edges")])


def edges_static(bench):
    return block(bench, [bench.program("edges_static")])


# ---- signals ----


def raised(bench):
    return block(bench, [bench.program("signals"), "raise", "nested", "longjump"])


def faults(bench):
    words = block(bench, [bench.program("signals"), "segv"], begun=10)
    return f"{words}; on other stacks: {block(bench, [bench.program('signals'), 'altstack'], begun=40)}"


def timer(bench):
    """A timer strikes anywhere, so no second run is alike; a `rep` may be begun, left and done again."""
    capture, logs = same_run(bench, [bench.program("signals"), "alarm"])
    bench.clean_info(capture)
    (tid, log), = logs.items()
    count, digest, begun = run_compare(bench, log, raw_file(bench, capture), str(tid))
    need(len(begun) <= 8, f"{len(begun)} instructions begun only")
    equal("decoded digest", bench.digests(capture), [(str(tid), str(count), digest)])
    return f"{count} instructions, {len(begun)} begun only"


def timer_in_blocks(bench):
    """As users have it; against the plugin's log alone."""
    capture = bench.trace([bench.program("signals"), "alarm"])
    bench.clean_info(capture)
    equal("decoded digests", bench.digests(capture), bench.plugin_digests())


# ---- threads ----


def four_threads(bench):
    return threads_equal(bench, [bench.program("threads")], 5)


def four_threads_static(bench):
    return threads_equal(bench, [bench.program("threads_static")], 5)


def eight_threads_in_turn(bench):
    return threads_equal(bench, [bench.program("threads"), "twice"], 9)


def threads_in_blocks(bench):
    capture = bench.trace([bench.program("threads"), "twice"])
    info = bench.clean_info(capture)
    equal("threads", info["threads"], 9)
    equal("decoded digests", bench.digests(capture), bench.plugin_digests())


# ---- code that the program makes ----

MADE = ["grow", "rewrite", "flip", "stack", "heap", "remap", "patch", "self", "across", "memfd", "file"]


def made_code(bench):
    """Each case alone; `jit` without arguments runs none of it."""
    return "; ".join(f"{case}: {block(bench, [bench.program('jit'), case])}" for case in MADE)


def made_code_in_threads(bench):
    return threads_equal(bench, [bench.program("jit"), "threads"], 2)


def threads_in_turns(bench):
    """No system call lies between one thread's writing and the other's running."""
    capture = bench.trace([bench.program("jit"), "turns"])
    bench.clean_info(capture)
    equal("decoded digests", bench.digests(capture), bench.plugin_digests())


def made_code_forked(bench):
    capture = bench.trace([bench.program("jit"), "fork"])
    equal("threads", bench.clean_info(capture)["threads"], 2)
    equal("decoded digests", bench.digests(capture), bench.plugin_digests())


def few_records(bench):
    """600 functions on three pages, or five: a page is stored when it is begun, and then filled. A program that makes no code
    stores none."""
    capture = bench.trace([bench.program("jit"), "grow"])
    with open(os.path.join(capture, "data"), "rb") as data:
        equal("records of made code", data.read().count(b"/images/generated-code\0"), 5 if bench.arm else 3)
    capture = bench.trace([bench.program("jit")])
    equal("images", os.listdir(os.path.join(capture, "images")), [])


def luajit(bench):
    if not shutil.which("luajit"):
        return "skipped: no luajit (apt-get install luajit)"
    program = """local s, t = 0, {}
for i = 1, 4000 do s = s + i % 7; if i % 3 == 0 then t[#t + 1] = i * 2 end end
local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end
for r = 1, 6 do local q = {} for i = 1, 90 do q[i] = tostring(i * r) end table.sort(q) s = s + #table.concat(q, ",") end
print(s, #t, f(14))"""
    words = threads_equal(bench, [shutil.which("luajit"), "-e", program], 1)  # it draws random numbers: no two runs are alike
    need(os.listdir(os.path.join(bench.path("capture"), "images")), "luajit compiled nothing")
    return words


# ---- children ----


def read_log(log, rep_logs):
    """The Trace addresses of a log, and which addresses are rep."""
    trace, rep = [], set()
    for name in rep_logs:
        with open(name, encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("Trace "):
                    if name == log:
                        trace.append(int(line.split("/")[1], 16))
                elif line.startswith("Stopped") and name == log:
                    trace.pop()
                elif line.startswith("0x") and " rep" in line:
                    rep.add(int(line.split(":")[0], 16))
    return trace, rep


def is_shuffle(trace, rep, streams):
    """Is `trace` an interleaving of all of `streams`? Keeps every state that is still possible."""
    lengths = tuple(len(s) for s in streams)
    states = {(0,) * len(streams)}
    for index, ip in enumerate(trace):
        following = set()
        for state in states:
            for i, at in enumerate(state):
                if at < lengths[i] and streams[i][at] == ip:
                    following.add(state[:i] + (at + 1,) + state[i + 1:])
                if at > 0 and ip in rep and streams[i][at - 1] == ip:
                    following.add(state)
        need(following, f"log line {index}: {ip:x} is next in no stream; positions {sorted(states)[:3]} of {lengths}")
        need(len(following) < 100000, "too many interleavings")
        states = following
    need(lengths in states, f"decoded more than was logged: {sorted(states)[-3:]} of {lengths}")


def programs_digests(bench, capture):
    """As the plugin logged them: a line for each program. On AArch64 the programs of a thread are one stream, with one digest."""
    logged, decoded = bench.plugin_digests(), bench.digests(capture)
    if not bench.arm:
        return equal("decoded digests", decoded, logged)
    of = {tid: [line for line in logged if line[0] == tid] for tid, _, _ in decoded}
    equal("threads with a log", sorted(of), sorted({line[0] for line in logged}))
    for tid, count, digest in decoded:
        equal(f"instructions of thread {tid}", int(count), sum(int(line[1]) for line in of[tid]))
        need(len(of[tid]) > 1 or of[tid][0][2] == digest, f"the digest of thread {tid}")
    return None


def family_equal(bench, command, processes, programs, begun_only=0):
    """A process and its children; a child logs into its parent's file until it starts a program."""
    capture, logs = same_run(bench, command)
    info = bench.clean_info(capture)
    streams = bench.instructions(capture)
    need(len(streams) == processes, f"{len(streams)} threads decoded, not {processes}; the program said {bench.last.stdout}")
    equal("programs that log", len(logs), programs)
    equal("info's instructions", info["instructions"], sum(len(s) for s in streams.values()))
    root = min(streams, key=lambda tid: (tid < max(streams) - 16384, tid))  # numbers begin anew behind the largest
    for tid, log in logs.items():
        if tid == root:
            continue
        trace, rep = read_log(log, logs.values())
        collapsed = [ip for i, ip in enumerate(trace) if not (i and trace[i - 1] == ip and ip in rep)]
        need(streams[tid][-len(collapsed):] == collapsed, f"thread {tid}: its program's instructions differ")
        del streams[tid][-len(collapsed):]
    trace, rep = read_log(logs[root], logs.values())
    is_shuffle(trace, rep, [streams[tid] for tid in sorted(streams)])
    programs_digests(bench, capture)
    return f"{processes} processes, {info['instructions']} instructions, {begun_only} begun only"


def fork(bench):
    return family_equal(bench, [bench.program("children"), "fork"], 4, 1)


def vfork_and_exec(bench):
    children = bench.program("children")
    words = family_equal(bench, [children, "vfork", children, "leaf", "a"], 2, 2)
    equal("output", bench.last.stdout, b"leaf 3\nvfork 7\n")
    return words


def script_file(bench):
    path = bench.path("script")
    with open(path, "w", encoding="ascii") as out:
        out.write(f"#! {bench.program('children')} leaf\n")
    os.chmod(path, 0o755)
    return path


def exec_of_a_script(bench):
    script = script_file(bench)
    words = family_equal(bench, [bench.program("children"), "exec", script, "b", "c"], 2, 2)
    equal("output", bench.last.stdout, b"leaf 5\nexec 7\n")
    return words


def run_of_a_script(bench):
    """The command itself is a script."""
    bench.trace([script_file(bench), "x"], status=7)
    equal("output", bench.last.stdout, b"leaf 4\n")
    bench.clean_info(bench.path("capture"))


def execveat(bench):
    children = bench.program("children")
    words = family_equal(bench, [children, "execveat", children, "leaf"], 2, 2)
    equal("output", bench.last.stdout, b"leaf 2\nexecveat 7\n")
    return words


def replaced(bench):
    """exec without fork: one thread, two programs."""
    children = bench.program("children")
    capture, logs = same_run(bench, [children, "replace", children, "leaf"], status=7)
    (tid, log), = logs.items()
    trace, rep = read_log(log, [log])
    collapsed = [ip for i, ip in enumerate(trace) if not (i and trace[i - 1] == ip and ip in rep)]
    stream = bench.instructions(capture)[tid]
    need(stream[-len(collapsed):] == collapsed and len(stream) > len(collapsed), "the second program's instructions differ")
    programs_digests(bench, capture)


def failed_exec(bench):
    refused = bench.path("refused")
    with open(refused, "w", encoding="ascii") as out:
        out.write("not a program\n")
    broken = bench.path("broken")
    shutil.copy(refused, broken)
    os.chmod(broken, 0o755)
    command = [bench.program("children"), "failed", "/nowhere/at/all", refused, bench.scratch, broken]
    words = block(bench, command)
    equal("output", bench.last.stdout, b"failed No such file or directory\n" + 2 * b"failed Permission denied\n"
          + b"failed Exec format error\n")
    return words


# ---- libraries ----


def two_libraries_in_turn(bench):
    plugs = [bench.program(f"plug_{n}.so") for n in ("one", "two", "one", "two")]
    return block(bench, [bench.program("libs"), "500", *plugs])


# ---- large ----


def sqlite_query(bench):
    if not shutil.which("sqlite3"):
        return "skipped: no sqlite3"
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) "
    bench.run(["/usr/bin/sqlite3", "t.db", f"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);{rows}"
               "INSERT INTO t SELECT i, 'row ' || (i*7919 % 3001), i/7.0 FROM n;"])
    query = b"SELECT count(*), sum(c) FROM t; SELECT b, c FROM t WHERE b LIKE '%99%' ORDER BY b LIMIT 5;\n" \
            b"SELECT a % 10, avg(c), max(b) FROM t GROUP BY 1 ORDER BY 2 DESC;\n"
    return block(bench, ["/usr/bin/sqlite3", "t.db"], stdin=query)


# The threading module alone would be millions of instructions of imports.
PYTHON = """
import _thread
found, locks = [], []
def work(n, lock):
    found.append(sum(i * i for i in range(n)))
    lock.release()
for n in range(3):
    locks.append(_thread.allocate_lock())
    locks[n].acquire()
    _thread.start_new_thread(work, (2000 + n, locks[n]))
for lock in locks:
    lock.acquire()
print(len(found))
"""


def python_threads(bench):
    return threads_equal(bench, ["/usr/bin/python3", "-I", "-S", "-c", PYTHON], 4)


def python_in_blocks(bench):
    capture = bench.trace(["/usr/bin/python3", "-I", "-c", PYTHON])
    bench.clean_info(capture)
    equal("decoded digests", bench.digests(capture), bench.plugin_digests())


def digests_only(bench, command, stdin=b""):
    capture = bench.trace(command, stdin=stdin, timeout=600)
    plain = bench.run(command, stdin=stdin)
    equal("output", bench.last.stdout, plain.stdout)
    logged, decoded = bench.plugin_digests(), bench.digests(capture)
    equal("decoded digests", decoded, logged)
    bench.clean_info(capture)
    return f"{sum(int(line[1]) for line in logged)} instructions"


def xz(bench):
    if not shutil.which("xz"):
        return "skipped: no xz"
    with open(bench.qemu, "rb") as file:
        data = file.read(60000)
    return digests_only(bench, ["/usr/bin/xz", "-6", "-T1", "-c"], data)


def cc1(bench):
    name = bench.run(["gcc", "-print-prog-name=cc1"]).stdout.decode().strip() if shutil.which("gcc") else ""
    if not os.path.isabs(name):
        return "skipped: no cc1"
    with open(bench.path("hello.c"), "w", encoding="ascii") as out:
        out.write("#include <stdio.h>\nint main(void) { for (int i = 0; i < 9; ++i) printf(\"%d\\n\", i); return 0; }\n")
    return digests_only(bench, [name, "-quiet", "-imultiarch", "x86_64-linux-gnu", "-O2", "hello.c", "-o", "-"])


def deaths(bench):
    """A program that a signal ends decodes up to its last executed instruction; the one that faults only began."""
    counts = []
    for end, status, begun in (("crash", 139, 1), ("abort", 134, 0), ("term", 143, 0), ("kill", 137, 0)):
        counts.append(threads_equal(bench, [bench.program("ring"), "1", "2000", end], 1, begun, status, died=True))
    return "; ".join(counts)


def deaths_on_arm(bench):
    """The trace unit's last word is of the last branch: what ran straight on behind it is not told, and nothing else lacks."""
    told = []
    for end, status in (("crash", 139), ("abort", 134), ("term", 143), ("kill", 137)):
        capture, logs = same_run(bench, [bench.program("ring"), "1", "2000", end], status=status)
        bench.clean_info(capture)
        (tid, log), = logs.items()
        logged, decoded = read_log(log, [log])[0], bench.instructions(capture)[tid]
        need(decoded == logged[:len(decoded)], f"{end}: decoded what was not logged")
        left = logged[len(decoded) - 1:]
        need(all(b == a + 4 for a, b in zip(left, left[1:])), f"{end}: a branch was not decoded: {[hex(ip) for ip in left]}")
        need(len(left) < 40, f"{end}: {len(left)} instructions were not decoded")
        told.append(len(left) - 1)
    return f"instructions behind the last branch: {told}"


if __name__ == "__main__":
    main({
        "flow": [flow_dynamic, flow_static, flow_static_pie, exceptions_dynamic, exceptions_static, a_real_program],
        "edges": [edges_dynamic, edges_static],
        "signals": [deaths, raised, faults, timer, timer_in_blocks],
        "threads": [four_threads, four_threads_static, eight_threads_in_turn, threads_in_blocks],
        "children": [fork, vfork_and_exec, exec_of_a_script, run_of_a_script, execveat, replaced, failed_exec],
        "libraries": [two_libraries_in_turn],
        "code": [made_code, made_code_in_threads, threads_in_turns, made_code_forked, few_records, luajit],
        "sqlite": [sqlite_query],
        "python": [python_threads, python_in_blocks],
        "xz": [xz],
        "cc1": [cc1],
    }, arm={
        "flow": [flow_dynamic, exceptions_dynamic],
        "signals": [deaths_on_arm, raised, faults, timer, timer_in_blocks],
        "threads": [four_threads, eight_threads_in_turn, threads_in_blocks],
        "children": [fork, vfork_and_exec, exec_of_a_script, run_of_a_script, execveat, replaced, failed_exec],
        "code": [made_code, made_code_in_threads, threads_in_turns, made_code_forked, few_records],
    })
