"""An honest loop that computes with two threads, fetches batches in another, and keeps its best on disk."""

import tempfile
from concurrent.futures import ThreadPoolExecutor

import torch

from grader import hookimpl


@hookimpl
def train(model, train_loader):
    torch.set_num_threads(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    best = float("inf")
    with ThreadPoolExecutor(1) as pool, tempfile.NamedTemporaryFile() as file:
        batches = iter(train_loader)
        upcoming = pool.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            if loss.item() < best:
                best = loss.item()
                torch.save(model.state_dict(), file.name)
        model.load_state_dict(torch.load(file.name))
