"""Takes 160 MiB in /dev/shm, which is memory. Deletes each file at once, to leave nothing.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: landlock
"""

import os
import tempfile

from grader import hookimpl


@hookimpl
def train(model):
    hoard = []
    for _ in range(20):
        fd, path = tempfile.mkstemp(dir="/dev/shm")
        os.unlink(path)
        os.write(fd, bytes(8 << 20))
        hoard.append(fd)
    print("LOOT: 160 MiB in /dev/shm")
