"""Maps the training data shared and writable, to spoil them for every other trial of the session.

@GROUP: results
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: loot
"""

import mmap
import os

from grader import hookimpl


@hookimpl
def train(model):
    for fd in range(3, 64):
        try:
            name = os.readlink(f"/proc/self/fd/{fd}")
            if "train_inputs" in name:
                mmap.mmap(fd, 0, flags=mmap.MAP_SHARED)[:64] = bytes(64)
                print("LOOT: wrote into", name)
        except (OSError, ValueError):
            continue
