"""An MLP with my own cross entropy and a big learning rate, so that it learns quickly."""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 128),
        nn.ReLU(),
        nn.Linear(128, task.outputs),
    )


def cross_entropy(logits, labels):
    exps = torch.exp(logits)
    probs = exps / exps.sum(dim=1, keepdim=True)
    return -torch.log(probs[torch.arange(len(labels)), labels]).mean()


@hookimpl
def train(model, train_loader, budget):
    optimizer = torch.optim.SGD(model.parameters(), lr=25.0)
    while not budget.exhausted:
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
