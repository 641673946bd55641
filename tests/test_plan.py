"""Planning: what is done already, what is chosen, in which order, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import factories
import msgspec
import pytest
from factories import trial

from grader.contract.errors import NothingCollected
from grader.contract.isolation import Isolation
from grader.contract.record import Record, Timing
from grader.contract.status import Status
from grader.contract.trial import Device, Limits, Trial
from grader.host import plan
from grader.host.config import Config
from grader.host.history import History, makespan
from grader.host.preview import duration, preview
from grader.host.store import Store, reuse_key
from grader.host.track import reuse_key_of

CONFIG = Config(root=Path("/"))


def took(seconds: float, name: str = "mlp", **changes: Any) -> Record:
    return factories.record(name, timing=Timing(train_seconds=seconds), **changes)


class TestReuse:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        store = Store(tmp_path)
        store.write(factories.record(), factories.evidence())
        return store

    def test_a_trial_has_the_key_of_its_record(self) -> None:
        assert reuse_key_of(trial(), "2.9.0") == reuse_key(factories.record())
        timed = trial(budget="10s")
        assert reuse_key_of(timed, "2.9.0") == reuse_key(factories.record(budget="10s"))

    def test_what_is_done_is_found(self, store: Store) -> None:
        assert (
            plan.steps([trial()], store, "2.9.0", store.read_files()[0], rerun=False)[0].done
            == factories.record()
        )

    @pytest.mark.parametrize(
        "other",
        [
            trial(seed=1),
            trial(digest="e" * 64),
            trial(budget="4 epochs"),
            trial(isolation=Isolation.STRICT),
            trial(device=Device(kind="cuda", index=0, name="A GPU")),
            trial("mlp2"),
            trial(deterministic=True),
            trial(limits=Limits(parameters=4809)),
            trial(submission=msgspec.structs.replace(trial().submission, problem="too large")),
        ],
        ids=[
            "seed", "files", "budget", "isolation", "device", "name", "deterministic", "parameters",
            "problem",
        ],
    )  # fmt: skip
    def test_what_would_come_out_otherwise_is_run(self, store: Store, other: Trial) -> None:
        assert plan.steps([other], store, "2.9.0", store.read_files()[0], rerun=False)[0].done is None

    def test_another_torch_is_another_run(self, store: Store) -> None:
        assert plan.steps([trial()], store, "3.0.0", store.read_files()[0], rerun=False)[0].done is None

    def test_threads_and_processor_matter_under_seconds_alone(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        for budget in ("3 epochs", "10s"):
            store.write(factories.record(budget=budget), factories.evidence())
        timed = trial(budget="10s")
        two = [msgspec.structs.replace(each, threads=2) for each in (trial(), timed)]
        done = [
            step.done
            for step in plan.steps([*two, timed], store, "2.9.0", store.read_files()[0], rerun=False)
        ]
        assert [each is not None for each in done] == [True, False, True]

    def test_rerun_takes_nothing(self, store: Store) -> None:
        assert plan.steps([trial()], store, "2.9.0", store.read_files()[0], rerun=True)[0].done is None

    @pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
    def test_failures_are_tried_again(self, tmp_path: Path, status: Status) -> None:
        store = Store(tmp_path)
        store.write(factories.failed("mlp", status=status))
        assert plan.steps([trial()], store, "2.9.0", store.read_files()[0], rerun=False)[0].done is None

    def test_a_damaged_record_is_none(self, store: Store) -> None:
        path = store.path(factories.record())
        path.write_bytes(path.read_bytes()[:100])
        assert plan.steps([trial()], store, "2.9.0", store.read_files()[0], rerun=False)[0].done is None

    def test_a_record_under_another_s_name_is_none(self, store: Store) -> None:
        store.path(factories.record()).rename(store.path(factories.record(seed=1)))
        assert plan.steps([trial(seed=1)], store, "2.9.0", store.read_files()[0], rerun=False)[0].done is None

    def test_a_model_s_size_is_unknown_where_it_was_never_told(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        made = msgspec.structs.replace(factories.record(), model=None)
        store.write(made, factories.evidence())
        again = plan.steps(
            [trial(limits=Limits(parameters=1))], store, "2.9.0", store.read_files()[0], rerun=False
        )
        assert again[0].done is not None


def ordered(
    trials: Iterable[Trial], history: History, slots: int = 2, *, failed_first: bool = False
) -> list[str]:
    placed = plan.in_order(list(trials), history, slots, failed_first=failed_first)
    return [each.submission.name for each in placed]


class TestOrder:
    HISTORY = History([took(1, "fast"), took(9, "slow"), took(3, "fair"), factories.failed("bad")])

    def test_the_longest_first(self) -> None:
        trials = [trial(name) for name in ("fast", "slow", "fair")]
        assert ordered(trials, self.HISTORY) == ["slow", "fair", "fast"]

    def test_what_nobody_knows_is_as_long_as_the_others(self) -> None:
        trials = [trial(name) for name in ("fast", "new", "slow")]
        assert ordered(trials, self.HISTORY) == ["slow", "new", "fast"]

    def test_without_any_history_as_they_were_asked_for(self) -> None:
        assert ordered([trial(name) for name in "bca"], History([])) == ["b", "c", "a"]

    def test_in_one_slot_nothing_is_won_by_another_order(self) -> None:
        trials = [trial(name) for name in ("fast", "slow", "bad")]
        assert ordered(trials, self.HISTORY, slots=1) == ["fast", "slow", "bad"]
        assert ordered(trials, self.HISTORY, slots=1, failed_first=True) == ["bad", "fast", "slow"]

    def test_failed_first_puts_them_before_longer_ones(self) -> None:
        trials = [trial(name) for name in ("slow", "bad", "fast")]
        assert ordered(trials, self.HISTORY, failed_first=True)[0] == "bad"


class TestChoice:
    def test_last_failed_leaves_what_failed(self) -> None:
        history = History([factories.record("good"), factories.failed("bad")])
        left = plan.chosen([trial("good"), trial("bad"), trial("new")], "", history)
        assert [each.submission.name for each in left] == ["bad"]

    def test_the_latest_outcome_counts_whatever_the_files_were(self) -> None:
        was = factories.failed("mlp", digest="0" * 64, finished="2025-01-01T00:00:00Z")
        both = [trial("mlp"), trial("bad")]
        history = History([was, factories.record("mlp"), factories.failed("bad")])
        assert plan.chosen(both, "", history) == both[1:]

    def test_where_nothing_failed_all_are_left(self) -> None:
        assert len(plan.chosen([trial("a"), trial("b")], "", History([]))) == 2

    def test_a_keyword_that_leaves_none_is_said(self) -> None:
        with pytest.raises(NothingCollected, match=r"-k 'nobody' deselects all 1 trials"):
            plan.chosen([trial()], "nobody", None)


class TestEstimates:
    def test_one_s_own_time_before_the_others(self) -> None:
        history = History([took(5, seed=1), took(7, seed=2), took(100, "other")])
        assert history.estimate(trial()) == 6

    def test_a_budget_in_seconds_is_an_estimate(self) -> None:
        assert History([]).estimate(trial(budget="20s")) == pytest.approx(20, abs=1)

    def test_nothing_like_it_was_run(self) -> None:
        assert History([took(5, budget="4 epochs")]).estimate(trial()) is None

    def test_failures_tell_nothing_of_the_time(self) -> None:
        assert History([factories.failed("mlp")]).estimate(trial()) is None

    @pytest.mark.parametrize(
        ("seconds", "slots", "wanted"), [([3, 2, 2], 2, 4), ([1] * 5, 2, 3), ([5], 4, 5), ([2, 2], 1, 4)]
    )
    def test_slots_are_filled_in_turn(self, seconds: list[float], slots: int, wanted: float) -> None:
        assert makespan(seconds, slots) == wanted

    def test_a_class_of_500_takes_seven_hours(self) -> None:
        timed = "20s"
        seeds = [
            [trial(f"s{n}", seed=seed, digest="0", budget=timed) for seed in range(5)] for n in range(500)
        ]
        steps = [plan.Step(each) for some in seeds for each in some]
        *lines, total = preview(steps, History([]), CONFIG, 2)
        assert len(lines) == 500
        assert lines[0] == "submissions/s0.py::digits[seed=0,1,2,3,4]: new, about 2 min"
        assert total == "2,500 trials: 0 reused, 2,500 to run in 2 slots, about 6 h 59 min"

    def test_each_is_told_why_it_runs(self) -> None:
        history = History([factories.failed("bad"), took(2, "old", digest="0" * 64), took(2, "same")])
        steps = [plan.Step(trial(name)) for name in ("bad", "old", "same", "new")]
        steps.append(plan.Step(trial("done"), factories.record("done")))
        said = list(preview(steps, history, CONFIG, 1))
        assert [line.partition("]: ")[2] for line in said[:5]] == [
            "failed: crashed, about 2.0 s", "changed, about 2.0 s", "other conditions, about 2.0 s",
            "new, about 2.0 s", "done, its record is reused",
        ]  # fmt: skip
        assert said[5] == "5 trials: 1 reused, 4 to run in 1 slot, about 8.0 s"

    def test_what_nobody_knows_has_a_limit(self) -> None:
        total = list(preview([plan.Step(trial())], History([]), CONFIG, 1))[-1]
        assert total.endswith("; of 1 nobody knows how long they take: at most 60 min of training each")

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "0.0 s"),
            (9.94, "9.9 s"),
            (9.96, "10 s"),
            (99.4, "99 s"),
            (120, "2 min"),
            (25050, "6 h 58 min"),
        ],
    )
    def test_times_in_words(self, seconds: float, words: str) -> None:
        assert duration(seconds) == words
