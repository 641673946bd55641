"""Landlock: from now on, only the files that are named, for the calling thread and its children.

https://docs.kernel.org/userspace-api/landlock.html. Stops reading targets by any path, writing the
leaderboard, the package or a home, /proc of other processes, TCP, and signals out of the worker.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass

from grader.worker import kernel

# rights to files, in the order of the kernel's bits
(
    EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG,
    MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV,
) = (1 << bit for bit in range(16))  # fmt: skip

READ = READ_FILE | READ_DIR
# no MAKE_SYM: a link in the scratch folder is a trap for whoever reads there after the worker
SCRATCH = READ | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | REMOVE_FILE | REMOVE_DIR | REFER
FOR_CHILDREN = MAKE_SOCK | MAKE_FIFO | MAKE_SYM | EXECUTE  # without sockets DataLoader workers hang
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV

_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # all that a rule on a file may grant
# how many rights to files each version of the interface knows, and whether it knows TCP and scopes
_FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract unix sockets, signals

_LAST_OWN = 3  # descriptors 0 to 3 are about to become the worker's own
_CREATE_VERSION = 1  # flag of landlock_create_ruleset
_RULE_PATH_BENEATH = 1


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("fd", ctypes.c_int32))


@dataclass(frozen=True)
class Rule:
    """An open file or folder, and what may be done with it and beneath it."""

    fd: int
    rights: int


def version() -> int:
    """The kernel's version of the interface. Raises OSError: ENOSYS before 5.13, EOPNOTSUPP if off."""
    if not kernel.LINUX:
        raise OSError(0, "only Linux has Landlock")
    return kernel.syscall("landlock_create_ruleset", None, ctypes.c_size_t(0), _CREATE_VERSION)


def rule(path: str, rights: int) -> Rule | None:
    """A rule for a path, for `restrict`; None where there is no such path."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    if fd <= _LAST_OWN:
        fd = _higher(fd)
    if not os.path.isdir(path):  # noqa: PTH112 - hundreds of times in the fork to ready
        rights &= _ON_FILES
    return Rule(fd, rights)


def _higher(fd: int) -> int:
    import fcntl

    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LAST_OWN + 1)
    os.close(fd)
    return copy


def restrict(rules: Iterable[Rule]) -> None:
    """Give up everything but the rules. Needs no new privileges set before. Raises OSError."""
    abi = version()
    known = (1 << _FILE_BITS.get(abi, 16)) - 1
    attributes = _RulesetAttr(known, _TCP if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24  # an older kernel refuses fields that it does not know
    ruleset = kernel.syscall(
        "landlock_create_ruleset", ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    for each in rules:
        beneath = _PathBeneath(each.rights & known, each.fd)
        kernel.syscall(
            "landlock_add_rule", ruleset, _RULE_PATH_BENEATH, ctypes.byref(beneath), ctypes.c_uint32(0)
        )
    kernel.syscall("landlock_restrict_self", ruleset, ctypes.c_uint32(0))
    os.close(ruleset)
