"""The quickstart's MLP with Adam, its accuracy followed by torchmetrics during training.

Claim: Adam at 1e-3 is worth some eighteen points over SGD at 1e-3 in the same ten epochs.
"""

import torch
from torch import nn
from torchmetrics import Accuracy

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 512),
        nn.ReLU(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, task.outputs),
    )


@hookimpl
def train(model, train_loader, task, device, progress):
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    accuracy = Accuracy(task="multiclass", num_classes=task.num_classes).to(device)
    while True:
        total_loss = 0.0
        for X, y in train_loader:
            y_pred = model(X)
            loss = loss_fn(y_pred, y)
            total_loss += loss.item()
            accuracy.update(y_pred, y)

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        progress(loss=total_loss / len(train_loader), accuracy=accuracy.compute())
        accuracy.reset()
