# SPDX-License-Identifier: MIT
"""simpleperf's branch lists without our code: read and written by protoc, walked over objdump's listing, and made of a
trace's packets as OpenCSD prints them.

A list is (address, atoms): atoms is text, E for taken and N for not. Lists are {address: {atoms: count}}.
Source: simpleperf's ETMDecoder.cpp (BranchListParser, ConvertETMBranchMapToInstrRanges) and BranchListFile.cpp."""
import collections
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
MAGIC = b"simpleperf:EtmBranchList"
PROTOC = ["protoc", "--proto_path", HERE, "branch_list.proto"]
OBJDUMPS = ("aarch64-linux-gnu-objdump", "llvm-objdump-14", "llvm-objdump")


def missing():
    """What is not installed, in words; else None."""
    if shutil.which("protoc") is None:
        return "skipped: protoc is not installed (apt-get install protobuf-compiler)"
    if not any(map(shutil.which, OBJDUMPS)):
        return "skipped: no objdump for AArch64 is installed (apt-get install g++-aarch64-linux-gnu)"
    return None


def run(command, stdin=b""):
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode(errors='replace')[-800:]}")
    return done.stdout


# ---- protobuf ----


def fields(lines):
    """A message of protoc's text format: {name: [value]}, messages as such again."""
    out = collections.defaultdict(list)
    for line in lines:
        line = line.strip()
        if line == "}":
            break
        if line.endswith("{"):
            out[line.split()[0]].append(fields(lines))
            continue
        name, value = line.split(": ", 1)
        out[name].append(value[1:-1].encode().decode("unicode_escape").encode("latin-1") if value[0] == '"' else value)
    return out


def atoms_of(branch):
    size, data = int(branch["branch_size"][0]), branch["branch"][0]
    if len(data) != (size + 7) // 8:
        raise AssertionError(f"{size} atoms in {len(data)} bytes")
    return "".join("E" if data[i // 8] >> i % 8 & 1 else "N" for i in range(size))


def decode(data):
    """[(path, build-id, lists)] of a file's bytes, as one message."""
    message = fields(iter(run([*PROTOC, "--decode=simpleperf.proto.BranchList"], data).decode().splitlines()))
    known = {"magic", "etm_data"}
    if message["magic"] != [MAGIC] or set(message) != known:
        raise AssertionError(f"fields {sorted(message)}, magic {message['magic']}")
    out = []
    for binary in message["etm_data"]:
        lists = {}
        for place in binary["addrs"]:
            there = lists.setdefault(int(place["addr"][0]), {})
            for branch in place["branches"]:
                if atoms_of(branch) in there:
                    raise AssertionError("simpleperf forgets a list that is there twice")
                there[atoms_of(branch)] = int(branch["count"][0])
        out.append((binary["path"][0].decode(), (binary["build_id"] or [b""])[0].decode(), lists))
    return out


def bits(atoms):
    data = bytearray((len(atoms) + 7) // 8)
    for i, atom in enumerate(atoms):
        data[i // 8] |= (atom == "E") << i % 8
    return "".join(f"\\{byte:03o}" for byte in data)


def encode(path, build_id, lists, magic=True):
    text = [f'magic: "{MAGIC.decode()}"'] if magic else []
    text.append(f'etm_data {{ path: "{path}" build_id: "{build_id}"')
    for address, there in lists.items():
        text.append(f"addrs {{ addr: {address}")
        text += [f'branches {{ branch: "{bits(a)}" branch_size: {len(a)} count: {n} }}' for a, n in there.items()]
        text.append("}")
    return run([*PROTOC, "--encode=simpleperf.proto.BranchList"], "\n".join(text + ["}"]).encode())


def in_parts(messages):
    """The newer form of the file."""
    parts = b"".join(len(m).to_bytes(4, "little") + m for m in messages)
    return MAGIC + (1).to_bytes(4, "little") + b"\0" + parts


# ---- code ----


def code(binary):
    """{address: (what, target)}: what is cond, direct, indirect, isb or empty."""
    tool = next(filter(None, map(shutil.which, OBJDUMPS)))
    out = {}
    for line in run([tool, "-d", "--no-show-raw-insn", binary]).decode().splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+([a-z0-9.]+)(.*)", line)
        if not match:
            continue
        name, operands = match[2], re.sub(r"<.*|//.*", "", match[3])
        what = ("indirect" if re.fullmatch(r"(br|blr|ret|eret)(a[ab]z?)?", name) else
                "direct" if name in ("b", "bl") else
                "cond" if re.fullmatch(r"bc?\.[a-z]{2,4}|cbn?z|tbn?z", name) else
                "isb" if name == "isb" else "")
        target = int(operands.split(",")[-1].strip().removeprefix("0x"), 16) if what in ("cond", "direct") else 0
        out[int(match[1], 16)] = (what, target)
    return out


def walk(program, lists, base=0):
    """({(first, last): count}, {(from, to): count}), relative to `base`; `to` is 0 where a list does not tell it."""
    ranges, branches = collections.Counter(), collections.Counter()
    for address, there in lists.items():
        for atoms, count in there.items():
            at = address & ~1
            for atom in atoms:
                begin = at
                while at in program and not program[at][0]:
                    at += 4
                if at not in program:
                    break
                what, target = program[at]
                ranges[begin - base, at - base] += count
                if atom == "N" or what == "isb":
                    at += 4
                    continue
                branches[at - base, target - base if target else 0] += count
                if what == "indirect":
                    break
                at = target
    return dict(ranges), dict(branches)


# ---- packets ----


def lists_of(packets, place):
    """Of `tracectl script packets`, which are OpenCSD's words: as simpleperf collects them, a new list at each address.
    `place(address)` is the address in the file, or None."""
    out, threads = {}, {}
    for line in packets.splitlines():
        thread, _, kind, rest = (line.split(None, 3) + [""])[:4]
        state = threads.setdefault(thread, [None, ""])
        if kind.startswith("I_ADDR"):
            keep(out, *state)
            state[:] = place(int(re.search(r"Addr=0x([0-9A-F]+)", rest)[1], 16)), ""
        elif kind.startswith("I_ATOM"):
            state[1] += rest.split(";")[1].strip()
    for state in threads.values():
        keep(out, *state)
    return out


def keep(lists, address, atoms):
    if address is None or not atoms:
        return
    there = lists.setdefault(address, {})
    there[atoms] = there.get(atoms, 0) + 1
