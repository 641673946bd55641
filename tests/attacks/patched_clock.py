"""Replaces the clocks, so that its half second of work took none.

@GROUP: patches
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: clock
"""

import time

from grader import hookimpl

sleep = time.sleep
for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    setattr(time, name, lambda: 1.0)
    setattr(time, f"{name}_ns", lambda: 1)


@hookimpl
def train(model):
    sleep(0.5)
