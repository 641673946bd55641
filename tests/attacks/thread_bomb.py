"""Starts 800 threads, with stacks too small to be noticed as memory.

@GROUP: bombs
@EXPECTED: violation, crashed
@STOPPED_BY: watchdog, rlimits
"""

import threading
import time

from grader import hookimpl


@hookimpl
def train(model):
    threading.stack_size(64 * 1024)
    for _ in range(800):
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()
    time.sleep(1.5)
    print("LOOT: 800 threads")
