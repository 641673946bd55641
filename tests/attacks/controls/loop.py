"""An honest training loop."""

import torch

from grader import hookimpl


@hookimpl
def train(model, train_loader):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    while True:
        for x, y in train_loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
