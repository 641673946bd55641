"""Goes on training in a thread after the clock has stopped.

@GROUP: off-clock
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: loot
"""

import threading
import time

from grader import hookimpl


def go_on():
    time.sleep(0.8)
    print("LOOT: still at work")


@hookimpl
def train(model):
    threading.Thread(target=go_on).start()
