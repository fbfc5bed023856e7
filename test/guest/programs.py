# SPDX-License-Identifier: MIT
"""Programs that are hard to hold: 500 threads at once, job control, debuggers, set-user-ID, signals of all kinds. What they
print and how they end is the same with tracectl and without, or what differs is known and said."""
import json
import re
import shutil

from guest import Tree, boot, equal, main, need, quiet_kernel, read, status

NOBODY = 65534
THREADS = 500
LIMIT = 300  # seconds for one run, where the cpu has much else to do
WINDOW = "--window from=breakpoint:odd_static:leaf,to=breakpoint:odd_static:end_work"
PLANS = {"whole": "--size 256KiB", "window": f"--size 64KiB {WINDOW}",
         "snapshot": "--size 64KiB --trigger breakpoint:odd_static:leaf=snapshot"}
ALIKE = ("jobs", "threads_stop", "handlers", "exec", "vfork", "fork 6")
TRACERS = ("traceme", "attach")

SCRIPT = f"""
export HOME=/tmp
keep() {{ local name=$1; shift; timeout -s KILL {LIMIT} "$@" >$name.out 2>$name.err; echo $? >$name.status; }}
mv /usr/bin/perf /tmp  # looking for its version is slow
for words in {" ".join(f"'{words}'" for words in (*ALIKE, *TRACERS))}; do
  name=${{words%% *}}
  keep $name.alone ODD $words
MANY
done
keep crowd.whole tracectl run -o crowd.data /crowd.toml -- ODD crowd {THREADS}

# Stopped and continued from outside.
keep stop tracectl run -q -o stop.data --size 64KiB {WINDOW} -- ODD tick 200 &
until grep -q 'at 0' stop.out 2>/dev/null; do sleep 0.1; done
pid=$(pidof odd_static)
kill -STOP $pid; sleep 0.3
grep State: /proc/$pid/status >stop.state
kill -CONT $pid
wait

# Two tracers.
keep nested tracectl run -q -o outer.data -- /usr/bin/tracectl run -q -o inner.data -- ODD ids

# Set-user-ID, and a program that may not be read.
mkdir -m 0777 n
chmod 4755 SUID; chmod 0711 CLOSED
keep suid.alone as_user {NOBODY} none SUID ids
keep suid.nobody as_user {NOBODY} none tracectl run -q -o n/suid.data --size 64KiB -- SUID ids
keep suid.root tracectl run -q -o suid.data /user.toml -- SUID ids
keep suid.child tracectl run -q -o child.data /user.toml -- ODD vfork SUID
keep closed.nobody as_user {NOBODY} none tracectl run -q -o n/closed.data --size 64KiB -- CLOSED ids
keep closed.root tracectl run -q -o closed.data /user.toml -- CLOSED ids
dmesg | grep -iE 'warn|bug:|oops' >dmesg
true
"""


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    program = tree.program(bench.program("odd_static"))
    tree.add(bench.program("as_user"), "/usr/bin/as_user", 0o755)
    tree.text("/etc/passwd", f"root:x:0:0:root:/root:/bin/sh\nnobody:x:{NOBODY}:{NOBODY}:nobody:/tmp:/bin/sh\n")
    tree.text("/user.toml", 'plan = 1\n[target]\nuser = "nobody"\n[buffer]\nsize = "64KiB"\n')
    tree.text("/crowd.toml", 'plan = 1\n[buffer]\nsize = "1MiB"\ndata = "64KiB"\ntotal = "64MiB"\n[[window]]\n'
                             'from = "breakpoint:odd_static:leaf"\nto = "breakpoint:odd_static:end_work"\n')
    many = "\n".join(f"  keep $name.{plan} tracectl run -q -o $name.{plan}.data {options} -- ODD $words"
                     for plan, options in PLANS.items())
    words = {"ODD": program, "SUID": bench.path("suid_program"), "CLOSED": bench.path("closed_program")}
    for name in ("SUID", "CLOSED"):  # the decoder finds them at the same places
        shutil.copy(program, words[name])
        tree.program(words[name])
    return boot(tree, re.sub(r"\b(ODD|SUID|CLOSED)\b", lambda m: words[m[1]], SCRIPT.replace("MANY", many)), cpus=2, icount=False)



def same_as_alone(bench, out):
    """Output and status, whatever the plan, and nothing lost."""
    for words in ALIKE:
        name = words.split()[0]
        for plan in PLANS:
            run = f"{name}.{plan}"
            equal(f"status of {run}: {read(out, run + '.err')[-500:]}", status(out, run), status(out, name + ".alone"))
            equal(f"output of {run}", read(out, run + ".out"), read(out, name + ".alone.out"))
            equal(f"decode errors of {run}", bench.info(f"{out}/{run}.data", None)["decode_errors"], 0)
    equal("status of handlers", status(out, "handlers.alone"), 143)
    equal("windows of fork", bench.clean_info(f"{out}/fork.window.data")["windows"], 6)


def crowd(bench, out):
    """Each of 500 threads has its window; that buffers are smaller is said."""
    said = read(out, "crowd.whole.err")
    equal(f"status: {said[-500:]}", status(out, "crowd.whole"), 0)
    equal("output", read(out, "crowd.whole.out"), f"{THREADS} threads\n")
    info = bench.clean_info(f"{out}/crowd.data")
    equal("windows", info["windows"], THREADS)
    equal("threads with trace", info["threads"], THREADS)
    report = json.loads(bench.view("report", "--json", "--limit", "0", f"{out}/crowd.data"))
    equal("calls of leaf", {f["name"]: f["calls"] for f in report["functions"]}.get("leaf"), THREADS)
    smaller = re.search(r"(\d+) threads got AUX buffers smaller than 1MiB, to keep within \[buffer\] total = 64MiB", said)
    need(smaller and int(smaller[1]) > THREADS - 64, "nobody said that buffers are smaller:", said)
    return smaller[0]


def stopped_from_outside(bench, out):
    need(re.search(r"State:\s+[Tt]", read(out, "stop.state")), "it did not stop:", read(out, "stop.state"))
    equal("status", status(out, "stop"), 42)
    equal("windows", bench.clean_info(f"{out}/stop.data")["windows"], 200)


def tracers(_, out):
    """A debugger cannot trace what we hold: the kernel tells it so, and run tells why."""
    for name in TRACERS:
        equal(f"status of {name} alone", status(out, f"{name}.alone"), 0)
        need("Success" in read(out, f"{name}.alone.out"), name)
        for plan in PLANS:
            equal(f"status of {name}, {plan}", status(out, f"{name}.{plan}"), 1)
            need("-1 Operation not permitted" in read(out, f"{name}.{plan}.out"), read(out, f"{name}.{plan}.out"))
    said = read(out, "nested.err")
    equal("status of a tracectl in a tracectl", status(out, "nested"), 1)
    need("another tracer" in said and "hint:" in said, "in words:", said)


def other_rights(bench, out):
    """Set-user-ID: under an ordinary user's tracectl it keeps that user's rights, and that is said; under root's it gets
    its own, and is traced."""
    equal("alone", read(out, "suid.alone.out").split(" gid")[0], f"uid {NOBODY} 0 0")
    equal("as nobody", read(out, "suid.nobody.out").split(" gid")[0], f"uid {NOBODY} {NOBODY} {NOBODY}")
    need("set-user-ID" in read(out, "suid.nobody.err"), "nobody says so:", read(out, "suid.nobody.err"))
    equal("as root", read(out, "suid.root.out").split(" gid")[0], f"uid {NOBODY} 0 0")
    for name in ("suid.root", "suid.nobody", "suid.child", "closed.root"):
        equal(f"status of {name}: {read(out, name + '.err')}", status(out, name), 0)
    for name in ("suid", "closed", "child", "n/suid"):
        info = bench.clean_info(f"{out}/{name}.data")
        report = json.loads(bench.view("report", "--json", "--limit", "0", f"{out}/{name}.data"))
        calls = {f["name"]: f["calls"] for f in report["functions"]}
        equal(f"calls of leaf in {name} ({info['instructions']} instructions)", calls.get("leaf"), 1)



if __name__ == "__main__":
    main(prepare, [same_as_alone, crowd, stopped_from_outside, tracers, other_rights, quiet_kernel])
