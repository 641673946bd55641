"""The parts of the README that are made: the tables of hooks, and the leaderboard's.

`python -m grader.host.readme README.md` brings them up to date, from `hookspecs.py` and from the
records in the leaderboard/ beside the file.
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
    """Bring the parts between the markers of the file up to date."""
    path = Path(sys.argv[1])
    readme = updated(path.read_text(encoding="utf-8"), path.parent / "leaderboard")
    path.write_text(readme, encoding="utf-8")


def updated(readme: str, directory: Path) -> str:
    """Return the text with its parts made anew. Raises ValueError without the markers."""
    return between(between(readme, "hooks", hooks()), "leaderboard", leaderboard(directory))


def between(readme: str, name: str, text: str) -> str:
    """Return the text with what stands between `<!-- name -->` and `<!-- /name -->` replaced."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = readme.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the file has no {start} and {end} to put the tables between")
    return f"{before}{start}\n{text}{end}{after}"


def leaderboard(directory: Path) -> str:
    """Return the leaderboard's tables in Markdown, cut down to what a first look needs."""
    files, _ = Store(directory).read_files()
    archive = Archive(files)
    tables = standings(archive.records, scores=archive.scores).tables
    return "".join(f"\n{_track(table)}\n" for table in tables)


def hooks() -> str:
    """Return both tables of hooks in Markdown: what submissions implement, and what plugins do."""
    parts = (("Of a submission", SubmissionHooks), ("Of a plugin of the harness", HarnessHooks))
    return "".join(f"\n**{title}**\n\n{_table(hooks)}\n" for title, hooks in parts)


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


def _table(specifications: type) -> str:
    rows = [
        f"| `{name}` | {', '.join(_arguments(hook))} | {_cell(inspect.getdoc(hook) or '')} |"
        for name, hook in hooks_of(specifications)
    ]
    return "\n".join(["| Hook | May name | What it is for, when and where |", "|---|---|---|", *rows])


def _arguments(hook: Callable[..., object]) -> list[str]:
    return [f"`{name}`" for name in inspect.signature(hook).parameters if name != "self"]


def _cell(text: str) -> str:
    """The text on one line, with what means something outside of code made harmless."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([|*<])", r"\\\1", part) for part in parts)


if __name__ == "__main__":
    main()
