"""What may not happen before the clock starts, training and loading data by oneself; and new processes.

They come from scripts pasted as they are. They are stopped where they begin, with a line that says
how to go on; what wants to get around them is left to the confinement.
"""

from __future__ import annotations

import concurrent.futures.process
import functools
import multiprocessing.pool
import multiprocessing.process
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.data
from torch.optim.optimizer import register_optimizer_step_pre_hook

from grader.worker.refusal import ProcessesOff, Refused

_NO_TRAINING = (
    "this file trains while it is imported: move the loop into train(model, train_loader) under @hookimpl; "
    "the data come as train_data and train_loader"
)


@contextmanager
def no_training_yet() -> Iterator[None]:
    """Refuse optimiser steps for as long as this lasts."""

    def refuse(*_: object) -> None:
        raise Refused(_NO_TRAINING)

    handle = register_optimizer_step_pre_hook(refuse)
    try:
        yield
    finally:
        handle.remove()


def no_own_datasets(imports: tuple[str, ...]) -> None:
    """Refuse torchvision's data sets, from now on, where the submission imports torchvision."""
    if "torchvision" not in imports:
        return
    try:
        from torchvision.datasets.vision import VisionDataset
    except ImportError:
        return  # the submission's own import says what is wrong
    original = VisionDataset.__init__

    @functools.wraps(original)
    def refuse(dataset: Any, *args: Any, **kwargs: Any) -> None:
        kind = type(dataset)
        if kind.__module__.startswith("torchvision.") and kind.__name__ != "FakeData":
            raise Refused(
                f"{kind.__name__}(…) loads data by itself: drop it, the training set comes as the arguments "
                "train_data and train_loader of train()"
            )
        original(dataset, *args, **kwargs)

    sys.modules["torchvision.datasets.vision"].VisionDataset.__init__ = refuse


Guard = tuple[Any, str, Callable[..., Any]]  # what has it, its name there, and what stands in its place

_STARTERS: tuple[tuple[Any, str, str], ...] = (
    (multiprocessing.process.BaseProcess, "start", "multiprocessing.Process.start()"),
    (concurrent.futures.process.ProcessPoolExecutor, "__init__", "ProcessPoolExecutor(…)"),
    (subprocess.Popen, "__init__", "subprocess.Popen(…)"),
    (os, "fork", "os.fork()"),
    (os, "forkpty", "os.forkpty()"),
    (os, "posix_spawn", "os.posix_spawn(…)"),
    (os, "posix_spawnp", "os.posix_spawnp(…)"),
    (os, "system", "os.system(…)"),
)
_THREADS = "use threads or none"
_WORKERS_AT = 4  # where DataLoader(dataset, batch_size, shuffle, sampler, batch_sampler, num_workers) has it
_LOADER_INSTEAD = "use num_workers=0 (train_loader is fast without)"


def no_processes() -> None:
    """Refuse, from now on, what starts processes: DataLoader's workers, torch.compile, and the usual ways.

    It puts functions in the place of others and looks at nothing: 0.2 ms, off the clock.
    """
    for owner, name, guard in _GUARDS:
        setattr(owner, name, guard)


def _starter(owner: Any, name: str, shown: str) -> Guard:
    @functools.wraps(getattr(owner, name))
    def refuse(*_: object, **__: object) -> None:
        raise ProcessesOff(f"{shown} starts processes", _THREADS)

    return owner, name, refuse


def _pool() -> Guard:
    """A Pool makes locks before it starts anything; its subclass ThreadPool goes on as it was."""
    original = multiprocessing.pool.Pool.__init__

    @functools.wraps(original)
    def refuse(pool: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(pool, multiprocessing.pool.ThreadPool):
            raise ProcessesOff("multiprocessing.Pool(…) starts processes", _THREADS)
        original(pool, *args, **kwargs)

    return multiprocessing.pool.Pool, "__init__", refuse


def _loader() -> Guard:
    original = torch.utils.data.DataLoader.__init__

    @functools.wraps(original)
    def refuse(loader: Any, dataset: Any, *args: Any, **kwargs: Any) -> None:
        workers = kwargs.get("num_workers", args[_WORKERS_AT] if len(args) > _WORKERS_AT else 0)
        if isinstance(workers, int) and workers > 0:
            raise ProcessesOff(f"DataLoader(num_workers={workers}) starts processes", _LOADER_INSTEAD)
        original(loader, dataset, *args, **kwargs)

    return torch.utils.data.DataLoader, "__init__", refuse


def _compile() -> Guard:
    """Without a look at torch._dynamo: to import it takes longer than most trials."""
    original = torch.compile

    @functools.wraps(original)
    def refuse(*args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("disable"):
            raise ProcessesOff("torch.compile(…) starts compiler processes", "leave it out")
        return original(*args, **kwargs)

    return torch, "compile", refuse


# Made once, in the server; and only of what is preloaded: what imports these later finds them guarded.
_GUARDS = (
    *(_starter(*starter) for starter in _STARTERS if hasattr(*starter[:2])),
    _pool(),
    _loader(),
    _compile(),
)
