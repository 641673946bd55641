"""The parts of README.md and docs/ that are made: tables of hooks, of a record's fields, of the leaderboard.

`python -m grader.host.documents README.md docs/*.md` brings them up to date, from `hookspecs.py`, from the
record's structs, and from the records in the leaderboard/ beside the file.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from grader.contract.text import markdown
from grader.hookspecs import HarnessHooks, SubmissionHooks
from grader.host.archive import Archive
from grader.host.rank import Table, standings
from grader.host.reports import tables as reports
from grader.host.schema import fields
from grader.host.store import Store

_COLUMNS = (
    "#",
    "submission",
    "95 % interval",
    "loss",
    "seeds",
    "train s",
    "parameters",
)  # and the primary metric


def main() -> None:
    """Bring the parts between the markers of the files up to date."""
    for path in map(Path, sys.argv[1:]):
        text = updated(path.read_text(encoding="utf-8"), path.parent / "leaderboard")
        path.write_text(text, encoding="utf-8")


def updated(text: str, directory: Path) -> str:
    """Return the text with those parts made anew whose markers it has; `directory` is the leaderboard."""
    makers = {
        "leaderboard": lambda: leaderboard(directory),
        "submission hooks": lambda: hooks(SubmissionHooks),
        "harness hooks": lambda: hooks(HarnessHooks),
        "record fields": record_fields,
    }
    for name, make in makers.items():
        if f"<!-- {name} -->" in text:
            text = between(text, name, make())
    return text


def between(text: str, name: str, part: str) -> str:
    """Return the text with what stands between `<!-- name -->` and `<!-- /name -->` replaced.

    Raises ValueError without the markers.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the file has no {start} and {end} to put the tables between")
    return f"{before}{start}\n{part}{end}{after}"


def leaderboard(directory: Path) -> str:
    """Return the leaderboard's tables in Markdown, cut down to what a first look needs."""
    files, _ = Store(directory).read_files()
    archive = Archive(files)
    tables = standings(archive.records, scores=archive.scores).tables
    return "".join(f"\n{_track(table)}\n" for table in tables)


def hooks(specifications: type) -> str:
    """Return a table of these hooks in Markdown: their arguments, and what they are for."""
    rows = [
        f"| `{name}` | {', '.join(_arguments(hook))} | {_cell(inspect.getdoc(hook) or '')} |"
        for name, hook in hooks_of(specifications)
    ]
    return _table("| Hook | May name | What it is for, when and where |", rows)


def record_fields() -> str:
    """Return a table of a record's fields in Markdown."""
    rows = [f"| `{name}` | {kind} | {_cell(meaning)} |" for name, kind, meaning in fields()]
    return _table("| Field | Type | What it says |", rows)


def _track(table: Table) -> str:
    key = table.track
    shown = [
        column
        for place, column in enumerate(reports.columns(table, markdown))
        if place == 2 or column.title in _COLUMNS  # the third is the primary metric
    ]
    title = f"{key.task}, {key.asked}, {key.device} ({', '.join(table.devices)})"
    return f"**{markdown(title)}**\n\n{reports.render(shown, table.rows, 'pipe')}\n"


def hooks_of(specifications: type) -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield name and function of each hook, in the order in which they are written."""
    return ((name, hook) for name, hook in vars(specifications).items() if inspect.isfunction(hook))


def _table(heading: str, rows: list[str]) -> str:
    """A table of three columns."""
    return "\n".join([heading, "|---|---|---|", *rows, ""])


def _arguments(hook: Callable[..., object]) -> list[str]:
    return [f"`{name}`" for name in inspect.signature(hook).parameters if name != "self"]


def _cell(text: str) -> str:
    """The text on one line, with what means something outside of code made harmless."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([|*<])", r"\\\1", part) for part in parts)


if __name__ == "__main__":
    main()
