"""An honest network, trained by the default loop."""

from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 64, task.outputs),
    )
