"""Which of the collected submissions run: those of one kind, and every model with every loop."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from grader.contract.errors import NothingCollected
from grader.contract.submission import Submission, combined

if TYPE_CHECKING:
    from grader.host.config import Config

KINDS = ("model", "loop", "both")


def chosen(submissions: Sequence[Submission], config: Config) -> list[Submission]:
    """Return those of `config.kind`, and with `config.cross` the pairs made of them, in a settled order.

    Raises NothingCollected where none is of that kind.
    """
    kept = [each for each in submissions if config.kind in {"", each.kind}]
    if not kept:
        raise NothingCollected(_none_of(config.kind, submissions))
    return [*kept, *_pairs(kept)] if config.cross else kept


def pair(model: Submission, loop: Submission) -> Submission:
    """Combine the model of one submission with the loop of another.

    Each was held to `limits.submission` by itself; their own notes stand in their own rows.
    """
    return Submission(
        name=f"{model.name}+{loop.name}",  # no name holds a plus, so this is nobody else's
        path=f"{model.path}+{loop.path}",
        display=f"{model.display}+{loop.display}",
        entry="",
        package=False,
        files=(),
        digest=hashlib.sha256(f"{model.digest}+{loop.digest}".encode()).hexdigest(),
        size=model.size + loop.size,
        hooks=combined(model.hooks, loop.hooks),
        imports=tuple(sorted({*model.imports, *loop.imports})),
        notes=tuple(_notes(loop)),
        pair=(model, loop),
    )


def _pairs(submissions: Sequence[Submission]) -> Iterator[Submission]:
    """Every model with every loop but its own; what is invalid has a row of its own, and no other."""
    valid = [each for each in submissions if not each.problem]
    models = [each for each in valid if "build_model" in each.hooks]
    loops = [each for each in valid if "train" in each.hooks]
    return (pair(model, loop) for model in models for loop in loops if model is not loop)


def _notes(loop: Submission) -> Iterator[str]:
    if "predict" in loop.hooks:
        yield f"predict() of {loop.display} is not called: a pair predicts as its model does"


def _none_of(kind: str, submissions: Sequence[Submission]) -> str:
    counts = Counter(each.kind or "neither" for each in submissions)
    there = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"--kind {kind} leaves none of what was collected ({there})"
