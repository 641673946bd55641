"""Cuts off the memory files that the host will read or map: a harness that maps them dies of it.

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
            os.ftruncate(fd, 0)
        except OSError:
            continue
        if any(word in name for word in FIXED):
            print("LOOT: emptied", name)
