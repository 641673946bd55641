"""Records in, standings out: one table a track, one row a submission. A pure function, whatever the order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from grader.contract.record import Record, TaskInfo
from grader.contract.status import Status
from grader.contract.text import count
from grader.host.overall import Overall, overall
from grader.host.significance import ReadScores, Sampled, distinct, interval, ranks, sampled
from grader.host.stats import Score, mean_of, score
from grader.host.timed import Reached, with_times
from grader.host.track import Track, track

Columns = Callable[[TaskInfo], Sequence[str]]

Who = tuple[str, str, str]
"""Name, model and loop, which make a row."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One seed that did not end well."""

    seed: int
    status: Status
    phase: str  # load, train, predict, score, or empty
    reason: str
    counted: bool  # False for a harness error: never held against the submission


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One submission in one track. Numbers are means over the seeds that ended well, None without any."""

    rank: int | None = None  # None unless every counted seed ended well
    name: str
    model: str
    loop: str
    title: str
    path: str
    digest: str
    status: str  # in words: ok, timeout, "1 of 3 failed: timeout"
    ok: int  # seeds that ended well
    counted: int  # seeds that ran, harness errors left out
    seeds: tuple[int, ...]  # those that ended well
    metrics: dict[str, Score]
    interval: tuple[float, float] | None = None  # 95 %, of the primary metric
    interval_of: Literal["", "weights", "method"] = ""  # what it speaks of: one training, or the method
    unproven: int = 0  # seeds that ended well and whose evidence is missing: no difference can be claimed
    train_seconds: float | None = None
    train_relative: float | None = None  # in calibrations of its node; None unless all seeds have one
    samples_per_second: float | None = None
    epochs: float | None = None
    parameters: int | None = None
    weights_bytes: int | None = None
    max_rss: int | None = None
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    reached: Reached | None = None  # the target, where its track has one

    @property
    def who(self) -> Who:
        """What tells it from the other rows of its table."""
        return self.name, self.model, self.loop


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One track: what was the same for all, and its rows from the best down."""

    track: Track
    task: TaskInfo
    columns: tuple[str, ...]  # metrics to show, the primary one first
    rows: tuple[Row, ...]
    superseded: dict[str, int]  # records left out because the submission's files have changed since, by name
    reruns: int  # records left out because a later run of the same files and seed is there
    devices: tuple[str, ...]  # processors or accelerators it ran on, with threads
    torch: tuple[str, ...]
    alongside: int  # at most so many other trials ran beside one of these

    @property
    def alike(self) -> bool:
        """Whether all ran on one model of device with the same threads, so that their seconds compare."""
        return len(self.devices) == 1

    @property
    def relative(self) -> bool:
        """Whether any row has its training time in calibrations as well."""
        return any(row.train_relative is not None for row in self.rows)


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """All tables, in the order of their tracks, and what they come to where there are several tasks."""

    tables: tuple[Table, ...]
    overall: tuple[Overall, ...] = ()


def standings(
    records: Iterable[Record], columns: Columns | None = None, scores: ReadScores | None = None
) -> Standings:
    """Rank the records. `columns` names metrics to show beside the built-in ones, by task.

    `scores` reads how good each prediction of a record was. Without it no difference can be claimed, and all
    that is complete shares the first rank, in the order of the means.
    """
    tracks, read = _tracks(records), scores or (lambda _: None)
    tables = tuple(_table(key, tracks[key], columns, read) for key in sorted(tracks))
    return Standings(tables=tables, overall=overall(tables))


def runs(records: Iterable[Record]) -> dict[Track, dict[Who, list[Record]]]:
    """Return the records that count, one a seed and in the order of the seeds, by track and row."""
    return {key: _chosen(_current(together)[0]) for key, together in _tracks(records).items()}


def who(record: Record) -> Who:
    """Return which row of its table the record belongs to."""
    submission = record.submission
    return submission.name, submission.model, submission.loop


class Place(StrEnum):
    """What a record is to the tables of today."""

    CURRENT = "current"  # it counts
    SUPERSEDED = "superseded"  # the submission's files have changed since
    RERUN = "rerun"  # another run of the same files and seed counts in its stead


def places(records: Sequence[Record]) -> list[Place]:
    """What each record is to the tables that `standings` makes of all of them, in the same order."""
    found: dict[int, Place] = {}
    for together in _tracks(records).values():
        current, _ = _current(together)
        counted = [record for seeds in _chosen(current).values() for record in seeds]
        found |= {id(record): Place.RERUN for record in current}
        found |= {id(record): Place.CURRENT for record in counted}
    return [found.get(id(record), Place.SUPERSEDED) for record in records]


def _table(key: Track, records: Sequence[Record], columns: Columns | None, read: ReadScores) -> Table:
    task = max(records, key=lambda record: (record.finished, ascii(record.task))).task
    current, superseded = _current(records)
    chosen = _chosen(current)
    used = [record for seeds in chosen.values() for record in seeds]
    rows = _ordered([_row(seeds, task, read) for seeds in chosen.values()], task)
    devices = tuple(sorted({_device(record) for record in used}))
    if key.target:
        rows = with_times(rows, chosen, comparable=len(devices) == 1)
    return Table(
        track=key,
        task=task,
        columns=_shown(rows, task, columns(task) if columns else ()),
        rows=rows,
        superseded=superseded,
        reruns=len(current) - len(used),
        devices=devices,
        torch=tuple(sorted({record.environment.torch for record in used})),
        alongside=max(record.alongside for record in used),
    )


def _tracks(records: Iterable[Record]) -> dict[Track, list[Record]]:
    tracks: dict[Track, list[Record]] = {}
    for record in records:
        tracks.setdefault(track(record), []).append(record)
    return tracks


def _chosen(current: Iterable[Record]) -> dict[Who, list[Record]]:
    """The records that count, one a seed: those of each row of a track."""
    groups: dict[Who, dict[int, list[Record]]] = {}
    for record in current:
        groups.setdefault(who(record), {}).setdefault(record.seed, []).append(record)
    return {who: [_latest(seeds[seed]) for seed in sorted(seeds)] for who, seeds in groups.items()}


def _current(records: Iterable[Record]) -> tuple[list[Record], dict[str, int]]:
    """The records of each name's newest digest, and how many of older ones each name has.

    A pair is as old as the older of its two: what it tells of a loop, it tells of that loop's files.
    """
    newest: dict[str, tuple[str, str]] = {}
    for record in records:
        for name, digest in _digests(record).items():
            stamp = (record.finished, digest)
            newest[name] = max(newest.get(name, stamp), stamp)
    current, old = [], Counter[str]()
    for record in records:
        if all(digest == newest[name][1] for name, digest in _digests(record).items()):
            current.append(record)
        else:
            old[record.submission.name] += 1
    return current, dict(sorted(old.items()))


def _digests(record: Record) -> dict[str, str]:
    """By name, the digest of the submission, and of a pair's two."""
    return {**record.submission.parts, record.submission.name: record.submission.digest}


def _latest(runs: Sequence[Record]) -> Record:
    """Of several runs of one seed the latest counts, but a harness error never displaces a result."""
    if len(runs) == 1:
        return runs[0]

    def age(run: Record) -> tuple[bool, str, str]:
        return run.status != Status.HARNESS_ERROR, run.finished, ascii(run)

    return max(runs, key=age)


def _row(runs: Sequence[Record], task: TaskInfo, read: ReadScores) -> tuple[Row, Sampled | None]:
    """The row but for its rank, and what the tests need of it."""
    good = [run for run in runs if _good(run, task)]
    row = _told(runs, good, task)
    if not good:
        return row, None
    sample, unproven = sampled(good, task, read)
    found = interval(sample, task)
    of = sample.of if found else ""
    return msgspec.structs.replace(row, interval=found, interval_of=of, unproven=unproven), sample


def _told(runs: Sequence[Record], good: Sequence[Record], task: TaskInfo) -> Row:
    failures = tuple(_failure(run, task) for run in runs if not _good(run, task))
    counted = len(good) + sum(failure.counted for failure in failures)
    who = runs[0].submission
    models = [run.model for run in (good or runs) if run.model]
    return Row(
        name=who.name,
        model=who.model,
        loop=who.loop,
        title=who.title,
        path=who.path,
        digest=who.digest,
        status=_status(len(good), counted, failures),
        ok=len(good),
        counted=counted,
        seeds=tuple(run.seed for run in good),
        metrics=_metrics(good),
        train_seconds=mean_of(run.timing.train_seconds for run in good),
        train_relative=_mean_of_all(run.train_relative for run in good),
        samples_per_second=mean_of(run.usage.samples_per_second for run in good),
        epochs=mean_of(run.usage.epochs for run in good),
        parameters=models[0].parameters if models else None,
        weights_bytes=models[0].weights_bytes if models else None,
        max_rss=max((run.usage.max_rss for run in good if run.usage.max_rss is not None), default=None),
        failures=failures,
        notes=tuple(dict.fromkeys(note for run in runs for note in run.notes)),
    )


def _good(run: Record, task: TaskInfo) -> bool:
    return run.status == Status.OK and task.metric in run.metrics


def _mean_of_all(values: Iterable[float | None]) -> float | None:
    """The mean; None where one of them is not known, or there is none."""
    found = list(values)
    return None if None in found else mean_of(found)


def _failure(run: Record, task: TaskInfo) -> Failure:
    """A record that says ok and lacks the metric it is ranked by is the harness's fault (or was edited)."""
    lacking = run.status == Status.OK
    return Failure(
        seed=run.seed,
        status=Status.HARNESS_ERROR if lacking else run.status,
        phase=run.phase or "",
        reason=f"the record has no {task.metric}" if lacking else run.reason,
        counted=not lacking and run.status != Status.HARNESS_ERROR,
    )


def _status(ok: int, counted: int, failures: Sequence[Failure]) -> str:
    kinds = dict.fromkeys(failure.status.replace("_", " ") for failure in failures if failure.counted)
    spared = sum(not failure.counted for failure in failures)
    words = "ok" if ok else ""
    if kinds and ok:
        words = f"{counted - ok} of {counted} failed: {', '.join(kinds)}"
    elif kinds:
        words = ", ".join(kinds)
    if not spared:
        return words
    excuse = "harness error, not held against it"
    return f"{words}; seeds left out: {spared} ({excuse})" if words else excuse


def _metrics(good: Sequence[Record]) -> dict[str, Score]:
    """Scores of the metrics that every seed has, by name."""
    names = set.intersection(*(set(run.metrics) for run in good)) if good else set[str]()
    return {name: score([run.metrics[name] for run in good]) for name in sorted(names)}


def _ordered(rows: Sequence[tuple[Row, Sampled | None]], task: TaskInfo) -> tuple[Row, ...]:
    """Complete rows by mean, ranked; then those with a failed seed, then the spared, then the failed."""
    sign = -1.0 if task.higher_is_better else 1.0

    def place(item: tuple[Row, Sampled | None]) -> tuple[int, float, str, str, str]:
        row, _ = item
        mean = sign * row.metrics[task.metric].mean if row.ok else 0.0
        return _group(row), mean, *row.who

    ordered = sorted(rows, key=place)
    complete = [sample for row, sample in ordered if _group(row) == 0 and sample is not None]
    ranked = [
        msgspec.structs.replace(row, rank=rank)
        for (row, _), rank in zip(ordered, ranks(distinct(complete)), strict=False)
    ]
    return (*ranked, *(row for row, _ in ordered[len(ranked) :]))


def _group(row: Row) -> int:
    if row.ok:
        return 0 if row.ok == row.counted else 1
    return 3 if row.counted else 2


def _shown(rows: Sequence[Row], task: TaskInfo, further: Sequence[str]) -> tuple[str, ...]:
    wanted = dict.fromkeys((task.metric, "loss", "mse", "mae", "r2", *further))
    there = {name for row in rows for name in row.metrics}
    return tuple(name for name in wanted if name in there or name == task.metric)


def _device(record: Record) -> str:
    return f"{record.device.name} ({count(record.device.threads, 'thread')})"
