"""The standings say what the records say, whatever their order."""

from __future__ import annotations

import random
import statistics
from typing import Any

import msgspec
import pytest
from factories import board, failed, ranked, record, task

from grader.contract.record import DeviceInfo, Record
from grader.contract.status import Status
from grader.host.rank import Place, Row, Table, places, standings
from grader.host.stats import score


def table(*records: Record) -> Table:
    """The one table that these records make."""
    (only,) = ranked(records).tables
    return only


def names(*records: Record) -> list[str]:
    return [row.name for row in table(*records).rows]


def row(*records: Record) -> Row:
    (only,) = table(*records).rows
    return only


def test_the_best_mean_comes_first_at_full_precision() -> None:
    low, high = 0.9000000000000001, 0.9000000000000002
    made = [
        record("b", metrics={"accuracy": low}),
        record("a", metrics={"accuracy": high}),
        record("c", metrics={"accuracy": 0.95}),
    ]
    assert names(*made) == ["c", "a", "b"]


def test_where_lower_is_better_the_lowest_comes_first() -> None:
    error = task(metric="mse", higher_is_better=False, kind="regression", classes=())
    made = [
        record(name, task=error, metrics={"mse": mse}) for name, mse in (("a", 3.0), ("b", 1.0), ("c", 2.0))
    ]
    assert names(*made) == ["b", "c", "a"]


def test_equal_means_share_a_rank_and_stand_by_name() -> None:
    made = [record("b"), record("a"), record("c", correct=480), record("d", correct=350)]
    assert [(one.name, one.rank) for one in table(*made).rows] == [("c", 1), ("a", 2), ("b", 2), ("d", 4)]


def test_several_seeds_make_one_row_of_means_and_deviations() -> None:
    made = [record(seed=seed, correct=correct) for seed, correct in enumerate((440, 450, 475))]
    accuracy = row(*made).metrics["accuracy"]
    shares = [0.88, 0.90, 0.95]
    assert accuracy.mean == pytest.approx(statistics.mean(shares), abs=1e-15)
    assert accuracy.std == pytest.approx(statistics.stdev(shares), abs=1e-15)
    assert row(*made).seeds == (0, 1, 2)
    assert row(*made).interval_of == "method"


def test_a_single_seed_has_an_interval_over_the_test_samples_and_no_deviation() -> None:
    one = row(record(correct=450))
    assert one.metrics["accuracy"].std is None
    assert one.interval is not None
    assert one.interval_of == "weights"
    # statsmodels: proportion_confint(450, 500, method="wilson")
    assert one.interval == pytest.approx((0.8705780903, 0.9233224372), abs=1e-9)


def test_a_row_with_a_failed_seed_stands_below_complete_rows_without_a_rank() -> None:
    made = [
        record("best", correct=490),
        failed("best", Status.TIMEOUT, seed=1, reason="too slow"),
        record("worst", correct=100),
        failed("none"),
    ]
    best = table(*made).rows[1]
    assert names(*made) == ["worst", "best", "none"]
    assert [one.rank for one in table(*made).rows] == [1, None, None]
    assert (best.ok, best.counted, best.status) == (1, 2, "1 of 2 failed: timeout")
    assert [(one.seed, one.status, one.reason) for one in best.failures] == [(1, Status.TIMEOUT, "too slow")]
    assert table(*made).rows[2].status == "crashed"


def test_a_harness_error_is_shown_and_never_held_against_the_submission() -> None:
    made = [
        record("a"),
        failed("a", Status.HARNESS_ERROR, seed=1, reason="our disk was full"),
        failed("b", Status.HARNESS_ERROR),
        failed("c"),
    ]
    first, second, third = table(*made).rows
    assert (first.name, first.rank, first.ok, first.counted) == ("a", 1, 1, 1)
    assert first.status == "ok; seeds left out: 1 (harness error, not held against it)"
    assert first.failures[0].reason == "our disk was full"
    assert (second.name, second.status) == ("b", "harness error, not held against it")
    assert third.name == "c"


def test_a_harness_error_never_displaces_a_result_of_the_same_seed() -> None:
    later = failed("mlp", Status.HARNESS_ERROR, torch="2.10.0", finished="2027-01-01T00:00:00Z")
    assert row(record(), later).rank == 1


def test_a_record_that_lacks_its_own_metric_is_no_result() -> None:
    one = row(record(metrics={"loss": 0.1}))
    assert (one.rank, one.counted) == (None, 0)
    assert one.failures[0].reason == "the record has no accuracy"


def test_the_newest_digest_of_a_name_counts_and_older_ones_are_counted() -> None:
    made = [
        record(digest="old", seed=0, correct=499, finished="2026-01-01T00:00:00Z"),
        record(digest="old", seed=1, correct=499, finished="2026-01-02T00:00:00Z", loop="mlp"),
        record(digest="new", seed=0, correct=100, finished="2026-01-03T00:00:00Z"),
        record("cnn", digest="old"),
    ]
    made_table = table(*made)
    assert [(one.name, one.digest, one.ok) for one in made_table.rows] == [
        ("cnn", "old", 1),
        ("mlp", "new", 1),
    ]
    assert made_table.superseded == {"mlp": 2}


def test_of_reruns_the_latest_counts() -> None:
    made = [
        record(torch="2.8.0", correct=499, finished="2026-01-01T00:00:00Z"),
        record(torch="2.9.0", correct=100, finished="2026-01-02T00:00:00Z"),
    ]
    assert row(*made).metrics["accuracy"].mean == 0.2
    assert table(*made).reruns == 1
    assert table(*made).torch == ("2.9.0",)


def test_what_each_record_is_agrees_with_what_the_tables_count() -> None:
    chance = random.Random(3)
    made = [
        record(
            f"s{chance.randrange(4)}",
            digest=str(chance.randrange(3)),
            seed=chance.randrange(3),
            torch=f"2.{chance.randrange(8, 10)}.0",
            budget=chance.choice(("3 epochs", "10s")),
            finished=f"2026-01-{chance.randrange(10, 29)}T00:00:00Z",
        )
        for _ in range(200)
    ]
    told, tables = places(made), standings(made).tables
    assert told.count(Place.SUPERSEDED) == sum(sum(one.superseded.values()) for one in tables)
    assert told.count(Place.RERUN) == sum(one.reruns for one in tables)
    assert told.count(Place.CURRENT) == sum(len(line.seeds) for one in tables for line in one.rows)
    counted = [one for one, place in zip(made, told, strict=True) if place is Place.CURRENT]
    assert [one.rows for one in standings(counted).tables] == [one.rows for one in tables]


def test_a_later_failure_counts_too() -> None:
    assert row(record(), failed("mlp", torch="2.10.0", finished="2027-01-01T00:00:00Z")).rank is None


@pytest.mark.parametrize(
    "changes",
    [
        {"task": task(name="mnist")},
        {"task": task(digest="other")},
        {"budget": "4 epochs"},
        {"device": DeviceInfo(kind="cuda", name="H", threads=1)},
        {"isolation": "full"},
        {"rules": 2},
    ],
)
def test_rows_of_different_tracks_are_never_in_one_table(changes: dict[str, Any]) -> None:
    assert len(standings([record(), record("cnn", **changes)]).tables) == 2


def test_models_and_loops_of_one_name_have_rows_of_their_own() -> None:
    assert len(table(record(loop="a"), record(loop="b")).rows) == 2


def test_notes_are_said_once() -> None:
    made = [record(seed=seed, notes=("same", f"seed {seed}")) for seed in range(2)]
    assert row(*made).notes == ("same", "seed 0", "seed 1")


def test_further_columns_come_after_the_built_in_ones() -> None:
    made = [record(metrics={"f1": 0.5, "accuracy": 0.5, "loss": 1.0, "other": 1.0})]
    (shown,) = standings(made, lambda info: ["f1", "absent", "loss", info.metric]).tables
    assert shown.columns == ("accuracy", "loss", "f1")


def test_the_order_of_records_never_matters() -> None:
    chance = random.Random(3)
    made = board(40, seeds=3, chance=chance)
    for one in list(made):
        again: dict[str, Any] = {"finished": f"2026-0{chance.randrange(1, 4)}-01T00:00:00Z"}
        if chance.random() < 0.3:
            other = {"accuracy": chance.random(), "loss": 1.0}
            made.append(msgspec.structs.replace(one, **again, metrics=other))
        if chance.random() < 0.2:
            made.append(record(one.submission.name, seed=one.seed, digest=chance.choice("abc"), **again))
        if chance.random() < 0.2:
            made.append(msgspec.structs.replace(one, budget=f"{chance.randrange(4, 9)} epochs"))
    expected = standings(made)
    for _ in range(20):
        chance.shuffle(made)
        assert standings(made) == expected


def test_where_records_describe_their_task_differently_the_choice_does_not_depend_on_their_order() -> None:
    made = [record(name, task=task(classes=(name,))) for name in "abc"]
    assert standings(made) == standings(made[::-1])
    assert table(*made, record("d", finished="2027", task=task(classes=("a",)))).task.classes == ("a",)


def test_ranks_never_run_against_means_and_junk_changes_none() -> None:
    chance = random.Random(4)
    for _ in range(50):
        made = board(chance.randrange(1, 20), seeds=chance.randrange(1, 4), chance=chance)
        before = table(*made).rows
        complete = [one for one in before if one.rank]
        assert [one.rank for one in complete] == sorted(one.rank for one in complete if one.rank)
        junk = [failed("zz-junk"), record("zz-poor", correct=0)]
        after = {one.name: one.rank for one in table(*made, *junk).rows}
        assert all(after[one.name] == one.rank for one in before)


def test_score_does_not_depend_on_the_order_and_survives_huge_values() -> None:
    chance = random.Random(5)
    values = [chance.random() * 10 ** chance.randrange(-8, 8) for _ in range(9)]
    expected = score(values)
    for _ in range(50):
        chance.shuffle(values)
        assert score(values) == expected
    assert score([1.7e308, 1.7e308]).mean == pytest.approx(1.7e308)
    assert score([1.7e308, -1.7e308]).std is None or score([1.7e308, -1.7e308]).mean == 0


def test_no_records_make_no_tables() -> None:
    assert standings([]).tables == ()


# ---- over several tasks


def test_over_several_tasks_stands_the_mean_of_the_ranks_in_each_tasks_own_table() -> None:
    mnist = task(name="mnist")
    made = [
        *(record(name, correct=correct) for name, correct in (("a", 490), ("b", 400), ("c", 200))),
        *(record(name, task=mnist, correct=correct) for name, correct in (("a", 300), ("b", 450))),
        record("b", task=mnist, budget="9 epochs"),  # fewer have a rank there
        record("alone", isolation="weak"),
    ]
    (found,) = ranked(made).overall
    assert [(track.task, track.budget) for track in found.tracks] == [
        ("digits", "3 epochs"),
        ("mnist", "3 epochs"),
    ]
    assert [(row.name, row.ranks, row.mean) for row in found.rows] == [
        ("a", (1, 2), 1.5),
        ("b", (2, 1), 1.5),
        ("c", (3, None), None),
    ]


def test_one_task_has_no_ranks_over_several() -> None:
    assert ranked([record("a"), record("a", budget="9 epochs")]).overall == ()
