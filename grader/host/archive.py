"""What a leaderboard is made from: the records that count, and what lies beside them, read when asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from grader.contract.errors import StoreError
from grader.host.rank import Who, runs

if TYPE_CHECKING:
    from grader.contract.record import Record, TaskInfo
    from grader.host.evidence import Evidence
    from grader.host.rank import Row, Table
    from grader.host.samples import PreparedSamples, Samples
    from grader.host.store import Store
    from grader.host.track import Track


class Archive:
    """The records of a leaderboard folder, and the test samples of tasks that allow them to be shown.

    Evidence and samples are read anew each time: who needs them twice keeps them.
    """

    def __init__(
        self, records: Iterable[Record], store: Store | None = None, samples: PreparedSamples | None = None
    ) -> None:
        self.records = tuple(records)
        self._store = store
        self._samples = samples

    @cached_property
    def _runs(self) -> Mapping[Track, Mapping[Who, Sequence[Record]]]:
        return runs(self.records)

    def runs(self, table: Table, row: Row) -> Sequence[Record]:
        """The records of a row, one a seed, in the order of the seeds; failed ones are among them."""
        return self._runs[table.track][row.name, row.model, row.loop]

    def evidence(self, record: Record) -> Evidence | None:
        """The evidence of a record; None where it failed, or where its evidence is missing or damaged."""
        if self._store is not None:
            with contextlib.suppress(StoreError):
                return self._store.evidence(record)
        return None

    def proof(self, record: Record) -> bytes:
        """What lies beside a record as its evidence, unread: empty where nothing does."""
        if self._store is not None:
            path = self._store.path(record).with_suffix(".npz")
            with contextlib.suppress(OSError):
                return path.read_bytes() if path.is_file() else b""
        return b""

    def samples(self, task: TaskInfo) -> Samples | None:
        """The test samples of a task, None unless it lets them be shown and its data are prepared here."""
        return self._samples.read(task) if self._samples is not None else None

    def has_samples(self, task: TaskInfo) -> bool:
        """Whether `samples` would find some, without reading them."""
        return self._samples is not None and self._samples.entry(task) is not None
