"""Notebooks read as data: the code cells in order as one module, without what only a notebook understands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from grader.contract.text import count, plain
from grader.host.syntax import Unparsable, parse

ENDING = ".ipynb"
LIMIT = 64 << 20  # bytes: pictures among the outputs are part of the file
_CELLS = 2_000
_NOTES = 20
_TRIES = 100  # magics of one cell that are looked for one by one, each of which takes a parse

# its first line names the encoding: a cell that names another one would have a word in it
_HEAD = "# the code cells of a notebook, coding: utf-8"
_KEPT = {"time", "timeit", "capture", "prun", "memit", "mprun"}  # cell magics around code that counts
_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
_MAGIC = re.compile(
    r"""\s*(?:
        [%!?]                            # %matplotlib inline, !pip install, ?help
        | [\w.,\ ]+=\s*[%!]              # files = !ls
        | [^#'"]*\?\s*$                  # help?
    )""",
    re.VERBOSE,
)
_SHELL = re.compile(r"\s*(?:[\w.,\ ]+=\s*)?(?:await\s+)?get_ipython\(\)")
_TIMED = re.compile(r"(\s*)%(?:time|prun)\s+(?![-])(.+)")


class Unreadable(Exception):
    """No notebook of Python; the message completes the sentence "FILE ..."."""


@dataclass(frozen=True)
class Code:
    """The module, and what was left out of it."""

    text: str
    notes: tuple[str, ...] = ()  # as "2 magics left out of cell 3"


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""


class _Notebook(msgspec.Struct):
    cells: list[_Cell]
    metadata: dict[str, Any] = {}


def convert(data: bytes) -> Code:
    """Return the code of a notebook's file: a line `# cell 3` above each code cell, the lines of a cell kept.

    Cells are counted among those that hold code. Raises Unreadable.
    """
    notebook = _read(data)
    lines, notes = [_HEAD], []
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for number, source in enumerate(cells, start=1):
        text = source if isinstance(source, str) else "".join(source)
        code, left_out = _without_magics(re.split(r"\r\n|\r|\n", text))
        lines += [f"# cell {number}", *code]
        notes += [f"{left_out} cell {number}"] if left_out else []
    more = [f"and more of {count(len(notes) - _NOTES, 'other cell')}"] if len(notes) > _NOTES else []
    text = "\n".join(lines) + "\n"
    return Code(text.encode("utf-8", "backslashreplace").decode(), (*notes[:_NOTES], *more))


def _read(data: bytes) -> _Notebook:
    try:
        notebook = msgspec.json.decode(data, type=_Notebook)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(
            f"is no notebook that can be read: {plain(str(error), 100)}; save it again"
        ) from None
    if len(notebook.cells) > _CELLS:
        raise Unreadable(f"holds {len(notebook.cells):,} cells, at most {_CELLS:,} are read")
    language = _language(notebook.metadata)
    if language.lower() not in {"", "python", "ipython"}:
        raise Unreadable(f"is a notebook of {plain(language, 30)}, not of Python")
    return notebook


def _language(metadata: Mapping[str, Any]) -> str:
    for table, key in (("kernelspec", "language"), ("language_info", "name")):
        found = metadata.get(table)
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return str(found[key])
    return ""


def _without_magics(lines: list[str]) -> tuple[list[str], str]:
    """Return the lines with magics made comments, and "2 magics left out of", or nothing."""
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    cell = _CELL_MAGIC.match(lines[first]) if lines else None
    if cell is not None and cell[1] not in _KEPT:
        return [f"# {line}" for line in lines], f"%%{plain(cell[1], 30)} left out with all of"
    lines = list(lines)
    left_out = 0
    if cell is not None:
        lines[first] = _comment(lines[first])
        left_out = 1
    left_out += _leave_out(lines)
    return lines, f"{count(left_out, 'magic')} left out of" if left_out else ""


def _leave_out(lines: list[str]) -> int:
    """Take out, in place, the lines that make it no Python and look like magics. Returns how many."""
    taken = _take(lines, [at for at, line in enumerate(lines) if _SHELL.match(line)])
    for _ in range(_TRIES):
        wrong = _wrong_line(lines)
        if wrong is None or not _MAGIC.match(lines[wrong]):
            return taken  # it is Python, or wrong in a way that its author must see
        taken += _take(lines, [wrong])
    return taken + _take(lines, [at for at, line in enumerate(lines) if _MAGIC.match(line)])


def _wrong_line(lines: list[str]) -> int | None:
    try:
        parse("\n".join(lines).encode("utf-8", "backslashreplace"))
    except Unparsable as error:
        return error.line - 1 if error.line is not None and 0 < error.line <= len(lines) else None
    return None


def _take(lines: list[str], places: list[int]) -> int:
    """Make comments of these lines and of those that they go on in; what is timed stays."""
    for place in places:
        timed = _TIMED.fullmatch(lines[place])
        if timed is not None:
            lines[place] = timed[1] + timed[2]
            continue
        goes_on = lines[place].rstrip().endswith("\\")
        lines[place] = _comment(lines[place])
        while goes_on and (place := place + 1) < len(lines):
            goes_on = lines[place].rstrip().endswith("\\")
            lines[place] = f"# {lines[place].lstrip()}"
    return len(places)


def _comment(line: str) -> str:
    """A comment in its place; in a block a statement, without which the block could be empty."""
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    return f"{indent}pass  # {body}" if indent and body else f"# {body}" if body else line
