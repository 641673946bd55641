"""The ranking by the time to a target: its own order, its own noise, and `not reached` is a value."""

from __future__ import annotations

import csv
import io
import json

import msgspec
from factories import failed, ranked, record, timed

from grader.contract.record import Record
from grader.host.rank import Row, Table
from grader.host.reports.csv import sheet
from grader.host.reports.json import document
from grader.host.reports.markdown import readme
from grader.host.reports.tables import reached
from grader.host.reports.terminal import leaderboard_text
from grader.host.timed import by_time


def seeds(name: str, *times: float | None) -> list[Record]:
    return [timed(name, seconds, seed) for seed, seconds in enumerate(times)]


def table(*records: Record) -> Table:
    (only,) = ranked(records).tables
    return only


def order(*records: Record) -> list[tuple[str, int | None]]:
    return [(row.name, row.reached.rank if row.reached else None) for row in by_time(table(*records).rows)]


def one(name: str, *records: Record) -> Row:
    (found,) = (row for row in table(*records).rows if row.name == name)
    return found


def test_rows_stand_by_their_time_and_share_a_rank_where_seeds_differ_as_much() -> None:
    made = [*seeds("slow", 50, 51, 50.5), *seeds("a", 10, 12, 11), *seeds("b", 10.5, 12.5, 11.5)]
    assert order(*made) == [("a", 1), ("b", 1), ("slow", 3)]


def test_not_reached_by_some_seed_stands_below_and_by_none_below_that() -> None:
    made = [*seeds("never", None, None), *seeds("once", 1, None), *seeds("always", 90, 91), failed("broken")]
    broken = msgspec.structs.replace(made.pop(), target="accuracy=0.8")
    assert order(*made, broken) == [("always", 1), ("once", None), ("broken", None), ("never", None)]
    told = {row.name: reached(row) for row in table(*made, broken).rows}
    assert told == {
        "always": "90.5 ± 0.7",
        "once": "not reached",
        "never": "not reached",
        "broken": "crashed",
    }


def test_a_failed_seed_leaves_no_rank_by_time_either() -> None:
    broken = msgspec.structs.replace(failed("a", seed=2), target="accuracy=0.8")
    row = one("a", *seeds("a", 1, 2), broken)
    assert row.reached is not None
    assert (row.reached.seeds, row.reached.rank, row.reached.mean) == (2, None, None)


def test_of_one_seed_no_difference_is_claimed() -> None:
    made = [timed("a", 1), timed("b", 1000), *seeds("c", 5, 6, 7)]
    assert order(*made) == [("a", 1), ("c", 1), ("b", 1)]
    assert reached(one("b", *made)) == "1000.0"


def test_without_a_target_there_is_no_such_ranking() -> None:
    (plain,) = ranked([record("a")]).tables
    assert plain.rows[0].reached is None
    assert "s to" not in leaderboard_text(plain, 200)


def test_every_form_tells_it() -> None:
    standings = ranked([*seeds("quick", 1, 2, 3), *seeds("never", None, None, None)])
    text = readme(standings)
    assert "s to accuracy=0.8" in text
    assert "two successive snapshots" in text
    shown = leaderboard_text(standings.tables[0], 100)
    assert "s to accuracy=0.8" in shown
    assert "not reached" in shown
    assert max(map(len, leaderboard_text(standings.tables[0], 60).split("\n"))) <= 60
    never, quick = sorted(csv.DictReader(io.StringIO(sheet(standings))), key=lambda row: row["submission"])
    assert (quick["target_rank"], quick["target_seconds"], quick["target_seeds"]) == ("1", "2.0", "3")
    assert (never["target_rank"], never["target_seconds"], never["target_seeds"]) == ("", "", "0")
    rows = {row["name"]: row["reached"] for row in json.loads(document(standings))["tables"][0]["rows"]}
    assert rows["quick"] == {"seeds": 3, "rank": 1, "mean": 2.0, "std": 1.0}
    assert rows["never"] == {"seeds": 0, "rank": None, "mean": None, "std": None}
