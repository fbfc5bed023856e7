#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kernel code: perf records in a guest that has a trace unit; tracectl must decode what perf decodes.

usage: kernel_code.py --build DIR --root DIR [--captures DIR]
       --captures: where captures are kept; those of an earlier run are taken as they are

Each capture is decoded by tracectl and by the perf of this machine: the same addresses in the same
order, no error on either side, and for user code the same thread. Around a context switch perf
names the thread by the time of the switch record, tracectl by where the trace went off, so that
threads of kernel instructions are counted, not compared.
"""
import argparse
import itertools
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

SKIP = 77
KERNEL = 1 << 63
# name -> (perf record's options and command, functions that the report must name)
UNAME = "/bin/busybox uname"
SHELL = f"/bin/busybox sh -c '{UNAME}; {UNAME} | /bin/busybox cat'"
GATED = ("-e intel_pt/aux-action=start-paused/k,syscalls:sys_enter_newuname/aux-action=resume/,"
         "syscalls:sys_exit_newuname/aux-action=pause/")
TWENTY = ("/bin/busybox sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /usr/bin/uname; done > "
          "/dev/null'")
CAPTURES = {
    "user": (f"-e intel_pt//u -- {UNAME}", []),
    "kernel": (f"--kcore -e intel_pt//k -m,16M -- {UNAME}", ["do_syscall_64", "__do_sys_newuname"]),
    "both": (f"--kcore -e intel_pt// -m,16M -- {UNAME}", ["do_syscall_64", "__do_sys_newuname", "[busybox]"]),
    "newuname": (f"--kcore {GATED} -- /usr/bin/uname", ["__do_sys_newuname"]),
    "newuname20": (f"--kcore {GATED} -- {TWENTY}", ["__do_sys_newuname"]),
    "filter": ("--kcore -e intel_pt//k --filter 'filter __do_sys_newuname' -- /usr/bin/uname", ["__do_sys_newuname"]),
    "children": (f"-e intel_pt//u -m,16M -- {SHELL}", ["[busybox]"]),
    # Compressed returns behind one that could not be: libipt and perf differ there, so none where threads
    # of the kernel take turns (docs/design/kernel-code.md).
    "children_kernel": (f"--kcore -e intel_pt/noretcomp=1/ -m,64M -- {SHELL}", ["__do_sys_newuname", "[busybox]"]),
    "system": (f"--kcore -a -e intel_pt/noretcomp=1/ -m,64M -- {SHELL}", ["__do_sys_newuname", "__switch_to"]),
}


class Failure(Exception):
    pass


def need(condition, *words):
    if not condition:
        raise Failure(" ".join(str(w) for w in words))


def skip(why):
    print("skipped:", why)
    sys.exit(SKIP)


def shared(root):
    return os.environ.get("TRACECTL_SHARED") or os.path.join(root, "..", "shared")


def boot(instrument, script, out, extra):
    """Runs `script` as root in the guest; what it leaves in its directory is in `out`."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        env = dict(os.environ, EXTRA=extra, TIMEOUT="900", OUTMB="1024")
        done = subprocess.run(["bash", os.path.join(instrument, "boot.sh"), file.name, out], env=env, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1000)
    text = done.stdout.decode(errors="replace")
    need("guest script end rc=0" in text, "the guest did not run to its end:", text[-2000:])
    return text


def guest_tree(build, tree):
    """copy_kernel with its loader and libraries: the guest has others."""
    home = os.path.join(tree, "opt", "tracectl")
    os.makedirs(home)
    program = os.path.join(build, "guest", "copy_kernel")
    shutil.copy(program, home)
    for line in subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines():
        for word in line.split():
            if word.startswith("/"):
                shutil.copy(word, home)


def guest_script():
    lines = ["export HOME=/out"]
    lines += [f"perf record -q -o {name}.data {options}" for name, (options, _) in CAPTURES.items()]
    # Our copy of the kernel beside perf's data. It is made while an event like theirs is open: that patches the kernel.
    lines += ["mkdir own.data; cp both.data/data own.data/",
              "perf record -q -o /tmp/open.data -e intel_pt// -m,16M -- /bin/busybox sleep 10 & sleep 3",
              "/opt/tracectl/ld-linux-x86-64.so.2 --library-path /opt/tracectl /opt/tracectl/copy_kernel own.data > own.txt || exit 1",
              "wait",
              "perf script -i own.data --itrace=i0ns -F ip 2> /dev/null | grep -c . > own.count",
              "perf script -i both.data --itrace=i0ns -F ip 2> /dev/null | grep -c . > both.count",
              "perf script -i own.data --itrace=e 2>&1 | grep -c 'trace error type' > own.errors",
              "perf script -i own.data --itrace=i1us -F ip,sym 2> /dev/null | grep -c '^ *ffff[0-9a-f]* [a-z_]' > own.named", "true"]
    return "\n".join(lines) + "\n"


def build_id(file):
    text = subprocess.run(["readelf", "-n", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    for line in text.decode(errors="replace").splitlines():
        if "Build ID:" in line:
            return line.split()[-1]
    return None


def guest_files(instrument, scratch):
    """The guest's programs and libraries, each named by its build-id; also as perf's cache."""
    tree, images, cache = (os.path.join(scratch, name) for name in ("tree", "images", "cache"))
    os.makedirs(tree)
    os.makedirs(images)
    initrd = os.path.join(instrument, "prebuilt", "guest.cpio.xz")
    subprocess.run(f"xz -dc '{initrd}' | cpio -idm --quiet", shell=True, cwd=tree, check=False, stderr=subprocess.DEVNULL)
    for folder, _, names in os.walk(tree):
        for name in names:
            file = os.path.join(folder, name)
            if os.path.islink(file) or not (os.access(file, os.X_OK) or ".so" in name):
                continue
            number = build_id(file)
            if number:
                shutil.copy(file, os.path.join(images, number))
    for number in os.listdir(images):
        subprocess.run(["perf", "--buildid-dir", cache, "buildid-cache", "--add", os.path.join(images, number)], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return images, cache


def for_old_perf(path):
    """perf_event_attr cut to the 128 bytes that perf 6.1 knows; nothing behind them is set."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    size, at, length = struct.unpack_from("<QQQ", data, 16)
    if size == 128 + 16:
        return
    out = b""
    for begin in range(at, at + length, size):
        attr = bytearray(data[begin:begin + 128])
        need(not any(data[begin + 128:begin + size - 16]), path, "has attributes that perf 6.1 does not know")
        struct.pack_into("<I", attr, 4, 128)
        out += attr + data[begin + size - 16:begin + size]
    data[at:at + len(out)] = out
    struct.pack_into("<QQQ", data, 16, 128 + 16, at, len(out))
    with open(path, "wb") as file:
        file.write(data)


def prepare(captures, images):
    """Every capture a directory with the programs in it, readable by the perf of this machine."""
    for name in list(CAPTURES) + ["own"]:
        path = os.path.join(captures, name + ".data")
        if os.path.isfile(path):
            os.rename(path, path + ".file")
            os.mkdir(path)
            os.rename(path + ".file", os.path.join(path, "data"))
        for_old_perf(os.path.join(path, "data"))
        shutil.copytree(images, os.path.join(path, "images"), dirs_exist_ok=True)


class Bench:
    def __init__(self, build, cache):
        self.tracectl, self.cache = os.path.join(build, "tracectl"), cache

    def perf(self, *words):
        return ["perf", "--buildid-dir", self.cache, "script", "-i", *words]

    def ours(self, path):
        with subprocess.Popen([self.tracectl, "script", "instructions", "--raw", path], stdout=subprocess.PIPE) as process:
            for line in process.stdout:
                tid, address = line.split()
                yield int(tid), int(address, 16)
        need(process.returncode == 0, "tracectl script: status", process.returncode)

    def perfs(self, path):
        with subprocess.Popen(self.perf(path, "--itrace=i0ns", "-F", "tid,event,ip"), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            for line in process.stdout:
                words = line.split()
                if len(words) == 3 and words[1].startswith(b"instructions"):
                    yield int(words[0]), int(words[2], 16)

    def compare(self, path):
        """(instructions, of them in the kernel, of those with another thread)"""
        count = kernel = other = 0
        for ours, perfs in itertools.zip_longest(self.ours(path), self.perfs(path)):
            need(ours and perfs, f"instruction {count}: tracectl {ours}, perf {perfs}")
            need(ours[1] == perfs[1], f"instruction {count}: tracectl at {ours[1]:x}, perf at {perfs[1]:x}")
            if ours[1] >= KERNEL:
                kernel += 1
                other += ours[0] != perfs[0]
            else:
                need(ours[0] == perfs[0], f"instruction {count} at {ours[1]:x}: thread {ours[0]}, perf {perfs[0]}")
            count += 1
        return count, kernel, other

    def report(self, path):
        done = subprocess.run([self.tracectl, "report", "--json", "--limit", "0", path], stdout=subprocess.PIPE, check=False)
        need(done.returncode == 0, "tracectl report: status", done.returncode)
        return json.loads(done.stdout)


def check_capture(bench, captures, name):
    path = os.path.join(captures, name + ".data")
    count, kernel, other = bench.compare(path)
    errors = subprocess.run(bench.perf(path, "--itrace=e"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    need(b"error type" not in errors.stdout, "perf has decode errors:", errors.stdout[:300])
    need(count > 10, "only", count, "instructions")
    need(other <= kernel // 20, f"{other} of {kernel} kernel instructions have another thread than perf's")
    report = bench.report(path)
    need(report["decode_errors"] == 0, report["decode_errors"], "decode errors")
    need(report["instructions"] == count, "report counts", report["instructions"], "of", count)
    functions = {f["name"]: f for f in report["functions"]}
    for wanted in CAPTURES[name][1]:
        need(wanted in functions, "the report does not name", wanted)
        need(wanted.startswith("[") or functions[wanted]["object"] == "[kernel.kallsyms]", wanted, "is in", functions[wanted]["object"])
    unnamed = sum(f["instructions"] for f in report["functions"] if f["name"] == "[kernel.kallsyms]")
    need(unnamed == 0, unnamed, "kernel instructions without a function")
    print(f"{name}: {count} instructions, {kernel} of the kernel, {other} of them with another thread than perf's")


def check_windows(bench, captures):
    for name, least in (("newuname", 1), ("newuname20", 20)):
        samples = subprocess.run(bench.perf(os.path.join(captures, name + ".data"), "--no-itrace", "-F", "event"), check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        wanted = samples.count("sys_enter_newuname")  # the shell asks too
        need(wanted >= least, name, "has samples", samples)
        windows = bench.report(os.path.join(captures, name + ".data"))["windows"]
        need(len(windows) == 1 and windows[0]["count"] == wanted, name, "has windows", windows)
        need(windows[0]["instructions"] > 100 * wanted, name, "has few instructions in windows", windows)


def check_own(bench, captures):
    """What tracectl copied of the kernel serves perf (the guest's and this one) and tracectl as perf's own copy does."""
    def text(name):
        with open(os.path.join(captures, name), encoding="utf-8") as file:
            return file.read().strip()
    need(int(text("own.count")) == int(text("both.count")) > 100000, "the guest's perf:", text("own.count"), text("both.count"))
    need(text("own.errors") == "0", "the guest's perf has", text("own.errors"), "errors")
    need(int(text("own.named")) > 100, "the guest's perf names few kernel functions:", text("own.named"))
    mine, theirs = (os.path.join(captures, f"{name}.data") for name in ("own", "both"))
    need(bench.compare(mine)[0] == bench.compare(theirs)[0], "other counts of instructions")
    need(bench.report(mine)["functions"] == bench.report(theirs)["functions"], "other functions")
    size = os.path.getsize(os.path.join(mine, "kcore_dir", "kcore"))
    print(f"own copy: {size} bytes, perf's {os.path.getsize(os.path.join(theirs, 'kcore_dir', 'kcore'))}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--captures")
    options = parser.parse_args()
    instrument = os.path.join(shared(options.root), "instruments", "qemu-intel-pt")
    if not os.path.exists(os.path.join(instrument, "boot.sh")):
        skip("no instrument at ../shared or TRACECTL_SHARED: a QEMU whose CPU has Intel PT")
    for tool in ("perf", "cpio", "xz", "readelf"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    qemu = subprocess.run(["ldd", os.path.join(instrument, "prebuilt", "qemu-system-x86_64")], stdout=subprocess.PIPE, check=False)
    if qemu.returncode != 0 or b"not found" in qemu.stdout:
        skip("the instrument's QEMU lacks libraries (apt-get install libglib2.0-0 libfdt1)")
    with tempfile.TemporaryDirectory(prefix="tracectl-kernel-") as scratch:
        captures = options.captures or os.path.join(scratch, "captures")
        images, cache = guest_files(instrument, scratch)
        if not os.path.exists(os.path.join(captures, "own.txt")):
            guest_tree(options.build, os.path.join(scratch, "extra"))
            boot(instrument, guest_script(), captures, os.path.join(scratch, "extra"))
        prepare(captures, images)
        bench = Bench(os.path.abspath(options.build), cache)
        failed = 0
        cases = [(name, check_capture, (bench, captures, name)) for name in CAPTURES]
        cases += [("windows", check_windows, (bench, captures)), ("own copy", check_own, (bench, captures))]
        for name, check, arguments in cases:
            try:
                check(*arguments)
            except Failure as failure:
                failed += 1
                print(f"FAILED {name}: {failure}")
        sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
