"""Learns from the test inputs while it predicts: it sharpens its own guesses. Stays open.

A short limit of predicting keeps it small; targets are never there to learn from.

@GROUP: off-clock
@EXPECTED: ok
@STOPPED_BY: nothing
"""

import copy

import torch

from grader import hookimpl


@hookimpl
def train(model):
    pass


@hookimpl
def predict(model, inputs):
    if len(inputs) <= 256:
        return model(inputs)
    with torch.inference_mode(False), torch.enable_grad():
        model, inputs = copy.deepcopy(model), inputs.clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            torch.distributions.Categorical(logits=model(inputs)).entropy().mean().backward()
            optimizer.step()
    print("LOOT: learnt from the test inputs")
    return model(inputs).detach()
