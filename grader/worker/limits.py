"""Resource limits of a worker: what one process can be kept from by counting.

The host's watchdog sees to what they do not count: shared memory, many small files.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from grader.contract.isolation import MAX_THREADS
from grader.contract.trial import Limits

# Times MAX_THREADS: where the user is shared, the threads of neighbours count too, and a bomb among them,
# which the watchdog kills within two looks, must not keep others from starting theirs until then.
_ROOM = 16
_MAX_FILES = 1024  # open at once; a data loader of one's own needs some dozens


def apply(limits: Limits, *, others: int | None, data: bool) -> None:
    """Set them, for good. `others`: processes and threads of a user who is not this worker's alone.

    `data`: hold private memory to limits.memory. Not where CUDA is used, which maps far more than it uses.
    """
    _set("CORE", 0)  # a crash of a large model must not fill the disk
    _set("NOFILE", _MAX_FILES)  # descriptors, and the pipes' and files' kernel memory behind them
    _set("FSIZE", max(limits.weights, limits.scratch))  # one file that fills the disk between two looks
    threads = MAX_THREADS if others is None else _ROOM * MAX_THREADS + others
    _set("NPROC", threads)  # fork and thread bombs
    _set("MSGQUEUE", 0)  # kernel memory that is charged to nobody
    if data and sys.platform == "linux":
        _set("DATA", _data_in_use() + limits.memory)


def tasks_of_user() -> int:
    """Processes and threads of this user: what RLIMIT_NPROC counts before a worker has started one."""
    user, found = str(os.getuid()), 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        except OSError:  # it has ended meanwhile
            continue
        if lines.get("Uid", "").split()[:1] == [user]:
            found += int(lines.get("Threads", "1"))
    return found


def _set(name: str, value: int) -> None:
    kind = getattr(resource, f"RLIMIT_{name}", None)  # macOS knows fewer
    if kind is None:
        return
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _data_in_use() -> int:
    """Bytes that RLIMIT_DATA counts already: private and writable."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize()
