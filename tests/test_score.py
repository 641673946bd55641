"""Scoring: the metrics against other people's, the order of the test set, and what outputs give away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pluggy
import pytest

from grader import hookimpl, hookspecs
from grader.contract.budget import Budget
from grader.contract.events import Done, Ready
from grader.contract.record import Layer, ModelInfo, Record
from grader.contract.status import Phase, Status
from grader.contract.submission import Submission
from grader.contract.task import Task
from grader.contract.trial import Device, Trial
from grader.host import environment
from grader.host.score import chance, metrics_of, predicted, record_of
from grader.host.supervise import Attempt, order_key, ordered
from grader.tasks.embedded import BREAST_CANCER, DIABETES, DIGITS

Floats = npt.NDArray[np.float32]


def outputs(samples: int, width: int, scale: float = 3.0, seed: int = 0) -> Floats:
    """Outputs as a model may give them."""
    return (np.random.default_rng(seed).standard_normal((samples, width)) * scale).astype(np.float32)


def labels(samples: int, classes: int, seed: int = 1) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, classes, samples)


def attempt(task: Task = DIGITS, **changes: Any) -> Attempt:
    """An attempt that came through all phases; `changes` are fields of Attempt or of its trial."""
    submission = Submission(
        name="mine", path="mine.py", display="mine.py", entry="mine.py", package=False,
        files=("mine.py",), digest=changes.pop("digest", "ab" * 32),
    )  # fmt: skip
    trial = Trial(
        submission=submission, task=task, budget=Budget.parse("3 steps"), seed=changes.pop("seed", 0),
        device=Device(kind="cpu", name="a processor"), threads=1,
    )  # fmt: skip
    model = ModelInfo(parameters=10, trainable=10, structure="Linear")
    base = {"ready": Ready(model=model), "done": Done(steps=3, optimizer_steps=3)}
    return Attempt(trial, **{**base, **changes})


def manager(*plugins: object) -> pluggy.PluginManager:
    made = pluggy.PluginManager("grader")
    made.add_hookspecs(hookspecs.HarnessHooks)
    for plugin in plugins:
        made.register(plugin)
    return made


def scored(attempt: Attempt, targets: npt.NDArray[np.generic], *plugins: object) -> Record:
    return record_of(attempt, targets, manager(*plugins).hook, environment.current())


class TestMetricsAgainstOracles:
    """The host has no torch and no scikit-learn; the tests have both."""

    @pytest.mark.parametrize("scale", [0.1, 3.0, 100.0])
    @pytest.mark.parametrize("classes", [2, 3, 10, 100])
    def test_multiclass(self, classes: int, scale: float) -> None:
        import torch
        from sklearn.metrics import accuracy_score, log_loss
        from torchmetrics.functional.classification import multiclass_accuracy

        task = msgspec.structs.replace(DIGITS, classes=tuple(map(str, range(classes))))
        logits, targets = outputs(500, classes, scale), labels(500, classes)
        mine = metrics_of(task, logits, targets)
        tensor, truth = torch.from_numpy(logits), torch.from_numpy(targets)
        assert mine["accuracy"] == accuracy_score(targets, predicted(task, logits))
        theirs = multiclass_accuracy(tensor, truth, classes, average="micro")
        assert mine["accuracy"] == pytest.approx(theirs.item())
        loss = torch.nn.functional.cross_entropy(tensor.double(), truth).item()
        assert mine["loss"] == pytest.approx(loss, rel=1e-12)
        if scale < 100:  # scikit-learn clips what is nearer to 0 than it can tell from it
            softmax = torch.softmax(tensor.double(), 1).numpy()
            assert mine["loss"] == pytest.approx(log_loss(targets, softmax, labels=range(classes)), rel=1e-6)

    @pytest.mark.parametrize("scale", [0.1, 3.0, 300.0])
    def test_binary(self, scale: float) -> None:
        import torch
        from sklearn.metrics import accuracy_score
        from torchmetrics.functional.classification import binary_accuracy

        logits, targets = outputs(500, 1, scale), labels(500, 2)
        mine = metrics_of(BREAST_CANCER, logits, targets)
        tensor, truth = torch.from_numpy(logits[:, 0]), torch.from_numpy(targets)
        assert mine["accuracy"] == accuracy_score(targets, predicted(BREAST_CANCER, logits))
        assert mine["accuracy"] == pytest.approx(binary_accuracy(tensor.sigmoid(), truth).item())
        loss = torch.nn.functional.binary_cross_entropy_with_logits(tensor.double(), truth.double()).item()
        assert mine["loss"] == pytest.approx(loss, rel=1e-12)

    @pytest.mark.parametrize("offset", [0.0, 150.0, 1e6])
    def test_regression(self, offset: float) -> None:
        import torch
        from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
        from torchmetrics.functional import r2_score as torch_r2

        truth = outputs(500, 1, 50, seed=3).astype(np.float32) + np.float32(offset)
        guess = (truth + outputs(500, 1, 20)).astype(np.float32)
        mine = metrics_of(DIABETES, guess, truth)
        a, b = truth.astype(np.float64), guess.astype(np.float64)
        assert mine["mse"] == mine["loss"] == pytest.approx(mean_squared_error(a, b), rel=1e-12)
        assert mine["mae"] == pytest.approx(mean_absolute_error(a, b), rel=1e-12)
        assert mine["r2"] == pytest.approx(r2_score(a, b), rel=1e-9)
        theirs = torch_r2(torch.from_numpy(b[:, 0]), torch.from_numpy(a[:, 0]))
        assert mine["r2"] == pytest.approx(theirs.item(), rel=1e-9)

    @pytest.mark.parametrize(("guess", "r2"), [([5.0, 5.0], 1.0), ([5.0, 6.0], 0.0)])
    def test_r2_of_targets_that_are_all_the_same_is_what_scikit_learn_says(
        self, guess: list[float], r2: float
    ) -> None:
        from sklearn.metrics import r2_score

        truth, column = np.full((2, 1), 5, np.float32), np.array(guess, np.float32).reshape(-1, 1)
        assert metrics_of(DIABETES, column, truth)["r2"] == r2 == r2_score(truth, column)

    def test_a_regression_does_not_broadcast(self) -> None:
        """(N, 1) against (N,) would give N by N errors, and a plausible number."""
        truth = outputs(50, 1)
        assert metrics_of(DIABETES, truth, truth)["mse"] == 0
        assert metrics_of(DIABETES, truth, truth.reshape(-1))["mse"] == 0

    def test_the_largest_finite_logits_give_finite_losses(self) -> None:
        worst = np.zeros((2, 10), np.float32)
        worst[:, 0], worst[:, 1] = np.finfo(np.float32).max, np.finfo(np.float32).min
        assert np.isfinite(metrics_of(DIGITS, worst, np.array([1, 0]))["loss"])
        assert np.isfinite(metrics_of(BREAST_CANCER, worst[:, :1], np.array([0, 0]))["loss"])
        assert all(map(np.isfinite, metrics_of(DIABETES, worst[:, :1], worst[:, 1:2]).values()))

    def test_a_logit_of_zero_is_no_yes(self) -> None:
        """torch.round(sigmoid(0)) is 0 as well: half rounds to even."""
        assert predicted(BREAST_CANCER, np.zeros((1, 1), np.float32)) == [0]

    def test_chance_is_the_commonest_class(self) -> None:
        assert chance(DIGITS, np.array([0, 1, 1, 1])) == 0.75
        assert chance(DIABETES, np.ones((4, 1), np.float32)) == 0


class TestSecretOrder:
    SECRET = b"s" * 32

    def order(self, secret: bytes = SECRET, samples: int = 1000, **changes: Any) -> list[int]:
        return [int(place) for place in ordered(order_key(secret, attempt(**changes).trial), samples)]

    def test_is_a_permutation_and_not_the_order_of_the_file(self) -> None:
        assert sorted(self.order()) == list(range(1000))
        assert self.order() != list(range(1000))

    def test_is_the_same_again_for_the_same_code_and_seed(self) -> None:
        assert self.order() == self.order()

    @pytest.mark.parametrize(
        "changes",
        [
            {"digest": "cd" * 32},
            {"seed": 1},
            {"secret": b"t" * 32},
            {"task": msgspec.structs.replace(DIGITS, digest="ef" * 32)},
        ],
        ids=["code", "seed", "host", "data"],
    )
    def test_is_another_one_for_another(self, changes: dict[str, Any]) -> None:
        assert self.order(**changes) != self.order()


class TestRecord:
    def test_a_good_attempt_counts_what_is_right(self) -> None:
        logits, targets = outputs(200, 10), labels(200, 10)
        record = scored(attempt(logits=logits), targets)
        right = int((logits.argmax(1) == targets).sum())
        assert record.status is Status.OK
        assert record.correct == right
        assert record.metrics["accuracy"] == right / 200
        assert record.notes == ()

    def test_a_regression_has_no_count_of_right_ones(self) -> None:
        truth = outputs(50, 1)
        record = scored(attempt(DIABETES, logits=truth), truth)
        assert record.correct is None
        assert record.metrics["r2"] == 1

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("task", [DIGITS, BREAST_CANCER, DIABETES], ids=lambda task: str(task.name))
    def test_a_prediction_that_is_no_number_means_diverged(self, task: Task, bad: float) -> None:
        """One is enough: argmax would take a row of NaN for class 0."""
        logits = outputs(200, task.outputs)
        logits[7, -1] = bad
        targets = outputs(200, 1) if task is DIABETES else labels(200, 2)
        record = scored(attempt(task, logits=logits), targets)
        assert (record.status, record.phase) == (Status.DIVERGED, Phase.SCORE)
        assert record.reason.startswith("1 of 200 predictions are NaN or infinite")
        assert record.metrics == {}
        assert record.correct is None

    def test_an_attempt_without_outputs_keeps_its_own_status(self) -> None:
        record = scored(attempt(status=Status.TIMEOUT, phase=Phase.TRAIN, reason="too slow"), labels(20, 10))
        assert (record.status, record.reason, record.metrics) == (Status.TIMEOUT, "too slow", {})
        assert record.timing.score_seconds is None

    def test_plugins_add_metrics_and_none_that_is_not_finite(self) -> None:
        class Plugin:
            @hookimpl
            def grader_metrics(self, logits: Floats, targets: npt.NDArray[np.int64]) -> dict[str, float]:
                top3 = (np.argsort(-logits)[:, :3] == targets[:, None]).any(1).mean()
                return {"top3": top3, "broken": float("nan")}

        record = scored(attempt(logits=outputs(200, 10)), labels(200, 10), Plugin())
        assert 0 < record.metrics["top3"] <= 1
        assert "broken" not in record.metrics
        assert record.notes == ("its broken is nan, and left out",)
        assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record


class TestNotes:
    @pytest.mark.parametrize("task", [DIGITS, BREAST_CANCER], ids=lambda task: str(task.name))
    def test_outputs_that_lie_in_0_to_1_look_like_probabilities(self, task: Task) -> None:
        soft = 1 / (1 + np.exp(-outputs(200, task.outputs)))
        (note,) = scored(attempt(task, logits=soft), labels(200, 2)).notes
        assert "look like probabilities: return logits" in note

    def test_logits_do_not(self) -> None:
        almost = 1 / (1 + np.exp(-outputs(200, 10)))
        almost[0, 0] = -0.01
        assert scored(attempt(logits=almost), labels(200, 10)).notes == ()

    def test_a_regression_s_outputs_may_lie_there(self) -> None:
        truth = np.linspace(0, 1, 50, dtype=np.float32).reshape(-1, 1)
        assert scored(attempt(DIABETES, logits=truth), truth).notes == ()

    def test_optimiser_steps_that_nobody_metered_are_named(self) -> None:
        record = scored(
            attempt(logits=outputs(200, 10), done=Done(steps=3, optimizer_steps=300)), labels(200, 10)
        )
        (note,) = record.notes
        assert note.startswith("unmetered: 300 optimiser steps on 3 metered batches; call budget.step(")

    @pytest.mark.parametrize(
        ("task", "right", "marked"),
        [
            (DIGITS, 0.10, False),
            (DIGITS, 0.45, False),
            (DIGITS, 0.70, True),
            (BREAST_CANCER, 0.80, False),  # a random direction in a table can be that good
            (BREAST_CANCER, 1.00, True),
        ],
    )
    def test_an_untrained_model_far_above_chance_is_marked(
        self, task: Task, right: float, *, marked: bool
    ) -> None:
        logits, targets = outputs(400, task.outputs), labels(400, max(2, task.outputs))
        sample = np.random.default_rng(5).permutation(400)[:256]
        untrained = knowing(task, targets[sample], right)
        record = scored(attempt(task, logits=logits, sample=sample, sample_logits=untrained), targets)
        assert any("brought its knowledge along" in note for note in record.notes) == marked

    def test_an_untrained_regression_that_explains_the_targets_is_marked(self) -> None:
        truth = outputs(400, 1)
        known: dict[str, Any] = {"sample": np.arange(256), "sample_logits": truth[:256] * 0.8}
        (note,) = scored(attempt(DIABETES, logits=truth, **known), truth).notes
        assert note.startswith("untrained, it already has r2 0.960 on 256 test samples")

    def test_an_untrained_model_that_gives_nan_is_no_concern(self) -> None:
        known: dict[str, Any] = {
            "sample": np.arange(256),
            "sample_logits": np.full((256, 10), np.nan, np.float32),
        }
        assert scored(attempt(logits=outputs(400, 10), **known), labels(400, 10)).notes == ()


def knowing(task: Task, targets: npt.NDArray[np.int64], right: float) -> Floats:
    """Outputs that are right for this share of the targets, and wrong for the rest."""
    says = targets.copy()
    wrong = round(len(targets) * (1 - right))
    says[:wrong] = (says[:wrong] + 1) % max(2, task.outputs)
    if task.outputs == 1:
        return np.where(says == 1, 2.0, -2.0).astype(np.float32).reshape(-1, 1)
    return (5 * np.eye(task.outputs)[says] - 1).astype(np.float32)


ECHO = """
import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Linear(1, 1)


@hookimpl
def train(model):
    pass


@hookimpl
def predict(model, inputs):
    return inputs[:, :1] * 7 + 150 + 0 * model.weight.detach().sum()
"""


def test_predictions_come_back_in_the_test_sets_own_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Path
) -> None:
    """A submission that says back what it was shown is held against the inputs as the host has them."""
    import grader
    from grader.host.data import cache_root, data_places, open_task
    from grader.host.evidence import read_evidence
    from grader.host.settings import make_config
    from grader.host.store import Store
    from grader.plugins import TASKS, harness_manager, task_definitions

    monkeypatch.setenv("GRADER_CACHE", str(places / "cache"))
    monkeypatch.setenv("GRADER_STATE", str(places / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "echo.py").write_text(ECHO)
    (record,) = grader.run("echo.py", task="diabetes", leaderboard=tmp_path / "board")
    assert record.status is Status.OK, record.reason
    evidence = read_evidence(Store(tmp_path / "board").path(record).with_suffix(".npz"), record)
    definition = task_definitions(harness_manager((), TASKS), {})["diabetes"]
    with open_task(definition, data_places(make_config()), cache_root()) as task:
        shown = task.test_inputs.astype(np.float32)[:, 0] * np.float32(7) + np.float32(150)
        assert np.array_equal(evidence.predictions, shown)
        assert evidence.squared_error is not None
        truth = task.test_targets.astype(np.float64).reshape(-1)
        assert np.allclose(evidence.squared_error, (shown - truth) ** 2)


def test_what_a_forged_event_tells_is_bounded_and_on_one_line_in_the_record() -> None:
    """A worker's own events keep to less; its channel lets a forged one have a quarter of a megabyte."""
    text = "\x1b[31m\n" * 20_000
    layer = Layer(name=text, kind=text, shape=(1,) * 1000, parameters=1)
    model = ModelInfo(parameters=1, trainable=1, structure=text, layers=(layer,) * 2000)
    made = attempt(
        status=Status.CRASHED, reason=text, detail=text, notes=[text] * 1000,
        ready=Ready(model=model),
    )  # fmt: skip
    record = scored(made, labels(10, 10))
    assert len(msgspec.json.encode(record)) < 300_000
    for line in (record.reason, *record.notes):
        assert line.isprintable()
        assert len(line) <= 800
    assert record.notes[-1] == "and 980 more notes"
    assert record.model is not None
    assert len(record.model.layers) == 500
    assert record.model.layers[0].name.isprintable()
