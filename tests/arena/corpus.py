"""The attacks and their headers: what each tries, what becomes of it, and what stops it.

The header is the end of the module's docstring, a key a line, as DOMjudge's @EXPECTED_RESULTS@:

    @GROUP: targets              one of GROUPS
    @EXPECTED: violation         the statuses, one of which its row has where it is stopped; at level
                                 strict also `crashed`, as there what it is after does not exist
    @STOPPED_BY: landlock        layers; it succeeds where all of them are off. Or `wall`: two processes,
                                 the host's clock, sealed memory files and a channel of checked words stop
                                 it at every level. Or `nothing`: it stays open, and its docstring says so
    @READS: yes                  it only reads: where workers must keep the right to read everything, as
                                 they do where nobody but root may read the interpreter, `identity` does
                                 not stop it
    @NAIVE: loot                 how an attack on the wall beats a harness that has none, see NAIVE
    @NEEDS: xattr                what the machine must let anybody do before a proof means anything
    @FILE: "name.py"             the submission's file name, as JSON, where the name is the attack
    @UNSAFE: reason              why its success cannot be shown

An attack that has succeeded prints a line "LOOT: what". One that is stopped lets the exception pass.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.contract.isolation import Layer
from grader.contract.status import Status

FOLDER = Path(__file__).parents[1] / "attacks"
LOOT = "LOOT:"

GROUPS = (
    "targets", "writing", "sockets", "signals", "processes", "kernel", "bombs", "endless", "exits",
    "channel", "results", "objects", "datasets", "memorised", "patches", "off-clock", "text",
)  # fmt: skip

NAIVE = (
    "loot",  # prints its LOOT
    "hang",  # is not over within the time
    "no-result",  # leaves the harness without a result that can be read
    "score",  # is credited with a perfect score
    "clock",  # is credited with a fraction of the time that it took
    "accepted",  # is scored, though its outputs or weights are worth nothing
    "flood",  # makes the harness keep megabytes
    "echo",  # has its escape sequences or its markup repeated
    "home",  # has the harness overwrite a file of its user
    "litter",  # leaves a folder that the harness cannot remove
)

_KEYS = {"READS", "GROUP", "EXPECTED", "STOPPED_BY", "NAIVE", "NEEDS", "FILE", "UNSAFE"}
_LINE = re.compile(r"@(\w+):\s*(.+)")
_NO_LAYER = ("wall", "nothing")


@dataclass(frozen=True)
class Attack:
    """One file of the corpus."""

    name: str
    source: str
    says: str  # first line of its docstring
    group: str
    expected: frozenset[Status]
    stopped_by: frozenset[Layer]  # empty for attacks on the wall and for those that nothing stops
    wall: bool
    reads: bool = False
    naive: str = ""
    needs: str = ""
    file: str = ""
    unsafe: str = ""

    @property
    def stays_open(self) -> bool:
        """Whether nothing stops it, anywhere."""
        return not self.wall and not self.stopped_by

    def stopped(self, layers: frozenset[Layer]) -> bool:
        """Whether it is stopped where these layers are in force."""
        return self.wall or bool(self.stopped_by & layers)


@cache
def attacks() -> tuple[Attack, ...]:
    """All attacks, in the order of their groups. Raises ValueError for a header that is not as above."""
    found = [read(path) for path in sorted(FOLDER.glob("*.py"))]
    return tuple(sorted(found, key=lambda attack: GROUPS.index(attack.group)))


def controls() -> dict[str, str]:
    """The honest submissions by name."""
    return {path.stem: path.read_text("utf-8") for path in sorted((FOLDER / "controls").glob("*.py"))}


def read(path: Path) -> Attack:
    """Read one attack. Raises ValueError naming the file."""
    source = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    lines = [line for line in docstring.splitlines() if line.startswith("@")]
    header = {m[1]: m[2].strip() for line in lines if (m := _LINE.fullmatch(line))}
    try:
        return _attack(path.stem, source, docstring.partition("\n")[0], header)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path.name}: bad header ({error!r})") from error


def _attack(name: str, source: str, says: str, header: dict[str, str]) -> Attack:
    if strange := header.keys() - _KEYS:
        raise ValueError(f"unknown keys {strange}")
    stoppers = _words(header["STOPPED_BY"])
    wall, layers = stoppers == ["wall"], [word for word in stoppers if word not in _NO_LAYER]
    if stoppers not in (["wall"], ["nothing"]) and layers != stoppers:
        raise ValueError("wall and nothing stand alone")
    if wall == (not header.get("NAIVE") and not header.get("UNSAFE")):
        raise ValueError("an attack on the wall, and no other, says how it beats a naive harness")
    if header["GROUP"] not in GROUPS or header.get("NAIVE", NAIVE[0]) not in NAIVE:
        raise ValueError("unknown group, or unknown way to beat a naive harness")
    return Attack(
        name=name,
        source=source,
        says=says,
        group=header["GROUP"],
        expected=frozenset(map(Status, _words(header["EXPECTED"]))),
        stopped_by=frozenset(map(Layer, layers)),
        wall=wall,
        reads="READS" in header,
        naive=header.get("NAIVE", ""),
        needs=header.get("NEEDS", ""),
        file=json.loads(header["FILE"]) if "FILE" in header else f"{name}.py",
        unsafe=header.get("UNSAFE", ""),
    )


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]
