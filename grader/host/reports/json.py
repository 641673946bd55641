"""leaderboard.json: the standings for programs, at full precision.

One object: `schema` (1; raised when a reader would misread a newer form), `grader` (always
"leaderboard", to tell the file by), `tables`, one for each track and ordered by it, and `overall`. A table
has

- `track`: `task, digest` (of the data), `budget, device, isolation, rules, processor, threads`, which are
  "" and 0 where the budget sets no seconds, and `target`, "" where there is none;
- `task`: `name, digest, kind, metric, higher_is_better, train_samples, test_samples, classes`, and `split`,
  "public" or "private" where a part of the test set is held apart, else "";
- `columns`: the metrics that people are shown, the primary one first;
- `rows`, best first: `rank` (null unless every counted seed ended well), `name, model, loop, title, path,
  digest, status` (in words), `ok` and `counted` (seeds), `seeds`, `metrics` (name to `mean` and `std`, null
  for one seed), `interval` (95 %, else null) and `interval_of` ("weights" of one training, or the
  "method"), `unproven` (seeds whose evidence is missing), `train_seconds, train_relative` (the same in
  calibrations of its nodes), `samples_per_second, epochs, parameters, weights_bytes, max_rss` (null when
  unknown), `failures` (`seed, status, phase, reason, counted`), `notes`, and `reached` (null without a
  target: `seeds` that reached it, and where every one did `mean` seconds, `std`, and `rank`, null where the
  rows ran on several devices);
- `superseded` (name to number of records of older digests), `reruns`, `devices`, `torch`, `alongside`.

`overall` has an object for each of the conditions under which there are several tasks: `tracks`, one a task,
and `rows` with `name, model, loop`, `ranks` (one a task, or null) and `mean` (null unless all are there).

Fractions are 0 to 1, times in seconds, sizes in bytes. Text is as submissions wrote it: escape it.
(What does not print is escaped in the file, as JSON has it: reading gives it back.)
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from grader import hookimpl
from grader.contract.text import json_document
from grader.host.files import replace
from grader.host.overall import Overall
from grader.host.rank import Standings, Table

SCHEMA = 1


class Leaderboard(msgspec.Struct, frozen=True, kw_only=True):
    """The file, as this module's docstring has it."""

    schema: int = SCHEMA
    grader: str = "leaderboard"
    tables: tuple[Table, ...]
    overall: tuple[Overall, ...] = ()


@hookimpl
def grader_write_leaderboard(standings: Standings, directory: Path) -> list[Path]:
    """Write leaderboard.json."""
    path = directory / "leaderboard.json"
    replace(path, document(standings))
    return [path]


def document(standings: Standings) -> bytes:
    """The file's bytes."""
    return json_document(Leaderboard(tables=standings.tables, overall=standings.overall), in_order=True)
