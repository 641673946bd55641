"""Climbs the stack into the harness that called it, and looks at its variables.

@GROUP: targets
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: loot
"""

import sys

from grader import hookimpl


@hookimpl
def predict(model, inputs):
    frame = sys._getframe()
    while frame:
        for name, value in frame.f_locals.items():
            if "test_targets" in name or tuple(getattr(value, "shape", ())) == (359,):
                print("LOOT:", name, value[:8])
        frame = frame.f_back
    return model(inputs)
