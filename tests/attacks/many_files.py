"""Uses up the disk's inodes with 700 empty files.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: watchdog
"""

import os
import time

from grader import hookimpl


@hookimpl
def train(model):
    for number in range(700):
        os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY))
    time.sleep(1.5)
    print("LOOT: 700 files")
