"""digits, breast-cancer and diabetes: what a host gets, and that it gets the same twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import OpenTask

from grader.contract import memory
from grader.contract.budget import Budget
from grader.host.data import PreparedTask
from grader.plugins import TASKS, harness_manager, task_definitions
from grader.tasks.embedded import standardised


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for this module: each task is prepared once."""
    return tmp_path_factory.mktemp("cache")


def train_array(prepared: PreparedTask, index: int) -> np.ndarray:
    info, fd = prepared.train_files()[index]
    return memory.read_array(fd, info.dtype, info.shape)


def test_digits_are_images_that_span_the_byte_range(open_named_task: OpenTask) -> None:
    prepared = open_named_task("digits")
    images, targets = train_array(prepared, 0), train_array(prepared, 1)
    assert images.dtype == np.uint8
    assert images.shape == (prepared.task.train_samples, 1, 8, 8)
    assert targets.dtype == np.int64
    assert len(np.unique(images)) == 17, "the 17 levels of ink must stay distinct"
    assert (images.min(), images.max()) == (0, 255)


def test_digits_hold_the_samples_of_scikit_learn_once_each(open_named_task: OpenTask) -> None:
    from sklearn.datasets import load_digits

    prepared = open_named_task("digits")
    images = np.concatenate([train_array(prepared, 0), prepared.test_inputs]).reshape(-1, 64)
    targets = np.concatenate([train_array(prepared, 1), prepared.test_targets])
    original, labels = load_digits(return_X_y=True)
    ours = sorted(
        [*(np.rint(row / 255 * 16)).astype(int), label] for row, label in zip(images, targets, strict=True)
    )
    theirs = sorted([*row.astype(int), label] for row, label in zip(original, labels, strict=True))
    assert np.array_equal(ours, theirs)


def test_each_class_gives_a_fifth_to_the_test_set(open_named_task: OpenTask) -> None:
    prepared = open_named_task("digits")
    test, train = np.bincount(prepared.test_targets), np.bincount(train_array(prepared, 1))
    assert np.abs(test / (test + train) - 0.2).max() < 0.01


def test_tables_are_standardised_by_the_training_set_alone(open_named_task: OpenTask) -> None:
    prepared = open_named_task("breast-cancer")
    train = train_array(prepared, 0).astype(np.float64)
    assert prepared.test_inputs.dtype == np.float32
    assert np.abs(train.mean(axis=0)).max() < 1e-6
    assert np.abs(train.std(axis=0) - 1).max() < 1e-6
    assert np.abs(prepared.test_inputs.mean(axis=0)).max() > 0.01, "the test set must not be centred itself"
    assert set(np.unique(prepared.test_targets)) == {0, 1}


def test_a_constant_column_becomes_zero_not_nan() -> None:
    table = np.array([[1.0, 5.0], [3.0, 5.0], [9.0, 5.0]])
    assert standardised(table, np.array([0, 1])).tolist() == [[-1, 0], [1, 0], [7, 0]]


def test_diabetes_tells_the_moments_of_its_training_targets(open_named_task: OpenTask) -> None:
    prepared = open_named_task("diabetes")
    targets = train_array(prepared, 1)
    assert targets.dtype == np.float32
    assert targets.shape == (prepared.task.train_samples, 1)
    assert prepared.task.target_mean == pytest.approx(targets.mean(dtype=np.float64))
    assert prepared.task.target_std == pytest.approx(targets.std(dtype=np.float64))
    assert (prepared.task.metric, prepared.task.higher_is_better) == ("mse", False)


def test_default_budgets_are_counted_so_that_results_repeat() -> None:
    for definition in task_definitions(harness_manager((), TASKS), {}).values():
        assert Budget.parse(definition.task.budget).seconds is None


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("digits", "4a6c47bc04b3deeeffc272ff419d4dcfc3b09306b3139996bdff852ebd5e5aa8"),
        ("breast-cancer", "afb796dee86976d24d7cec6c78daf883bda404aac801752096c16145c2a2221d"),
        ("diabetes", "fa3b46887bcb6aed002487ce2f5bebaf27fd94c376e7da998f9bf28ff647af2f"),
    ],
)
def test_the_data_is_the_same_on_every_machine(open_named_task: OpenTask, name: str, digest: str) -> None:
    """Another digest here means that records made so far are of another track."""
    assert open_named_task(name).task.digest == digest


def test_the_probe_is_the_start_of_the_training_inputs(open_named_task: OpenTask) -> None:
    prepared = open_named_task("digits")
    assert np.array_equal(prepared.probe_inputs, train_array(prepared, 0)[:32])
    assert not prepared.probe_inputs.flags.writeable
    assert not prepared.test_inputs.flags.writeable
    assert not prepared.test_targets.flags.writeable
