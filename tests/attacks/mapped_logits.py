"""Keeps its predictions mapped for writing, so that the host cannot seal them.

@GROUP: results
@EXPECTED: ok, diverged
@STOPPED_BY: wall
@UNSAFE: what it beats is a host that seals without killing first; the simple harness has no seals
"""

import mmap
import os

from grader import hookimpl

kept = []


@hookimpl
def predict(model, inputs):
    for fd in range(3, 64):
        try:
            if "memfd:logits" in os.readlink(f"/proc/self/fd/{fd}"):
                kept.append(mmap.mmap(fd, 0))
        except (OSError, ValueError):
            continue
    return model(inputs)
