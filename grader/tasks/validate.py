"""Whether prepared arrays keep the contract, and what they add to the task's description."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grader.contract.errors import TaskUnavailable
from grader.tasks.embedded import moments

if TYPE_CHECKING:
    import numpy.typing as npt

    from grader.contract.task import Arrays, Task


def described(task: Task, arrays: Arrays) -> Task:
    """Return the task with all that only its data tells, but for the digest. Raises TaskUnavailable."""
    task = msgspec.structs.replace(
        task,
        input_shape=task.input_shape or arrays.train_inputs.shape[1:],
        classes=arrays.classes or task.classes,
        train_samples=len(arrays.train_targets),
        test_samples=len(arrays.test_targets),
        private=arrays.private_targets is not None,
    )
    _check(task, "training", arrays.train_inputs, arrays.train_targets)
    _check(task, "test", arrays.test_inputs, arrays.test_targets)
    if arrays.private_inputs is not None and arrays.private_targets is not None:
        _check(task, "private test", arrays.private_inputs, arrays.private_targets)
    elif arrays.private_inputs is not None or arrays.private_targets is not None:
        raise TaskUnavailable(f"{task.name}: its private test data need both inputs and targets")
    if task.kind != "regression":
        return task
    mean, deviation = moments(arrays.train_targets.astype(np.float64))
    return msgspec.structs.replace(task, target_mean=mean, target_std=deviation or 1.0)


def _check(task: Task, part: str, inputs: npt.NDArray[np.generic], targets: npt.NDArray[np.generic]) -> None:
    problem = _input_problem(task, inputs) or _target_problem(task, targets)
    if not problem and len(inputs) != len(targets):
        problem = f"there are {len(inputs)} inputs for {len(targets)} targets"
    if not problem and not len(inputs):
        problem = "there are no samples"
    if problem:
        raise TaskUnavailable(f"{task.name}: its {part} data cannot be used: {problem}")


def _input_problem(task: Task, inputs: npt.NDArray[np.generic]) -> str:
    if inputs.dtype.name != task.input_dtype:
        return f"inputs are {inputs.dtype.name}, the task says {task.input_dtype}"
    if inputs.shape[1:] != task.input_shape or 0 in task.input_shape:
        return f"inputs are of shape {inputs.shape[1:]}, the task says {task.input_shape}"
    return "" if np.isfinite(inputs).all() else "an input is NaN or infinite"


def _target_problem(task: Task, targets: npt.NDArray[np.generic]) -> str:
    regression = task.kind == "regression"
    dtype, shape = ("float32", (1,)) if regression else ("int64", ())
    if targets.dtype.name != dtype or targets.ndim == 0 or targets.shape[1:] != shape:
        expected = "float32 (N, 1)" if regression else "int64 (N,)"
        return f"targets are {targets.dtype.name} {targets.shape}, not {expected}"
    if regression:
        return "" if np.isfinite(targets).all() else "a target is NaN or infinite"
    return _class_problem(task, targets)


def _class_problem(task: Task, targets: npt.NDArray[np.generic]) -> str:
    if task.kind == "binary" and task.num_classes != 2:
        return f"a binary task has 2 classes, not {task.num_classes}"
    wrong = np.setdiff1d(targets, np.arange(task.num_classes))
    return f"a target is {wrong[0]}, but classes go from 0 to {task.num_classes - 1}" if wrong.size else ""
