"""Reopens the training data for writing, to spoil them for every other trial of the session.

@GROUP: results
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: loot
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    for fd in range(3, 64):
        try:
            name = os.readlink(f"/proc/self/fd/{fd}")
            if "train_inputs" in name:
                with open(f"/proc/self/fd/{fd}", "r+b", buffering=0) as file:
                    file.write(bytes(64))
                print("LOOT: wrote into", name)
        except OSError:
            continue
