# SPDX-License-Identifier: MIT
"""What tracectl says of a machine with Intel PT: doctor, list and check, all in the guest."""
import json

from guest import Tree, boot, equal, main, need, read

SCRIPT = r"""
keep() { name=$1; shift; "$@" >"$name" 2>"$name.err"; echo $? >"$name.status"; }
keep doctor tracectl doctor --json
keep words tracectl doctor
keep tracepoints tracectl list tracepoints --json newuname
keep backends tracectl list backends --json
keep triggers tracectl list triggers --json
keep symbols tracectl list symbols --json --program /usr/bin/uname libc.so.6:qsort
for plan in /plans/*.toml; do
  name=$(basename $plan .toml)
  keep check.$name tracectl check --machine kernel --json $plan
done
cp -r /sys/bus/event_source/devices/intel_pt/caps /sys/bus/event_source/devices/intel_pt/format . 2>/dev/null
cat /sys/bus/event_source/devices/intel_pt/type >type
uname -r >release
true
"""
PLANS = []


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    PLANS.extend(tree.plans())
    return boot(tree, SCRIPT)


def finding(out, subject):
    found = [f for f in json.loads(read(out, "doctor"))["findings"] if f["subject"] == subject]
    equal(f"findings about {subject}", len(found), 1)
    return found[0]


def listed(out, name):
    equal(f"status of list {name}", read(out, name + ".status").strip(), "0")
    return {row["name"]: row["detail"] for row in json.loads(read(out, name))["rows"]}


def doctor_sees_the_trace_unit(bench, out):
    pt = finding(out, "intel_pt")
    equal("intel_pt", pt["mark"], "ok")
    for words in (f"PMU type {read(out, 'type').strip()}", f"{int(read(out, 'caps/num_address_ranges'))} address filters",
                  "buffers of any pages"):
        need(words in pt["text"], f"doctor does not say {words!r} but {pt['text']!r}")
    equal("topa_multiple_entries", read(out, "caps/topa_multiple_entries").strip(), "1")
    need(read(out, "release").strip() in finding(out, "kernel")["text"], "doctor names another kernel")


def doctor_sees_what_the_kernel_allows(bench, out):
    for subject, words in (("kernel", "with perf_event"), ("aux_action", "can pause and resume"), ("paranoid", "everything"),
                           ("tracefs", "readable"), ("breakpoints", "4 debug registers"), ("perf", "perf 7.")):
        found = finding(out, subject)
        equal(subject, found["mark"], "ok")
        need(words in found["text"], f"{subject}: no {words!r} in {found['text']!r}")


def status_follows_the_conclusion(bench, out):
    said = json.loads(read(out, "doctor"))
    can = said["kernel_machine"] or said["emulated_machine"]
    for name in ("doctor", "words"):
        equal(f"status of {name}", read(out, name + ".status").strip(), "0" if can else "3")
    need(said["run"] in read(out, "words"), "the text and --json conclude differently")
    need(not said["emulated_machine"], "there is no QEMU in the guest")
    return said["run"]


def lists_name_what_is_there(bench, out):
    equal("tracepoints", sorted(n for n, detail in listed(out, "tracepoints").items() if "kernel" in detail),
          ["syscalls:sys_enter_newuname", "syscalls:sys_exit_newuname"])
    need("kernel: yes" in listed(out, "backends")["intel_pt"], "list backends: no intel_pt on the kernel machine")
    need(any(n.startswith("kprobe:") for n in listed(out, "triggers")), "list triggers: no kprobe")
    need("libc.so.6:qsort" in listed(out, "symbols"), "list symbols: no qsort though uname loads libc.so.6")


def examples_resolve(bench, out):
    """Every example plan is one that this machine can run, with the PMU's own type."""
    for name in PLANS:
        status, errors = read(out, f"check.{name}.status").strip(), read(out, f"check.{name}.err")
        equal(f"status of check {name} ({errors.strip()})", status, "0")
        plan = json.loads(read(out, f"check.{name}"))
        equal(f"machine of {name}", plan["machine"], "kernel")
        need("but" not in plan["machine_why"], f"{name}: {plan['machine_why']}")
    need(PLANS, "no plans")
    return f"{len(PLANS)} plans"


if __name__ == "__main__":
    main(prepare, [doctor_sees_the_trace_unit, doctor_sees_what_the_kernel_allows, status_follows_the_conclusion,
                   lists_name_what_is_there, examples_resolve])
