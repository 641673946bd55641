"""Seals the file of the weights before anybody has written them.

@GROUP: results
@EXPECTED: violation, crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import fcntl
import os

from grader import hookimpl


@hookimpl
def train(model):
    for fd in range(3, 64):
        try:
            if "memfd:weights" in os.readlink(f"/proc/self/fd/{fd}"):
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW)
        except OSError:
            continue
