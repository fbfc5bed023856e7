# SPDX-License-Identifier: MIT
"""Exports of real captures, read by other tools: protoc and Perfetto's trace processor (where they are), and by
the rules of speedscope's specification."""
import json
import os
import re
import shutil
import subprocess

from common import equal, main, need


def capture_of(bench):
    """Windows in four threads, and calls inside."""
    return bench.trace([bench.program("windows"), "threads", "25"], ["--window", "function=windows:leaf"])


def exported(bench, capture, to, *options, status=0):
    path = bench.path("out." + to)
    bench.view("export", "--to", to, "-o", path, *options, capture, status=status)
    return path


# ---- perfetto ----


def protoc(bench):
    if shutil.which("protoc") is None:
        return "skipped: protoc is not installed (apt-get install protobuf-compiler)"
    with open(exported(bench, capture_of(bench), "perfetto"), "rb") as trace:
        done = bench.run(["protoc", "--decode_raw"], stdin=trace.read())
    equal("protoc's status", done.returncode, 0)
    text = done.stdout.decode()
    # Slices of windows: every one of the 100 begins and ends.
    equal("packets", len(re.findall(r"^1 \{", text, re.M)), text.count("\n  13: "))
    need(text.count("    9: 1\n") == text.count("    9: 2\n") >= 200, "begins and ends:", text.count("    9: 1\n"),
         text.count("    9: 2\n"))
    equal("trigger hits", text.count("    9: 3\n"), 200)
    return None


def one_window(bench):
    """--window leaves one window and the calls in it."""
    capture = capture_of(bench)
    whole = os.path.getsize(exported(bench, capture, "perfetto"))
    one = os.path.getsize(exported(bench, capture, "perfetto", "--window", "3"))
    need(0 < one < whole / 5, f"{one} of {whole} bytes")


def repeatable(bench):
    capture = capture_of(bench)
    for to in ("perfetto", "speedscope", "folded"):
        with open(exported(bench, capture, to), "rb") as first:
            before = first.read()
        with open(exported(bench, capture, to), "rb") as second:
            need(second.read() == before, f"{to} differs from run to run")


def trace_processor(bench):
    tool = os.environ.get("TRACECTL_TRACE_PROCESSOR") or shutil.which("trace_processor_shell")
    if not tool:
        return "skipped: no Perfetto trace processor (TRACECTL_TRACE_PROCESSOR=PATH names one)"
    trace = exported(bench, capture_of(bench), "perfetto")
    query = bench.path("query.sql")
    with open(query, "w", encoding="ascii") as out:
        out.write("select (select count(*) from slice where category = 'window') as windows,"
                  " (select count(*) from slice where category = 'call' and dur < 0) as unfinished,"
                  " (select sum(value) from stats where severity in ('error', 'data_loss')) as errors;\n")
    done = subprocess.run([tool, "-q", query, trace], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    equal("its status", done.returncode, 0)
    equal("windows, unfinished calls, errors", done.stdout.decode().strip().splitlines()[-1], "100,0,0")
    return None


def pipes(bench):
    """A reader that goes away is no error, and nothing is said."""
    capture = capture_of(bench)
    for to in ("perfetto", "speedscope"):
        done = bench.run(["sh", "-c", f"'{bench.tracectl}' export --to {to} {capture} | head -c 10 >head"])
        equal(f"what {to} said", done.stderr, b"")


# ---- speedscope ----


def check_profile(profile, frames):
    equal("type", profile["type"], "evented")
    equal("unit", profile["unit"], "nanoseconds")
    stack, now, calls = [], profile["startValue"], 0
    for event in profile["events"]:
        need(event["at"] >= now, "time goes back:", event["at"], "behind", now)
        now = event["at"]
        need(0 <= event["frame"] < frames, "frame", event["frame"], "of", frames)
        if event["type"] == "O":
            stack.append(event["frame"])
            calls += 1
        else:
            equal("a close event", event["type"], "C")
            need(stack and stack[-1] == event["frame"], "close events do not nest")
            stack.pop()
    equal("open frames at the end", stack, [])
    need(profile["endValue"] >= now, "endValue lies before the last event")
    return calls


def spec(bench):
    with open(exported(bench, capture_of(bench), "speedscope"), encoding="utf-8") as text:
        file = json.load(text)
    equal("$schema", file["$schema"], "https://www.speedscope.app/file-format-schema.json")
    frames = file["shared"]["frames"]
    need(any(f["name"] == "leaf" and f.get("line", 0) > 0 for f in frames), "no frame of leaf with its line")
    equal("profiles", len(file["profiles"]), 4)
    calls = sum(check_profile(p, len(frames)) for p in file["profiles"])
    need(calls >= 100, f"{calls} calls")


main({"perfetto": [protoc, one_window, trace_processor, repeatable, pipes], "speedscope": [spec]})
