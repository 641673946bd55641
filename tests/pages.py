"""README.md, CONTRIBUTING.md and docs/ as what they promise: files, commands and links, read from Markdown.

HTML comments before a fenced block say what it is:

    <!-- file: submissions/mine.py -->    it is written to this file
    <!-- exit: 1 -->                      its commands end with this exit code, not with 0
    <!-- not run: a reason -->            its commands are run by no test; asked of `console` and `text`

and `<!-- start: leaderboard examples -->` at the top of a page, what of the repository, beside
submissions/, lies where its commands are run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

RUN = "sh"
SHOWN = ("console", "text")

_FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!-- (file|exit|not run): (.+?) -->\n")
_BEFORE = re.compile(rf"(?:{_COMMENT.pattern})+\Z")
_START = re.compile(r"\A<!-- start: (.+) -->$", re.MULTILINE)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    line: int
    language: str
    text: str
    file: str = ""
    exit: int = 0
    not_run: str = ""


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    for match in _FENCE.finditer(page):
        before = _BEFORE.search(page, 0, match.start())
        said = dict(_COMMENT.findall(before[0])) if before else {}
        yield Block(
            line=page.count("\n", 0, match.start()) + 1,
            language=match[2],
            text=match[3],
            file=said.get("file", ""),
            exit=int(said.get("exit", 0)),
            not_run=said.get("not run", ""),
        )


def start(page: str) -> list[str]:
    """Which files and folders a page's commands find, beside submissions/."""
    found = _START.search(page)
    return found[1].split() if found else []


def links(page: str) -> set[str]:
    """Targets of the links of a page that lead into the repository, `file#heading` or `#heading`."""
    prose = re.sub(r"`[^`\n]*`", "``", _FENCE.sub("", page))
    return {target for target in _LINK.findall(prose) if "://" not in target}


def anchors(page: str) -> set[str]:
    """The headings of a page as GitHub links them."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
