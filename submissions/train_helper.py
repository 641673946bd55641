"""A `train()` helper with binary and unsqueeze flags, on tasks of two classes and of many.

Claim: one helper serves both, at the price of a loss that is fed probabilities where there are two
classes: sigmoid, BCELoss and torch.round, undone by `predict`, which turns them into logits.
"""

import torch
from torch import nn

from grader import hookimpl


def train(device, model, dataloader, optimizer, criterion, binary=True, unsqueeze=False):
    """One epoch: returns the mean batch loss and the accuracy in percent."""
    model.train()
    total_loss, correct, seen = 0.0, 0, 0
    for inputs, labels in dataloader:
        inputs, labels = inputs.to(device), labels.to(device)
        if unsqueeze:
            labels = labels.float().unsqueeze(1)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()

        predicted = torch.round(outputs) if binary else torch.softmax(outputs, dim=1).max(dim=1).indices
        total_loss += loss.item()
        correct += (predicted == labels).sum().item()
        seen += len(labels)
    return total_loss / len(dataloader), 100 * correct / seen


@hookimpl
def build_model(task):
    layers = [
        nn.Flatten(),
        nn.Linear(task.in_features, 512),
        nn.ReLU(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, task.outputs),
    ]
    return nn.Sequential(*layers, nn.Sigmoid()) if task.kind == "binary" else nn.Sequential(*layers)


@hookimpl(specname="train")
def train_until_the_budget_ends(model, train_loader, task, device, progress):
    binary = task.kind == "binary"
    criterion = nn.BCELoss() if binary else nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    while True:
        loss, accuracy = train(
            device, model, train_loader, optimizer, criterion, binary=binary, unsqueeze=binary
        )
        progress(loss=loss, accuracy=accuracy / 100)


@hookimpl
def predict(model, inputs, task):
    outputs = model(inputs)
    return torch.logit(outputs, eps=1e-6) if task.kind == "binary" else outputs
