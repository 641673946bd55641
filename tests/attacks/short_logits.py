"""Predicts fewer rows than it was given, as if it chose which samples count.

@GROUP: results
@EXPECTED: invalid
@STOPPED_BY: wall
@NAIVE: no-result
"""

from grader import hookimpl


@hookimpl
def predict(model, inputs):
    return model(inputs)[: max(2, len(inputs) - 100)] if len(inputs) > 256 else model(inputs)
