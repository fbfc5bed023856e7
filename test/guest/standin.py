# SPDX-License-Identifier: MIT
"""`tracectl run` with an ETR, an ETF and an ETB as its sink, under a real kernel's perf core: a module of ours plays the
cs_etm PMU (standin/cs_etm_standin.c) and logs what it wrote, which the capture must have, byte for byte."""
import json
import os
import re
import struct
import subprocess

from arm import ETE_TRBE, PREFIX, Tree, boot, main
from guest import HERE, ROOT, equal, need, quiet_kernel, read, skip_unless, status
from losses import AUXTRACE, Data

SOURCES = os.path.join(HERE, "standin")
SINKS = ("tmc_etr0", "tmc_etf0", "tmc_etb0")
WINDOW = "--window from=breakpoint:known_static:begin_stretch,to=breakpoint:known_static:end_stretch"
SMALL, LARGE, SYNC, DATA, FRAME = 2000, 40000, 1024, 14, 16  # bytes; see the module
HEADER = 32  # bytes of packets at each SYNC
COUNT = 20
PAUSE = 50000  # us between large windows: a full sink stops the event, and what runs until it is drained has no window
# Each run: the plan, how many bytes the module makes for each window, options of tracectl run.
RUNS = {f"{sink}_{what}": (sink, size, "") for sink in SINKS for what, size in (("small", SMALL), ("large", LARGE))}
RUNS |= {"full": ("tmc_etr0", LARGE, "--size 16KiB"), "ring": ("ring", SMALL, "--size 16KiB --snapshot-on exit"),
         "version2": ("metadata2", SMALL, "")}
READ = ("tmc_etr0_small", "tmc_etf0_small", "version2")  # by perf in the guest


def script(program):
    lines = ["export HOME=/out", "M=/sys/module/cs_etm_standin/parameters; D=/sys/kernel/debug/cs_etm_standin",
             f"load() {{ insmod /lib/cs_etm_standin.ko address={turn_of(program)} \"$@\" || exit 1; }}",
             "words() { name=$1; shift; \"$@\" >$name.out 2>$name.err; echo $? >$name.status; }"]
    for name, (plan, size, options) in RUNS.items():
        # Loaded anew for each: its log begins anew too.
        lines += [f"load produce={size}",
                  f"words {name} taskset 1 tracectl run -q -o {name}.data /{plan}.toml {options} {WINDOW} -- {program} {COUNT} "
                  f"{PAUSE if size == LARGE else ''}",
                  f"cp $D/written {name}.written; cp $D/events {name}.events",
                  f"for n in stat_truncated stat_lost stat_records; do echo $n $(cat $M/$n); done >{name}.stats"]
        if name in READ:
            lines += [f"perf script -D -i {name}.data >{name}.dump 2>&1",
                      f"perf script -i {name}.data --itrace=Zi1i -F ip,sym >{name}.perf 2>{name}.perf.err"]
        lines += ["rmmod cs_etm_standin"]
    for name, options in {"no_ops": "pause_ops=0", "no_cap": "pause_cap=0", "etmv3": "pause_ops=0 etmv3=1"}.items():
        lines += [f"load {options}", f"words {name} tracectl run -q -o {name}.data /tmc_etr0.toml {WINDOW} -- {program} 1",
                  f"words {name}.check tracectl check /window.toml -- {program}",
                  f"words {name}.doctor tracectl doctor", f"dmesg | grep -i 'pause is not' >{name}.dmesg",
                  "rmmod cs_etm_standin"]
    return "\n".join([*lines, "dmesg | grep -iE 'warn|bug:|oops' >dmesg", "true"]) + "\n"


def turn_of(program):
    text = subprocess.run([PREFIX + "nm", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    return "0x" + re.search(r"^([0-9a-f]+) \S turn$", text, re.M)[1]


def packed(name):
    """A file of the guest's own initramfs."""
    done = subprocess.run(f"xz -dc guest.cpio.xz | cpio -i --quiet --to-stdout {name}", shell=True, cwd=ETE_TRBE.find(),
                          stdout=subprocess.PIPE, check=False)
    return done.stdout.decode()


def module(order):
    """Built for the guest's kernel."""
    kernel = re.search(r"^/lib/modules/([^/]+)/", order, re.M)[1]
    folder = os.path.join(ROOT, "build", "guest", "standin")
    skip_unless(os.geteuid() == 0, "the module is compiled in a chroot, which needs root")
    done = subprocess.run(["sh", os.path.join(SOURCES, "build.sh"), folder, kernel], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    skip_unless(done.returncode != 77 and "Unable to fetch" not in text and "Could not resolve" not in text,
                f"no headers of the guest's kernel {kernel} to be had: {text[-300:]}")
    need(done.returncode == 0, "the module:", text[-3000:])
    return os.path.join(folder, "cs_etm_standin.ko")


def prepare(bench):
    order = packed("lib/modules/order")
    tree = Tree(bench)
    tree.tracectl()
    program = tree.program("known", SOURCES)
    tree.add(module(order), "/lib/cs_etm_standin.ko")
    # The kernel's own PMU has the same name: its modules stay out.
    tree.text("/lib/modules/order", "".join(f"{line}\n" for line in order.split() if "coresight" not in line))
    head = "plan = 1\n[trace]\nbackend = \"coresight\"\nmachine = \"kernel\"\n"
    for sink in SINKS:
        tree.text(f"/{sink}.toml", f"{head}[trace.coresight]\nsink = \"{sink}\"\n")
    tree.text("/metadata2.toml", f"{head}[trace.coresight]\nsink = \"tmc_etr0\"\nmetadata = 2\n")
    tree.text("/ring.toml", f"{head}[trace.coresight]\nsink = \"tmc_etr0\"\n[buffer]\nmode = \"ring\"\n")
    tree.text("/window.toml", f"{head}[[window]]\nfunction = \"known_static:turns\"\n")
    return boot(tree, script(program), cpus=2, icount=False)


def aux_bytes(out, name):
    data = Data(f"{out}/{name}.data")
    return b"".join(bytes(data.records[n][struct.unpack_from("<IHH", data.records[n])[2]:]) for n in data.of(AUXTRACE))


def written(out, name):
    with open(f"{out}/{name}.written", "rb") as file:
        return file.read()


def stats(out, name):
    return {words[0]: int(words[1]) for words in (line.split() for line in read(out, f"{name}.stats").splitlines())}


def facts_of(out, name, at_least=COUNT):
    equal(f"status of {name}: {read(out, name + '.err')[-500:]}", status(out, name), 0)
    facts = json.loads(read(out, f"{name}.data/capture.json"))
    need(at_least <= facts["windows"] <= COUNT, f"{facts['windows']} windows of {name}")
    return facts


def losses(facts):
    return {kind: count for kind, count in facts["loss"].items() if count}


def instructions(size):
    """Of one stretch of trace: two for each atom."""
    size = size // DATA * DATA
    return 2 * sum(1 for at in range(size) if at % SYNC >= HEADER)


def whole_bytes(_, out):
    """What the driver wrote, and nothing else; each stretch of each window."""
    said = []
    for name, (_, size, _) in RUNS.items():
        if name == "ring":
            continue
        wanted, got = written(out, name), aux_bytes(out, name)
        need(len(wanted) > COUNT * FRAME, f"{name}: the module wrote {len(wanted)} bytes")
        need(got == wanted, f"{name}: the capture has {len(got)} bytes, the module wrote {len(wanted)}")
        if size == SMALL:
            need(len(wanted) >= COUNT * (size // DATA) * FRAME, f"{name}: {len(wanted)} bytes")
        said.append(f"{name} {len(got)}")
    return ", ".join(said)


def attributes(_, out):
    """The sink by its id, and an event that begins paused."""
    ids = {"tmc_etr0": "0x1e7a0001", "tmc_etf0": "0x1e7f0002", "tmc_etb0": "0x1e7b0003"}
    for sink in SINKS:
        line = read(out, f"{sink}_small.events").splitlines()[0].split()
        equal(f"of {sink}", (line[0], int(line[4], 16), line[6], line[9]), (sink, int(ids[sink], 16), "1", "full"))
        equal(f"terms of {sink}: timestamp, contextid", int(line[2], 16), 1 << 28 | 1 << 14)
    need(read(out, "ring.events").split()[9] == "ring", read(out, "ring.events"))


def small_windows(bench, out):
    """No loss, and each instruction that the packets tell of."""
    said = []
    for name in [f"{sink}_small" for sink in SINKS] + ["version2"]:
        equal(f"losses of {name}", losses(facts_of(out, name)), {})
        records = stats(out, name)["stat_records"]
        need(records >= COUNT, f"{name}: {records} AUX records")
        info = json.loads(bench.view("info", "--json", f"{out}/{name}.data"))
        equal(f"decode errors of {name}", info["decode_errors"], 0)
        equal(f"instructions of {name}", info["instructions"], records * instructions(SMALL))
        said.append(f"{name} {info['instructions']}")
    return ", ".join(said)


def large_windows(bench, out):
    """More than the ETF and the ETB hold, or than the AUX buffer has room for: each loss is counted and has its place."""
    equal("losses of an ETR", losses(facts_of(out, "tmc_etr0_large")), {})
    said = []
    for name in ("tmc_etf0_large", "tmc_etb0_large", "full"):
        told = stats(out, name)
        need(told["stat_truncated"] > 0 and told["stat_lost"] > 0, f"{name}: nothing was lost: {told}")
        need(told["stat_records"] > 1, f"{name}: the event was never enabled again: {told}")
        equal(f"losses of {name}", losses(facts_of(out, name, 2)), {"truncated": told["stat_truncated"]})
        done = bench.run([bench.tracectl, "script", "branches", f"{out}/{name}.data"])
        placed = [line for line in done.stdout.decode().splitlines() if " ! " in line and "truncated" in line]
        equal(f"truncated in script of {name}", len(placed), told["stat_truncated"])
        info = json.loads(bench.run([bench.tracectl, "info", "--json", f"{out}/{name}.data"]).stdout)
        equal(f"decode errors of {name}", info["decode_errors"], 0)
        need(info["instructions"] > 0, f"{name}: no instructions")
        said.append(f"{name} {told}")
    return ", ".join(said)


def ring(_, out):
    """The newest, at the end."""
    facts_of(out, "ring")
    kept = aux_bytes(out, "ring")
    need(FRAME < len(kept) <= 16384, f"{len(kept)} bytes kept")
    need(written(out, "ring").endswith(kept), "what was kept is not what was written last")


def trace_ids(_, out):
    """Version 1 has the ids that the kernel told, version 2 leaves them to the kernel's records; perf reads both.
    (Z: without the timestamps, behind which perf leaves out the rest of each record.)"""
    for name, version, unit in (("tmc_etr0_small", 1, 0x30), ("version2", 2, None)):
        dump = read(out, f"{name}.dump")
        equal(f"version of {name}", int(re.search(r"Header version\s+(\d+)", dump)[1]), version)
        found = int(re.search(r"TRCTRACEIDR\s+([0-9a-f]+)", dump)[1], 16)
        need(found == unit if unit else found != 0x30, f"{name}: trace id {found:#x}")
        need("AUX_OUTPUT_HW_ID" in dump, f"{name} has no AUX_OUTPUT_HW_ID")
    for name in READ:
        found = re.findall(r"^\s*[0-9a-f]+ turn", read(out, f"{name}.perf"), re.M)
        equal(f"instructions of {name} to perf: {read(out, name + '.perf.err')[-300:]}", len(found),
              stats(out, name)["stat_records"] * instructions(SMALL))


def refusals(_, out):
    """A pause that only the AUX mmap refuses, one that the event refuses, and one that sysfs tells before."""
    equal("status without pause operations", status(out, "no_ops"), 3)
    need("cannot trace this" in read(out, "no_ops.err") and "AUX pause is not supported" in read(out, "no_ops.err"),
         read(out, "no_ops.err"))
    need("AUX pause is not supported" in read(out, "no_ops.dmesg"), "dmesg:", read(out, "no_ops.dmesg"))
    equal("status without the capability", status(out, "no_cap"), 3)
    need("cannot pause" in read(out, "no_cap.err") and "EOPNOTSUPP" in read(out, "no_cap.doctor.out"), read(out, "no_cap.err"))
    equal("status of check with ETMv3", status(out, "etmv3.check"), 3)
    need("ETMv3, which cannot be paused" in read(out, "etmv3.check.err"), read(out, "etmv3.check.err"))
    need("ETMv3" in read(out, "etmv3.doctor.out"), read(out, "etmv3.doctor.out"))
    equal("status of run with ETMv3", status(out, "etmv3"), 3)


if __name__ == "__main__":
    main(prepare, [whole_bytes, attributes, small_windows, large_windows, ring, trace_ids, refusals, quiet_kernel])
