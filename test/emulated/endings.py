# SPDX-License-Identifier: MIT
"""Threads that end while translated code is thrown away: QEMU 7.2 frees such a thread's table too early, and the plugin
keeps the two apart (machines/emulated/plugin/threads.hpp).

In QEMU a library is preloaded that makes the moment long and sees who writes to the freed table: without the plugin's care
one run in two to one in ten fails."""
import os

from common import equal, main, need

RUNS = 10
SOON = 20  # blocks


def slow_free(bench, idle):
    bench.change_translation(idle)
    library = os.path.join(bench.programs, "slow_free.so")
    need(os.path.exists(library), "there is no", library)
    bench.env |= {"LD_PRELOAD": library, "QEMU_UNSET_ENV": "LD_PRELOAD", "SLOW_FREE_LOG": bench.path("freed")}


def runs(bench, command, options, wanted):
    """`wanted` of what info tells, each time; and the library was there to see."""
    for _ in range(RUNS):
        info = bench.clean_info(bench.trace(command, options))
        for name, number in wanted.items():
            equal(name, info[name], number)
    if not os.path.exists(bench.path("freed")):
        return "skipped: this QEMU has no such table"
    return f"{os.path.getsize(bench.path('freed'))} tables freed"


def program(bench, name):
    return f"{name}_static" if bench.arm else name


def waited_for(bench):
    """The first thread works on, and may let code alone again, as soon as the others end."""
    slow_free(bench, SOON)
    name = program(bench, "windows")
    return runs(bench, [bench.program(name), "threads", "1"], ("--window", f"function={name}:leaf"),
                {"windows": 4, "threads": 4})


def left_alone(bench):
    """Nobody waits for them: they end while the next one begins, and at the program's end."""
    slow_free(bench, SOON)
    name = program(bench, "brief")
    return runs(bench, [bench.program(name), "6"], ("--window", f"function={name}:leaf"), {})


def every_block_seen(bench):
    """The plugin throws nothing away; QEMU does at the first clone(2) and at the end."""
    slow_free(bench, 0)
    name = program(bench, "brief")
    return runs(bench, [bench.program(name), "2"], ("--window", f"function={name}:leaf"), {})


if __name__ == "__main__":
    cases = {"endings": [waited_for, left_alone, every_block_seen]}
    main(cases, arm=cases)
