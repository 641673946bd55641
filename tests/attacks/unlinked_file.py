"""Writes 12 MiB into files that it has deleted: no walk through its folder finds them.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: watchdog
"""

import os
import time

from grader import hookimpl


@hookimpl
def train(model):
    for number in range(12):
        fd = os.open(f"part-{number}", os.O_CREAT | os.O_WRONLY)
        os.unlink(f"part-{number}")
        os.write(fd, bytes(1 << 20))
    time.sleep(1.5)
    print("LOOT: 12 MiB")
