"""Replaces the encoders that the result must pass through.

@GROUP: patches
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: score
"""

import json

import msgspec

from grader import hookimpl

FORGED = {"type": "done", "accuracy": 1.0, "elapsed": 0.001}


@hookimpl
def train(model):
    encode = json.dumps
    json.dumps = lambda *args, **kwargs: encode(FORGED)
    msgspec.json.encode = lambda *args, **kwargs: encode(FORGED).encode()
