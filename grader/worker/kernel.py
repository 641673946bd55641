"""Linux system calls that Python has no functions for, through ctypes.

Looked up once, in the worker server: a fork then pays for the calls alone.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Any

LINUX = sys.platform == "linux"
MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())

_LIBC = ctypes.CDLL(None, use_errno=True)

# the two machines share all numbers from 424 on; "Table of the Linux system calls" in the kernel's
# arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h
_CAPSET = {"x86_64": 126, "aarch64": 91}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
NUMBERS = {
    "capset": _CAPSET.get(MACHINE, -1),
    "seccomp": _SECCOMP.get(MACHINE, -1),
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38


def syscall(name: str, *arguments: Any) -> int:
    """Call it by name. Raises OSError with the kernel's errno; ENOSYS where the machine is unknown."""
    number = NUMBERS[name]
    result = int(_LIBC.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def prctl(option: int, value: int) -> None:
    """Call prctl(2). Raises OSError; does nothing where the system has none."""
    if not LINUX:
        return
    if _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")
