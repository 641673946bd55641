"""Names of submissions: safe in a table, a terminal and a file name, and unique within a run."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from grader.contract.submission import BASELINE, DEFAULT
from grader.contract.text import INVISIBLE

LENGTH = 60
_OURS = {BASELINE, DEFAULT}  # a table's `model` and `loop` would not tell a submission of this name from ours
_BYTES = 150  # of a file name's 255, in UTF-8


def safe_name(text: str) -> str:
    """Return the text with all but word characters, `.` and `-` replaced by `_`; never empty."""
    safe = re.sub(rf"(?:[^\w.-]|{INVISIBLE})+", "_", unicodedata.normalize("NFC", text))
    safe = re.sub(r"__+", "_", safe).lstrip("._-").rstrip("._")
    return _cut(safe, LENGTH).rstrip("._") or "submission"


@dataclass(frozen=True)
class Nameable:
    """What a name can be made of: the file's, its folder's, and, where both are the same, its digest."""

    stem: str
    parent: str
    digest: str
    path: str

    def at_level(self, level: int) -> str:
        """Return a name that says as much as the level asks: 0 is the file's alone."""
        base, parent = safe_name(self.stem), safe_name(self.parent)
        if level == 0:
            return base
        longer = f"{_cut(parent, 20)}/{_cut(base, LENGTH - 21)}"
        if level == 1:
            return longer
        # two copies in folders of one name differ in nothing but their place
        tail = self.digest if level == 2 else hashlib.sha256(self.path.encode()).hexdigest()
        return f"{_cut(longer, LENGTH - 9)}-{tail[:8]}"


def unique_names(submissions: Sequence[Nameable]) -> list[str]:
    """Return a name for each, as short as keeps them apart, whatever their order.

    Names that differ in case alone count as equal: some file systems cannot hold both.
    """
    levels = [0] * len(submissions)
    while True:
        names = [each.at_level(level) for each, level in zip(submissions, levels, strict=True)]
        taken = Counter(name.casefold() for name in names)
        clashes = [
            at
            for at, name in enumerate(map(str.casefold, names))
            if (taken[name] > 1 or name in _OURS) and levels[at] < 3
        ]
        if not clashes:
            return names
        for at in clashes:
            levels[at] += 1


def _cut(text: str, length: int) -> str:
    return text[:length].encode()[:_BYTES].decode(errors="ignore")
