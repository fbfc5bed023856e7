# SPDX-License-Identifier: MIT
"""User code, recorded by perf in the guest: tracectl on the host reads the same instructions from it as perf does."""
import os

from guest import Tree, boot, equal, main, need, need_perf, perf_errors, perf_instructions

CASES = {"flow": ("flow_static", "recursion table pointers sort longjump text"), "steps": ("steps", "100")}


def prepare(bench):
    tree = Tree(bench)
    script = ""
    for name, (program, words) in CASES.items():
        path = tree.program(bench.program(program))
        # The program's own status is not perf's: `flow` ends with what it computed.
        script += f"perf record -q -o {name}.data -e intel_pt//u -m,16M -- {path} {words} >{name}.out\n"
        script += f"[ -s {name}.data ] || exit 1\n"
    return boot(tree, script + "true\n")


def same_instructions(bench, out):
    need_perf(bench)
    said = []
    for name in CASES:
        capture = os.path.join(out, name + ".data")
        bench.clean_info(capture)
        perfs = [int(address, 16) for address in perf_instructions(bench, capture)]
        equal(f"decode errors of {name} in perf", perf_errors(bench, capture), 0)
        ours = bench.instructions(capture)
        equal(f"threads of {name}", len(ours), 1)
        mine = next(iter(ours.values()))
        need(len(perfs) > 1000, f"{name}: only {len(perfs)} instructions")
        differ = next((i for i, (a, b) in enumerate(zip(mine, perfs)) if a != b), min(len(mine), len(perfs)))
        need(mine == perfs, f"{name}: ours {len(mine)}, perf's {len(perfs)}, the first difference at {differ}: "
                            f"{[hex(a) for a in mine[differ - 2:differ + 3]]}, {[hex(a) for a in perfs[differ - 2:differ + 3]]}")
        said.append(f"{name}: {len(mine)}")
    return ", ".join(said)


if __name__ == "__main__":
    main(prepare, [same_instructions])
