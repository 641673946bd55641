"""The formulas behind intervals and ranks, held against scipy's."""

from __future__ import annotations

import math

import pytest
import scipy.stats

from grader.host.stats import critical, mcnemar, mcnemar_limit, t_quantile, t_two_sided, two_sided, wilson

FREEDOM = (1, 1.5, 2, 3.7, 5, 10, 29.3, 99.9, 100, 999.9, 9999, 1e6)


@pytest.mark.parametrize("df", FREEDOM)
def test_students_t_is_scipys(df: float) -> None:
    for t in (1e-3, 0.1, 0.5, 1, 2, 2.576, 3, 5, 10, 50, 1e3):
        expected = 2 * scipy.stats.t.sf(t, df)
        if expected > 1e-280:
            assert t_two_sided(t, df) == pytest.approx(expected, rel=1e-10)
    for p in (0.6, 0.9, 0.975, 0.995, 0.9995, 1 - 1e-9):
        assert t_quantile(p, df) == pytest.approx(scipy.stats.t.ppf(p, df), rel=1e-7 if p > 0.9999 else 1e-11)


def test_of_infinite_freedom_students_t_is_the_normal_distribution() -> None:
    assert t_quantile(0.995, math.inf) == pytest.approx(scipy.stats.norm.ppf(0.995), rel=1e-14)
    assert t_two_sided(math.inf, 3) == 0
    assert t_two_sided(0, 3) == 1


@pytest.mark.parametrize("n", [*range(61), 100, 999, 1000, 5000, 10_000])
def test_mcnemars_exact_p_is_scipys_binomial_test(n: int) -> None:
    for k in {0, 1, 2, n // 10, n // 4, n // 3, int(0.45 * n), int(0.49 * n), n // 2 - 1, n // 2}:
        if 0 <= k <= n:
            expected = scipy.stats.binomtest(k, n).pvalue if n else 1.0
            if expected > 1e-290:
                assert mcnemar(k, n - k) == pytest.approx(expected, rel=1e-10)
            assert mcnemar(n - k, k) == mcnemar(k, n - k)


@pytest.mark.parametrize("level", [0.05, 0.01, 1e-6])
def test_mcnemars_limit_is_the_last_count_below_the_level(level: float) -> None:
    for n in (*range(200), 999, 1000, 3000):
        limit = mcnemar_limit(n, level)
        assert limit == -1 or mcnemar(limit, n - limit) < level
        assert mcnemar(limit + 1, n - limit - 1) >= level


def test_wilson_is_scipys() -> None:
    for samples in (1, 2, 10, 999, 10_000):
        for correct in range(0, samples + 1, max(1, samples // 7)):
            interval = wilson(correct, samples)
            assert interval is not None
            test = scipy.stats.binomtest(correct, samples)
            expected = test.proportion_ci(confidence_level=0.95, method="wilson")
            assert interval == pytest.approx((expected.low, expected.high), abs=1e-12)
            assert 0 <= interval[0] <= correct / samples <= interval[1] <= 1
    for correct, samples in ((1, 0), (0, 0), (-1, 5), (6, 5)):
        assert wilson(correct, samples) is None


def test_a_sum_of_variances_has_the_weighted_mean_of_their_limits() -> None:
    parts = [(0.2, 2.0), (0.1, 4.0), (0.7, 9999.0)]
    limits = [scipy.stats.t.ppf(0.995, df) for _, df in parts]
    expected = 0.2 * limits[0] + 0.1 * limits[1] + 0.7 * limits[2]
    assert critical(parts, 0.995) == pytest.approx(expected, rel=1e-12)
    assert critical([(3.0, 7.0), (0.0, 1.0)], 0.995) == t_quantile(0.995, 7)
    assert critical([(0.0, 1.0)], 0.975) == t_quantile(0.975, math.inf)


def test_its_p_is_where_that_limit_is_met() -> None:
    parts = [(0.2, 2.0), (0.1, 4.0), (0.7, 9999.0)]
    for p in (0.9, 0.05, 0.01, 1e-4, 1e-8):
        assert two_sided(critical(parts, 1 - p / 2), parts) == pytest.approx(p, rel=1e-6)
    assert two_sided(0, parts) == pytest.approx(1)
    assert two_sided(1e9, parts) < 1e-11
    alone = [(2.0, 5.0)]
    assert two_sided(2.5, alone) == pytest.approx(2 * scipy.stats.t.sf(2.5, 5), rel=1e-9)
