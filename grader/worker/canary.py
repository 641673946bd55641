"""Whether the layers hold on this machine: a process confines itself, and tries what it must not do.

Started by the host as `python -I -m grader.worker.canary FD`, as the worker server would be. Answers
with one line: empty when all held, else what did not.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from grader.contract.events import Trip
from grader.contract.isolation import Layer
from grader.worker import confine
from grader.worker.channel import orders


def main() -> None:
    """Confine a child, let it try, and pass its answer on."""
    control = socket.socket(fileno=int(sys.argv[1]))
    trip = orders(control, Trip)
    means = confine.means(trip.sandbox)
    if os.fork() == 0:
        confine.leave_server(control.fileno(), sys.stderr.fileno())
        os.write(confine.CHANNEL_FD, (_answer(trip, means) + "\n").encode(errors="replace"))
        os._exit(0)
    os.wait()


def _answer(trip: Trip, means: confine.Means) -> str:
    try:
        confine.confine(confine.Plan(scratch=trip.scratch, user=trip.user), means)
        return "; ".join(_faults(trip))
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")


def _faults(trip: Trip) -> list[str]:
    """What is possible and must not be, and what is not and must be."""
    layers = trip.sandbox.layers
    faults = []
    if Layer.SECCOMP in layers:
        faults += [f"{name} is not refused" for name, call in _REFUSED.items() if not _denied(call)]
    if Layer.LANDLOCK in layers and not _denied(lambda: Path(trip.hidden).read_bytes()):
        faults.append("a file outside can be read")
    if Layer.NAMESPACES in layers and Path(trip.hidden).exists():
        faults.append("files outside are in sight")
    faults += [f"{path} can be read" for path in trip.secrets if not _denied(partial(_opened, path))]
    if trip.user and os.getuid() != trip.user:
        faults.append("it is still root")
    Path(trip.scratch, "canary").write_text("works")
    thread = threading.Thread(target=lambda: None)  # torch computes in threads
    thread.start()
    thread.join()
    return faults


def _opened(path: str) -> None:
    """Open a file or a folder: who can do that can read it."""
    os.close(os.open(path, os.O_RDONLY))


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


_REFUSED: dict[str, Callable[[], object]] = {
    "fork": _fork,
    "socket": lambda: socket.socket().close(),
    "a signal to another process": lambda: os.kill(os.getppid(), 0),
}


def _denied(call: Callable[[], object]) -> bool:
    """Whether it is refused. A hidden file may also be absent, in a namespace without it."""
    try:
        call()
    except (PermissionError, FileNotFoundError):
        return True
    return False


if __name__ == "__main__":
    main()
