"""Sets up a ring that the kernel works through past any filter of system calls.

@GROUP: kernel
@EXPECTED: violation
@STOPPED_BY: seccomp
@NEEDS: io-uring
"""

import ctypes
import os

from grader import hookimpl

IO_URING_SETUP = 425  # the same number on x86-64 and aarch64


@hookimpl
def train(model):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    print("LOOT: a ring")
