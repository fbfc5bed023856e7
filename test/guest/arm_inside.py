# SPDX-License-Identifier: MIT
"""`tracectl run` inside a system call on AArch64, under the kernel's own coresight drivers, against `perf record` with the
same events. perf in the guest reads both; the tracectl of this computer reads ours."""
import collections
import json
import re

from arm import Tree, boot, main
from common import LOSSES
from guest import UNAME_LOOP, Skipped, equal, need, need_perf, perf_script, quiet_kernel, read, with_plans

PERF = ("-e cs_etm/aux-action=start-paused/k -e syscalls:sys_enter_newuname/aux-action=resume/ "
        "-e syscalls:sys_exit_newuname/aux-action=pause/")
CAPTURES = ("once", "again", "loop")
SCRIPT = f"""
export HOME=/out
tracectl doctor >doctor.out 2>&1
tracectl check /plans/inside_syscall.toml -- uname >check.out 2>&1
tracectl list sinks --json >sinks.json
for name in once again; do
  tracectl run -q -o $name.data /plans/inside_syscall.toml -- /usr/bin/uname >$name.out 2>$name.err; echo $? >$name.status
done
tracectl run -q -o loop.data /plans/inside_syscall.toml -- /bin/busybox sh -c '{UNAME_LOOP}' >loop.out 2>loop.err; echo $? >loop.status
perf record -q --kcore -o theirs.data {PERF} -- /usr/bin/uname >/dev/null 2>theirs.err
for name in {' '.join(CAPTURES)} theirs; do
  perf script -i $name.data --itrace=i1i -F ip,sym >$name.perf 2>$name.perf.err
  perf script -D -i $name.data >$name.dump 2>$name.dump.err
done
dmesg | grep -iE 'warn|bug:|oops' >dmesg
true
"""


def prepare(bench):
    return boot(with_plans(Tree(bench)), SCRIPT)


def functions(out, name):
    """{function: instructions} as perf in the guest decodes the capture. It knows no text of the kernel's modules."""
    found = re.findall(r"^\s*[0-9a-f]+ (\S+)$", read(out, f"{name}.perf"), re.M)
    return collections.Counter(word for word in found if not word.startswith("["))


def capture_facts(out, name):
    equal(f"status of {name}: {read(out, name + '.err')[-500:]}", read(out, f"{name}.status").strip(), "0")
    return json.loads(read(out, f"{name}.data/capture.json"))


def same_again(*counts):
    """The same instructions each time; an interrupt that fell into a call only adds to them."""
    fewer, more = sorted(counts, key=lambda c: c.total())
    if not any(name.startswith("el1h_64_irq") for name in more):
        equal("the second time", more, fewer)
    elif not any(name.startswith("el1h_64_irq") for name in fewer):
        equal("without the interrupt", fewer - more, collections.Counter())


def once(_, out):
    """Only the path inside newuname(2); perf sees the same of it that it sees in its own recording, and each time the same."""
    equal("the program's output", read(out, "once.out"), "Linux\n")
    facts = capture_facts(out, "once")
    equal("windows", facts["windows"], 1)
    equal("losses", {kind: count for kind, count in facts["loss"].items() if count}, {})
    ours, theirs = functions(out, "once"), functions(out, "theirs")
    need(ours.total() > 400, "instructions:", ours.total(), read(out, "once.perf.err")[-500:])
    need(not any(name in ours for name in ("ksys_write", "do_exit", "__arm64_sys_write")), "the window goes on:", ours)
    for name in ("__do_sys_newuname", "down_read", "up_read", "syscall_trace_exit"):
        equal(f"instructions of {name}", ours[name], theirs[name])
        need(ours[name] > 0, name, "is not there:", ours)
    same_again(ours, functions(out, "again"))
    return f"{ours.total()} instructions; perf's own recording has {theirs.total()}"


def loop(_, out):
    """The shell's own call and ten children's: one window each."""
    facts = capture_facts(out, "loop")
    equal("windows", facts["windows"], 11)
    one, all_ = functions(out, "once"), functions(out, "loop")
    equal("instructions of __do_sys_newuname", all_["__do_sys_newuname"], 11 * one["__do_sys_newuname"])


def packets(_, out):
    """perf finds no bad packet, and every piece of trace that a record names."""
    for name in CAPTURES:
        dump = read(out, f"{name}.dump") + read(out, f"{name}.dump.err")
        need("I_TRACE_INFO" in dump, name, "has no packets:", dump[-500:])
        bad = re.findall(r"^.*(?:I_BAD|I_RESERVED|Couldn't find auxtrace|OCSD_ERR).*$", dump, re.M)
        equal(f"bad packets of {name}", bad, [])


def old_perf(bench, out):
    """perf 6.1 on this computer sees the same instructions; it knows no version 2 of the metadata."""
    need_perf(bench)
    text = perf_script(bench, f"{out}/once.data", "--itrace=i1i", "-F", "ip,sym").stdout.decode(errors="replace")
    found = re.findall(r"^\s*[0-9a-f]+ (\S+)$", text, re.M)
    ours = collections.Counter(word for word in found if not word.startswith("["))
    skip = "arm64 is not supported" in text
    if not ours and skip:
        raise Skipped("this perf has no CoreSight decoder")
    equal("instructions of perf here", ours["__do_sys_newuname"], functions(out, "once")["__do_sys_newuname"])
    return f"{ours.total()} instructions"


def decoded_here(bench, out):
    """tracectl of this computer: no error, no loss, the modules' code too."""
    done = bench.run([bench.tracectl, "info", "--json", f"{out}/once.data"])
    if b"cannot decode coresight" in done.stderr:
        raise Skipped("this tracectl decodes no CoreSight yet")
    info = json.loads(done.stdout)
    equal("decode errors", info["decode_errors"], 0)
    equal("losses", {kind: info["loss"][kind] for kind in LOSSES if info["loss"][kind]}, {})
    need(900 < info["instructions"] < 1300, "instructions:", info["instructions"])
    return f"{info['instructions']} instructions"


def words(_, out):
    """doctor, check and list know the trace unit."""
    doctor = read(out, "doctor.out")
    need("tracectl run uses the kernel machine (coresight)" in doctor, doctor)
    need("so can cs_etm: tried" in doctor, doctor)
    check = read(out, "check.out")
    need("leader cs_etm" in check and "-e cs_etm/" in check and "sink: the TRBE of each cpu" in check, check)
    need(re.search(r"trigger 0 .*sys_enter_newuname", check) and "nr=160" in check, check)
    sinks = json.loads(read(out, "sinks.json"))["rows"]
    equal("sinks", [row["name"] for row in sinks], ["trbe0"])


if __name__ == "__main__":
    main(prepare, [once, loop, packets, old_perf, decoded_here, words, quiet_kernel])
