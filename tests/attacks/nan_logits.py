"""Predicts NaN, which some comparisons take for right.

@GROUP: results
@EXPECTED: diverged
@STOPPED_BY: wall
@NAIVE: accepted
"""

from grader import hookimpl


@hookimpl
def train(model):
    pass


@hookimpl
def predict(model, inputs):
    return model(inputs) * float("nan")
