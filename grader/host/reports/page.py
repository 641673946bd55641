"""The page as the template wants it: texts that are escaped there, numbers written as everywhere else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.contract.isolation import openings
from grader.contract.text import NAME, count, one_line
from grader.host.rank import Row, Standings, Table
from grader.host.reports import shakeup
from grader.host.reports.bars import Bars
from grader.host.reports.board import Board, anchor, shown, ties
from grader.host.reports.pictures import Sheet, data_uri
from grader.host.reports.sections import section
from grader.host.reports.tables import (
    RELATIVE,
    TRAIN,
    Column,
    Line,
    better,
    columns,
    heading,
    mean_ranks,
    primary,
    times,
    whole,
)
from grader.host.reports.terminal import overall_title
from grader.host.reports.words import conditions, rule, rule_of_seconds, rule_of_times, tested_on
from grader.host.shakeup import ShakeUp
from grader.host.timed import by_time

if TYPE_CHECKING:
    from markupsafe import Markup

_HERE = Path(__file__).parent
_STATES = {"ok": "every seed ended well", "partly": "some seed failed", "failed": "no seed ended well"}


@dataclass(frozen=True)
class Drawing:
    """A picture within the page: the SVG is ours and goes in as it is."""

    name: str
    title: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Panel:
    """One track."""

    board: Board
    drawings: Sequence[Drawing]
    sheet: Sheet | None


def rendered(
    standings: Standings, panels: Sequence[Panel], made_of: str, plots: str, moved: Sequence[ShakeUp] = ()
) -> str:
    """The page without its last line. `made_of` and `plots` tell the next run whether it still holds."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        made_of=made_of,
        plots=plots,
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704 - our own
        script_digest=digest,
        summary=_summary(standings),
        panels=[_panel(panel) for panel in panels],
        overall=[
            {"title": overall_title(each).capitalize(), "grid": _grid(mean_ranks(each, one_line), each.rows)}
            for each in standings.overall
        ],
        moved=[
            {
                "title": shakeup.title(each),
                "grid": _grid(shakeup.columns(each, one_line), each.rows),
                "remarks": list(shakeup.remarks(each, one_line)),
            }
            for each in moved
        ],
        states=_STATES,
        key=_key,
    )


def _summary(standings: Standings) -> str:
    names = {row.name for table in standings.tables for row in table.rows}
    trials = sum(len(row.seeds) + len(row.failures) for table in standings.tables for row in table.rows)
    tracks = len(standings.tables)
    return f"{count(len(names), 'submission')}, {count(trials, 'trial')}, {count(tracks, 'track')}"


def _panel(panel: Panel) -> dict[str, Any]:
    from markupsafe import Markup

    board, table = panel.board, panel.board.table
    bars = Bars.of(board)
    return {
        "id": board.slug,
        "title": track_title(table),
        "lead": _lead(board),
        "facts": list(_facts(table)),
        "opening": openings(table.track.isolation),
        "head": _head(table),
        "rows": _rows(board, bars),
        "axis": bars.ends,
        "bands": any(shared > 1 for shared in ties(table.rows)),
        "rule": [*rule(table), *rule_of_seconds(table)],
        "target": one_line(table.track.target, NAME),
        "times": _grid(times(table, one_line), by_time(table.rows)) if table.track.target else None,
        "rule_of_times": rule_of_times(table),
        "left_out": list(_left_out(table)),
        "drawings": [
            {"name": each.name, "title": each.title, "caption": each.caption, "svg": Markup(each.svg)}  # noqa: S704
            for each in panel.drawings
        ],
        "sheet": panel.sheet,
        "sprite": data_uri(panel.sheet) if panel.sheet else "",
        "no_pictures": _no_pictures(board, panel.sheet),
        "sections": [section(board, entry) for entry in board.entries],
    }


def _grid(columns: Sequence[Column[Line]], rows: Sequence[Line]) -> dict[str, Any]:
    return {
        "head": [{"title": column.title, "align": column.align} for column in columns],
        "rows": [[column.cell(row) for column in columns] for row in rows],
    }


def track_title(table: Table) -> str:
    """The track in a few words, with something to see where a name is empty."""
    key = table.track
    return ", ".join((shown(key.task), shown(key.asked), *conditions(key, lambda name, _: shown(name))))


def _lead(board: Board) -> dict[str, str] | None:
    """Who is first, for those who read no further."""
    leaders = [entry for entry in board.entries if entry.row.rank == 1]
    if not leaders:
        return None
    metric = board.table.task.metric
    names = [entry.name for entry in leaders[:3]]
    if len(leaders) > 3:
        names.append(f"{len(leaders) - 3} more")
    told = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return {
        "score": primary(leaders[0].row, metric),
        "metric": one_line(heading(metric), NAME),
        "names": told,
        "verb": "leads" if len(leaders) == 1 else "share first place",
    }


def _facts(table: Table) -> Iterator[tuple[str, str]]:
    task, key = table.task, table.track
    classes = f", {len(task.classes)} classes" if task.classes else ""
    yield "Task", f"{shown(task.name)} ({one_line(task.kind, NAME)}{classes})"
    yield "Samples", f"{whole(task.train_samples)} to train on, {tested_on(task)}"
    yield "Scored by", f"{one_line(task.metric, NAME)} ({better(task)})"
    yield "Budget", shown(key.budget)
    if key.target:
        yield "Target", shown(key.target)
    yield "Device", ", ".join(one_line(name, NAME) for name in table.devices)
    yield "Isolation", one_line(key.isolation or "unknown", NAME)
    yield "torch", ", ".join(one_line(version, NAME) for version in table.torch)
    yield "Data", one_line(key.digest, 12).rstrip("…")
    if table.alongside:
        yield "Alongside", f"up to {count(table.alongside, 'other trial')} ran beside one of these"


def _left_out(table: Table) -> Iterator[str]:
    if table.superseded:
        names = ", ".join(f"{shown(name)} ({many})" for name, many in table.superseded.items())
        records = count(sum(table.superseded.values()), "record")
        yield f"Left out because the submission has changed since: {records}: {names}."
    if table.reruns:
        yield f"Replaced by a later run of the same seed: {count(table.reruns, 'record')}."


def _no_pictures(board: Board, sheet: Sheet | None) -> str:
    if sheet is not None or not board.table.task.classes or not board.ranked:
        return ""
    return (
        "No pictures of test samples: the task keeps its test set to itself, its data are not prepared where "
        "this page was made, they are no images, or there is no mistake to show."
    )


# ---- the table


def _head(table: Table) -> list[dict[str, str]]:
    heads = [{"title": column.title, "align": column.align} for column in columns(table)]
    heads.insert(3, {"title": "", "align": "left"})  # of the bars: they show the number before them
    return heads


def _rows(board: Board, bars: Bars) -> list[dict[str, Any]]:
    shown_columns, keys = columns(board.table), _keys(board.table)
    shared, ranks = ties(board.table.rows), [row.rank for row in board.table.rows]
    rows = []
    for at, entry in enumerate(board.entries):
        row = entry.row
        cells = [
            {"text": column.cell(row), "key": keys.get(column.title, _no_key)(row), "align": column.align}
            for column in shown_columns
        ]
        rows.append(
            {
                "anchor": anchor(board, row),
                "name": entry.name,
                "title": one_line(row.title, 120),
                "rank": cells[0],
                "score": cells[2],
                "bar": bars.svg(entry),
                "cells": cells[3:],
                "state": _state(row),
                "band": _band(ranks, at) if shared[at] > 1 else "",
                "words": one_line(f"{row.name} {row.model} {row.loop} {row.status} {row.title}").lower(),
            }
        )
    return rows


def _band(ranks: Sequence[int | None], at: int) -> str:
    """Where a row stands in the band of those that share its rank."""
    first = at == 0 or ranks[at - 1] != ranks[at]
    last = at == len(ranks) - 1 or ranks[at + 1] != ranks[at]
    return " ".join(["tie", *(["first"] if first else []), *(["last"] if last else [])])


def _state(row: Row) -> str:
    return "failed" if not row.ok else "ok" if row.ok == row.counted else "partly"


def _keys(table: Table) -> dict[str, Any]:
    """What columns are sorted by where the text is rounded; the others are sorted by their text."""

    def mean(name: str) -> Any:
        return lambda row: row.metrics[name].mean if name in row.metrics else None

    fixed = {
        "#": lambda row: row.rank,
        "95 % interval": lambda row: row.interval[0] if row.interval else None,
        "seeds": lambda row: row.ok,
        TRAIN: lambda row: row.train_seconds,
        RELATIVE: lambda row: row.train_relative,
        "samples/s": lambda row: row.samples_per_second,
        "parameters": lambda row: row.parameters,
    }
    return fixed | {one_line(heading(name), NAME): mean(name) for name in table.columns}


def _key(cell: dict[str, Any]) -> Markup:
    """The attribute by which a cell is sorted, where there is one: a number of ours."""
    from markupsafe import Markup

    return Markup() if cell["key"] is None else Markup(f' data-k="{cell["key"]!r}"')  # noqa: S704


def _no_key(_: Row) -> None:
    return None
