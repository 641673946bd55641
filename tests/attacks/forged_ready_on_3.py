"""Says once more that it is ready, with another model and a level of isolation that does not exist.

@GROUP: channel
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: no-result
"""

import json
import os
import time

from grader import hookimpl


@hookimpl
def train(model):
    forged = {
        "type": "ready",
        "model": {"parameters": 1, "trainable": 1, "structure": ""},
        "isolation": "all",
    }
    os.write(3, json.dumps(forged).encode() + b"\n")
    time.sleep(0.3)
    os._exit(0)
