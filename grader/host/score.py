"""Scoring: outputs held against the targets that only the host has, and the record made of it all."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grader.contract.record import (
    DeviceInfo,
    Environment,
    Layer,
    ModelInfo,
    Record,
    SubmissionInfo,
    TaskInfo,
    TestPoint,
    Timing,
    Usage,
)
from grader.contract.status import Phase, Status
from grader.contract.text import one_line, plain

if TYPE_CHECKING:
    import numpy.typing as npt
    import pluggy

    from grader.contract.task import Task
    from grader.contract.trial import Trial
    from grader.host.supervise import Attempt

# What a worker tells is bounded by its channel alone, and a forged event need not keep to the worker's own
# bounds: these are what a record holds of it, in characters, or a number of things
_MAX_REASON = 800
_MAX_DETAIL = 10_000
_MAX_STRUCTURE = 20_000
_MAX_LAYERS = 500
_MAX_NAME = 100
_MAX_DIMENSIONS = 16
_MAX_NOTES = 20

# an untrained model scores about chance; above this share of the way from chance to perfect it is marked.
# Two classes need a wider margin: a random direction in a table can be a fair classifier by luck
_BROUGHT_ALONG = {"multiclass": 0.5, "binary": 0.9, "regression": 0.2}


def metrics_of(
    task: Task, logits: npt.NDArray[np.float32], targets: npt.NDArray[np.generic]
) -> dict[str, float]:
    """Return the task's metrics of finite outputs (N, outputs), as means over samples.

    Multiclass: accuracy, and cross-entropy as loss. Binary: accuracy at logit 0, and BCE with logits.
    Regression: mse (also as loss), mae and r2.
    """
    outputs = logits.astype(np.float64)
    if task.kind == "regression":
        return _regression(outputs[:, 0], targets.astype(np.float64).reshape(-1))
    classes = targets.astype(np.int64)
    loss = _cross_entropy(outputs, classes) if task.kind == "multiclass" else _bce(outputs[:, 0], classes)
    return {"accuracy": float(np.mean(predicted(task, logits) == classes)), "loss": loss}


def predicted(task: Task, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.generic]:
    """Return predicted classes int64 (N,), or for regression the numbers, float32 (N,)."""
    if task.kind == "regression":
        return logits[:, 0]
    return logits.argmax(axis=1) if task.kind == "multiclass" else (logits[:, 0] > 0).astype(np.int64)


def chance(task: Task, targets: npt.NDArray[np.generic]) -> float:
    """Return the accuracy of always saying the commonest class; for regression r2 0."""
    if task.kind == "regression":
        return 0.0
    return float(np.bincount(targets.astype(np.int64)).max() / len(targets))


def task_info(task: Task) -> TaskInfo:
    """Return what a record says of its task."""
    return TaskInfo(
        name=task.name,
        digest=task.digest,
        kind=task.kind,
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        train_samples=task.train_samples,
        test_samples=task.test_samples,
        classes=task.classes,
        split="public" if task.private else "",
    )


def record_of(
    attempt: Attempt,
    targets: npt.NDArray[np.generic],
    hook: pluggy.HookRelay,
    environment: Environment,
    alongside: int = 0,
) -> Record:
    """Return the record of an attempt, scored when it has outputs worth scoring.

    `targets` are those of the public test set: where the attempt has outputs for more samples, the rest are
    of a private one, and nothing here tells of them. What is asked of all outputs alike (are they finite, do
    they look like probabilities) is asked of both, or the answer would tell which sample is which.
    """
    started = time.monotonic()
    metrics = _scored(attempt, targets, hook) if attempt.logits is not None else {}
    score_seconds = time.monotonic() - started if attempt.logits is not None else None
    trial = attempt.trial
    correct = None
    if metrics and trial.task.kind != "regression":
        assert attempt.logits is not None
        correct = int(np.sum(predicted(trial.task, attempt.logits[: len(targets)]) == targets))
    return Record(
        submission=_submission(trial),
        task=task_info(trial.task),
        budget=str(trial.budget),
        seed=trial.seed,
        device=DeviceInfo(
            kind=trial.device.kind, name=trial.device.name, index=trial.device.index, threads=trial.threads
        ),
        deterministic=trial.deterministic,
        status=attempt.status,
        phase=attempt.phase,
        reason=one_line(attempt.reason, _MAX_REASON),
        detail=attempt.detail[-_MAX_DETAIL:],
        output=attempt.output,
        metrics=metrics,
        correct=correct,
        timing=_timing(attempt, score_seconds),
        usage=_usage(attempt),
        model=_model(attempt),
        curve=tuple(attempt.curve),
        target=str(trial.target or ""),
        test_curve=_test_curve(attempt, metrics, targets),
        environment=attempt.environment or environment,
        isolation=trial.isolation.value,  # a plain text: its repr is part of a key
        alongside=alongside if attempt.alongside is None else attempt.alongside,
        attempt=attempt.number,
        node=attempt.node,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=_bounded_notes((*trial.submission.notes, *attempt.notes)),
    )


def _scored(attempt: Attempt, targets: npt.NDArray[np.generic], hook: pluggy.HookRelay) -> dict[str, float]:
    """Return the metrics, or mark the attempt as diverged; add the notes that the outputs give rise to."""
    task, logits = attempt.trial.task, attempt.logits
    assert logits is not None
    bad = int(np.sum(~np.isfinite(logits).all(axis=1)))
    if bad:
        attempt.status, attempt.phase = Status.DIVERGED, Phase.SCORE
        attempt.reason = (
            f"{bad} of {len(logits)} predictions are NaN or infinite: a lower learning rate, "
            "or gradient clipping, may help"
        )
        return {}
    metrics, notes = measured(task, logits[: len(targets)], targets, hook)
    attempt.notes += [*notes, *_notes(attempt, targets)]
    return metrics


def measured(
    task: Task,
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.generic],
    hook: pluggy.HookRelay,
) -> tuple[dict[str, float], list[str]]:
    """Return the task's metrics and those of plugins, of finite outputs (N, outputs), and notes on them."""
    metrics = metrics_of(task, logits, targets)
    seen = logits.view()
    seen.flags.writeable = False  # they are evidence: what a plugin did to them would be kept
    notes = []
    for more in hook.grader_metrics(task=task, logits=seen, targets=targets):
        for name, value in more.items():
            if math.isfinite(value):
                metrics[str(name)] = float(value)
            else:  # as of a class that was never predicted
                notes.append(f"its {name} is {value}, and left out")
    return metrics, notes


def _test_curve(
    attempt: Attempt, final: dict[str, float], targets: npt.NDArray[np.generic]
) -> tuple[TestPoint, ...]:
    """The snapshots, scored, and the final weights after them; empty where the trial has none of those."""
    if attempt.trial.target is None or attempt.logits is None or attempt.done is None:
        return ()
    points = []
    for each in attempt.snapshots:
        metrics = {}
        if each.logits is not None and np.isfinite(each.logits).all():
            metrics = metrics_of(attempt.trial.task, each.logits[: len(targets)], targets)
        points.append(TestPoint(seconds=each.seconds, epoch=each.epoch, metrics=metrics))
    seconds = attempt.train_seconds or 0.0
    return (*points, TestPoint(seconds=seconds, epoch=attempt.done.epochs, metrics=final))


def _notes(attempt: Attempt, targets: npt.NDArray[np.generic]) -> list[str]:
    task, done, logits = attempt.trial.task, attempt.done, attempt.logits
    assert logits is not None
    notes = []
    if task.kind != "regression" and _like_probabilities(logits):
        notes.append(
            "all outputs lie in [0, 1] and look like probabilities: return logits (no softmax, no sigmoid)"
        )
    if done is not None and done.optimizer_steps > done.steps:
        notes.append(
            f"unmetered: {done.optimizer_steps} optimiser steps on {done.steps} metered batches; "
            "call budget.step(len(batch)) first in each step"
        )
    note = _brought_along(attempt, targets)
    return [*notes, note] if note else notes


def _like_probabilities(logits: npt.NDArray[np.float32]) -> bool:
    """All in [0, 1], as softmax or sigmoid leave them: a ReLU's hold zeros, and sum to anything."""
    if logits.min() < 0 or logits.max() > 1:
        return False
    return bool(logits.min() > 0 or np.allclose(logits.sum(axis=1), 1, atol=1e-3))


def _brought_along(attempt: Attempt, targets: npt.NDArray[np.generic]) -> str:
    task = attempt.trial.task
    if attempt.sample is None or attempt.sample_logits is None:
        return ""
    if not np.isfinite(attempt.sample_logits).all():
        return ""
    public = attempt.sample < len(targets)
    if not public.any():
        return ""
    known = targets[attempt.sample[public]]
    name = "r2" if task.kind == "regression" else "accuracy"
    score = metrics_of(task, attempt.sample_logits[public], known)[name]
    level = chance(task, targets)
    if score <= level + _BROUGHT_ALONG[task.kind] * (1 - level):
        return ""
    return (
        f"untrained, it already has {name} {score:.3f} on {len(known)} test samples: "
        "it brought its knowledge along"
    )


def _regression(outputs: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]) -> dict[str, float]:
    errors = outputs - targets
    mse = float(np.mean(errors**2))
    return {
        "mse": mse,
        "mae": float(np.mean(np.abs(errors))),
        "r2": _r2(mse, float(np.var(targets))),
        "loss": mse,
    }


def _r2(mse: float, variance: float) -> float:
    """1 - mse / variance; of targets that are all the same as scikit-learn has it: 1 where right, else 0."""
    return 1 - mse / variance if variance else float(mse == 0)


def _cross_entropy(logits: npt.NDArray[np.float64], classes: npt.NDArray[np.int64]) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(classes)), classes]))


def _bce(logits: npt.NDArray[np.float64], classes: npt.NDArray[np.int64]) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - logits * classes))


def _submission(trial: Trial) -> SubmissionInfo:
    submission = trial.submission
    return SubmissionInfo(
        name=submission.name,
        digest=submission.digest,
        model=submission.model,
        loop=submission.loop,
        path=submission.display,
        title=submission.title,
        parts={each.name: each.digest for each in submission.pair or ()},
    )


def _timing(attempt: Attempt, score_seconds: float | None) -> Timing:
    return Timing(
        load_seconds=attempt.load_seconds,
        train_seconds=attempt.train_seconds,
        predict_seconds=attempt.predict_seconds,
        score_seconds=score_seconds,
        snapshots_seconds=attempt.snapshots_seconds,
        train_cpu_seconds=attempt.train_cpu_seconds,
    )


def _usage(attempt: Attempt) -> Usage:
    done, point = attempt.done, attempt.last_point
    if done is None:
        told = (
            Usage() if point is None else Usage(epochs=point.epoch, steps=point.steps, samples=point.samples)
        )
        return Usage(epochs=told.epochs, steps=told.steps, samples=told.samples, max_rss=attempt.max_rss)
    seconds = attempt.train_seconds
    return Usage(
        epochs=done.epochs,
        steps=done.steps,
        samples=done.samples,
        samples_per_second=done.samples / seconds if seconds else None,
        optimizer_steps=done.optimizer_steps,
        max_rss=attempt.max_rss,
        max_device_memory=done.max_device_memory,
    )


def _model(attempt: Attempt) -> ModelInfo | None:
    if attempt.ready is None:
        return None
    info = attempt.ready.model
    size = attempt.done.weights_bytes if attempt.done else None
    return ModelInfo(
        parameters=info.parameters,
        trainable=info.trainable,
        structure=info.structure[:_MAX_STRUCTURE],
        layers=tuple(map(_layer, info.layers[:_MAX_LAYERS])),
        weights_bytes=size,
    )


def _layer(layer: Layer) -> Layer:
    shape = layer.shape[:_MAX_DIMENSIONS] if layer.shape is not None else None
    name, kind = plain(layer.name, _MAX_NAME), plain(layer.kind, _MAX_NAME)
    return msgspec.structs.replace(layer, name=name, kind=kind, shape=shape)


def _bounded_notes(notes: Sequence[str]) -> tuple[str, ...]:
    kept = tuple(one_line(note) for note in notes[:_MAX_NOTES])
    left = len(notes) - len(kept)
    return (*kept, f"and {left:,} more notes") if left else kept
