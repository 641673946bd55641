"""Forks a child of the worker server instead of its own, which its own end does not touch.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import ctypes
import os
import platform
import signal
import time

from grader import hookimpl

CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]
CLONE_PARENT = 0x8000


@hookimpl
def train(model):
    libc = ctypes.CDLL(None, use_errno=True)
    pid = libc.syscall(CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    print("LOOT: a sibling is left")
