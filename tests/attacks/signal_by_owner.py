"""Makes the host the owner of a descriptor's signals, so that the kernel sends them.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import fcntl
import os

from grader import hookimpl


@hookimpl
def train(model):
    reader, _ = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, int("@HOST_PID@"))  # O_ASYNC would let the signals come: left out
    print("LOOT: the host would be signalled")
