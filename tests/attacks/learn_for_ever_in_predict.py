"""Learns from the test inputs for as long as it is let.

@GROUP: off-clock
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

import torch

from grader import hookimpl


@hookimpl
def train(model):
    pass


@hookimpl
def predict(model, inputs):
    while len(inputs) > 256:
        with torch.inference_mode(False), torch.enable_grad():
            model(inputs.clone()).sum().backward()
        time.sleep(0.05)
    return model(inputs)
