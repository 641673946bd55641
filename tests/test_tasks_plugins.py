"""How tasks are registered: in order, light, and each name once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grader.contract.errors import UsageError
from grader.plugins import TASKS, harness_manager, task_definitions

BUILTIN = ["digits", "breast-cancer", "diabetes", "fashion-mnist", "mnist", "kmnist", "cifar10"]

PLUGIN = """
from grader import Task, hookimpl
from grader.contract.task import TaskDefinition

@hookimpl
def grader_register_tasks():
    task = Task(name={name!r}, title="T", kind="regression", input_shape=(1,), input_dtype="float32",
                metric="mse", budget="1 epoch")
    return [TaskDefinition(task=task, fingerprint=str, prepare=print)] * {times}
"""


def test_the_built_in_tasks_come_in_their_order() -> None:
    assert list(task_definitions(harness_manager((), TASKS), {})) == BUILTIN


@pytest.mark.parametrize("table", [{}, {"show_test_samples": False}, {"show_test_samples": True}])
def test_test_samples_of_public_data_may_be_shown_and_of_ones_own_only_when_told(
    table: dict[str, bool],
) -> None:
    own = {"family": "image-csv", "labels": "l.csv", "images": "i", "test_fraction": 0.5, **table}
    known = task_definitions(harness_manager((), TASKS), {"shirts": own})
    wanted = dict.fromkeys(BUILTIN, True) | {"shirts": table.get("show_test_samples", False)}
    assert {name: each.task.show_test_samples for name, each in known.items()} == wanted


def test_registering_imports_nothing_heavy() -> None:
    code = (
        "import sys; from grader.plugins import *; task_definitions(harness_manager((), TASKS), {}); "
        "import grader.host.data; "
        "heavy = {'torch', 'torchvision', 'sklearn', 'numpy', 'PIL', 'filelock'}; "
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("name", "times", "problem"),
    [
        ("digits", 1, "task 'digits' is registered twice, by grader.tasks.embedded and more_tasks; rename"),
        ("own", 2, "task 'own' is registered twice, by more_tasks; rename"),
        ("../own", 1, "task '../own' of more_tasks: use letters, digits"),
    ],
)
def test_a_name_twice_or_unusable_names_the_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, times: int, problem: str
) -> None:
    (tmp_path / "more_tasks.py").write_text(PLUGIN.format(name=name, times=times))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "more_tasks", raising=False)
    with pytest.raises(UsageError) as caught:
        task_definitions(harness_manager(["more_tasks"], TASKS), {})
    assert str(caught.value).startswith(problem)


def test_a_table_of_an_unknown_family_is_named() -> None:
    with pytest.raises(
        UsageError, match=r"\[tool.grader.tasks.shirts\]: no plugin knows the family 'image-cvs'"
    ):
        task_definitions(harness_manager((), TASKS), {"shirts": {"family": "image-cvs"}})
