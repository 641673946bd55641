"""Memory files: how arrays, weights and predictions cross the wall.

The host creates each file, at its own size, and seals it; a worker gets the descriptor. Where the
system has no memory files (macOS), an unlinked temporary file stands in and seals do nothing.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from typing import TYPE_CHECKING

if sys.platform == "linux":
    import fcntl

    HAVE_SEALS = True
    _SIZE = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
    _ALL = _SIZE | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
else:
    HAVE_SEALS = False

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def create(name: str, size: int = 0) -> int:
    """Return a descriptor of a new memory file of `size` zero bytes."""
    if HAVE_SEALS:
        fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd


def of_array(name: str, array: npt.NDArray[np.generic]) -> int:
    """Return a descriptor of a sealed memory file that holds the array's bytes in C order."""
    fd = create(name)
    with open(fd, "wb", closefd=False) as file:
        file.write(_bytes_of(array))
    seal(fd)
    return fd


def fix_size(fd: int) -> None:
    """Nobody may grow or shrink the file from now on: a truncated map would kill its reader."""
    if HAVE_SEALS:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SIZE)


def seal(fd: int) -> None:
    """Nobody may change the file from now on. Raises OSError (EBUSY) while someone maps it writable."""
    if HAVE_SEALS:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _ALL)


def map_private(fd: int) -> mmap.mmap:
    """Map the whole file copy-on-write: torch.frombuffer neither copies nor warns, the source stays."""
    return mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)


def read_array(fd: int, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """Copy an array of the reader's own dtype and shape out of the file. Raises ValueError when short."""
    import numpy as np

    array = np.empty(shape, dtype)
    view = _bytes_of(array)
    with open(fd, "rb", closefd=False) as file:  # buffered: one read of the system's ends at 2 GiB
        file.seek(0)
        got = file.readinto(view) if view.nbytes else 0
    if got != view.nbytes:
        raise ValueError(f"expected {view.nbytes} bytes, found {got}")
    return array


def _bytes_of(array: npt.NDArray[np.generic]) -> memoryview:
    import numpy as np

    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
