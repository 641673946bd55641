"""Takes 320 MiB of anonymous shared memory, which no resource limit counts.

@GROUP: bombs
@EXPECTED: out_of_memory
@STOPPED_BY: watchdog
"""

import mmap
import time

from grader import hookimpl


@hookimpl
def train(model):
    hoard = []
    for _ in range(5):
        hoard.append(mmap.mmap(-1, 64 << 20))
        hoard[-1][::4096] = b"\1" * (64 << 8)
    time.sleep(1.5)
    print("LOOT:", sum(map(len, hoard)), "bytes")
