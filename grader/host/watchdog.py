"""What resource limits do not count, looked at while the host waits: memory that is shared, many threads,
many small files. Whoever passes a limit is killed within two looks.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from grader.contract.isolation import MAX_THREADS
from grader.contract.size import in_mib
from grader.contract.status import Status
from grader.contract.trial import Limits

INTERVAL = 0.05  # seconds between two looks
_COSTS_AT_MOST = 0.2  # of the time, where a look takes long: thousands of files
_MAPS_EACH = 10  # looks at a process's maps, which take the kernel a millisecond to write
_LONGEST = 3000  # characters of a path: beyond 4,095 nobody could look
_LISTED = Path("/proc/thread-self/children")
_PER_FILE = 4096  # bytes that any file takes at least: its place on the disk, and in the host's time


class Exceeded(Exception):
    """A limit was passed: the status of the row, and its reason."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Watchdog:
    """Looks at one worker. `family`: it may have children, which count as well."""

    def __init__(self, limits: Limits, scratch: Path, *, family: bool) -> None:
        self._limits, self._scratch, self._family = limits, scratch, family
        self._device = scratch.stat().st_dev
        self._looks = 0
        self._next = 0.0

    def look(self, pid: int, start: int) -> None:
        """Raise Exceeded when a limit is passed. Costs 0.2 ms, and nothing between two looks.

        `start` is how many bytes of memory it has not taken itself.
        """
        if time.monotonic() < self._next:
            return
        started = time.thread_time()  # not by the clock: on a busy machine that would mean ever fewer looks
        pids = [pid]
        with contextlib.suppress(OSError, ValueError, psutil.Error):  # it has ended meanwhile
            if self._family:
                pids = _family(pid)
            self._look_at_processes(pids, start)
        self._look_at_scratch(pids)
        self._looks += 1
        cost = time.thread_time() - started
        self._next = time.monotonic() + max(INTERVAL, cost / _COSTS_AT_MOST)

    def _look_at_processes(self, pids: Sequence[int], start: int) -> None:
        taken = [_taken(pid, child=pid != pids[0]) for pid in pids]
        memory, threads = (sum(column) for column in zip(*taken, strict=True))
        if memory - start > self._limits.memory:
            raise Exceeded(
                Status.OUT_OF_MEMORY,
                f"it took {in_mib(memory - start)} of memory beside what it started with, more than "
                "limits.memory allows",
            )
        if threads > MAX_THREADS:
            raise Exceeded(Status.VIOLATION, f"it ran {threads} threads at once; {MAX_THREADS} are allowed")

    def _look_at_scratch(self, pids: Sequence[int]) -> None:
        size = _size(self._scratch, self._limits.scratch)
        for pid in pids:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                size += self._removed(pid)
        if size > self._limits.scratch:
            raise Exceeded(
                Status.VIOLATION,
                f"it wrote more than limits.scratch allows ({in_mib(self._limits.scratch)}, "
                f"each file as at least {_PER_FILE} bytes) into its scratch folder",
            )

    def _removed(self, pid: int) -> int:
        """Bytes of files without a name, which take up the disk for as long as they are open."""
        sizes: dict[int, int] = {}
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                found = path.stat()
                if stat.S_ISREG(found.st_mode) and found.st_nlink == 0 and found.st_dev == self._device:
                    sizes[found.st_ino] = found.st_blocks * 512
        if self._looks % _MAPS_EACH == 0 and (_mapped(pid, self._scratch.name) - sizes.keys()):
            raise Exceeded(
                Status.VIOLATION, "it maps a file that it has removed and closed, whose size nobody can see"
            )
        return sum(sizes.values())


def _family(pid: int) -> list[int]:
    """The process and all beneath it, by what the kernel lists: psutil reads every process there is."""
    if not _LISTED.exists():  # a kernel without CONFIG_PROC_CHILDREN
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            with contextlib.suppress(OSError):  # ended meanwhile
                found += map(int, (task / "children").read_text().split())
    return found


def _mapped(pid: int, folder: str) -> set[int]:
    """Inodes of removed files of the folder that the process maps."""
    found = set()
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        if line.endswith(" (deleted)") and f"/{folder}/" in line:
            found.add(int(line.split(maxsplit=5)[4]))
    return found


def _taken(pid: int, *, child: bool) -> tuple[int, int]:
    """Bytes of memory that no file stands behind, and threads.

    Of a child only what it does not share with its parent: to tell that takes the kernel milliseconds.
    """
    status = _fields(Path(f"/proc/{pid}/status"))
    if child:
        sizes = _fields(Path(f"/proc/{pid}/smaps_rollup"))
        names = ("Private_Dirty", "Pss_Shmem", "SwapPss")
    else:
        sizes, names = status, ("RssAnon", "RssShmem", "VmSwap")
    return sum(int(sizes[name].split()[0]) for name in names if name in sizes) * 1024, int(status["Threads"])


def _fields(file: Path) -> dict[str, str]:
    lines = file.read_text().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _size(folder: Path, enough: int) -> int:
    """Bytes beneath a folder; stops looking where there are more than enough. Follows no links."""
    total, folders = 0, [str(folder)]
    while folders and total <= enough:
        for size, inner in _entries(folders.pop()):
            total += size
            folders += inner
            if total > enough:
                break
    return total


def _entries(folder: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each entry's size, and the entry itself where it is a folder."""
    if len(folder) > _LONGEST:
        raise Exceeded(Status.VIOLATION, "it nested folders in its scratch folder deeper than paths can name")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                inner = [entry.path] if entry.is_dir(follow_symlinks=False) else []
                yield max(_PER_FILE, _on_disk(entry)), inner
    except PermissionError:
        raise Exceeded(
            Status.VIOLATION, "it made a folder in its scratch folder that cannot be looked into"
        ) from None
    except OSError:  # removed meanwhile
        return


def _on_disk(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:  # removed meanwhile
        return 0
