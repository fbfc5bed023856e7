# SPDX-License-Identifier: MIT
"""Takes a capture apart for tools that know nothing of perf.data: trace bytes and maps."""

import pathlib
import struct

MMAP2, AUXTRACE_INFO, AUXTRACE = 10, 70, 71
EXEC = 4  # PROT_EXEC


def records(data):
    """Offset, type, bytes and AUX payload of every record of the perf.data file `data`."""
    begin, size = struct.unpack_from("<QQ", data, 40)
    at = begin
    while at < begin + size:
        kind, _, length = struct.unpack_from("<IHH", data, at)
        payload = b""
        if kind == AUXTRACE:
            payload_size = struct.unpack_from("<Q", data, at + 8)[0]
            payload = data[at + length : at + length + payload_size]
        yield at, kind, data[at : at + length], payload
        at += length + len(payload)


def unit(capture):
    """The registers of a capture's ETE as opencsd_walk wants them."""
    with open(pathlib.Path(capture) / "data", "rb") as file:
        data = memoryview(file.read())
    info = next(record for _, kind, record, _ in records(data) if kind == AUXTRACE_INFO)
    # Behind the record's head (type, reserved) and 3 words of the file: magic, cpu, count, then what Linux calls them.
    words = struct.unpack_from("<13Q", info, 16)[6:]
    configr, _, idr0, idr1, idr2, idr8, _ = words
    (devarch,) = struct.unpack_from("<Q", info, 16 + 13 * 8)
    return " ".join(f"{word:x}" for word in (configr, idr0, idr1, idr2, idr8, devarch))


def take_apart(capture, trace, maps):
    """Writes the trace of a capture of one thread to `trace`, its executable maps to `maps`."""
    with open(pathlib.Path(capture) / "data", "rb") as file, open(trace, "wb") as out, open(maps, "w") as lines:
        data = memoryview(file.read())
        for _, kind, record, payload in records(data):
            if payload:
                out.seek(struct.unpack_from("<Q", record, 16)[0])  # what padded the payload in front is no trace
                out.write(payload)
            if kind != MMAP2:
                continue
            address, size, offset = struct.unpack_from("<QQQ", record, 16)
            protection = struct.unpack_from("<I", record, 64)[0]
            name = bytes(record[72:]).split(b"\0")[0].decode()
            if protection & EXEC and pathlib.Path(name).is_file():
                size = min(size, pathlib.Path(name).stat().st_size - offset)  # maps are whole pages
                lines.write(f"{address:x} {size:x} {offset:x} {name}\n")
