"""MLP, first version"""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 128),
        nn.Tanh(),
        nn.Linear(128, task.outputs),
    )


@hookimpl
def train(model, train_loader, budget):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    loss_function = nn.CrossEntropyLoss()
    while not budget.exhausted:
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
