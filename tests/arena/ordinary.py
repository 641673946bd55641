"""Run a command as an ordinary user: `python ordinary.py UID PATH... -- COMMAND...`, as root.

The interpreter may be installed below a folder that only root may search, as root's home is. So, in a
mount namespace of its own, each such folder on the way to a PATH is covered by an empty one that anybody may
search, with the wanted child put back. Nothing of this is seen outside, or outlives the command.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000

_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Become the user, then the command."""
    split = sys.argv.index("--")
    uid, paths, command = int(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1 :]
    reveal(map(Path, paths))
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    os.execv(command[0], command)


def reveal(paths: Iterable[Path]) -> None:
    """Make all paths reachable for everybody, in a mount namespace of this process's own."""
    children: dict[Path, set[Path]] = {}
    for parent, child in (step for path in paths for step in _hidden_steps(path.resolve())):
        children.setdefault(parent, set()).add(child)
    if not children:
        return
    _check(_LIBC.unshare(_CLONE_NEWNS))
    _mount(None, Path("/"), _MS_REC | _MS_PRIVATE)
    for parent in sorted(children, key=lambda path: len(path.parts)):  # outermost first
        _cover(parent, children[parent])


def _hidden_steps(path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (folder that not everybody may search, its child on the way to the path)."""
    way = [*reversed(path.parents), path]
    for parent, child in itertools.pairwise(way):
        if not parent.stat().st_mode & 0o001:
            yield parent, child


def _cover(parent: Path, children: set[Path]) -> None:
    opened = {child: os.open(child, os.O_PATH) for child in children}
    _mount(b"tmpfs", parent, 0, kind=b"tmpfs", options=b"mode=755,size=1m")
    for child, fd in opened.items():
        child.mkdir()
        _mount(f"/proc/self/fd/{fd}".encode(), child, _MS_BIND | _MS_REC)
        os.close(fd)


def _mount(
    source: bytes | None, target: Path, flags: int, kind: bytes | None = None, options: bytes | None = None
) -> None:
    _check(_LIBC.mount(source, bytes(target), kind, ctypes.c_ulong(flags), options))


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


if __name__ == "__main__":
    main()
