"""Untrusted text made harmless: names and messages of submissions for terminals, Markdown and CSV.

Everything that a submission wrote, and every file name, passes through here before a person sees it.
And the hint that a wrong word deserves.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

NAME = 60  # characters of a name that tables show
LINE = 300  # characters of a reason or a note that tables show

# What counts as printing and shows nothing: joiners, fillers, the blank of Braille, variation selectors
INVISIBLE = (
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
# ... and the fourth mark on one letter: a pile of them covers the lines above and below
_HIDDEN = re.compile(rf"{INVISIBLE}|(?<={_MARK}{{3}}){_MARK}")

# Marks that count only at the start of a line (#, -, 1.) need no escape: our lines begin with our words.
_MARKDOWN = {ord(char): f"\\{char}" for char in "\\`*_[]|~$"} | {
    ord("@"): "&#64;",  # an address
    ord("{"): "&#123;",  # of templates, where a site is made of the file
    ord("}"): "&#125;",
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
}
_AUTOLINK = re.compile(r"://|(?<=www)\.", re.IGNORECASE)  # GitHub links bare addresses: cut them
_FORMULA = tuple("=+-@\t\r\n")


def count(number: int, word: str, plural: str = "") -> str:
    """`1 trial`, `2 trials`; `2 criteria` where the plural is said."""
    return f"{number} {word if number == 1 else plural or f'{word}s'}"


def one_line(text: str, limit: int = LINE) -> str:
    """Return the text on one line, at most `limit` characters, safe to print on a terminal.

    White space collapses to single spaces. Whatever does not print (escape sequences, bidirectional
    controls, zero-width and invisible characters, lone surrogates) is written out, as in `\\x1b`.
    """
    return plain(" ".join(text[: 100 * limit].split()), limit)  # megabytes are cut before they are looked at


def block(text: str, limit: int | None = None) -> str:
    """Return text of several lines, safe to print on a terminal: only its line ends are kept.

    `limit` is for each line.
    """
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n".join(plain(line, limit) for line in lines)


def plain(text: str, limit: int | None = None) -> str:
    """Return the text with every character that does not print written out, at most `limit` long."""
    if limit is not None:
        text = text[: limit + 1]  # one more, to know that there is more
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _written_out(char) for char in text)
    if not text.isascii():
        text = _HIDDEN.sub(lambda match: _written_out(match[0]), text)
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
    # spreadsheets fold wide and small forms of the signs to the plain ones
    return f"'{line}" if unicodedata.normalize("NFKC", line[:1]).startswith(_FORMULA) else line


def plain_json(data: bytes) -> bytes:
    """Return JSON of the same value that is safe to print on a terminal: what does not print is escaped.

    Encoders escape what the format forbids, which leaves C1 controls, bidirectional ones and the like.
    """
    if data.isascii() and b"\x7f" not in data:
        return data
    text = data.decode()
    if not text.replace("\n", "").isprintable():
        text = "".join(char if char.isprintable() or char == "\n" else _json_escape(char) for char in text)
    return _HIDDEN.sub(lambda match: _json_escape(match[0]), text).encode()


def json_document(value: object, *, in_order: bool = False) -> bytes:
    """Return a value as a file of JSON for people too: laid out, safe to print, the keys sorted if asked."""
    import msgspec

    compact = msgspec.json.encode(value, order="deterministic" if in_order else None)
    return plain_json(msgspec.json.format(compact, indent=2)) + b"\n"


def encodable(text: str, encoding: str) -> str:
    """Return the text with what the encoding cannot express written out."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for the nearest known word, or '' where none is near."""
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower()[:200], lowered, n=1)
    return f"; did you mean {plain(lowered[near[0]])}?" if near else ""


def _json_escape(char: str) -> str:
    pairs = char.encode("utf-16-be").hex()
    return "".join(f"\\u{pairs[at : at + 4]}" for at in range(0, len(pairs), 4))


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
