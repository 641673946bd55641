"""What a leaderboard is made from: the records that count, and what lies beside them, read when asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from grader.contract.errors import StoreError
from grader.host.evidence import read_evidence, read_scores
from grader.host.rank import Who, runs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from grader.contract.record import Record, TaskInfo
    from grader.host.evidence import Evidence
    from grader.host.rank import Row, Table
    from grader.host.samples import PreparedSamples, Samples
    from grader.host.track import Track


class Archive:
    """The records of a leaderboard folder, by their files, and the test samples of tasks that show them.

    Evidence and samples are read each time they are asked for.
    """

    def __init__(self, files: Mapping[str, Record], samples: PreparedSamples | None = None) -> None:
        self.records = tuple(files.values())
        # by identity: a record may be there twice, and hashing one takes longer than reading it
        self._files = {id(record): path for path, record in files.items()}
        self._samples = samples

    @cached_property
    def tracks(self) -> Mapping[Track, Mapping[Who, Sequence[Record]]]:
        """The records that count, one a seed and in the order of the seeds, by track and row."""
        return runs(self.records)

    def runs(self, table: Table, row: Row) -> Sequence[Record]:
        """The records of a row, one a seed, in the order of the seeds; failed ones are among them."""
        return self.tracks[table.track][row.who]

    def scores(self, record: Record) -> npt.NDArray[np.bool_] | npt.NDArray[np.float32] | None:
        """How good each prediction of a record was, as `read_scores` tells; None as with `evidence`."""
        with contextlib.suppress(StoreError):
            return read_scores(self._beside(record), record)
        return None

    def evidence(self, record: Record) -> Evidence | None:
        """The evidence of a record; None where it failed, or where its evidence is missing or damaged."""
        with contextlib.suppress(StoreError):
            return read_evidence(self._beside(record), record)
        return None

    def proof(self, record: Record) -> bytes:
        """What lies beside a record as its evidence, unread: empty where nothing does."""
        path = self._beside(record)
        with contextlib.suppress(OSError):
            return path.read_bytes() if path.is_file() else b""
        return b""

    def samples(self, task: TaskInfo) -> Samples | None:
        """The test samples of a task, None unless it lets them be shown and its data are prepared here."""
        return self._samples.read(task) if self._samples is not None else None

    def has_samples(self, task: TaskInfo) -> bool:
        """Whether `samples` would find some, without reading them."""
        return self._samples is not None and self._samples.entry(task) is not None

    def _beside(self, record: Record) -> Path:
        """By the record's own file: a locale may not have the letters of the name that it would be given."""
        return Path(self._files[id(record)]).with_suffix(".npz")
