"""Makes the worker's own channel say that all is done, with files that nobody has written.

@GROUP: patches
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: score
"""

import os

from grader import hookimpl
from grader.contract.events import Done
from grader.worker.channel import Channel

send = Channel.send
Channel.send = lambda channel, event: send(
    channel, Done(weights_bytes=1) if isinstance(event, Done) else event
)


@hookimpl
def train(model):
    os.write(1, b'{"accuracy": 1.0, "elapsed": 0.001}')
    os.close(1)
