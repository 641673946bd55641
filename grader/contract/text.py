"""Untrusted text made harmless: names and messages of submissions for terminals, Markdown and CSV.

Everything that a submission wrote, and every file name, passes through here before a person sees it.
And the hint that a wrong word deserves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

NAME = 60  # characters of a name that tables show
LINE = 300  # characters of a reason or a note that tables show

# Marks that count only at the start of a line (#, -, 1.) need no escape: our lines begin with our words.
_MARKDOWN = {ord(char): f"\\{char}" for char in "\\`*_[]|~$"} | {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
}
_AUTOLINK = re.compile(r"://|(?<=www)\.", re.IGNORECASE)  # GitHub links bare addresses: cut them
# The last four are the full-width forms, which some spreadsheets fold to the plain ones.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001


def one_line(text: str, limit: int = LINE) -> str:
    """Return the text on one line, at most `limit` characters, safe to print on a terminal.

    White space collapses to single spaces. Whatever does not print (escape sequences, bidirectional
    controls, zero-width characters, lone surrogates) is written out, as in `\\x1b`.
    """
    return plain(" ".join(text.split()), limit)


def block(text: str) -> str:
    """Return text of several lines, safe to print on a terminal: only its line ends are kept."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n".join(plain(line) for line in lines)


def plain(text: str, limit: int | None = None) -> str:
    """Return the text with every character that does not print written out, at most `limit` long."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _written_out(char) for char in text)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def markdown(text: str, limit: int = LINE) -> str:
    """Return the text as one line of Markdown that renders as itself: no markup, no HTML, no link."""
    escaped = one_line(text, limit).translate(_MARKDOWN)
    return _AUTOLINK.sub(lambda match: match[0].replace(":", "&#58;").replace(".", "&#46;"), escaped)


def csv_cell(text: str) -> str:
    """Return the text as one CSV cell that no spreadsheet takes for a formula.

    A leading apostrophe marks what would have been one.
    """
    line = one_line(text, limit=10 * LINE)
    return f"'{line}" if line.startswith(_FORMULA) else line


def encodable(text: str, encoding: str) -> str:
    """Return the text with what the encoding cannot express written out."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for the nearest known word, or '' where none is near."""
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower()[:200], lowered, n=1)
    return f"; did you mean {plain(lowered[near[0]])}?" if near else ""


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
