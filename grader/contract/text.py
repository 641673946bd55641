"""Text from people we do not trust, made safe to show; and the hint that a wrong word deserves."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def plain(text: str, limit: int | None = None) -> str:
    """Return the text on one line, harmless to a terminal, and at most `limit` characters long.

    Control, bidirectional and invisible characters, and lone surrogates, are written as escapes, so the
    result can always be encoded as UTF-8.
    """
    shown = "".join(char if char.isprintable() else _escape(char) for char in text)
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for the nearest known word, or '' where none is near."""
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower()[:200], lowered, n=1)
    return f"; did you mean {plain(lowered[near[0]])}?" if near else ""


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
