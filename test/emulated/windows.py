# SPDX-License-Identifier: MIT
"""Windows and triggers: exactly as many as the program has calls, and in the right place."""
import re

from common import equal, main, need


def trace(bench, command, *options, allowed=(), status=0):
    """(info, capture) of a run; no loss but `allowed`."""
    capture = bench.trace(command, options, status=status)
    info = bench.clean_info(capture, allowed)
    return info, capture


def count(bench, command, wanted, *options, allowed=(), open_windows=0):
    info, capture = trace(bench, command, *options, allowed=allowed)
    equal(f"windows of {' '.join(command[1:])} under {' '.join(options)}", info["windows"], wanted)
    equal("open windows", info["open_windows"], open_windows)
    return capture


def function(name):
    return "--window", f"function={name}"


def plan(bench, text):
    path = bench.path("plan.toml")
    with open(path, "w", encoding="utf-8") as out:
        out.write("plan = 1\n" + text)
    return path


# ---- counts ----


def calls(bench):
    for n in (0, 1, 10, 1000, 100000):
        count(bench, [bench.program("windows"), "calls", str(n)], n, *function("windows:leaf"))


def calls_static(bench):
    for n in (1, 1000):
        count(bench, [bench.program("windows_static"), "calls", str(n)], n, *function("windows_static:leaf"))


def threads(bench):
    for n in (1, 250, 5000):
        count(bench, [bench.program("windows"), "threads", str(n)], 4 * n, *function("windows:leaf"))


def recursion(bench):
    """Linear recursion: the window is the outer call's."""
    for n in (1, 10, 1000):
        count(bench, [bench.program("windows"), "recursion", str(n)], n, *function("windows:recursive"))


def tail_calls(bench):
    """A function that ends in a jump returns where its target does."""
    for name in ("tail", "target"):
        count(bench, [bench.program("windows"), "tails", "500"], 500, *function(f"windows:{name}"))


def dlopened(bench):
    plugs = [bench.program("plug_two.so"), bench.program("plug_one.so"), bench.program("plug_two.so")]
    count(bench, [bench.program("libs"), "40", *plugs], 80, *function("plug_two.so:plug_work"))


def another_at_the_same_place(bench):
    """Triggers go when what they lie in is unmapped, or mapped over."""
    plugs = [bench.program(name) for name in ("plug_one.so", "plug_same.so", "plug_one.so", "plug_same.so", "plug_same.so")]
    count(bench, [bench.program("libs"), "40", "at", *plugs], 80, *function("plug_one.so:plug_work"))


def limit_and_end(bench):
    count(bench, [bench.program("windows"), "calls", "50"], 7, "--window", "function=windows:leaf,limit=7")
    path = plan(bench, '[limits]\nwindows = 5\n[[window]]\nfunction = "windows:leaf"\n')
    # The session ends when it has seen the fifth: a while later.
    capture = bench.trace([bench.program("windows"), "calls", "2000000"], [path])
    info = bench.clean_info(capture, ("split_window",))
    need(5 <= info["windows"] < 2000000, f"limits.windows = 5 gave {info['windows']}")
    need("limit" in bench.last.stderr.decode() or "stopped" in bench.last.stderr.decode(), "nobody said why trace ends")


def in_libc(bench):
    """A function of a shared library: as many calls as the program makes at least."""
    info, _ = trace(bench, [bench.program("windows"), "syscalls", "30"], *function("libc.so.6:raise"))
    equal("windows of raise", info["windows"], 30)


# ---- exits ----


def longjump(bench):
    """The return probe does not fire where longjmp leaves: the window stays open until a next
    return, and what did not act is counted."""
    info, _ = trace(bench, [bench.program("windows"), "jumps", "40"], *function("windows:jumper"),
                    allowed=("missed_trigger",))
    # Calls alternate: one leaves by longjmp, the next one returns.
    equal("windows", info["windows"], 20)
    need(info["loss"]["missed_trigger"] > 0, "no missed trigger was counted")


def exception(bench):
    info, _ = trace(bench, [bench.program("throwing"), "40"], *function("throwing:thrower"), allowed=("missed_trigger",))
    equal("windows", info["windows"], 20)
    need(info["loss"]["missed_trigger"] > 0, "no missed trigger was counted")


def no_exception(bench):
    """Only odd numbers return: limit to the case without a throw."""
    count(bench, [bench.program("throwing"), "0"], 0, *function("throwing:thrower"))


# ---- places ----


def stretches(bench, capture, number):
    """The instructions of a window."""
    (stream,) = bench.instructions(capture, "--window", str(number)).values()
    return stream


def inside_function(bench, program, name, options, numbers, count_):
    capture = count(bench, [bench.program(program), "calls", str(count_)], count_, *options)
    address, size = bench.symbols(bench.program(program))[name]
    base = None
    for number in numbers:
        stream = stretches(bench, capture, number)
        base = stream[0] - address if base is None else base
        equal(f"window {number}: first instruction", hex(stream[0] - base), hex(address))
        equal("load address within its page", base % 4096, 0)
        last = stream[-1] - base
        need(address <= last < address + size, f"window {number}: last instruction {last:x} is not in {name}")
        need(all(address <= ip - base < address + size for ip in stream), f"window {number} leaves {name}")
    text = bench.view("script", "instructions", "--window", str(numbers[0]), capture).splitlines()
    need(re.search(r"\bret\b", text[-1]), "the last instruction is no ret:", text[-1])


def whole_function(bench):
    inside_function(bench, "windows", "leaf", function("windows:leaf"), (1, 2, 77, 100), 100)
    inside_function(bench, "windows_static", "leaf", function("windows_static:leaf"), (1, 100), 100)


def far_windows(bench):
    """A trace in many fragments: what a window needs is found, at the ends and between."""
    inside_function(bench, "windows", "leaf", ("--size", "16KiB", *function("windows:leaf")),
                    (1, 2, 3, 1234, 2000, 2001, 3333, 3998, 3999, 4000), 4000)


def instructions_in_all(bench):
    """N windows hold N times the instructions of one path, no more: leaf has two paths."""
    capture = count(bench, [bench.program("windows"), "calls", "1000"], 1000, *function("windows:leaf"))
    odd, even = len(stretches(bench, capture, 2)), len(stretches(bench, capture, 1))
    equal("instructions", bench.info(capture)["instructions"], 500 * odd + 500 * even)


def from_to(bench):
    """From one function's entry to another's."""
    command = [bench.program("windows"), "spans", "200"]
    capture = count(bench, command, 200, "--window", "from=breakpoint:windows:begin_work,to=breakpoint:windows:end_work")
    symbols = bench.symbols(bench.program("windows"))
    stream = stretches(bench, capture, 1)
    equal("first", stream[0] & 0xfff, symbols["begin_work"][0] & 0xfff)
    need(stream[-1] & 0xfff != symbols["end_work"][0] & 0xfff, "the pause's own instruction is traced")


def breakpoint_forms(bench):
    """By symbol, object and symbol, file and line, address, with an offset."""
    symbols = bench.symbols(bench.program("windows_static"))
    entry = symbols["leaf"][0]
    with open(__file__.replace("windows.py", "programs/windows.c"), encoding="utf-8") as source:
        line = 1 + next(i for i, text in enumerate(source) if text.startswith("NOINLINE long leaf"))
    to = "to=breakpoint:windows_static:end_work"
    forms = ["breakpoint:leaf", "breakpoint:windows_static:leaf", f"breakpoint:{entry:#x}", "breakpoint:windows_static:leaf+0",
             f"breakpoint:windows_static:windows.c:{line}", "uprobe:windows_static:leaf"]
    for form in forms:
        capture = count(bench, [bench.program("windows_static"), "spans", "25"], 25, "--window", f"from={form},{to}")
        equal(f"first instruction of {form}", hex(stretches(bench, capture, 1)[0]), hex(entry))
    # An offset that is the second instruction of the function.
    second = [ip for ip in stretches(bench, capture, 1) if ip > entry][0]
    form = f"breakpoint:windows_static:leaf+{second - entry:#x}"
    capture = count(bench, [bench.program("windows_static"), "spans", "25"], 25, "--window", f"from={form},{to}")
    equal(f"first instruction of {form}", hex(stretches(bench, capture, 1)[0]), hex(second))


def missing_symbol(bench):
    """Said on stderr; the program runs as ever."""
    bench.trace([bench.program("windows"), "calls", "3"], function("windows:no_such_function"), status=None)
    said = bench.last.stderr.decode()
    need("no_such_function" in said, "nothing was said:", said)


def start_running(bench):
    """Traced from the start to the first pause, and on from a resume."""
    command = [bench.program("windows"), "spans", "1"]
    trigger = ("--trigger", "breakpoint:windows:begin_work=pause")
    info, capture = trace(bench, command, "--start", "running", *trigger)
    symbols = bench.symbols(bench.program("windows"))
    (stream,) = bench.instructions(capture).values()
    need(info["instructions"] > 1000, "the program's start is not traced")
    need(symbols["begin_work"][0] & 0xfff not in {ip & 0xfff for ip in stream[-1:]}, "the pause came late")
    info, capture = trace(bench, command, "--start", "running", *trigger, "--trigger", "breakpoint:windows:end_work=resume",
                          allowed=("split_window",))
    (both,) = bench.instructions(capture).values()
    need(both[:len(stream)] == stream, "the first stretch differs")
    equal("behind the resume", both[len(stream)] & 0xfff, symbols["end_work"][0] & 0xfff)


def start_paused(bench):
    info, capture = trace(bench, [bench.program("windows"), "spans", "2"], "--trigger", "breakpoint:windows:end_work=resume",
                          allowed=("split_window",))
    equal("windows", info["windows"], 1)
    equal("open windows", info["open_windows"], 1)
    (stream,) = bench.instructions(capture).values()
    equal("first instruction", stream[0] & 0xfff, bench.symbols(bench.program("windows"))["end_work"][0] & 0xfff)


def trigger_limit(bench):
    path = plan(bench, '[[trigger]]\non = "breakpoint:windows:begin_work"\ndo = "resume"\nlimit = 3\n'
                       '[[trigger]]\non = "breakpoint:windows:end_work"\ndo = "pause"\n')
    count(bench, [bench.program("windows"), "spans", "50"], 3, path)


# ---- system calls ----


def between(enter, leave="tracepoint:syscalls:sys_enter_exit_group", filter_=""):
    """A plan: `enter` resumes, the function sys-calling after it pauses again."""
    line = f"filter = {filter_!r}\n" if filter_ else ""
    return (f'[[trigger]]\nname = "in"\non = "{enter}"\ndo = "resume"\n{line}'
            f'[[trigger]]\nname = "out"\non = "{leave}"\ndo = "pause"\n')


def tracepoints(bench, enter, leave, filter_, wanted, n=20):
    path = plan(bench, between(enter, leave, filter_))
    info, _ = trace(bench, [bench.program("windows"), "syscalls", str(n)], path, allowed=("split_window",))
    equal(f"windows of {enter} if {filter_}", info["windows"], wanted)


def filters(bench):
    """Each of the program's N rounds fails to close 900+i, so resumes there, and pauses at getppid."""
    close, pause = "tracepoint:syscalls:sys_exit_close", "tracepoint:syscalls:sys_enter_getppid"
    enter = "tracepoint:syscalls:sys_enter_close"
    tracepoints(bench, close, pause, "ret < 0", 20)
    tracepoints(bench, close, pause, "ret == -9", 20)
    tracepoints(bench, close, pause, "ret < -9", 0)
    tracepoints(bench, enter, pause, "fd >= 900", 20)
    tracepoints(bench, enter, pause, "fd >= 900 && fd < 905", 5)
    tracepoints(bench, enter, pause, "fd == 900 || fd == 919 || fd == 920", 2)
    tracepoints(bench, enter, pause, "fd & 512", 20)
    tracepoints(bench, enter, pause, "!(fd < 910)", 10)
    tracepoints(bench, enter, pause, "fd >= 900 && common_pid > 0", 20)


def text_filter(bench):
    enter, pause = "tracepoint:syscalls:sys_enter_openat", "tracepoint:syscalls:sys_enter_getppid"
    tracepoints(bench, enter, pause, 'filename.ustring == "/dev/null"', 20)
    tracepoints(bench, enter, pause, 'filename.ustring ~ "/dev/*"', 20)
    tracepoints(bench, enter, pause, 'filename.ustring == "/dev/zero"', 0)
    tracepoints(bench, enter, pause, 'comm == "windows" && filename.ustring ~ "*null"', 20)
    tracepoints(bench, enter, pause, 'comm == "other"', 0)


def raw(bench):
    """By number, each processor's own; each round closes two."""
    close, getppid = (57, 173) if bench.arm else (3, 110)
    pause = "tracepoint:syscalls:sys_exit_getppid"
    tracepoints(bench, "tracepoint:raw_syscalls:sys_enter", pause, f"id == {getppid}", 20)
    tracepoints(bench, "tracepoint:raw_syscalls:sys_exit", "tracepoint:syscalls:sys_enter_getppid", f"id == {close} && ret == -9", 20)


def sigreturn(bench):
    """rt_sigreturn is entered, and never left."""
    pause = "tracepoint:syscalls:sys_enter_getppid"
    tracepoints(bench, "tracepoint:syscalls:sys_exit_rt_sigreturn", pause, "", 0)
    tracepoints(bench, "tracepoint:syscalls:sys_enter_rt_sigreturn", pause, "", 20)


if __name__ == "__main__":
    main({
        "counts": [calls, calls_static, threads, recursion, tail_calls, dlopened, another_at_the_same_place, limit_and_end, in_libc],
        "exits": [longjump, exception, no_exception],
        "places": [whole_function, far_windows, instructions_in_all, from_to, breakpoint_forms, missing_symbol, start_running, start_paused,
                   trigger_limit],
        "syscalls": [filters, text_filter, raw, sigreturn],
    }, arm={
        "counts": [calls, calls_static, threads, recursion, tail_calls, limit_and_end],
        "exits": [longjump, exception, no_exception],
        "places": [whole_function, far_windows, instructions_in_all, from_to, breakpoint_forms, missing_symbol, start_running, start_paused,
                   trigger_limit],
        "syscalls": [filters, text_filter, raw, sigreturn],
    })
