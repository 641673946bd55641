"""Takes the worker's own checks away: of the outputs, of the weights, of training while loading.

@GROUP: patches
@EXPECTED: diverged
@STOPPED_BY: wall
@UNSAFE: the simple harness has no checks to take away
"""

from grader import hookimpl
from grader.worker import guards, load, weights

load.checked = lambda outputs, *args: outputs.detach() * float("nan")
weights._plain = lambda name, value: value
guards.no_own_datasets = guards.no_training_yet = None


@hookimpl
def train(model):
    pass
