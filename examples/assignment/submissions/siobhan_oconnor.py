"""Train until the loss is small enough, however long it takes."""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 40),
        nn.ReLU(),
        nn.Linear(40, task.outputs),
    )


@hookimpl
def train(model, train_loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=0.05)
    loss_function = nn.CrossEntropyLoss()
    batches = list(train_loader)  # faster, because it is loaded only once
    average = 1.0
    while average > 0.001:
        average = 0.0
        for images, labels in batches:
            optimizer.zero_grad()
            loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
            average += loss.item() / len(batches)
