"""A worker's life, one phase long: load, then train or predict, then nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from typing import NoReturn

import torch
from torch import nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from grader.contract.errors import BudgetExhausted
from grader.contract.events import SPEECHLESS, Confined, Done, Event, Order, Ready, Start
from grader.contract.status import Phase
from grader.contract.text import NAME, plain
from grader.contract.trial import Trial
from grader.worker import confine, defaults, guards, weights
from grader.worker.budget import RunningBudget
from grader.worker.channel import Channel
from grader.worker.data import TrainData, as_float, map_tensor
from grader.worker.load import (
    Loaded,
    device_of,
    evaluating,
    load,
    rehearse,
    seed_everything,
)
from grader.worker.progress import LossMeter, Progress
from grader.worker.refusal import Refused, failure
from grader.worker.snapshots import Snapshots

Files = dict[str, tuple[int, str, tuple[int, ...]]]  # descriptor, dtype and shape by name


class Stage:
    """What the worker is doing just now, for the line that says where it failed."""

    def __init__(self) -> None:
        self.doing = "starting the device"


def run_phase(means: confine.Means) -> None:
    """Wait for a trial, confine this process, run the phase asked for, and tell the host how it ended."""
    channel = Channel(socket.socket(fileno=confine.CHANNEL_FD))
    start, _ = channel.receive(Start)
    confine.confine(confine.plan_of(start), means)
    stage = Stage()
    event: Event
    try:
        _enter(start)
        channel.send(Confined())
        phase = predict_snapshots if start.snapshots else _PHASES[start.phase]
        event = phase(start.trial, channel, stage)
    except BaseException as error:  # whatever ends a phase becomes its row
        event = failure(error, start.trial, stage.doing)
    try:
        channel.send(event)
    except OSError:
        os._exit(SPEECHLESS)
    signal.pause()  # the host has what it needs, and ends this process


def train_phase(trial: Trial, channel: Channel, stage: Stage) -> Done:
    """Load, wait for the data and the clock, train, hand over weights and a few outputs."""
    loaded, model = _loaded(trial, channel, stage)
    order, fds = channel.receive(Order)
    files = _files(order, fds)
    stage.doing = "training"
    budget = RunningBudget(trial.budget, order.started, trial.task.train_samples)
    counter = StepCounter()
    seed_everything(trial)
    before = _snapshot(model) if trial.check else None
    model, notes = _trained(loaded, model, files, budget, channel)
    stage.doing = "predicting a few training samples"
    _predict_into(loaded, model, files["probe_inputs"], files["probe_outputs"][0])
    stage.doing = "saving the weights"
    size = weights.save(model, files["weights"][0])
    return Done(
        epochs=round(budget.used_epochs, 6),
        steps=budget.used_steps,
        samples=budget.used_samples,
        optimizer_steps=counter.steps,
        max_device_memory=_device_peak(trial),
        weights_bytes=size,
        changed=None if before is None else _differs(before, model),
        notes=notes,
    )


def predict_phase(trial: Trial, channel: Channel, stage: Stage) -> Done:
    """Load, then predict untrained, reloaded on known samples, and the test set."""
    loaded, model = _loaded(trial, channel, stage)
    order, fds = channel.receive(Order)
    files = _files(order, fds)
    stage.doing = "predicting with the untrained model"
    _predict_into(loaded, model, files["sample_inputs"], files["sample_outputs"][0])
    stage.doing = "loading the weights"
    weights.load(model, files["weights"][0])
    stage.doing = "predicting"
    _predict_into(loaded, model, files["probe_inputs"], files["probe_outputs"][0])
    _predict_into(loaded, model, files["test_inputs"], files["logits"][0])
    return Done(max_device_memory=_device_peak(trial))


def predict_snapshots(trial: Trial, channel: Channel, stage: Stage) -> NoReturn:
    """Load, then predict the test set with each snapshot that comes, until the host ends this process."""
    loaded, model = _loaded(trial, channel, stage)
    while True:
        order, fds = channel.receive(Order)
        files = _files(order, fds)
        stage.doing = "loading a snapshot"
        weights.load(model, files["weights"][0])
        stage.doing = "predicting with a snapshot"
        _predict_into(loaded, model, files["test_inputs"], files["logits"][0])
        for fd in fds:
            os.close(fd)
        channel.send(Done())


_PHASES: dict[Phase, Callable[[Trial, Channel, Stage], Done]] = {
    Phase.TRAIN: train_phase,
    Phase.PREDICT: predict_phase,
}


class StepCounter:
    """Optimiser steps by torch's global hook, to hold against the metered ones.

    Optimisers over different parameters may step side by side on one batch, so steps are counted for
    each set of parameters, told apart by its first.
    """

    def __init__(self) -> None:
        self._steps: dict[int, int] = {}
        register_optimizer_step_post_hook(self._count)

    @property
    def steps(self) -> int:
        """The most steps that any set of parameters was given."""
        return max(self._steps.values(), default=0)

    def _count(self, optimizer: Optimizer, *_: object) -> None:
        key = id(optimizer.param_groups[0]["params"][0])
        self._steps[key] = self._steps.get(key, 0) + 1


def _enter(start: Start) -> None:
    os.chdir(start.scratch)
    tempfile.tempdir = start.scratch  # libraries that the server has loaded have settled on its own
    for name in ("TMPDIR", "HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        os.environ[name] = start.scratch
    seed_everything(start.trial)
    device_of(start.trial)


def _loaded(trial: Trial, channel: Channel, stage: Stage) -> tuple[Loaded, nn.Module]:
    with guards.no_training_yet():
        stage.doing = "importing the submission"
        loaded = load(trial)
        stage.doing = "building the model"
        model = loaded.build()
        stage.doing = "passing zeros of the task's input shape through the model"
        info = rehearse(loaded, model)
    channel.send(Ready(model=info))
    return loaded, model


def _trained(
    loaded: Loaded, model: nn.Module, files: Files, budget: RunningBudget, channel: Channel
) -> tuple[nn.Module, tuple[str, ...]]:
    snapshots = None
    if "snapshot" in files:
        limit = loaded.trial.limits.snapshots
        snapshots = Snapshots(model, files["snapshot"][0], limit, budget, channel)
        budget.at_epochs(snapshots.epoch_ended)
    losses = LossMeter()
    losses.watch()
    progress = Progress(channel, budget, losses)
    raw = (_tensor(files["train_inputs"]), _tensor(files["train_targets"]))
    data = TrainData(loaded.task, raw, loaded.device, loaded.trial.seed, budget, progress)
    model.train()
    returned: object = None
    with contextlib.suppress(BudgetExhausted):  # the model as it stands is the result
        returned = _run_loop(loaded, model, data, budget, progress)
    notes = () if snapshots is None else snapshots.notes
    if isinstance(returned, nn.Module):
        return returned, notes
    if returned is None:
        return model, notes
    ignored = f"train returned a {plain(type(returned).__name__, NAME)}, which was ignored"
    return model, (*notes, ignored)


def _run_loop(
    loaded: Loaded, model: nn.Module, data: TrainData, budget: RunningBudget, progress: Progress
) -> object:
    task, loader = loaded.task, data.loader()
    if loaded.has("train"):
        return loaded.call(
            "train",
            model=model,
            train_loader=loader,
            train_data=data,
            task=task,
            budget=budget,
            device=loaded.device,
            seed=loaded.trial.seed,
            progress=progress,
        )
    defaults.train(model, loader, _optimizer(loaded, model, budget), task)
    return None


def _optimizer(loaded: Loaded, model: nn.Module, budget: RunningBudget) -> Optimizer:
    if not loaded.has("build_optimizer"):
        return defaults.baseline_optimizer(model, loaded.task)
    optimizer = loaded.call("build_optimizer", model=model, task=loaded.task, budget=budget)
    if not isinstance(optimizer, Optimizer):
        raise Refused(f"build_optimizer returned {optimizer!r}"[:100] + ": return a torch.optim.Optimizer")
    return optimizer


def _predict_into(
    loaded: Loaded, model: nn.Module, inputs: tuple[int, str, tuple[int, ...]], fd: int
) -> None:
    """Predict in the task's fixed batches, and write float32 rows one after the other into the file."""
    raw, size = _tensor(inputs), loaded.task.predict_batch
    os.lseek(fd, 0, os.SEEK_SET)
    with evaluating(model):
        for batch in raw.split(size):
            view = loaded.predict(model, as_float(batch)).numpy().data.cast("B")
            while view:
                view = view[os.write(fd, view) :]


def _tensor(file: tuple[int, str, tuple[int, ...]]) -> torch.Tensor:
    return map_tensor(*file)


def _files(order: Order, fds: list[int]) -> Files:
    return {info.name: (fd, info.dtype, info.shape) for info, fd in zip(order.files, fds, strict=True)}


def _snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def _differs(before: dict[str, torch.Tensor], model: nn.Module) -> bool:
    after = _snapshot(model)
    return before.keys() != after.keys() or any(not torch.equal(before[name], after[name]) for name in before)


def _device_peak(trial: Trial) -> int | None:
    return int(torch.cuda.max_memory_allocated()) if trial.device.kind == "cuda" else None
