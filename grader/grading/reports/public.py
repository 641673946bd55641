"""The leaderboard of a class, fit for publishing: made as any other, of records that say nothing of a person.

What a row is ranked by comes from the evidence of the real records, which are not published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.contract.errors import UsageError
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.submission import BASELINE, DEFAULT
from grader.contract.text import plain
from grader.grading.model import Graded
from grader.host.archive import Archive
from grader.host.leaderboard import ranked_and_written

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pluggy

    from grader.host.evidence import Evidence
    from grader.host.store import Store


class MaskedArchive(Archive):
    """Masked records, with the evidence of those that they were made of."""

    def __init__(self, pairs: Sequence[tuple[Record, Record]], store: Store) -> None:
        """Take each masked record with the real one, whose evidence lies in `store`."""
        super().__init__({str(at): masked for at, (masked, _) in enumerate(pairs)})
        self._real = {id(masked): real for masked, real in pairs}
        self._inner = Archive({str(store.path(real)): real for _, real in pairs})

    def scores(self, record: Record) -> npt.NDArray[np.bool_] | npt.NDArray[np.float32] | None:
        """As Archive has it, of the real record."""
        return self._inner.scores(self._real[id(record)])

    def evidence(self, record: Record) -> Evidence | None:
        """As Archive has it, of the real record."""
        return self._inner.evidence(self._real[id(record)])

    def proof(self, record: Record) -> bytes:
        """As Archive has it, of the real record."""
        return self._inner.proof(self._real[id(record)])


def write_public(graded: Graded, directory: Path, store: Store, manager: pluggy.PluginManager) -> list[Path]:
    """Write the leaderboard of the attempts that count into a folder, by every plugin that writes one.

    `store` has the evidence of the records. No records are written, and test samples are not shown. Raises
    UsageError for a folder that holds records, which have names, and StoreError as a leaderboard does.
    """
    if (directory / "records").exists():
        raise UsageError(
            f"{plain(str(directory))} holds records/, which tell names: choose another folder to publish"
        )
    pairs = [
        (masked(record, pseudonym, graded.book.graded), record)
        for pseudonym, records in _published(graded)
        for record in records
    ]
    return ranked_and_written(MaskedArchive(pairs, store), directory, manager)[1]


def masked(record: Record, pseudonym: str, finished: str) -> Record:
    """Return what may be published of a record: figures, and no word that a student wrote.

    All are `finished` at one time: the order of the trainings is that of the roster.
    """
    who, model = record.submission, record.model
    submission = msgspec.structs.replace(
        who,
        name=pseudonym,
        digest=hashlib.sha256(pseudonym.encode()).hexdigest(),
        model=who.model if who.model == BASELINE else pseudonym,
        loop=who.loop if who.loop == DEFAULT else pseudonym,
        path=pseudonym,
        title="",
        parts={},
    )
    ended = record.status is not Status.OK
    node = msgspec.structs.replace(record.node, name="", remarks=()) if record.node else None
    return msgspec.structs.replace(
        record,
        submission=submission,
        reason=record.status.replace("_", " ") if ended else "",
        detail="",
        output="",
        notes=(),
        node=node,
        model=msgspec.structs.replace(model, structure="", layers=()) if model else None,
        finished=finished,
    )


def _published(graded: Graded) -> Iterator[tuple[str, Sequence[Record]]]:
    """The pseudonym and records of each submission that counts; a group's once, by who handed it in."""
    found: dict[str, tuple[str, Sequence[Record]]] = {}
    for grade in sorted(graded.grades(), key=lambda grade: (bool(grade.by), grade.student.key)):
        if grade.best is not None and grade.best.submission:
            found.setdefault(grade.best.submission, (grade.pseudonym, graded.of(grade.best)))
    yield from sorted(found.values(), key=lambda each: each[0])
