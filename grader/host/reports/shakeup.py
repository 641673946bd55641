"""The shake-up on a terminal, on the page, and as shake-up.md and shake-up.json of a final leaderboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import msgspec

from grader.contract.text import NAME, count, json_document, markdown, one_line
from grader.host.files import replace
from grader.host.reports.tables import Column, Text, heading, number, rank, render, unit
from grader.host.reports.terminal import fitting, title_of
from grader.host.shakeup import Moved, ShakeUp

SCHEMA = 1
FILE, _DATA = "shake-up.md", "shake-up.json"
_NAME = "shake-up"
TITLE = "# Shake-up"
_INTRODUCTION = f"""\
{TITLE}

What the private test set made of the public standings. Made by `grader leaderboard --final`, which writes
it anew, of the records of both sides; the same is in `shake-up.json`."""
_MARKS = {"": "", "worse": "worse than it", "better": "better than it"}


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """shake-up.json: an object for each track, fractions from 0 to 1; text is as submissions wrote it."""

    schema: int = SCHEMA
    grader: str = _NAME
    tracks: tuple[ShakeUp, ...]


def written(shake_ups: Sequence[ShakeUp], folder: Path) -> list[Path]:
    """Write both files into the folder and return them. Raises StoreError when one cannot be."""
    contents = {
        FILE: in_markdown(shake_ups).encode(),
        _DATA: json_document(Document(tracks=tuple(shake_ups)), in_order=True),
    }
    for name, content in contents.items():
        replace(folder / name, content)
    return [folder / name for name in contents]


def read(folder: Path) -> tuple[ShakeUp, ...]:
    """Return what was written into the folder; nothing where nothing was, or it cannot be read."""
    try:
        document = msgspec.json.decode((folder / _DATA).read_bytes(), type=Document)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    return document.tracks if (document.schema, document.grader) == (SCHEMA, _NAME) else ()


def title(each: ShakeUp) -> str:
    """The track in a few words."""
    return f"shake-up: {title_of(each.track)}"


def in_text(each: ShakeUp, width: int = 80) -> str:
    """One track's for a terminal, at most `width` cells wide."""
    shown = fitting(lambda text: columns(each, text), each.rows, width)
    lines = [line for remark in remarks(each, one_line) for line in wrap(remark, max(width, 10))]
    return "\n".join([one_line(title(each), max(width, 10)), render(shown, each.rows, "simple"), *lines])


def in_markdown(shake_ups: Sequence[ShakeUp]) -> str:
    """The whole text of shake-up.md."""
    return "\n\n".join([_INTRODUCTION, *(part for each in shake_ups for part in _section(each))]) + "\n"


def _section(each: ShakeUp) -> Iterator[str]:
    yield f"## {title_of(each.track, markdown)}"
    yield render(columns(each, markdown), each.rows, "pipe")
    yield "\n".join(remarks(each, markdown))


def columns(each: ShakeUp, text: Text) -> list[Column[Moved]]:
    """The columns that show a track's rows; `text` escapes what submissions wrote."""
    metric = each.task.metric
    score = text(heading(metric), NAME)
    return [
        Column("private #", lambda row: rank(row.private_rank)),
        Column("public #", lambda row: rank(row.public_rank)),
        Column("moved", _moved, "left", spare=3),
        Column("submission", lambda row: text(row.name, NAME), "left"),
        Column(f"private {score}", lambda row: _score(metric, row.private, row.private_interval), spare=1),
        Column(f"public {score}", lambda row: _score(metric, row.public, row.interval), spare=2),
        Column("difference", lambda row: _difference(metric, row)),
        Column("by the public 95 % interval", lambda row: _MARKS[row.outside], "left", spare=4),
    ]


def _moved(row: Moved) -> str:
    if row.public_rank is None or row.private_rank is None or row.public_rank == row.private_rank:
        return ""
    places = row.public_rank - row.private_rank
    return f"{'up' if places > 0 else 'down'} {abs(places)}"


def _score(metric: str, value: float | None, interval: tuple[float, float] | None) -> str:
    return "" if value is None else number(metric, value, _half(interval))


def _difference(metric: str, row: Moved) -> str:
    if row.difference is None:
        return ""
    shown = number(metric, abs(row.difference), _half(row.private_interval))
    sign = "-" if row.difference < 0 else "+"
    return f"{sign}{shown}" if float(shown) else shown


def _half(interval: tuple[float, float] | None) -> float | None:
    return (interval[1] - interval[0]) / 2 if interval else None


def remarks(each: ShakeUp, text: Text) -> Iterator[str]:
    """What stands under them, a line each."""
    rows = each.ranked
    if each.tau is not None:
        yield (
            f"The orders by public and by private score of {count(len(rows), 'row')}: Kendall's tau "
            f"{each.tau:.2f}, where 1 is the same order and 0 is none in common."
        )
    points = f" in {unit(each.task.metric)}" if unit(each.task.metric) else ""
    yield f"The difference is private less public{points}, by {text(each.task.metric, NAME)}."
    worse = [row for row in each.rows if row.outside == "worse"]
    if worse:
        yield (
            f"{count(len(worse), 'row')} scored worse than the 95 % interval of the public score, and may "
            "have been fitted to the public test set. But the private score is noisy as well; and where most "
            "rows moved alike, the private samples are harder."
        )
