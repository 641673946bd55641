"""Writes bytes of its own where the weights belong, and says that they are complete.

@GROUP: results
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: score
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    for fd in range(3, 64):
        try:
            if "memfd:weights" in os.readlink(f"/proc/self/fd/{fd}"):
                os.write(fd, b"\x80\x04nonsense")
        except OSError:
            continue
    os.write(3, b'{"type":"done","weights_bytes":10,"accuracy":1.0,"elapsed":0.001}\n')
    os._exit(0)
