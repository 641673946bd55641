"""Reads the memory of another process of the same user, by process_vm_readv.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp, identity
"""

import ctypes
import os

from grader import hookimpl


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


@hookimpl
def train(model):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(16)
    here, there = Piece(ctypes.addressof(buffer), 16), Piece(int("@ADDRESS@"), 16)
    one = ctypes.c_ulong(1)
    if (
        libc.process_vm_readv(
            int("@VICTIM_PID@"), ctypes.byref(here), one, ctypes.byref(there), one, ctypes.c_ulong(0)
        )
        < 0
    ):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    print("LOOT:", buffer.raw)
