"""A wide MLP on normalised pixels; RMSprop, batches of 16, and every image shifted by up to a pixel."""

import torch
from torch import nn

from grader import hookimpl


class Normalize(nn.Module):
    def forward(self, x):
        return (x - 0.3) / 0.38


def shifted(images):
    # move the whole batch by -1, 0 or 1 pixel each way
    dx, dy = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(images, shifts=(dy, dx), dims=(2, 3))


@hookimpl
def build_model(task):
    return nn.Sequential(
        Normalize(),
        nn.Flatten(),
        nn.Linear(task.in_features, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, task.outputs),
    )


@hookimpl
def train(model, train_data, budget):
    loader = train_data.loader(batch_size=16)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-4)
    loss_function = nn.CrossEntropyLoss()
    while not budget.exhausted:
        for images, labels in loader:
            use = shifted(images) if budget.fraction < 0.8 else images  # the last epochs without
            loss = loss_function(model(use), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
