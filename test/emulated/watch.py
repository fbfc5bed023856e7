# SPDX-License-Identifier: MIT
"""Watchpoints: exactly as many hits as the program makes accesses, and windows that begin behind one."""
import os

from common import equal, main, need
from oracle import oracle_command

N = 50


def trigger(on, action, access, length, more=""):
    size = f"len = {length}\n" if length else ""
    return f'[[trigger]]\non = "{on}"\ndo = "{action}"\naccess = "{access}"\n{size}{more}'


def trace(bench, command, text, allowed=()):
    path = bench.path("plan.toml")
    with open(path, "w", encoding="utf-8") as out:
        out.write("plan = 1\n" + text)
    capture = bench.trace(command, [path])
    return capture, bench.clean_info(capture, allowed)


def hits(bench, command, on, access, length, wanted):
    """Each hit resumes and pauses again: a window with nothing in it."""
    text = trigger(on, "resume", access, length) + trigger(on, "pause", access, length)
    _, info = trace(bench, command, text)
    equal(f"hits of {on} {access} len {length} in {' '.join(command[1:])}", info["windows"], wanted)
    equal("open windows", info["open_windows"], 0)


def each(bench, case, on, access, length, wanted):
    """Of one round of the case; position-independent and not."""
    for program in ("watch", "watch_static"):
        hits(bench, [bench.program(program), case, str(N)], f"breakpoint:{program}:{on}", access, length, wanted * N)


def writes_and_reads(bench):
    for length in (1, 2, 4, 8):
        each(bench, "reads", "counter", "w", length, 1)
        each(bench, "reads", "counter", "rw", length, 3)
    each(bench, "reads", "counter+4", "rw", 4, 3)
    each(bench, "reads", "counter+7", "w", 1, 1)
    each(bench, "reads", "counter", "w", None, 1)


def one_instruction_hits_once(bench):
    for access in ("w", "rw"):
        each(bench, "adds", "counter", access, 8, 1)
        each(bench, "atomics", "counter", access, 8, 2)


def parts_of_it(bench):
    each(bench, "partial", "bytes+8", "w", 8, 7)
    each(bench, "partial", "bytes+8", "w", 4, 5)
    each(bench, "partial", "bytes+12", "w", 4, 4)
    each(bench, "partial", "bytes+8", "w", 1, 4)
    each(bench, "partial", "bytes+14", "w", 2, 3)


def sixteen_bytes(bench):
    for length in (1, 2, 4, 8):
        each(bench, "wide", "bytes+8", "w", length, 2)
        each(bench, "wide", "bytes+8", "rw", length, 3)
    each(bench, "wide", "bytes+16", "w", 1, 1)
    each(bench, "wide", "bytes+16", "w", 8, 2)
    each(bench, "wide", "bytes+32", "w", 1, 2)


def repetitions(bench):
    each(bench, "rep", "bytes+8", "w", 8, 8 + 1)
    each(bench, "rep", "bytes+8", "w", 4, 4 + 1)
    each(bench, "rep", "bytes+16", "w", 8, 4 + 1)
    each(bench, "rep", "bytes+32", "w", 8, 4)
    each(bench, "rep", "bytes+20", "rw", 4, 1)


def exclusives(bench):
    """A store that is not done, for another came before it, is no access."""
    each(bench, "exclusive", "counter", "w", 8, 1)
    each(bench, "exclusive", "counter", "rw", 8, 2)


def pairs_of_registers(bench):
    """Two accesses of one instruction are one."""
    each(bench, "pairs", "bytes+8", "rw", 8, 2)
    each(bench, "pairs", "bytes", "w", 8, 1)
    each(bench, "pairs", "bytes+16", "rw", 8, 1)


def copied_by_the_kernel(bench):
    each(bench, "kernel", "bytes", "rw", 8, 0)


def not_completed(bench):
    each(bench, "faults", "edge+4088" if bench.arm else "counter", "rw", 8, 0)


def ends_a_block(bench):
    """A call through memory, or a store that is its page's last instruction; x86's dynamic linker writes the
    position-independent program's pointer once."""
    for program, more in (("watch", 0 if bench.arm else 1), ("watch_static", 0)):
        hits(bench, [bench.program(program), "calls", str(N)], f"breakpoint:{program}:pointer", "rw", 8, N + more)


def four_threads(bench):
    each(bench, "threads", "counter", "w", 8, 4)


def by_address(bench):
    address = bench.symbols(bench.program("watch_static"))["counter"][0]
    hits(bench, [bench.program("watch_static"), "reads", "30"], f"breakpoint:{address:#x}", "w", 8, 30)
    hits(bench, [bench.program("watch_static"), "reads", "30"], "breakpoint:counter", "w", 8, 30)


def in_a_library(bench):
    """Loaded twice, and left in between."""
    plugs = [bench.program(f"plug_{n}.so") for n in ("two", "one", "two")]
    hits(bench, [bench.program("libs"), "40", *plugs], "breakpoint:plug_two.so:plug_counter", "w", 8, 80)


def limit(bench):
    on = "breakpoint:watch:counter"
    text = trigger(on, "resume", "w", 8, "limit = 7\n") + trigger(on, "pause", "rw", 8)
    _, info = trace(bench, [bench.program("watch"), "reads", "40"], text)
    equal("windows", info["windows"], 7)


def several_at_once(bench):
    """More than hardware has, each with its own count; a function's breakpoint among them."""
    text = "".join(trigger(f"breakpoint:watch:bytes+{at}", "resume", "w", 1) + trigger(f"breakpoint:watch:bytes+{at}", "pause", "w", 1)
                   for at in (7, 8, 10, 12, 15, 16))
    _, info = trace(bench, [bench.program("watch"), "partial", "10"], text)
    # Stores that touch one of them at least; one that touches several resumes and pauses for each.
    equal("windows", info["windows"], 10 * (1 + 1 + 2 + 2 + 1 + 2 + 3 + 1 + 1 + 1 + 4))


def misaligned(bench):
    for program in ("watch", "watch_static"):
        path = bench.path("plan.toml")
        with open(path, "w", encoding="utf-8") as out:
            out.write("plan = 1\n" + trigger(f"breakpoint:{program}:counter+2", "resume", "w", 4))
        bench.trace([bench.program(program), "reads", "3"], [path])
        said = bench.last.stderr.decode()
        need("multiple of len = 4" in said, "nothing was said of the alignment:", said)


def logged_stretches(bench, command, first, behind):
    """QEMU's own log, cut: from each instruction `first` to the one in front of `behind`."""
    log = bench.path("oracle.log")
    bench.run(oracle_command(bench, command, log))
    out, inside = [], None
    with open(log, encoding="ascii", errors="replace") as lines:
        for line in lines:
            if not line.startswith("Trace "):
                continue
            ip = int(line.split("/")[1], 16)
            if ip == first:
                inside = []
            if ip == behind and inside is not None:
                out.append(inside)
                inside = None
            if inside is not None:
                inside.append(ip)
    return out


def contents(bench):
    """A window begins behind the access that resumes, and ends with the one that pauses; as QEMU logged it."""
    program = bench.program("watch_static")
    symbols = {name.split()[-1]: int(name.split()[0], 16) for name in bench.run(["nm", program]).stdout.decode().splitlines()
               if "behind_" in name}
    command = [program, "between", "20"]
    text = trigger("breakpoint:watch_static:begun", "resume", "w", 4) + trigger("breakpoint:watch_static:ended", "pause", "w", 4)
    capture, info = trace(bench, command, text)
    equal("windows", info["windows"], 20)
    wanted = logged_stretches(bench, command, symbols["behind_begun"], symbols["behind_ended"])
    equal("windows in QEMU's log", len(wanted), 20)
    for number, stretch in enumerate(wanted, 1):
        (stream,) = bench.instructions(capture, "--window", str(number)).values()
        equal(f"window {number}", [hex(ip) for ip in stream], [hex(ip) for ip in stretch])
    equal("instructions", info["instructions"], sum(len(s) for s in wanted))
    need(not os.listdir(os.path.join(capture, "images")), "code was stored")


if __name__ == "__main__":
    main({
        "counts": [writes_and_reads, one_instruction_hits_once, parts_of_it, sixteen_bytes, repetitions, copied_by_the_kernel,
                   not_completed, ends_a_block, four_threads],
        "places": [by_address, in_a_library, limit, several_at_once, misaligned, contents],
    }, arm={
        "counts": [writes_and_reads, one_instruction_hits_once, parts_of_it, sixteen_bytes, exclusives, pairs_of_registers,
                   copied_by_the_kernel, not_completed, ends_a_block, four_threads],
        "places": [by_address, limit, several_at_once, misaligned, contents],
    })
