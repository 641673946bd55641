"""Becomes root in a namespace of its own, from where most of the kernel can be reached.

@GROUP: kernel
@EXPECTED: violation
@STOPPED_BY: seccomp
@NEEDS: user-namespaces
"""

import ctypes
import os

from grader import hookimpl

CLONE_NEWUSER = 0x10000000  # refused to a process with several threads: so it is tried at import

libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWUSER) < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
print("LOOT: a namespace of its own")


@hookimpl
def train(model):
    pass
