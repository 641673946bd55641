"""Makes the memory files that the host will read larger than they were.

@GROUP: results
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: loot
"""

import os

from grader import hookimpl

FIXED = ("train_inputs", "train_targets", "probe_inputs", "probe_outputs")


@hookimpl
def train(model):
    for fd in range(3, 64):
        try:
            name = os.readlink(f"/proc/self/fd/{fd}")
            if not any(word in name for word in FIXED):
                continue
            os.ftruncate(fd, 1 << 32)
        except OSError:
            continue
        print("LOOT: extended", name)
