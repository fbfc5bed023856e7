# SPDX-License-Identifier: MIT
"""Profiles of several captures, merge, and shards: n of them merged are the whole profile byte for byte, on both machines, of
threads, rings, losses and damage; and the jobs of examples/jobs give the same."""
import os
import random
import shutil
import struct

import arm_sinks
from common import equal, main, need
from losses import AUXTRACE, Data

COUNTS = (2, 3, 7, 50)
JOBS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "jobs")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def profile(bench, name, binary, captures, *options):
    """The bytes of a profile, and what was said on stderr. Its file is `name`."""
    done = bench.run([bench.tracectl, "export", "--to", "autofdo", "--binary", binary, "-o", bench.path(name), *options, *captures])
    need(done.returncode in (0, 4), f"export {options}: status {done.returncode}:", done.stderr.decode()[-500:])
    return read(bench.path(name)), done.stderr.decode()


def merged(bench, names):
    bench.view("merge", "-o", bench.path("merged"), *(bench.path(name) for name in names))
    return read(bench.path("merged"))


def lines_of(text):
    return int(text.split(b"\n", 1)[0])


def adds_up(bench, binary, captures, counts=COUNTS, least=2, options=()):
    """Shards merged are the whole. `least`: so many of three are not empty."""
    whole, _ = profile(bench, "whole", binary, captures, *options)
    need(lines_of(whole) > 5, "a profile of few ranges:", lines_of(whole))
    for count in counts:
        names, full = [], 0
        for i in range(1, count + 1):
            names.append(f"shard.{i}")
            part, said = profile(bench, names[-1], binary, captures, *options, "--shard", f"{i}/{count}")
            full += lines_of(part) != 0
            equal(f"empty, and says so ({said})", lines_of(part) == 0, f"shard {i}/{count} is empty" in said)
        need(count != 3 or full >= least, f"only {full} of 3 shards hold anything")
        # In another order.
        need(merged(bench, names[::-1]) == whole, f"{count} shards merged are not the whole")
    return f"{lines_of(whole)} ranges"


def case_of(name, program, *words, least=2, options=(), unit=None):
    def case(bench):
        if unit is not None:
            arm_sinks.use(bench, *unit)
        capture = bench.trace([bench.program(program), *words], options, status=None)
        return adds_up(bench, bench.program(program), [capture], least=least)

    case.__name__ = name
    return case


FLOW = ("flow", "loop", "recursion", "table", "pointers", "sort")
SNAPSHOTS = ("--size", "8KiB", "--trigger", "breakpoint:ring:report_error=snapshot")


def ring(bench):
    """Three pieces with gaps between them."""
    capture = bench.trace([bench.program("ring"), "3", "30000"], SNAPSHOTS)
    need(bench.info(capture, None)["not_kept"] > 0, "nothing was written over")
    return adds_up(bench, bench.program("ring"), [capture])


def full_buffer(bench):
    """A small buffer that stops when it is full: what follows begins elsewhere."""
    plan = bench.path("plan.toml")
    with open(plan, "w", encoding="ascii") as out:
        out.write('plan = 1\n[buffer]\nsize = "8KiB"\nwakeup = "8KiB"\non_full = "stop"\n')
    capture = bench.trace([bench.program("ring"), "2", "200000"], [plan])
    need(bench.info(capture, None)["loss"]["truncated"] > 0, "the buffer was never full")
    return adds_up(bench, bench.program("ring"), [capture])


def damage(bench, capture, seed, count):
    """Bytes of the trace by chance."""
    data, chance = Data(capture), random.Random(seed)
    for _ in range(count):
        record = data.records[chance.choice(data.of(AUXTRACE))]
        head = struct.unpack_from("<H", record, 6)[0]
        record[chance.randrange(head, len(record))] = chance.randrange(256)
    data.write()


def passes(text):
    """How often ranges ran, all together."""
    return sum(int(line.rsplit(b":", 1)[1]) for line in text.splitlines()[1:1 + lines_of(text)])


def damaged(bench):
    """Every shard is made, and next to nothing is counted twice or forgotten (docs/design/sharding.md tells what may be)."""
    told, binary = 0, bench.program("flow")
    for seed in range(6):
        capture = bench.trace([binary, *FLOW[1:]], status=None)
        damage(bench, capture, seed, 6)
        told += bench.info(capture, None)["decode_errors"]
        whole, _ = profile(bench, "whole", binary, [capture])
        for count in (3, 10):
            names = [f"shard.{i}" for i in range(1, count + 1)]
            for i, name in enumerate(names, 1):
                profile(bench, name, binary, [capture], "--shard", f"{i}/{count}")
            differs = abs(passes(merged(bench, names)) - passes(whole))
            need(differs * 1000 < passes(whole), f"{count} shards of {passes(whole)} passes differ by {differs}")
    need(told > 5, "the damage does none:", told)
    return f"{told} decode errors"


def one_thread(bench):
    """--tid and --window of a part."""
    program = bench.program("windows")
    capture = bench.trace([program, "threads", "25"], status=None)
    tids = sorted({line.split()[0] for line in bench.view("script", "instructions", "--raw", capture).splitlines()})
    need(len(tids) > 1, "one thread only")
    adds_up(bench, program, [capture], counts=(3,), least=1, options=("--tid", tids[1]))


def several(bench):
    """Captures add up, in any order; shards of all of them are parts of that sum."""
    binary = bench.program("flow")
    captures = [bench.trace([binary, *words], name=f"capture{i}", status=None)
                for i, words in enumerate((["loop", "sort"], ["recursion", "table"], ["pointers"]))]
    both, said = profile(bench, "all", binary, captures)
    need("instructions and" in said and "% of the instructions in the trace" in said, "how much it is:", said)
    names = [f"one{i}" for i in range(3)]
    for name, capture in zip(names, captures):
        profile(bench, name, binary, [capture])
    need(merged(bench, names) == both, "merged profiles are not the profile of all")
    need(profile(bench, "turned", binary, captures[::-1])[0] == both, "the order of captures matters")
    adds_up(bench, binary, captures)
    parts = [profile(bench, f"part{i}", binary, captures[::-1] if i % 2 else captures, "--shard", f"{i}/3") for i in (1, 2, 3)]
    need(all(lines_of(part) for part, _ in parts), "an empty part")
    need(merged(bench, ["part1", "part2", "part3"]) == both, "the order of captures matters to shards")
    other = bench.trace([bench.program("windows"), "threads", "2"], name="other", status=None)
    with_other, said = profile(bench, "with_other", binary, [*captures, other])
    need(with_other == both, "a capture of another program adds something")
    need(f"left out: {other}: the profile of {binary} would be empty" in said, "the one that adds nothing is named:", said)


def refused(bench, words, *command, status=1):
    done = bench.run([bench.tracectl, *command, "-o", bench.path("none")])
    equal(f"status of {command}", done.returncode, status)
    need(words in done.stderr.decode(), repr(words), "is not in", done.stderr.decode())
    need(not os.path.exists(bench.path("none")), "a file was left")


def refusals(bench):
    binary, other = bench.program("flow"), bench.program("windows")
    capture, empty = bench.trace([binary, "loop"], status=None), bench.path("empty")
    for shard in ("0/3", "4/3", "3", "a/b", "1/0", "1/2/3", "-1/2"):
        refused(bench, "no shard", "export", "--to", "autofdo", "--binary", binary, f"--shard={shard}", capture, status=2)
    refused(bench, "--to folded takes one capture; 2 are named", "export", "--to", "folded", capture, capture, status=2)
    refused(bench, "parts of folded do not add up", "export", "--to", "folded", "--shard", "1/2", capture, status=2)
    refused(bench, "another build of it", "export", "--to", "autofdo", "--binary", rebuilt(bench), "--shard", "1/1", capture)
    bench.run([bench.tracectl, "run", "-q", "-o", empty, "--window", "function=flow:longjump_case", "--", binary, "loop"])
    refused(bench, f"{empty}: the profile of {binary} would be empty: ", "export", "--to", "autofdo", "--binary", binary, empty)
    profile(bench, "one", binary, [capture])
    profile(bench, "two", other, [bench.trace([other, "threads", "2"], name="other", status=None)])
    one, two, bad = bench.path("one"), bench.path("two"), bench.path("bad")
    refused(bench, "these profiles are not of one binary", "merge", one, two)
    refused(bench, "these profiles are not of one binary", "merge", "--binary", other, one)
    with open(bad, "w", encoding="ascii") as out:
        out.write("no profile\n")
    refused(bench, "is no profile of a kind that can be added up", "merge", one, bad)
    refused(bench, "cannot read", "merge", bench.path("nowhere"))
    shutil.copy(one, bad)
    os.truncate(bad, os.path.getsize(bad) // 2)
    refused(bench, "no profile as text", "merge", one, bad)
    bench.view("merge", "--binary", binary, one, "-o", bench.path("same"))
    need(read(bench.path("same")) == read(one), "one profile merged is itself")


def rebuilt(bench):
    """Another program of the same name."""
    os.makedirs(bench.path("elsewhere"), exist_ok=True)
    path = bench.path("elsewhere/flow")
    equal("gcc", bench.run(["gcc", "-x", "c", "-o", path, "-"], stdin=b"int main(void) { return 0; }").returncode, 0)
    return path


# ---- examples/jobs ----


def slurm(bench):
    """The script as its array and its last job run it; sbatch is a stand-in that runs what it is given at once."""
    binary, tasks = bench.program("flow"), 5
    capture = bench.trace([binary, *FLOW[1:]], status=None)
    whole, _ = profile(bench, "whole", binary, [capture])
    tools = bench.path("tools")
    os.makedirs(tools)
    os.symlink(bench.tracectl, f"{tools}/tracectl")
    with open(f"{tools}/sbatch", "w", encoding="ascii") as out:
        out.write("""#!/bin/sh -e
echo "$1 $2" >>"$LOG"
case $2 in
  --array=1-*) echo '17;cluster'; shift 2; for i in 1 2 3 4 5; do SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_COUNT=5 sh "$@"; done >&2 ;;
  *) [ "$1" = --dependency=afterok:17 ]; shift; sh "$@" ;;
esac
""")
    os.chmod(f"{tools}/sbatch", 0o755)
    env = {**bench.env, "PATH": f"{tools}:{bench.env['PATH']}", "LOG": bench.path("log")}
    done = bench.run(["sh", os.path.join(JOBS, "slurm_array.sh"), str(tasks), binary, bench.path("app.txt"), capture], env=env)
    need(done.returncode == 0, "slurm_array.sh:", done.stderr.decode()[-1000:])
    need(read(bench.path("app.txt")) == whole, "the profile is not the whole")
    need(not os.path.exists(bench.path("app.txt.shards")), "parts were left")
    equal("sbatch", [line.split()[0] for line in read(bench.path("log")).decode().splitlines()], ["--parsable", "--dependency=afterok:17"])


def container(job):
    (one,) = job["spec"]["template"]["spec"]["containers"]
    return one["command"] + one["args"], {row["name"]: row["value"] for row in one["env"]}


def kubernetes(bench):
    """The pods' commands, one for each index, then the second job's; /data is the scratch directory."""
    try:
        import yaml  # pylint: disable=import-outside-toplevel
    except ImportError:
        return "skipped: no yaml (apt-get install python3-yaml)"
    binary = bench.program("flow")
    bench.trace([binary, *FLOW[1:]], name="tracectl.data", status=None)
    shutil.copy(binary, bench.path("app"))
    with open(os.path.join(JOBS, "kubernetes_indexed.yaml"), encoding="utf-8") as file:
        shards, merge = yaml.safe_load_all(file)
    equal("kinds", (shards["kind"], merge["kind"], shards["spec"]["completionMode"]), ("Job", "Job", "Indexed"))
    tools = bench.path("tools")
    os.makedirs(tools)
    os.symlink(bench.tracectl, f"{tools}/tracectl")

    def pod(job, **more):
        command, env = container(job)
        env = {name: value.replace("/data", bench.scratch) for name, value in env.items()}
        env = {**bench.env, "PATH": f"{tools}:{bench.env['PATH']}", **env, **more}
        done = bench.run(command, env=env)
        need(done.returncode == 0, f"{job['metadata']['name']} {more}:", done.stderr.decode()[-1000:])
        return env

    for index in range(shards["spec"]["completions"]):
        env = pod(shards, JOB_COMPLETION_INDEX=str(index))
    equal("SHARDS", env["SHARDS"], str(shards["spec"]["completions"]))
    equal("SHARDS of both", container(merge)[1]["SHARDS"], env["SHARDS"])
    pod(merge)
    whole, _ = profile(bench, "whole", bench.path("app"), [bench.path("tracectl.data")])
    need(read(bench.path("app.afdo.txt")) == whole, "the profile is not the whole")
    return f"{env['SHARDS']} pods"


RETURNS = "retstack = true\n"
PROGRAMS = [case_of("flow", *FLOW), case_of("throws", "throws"), case_of("threads", "threads"),
            case_of("signals", "signals", "raise", "nested", "longjump", least=1), case_of("code", "jit", "self", least=1)]

if __name__ == "__main__":
    main({"programs": PROGRAMS, "losses": [ring, full_buffer, damaged], "captures": [several, one_thread, refusals],
          "jobs": [slurm, kubernetes]},
         arm={"programs": PROGRAMS, "losses": [ring, full_buffer], "captures": [several, one_thread],
              "units": [case_of("ete_framed", *FLOW, unit=("ete", "tmc_etr0", RETURNS)), case_of("etmv4", *FLOW, unit=("etmv4", "trbe0")),
                        case_of("etmv4_framed", *FLOW, unit=("etmv4", "tmc_etr0", RETURNS)),
                        case_of("own_memory", *FLOW, unit=("etmv4", "tmc_etf0")),
                        case_of("threads_framed", "threads", unit=("ete", "tmc_etr0"))]})
