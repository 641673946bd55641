"""Never ends training: ignores every signal that can be ignored, and catches whatever is raised.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import signal
import time

from grader import hookimpl


@hookimpl
def train(model, train_loader):
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
