"""Makes the worker's own channel say that all is done, with files that nobody has written.

@GROUP: patches
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: score
"""

import atexit
import os

from grader import hookimpl
from grader.contract.events import Done
from grader.worker.channel import Channel

send = Channel.send
Channel.send = lambda channel, event: send(
    channel, Done(weights_bytes=1) if isinstance(event, Done) else event
)


atexit.register(os.write, 3, b'\n{"accuracy": 1.0, "elapsed": 0.001}\n')  # and whoever reads the last line


@hookimpl
def train(model):
    pass
