"""The file that `grader new` writes: a first submission that trains on every task."""

from __future__ import annotations

from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.host.naming import safe_name

_TEMPLATE = '''\
"""{name}: a network with one hidden layer. Say here in a line what your idea is."""

import torch

from grader import hookimpl


@hookimpl
def build_model(task):
    # inputs are float32, (N, *task.input_shape); outputs are logits, or the number itself for regression
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(task.in_features, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, task.outputs),
    )


# The default loop trains it. To write your own, add `@hookimpl def train(model, train_loader, budget)`:
# `for inputs, targets in train_loader` gives batches on the device until the budget ends.
'''


def new_submission(name: str, *, root: Path, cwd: Path) -> Path:
    """Write a submission and return its file: `submissions/NAME.py` below the root, or a path below cwd.

    Raises UsageError for a name that would not be found or shown as it is, and for a file that exists.
    """
    path = _path_of(name, root, cwd)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE.format(name=path.stem))
    except (OSError, ValueError) as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise UsageError(f"{plain(str(path))} exists, and is left as it is: take another name") from None
        raise UsageError(f"{plain(str(path))} cannot be written: {plain(str(error), 200)}") from None
    return path


def _path_of(name: str, root: Path, cwd: Path) -> Path:
    folder, _, last = name.rpartition("/")
    stem = last.removesuffix(".py")
    _check_name(name, stem)
    if last == name and last == stem:
        return root / "submissions" / f"{stem}.py"
    if last == name:
        return cwd / last
    return cwd / Path(folder or "/").expanduser() / f"{stem}.py"


def _check_name(name: str, stem: str) -> None:
    """Refuse names that discovery skips, that make the folder one submission, or that are not shown as is."""
    if not stem or "." in stem:
        raise UsageError(f"{plain(name)!r}: a submission is a Python file; its name has no dot but in .py")
    if stem != safe_name(stem):
        raise UsageError(f"{plain(name)!r} is no good name; {safe_name(stem)} is")
    if stem in {"conftest", "setup"} or stem.startswith("test_") or name.removesuffix(".py") == "submission":
        raise UsageError(f"{plain(name)!r} would not be found as a submission of its own; take another name")
