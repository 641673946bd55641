"""Ends the process when it is asked for the test set.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl


@hookimpl
def predict(model, inputs):
    if len(inputs) > 256:
        os._exit(0)
    return model(inputs)
