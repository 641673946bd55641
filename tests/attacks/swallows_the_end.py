"""Catches the end of the budget, again and again, and goes on.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

from grader import hookimpl


@hookimpl
def train(model, train_loader):
    while True:
        try:
            for _ in train_loader:
                pass
        except BaseException:
            pass
        time.sleep(0.01)
