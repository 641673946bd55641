"""What changed between two leaderboards: a pure function, and the words for it."""

from __future__ import annotations

from pathlib import Path

import factories
import pytest

from grader.contract.record import Record
from grader.host.changes import Changes, changes, former, ranks, told
from grader.host.reports import json as report
from grader.host.track import Track, track


def board(**correct: int) -> list[Record]:
    """A record of each name; a negative number failed."""
    return [
        factories.record(name, correct=number) if number >= 0 else factories.failed(name)
        for name, number in correct.items()
    ]


def between(before: list[Record], after: list[Record]) -> dict[Track, Changes]:
    return changes(ranks(factories.ranked(before)), ranks(factories.ranked(after)))


def names(found: Changes) -> dict[str, list[object]]:
    return {
        "up": [(who[0], was, rank) for who, was, rank in found.up],
        "down": [(who[0], was, rank) for who, was, rank in found.down],
        "new": [(who[0], rank) for who, rank in found.new],
        "gone": [who[0] for who in found.gone],
    }


def test_ranks_go_up_and_down_and_rows_come_and_go() -> None:
    before = board(stays=490, falls=380, climbs=300, leaves=200)
    after = board(stays=490, climbs=440, falls=380, comes=100)
    (found,) = between(before, after).values()
    assert names(found) == {
        "up": [("climbs", 3, 2)],
        "down": [("falls", 2, 3)],
        "new": [("comes", 4)],
        "gone": ["leaves"],
    }


def test_a_row_without_a_rank_stands_below_every_rank() -> None:
    (found,) = between(board(a=400, b=-1, c=-1), board(a=-1, b=300, c=-1, d=-1)).values()
    assert names(found) == {
        "up": [("b", None, 1)],
        "down": [("a", 1, None)],
        "new": [("d", None)],
        "gone": [],
    }


def test_tracks_are_told_apart_and_those_that_stayed_are_left_out() -> None:
    other = factories.record("a", budget="9 epochs")
    further = factories.record("a", budget="1 epoch")
    found = between([*board(a=400), other], [*board(a=450), further])
    assert {key.budget: names(each) for key, each in found.items()} == {
        "1 epoch": {"up": [], "down": [], "new": [("a", 1)], "gone": []},
        "9 epochs": {"up": [], "down": [], "new": [], "gone": ["a"]},
    }


def test_the_words_are_few_however_many_have_moved() -> None:
    before = board(**{f"row-{n:03}": 400 - n for n in range(200)})
    found = between(before, [*before, factories.record("\x1b[31mbest", correct=500)])
    assert told(found) == [
        "changed since the last leaderboard: digits, 3 epochs, cpu",
        "  down: row-000 #1 to #2, row-001 #1 to #2, row-002 #1 to #2, row-003 #1 to #2, row-004 #1 to #2, "
        "and 195 more",
        r"  new: \x1b[31mbest (#1)",
    ]
    assert told({}) == ["no rank has changed since the last leaderboard"]


def test_the_last_leaderboard_is_read_from_its_json(tmp_path: Path) -> None:
    made = factories.ranked([*board(a=400, b=-1), factories.record("文件", budget="10s")])
    (tmp_path / "leaderboard.json").write_bytes(report.document(made))
    assert former(tmp_path) == ranks(made)
    assert former(tmp_path)[track(board(a=1)[0])][("a", "a", "default")] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"tables": []}',
        b'{"schema": 2, "grader": "leaderboard", "tables": []}',
        b'{"schema": 1, "grader": "theirs", "tables": []}',
        b'{"schema": 1, "grader": "leaderboard", "tables": [{"track": {}, "rows": []}]}',
        b'{"schema": 1, "grader": "leaderboard", "tables": ' + b"[" * 100_000,
        b'{"schema": 1, "grader": "leaderboard", "new": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_leaderboard_of_ours_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "leaderboard.json").write_bytes(data)
    assert former(tmp_path) is None


def test_where_there_is_none_there_is_none(tmp_path: Path) -> None:
    assert former(tmp_path) is None
    assert former(tmp_path / "no" / "folder") is None
    (tmp_path / "leaderboard.json").mkdir()
    assert former(tmp_path) is None
