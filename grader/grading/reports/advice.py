"""What to try next, by how a training ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from grader.contract.status import Phase, Status
from grader.contract.text import NAME, count, one_line
from grader.host.reports.tables import seconds

if TYPE_CHECKING:
    from grader.contract.record import Record

_ALWAYS = {
    Status.INVALID: "Before handing in, run `grader check FILE`: it says in seconds which hook is missing or "
    "has no @hookimpl above it, and trains for one step.",
    Status.CRASHED: "The last line of the traceback below is what went wrong, the lines above it are where. "
    "`grader run FILE --budget '1 steps'` shows it again in seconds.",
    Status.OUT_OF_MEMORY: "Take smaller batches or a smaller model, and keep no tensors of earlier steps: "
    "add up loss.item(), not loss.",
    Status.DIVERGED: "The predictions are not all finite numbers. Lower the learning rate first, by a factor "
    "of ten. Then look for logarithms and divisions of what can be zero, and clip the gradients.",
    Status.VIOLATION: "The submission did what is not allowed here: it can read its own files and use the "
    "loader that it gets. Take out what the reason names.",
    Status.HARNESS_ERROR: "A training ended by the grader's own fault: that is never held against you.",
}


def of_records(records: Sequence[Record]) -> Iterator[str]:
    """Yield what to try next, once for each way in which a training ended badly."""
    told: set[Status] = set()
    for record in records:
        if record.status is not Status.OK and record.status not in told:
            told.add(record.status)
            yield _of_timeout(record) if record.status is Status.TIMEOUT else _ALWAYS[record.status]


def _of_timeout(record: Record) -> str:
    budget = one_line(record.budget, NAME)
    if record.phase is not Phase.TRAIN:
        phase = "predicting" if record.phase is Phase.PREDICT else "loading"
        return f"It was stopped while {phase}, before or after any training: look for what never ends."
    after = record.timing.train_seconds
    where = f" after {seconds(after)} s" if after is not None else ""
    done = f"{record.usage.epochs:.4g} epochs, {count(record.usage.steps, 'step')}"
    return (
        f"The training was stopped{where}, with {done} done; its budget is {budget}. Let the loop end when "
        "train_loader does, or take fewer and cheaper steps: larger batches, a smaller model."
    )
