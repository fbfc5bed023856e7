# SPDX-License-Identifier: MIT
"""The flow decoder against the reference on what the kernel's own driver recorded: system calls, interrupts, page tables that
change (PIP), many programs, buffers that go round, with and without time between branches (MTC, CYC). flow_compare
(test/flow) does the comparing."""
import os
import re
import shutil
import subprocess

from guest import Tree, boot, equal, main, need, quiet_kernel, read, status

FINE = "[trace.intel_pt]\nmtc = true\ncyc = true\n"
SHELL = "/bin/busybox sh -c '/bin/busybox uname; /bin/busybox uname | /bin/busybox cat'"
LOOP = "/bin/busybox sh -c 'for i in 1 2 3; do /bin/busybox true; done'"
# name: (plan, what runs)
CAPTURES = {
    "user": ("", f"-- {SHELL}"),
    "user_fine": (FINE, f"-- {SHELL}"),
    "mtc_only": ("[trace.intel_pt]\nmtc = true\nmtc_period = 3\n", "-- /bin/busybox uname"),
    "kernel": ('[trace]\nscope = "kernel"\n', "-- /bin/busybox uname"),
    "kernel_fine": ('[trace]\nscope = "kernel"\n' + FINE, "-- /bin/busybox uname"),
    "all_fine": ('[trace]\nscope = "all"\n' + FINE, f"-- {SHELL}"),
    "per_cpu": ('[trace]\nscope = "all"\nthreads = "per-cpu"\n' + FINE, f"-- {LOOP}"),
    "system": ('[trace]\nscope = "all"\n' + FINE + '[buffer]\nsize = "4MiB"\n', f"--all-cpus -- {SHELL}"),
    "wraps": ('[trace]\nscope = "all"\n' + FINE + '[buffer]\nsize = "64KiB"\n', f"-- {LOOP}"),
    "ring": ('[trace]\nscope = "all"\n[buffer]\nsize = "64KiB"\nmode = "ring"\n', f"-- {LOOP}"),
}
DAMAGED = {"user_fine": 30, "kernel_fine": 20}


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    lines = ["export HOME=/out"]
    for name, (plan, words) in CAPTURES.items():
        tree.text(f"/flow/{name}.toml", "plan = 1\n" + plan)
        lines += [f"tracectl run -q -o {name}.data /flow/{name}.toml {words} >{name}.out 2>{name}.err", f"echo $? >{name}.status"]
    lines += ["cp /bin/busybox .", "dmesg | grep -iE 'warn|bug:|oops' >dmesg", "true"]
    return boot(tree, "\n".join(lines) + "\n", cpus=2, icount=False)


def with_busybox(out):
    """The program is not on the host: each capture gets it, by its build-id."""
    notes = subprocess.run(["readelf", "-n", f"{out}/busybox"], stdout=subprocess.PIPE, check=True).stdout.decode()
    (number,) = re.findall(r"Build ID: ([0-9a-f]+)", notes)
    for name in CAPTURES:
        os.makedirs(f"{out}/{name}.data/images", exist_ok=True)
        shutil.copy(f"{out}/busybox", f"{out}/{name}.data/images/{number}")


def compare(bench, capture, *more):
    """flow_compare's items, instructions, losses, segments that libipt decoded."""
    done = subprocess.run([os.path.join(bench.build, "flow_compare"), capture, *more], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=900, check=False)
    need(done.returncode == 0, f"{capture}: flow_compare: status {done.returncode}\n",
         done.stderr.decode(errors="replace")[-3000:])
    return [int(word) for word in done.stdout.split()]


def recorded(_, out):
    for name in CAPTURES:
        equal(f"status of {name}: {read(out, name + '.err')[-500:]}", status(out, name), 0)
    with_busybox(out)


def same_items(bench, out):
    """Each capture by both decoders; only at a loss has libipt to go on, and where a full buffer cut a packet. A whole
    system's trace may also end inside of one on each cpu, or stop where an erratum could be at work."""
    told = []
    for name in CAPTURES:
        items, instructions, losses, by_libipt = compare(bench, f"{out}/{name}.data")
        need(items > 0 and instructions > 1000, f"{name}: {items} items, {instructions} instructions")
        cuts = 1 + bench.info(f"{out}/{name}.data", None)["loss"].get("truncated", 0) if name in ("wraps", "ring") else 0
        cuts = 2 if name == "system" else cuts
        need(by_libipt <= losses + cuts, f"{name}: {by_libipt} segments left to libipt, {losses} losses")
        told.append(f"{name} {instructions}")
    return ", ".join(told)


def time_between_branches(bench, out):
    """Without MTC and CYC the same code has fewer different times; the captures do have such packets."""
    for name, wanted in (("user_fine", {"mtc", "cyc", "tma"}), ("mtc_only", {"mtc"}), ("kernel_fine", {"cyc", "pip"})):
        packets = bench.view("script", "packets", f"{out}/{name}.data")
        found = {word for word in wanted if f" {word} " in packets or f" {word}\n" in packets}
        equal(f"packets of {name}", found, wanted)


def damaged(bench, out):
    told = 0
    for name, variants in DAMAGED.items():
        losses = compare(bench, f"{out}/{name}.data", str(variants), "1")[2]
        need(losses > variants // 4, f"{name}: only {losses} losses: the damage does none")
        told += losses
    return f"{sum(DAMAGED.values())} variants, {told} losses"


def export(bench, out, name, file, *options):
    """Busybox's profile of a capture, as bytes."""
    done = bench.run([bench.tracectl, "export", "--to", "autofdo", "--binary", f"{out}/busybox", "-o", bench.path(file), *options,
                      f"{out}/{name}.data"])
    need(done.returncode in (0, 4), f"export of {name} {options}: status {done.returncode}:", done.stderr.decode()[-500:])
    with open(bench.path(file), "rb") as text:
        return text.read()


def shards(bench, out):
    """Parts of what the driver recorded, by thread and by cpu, with MTC and CYC, cut and merged, are the whole."""
    told = []
    for name in ("user_fine", "mtc_only", "all_fine", "per_cpu", "wraps", "ring"):
        whole = export(bench, out, name, "whole")
        for count in (3, 10):
            files = [f"shard.{i}" for i in range(1, count + 1)]
            for i, file in enumerate(files, 1):
                export(bench, out, name, file, "--shard", f"{i}/{count}")
            bench.view("merge", "-o", bench.path("merged"), *map(bench.path, files))
            with open(bench.path("merged"), "rb") as text:
                need(text.read() == whole, f"{name}: {count} shards merged are not the whole")
        told.append(f"{name} {int(whole.splitlines()[0])} ranges")
    return ", ".join(told)


if __name__ == "__main__":
    main(prepare, [recorded, same_items, time_between_branches, damaged, shards, quiet_kernel])
