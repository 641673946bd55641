"""The filters of `grader records`: each narrows, and those of one kind widen each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.status import Status
from grader.contract.text import did_you_mean, plain
from grader.host.keywords import match
from grader.host.listing import Entry
from grader.host.rank import Place

Test = Callable[[Entry], bool]


def filters(
    *,
    keyword: str = "",
    tasks: Sequence[str] = (),
    statuses: Sequence[str] = (),
    seeds: Sequence[int] = (),
    budgets: Sequence[str] = (),
    before: str | None = None,
    after: str | None = None,
    superseded: bool = False,
) -> list[Test]:
    """Return the tests that an entry must pass, none for what was not said. Raises UsageError."""
    tests: list[Test] = []
    if keyword.strip():
        matches = match(keyword)
        tests.append(lambda entry: matches(entry.record.node_id))
    if tasks:
        tests.append(lambda entry: entry.record.task.name in tasks)
    if statuses:
        wanted = {status for word in statuses for status in _statuses(word)}
        tests.append(lambda entry: entry.record.status in wanted)
    if seeds:
        tests.append(lambda entry: entry.record.seed in seeds)
    if budgets:
        texts = {str(Budget.parse(budget)) for budget in budgets}
        tests.append(lambda entry: entry.record.budget in texts)
    if superseded:
        tests.append(lambda entry: entry.place != Place.CURRENT)
    return tests + _dates(before, after)


def matching(entries: Iterable[Entry], tests: Sequence[Test]) -> list[Entry]:
    """The entries that pass every test."""
    return [entry for entry in entries if all(test(entry) for test in tests)]


def nothing(entries: Sequence[Entry], tasks: Sequence[str]) -> str:
    """One line where no entry passed, with the task that may have been meant."""
    known = {entry.record.task.name for entry in entries}
    hints = [did_you_mean(task, known) for task in tasks if task not in known]
    return f"no record matches, of {len(entries)}{next(filter(None, hints), '')}"


def moment(finished: str) -> datetime | None:
    """When a record says that it finished; None where it does not say so readably (an edited one)."""
    try:
        read = datetime.fromisoformat(finished)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _statuses(word: str) -> list[Status]:
    name = word.strip().lower().replace("-", "_").replace(" ", "_")
    if name == "failed":
        return [status for status in Status if status is not Status.OK]
    try:
        return [Status(name)]
    except ValueError:
        known = [Status.OK, "failed", *list(Status)[1:]]
        hint = did_you_mean(name, known)
        raise UsageError(f"no status {plain(word, 60)!r} among {', '.join(known)}{hint}") from None


def _dates(before: str | None, after: str | None) -> list[Test]:
    tests: list[Test] = []
    if before is not None:
        end = _date("--before", before)
        tests.append(lambda entry: (when := moment(entry.record.finished)) is not None and when < end)
    if after is not None:
        start = _date("--after", after)
        tests.append(lambda entry: (when := moment(entry.record.finished)) is not None and when >= start)
    return tests


def _date(option: str, text: str) -> datetime:
    found = moment(text.strip())
    if found is None:
        raise UsageError(
            f"{option} {plain(text, 60)!r} is no date; write 2026-01-31, or 2026-01-31T12:00 (in UTC)"
        )
    return found
