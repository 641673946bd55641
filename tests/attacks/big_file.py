"""Writes 12 MiB into one file of its scratch folder where 2 are allowed.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: watchdog, rlimits
"""

import time

from grader import hookimpl


@hookimpl
def train(model):
    with open("big", "wb") as file:
        for _ in range(12):
            file.write(bytes(1 << 20))
    time.sleep(1.5)
    print("LOOT: 12 MiB")
