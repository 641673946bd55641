"""A user of the worker's own, where the host is root: no file and no process is its by default."""

from __future__ import annotations

import ctypes
import os

from grader.worker import kernel

_DAC_READ_SEARCH = 2  # a capability: read any file and search any folder, whatever its mode
_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def become(user: int, *, read_all: bool) -> None:
    """Turn from root into `user`, for good. Raises OSError.

    `read_all` keeps one capability: reading by path whatever the modes say, for an interpreter that lies
    in root's own home. What may be read then is Landlock's to say alone.
    """
    kernel.prctl(kernel.PR_SET_KEEPCAPS, int(read_all))
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _limit_capabilities(1 << _DAC_READ_SEARCH if read_all else 0)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # its own /proc/self, which root would own otherwise


def _limit_capabilities(wanted: int) -> None:
    data = (_Data * 2)(_Data(wanted, wanted, 0), _Data(0, 0, 0))
    kernel.syscall("capset", ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(data))
