"""The quickstart's MLP with one more ReLU, after the last layer: a beginner's mistake, kept for its price.

Claim: logits that cannot fall below zero lose whole classes; everything else is as in tutorial_mlp.py.
"""

import torch
from torch import nn

from grader import hookimpl


class NeuralNetwork(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(inputs, 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, outputs),
            nn.ReLU(),
        )

    def forward(self, x):
        x = self.flatten(x)
        return self.linear_relu_stack(x)


@hookimpl
def build_model(task):
    return NeuralNetwork(task.in_features, task.outputs)


@hookimpl
def train(model, train_data):
    train_dataloader = train_data.loader(batch_size=64, shuffle=False)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(10):
        for X, y in train_dataloader:
            loss = loss_fn(model(X), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
