"""Test samples that people may be shown: of installed tasks that allow it, from the cache of their data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from grader.contract.errors import GraderError
from grader.host.data import cache_root
from grader.tasks import entry as entries

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pluggy

    from grader.contract.record import TaskInfo
    from grader.contract.task import TaskTables


@dataclass(frozen=True, eq=False)
class Samples:
    """The test set: inputs uint8 or float32 (N, *shape), targets int64 (N,) or float32 (N, 1), read-only."""

    inputs: npt.NDArray[np.generic]
    targets: npt.NDArray[np.generic]


class PreparedSamples:
    """Finds the test samples of a task that a record names. It never prepares any, and never downloads."""

    def __init__(self, manager: pluggy.PluginManager, tables: TaskTables) -> None:
        self._manager = manager
        self._tables = tables

    @cached_property
    def _shown(self) -> frozenset[str]:
        """Names of the tasks that allow it, as they are installed and configured today."""
        from grader.plugins import task_definitions

        try:
            known = task_definitions(self._manager, self._tables)
        except GraderError:  # a table of the configuration that is wrong is for `grader run` to complain of
            return frozenset()
        return frozenset(name for name, each in known.items() if each.task.show_test_samples)

    def entry(self, task: TaskInfo) -> Path | None:
        """The cache entry with exactly these data; None where there is none, or none that may be shown.

        From whatever folder they were prepared: what they are is told by the digest.
        """
        if task.name not in self._shown:
            return None
        for manifest in sorted(
            (cache_root() / "tasks").glob(f"{entries.safe_name(task.name)}-*/manifest.json")
        ):
            try:
                found = entries.read_manifest(manifest.parent).task
            except entries.Damaged:
                continue
            if (found.name, found.digest) == (task.name, task.digest):
                return manifest.parent
        return None

    def read(self, task: TaskInfo) -> Samples | None:
        """The samples; None where `entry` finds none, or where they are damaged."""
        entry = self.entry(task)
        if entry is None:
            return None
        try:
            _, arrays = entries.read(entry, ("test_inputs", "test_targets"))
        except entries.Damaged:
            return None
        return Samples(arrays["test_inputs"], arrays["test_targets"])
