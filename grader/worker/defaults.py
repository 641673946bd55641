"""What a submission gets where it brings nothing of its own: model, optimiser, loop, predict."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

from grader.contract.task import Task
from grader.worker.data import Loader


def baseline_model(task: Task) -> nn.Module:
    """Return the task's baseline, such as `mlp-512-512`: the tutorials' MLP with those hidden widths."""
    widths = [task.in_features, *map(int, task.baseline.split("-")[1:])]
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], task.outputs))


def baseline_optimizer(model: nn.Module, task: Task) -> torch.optim.Optimizer:
    """Return the task's default optimiser over the model's parameters."""
    optimizer: type[torch.optim.Optimizer] = getattr(torch.optim, task.optimizer)
    return optimizer(model.parameters(), lr=task.learning_rate)  # type: ignore[call-arg]


def loss_of(task: Task, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the task's default loss, a scalar: the mean over the batch.

    Multiclass: cross-entropy of (N, K) logits. Binary: BCE of (N, 1) logits. Regression: MSE on targets
    standardised by the training set, so that the outputs are standardised as well.
    """
    if task.kind == "multiclass":
        return functional.cross_entropy(outputs, targets)
    if task.kind == "binary":
        return functional.binary_cross_entropy_with_logits(outputs, targets.float().unsqueeze(1))
    return functional.mse_loss(outputs, (targets - task.target_mean) / task.target_std)


def train(model: nn.Module, loader: Loader, optimizer: torch.optim.Optimizer, task: Task) -> None:
    """Train until the budget ends: BudgetExhausted leaves the loop."""
    while True:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = loss_of(task, model(inputs), targets)
            loss.backward()
            optimizer.step()


def predict(model: nn.Module, inputs: torch.Tensor, task: Task, *, standardised: bool) -> torch.Tensor:
    """Return `model(inputs)`; back in target units where the default loop trained a regression."""
    outputs: torch.Tensor = model(inputs)
    if standardised and task.kind == "regression":
        return outputs * task.target_std + task.target_mean
    return outputs
