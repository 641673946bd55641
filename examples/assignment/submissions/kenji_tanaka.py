import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 64),
        nn.ReLU(),
        nn.Linear(64, task.outputs),
        nn.Softmax(dim=1),  # so that they are probabilities
    )


@hookimpl
def train(model, train_loader, budget):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    loss_function = nn.CrossEntropyLoss()
    epoch = 0
    while not budget.exhausted:
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
        epoch += 1
        print("epoch", epoch, "loss", loss.item())
