"""What `--dry-run` says: what would run and why, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from grader.contract.text import count, plain
from grader.host.history import makespan
from grader.host.plan import Step, in_order, reasons

if TYPE_CHECKING:
    from grader.host.config import Config
    from grader.host.history import History


def preview(steps: Sequence[Step], history: History, config: Config, slots: int) -> Iterator[str]:
    """Yield a line for each submission and task, in the order asked, and one about all of them."""
    why = reasons(steps, history, rerun=config.rerun)
    groups: dict[tuple[str, str], list[int]] = {}
    for at, step in enumerate(steps):
        groups.setdefault((step.trial.submission.display, step.trial.task.name), []).append(at)
    for (display, task), places in groups.items():
        for said in _lines(places, steps, why, history):
            yield plain(f"{display}::{task}{said}")
    yield _total(steps, history, config, slots)


def _lines(
    places: Sequence[int], steps: Sequence[Step], why: dict[int, str], history: History
) -> Iterator[str]:
    by_reason: dict[str, list[int]] = {}
    for at in places:
        by_reason.setdefault(why.get(at, ""), []).append(at)
    for reason, some in by_reason.items():
        seeds = f"[seed={','.join(str(steps[at].trial.seed) for at in some)}]"
        if not reason:
            yield f"{seeds}: done, its record is reused"
            continue
        known = [history.estimate(steps[at].trial) for at in some]
        seconds = [each for each in known if each is not None]
        took = f"about {duration(sum(seconds))}" if len(seconds) == len(some) else "nobody knows how long"
        yield f"{seeds}: {reason}, {took}"


def _total(steps: Sequence[Step], history: History, config: Config, slots: int) -> str:
    todo = [step.trial for step in steps if step.done is None]
    todo = in_order(todo, history, slots, failed_first=config.failed_first)
    said = f"{len(steps):,} trials: {len(steps) - len(todo):,} reused, {len(todo):,} to run"
    if not todo:
        return said
    known = [each for trial in todo if (each := history.estimate(trial)) is not None]
    unknown = len(todo) - len(known)
    said += f" in {count(slots, 'slot')}"
    if known:
        said += f", about {duration(makespan(known, slots))}"
    if unknown:
        limit = duration(max(trial.train_limit for trial in todo))
        said += (
            f"{', and' if known else ';'} of {unknown:,} nobody knows how long they take: at most {limit} of "
            "training each"
        )
    return said


def duration(seconds: float) -> str:
    """`3.2 s`, `40 s`, `12 min`, `6 h 57 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 100 else f"{minutes} min"
