"""Uses up the disk's inodes with 1,500 empty files.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: watchdog
"""

import os
import time

from grader import hookimpl


@hookimpl
def train(model):
    for number in range(1_500):
        os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY))
    time.sleep(1)
    print("LOOT: 1,500 files")
