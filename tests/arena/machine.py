"""What a machine lets this user do: `python -m arena.machine FILE`, as that user.

Which levels of isolation it gives, and which of the deeds in @NEEDS it lets a plain process do: an attack
that the machine refuses anyway proves nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from grader.contract.isolation import Isolation
from grader.host.isolation import fault

_IO_URING_SETUP = 425
_CLONE_NEWUSER = 0x10000000
_LIBRARIES = (Path(sys.base_prefix), Path(sys.prefix), Path(__file__))


class Machine(msgspec.Struct, frozen=True):
    """The levels, strongest first, and the deeds."""

    levels: tuple[Isolation, ...]
    abilities: tuple[str, ...]


def main() -> None:
    """Try everything; the answers go into the file."""
    place = Path(sys.argv[1])
    levels = tuple(level for level in Isolation if not fault(level))
    place.write_bytes(msgspec.json.encode(Machine(levels, tuple(abilities(place.parent)))))


def abilities(folder: Path) -> Iterator[str]:
    """Yield the words of @NEEDS that hold here, and `anyone-reads`; the folder is one to try things in."""
    import grader

    if os.access(str(grader.__file__), os.W_OK):
        yield "own-package"
    if all(parent.stat().st_mode & 0o001 for path in _LIBRARIES for parent in path.resolve().parents):
        yield "anyone-reads"
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


if __name__ == "__main__":
    main()
