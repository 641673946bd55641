"""What a machine lets a plain process of this user do: an attack that it refuses anyway proves nothing."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_IO_URING_SETUP = 425
_CLONE_NEWUSER = 0x10000000


def abilities(folder: Path) -> Iterator[str]:
    """Yield those words of @NEEDS that hold here; the folder is one to try things in."""
    import grader

    if os.access(str(grader.__file__), os.W_OK):
        yield "own-package"
    if _can_mark(folder):
        yield "xattr"
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(_IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
    if fd >= 0:
        os.close(fd)
        yield "io-uring"
    if _in_child(lambda: libc.unshare(_CLONE_NEWUSER) == 0):
        yield "user-namespaces"


def _can_mark(folder: Path) -> bool:
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=folder) as file:
        os.setxattr(file.name, "user.tried", b"yes")
        return True
    return False


def _in_child(trial: Callable[[], bool]) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if trial() else 1)
    return os.waitpid(pid, 0)[1] == 0
