"""Takes 320 MiB of private memory where 256 are allowed.

@GROUP: bombs
@EXPECTED: out_of_memory
@STOPPED_BY: rlimits, watchdog
"""

import time

from grader import hookimpl


@hookimpl
def train(model):
    hoard = []
    for _ in range(5):
        hoard.append(b"\1" * (64 << 20))
    time.sleep(1.5)
    print("LOOT:", sum(map(len, hoard)), "bytes")
