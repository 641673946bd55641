"""The README's table of hooks, made from `hookspecs.py`: `python -m grader.host.hooktable README.md`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from grader.hookspecs import HarnessHooks, SubmissionHooks

START, END = "<!-- hooks -->", "<!-- /hooks -->"


def main() -> None:
    """Bring the tables between the markers of the file up to date."""
    path = Path(sys.argv[1])
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")


def updated(readme: str) -> str:
    """Return the text with the tables between its markers made anew. Raises ValueError without markers."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the file has no {START} and {END} to put the tables between")
    return f"{before}{START}\n{tables()}{END}{after}"


def tables() -> str:
    """Return both tables in Markdown: what submissions implement, and what plugins do."""
    parts = (("Of a submission", SubmissionHooks), ("Of a plugin of the harness", HarnessHooks))
    return "".join(f"\n**{title}**\n\n{_table(hooks)}\n" for title, hooks in parts)


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
