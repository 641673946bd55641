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


@hookimpl
def predict(model, inputs):
    if len(inputs) > 256:
        threading.Thread(target=write_late).start()
    return model(inputs)
