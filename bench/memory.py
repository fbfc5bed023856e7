# SPDX-License-Identifier: MIT
"""Runs a command in a memory cgroup of its own (version 1 or 2) and watches what it holds."""

import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path("/sys/fs/cgroup")


class Unavailable(Exception):
    """No memory cgroup can be made here; the text says why."""


def _mounted(kind):
    """Mount points of cgroup file systems of type `kind`, with their options."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, where, what, options, *_ = line.split()
        if what == kind:
            yield pathlib.Path(where), options.split(",")


class Group:
    """A cgroup with a limit in bytes, removed at the end."""

    def __init__(self, limit):
        self.version, base = self._find()
        self.path = base / f"tracectl-bench-{os.getpid()}"
        try:
            self.path.mkdir()
            name = "memory.limit_in_bytes" if self.version == 1 else "memory.max"
            (self.path / name).write_text(str(limit))
        except OSError as error:
            self.close()
            raise Unavailable(f"{self.path}: {error.strerror}") from error

    @staticmethod
    def _find():
        for where, options in _mounted("cgroup"):
            if "memory" in options:
                return 1, where
        for where, _ in _mounted("cgroup2"):
            if "memory" in (where / "cgroup.subtree_control").read_text().split():
                return 2, where
        raise Unavailable("no memory cgroup controller is mounted (or enabled for children)")

    def enter(self):
        (self.path / "cgroup.procs").write_text("0")

    def held(self):
        """Anonymous and shared memory, bytes: what no reclaim gives back."""
        stat = dict(line.split() for line in (self.path / "memory.stat").read_text().splitlines())
        return int(stat["total_rss"] if self.version == 1 else stat["anon"]) + int(
            stat["total_shmem"] if self.version == 1 else stat["shmem"]
        )

    def kills(self):
        """Processes that the limit has killed."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        stat = dict(line.split() for line in (self.path / name).read_text().splitlines())
        return int(stat.get("oom_kill", 0))

    def close(self):
        for _ in range(50):
            try:
                self.path.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def limited(command, limit):
    """Runs `command` under `limit`: (exit status, peak bytes held, killed processes)."""
    with Group(limit) as group:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=group.enter)
        peak = 0
        while child.poll() is None:
            peak = max(peak, group.held())
            time.sleep(0.05)
        error = child.stderr.read().decode(errors="replace")
        child.stderr.close()
        if child.returncode != 0:
            print(error)
        return child.returncode, peak, group.kills()
