"""Seccomp: system calls that training never makes, refused by the kernel from now on.

A list of what is refused rather than of what is allowed: torch, CUDA and libc use hundreds, others with
each release. What is newer than this list is refused as unknown. EPERM, so that a submission's mistake
becomes its own exception with its own line, and not a death.
https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterable, Mapping

from grader.worker import kernel

_Numbers = Mapping[str, tuple[int | None, int | None]]  # on x86-64, on aarch64; None where it has none

# --- refused, by the attack that each stops ---

# a daemon that outlives the trial, a fork bomb, another program (clone and clone3: see `_threads_only`)
_PROCESSES: _Numbers = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
}  # fmt: skip

# the network, docker.sock, D-Bus, netlink, vsock: no socket, of no family
_SOCKETS: _Numbers = {"socket": (41, 198), "socketpair": (53, 199)}

# owners and times of files, which Landlock does not cover, and their lengths, which it did not at first
_MODES: _Numbers = {
    "truncate": (76, 45),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip

# memory that is charged to no process: a bomb that a watchdog cannot see
_MEMORY_FILES: _Numbers = {"memfd_create": (319, 279), "memfd_secret": (447, 447)}

_ALWAYS: tuple[_Numbers, ...] = (
    # the memory and the descriptors of the host and of other workers
    {
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
        "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
        "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "userfaultfd": (323, 282),
    },
    # signals by other ways than to one's own process (kill and tgkill: see `_only_itself`)
    {
        "tkill": (200, 130), "pidfd_send_signal": (424, 424), "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240),
    },
    # another view of the file system, or files by handle, around Landlock
    {
        "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
        "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429),
        "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
        "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "open_by_handle_at": (304, 265),
        "name_to_handle_at": (303, 264), "fanotify_init": (300, 262), "quotactl": (179, 60),
        "quotactl_fd": (443, 443), "mknod": (133, None), "mknodat": (259, 33),
    },
    # calls that no filter sees, because the kernel makes them later
    {"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)},
    # memory and queues that outlive the process
    {
        "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190),
        "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186),
        "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180),
        "mq_unlink": (241, 181), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    },
    # doors into the kernel that training has no use for
    {
        "bpf": (321, 280), "perf_event_open": (298, 241), "personality": (135, 92),
        "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
        "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
        "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116),
        "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
        "adjtimex": (159, 171), "lookup_dcookie": (212, 18), "iopl": (172, None), "ioperm": (173, None),
        "modify_ldt": (154, None), "vhangup": (153, 58), "sethostname": (170, 161),
        "setdomainname": (171, 162), "uselib": (134, None), "migrate_pages": (256, 238),
        "move_pages": (279, 239), "capset": (126, 91),
    },
)  # fmt: skip
LAST_KNOWN = 469  # file_setattr, Linux 6.17

# --- refused or passed by their arguments ---

_CLONE, _CLONE3 = (56, 220), (435, 435)
_KILL, _TGKILL = (62, 129), (234, 131)
_FCNTL, _IOCTL, _PRCTL = (72, 25), (16, 29), (157, 167)
_OF_A_PROCESS = {  # numbers, and which argument names the process: 0 or itself, never the host
    "prlimit64": ((302, 261), 0), "sched_setaffinity": ((203, 122), 0),
    "sched_setscheduler": ((144, 119), 0), "sched_setparam": ((142, 118), 0),
    "sched_setattr": ((314, 274), 0), "setpriority": ((141, 140), 1), "ioprio_set": ((251, 30), 1),
}  # fmt: skip
_KINDS = {"setpriority": 0, "ioprio_set": 1}  # PRIO_PROCESS, IOPRIO_WHO_PROCESS: not all of a user's
_AF_UNIX = 1
_CLONE_THREAD = 0x10000
_CLONE_NAMESPACES = 0x7E020000
# would send SIGIO to the host; would hold up whoever opens a file
_FCNTLS = {"F_SETOWN": 8, "F_SETSIG": 10, "F_SETOWN_EX": 15, "F_SETLEASE": 1024}
_FIOSETOWN, _SIOCSPGRP, _TIOCSTI = 0x8901, 0x8902, 0x5412  # the same; and typing at a terminal

_PRCTLS = (kernel.PR_SET_PDEATHSIG,)  # a worker dies with its server

# --- the filter: classic BPF over struct seccomp_data ---

_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_PASS, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_REFUSE = _ERRNO | errno.EPERM
_UNKNOWN = _ERRNO | errno.ENOSYS
_NUMBER, _ARCH = 0, 4  # offsets in seccomp_data
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2  # before 5.16 a filter would otherwise slow every branch of a training

_Program = list[tuple[int, int, int, int]]


def program(pid: int, *, allow_subprocess: bool = False, machine: str = kernel.MACHINE) -> _Program:
    """Return the filter for the process `pid`, as (code, jump if true, if false, value).

    With `allow_subprocess` there may be children, unix sockets between them and modes of files; that is
    for level strict, whose namespaces hold all of them in. Raises OSError for a machine that is not known.
    """
    if machine not in _ARCHES:
        raise OSError(errno.ENOSYS, f"the numbers of system calls on {machine} are not known here")
    column = tuple(_ARCHES).index(machine)
    refused = [*_ALWAYS, _MEMORY_FILES]
    code: _Program = [(_LD, 0, 0, _ARCH), (_JEQ, 1, 0, _ARCHES[machine]), (_RET, 0, 0, _KILL_PROCESS)]
    code += [(_LD, 0, 0, _NUMBER), (_JGE, 0, 1, LAST_KNOWN + 1), (_RET, 0, 0, _UNKNOWN)]  # x32 as well
    code += _when(_CLONE3[column], [(_RET, 0, 0, _UNKNOWN)])  # its flags are out of sight; libc has clone
    if allow_subprocess:
        code += _when(_SOCKETS["socket"][column], _among(0, [_AF_UNIX], _PASS, otherwise=_REFUSE))
        code += _when(_CLONE[column], _flag(0, _CLONE_NAMESPACES, _REFUSE, otherwise=_PASS))
    else:
        refused += [_PROCESSES, _SOCKETS, _MODES]
        code += _when(_CLONE[column], _flag(0, _CLONE_THREAD, _PASS, otherwise=_REFUSE))
        code += _when(_KILL[column], _among(0, [pid], _PASS, otherwise=_REFUSE))
        code += _when(_TGKILL[column], _among(0, [pid], _PASS, otherwise=_REFUSE))
        code += _when(_PRCTL[column], _among(0, _PRCTLS, _REFUSE, otherwise=_PASS))
    for name, (numbers, argument) in _OF_A_PROCESS.items():
        first = _must_be(0, _KINDS[name]) if name in _KINDS else []
        code += _when(numbers[column], [*first, *_among(argument, [0, pid], _PASS, otherwise=_REFUSE)])
    code += _when(_FCNTL[column], _among(1, _FCNTLS.values(), _REFUSE, otherwise=_PASS))
    code += _when(_IOCTL[column], _among(1, [_FIOSETOWN, _SIOCSPGRP, _TIOCSTI], _REFUSE, otherwise=_PASS))
    whole = {number for group in refused for each in group.values() if (number := each[column]) is not None}
    for number in sorted(whole):
        code += _when(number, [(_RET, 0, 0, _REFUSE)])
    return [*code, (_RET, 0, 0, _PASS)]


def install(code: _Program) -> None:
    """Apply a filter to the calling thread and its children. Needs no new privileges set before."""

    class Fprog(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    filters = b"".join(struct.pack("=HBBI", *each) for each in code)
    kernel.syscall(
        "seccomp", _SET_MODE_FILTER, ctypes.c_uint(_SPEC_ALLOW), ctypes.byref(Fprog(len(code), filters))
    )


# A number or an argument is compared by its lower 32 bits: all that the kernel looks at in the calls above.


def _when(number: int | None, block: _Program) -> _Program:
    """The block, which always returns, for one system call; nothing where the machine has no such call."""
    return [] if number is None else [(_JEQ, 0, len(block), number), *block]


def _argument(index: int) -> tuple[int, int, int, int]:
    return (_LD, 0, 0, 16 + 8 * index)


def _among(argument: int, values: Iterable[int], then: int, *, otherwise: int) -> _Program:
    tests = [line for value in values for line in ((_JEQ, 0, 1, value), (_RET, 0, 0, then))]
    return [_argument(argument), *tests, (_RET, 0, 0, otherwise)]


def _flag(argument: int, flags: int, then: int, *, otherwise: int) -> _Program:
    return [_argument(argument), (_JSET, 0, 1, flags), (_RET, 0, 0, then), (_RET, 0, 0, otherwise)]


def _must_be(argument: int, value: int) -> _Program:
    return [_argument(argument), (_JEQ, 1, 0, value), (_RET, 0, 0, _REFUSE)]
