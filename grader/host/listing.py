"""Records one by one, as `grader records` lists them: what each is, and whether it still counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.text import NAME, plain_json
from grader.host.rank import Place, places
from grader.host.reports.tables import Column, Text, heading, number, render
from grader.host.reports.terminal import fitting
from grader.host.store import Store, stem


@dataclass(frozen=True, eq=False)
class Entry:
    """A record, the file it was read from, and what it is to the tables of today."""

    path: Path
    record: Record
    place: Place


def entries(store: Store) -> tuple[list[Entry], list[str]]:
    """All records of a folder by task, name and seed, and one line for each file that is none."""
    found, problems = store.read_files()
    records = list(found.values())
    listed = [
        Entry(Path(path), record, place)
        for path, record, place in zip(found, records, places(records), strict=True)
    ]
    return sorted(listed, key=_order), problems


def table(listed: Sequence[Entry], width: int) -> str:
    """The entries as text, at most `width` cells wide: the least telling columns go first."""
    return render(fitting(_columns, listed, width), listed, "simple")


def document(listed: Sequence[Entry]) -> str:
    """The entries as JSON of ASCII alone, for programs: what the table shows, at full precision."""
    rows = [
        {
            "file": str(entry.path),
            "node_id": entry.record.node_id,
            "submission": entry.record.submission.name,
            "digest": entry.record.submission.digest,
            "task": entry.record.task.name,
            "budget": entry.record.budget,
            "seed": entry.record.seed,
            "status": entry.record.status,
            "reason": entry.record.reason,
            "metrics": entry.record.metrics,
            "device": entry.record.device.kind,
            "isolation": entry.record.isolation,
            "finished": entry.record.finished,
            "state": entry.place,
        }
        for entry in listed
    ]
    return plain_json(json.dumps(rows, indent=2).encode()).decode()


def _order(entry: Entry) -> tuple[str, str, int, str, str]:
    record = entry.record
    return record.task.name, record.submission.name, record.seed, record.finished, str(entry.path)


def _columns(text: Text) -> list[Column[Entry]]:
    return [
        Column("submission", lambda entry: text(entry.record.submission.name, NAME), "left"),
        Column("task", lambda entry: text(entry.record.task.name, NAME), "left", spare=1),
        Column("budget", lambda entry: text(entry.record.budget, NAME), "left", spare=4),
        Column("seed", lambda entry: text(str(entry.record.seed))),
        Column("status", lambda entry: text(entry.record.status.replace("_", " ")), "left"),
        Column("score", lambda entry: text(_score(entry.record), NAME), spare=3),
        Column("finished", lambda entry: text(entry.record.finished[:19].replace("T", " ")), "left", spare=5),
        Column("state", lambda entry: entry.place, "left", spare=2),
        Column("device", lambda entry: text(entry.record.device.kind), "left", spare=7),
        Column("isolation", lambda entry: text(entry.record.isolation), "left", spare=8),
        Column("record", lambda entry: stem(entry.record), "left", spare=9),  # what `grader show` takes
    ]


def _score(record: Record) -> str:
    metric = record.task.metric
    if record.status != Status.OK or metric not in record.metrics:
        return ""
    unit = heading(metric).removeprefix(metric)
    return f"{metric} {number(metric, record.metrics[metric])}{unit}"
