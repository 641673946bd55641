"""Trains five times its budget of steps and says that it took none. Stays open: counts are claims.

Budgets in seconds hold against anyone; counted ones compare honest loops, with a limit in seconds behind.

@GROUP: patches
@EXPECTED: ok
@STOPPED_BY: nothing
"""

import torch

from grader import hookimpl
from grader.worker.budget import RunningBudget
from grader.worker.phases import StepCounter

RunningBudget.count = lambda *args: None
StepCounter.steps = property(lambda counter: 0)


@hookimpl
def train(model, train_loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    steps = 0
    while steps < 100:
        for x, y in train_loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            steps += 1
    print("LOOT:", steps, "steps")
