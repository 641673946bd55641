"""A small residual CNN on a one-cycle schedule that follows the budget, with shifts and mirroring.

Claim: about 93 % on Fashion-MNIST after ten epochs, the best of these baselines, and 99 % on digits
after thirty. Seen on a CPU: 93.2 % (seed 0), 91.6 % after three epochs (mean of two seeds); 98.9 % (seed 0).
"""

import torch
from torch import nn
from torch.nn import functional as F

from grader import hookimpl

PEAK_LR = 5e-3
NO_MIRROR = ("digits", "mnist", "kmnist")  # a mirrored 2 is no 2


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


def conv(inputs, outputs, pool=True):
    """Pooling before normalising leaves the two cheap layers a quarter of the work."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.MaxPool2d(2) if pool else nn.Identity(),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


@hookimpl
def build_model(task):
    channels, height, width = task.input_shape
    pools = 3 if height > 16 else 2  # eight pixels of a digit are too few to halve at once
    model = nn.Sequential(
        nn.BatchNorm2d(channels),  # standardises the inputs by what it sees in training
        conv(channels, 16, pool=pools == 3),
        conv(16, 32),
        conv(32, 64),
        Residual(conv(64, 64, pool=False)),
        nn.Flatten(),
        nn.Linear(64 * (height >> pools) * (width >> pools), task.outputs),
    )
    return model.to(memory_format=torch.channels_last)


def augment(X, mirror):
    """Shift each image of a batch by up to one pixel, and mirror half of them, in one indexing."""
    N, _, H, W = X.shape
    rows = torch.arange(H, device=X.device) + torch.randint(3, (N, 1), device=X.device)  # (N, H)
    columns = torch.arange(W, device=X.device) + torch.randint(3, (N, 1), device=X.device)
    if mirror:
        columns = torch.where(torch.rand(N, 1, device=X.device) < 0.5, columns, columns.flip(1))
    images = torch.arange(N, device=X.device)
    padded = F.pad(X, (1, 1, 1, 1)).permute(0, 2, 3, 1)  # channels last
    crops = padded[images[:, None, None], rows[:, :, None], columns[:, None, :]]
    return crops.permute(0, 3, 1, 2)


def one_cycle(fraction, warmup=0.25):
    """The share of the peak learning rate: up for a quarter of the budget, then down to nothing."""
    return min(fraction / warmup, (1 - fraction) / (1 - warmup))


@hookimpl
def train(model, train_loader, task, budget):
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=0.05)
    while True:
        for X, y in train_loader:
            for group in optimizer.param_groups:
                group["lr"] = PEAK_LR * one_cycle(budget.fraction)
            logits = model(augment(X, mirror=task.name not in NO_MIRROR))
            loss = F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@hookimpl
def predict(model, inputs, task):
    logits = model(inputs)
    if task.name in NO_MIRROR:
        return logits
    return (logits + model(inputs.flip(3))) / 2
