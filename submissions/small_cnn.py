"""A small CNN and nothing else: the default loop trains it with the task's own optimiser.

Claim: about 91 % on Fashion-MNIST after ten epochs and 98 % on digits after thirty, without a line of
training code. Seen on a CPU: 91.3 % (seed 0); 98.05, 98.33 and 98.61 % (seeds 0 to 2).
"""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    channels, height, width = task.input_shape
    model = nn.Sequential(
        nn.Conv2d(channels, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (width // 4), 128),
        nn.ReLU(),
        nn.Linear(128, task.outputs),
    )
    return model.to(memory_format=torch.channels_last)  # 1.3 to 1.7 times as fast on CPUs
