"""An MLP with batch normalisation, dropout, AdamW and a one-cycle schedule that follows the budget.

Claim: about 90 % on Fashion-MNIST after ten epochs, as much as an MLP of this size gave us, and 98.6 % on
digits after thirty. Seen on a CPU: 90.5 and 90.2 % (seeds 0 and 1); 98.6 % (each of seeds 0 to 2).
"""

import torch
from torch import nn
from torch.nn import functional as F

from grader import hookimpl

PEAK_LR = 4e-3


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 512, bias=False),
        nn.BatchNorm1d(512),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(512, 512, bias=False),
        nn.BatchNorm1d(512),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(512, task.outputs),
    )


def one_cycle(fraction, warmup=0.2):
    """The share of the peak learning rate: up for a fifth of the budget, then down to nothing."""
    return min(fraction / warmup, (1 - fraction) / (1 - warmup))


@hookimpl
def train(model, train_data, budget):
    loader = train_data.loader(batch_size=128)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=0.05)
    while True:
        for X, y in loader:
            for group in optimizer.param_groups:
                group["lr"] = PEAK_LR * one_cycle(budget.fraction)
            loss = F.cross_entropy(model(X), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
