# SPDX-License-Identifier: MIT
"""Who may do what: root, an ordinary user at perf_event_paranoid 2 and 3, one with CAP_PERFMON alone. What the kernel lets
pass works; what it refuses is said in words, with a way out; and doctor says beforehand what will be so."""
import json
import re

from guest import Tree, boot, equal, main, need, quiet_kernel, read, status

NOBODY = 65534
PERFMON = 38  # include/uapi/linux/capability.h
WINDOW = "--window from=breakpoint:odd_static:begin_work,to=breakpoint:odd_static:end_work"
CALLS = ("--window from=tracepoint:syscalls:sys_exit_close,to=tracepoint:syscalls:sys_enter_getppid --size 64KiB")

SCRIPT = r"""
export HOME=/tmp
keep() { name=$1; shift; "$@" >$name.out 2>$name.err; echo $? >$name.status; }
nobody() { as_user NOBODY none "$@"; }
perfmon() { as_user NOBODY PERFMON "$@"; }
doctor() { keep doctor.$1 $2 tracectl doctor --json; }
kernel=/proc/sys/kernel
mkdir -m 0777 n
echo 2 >$kernel/perf_event_paranoid
doctor root env
doctor nobody nobody
doctor perfmon perfmon
run() { name=$1 who=$2; shift 2; keep $name $who tracectl run -q --machine kernel -o n/$name.data "$@"; }

# An ordinary user.
run breaks nobody WINDOW -- ODD tick 20
doctor hidden nobody
run calls_hidden nobody CALLS -- WINDOWS syscalls 10
mend=$(sed -n 's/.*"mend": "sudo \(mount .*tracing\).*/\1/p' doctor.hidden.out | sed 's/$(id -g)/NOBODY/')
echo "$mend" >mend
sh -c "$mend" 2>mend.err; echo $? >mend.status
doctor mended nobody
run calls nobody CALLS -- WINDOWS syscalls 10
run scope nobody --scope kernel -- ODD ids
run kprobe nobody --trigger kprobe:vfs_read=resume -- ODD ids
run uprobe nobody --window function=odd_static:leaf -- ODD tick 3
run cpus nobody --all-cpus -- ODD ids
before=$(cat $kernel/perf_event_mlock_kb)
echo 16 >$kernel/perf_event_mlock_kb
keep doctor.locked nobody tracectl doctor --json
keep doctor.locked_perfmon perfmon tracectl doctor --json
ulimit -l 64
keep doctor.tight nobody tracectl doctor --json
run mlock nobody /small.toml -- ODD ids
run mlock_perfmon perfmon /small.toml -- ODD ids
ulimit -l 8192
echo $before >$kernel/perf_event_mlock_kb
echo 3 >$kernel/perf_event_paranoid
doctor three nobody
run three nobody WINDOW -- ODD tick 3
echo 2 >$kernel/perf_event_paranoid

# CAP_PERFMON and nothing else.
run perfmon_kprobe perfmon --trigger kprobe:vfs_write=resume -- ODD tick 3
run perfmon_uprobe perfmon --window function=odd_static:leaf -- ODD tick 3
run perfmon_scope perfmon --scope kernel --size 1MiB -- ODD ids

# A command that runs as another user.
run as_nobody env /user.toml -- ODD ids
run as_self nobody /user.toml -- ODD ids
run as_root nobody /root.toml -- ODD ids
run as_nobody_kernel env /user.toml --scope kernel -- ODD ids
find n -exec stat -c '%F|%a|%u|%n' {} \; >modes
dmesg | grep -iE 'warn|bug:|oops' >dmesg
true
"""


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    words = {"ODD": bench.program("odd_static"), "WINDOWS": bench.program("windows_static")}
    for path in words.values():
        tree.program(path)
    tree.add(bench.program("as_user"), "/usr/bin/as_user", 0o755)
    tree.text("/etc/passwd", f"root:x:0:0:root:/root:/bin/sh\nnobody:x:{NOBODY}:{NOBODY}:nobody:/tmp:/bin/sh\n")
    tree.text("/etc/group", f"root:x:0:\nnogroup:x:{NOBODY}:\nextra:x:77:nobody\n")
    tree.text("/small.toml", 'plan = 1\n[buffer]\nsize = "256KiB"\ndata = "4KiB"\n')
    tree.text("/user.toml", 'plan = 1\n[target]\nuser = "nobody"\n[buffer]\nsize = "1MiB"\n')
    tree.text("/root.toml", 'plan = 1\n[target]\nuser = "root"\n')
    words |= {"NOBODY": str(NOBODY), "PERFMON": str(PERFMON), "WINDOW": WINDOW, "CALLS": CALLS}
    script = re.sub(r"\b(ODD|WINDOWS|NOBODY|PERFMON|WINDOW|CALLS)\b", lambda m: words[m[1]], SCRIPT)
    return boot(tree, script)



def doctor(out, who):
    return {f["subject"]: f for f in json.loads(read(out, f"doctor.{who}.out"))["findings"]}


def ran(bench, out, name, wanted=0):
    equal(f"status of {name}: {read(out, name + '.err')[-600:]}", status(out, name), wanted)
    return bench.clean_info(f"{out}/n/{name}.data")


def refused(out, name, *words, wanted=3):
    """In words, before the program ran, with what to do."""
    said = read(out, name + ".err")
    equal(f"status of {name}: {said[-600:]}", status(out, name), wanted)
    equal(f"output of {name}", read(out, name + ".out"), "")
    for word in words:
        need(word in said, f"{name}: no {word!r} in {said!r}")
    need("hint:" in said, f"{name}: nothing says what to do: {said!r}")


def user_windows(bench, out):
    """Breakpoints need no right."""
    info = ran(bench, out, "breaks", 42)
    equal("windows", info["windows"], 20)
    need(info["instructions"] > 20 * 50 * 5, "instructions:", info["instructions"])


def system_calls(bench, out):
    """Their tracepoints need none either, but for the id that tracefs holds."""
    refused(out, "calls_hidden", "tracefs")
    equal(f"status of doctor's mend ({read(out, 'mend').strip()}): {read(out, 'mend.err')}", status(out, "mend"), 0)
    equal("windows", ran(bench, out, "calls")["windows"], 11)


def what_needs_rights(_, out):
    refused(out, "scope", "perf_event_paranoid is 2", "run as root")
    refused(out, "kprobe", "kprobe", "CAP_PERFMON")
    refused(out, "uprobe", "odd_static:leaf", "CAP_SYS_ADMIN", "breakpoint:")
    refused(out, "cpus", "perf_event_paranoid is 2")
    refused(out, "three", "perf_event_paranoid")


def locked_memory(_, out):
    """The AUX mmap that the kernel refuses; CAP_PERFMON does not help."""
    for name in ("mlock", "mlock_perfmon"):
        refused(out, name, "mapping an AUX buffer of 256KiB", "perf_event_mlock_kb = 16", "ulimit -l")


def perfmon(bench, out):
    """CAP_PERFMON opens probes; the copy of the kernel's code needs more, and that is said."""
    ran(bench, out, "perfmon_kprobe", 42)
    # Once it opened uprobes too; since 2025 the kernel wants more for them.
    if status(out, "perfmon_uprobe") == 42:
        equal("windows of a uprobe", ran(bench, out, "perfmon_uprobe", 42)["windows"], 150)
    else:
        refused(out, "perfmon_uprobe", "CAP_SYS_ADMIN", "breakpoint:")
    refused(out, "perfmon_scope", "/proc/kcore")


def doctor_tells_the_truth(_, out):
    """What it says is what happened above."""
    for who in ("root", "nobody", "perfmon", "mended"):
        equal(f"status of doctor, {who}", status(out, "doctor." + who), 0)
    equal("paranoid, nobody", doctor(out, "nobody")["paranoid"]["mark"], "warn")
    need("no kernel code, no kprobes or uprobes" in doctor(out, "nobody")["paranoid"]["text"], doctor(out, "nobody"))
    equal("paranoid, root", doctor(out, "root")["paranoid"]["mark"], "ok")
    need("everything" in doctor(out, "root")["paranoid"]["text"], doctor(out, "root")["paranoid"])
    said = doctor(out, "perfmon")["paranoid"]["text"]
    need("everything" not in said and "/proc/kcore" in said, said)
    need(("uprobes need" in said) == (status(out, "perfmon_uprobe") != 42), said)
    for who, mark in (("root", "ok"), ("nobody", "warn"), ("mended", "ok")):
        equal(f"tracefs, {who}", doctor(out, who)["tracefs"]["mark"], mark)
    equal("breakpoints, nobody", doctor(out, "nobody")["breakpoints"]["mark"], "ok")
    equal("mlock, root", doctor(out, "root")["mlock"]["text"], "no limit on trace buffers for you")
    for who in ("locked", "locked_perfmon"):
        need("16 KiB" in doctor(out, who)["mlock"]["text"], who, doctor(out, who)["mlock"])
    equal("mlock with next to nothing", doctor(out, "tight")["mlock"]["mark"], "warn")
    equal("paranoid 3", doctor(out, "three")["paranoid"]["mark"], "no")
    equal("status of doctor at paranoid 3", status(out, "doctor.three"), 3)


def other_user(bench, out):
    """The command is the other user's, the capture the caller's."""
    for name in ("as_nobody", "as_self"):
        need(ran(bench, out, name)["instructions"] > 100, name)
        need(read(out, name + ".out").startswith(f"uid {NOBODY} {NOBODY} {NOBODY} gid {NOBODY} {NOBODY} "), name,
             read(out, name + ".out"))
    need("groups 2" in read(out, "as_nobody.out"), "supplementary groups:", read(out, "as_nobody.out"))
    need(ran(bench, out, "as_nobody_kernel")["instructions"] > 100, "as_nobody_kernel")
    refused(out, "as_root", "only root can start a command as user root")


def files_are_private(_, out):
    """Of every capture: directories 0700, files 0600, and whoever called tracectl has them."""
    seen = set()
    for line in read(out, "modes").splitlines():
        kind, mode, owner, name = line.split("|")
        if ".data" not in name:
            continue
        seen.add(name.rsplit("/", 1)[-1])
        equal(f"mode of {name}", mode, "700" if kind == "directory" else "600")
        root = name.split("/")[1] in ("as_nobody.data", "as_nobody_kernel.data")
        equal(f"owner of {name}", int(owner), 0 if root else NOBODY)
    need({"data", "capture.json", "kcore_dir", "kcore", "images", "breaks.data"} <= seen, "the files are:", sorted(seen))



if __name__ == "__main__":
    main(prepare, [user_windows, system_calls, what_needs_rights, locked_memory, perfmon, doctor_tells_the_truth, other_user,
                   files_are_private, quiet_kernel])
