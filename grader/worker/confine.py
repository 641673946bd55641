"""What a worker does to itself right after the fork, before it sees any submitted byte.

Level `rlimit`: own session, resource limits, only its own descriptors, killed with its server.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

from grader.contract.isolation import Isolation

LEVEL = Isolation.RLIMIT
CHANNEL_FD = 3

_LIBC = ctypes.CDLL(None, use_errno=True)  # looked up in the server, not in each fork
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


def confine(channel: int, output: int) -> None:
    """Leave the server's session and descriptors behind. Descriptor 3 becomes the channel."""
    os.setsid()
    _keep_only(channel, output)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash of a large model must not fill the disk
    prctl(_PR_SET_NO_NEW_PRIVS, 1)  # no setuid helper lifts the limits again
    die_with_parent(True)  # kill -9 of the server leaves nobody behind


def die_with_parent(wish: bool, /) -> None:
    """Be killed at the end of the thread that started this process, or no longer."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if wish else 0)


def become_subreaper() -> None:
    """Adopt the orphans of workers, so that a double fork cannot outlive its trial."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def prctl(option: int, value: int) -> None:
    """Call prctl(2). Raises OSError; does nothing where the system has none."""
    if sys.platform != "linux":
        return
    if _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def _keep_only(channel: int, output: int) -> None:
    # dup the two out of the way first: either may itself be a number that is about to be overwritten
    channel, output = (os.dup(os.dup(fd)) for fd in (channel, output))
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2), (channel, CHANNEL_FD)):
        os.dup2(source, target)
    os.closerange(CHANNEL_FD + 1, os.sysconf("SC_OPEN_MAX"))
