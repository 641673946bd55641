"""leaderboard.csv: every row of every track on one sheet, at full precision."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from grader import hookimpl
from grader.contract.text import csv_cell
from grader.host.files import replace
from grader.host.rank import Row, Standings, Table

Cell = str | int | float | None

_TRACK = ("task", "data", "budget", "device", "isolation", "rules", "processor", "threads", "target")
_ROW = (
    "rank", "submission", "digest", "model", "loop", "status", "seeds_ok", "seeds_counted",
    "interval_low", "interval_high", "train_seconds", "train_relative", "samples_per_second", "epochs",
    "parameters", "weights_bytes", "max_rss",
    "target_rank", "target_seeds", "target_seconds", "target_seconds_std",
)  # fmt: skip


@hookimpl
def grader_write_leaderboard(standings: Standings, directory: Path) -> list[Path]:
    """Write leaderboard.csv."""
    path = directory / "leaderboard.csv"
    replace(path, sheet(standings).encode())
    return [path]


def sheet(standings: Standings) -> str:
    """The whole text: UTF-8, commas, a heading line. Fractions are 0 to 1; an absent value is empty.

    After the fixed columns, each metric of any track has two: its mean and, ending in `_std`, its
    standard deviation over seeds. All text is quoted: a spreadsheet that splits at semicolons leaves
    it whole.
    """
    metrics = sorted({name for table in standings.tables for row in table.rows for name in row.metrics})
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    spread = [f"{name}{end}" for name in metrics for end in ("", "_std")]
    writer.writerow(csv_cell(title) for title in (*_TRACK, *_ROW, *spread, "notes"))
    for table in standings.tables:
        for row in table.rows:
            writer.writerow(_safe(cell) for cell in _cells(table, row, metrics))
    return file.getvalue()


def _cells(table: Table, row: Row, metrics: Sequence[str]) -> list[Cell]:
    key = table.track
    low, high = row.interval or (None, None)
    cells: list[Cell] = [
        key.task, key.digest, key.budget, key.device, key.isolation, key.rules,
        key.processor or None, key.threads or None, key.target or None,
        row.rank, row.name, row.digest, row.model, row.loop, row.status, row.ok, row.counted,
        low, high, row.train_seconds, row.train_relative, row.samples_per_second, row.epochs,
        row.parameters, row.weights_bytes, row.max_rss, *_reached(row),
    ]  # fmt: skip
    for name in metrics:
        score = row.metrics.get(name)
        cells += [score.mean, score.std] if score else [None, None]
    return [*cells, "; ".join(row.notes) or None]


def _reached(row: Row) -> list[Cell]:
    found = row.reached
    return [found.rank, found.seeds, found.mean, found.std] if found else [None] * 4


def _safe(cell: Cell) -> Cell:
    return csv_cell(cell) if isinstance(cell, str) else cell
