# SPDX-License-Identifier: MIT
"""Every kind of loss, provoked: `info`, `report` and `script` show it, where it happened.

What the emulated machine cannot be brought to do (a kernel's PARTIAL and COLLISION flags, LOST records, records of a
later kernel, damaged trace) is put into a real capture's records."""
import json
import os
import shutil
import struct

from common import LOSSES, equal, main, need

LOST, AUX, AUXTRACE = 2, 11, 71  # record types
LEADER = 1  # the AUX event's id
FLAGS = {"truncated": 1, "overwritten": 2 | 4, "partial": 4, "collision": 8}
# Kinds that say how much of a session is missing, but not where.
NOWHERE = ("missed_trigger", "split_window", "untraced_program", "unknown_records", "cut_file")


class Data:
    """A capture's data file, record by record, to be written back changed."""

    def __init__(self, capture):
        self.path = os.path.join(capture, "data")
        with open(self.path, "rb") as file:
            data = file.read()
        self.begin, self.size = struct.unpack_from("<QQ", data, 40)
        self.head, self.tail, self.records = data[:self.begin], data[self.begin + self.size:], []
        at = self.begin
        while at < self.begin + self.size:
            kind, _, length = struct.unpack_from("<IHH", data, at)
            payload = struct.unpack_from("<Q", data, at + 8)[0] if kind == AUXTRACE else 0
            self.records.append(bytearray(data[at:at + length + payload]))
            at += length + payload
        equal("bytes of records", at, self.begin + self.size)

    def of(self, kind):
        return [n for n, record in enumerate(self.records) if struct.unpack_from("<I", record)[0] == kind]

    def write(self):
        """Feature sections behind the data move with it."""
        body = b"".join(self.records)
        head, moved = bytearray(self.head), len(body) - self.size
        struct.pack_into("<Q", head, 48, len(body))
        tail = bytearray(self.tail)
        features = sum(bin(byte).count("1") for byte in head[72:104])
        for n in range(features if moved else 0):
            offset = struct.unpack_from("<Q", tail, 16 * n)[0]
            struct.pack_into("<Q", tail, 16 * n, offset + moved)
        with open(self.path, "wb") as file:
            file.write(head + body + tail)


def shows(bench, capture, kind, count=None, place=None):
    """`place`: a regular place in `script`, the number of lines; else the one behind everything."""
    info = bench.run([bench.tracectl, "info", "--json", capture])
    need(info.returncode in (0, 4), "info:", info.stderr[-500:])
    loss = json.loads(info.stdout)["loss"]
    equal("kinds", sorted(loss), sorted(LOSSES))
    need(loss[kind] == count if count is not None else loss[kind] > 0, f"info: {loss[kind]} {kind}, wanted {count}")
    for verb in (["info", "--decode"], ["report"]):
        done = bench.run([bench.tracectl, *verb, capture])
        need(f"{kind}" in done.stdout.decode(), f"{verb[0]} does not tell of {kind}")
    lines = bench.run([bench.tracectl, "script", "branches", capture]).stdout.decode().splitlines()
    if kind in NOWHERE:
        need(any(line.startswith(f"! {kind}: {loss[kind]} ") for line in lines[-3:]), f"script: no {kind}: {lines[-3:]}")
        return
    words = "trace lost" if kind == "undecodable" else kind
    found = [n for n, line in enumerate(lines) if " ! " in line and words in line]
    equal(f"{kind} in script", len(found), place if place is not None else loss[kind])
    need(0 < found[0] < len(lines) - 1, f"{kind} is at an end of the trace: line {found[0]} of {len(lines)}")


def many_pieces(bench):
    """A capture of one thread with several AUX records."""
    plan = bench.path("plan.toml")
    with open(plan, "w", encoding="utf-8") as out:
        out.write('plan = 1\n[buffer]\nsize = "64KiB"\nwakeup = "4KiB"\n')
    capture = bench.trace([bench.program("ring"), "2", "20000"], [plan])
    bench.clean_info(capture)
    data = Data(capture)
    need(len(data.of(AUX)) >= 3, "AUX records:", len(data.of(AUX)))
    return capture, data


def flag(kind):
    def case(bench):
        capture, data = many_pieces(bench)
        middle = data.records[data.of(AUX)[1]]
        flags = struct.unpack_from("<Q", middle, 24)[0]
        struct.pack_into("<Q", middle, 24, flags | FLAGS[kind])
        if bench.arm and kind == "overwritten":  # of CoreSight's trace it names the end then
            offset, size = struct.unpack_from("<QQ", middle, 8)
            struct.pack_into("<Q", middle, 8, offset + size)
        data.write()
        shows(bench, capture, kind, 1)
    case.__name__ = kind
    return case


def lost_records(bench):
    """A LOST record of 7 lost ones, with the sample_id of the AUX record in front of it."""
    capture, data = many_pieces(bench)
    at = data.of(AUX)[1]
    sample_id = data.records[at][8 + 24:]
    body = struct.pack("<QQ", LEADER, 7) + sample_id
    data.records.insert(at + 1, bytearray(struct.pack("<IHH", LOST, 0, 8 + len(body)) + body))
    data.write()
    shows(bench, capture, "lost_records", 7, place=1)


def unknown_records(bench):
    """A record of a type that no kernel has yet."""
    capture, data = many_pieces(bench)
    before = bench.info(capture)["instructions"]
    data.records.insert(data.of(AUX)[1], bytearray(struct.pack("<IHHQ", 61, 0, 16, 0)))
    data.write()
    shows(bench, capture, "unknown_records", 1)
    equal("instructions", bench.info(capture)["instructions"], before)


def undecodable(bench):
    """Trace that is no packets."""
    capture, data = many_pieces(bench)
    record = data.records[data.of(AUXTRACE)[0]]
    length = struct.unpack_from("<H", record, 6)[0]
    middle = length + (len(record) - length) // 2
    record[middle:middle + 64] = b"\xff" * 64
    data.write()
    shows(bench, capture, "undecodable")


def overflow(bench):
    """The unit's own: on_full = drop with a buffer that is soon full."""
    plan = bench.path("plan.toml")
    with open(plan, "w", encoding="utf-8") as out:
        out.write('plan = 1\n[buffer]\nsize = "8KiB"\nwakeup = "8KiB"\non_full = "drop"\n')
    shows(bench, bench.trace([bench.program("ring"), "2", "200000"], [plan]), "overflow")


def missed_trigger(bench):
    """longjmp leaves the probed function."""
    shows(bench, bench.trace([bench.program("windows"), "jumps", "40"], ["--window", "function=windows:jumper"]), "missed_trigger")


def split_window(bench):
    """A limit ends the session inside a window, and the program goes on; a program that ends there splits nothing."""
    plan = bench.path("plan.toml")
    command = [bench.program("ring"), "1", "0", "wait"]
    for limit, wanted in (("64KiB", 1), ("1GiB", 0)):
        with open(plan, "w", encoding="utf-8") as out:
            out.write(f'plan = 1\n[limits]\nbytes = "{limit}"\n[buffer]\nsize = "64KiB"\nwakeup = "4KiB"\n'
                      '[[trigger]]\non = "breakpoint:ring:report_error"\ndo = "resume"\n'
                      '[[trigger]]\non = "breakpoint:ring:leave"\ndo = "pause"\n')
        capture = bench.trace(command, [plan], stdin=b"a" * 2000 + b"x")
        if wanted:
            shows(bench, capture, "split_window", 1)
        else:
            equal("of a program that ended", bench.clean_info(capture)["loss"]["split_window"], 0)


def untraced_program(bench):
    """A program of another architecture: this one's ELF header says so."""
    if bench.arm:
        return shows(bench, bench.trace([bench.program("children"), "exec", "/bin/true"]), "untraced_program")
    foreign = bench.path("foreign")
    shutil.copy(bench.program("windows_static"), foreign)
    with open(foreign, "r+b") as file:
        file.seek(18)
        file.write(struct.pack("<H", 183))  # EM_AARCH64
    shows(bench, bench.trace(["/bin/sh", "-c", f"{foreign} 2>/dev/null; /bin/true; echo end"]), "untraced_program")
    return None


def cut_file(bench):
    """The end of the file is gone, in the middle of a piece of trace."""
    capture, data = many_pieces(bench)
    cut = len(data.head) + sum(map(len, data.records[:data.of(AUXTRACE)[-1]])) + 100
    os.truncate(data.path, cut)
    shows(bench, capture, "cut_file", 1)


CASES = [flag(kind) for kind in FLAGS] + [lost_records, unknown_records, undecodable, overflow, missed_trigger, split_window,
                                          untraced_program, cut_file]

if __name__ == "__main__":
    need(sorted(case.__name__ for case in CASES) == sorted(LOSSES), "a kind of loss has no case")
    main({"losses": CASES}, arm={"losses": CASES})
