"""The expressions of `-k`, as pytest reads them: names joined by `and`, `or`, `not` and parentheses.

    expression: and_expr ('or' and_expr)*
    and_expr:   not_expr ('and' not_expr)*
    not_expr:   'not' not_expr | '(' expression ')' | name

A name matches where it is part of the id, whatever the case. Unlike in pytest, `=` may be part of a
name, because trial ids have it: `-k seed=0`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from grader.contract.errors import UsageError
from grader.contract.text import plain

Predicate = Callable[[str], bool]

_TOKEN = re.compile(r"[ \t]*(?:(?P<paren>[()])|(?P<word>[\w:+\-.\[\]\\/=]+))")
_DEPTH = 100  # of parentheses and `not`; a person needs two


def match(keyword: str) -> Predicate:
    """Return a predicate over trial ids. A blank expression matches all. Raises UsageError with the place."""
    text = unicodedata.normalize("NFC", keyword)
    if not text.strip():
        return lambda _: True
    predicate = _Parser(text).whole()
    return lambda node_id: predicate(unicodedata.normalize("NFC", node_id).lower())


class _Token(NamedTuple):
    text: str  # empty at the end
    column: int  # from 1


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._scan()
        self.position = 0
        self.depth = 0

    def whole(self) -> Predicate:
        predicate = self._either()
        if self._current.text:
            self._fail("expected 'and', 'or' or the end")
        return predicate

    def _scan(self) -> list[_Token]:
        tokens, at, end = [], 0, len(self.text.rstrip(" \t"))
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip(" \t"))
                self._raise(at + 1, f"unexpected character {plain(self.text[at])!r}")
            tokens.append(_Token(found[0].lstrip(" \t"), found.end() - len(found[0].lstrip(" \t")) + 1))
            at = found.end()
        return [*tokens, _Token("", end + 1)]

    @property
    def _current(self) -> _Token:
        return self.tokens[self.position]

    def _accept(self, word: str) -> bool:
        accepted = self._current.text == word
        self.position += accepted
        return accepted

    def _either(self) -> Predicate:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda name: any(part(name) for part in parts)

    def _both(self) -> Predicate:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda name: all(part(name) for part in parts)

    def _one(self) -> Predicate:
        self.depth += 1
        if self.depth > _DEPTH:
            self._fail(f"nested more than {_DEPTH} levels deep")
        predicate = self._negated() if self._accept("not") else self._atom()
        self.depth -= 1
        return predicate

    def _negated(self) -> Predicate:
        inner = self._one()
        return lambda name: not inner(name)

    def _atom(self) -> Predicate:
        if self._accept("("):
            inner = self._either()
            if not self._accept(")"):
                self._fail("expected ')'")
            return inner
        word = self._current.text.lower()
        if self._current.text in {"", ")", "and", "or"}:
            self._fail("expected a name, 'not' or '('")
        self.position += 1
        return lambda name: word in name

    def _fail(self, what: str) -> NoReturn:
        got = repr(self._current.text) if self._current.text else "the end"
        self._raise(self._current.column, f"{what}, got {got}")

    def _raise(self, column: int, what: str) -> NoReturn:
        raise UsageError(f"-k {plain(self.text, 200)!r}: {what} at column {column}")
