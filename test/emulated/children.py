# SPDX-License-Identifier: MIT
"""Children: every process is traced and decodes; what the program does is what it does without us."""
import os
import shutil
import signal
import struct

from common import equal, main, need


def names(bench, capture):
    """Names of all COMM records of the capture's data file."""
    found = set()
    with open(os.path.join(capture, "data"), "rb") as file:
        data = file.read()
    # perf.data: header of 104 bytes; its data section's offset and size at bytes 40 and 48.
    at, size = struct.unpack_from("<QQ", data, 40)
    end = at + size
    while at + 8 <= end:
        kind, _, length = struct.unpack_from("<IHH", data, at)
        if length < 8:
            break
        if kind == 3:  # PERF_RECORD_COMM: pid, tid, name
            found.add(data[at + 16:at + length].split(b"\0")[0].decode())
        if kind == 71:  # PERF_RECORD_AUXTRACE: its bytes follow
            length += struct.unpack_from("<Q", data, at + 8)[0]
        at += length
    return found


def alike(bench, command, stdin=b"", allowed=(), check_digests=True, timeout=280):
    """Runs with and without tracectl: same output and status, no decode errors; (info, capture)."""
    plain = bench.run(command, stdin=stdin)
    capture = bench.trace(command, stdin=stdin, status=None, timeout=timeout)
    status = plain.returncode if plain.returncode >= 0 else 128 - plain.returncode
    equal(f"status of {command}", bench.last.returncode, status)
    equal(f"output of {command}", bench.last.stdout, plain.stdout)
    info = bench.clean_info(capture, allowed)
    if check_digests:
        # A program that a signal ends logs nothing.
        decoded, logged = bench.digests(capture), bench.plugin_digests()
        need(logged, "the plugin logged nothing")
        equal("logged digests that were not decoded so", [line for line in logged if line not in decoded], [])
    return info, capture


# ---- shell ----


def pipeline(bench):
    info, capture = alike(bench, ["/bin/bash", "-c", "seq 1 2000 | sort -rn | head -n 3; exit 5"])
    for name in ("bash", "seq", "sort", "head"):
        need(name in names(bench, capture), f"no COMM {name} in {names(bench, capture)}")
    need(info["threads"] >= 4, f"{info['threads']} threads")
    return f"{info['threads']} threads, {info['instructions']} instructions"


def pipe_status(bench):
    alike(bench, ["/bin/bash", "-c", "set -o pipefail; false | cat; echo $?; echo a | (read x; echo got $x; exit 9)"])


def standard_input(bench):
    text = bytes(range(256)) * 2000
    alike(bench, ["/bin/cat"], stdin=text)
    equal("cat's output", bench.last.stdout, text)
    alike(bench, ["/bin/sh", "-c", "read line; echo \"<$line>\"; cat | wc -c"], stdin=b"first\n" + text)


def substitution(bench):
    alike(bench, ["/bin/sh", "-c", "for i in 1 2 3; do x=$(echo $i | tr 1-3 a-c); echo $x; done; (exit 3)"])


def standard_error(bench):
    bench.trace(["/bin/sh", "-c", "echo out; echo err >&2"])
    equal("stdout", bench.last.stdout, b"out\n")
    equal("stderr", bench.last.stderr, b"err\n")


def signal_status(bench):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGINT):
        bench.trace(["/bin/sh", "-c", f"kill -{int(number)} $$"], status=128 + number)
        bench.clean_info(bench.path("capture"))
    alike(bench, ["/bin/bash", "-c", "sh -c 'kill -9 $$'; echo $?; sh -c 'exit 200'; echo $?"])


def cannot_start(bench):
    plain = bench.path("plain")
    with open(plain, "w", encoding="ascii") as out:
        out.write("words\n")
    bench.trace(["/no/such/program"], status=127)
    need(b"/no/such/program" in bench.last.stderr, "127 without a reason")
    bench.trace(["no-such-program-in-path"], status=127)
    bench.trace([plain], status=126)
    bench.trace([bench.scratch], status=126)


def descriptors(bench):
    """The program sees the descriptors that it has under plain QEMU."""
    code = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    command = ["/usr/bin/python3", "-I", "-S", "-c", code]
    plain = bench.run([bench.qemu, *command])
    bench.trace(command)
    equal("descriptors", bench.last.stdout, plain.stdout)
    shell = ["/bin/sh", "-c", "ls /proc/self/fd; ls /proc/self/fd | cat"]
    plain = bench.run(shell)
    bench.trace(shell)
    equal("descriptors of children", bench.last.stdout, plain.stdout)


# ---- programs ----


def fork_and_exec(bench):
    children = bench.program("children")
    script = bench.path("script")
    with open(script, "w", encoding="ascii") as out:
        out.write(f"#!{children} leaf\n")
    os.chmod(script, 0o755)
    for words in (["fork"], ["vfork", children, "leaf"], ["exec", script, "x"], ["replace", children, "leaf"]):
        info, _ = alike(bench, [children, *words])
        equal("threads", info["threads"], {"fork": 4, "replace": 1}.get(words[0], 2))


def many_children(bench):
    """Short-lived ones, one after the other and side by side."""
    info, _ = alike(bench, ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; /bin/true & /bin/true & wait"])
    equal("threads", info["threads"], 13)


def other_architecture(bench):
    """A file of another machine is handed to the kernel, untraced, counted, said once."""
    foreign = bench.path("foreign")
    with open("/bin/true", "rb") as file:
        data = bytearray(file.read())
    data[18:20] = struct.pack("<H", 183)  # e_machine: AArch64
    with open(foreign, "wb") as out:
        out.write(data)
    os.chmod(foreign, 0o755)
    info, _ = alike(bench, ["/bin/sh", "-c", f"{foreign} 2>/dev/null; echo $?; /bin/true; echo end"],
                    allowed=("untraced_program",), check_digests=False)
    need(info["loss"]["untraced_program"] >= 1, "not counted")


def this_computers_own(bench):
    """An AArch64 program starts one of this computer's processor: it runs, untraced, and is counted."""
    bench.trace([bench.program("children"), "exec", "/bin/echo", "hello"])
    equal("output", bench.last.stdout, b"hello\nexec 0\n")
    info = bench.clean_info(bench.path("capture"), ("untraced_program",))
    equal("untraced programs", info["loss"]["untraced_program"], 1)
    equal("threads", info["threads"], 2)


def set_user_id(bench):
    """A set-user-ID program runs on untraced, and is counted."""
    if os.geteuid() != 0:
        return "skipped: only root can make a program of another user"
    tool = bench.path("tool")
    shutil.copy("/bin/echo", tool)
    os.chmod(bench.scratch, 0o755)
    os.chown(tool, 65534, -1)
    os.chmod(tool, 0o4755)
    if not os.stat(tool).st_mode & 0o4000:
        return "skipped: this file system takes no set-user-ID bit"
    info, _ = alike(bench, ["/bin/sh", "-c", f"{tool} hello; echo end"], allowed=("untraced_program",), check_digests=False)
    equal("untraced programs", info["loss"]["untraced_program"], 1)
    equal("output", bench.last.stdout, b"hello\nend\n")
    return None


def not_followed(bench):
    """follow = false: the children run untraced."""
    path = bench.path("plan.toml")
    with open(path, "w", encoding="ascii") as out:
        out.write("plan = 1\n[target]\nfollow = false\n")
    bench.trace([bench.program("children"), "fork"], [path])
    equal("output", bench.last.stdout, b"fork 3\nfork 4\nfork 5\n")
    equal("threads", bench.clean_info(bench.path("capture"))["threads"], 1)


def fail_on_loss(bench):
    bench.trace(["/bin/true"], ["--fail-on-loss"], status=0)


# ---- gcc, python ----


def gcc(bench):
    if not shutil.which("gcc"):
        return "skipped: no gcc"
    with open(bench.path("hello.c"), "w", encoding="ascii") as out:
        out.write("extern int puts(const char*);\nint main(void) { puts(\"hello\"); return 6; }\n")
    capture = bench.trace(["gcc", "-O1", "hello.c", "-o", "hello"], timeout=280)
    info = bench.clean_info(capture)
    seen = names(bench, capture)
    for name in ("gcc", "cc1", "as", "ld"):
        need(any(s == name or s.endswith("-" + name) or (name == "ld" and s.startswith("ld")) for s in seen),
             f"no COMM {name} in {seen}")
    hello = bench.run([bench.path("hello")])
    equal("hello", (hello.returncode, hello.stdout), (6, b"hello\n"))
    equal("decoded digests", bench.digests(capture), bench.plugin_digests())
    return f"{info['threads']} threads, {info['instructions']} instructions, {', '.join(sorted(seen))}"


POOL = """
import multiprocessing as m
def square(n):
    return n * n
if __name__ == "__main__":
    with m.Pool(2) as pool:
        print(pool.map(square, range(20)))
"""


def multiprocessing(bench):
    with open(bench.path("pool.py"), "w", encoding="ascii") as out:
        out.write(POOL)
    info, _ = alike(bench, ["/usr/bin/python3", "-I", bench.path("pool.py")])
    need(info["threads"] >= 3, f"{info['threads']} threads")
    return f"{info['threads']} threads, {info['instructions']} instructions"


if __name__ == "__main__":
    main({
        "shell": [pipeline, pipe_status, standard_input, substitution, standard_error, signal_status, cannot_start, descriptors],
        "programs": [fork_and_exec, many_children, other_architecture, set_user_id, not_followed, fail_on_loss],
        "gcc": [gcc],
        "python": [multiprocessing],
    }, arm={"programs": [this_computers_own, not_followed]})
