"""Whose a hand-in is: the words of its names, looked up in the roster."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from grader.contract.text import did_you_mean, plain
from grader.grading.model import Student
from grader.grading.roster import stem

_FIELDS = ("file", "login", "email", "id", "sis_id", "address", "name")  # the surest first


class Roll:
    """The students by all that may name them, whatever the case."""

    def __init__(self, students: Sequence[Student]) -> None:
        self.students = {each.key: each for each in students}
        self._keys: dict[str, dict[str, set[str]]] = {name: {} for name in _FIELDS}
        for each in students:
            for name, word in _words_of(each):
                self._keys[name].setdefault(word, set()).add(each.key)

    def find(self, word: str) -> set[str]:
        """Return the keys of the students whom a word names in the surest way: one, several or none."""
        for name in _FIELDS:
            for said in (word, stem(word)):
                if found := self._keys[name].get(_squashed(said) if name == "name" else _fold(said)):
                    return found
        return set()

    def by_number(self, number: str) -> set[str]:
        """Return the keys of the students whom a platform's number names."""
        found: set[str] = self._keys["id"].get(number, set())
        return found

    def whose(self, words: Iterable[str], number: str = "") -> tuple[str, str]:
        """Return the key of the one student who is meant, or '' and why there is none, in words."""
        told = [word for word in words if word]
        for found in (self.by_number(number) if number else set(), *map(self.find, told)):
            if len(found) == 1:
                return next(iter(found)), ""
            if found:
                return "", f"could be of {' and of '.join(sorted(found))}"
        known = [word for each in self.students.values() for word in (stem(each.file), each.login, each.name)]
        hint = next(filter(None, (did_you_mean(stem(word), filter(None, known)) for word in told)), "")
        numbered = f", nor has anybody the number {plain(number, 30)}" if number else ""
        return "", f"names nobody in the roster{numbered}{hint}"


def _words_of(student: Student) -> Iterator[tuple[str, str]]:
    path = student.file.replace("\\", "/").strip("/")
    words = [
        *(("file", word) for word in {path, path.rpartition("/")[2], stem(path.rpartition("/")[2])}),
        ("login", student.login),
        ("email", student.email),
        ("id", re.sub(r"^participant\s+", "", student.id, flags=re.IGNORECASE)),
        ("sis_id", student.sis_id),
        ("address", student.email.partition("@")[0]),
        *(("name", word) for word in _orders(student.name)),
    ]
    for name, word in words:
        said = _squashed(word) if name == "name" else _fold(word)
        if said:
            yield name, said


def _orders(name: str) -> Iterator[str]:
    """First name first, and last name first: platforms write both, and nobody knows where one ends."""
    words = name.replace(",", " ").split()
    for at in range(len(words)):
        yield "".join([*words[at:], *words[:at]])


def _fold(word: str) -> str:
    return unicodedata.normalize("NFC", word.strip()).casefold()


def _squashed(name: str) -> str:
    """Letters and digits alone, without accents: what is left of a name in a file's name."""
    return "".join(char for char in unicodedata.normalize("NFKD", name).casefold() if char.isalnum())
