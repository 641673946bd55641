"""Attaches to another process of the same user as a debugger.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp, identity
"""

import ctypes
import os

from grader import hookimpl

PTRACE_SEIZE = 0x4206


@hookimpl
def train(model):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(ctypes.c_long(PTRACE_SEIZE), int("@VICTIM_PID@"), None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    print("LOOT: attached as a debugger")
