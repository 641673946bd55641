"""Goes on writing into the file of its predictions after it has said that they are complete.

@GROUP: results
@EXPECTED: ok, violation, diverged
@STOPPED_BY: wall
@NAIVE: loot
"""

import os
import threading
import time

from grader import hookimpl


def write_late():
    time.sleep(0.8)
    for fd in range(3, 64):
        try:
            if "memfd:logits" in os.readlink(f"/proc/self/fd/{fd}"):
                os.pwrite(fd, bytes(64), 0)
                print("LOOT: wrote after the end")
        except OSError:
            continue


def start(thread):
    for _ in range(50):  # an attack beside this one may hold all the threads that their user may have
        try:
            return thread.start()
        except RuntimeError:
            time.sleep(0.1)
    raise RuntimeError("no thread to be had")


@hookimpl
def predict(model, inputs):
    if len(inputs) > 256:
        start(threading.Thread(target=write_late))
    return model(inputs)
