"""Takes memory that outlives its process, by SysV shared memory. Gives it back itself.

@GROUP: kernel
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import ctypes
import os

from grader import hookimpl

IPC_PRIVATE, IPC_RMID = 0, 0


@hookimpl
def train(model):
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(IPC_PRIVATE, ctypes.c_size_t(1 << 20), 0o600)
    if segment < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    libc.shmctl(segment, IPC_RMID, None)
    print("LOOT: memory that would stay")
