"""Ranks say what is noise: how often they are wrong is simulated, on whole boards, and the rest follows."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
import scipy.stats
from factories import board, evidence, failed, ranked, record, right, task
from numpy.random import Generator, default_rng

from grader.contract.record import Record
from grader.host import stats
from grader.host.evidence import Evidence, evidence_of
from grader.host.rank import Row, standings
from grader.host.significance import LEVEL, Sampled, difference, distinct, interval, sampled

SAMPLES = 1000


def trained(chance: Generator, seeds: int, noise: float, easy: Any) -> Sampled:
    """A method whose every training is as good on average: each draws its own luck, as large as `noise`.

    `easy` is how likely each test sample is to be got right, (N,).
    """
    luck = np.clip(chance.normal(0, noise, seeds), -0.24, 0.24)
    likely = easy + luck[:, None] * 4 * easy * (1 - easy)  # within 0 and 1, and on average `easy`
    right = chance.random((seeds, len(easy))) < likely
    return Sampled(tuple(map(float, right.mean(axis=1))), right[0] if seeds == 1 else right.mean(axis=0))


def false_alarms(seeds: Sequence[int], noises: Sequence[float], boards: int, samples: int = SAMPLES) -> float:
    """The share of pairs that are called different, on boards of methods that are equally good."""
    chance, found = default_rng(0), 0
    for _ in range(boards):
        easy = chance.beta(9, 1, samples)
        rows = [
            trained(chance, k, noise, easy) for k, noise in zip(itertools.cycle(seeds), noises, strict=False)
        ]
        found += int(distinct(rows).sum()) // 2
    return found / (boards * math.comb(len(noises), 2))


@pytest.mark.parametrize(
    ("seeds", "noises"),
    [
        ((3,), (0.05,) * 10),
        ((3,), tuple(np.linspace(0, 0.08, 10))),
        ((3,), (0.0,) * 10),
        ((3, 5, 8, 10, 20), (0.08, 0.05, 0.02, 0.01, 0.005) * 2),
        ((3, 20), (0.08, 0.004) * 5),
        ((20, 3), (0.08, 0.004) * 5),
        ((20,), (0.05,) * 10),
    ],
)
def test_of_methods_that_are_equally_good_few_pairs_are_called_different(
    seeds: tuple[int, ...], noises: tuple[float, ...]
) -> None:
    """At a level of 1 % a pair; pairs of one board share their rows, which widens what chance may do."""
    assert false_alarms(seeds, noises, boards=150) < LEVEL * 1.5


def test_with_fewer_guards_the_simulation_sees_the_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the noise of the seeds, as in a test of samples alone, most pairs would be told apart."""
    monkeypatch.setattr(Sampled, "seeds", property(lambda _: (0.0, math.inf)))
    assert false_alarms((3,), (0.05,) * 10, boards=5) > 0.1


def test_weights_of_one_method_that_are_equally_good_are_seldom_told_apart() -> None:
    assert false_alarms((1,), (0.0,) * 10, boards=100) < LEVEL * 1.5


def test_trainings_of_one_method_are_told_apart_as_weights_but_never_as_methods() -> None:
    """As the tutorials' MLP is: at 8 seeds, 9 of 28 pairs differ with p < .05 by McNemar."""
    chance = default_rng(1)
    easy = chance.beta(9, 1, 10_000)
    weights = [trained(chance, 1, 0.03, easy) for _ in range(8)]
    assert distinct(weights).sum() // 2 > 3
    methods = [trained(chance, 4, 0.03, easy) for _ in range(8)]
    assert not distinct(methods).any()


def test_intervals_hold_what_they_promise() -> None:
    """Of 95 % intervals at least 94 in a hundred cover the true mean, few seeds or many, noisy or not."""
    chance = default_rng(2)
    for seeds, noise in ((2, 0.05), (3, 0.0), (3, 0.05), (20, 0.02)):
        covered = 0
        for _ in range(400):
            easy = chance.beta(9, 1, SAMPLES)
            found = interval(trained(chance, seeds, noise, easy), task(test_samples=SAMPLES))
            assert found is not None
            covered += found[0] <= 0.9 <= found[1]
        assert covered / 400 > 0.94


def test_a_pair_and_the_whole_board_are_judged_alike() -> None:
    chance = default_rng(3)
    easy = chance.beta(9, 1, SAMPLES)
    rows = [
        trained(chance, k, 0.02, np.clip(easy - worse, 0, 1))
        for k in (1, 2, 3, 5)
        for worse in (0, 0.01, 0.02, 0.04, 0.2)
    ]
    found = distinct(rows)
    for (i, a), (j, b) in itertools.combinations(enumerate(rows), 2):
        apart = difference(a, b)
        assert found[i, j] == found[j, i] == (apart is not None and apart.real)
        if apart is not None and apart.of == "method":
            assert (apart.p < 0.05) == (not apart.low <= 0 <= apart.high)
    assert 20 < found.sum() < 150


def test_a_board_larger_than_a_block_is_judged_as_a_small_one() -> None:
    chance = default_rng(4)
    easy = chance.beta(9, 1, 50)
    rows = [
        trained(chance, chance.choice([1, 3]), 0.02, np.clip(easy - 0.01 * at, 0, 1)) for at in range(300)
    ]
    found = distinct(rows)
    for i, j in chance.integers(0, 300, (300, 2)):
        apart = difference(rows[i], rows[j])
        assert found[i, j] == (i != j and apart is not None and apart.real)


def test_the_difference_is_the_textbooks() -> None:
    chance = default_rng(5)
    a, b = chance.random((3, 200)), chance.random((5, 200))
    found = difference(Sampled(tuple(a.mean(1)), a.mean(0)), Sampled(tuple(b.mean(1)), b.mean(0)))
    assert found is not None
    apart = a.mean(0) - b.mean(0)
    parts = [
        (np.var(a.mean(1), ddof=1) / 3, 2),
        (np.var(b.mean(1), ddof=1) / 5, 4),
        (np.var(apart, ddof=1) / 200, 199),
    ]
    error = math.sqrt(sum(part for part, _ in parts))
    limit = sum(part * scipy.stats.t.ppf(0.975, df) for part, df in parts) / error**2
    assert found.mean == pytest.approx(a.mean() - b.mean())
    assert (found.low, found.high) == pytest.approx((found.mean - limit * error, found.mean + limit * error))
    assert found.p == pytest.approx(stats.two_sided(abs(found.mean) / error, parts), rel=1e-9)


def test_two_sets_of_weights_are_compared_by_mcnemar_and_their_interval_is_over_the_samples() -> None:
    a, b = (
        sampled([each], each.task, right)[0] for each in (record("a", correct=450), record("b", correct=470))
    )
    found = difference(a, b)
    assert found is not None
    assert a.each is not None
    assert b.each is not None
    only_a, only_b = int((a.each & ~b.each).sum()), int((b.each & ~a.each).sum())
    assert found.p == pytest.approx(scipy.stats.binomtest(only_a, only_a + only_b).pvalue)
    assert found.of == "weights"
    paired = scipy.stats.ttest_rel(a.each.astype(float), b.each.astype(float)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high))


def test_of_a_regression_the_squared_errors_are_compared() -> None:
    chance = default_rng(6)
    error = task(metric="mse", higher_is_better=False, kind="regression", classes=(), test_samples=300)
    targets = chance.normal(size=(300, 1)).astype(np.float32)
    proofs: dict[str, Evidence] = {}
    made = []
    for name, noise in (("good", 0.1), ("poor", 1.0)):
        outputs = targets + noise * chance.normal(size=(300, 1)).astype(np.float32)
        proofs[name] = evidence_of(outputs, targets)
        mse = float(((outputs - targets) ** 2).mean())
        made.append(msgspec.structs.replace(record(name, task=error, metrics={"mse": mse}), correct=None))
    (table,) = standings(made, scores=lambda one: proofs[one.submission.name].squared_error).tables
    assert [(row.name, row.rank, row.interval_of) for row in table.rows] == [
        ("good", 1, "weights"),
        ("poor", 2, "weights"),
    ]
    low, high = table.rows[1].interval or (0, 0)
    squares = ((outputs - targets)[:, 0] ** 2).astype(float)
    expected = scipy.stats.t.interval(0.95, 299, squares.mean(), scipy.stats.sem(squares))
    assert (low, high) == pytest.approx(expected, rel=1e-5)


# ---- what it makes of a board


def rows(*records: Record) -> dict[str, Row]:
    (table,) = ranked(records).tables
    return {row.name: row for row in table.rows}


def seeds(name: str, *correct: int, **changes: Any) -> list[Record]:
    return [record(name, seed=seed, correct=one, **changes) for seed, one in enumerate(correct)]


def test_a_difference_within_the_noise_of_the_seeds_is_a_tie_and_a_clear_one_is_not() -> None:
    made = rows(*seeds("a", 470, 440, 455), *seeds("b", 465, 435, 450), *seeds("c", 300, 302, 301))
    assert [(row.name, row.rank) for row in made.values()] == [("a", 1), ("b", 1), ("c", 3)]


def test_a_row_of_one_seed_claims_nothing_against_rows_of_several() -> None:
    made = rows(*seeds("a", 480, 481, 479), record("lucky", correct=499), *seeds("poor", 100, 101, 102))
    assert {name: row.rank for name, row in made.items()} == {"lucky": 1, "a": 1, "poor": 2}
    last = rows(*seeds("a", 480, 481, 479), *seeds("b", 300, 301, 299), record("unlucky", correct=10))
    assert {name: row.rank for name, row in last.items()} == {"a": 1, "b": 2, "unlucky": 2}


def test_ranks_never_run_against_means_and_junk_changes_none_among_the_others() -> None:
    chance = random.Random(4)
    for _ in range(30):
        made = board(chance.randrange(1, 20), seeds=chance.randrange(1, 4), chance=chance)
        before = rows(*made)
        order = [row.rank for row in before.values() if row.rank]
        assert order == sorted(order)
        assert [row.metrics["accuracy"].mean for row in before.values() if row.rank] == sorted(
            (row.metrics["accuracy"].mean for row in before.values() if row.rank), reverse=True
        )
        junk = [
            failed("zz-junk"),
            record("zz-poor", correct=0),
            *seeds("zz-noisy", 0, 240, 3),
            *seeds("zz", 1, 2),
        ]
        after = rows(*made, *junk)
        assert all(after[name].rank == row.rank for name, row in before.items())


def test_without_evidence_no_difference_is_claimed_and_the_row_says_so() -> None:
    made = [*seeds("a", 490, 491, 489), *seeds("b", 100, 101, 102), record("c", correct=5)]
    (table,) = standings(made).tables
    assert [(row.rank, row.unproven) for row in table.rows] == [(1, 3), (1, 3), (1, 1)]
    assert [row.interval is None for row in table.rows] == [True, True, False]  # Wilson's takes counts alone


def test_evidence_of_another_number_of_samples_proves_nothing() -> None:
    made = seeds("a", 450, 451)
    (table,) = standings(made, scores=lambda _: evidence(400, 400).correct).tables
    assert table.rows[0].unproven == 2


def test_a_metric_that_is_no_mean_over_samples_ranks_all_alike() -> None:
    f1 = task(metric="f1")
    made = [record(name, task=f1, metrics={"f1": value}) for name, value in (("a", 0.9), ("b", 0.1))]
    assert [row.rank for row in rows(*made).values()] == [1, 1]


def test_all_right_every_time_is_no_proof_that_all_ever_will_be() -> None:
    row = rows(*seeds("a", 500, 500, 500))["a"]
    assert row.interval == pytest.approx((0.9923757, 1), abs=1e-6)  # Wilson's of 500 of 500


def test_scores_that_break_the_rules_of_numbers_break_no_board() -> None:
    made = [record("a", metrics={"accuracy": 1e300}), record("b", metrics={"accuracy": -5.0})]
    made += [
        msgspec.structs.replace(record("c"), correct=None),
        *seeds("d", 400, 401, metrics={"accuracy": 1e308}),
    ]
    assert len(rows(*made)) == 4


@pytest.mark.parametrize("values", [(0.5, 1e300), (1e308, -1e308), (1.7e308, 1.7e308), (1.7e308,)])
@pytest.mark.parametrize("metric", ["accuracy", "mse"])
def test_an_absurd_score_claims_nothing_and_breaks_no_board(values: tuple[float, ...], metric: str) -> None:
    """It comes with a pull request: some seed of a row says more than any number that can be squared."""
    kind = task(metric=metric) if metric == "accuracy" else task(metric=metric, kind="regression", classes=())
    made = [
        record("absurd", seed=seed, task=kind, metrics={metric: value}) for seed, value in enumerate(values)
    ]
    found = rows(*made, *(record("b", seed=seed, task=kind, metrics={metric: 0.4}) for seed in range(2)))
    assert (found["absurd"].interval, found["absurd"].unproven, found["absurd"].rank) == (
        None,
        len(values),
        1,
    )
    assert found["b"].interval is not None
