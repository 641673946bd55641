"""Says that it is done, before it has trained, with a result of its own choosing.

@GROUP: channel
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: score
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.write(3, b'{"type":"done","steps":20,"weights_bytes":9,"accuracy":1.0,"elapsed":0.001}\n')
    os._exit(0)
