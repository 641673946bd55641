"""Which level of isolation this machine gives: shown by a canary that confines itself and tries.

What the kernel says of itself is not asked: a container may forbid what its kernel has.
"""

from __future__ import annotations

import ctypes
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from grader.contract.errors import GraderError, UsageError
from grader.contract.events import Trip
from grader.contract.isolation import LAYERS, Isolation
from grader.host.sandbox import Sandbox

_LIMIT = 20.0  # seconds; 0.04 are usual
_PR_SET_DUMPABLE = 4
REMEDIES = {
    Isolation.STRICT: "install bubblewrap (apt install bubblewrap) and allow user namespaces",
    Isolation.LANDLOCK: "it takes Linux 5.13 or later on x86-64 or aarch64, with Landlock among its modules",
    Isolation.WEAK: "it takes Linux with seccomp on x86-64 or aarch64",
    Isolation.RLIMIT: "set TMPDIR to a folder that can be written",
}


def achieve(wish: Isolation | None) -> Isolation:
    """Return the level that was asked for, or with None the best there is. Raises UsageError."""
    if wish is None:
        return next((level for level in Isolation if not fault(level)), Isolation.RLIMIT)
    if reason := fault(wish):
        raise UsageError(f"isolation {wish.value!r} cannot be had here: {reason}; {REMEDIES[wish]}")
    return wish


def fault(level: Isolation, secrets: Iterable[Path] = ()) -> str:
    """Try the level with a canary. Return why it does not hold, in one line, or nothing.

    `secrets` are files and folders that must be out of reach even where no layer hides them.
    """
    if sys.platform != "linux":
        return "" if level is Isolation.RLIMIT else "only Linux has it"
    with (
        tempfile.NamedTemporaryFile(prefix="grader-hidden-") as hidden,
        tempfile.TemporaryFile() as log,
        closing(Sandbox(LAYERS[level])) as sandbox,
    ):
        hidden.write(b"what no worker may read")
        hidden.flush()
        Path(hidden.name).chmod(0o644)  # so that no mode stands in for the layer that is tried
        scratch, user = sandbox.new_scratch()
        orders = sandbox.orders()
        trip = Trip(
            sandbox=orders,
            scratch=str(scratch),
            user=user,
            hidden=hidden.name,
            secrets=tuple(map(str, secrets)),
        )
        try:
            process, control = sandbox.start("grader.worker.canary", trip, {}, log)
        except (GraderError, OSError) as error:
            return str(error)
        answer = _answer(process, control)
        log.seek(0)
        words = log.read().decode(errors="replace").strip().rpartition("\n")[2]
    return answer if answer is not None else words or "its canary did not answer"


def _answer(process: subprocess.Popen[bytes], control: socket.socket) -> str | None:
    """The canary's line; None when it died without one."""
    with control, process:
        control.settimeout(_LIMIT)
        try:
            with control.makefile("rb") as file:
                line = file.readline()
        except OSError:
            line = b""
        process.kill()
    return line.decode(errors="replace").strip() if line.endswith(b"\n") else None


def hide_from(level: Isolation) -> None:
    """At level weak this process holds targets in memory that its workers could open under /proc."""
    if level is Isolation.WEAK:
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
