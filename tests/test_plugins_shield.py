"""Somebody else's plugin that fails is named in a line and switched off; whatever else there is goes on."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from factories import trial
from sessions import GOOD, command, write

import grader
from grader import hookimpl
from grader.contract.errors import TaskUnavailable, UsageError
from grader.contract.task import DataPlaces, TaskDefinition
from grader.contract.trial import Trial
from grader.hookspecs import HarnessHooks
from grader.host.cli import make_cli
from grader.host.collect import submission_of
from grader.host.provided import absent, provided, text
from grader.host.scheduler import Scheduler
from grader.host.score import metrics_of
from grader.plugins import guests, harness_manager, without
from grader.returned import OWN_METRICS
from grader.shield import ShieldedManager
from grader.tasks.embedded import BREAST_CANCER, DIABETES, DIGITS
from grader.tasks.entry import entry_name

_NUMBERS = count()


class Loaded:
    """A manager of the built-ins with one more module, named as with -p, and what it told."""

    def __init__(self, folder: Path, source: str, builtins: Sequence[str] = ()) -> None:
        self.name = f"theirs{next(_NUMBERS)}"
        lines = ["from pathlib import Path", "from grader import *", "from grader import hookimpl", ""]
        (folder / f"{self.name}.py").write_text("\n".join(lines) + textwrap.dedent(source))
        self.told: list[str] = []
        self.manager = harness_manager([self.name], builtins, tell=self.told.append)
        self.hook = self.manager.hook

    @property
    def why(self) -> str:
        """The one line that was told, without what all of them have."""
        (line,) = self.told
        start, end = f"plugin {self.name} is switched off: ", f"; leave it out with -p no:{self.name}"
        assert line.startswith(start)
        assert line.endswith(end)
        assert self.name not in guests(self.manager)
        return line.removeprefix(start).removesuffix(end).replace(f"{self.name}.py", "FILE")


Load = Callable[..., Loaded]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.syspath_prepend(tmp_path)

    def load(source: str, builtins: Sequence[str] = ()) -> Loaded:
        return Loaded(tmp_path, source, builtins)

    return load


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "def grader_metric(task): return {}",
            "there is no hook grader_metric; did you mean grader_metrics?",
        ),
        (
            "def grader_columns(tasks): return []",
            "grader_columns asks for tasks, which is not on offer; did you mean task?; on offer: task",
        ),
        (
            "def grader_columns(task=None): return []",
            "grader_columns is given its arguments by name: write task plainly, without a default",
        ),
        (
            "def grader_columns(**rest): return []",
            "grader_columns is given its arguments by name: write rest plainly, without a default",
        ),
        (
            "def grader_columns(task): yield 'f1'",
            "grader_columns contains `yield` or is `async`, so calling it would run nothing",
        ),
        (
            "async def grader_columns(task): return []",
            "grader_columns contains `yield` or is `async`, so calling it would run nothing",
        ),
    ],
)
def test_a_hook_that_cannot_be_called_switches_its_plugin_off(load: Load, source: str, why: str) -> None:
    assert load(f"@hookimpl\n{source}").why == why


def test_a_plugin_without_a_hook_is_told_of(load: Load) -> None:
    found = load("def grader_columns(task):\n    return []")
    assert found.why == "it implements no hook: mark its functions with @hookimpl"


def test_a_wrapper_of_the_hooks_of_others_is_refused(load: Load) -> None:
    found = load("@hookimpl(wrapper=True)\ndef grader_columns(task):\n    return (yield)")
    assert found.why == "grader_columns cannot wrap other plugins' hooks: write @hookimpl without wrapper"


def test_a_hook_of_another_version_may_be_marked_as_optional(load: Load) -> None:
    found = load("@hookimpl(optionalhook=True)\ndef grader_of_tomorrow(x): ...")
    assert found.told == []
    assert [*guests(found.manager)] == [found.name]


TASK = """
from grader.contract.task import TaskDefinition
def task(**changes):
    return Task(**dict(name="toy", title="Toy", kind="binary", input_shape=(3,), input_dtype="float32",
                       classes=("no", "yes"), metric="accuracy", budget="1 epoch") | changes)
"""
WRONG: list[tuple[str, str, str]] = [
    # hook, what its body is, and what is said of it
    ("grader_register_tasks", "return [1]", "returned a list with an int, not a list of TaskDefinition"),
    ("grader_register_tasks", "pass", "returned None, not a list of TaskDefinition"),
    (
        "grader_register_tasks",
        "return [TaskDefinition(task=task(), fingerprint=1, prepare=print)]",
        "returned task 'toy', whose fingerprint or prepare is no function",
    ),
    (
        "grader_register_tasks",
        "return [TaskDefinition(task='toy', fingerprint=str, prepare=print)]",
        "returned a TaskDefinition whose task is a str, not a Task",
    ),
    (
        "grader_register_tasks",
        "return [TaskDefinition(task=task(kind='ternary'), fingerprint=str, prepare=print)]",
        "returned task 'toy', which is none: Invalid enum value 'ternary' - at `$.kind`",
    ),
    (
        "grader_register_tasks",
        "return [TaskDefinition(task=task(batch_size='a few'), fingerprint=str, prepare=print)]",
        "returned task 'toy', which is none: Expected `int`, got `str` - at `$.batch_size`",
    ),
    ("grader_collect", "return 'rubbish'", "returned a str, not a list of Submission"),
    ("grader_collect", "return [b'rubbish']", "returned a list with a bytes, not a list of Submission"),
    ("grader_modify_trials", "return trials[:1]", "returned a list: change `trials` in place, and return "),
    ("grader_modify_trials", "trials.append('x')", "left a str among the trials"),
    ("grader_modify_trials", "trials.clear(); 1 / 0", "raised ZeroDivisionError: division by zero (FILE:13)"),
    ("grader_make_executor", "return object()", "returned an object, which has no submit(): see grader"),
    ("grader_metrics", "return [0.5]", "returned a list, not a dict of numbers by name"),
    ("grader_metrics", "return {'f1': '0.5'}", "returned a str for 'f1', not a number"),
    ("grader_metrics", "return {1: 0.5}", "returned an int for the name of a metric"),
    ("grader_metrics", "return None", "returned None, not a dict of numbers by name"),
    (
        "grader_metrics",
        "return {'accuracy': 1.0}",
        "returned 'accuracy', which grader computes itself: give it another name",
    ),
    ("grader_metrics", "raise SystemExit(1)", "raised SystemExit: 1 (FILE:13)"),
    ("grader_metrics", "raise GraderError('no')", "raised GraderError: no (FILE:13)"),
    ("grader_metrics", "import math; math.sqrt(-1)", "raised ValueError: "),
    ("grader_columns", "return None", "returned None, not a list of str"),
    ("grader_columns", "return 'f1'", "returned a str, not a list of str"),
    ("grader_columns", "return ['f1', 1]", "returned a list with an int, not a list of str"),
    ("grader_write_leaderboard", "return 'a.txt'", "returned a str, not a list of Path"),
    ("grader_write_leaderboard", "return [Path('/no/such')]", "returned /no/such, which is no file"),
    ("grader_write_leaderboard", "raise OSError(28, 'full')", "raised OSError: [Errno 28] full (FILE:13)"),
    ("grader_session_start", "raise ValueError('\\x1b[31m\\nb')", "raised ValueError: \\x1b[31m b (FILE:13)"),
    ("grader_session_finish", "raise ValueError", "raised ValueError (FILE:13)"),
    ("grader_task_prepare", "raise KeyError('x')", "raised KeyError: 'x' (FILE:13)"),
    ("grader_notice", "1 / 0", "raised ZeroDivisionError: division by zero (FILE:13)"),
    ("grader_trial_start", "open('/no/such')", "raised FileNotFoundError: "),
    ("grader_trial_progress", "undefined", "raised NameError: name 'undefined' is not defined (FILE:13)"),
    ("grader_trial_finish", "trial.wrong", "raised AttributeError: "),
    ("grader_register_commands", "cli.add_command('best')", "raised AttributeError: "),
]  # fmt: skip
MEANS = {
    "grader_metrics": "; records from here on lack its metrics",
    "grader_modify_trials": "; the trials are as they were before it",
}
OFFER = {
    "grader_modify_trials": "trials",
    "grader_trial_finish": "trial",
    "grader_register_commands": "cli",
}


def arguments(hook: str) -> dict[str, Any]:
    """Something for each argument of a hook, and real trials."""
    names = [*inspect.signature(getattr(HarnessHooks, hook)).parameters][1:]
    return (
        dict.fromkeys(names) | {"trials": [trial(), trial()]} if "trials" in names else dict.fromkeys(names)
    )


@pytest.mark.parametrize(("hook", "body", "why"), WRONG)
def test_a_hook_that_raises_or_lies_in_type_switches_its_plugin_off(
    load: Load, hook: str, body: str, why: str
) -> None:
    """And what it did is undone, what others say is kept, and it is not called again."""
    found = load(f"{TASK}\n\n@hookimpl\ndef {hook}({OFFER.get(hook, '')}):\n    {body}")
    given = arguments(hook)
    trials = list(given.get("trials") or ())

    class Other:
        """Implements every hook that returns a list, as a built-in does."""

        @hookimpl
        def grader_columns(self) -> list[str]:
            return ["mine"]

    found.manager.register(Other())
    if hook == "grader_register_commands":
        make_cli(found.manager)
        answers = []
    else:
        answers = getattr(found.hook, hook)(**given)
    means = MEANS.get(hook, "")
    assert found.why.startswith(f"{hook} {why}")
    assert found.why.endswith(means)
    assert given.get("trials") in (None, trials)
    assert answers in ([["mine"]] if hook == "grader_columns" else [], None)
    getattr(found.hook, hook)(**given)
    assert len(found.told) == 1


def test_every_hook_that_returns_something_is_held_to_it() -> None:
    hooks = {name for name in vars(HarnessHooks) if name.startswith("grader_")}
    assert {hook for hook, _, _ in WRONG} == hooks


@pytest.mark.parametrize("slots", ["0", "'two'", "None"])
def test_an_executor_has_at_least_one_slot(load: Load, slots: str) -> None:
    body = f"slots = {slots}\n    submit = cancel = close = print"
    found = load(f"class Mine:\n    {body}\n\n@hookimpl\ndef grader_make_executor():\n    return Mine()")
    assert found.hook.grader_make_executor(**arguments("grader_make_executor")) is None
    assert "returned an executor whose slots are" in found.why


@pytest.mark.parametrize(
    ("hook", "given"),
    [("grader_register_tasks", {"tables": {}}), ("grader_collect", {"path": Path(), "config": None})],
)
def test_a_plugin_may_refuse_before_anything_is_trained(load: Load, hook: str, given: dict[str, Any]) -> None:
    raising = f"@hookimpl\ndef {hook}():\n    raise UsageError('wrong table')"
    found = load(f"from grader.contract.errors import UsageError\n{raising}")
    with pytest.raises(UsageError, match="wrong table"):
        getattr(found.hook, hook)(**given)
    assert found.told == []


def test_an_interruption_is_no_fault_of_a_plugin(load: Load) -> None:
    found = load("@hookimpl\ndef grader_columns():\n    raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        found.hook.grader_columns(task=None)
    assert found.told == []


def test_a_built_in_is_not_shielded() -> None:
    class BuiltIn:
        @hookimpl
        def grader_columns(self) -> list[str]:
            raise ValueError("our bug")

    manager = harness_manager((), ())
    manager.register(BuiltIn())
    with pytest.raises(ValueError, match="our bug"):
        manager.hook.grader_columns(task=None)


def test_no_plugin_puts_a_number_in_the_place_of_one_of_ours() -> None:
    random = np.random.default_rng(0)
    for task in (DIGITS, BREAST_CANCER, DIABETES):
        outputs = random.standard_normal((20, task.outputs)).astype(np.float32)
        targets = random.integers(0, 2, 20)
        assert metrics_of(task, outputs, targets).keys() <= OWN_METRICS


# --- installed plugins, and those that are named ---


def installed(
    folder: Path, name: str, source: str, *, requires: str = "", module: str = "", version: str = "0.3"
) -> None:
    """A distribution as an installer leaves it, with one plugin."""
    module = module or name
    write(
        folder,
        {
            f"{module}.py": f"from grader import hookimpl\n{source}",
            f"{name}_dist-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}-dist\n"
            f"Version: {version}\n{requires}",
            f"{name}_dist-{version}.dist-info/entry_points.txt": f"[grader]\n{name} = {module}\n",
        },
    )


COLUMN = "@hookimpl\ndef grader_columns():\n    return ['{0}']\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def managed(*modules: str) -> tuple[ShieldedManager, list[str]]:
    told: list[str] = []
    return harness_manager(modules, (), tell=told.append), told


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("1 / 0", "importing it raised ZeroDivisionError: division by zero (plug_a.py:2)"),
        ("import nil", "importing it raised ModuleNotFoundError: No module named 'nil' (plug_a.py:2)"),
        ("def (:", "importing it raised SyntaxError: invalid syntax (plug_a.py, line 2)"),
        ("raise SystemExit", "importing it raised SystemExit (plug_a.py:2)"),
    ],
)  # fmt: skip
def test_an_installed_plugin_that_cannot_be_imported_is_named_with_its_distribution(
    site: Path, source: str, why: str
) -> None:
    installed(site, "plug_a", source)
    installed(site, "plug_b", COLUMN.format("b"))
    manager, told = managed()
    way_out = "leave it out with -p no:plug_a"
    assert told == [f"plugin plug_a (plug_a-dist 0.3, plug_a) is switched off: {why}; {way_out}"]
    assert manager.hook.grader_columns(task=None) == [["b"]]
    assert without(manager) == f"; a plugin that is switched off may have brought it: plug_a ({why})"


@pytest.mark.parametrize(
    ("requires", "asked"),
    [
        ("grader>=7,<8", "grader <8,>=7"),
        ("grader==0.0.1", "grader ==0.0.1"),
        (f"grader>={grader.__version__}", ""),
        ("grader", ""),
        ("Grader[alike]>=7", "grader >=7"),
        ("grader-of-others>=7", ""),
        ("grader>=7; python_version<'3'", ""),
        ("grader>=7; extra=='future'", ""),
        ("", ""),
    ],
)
def test_a_plugin_for_another_version_is_not_even_imported(site: Path, requires: str, asked: str) -> None:
    installed(site, "plug_c", COLUMN.format("c"), requires=f"Requires-Dist: {requires}\n" if requires else "")
    sys.modules.pop("plug_c", None)
    manager, told = managed()
    assert (manager.hook.grader_columns(task=None) == []) == bool(asked)
    assert ("plug_c" not in sys.modules) == bool(asked)
    if asked:
        (line,) = told
        assert f": it is written for {asked}, and this is grader {grader.__version__}; leave" in line


def test_a_name_that_two_distributions_give_is_the_first_ones(site: Path) -> None:
    installed(site, "plug_d", COLUMN.format("d"))
    write(site, {"other-1.dist-info/METADATA": "Name: other\nVersion: 1\n",
                 "other-1.dist-info/entry_points.txt": "[grader]\nplug_d = plug_e\n",
                 "plug_e.py": f"from grader import hookimpl\n{COLUMN.format('e')}"})  # fmt: skip
    manager, told = managed()
    assert len(manager.hook.grader_columns(task=None)) == 1
    assert "another plugin has the name 'plug_d'" in told[0]


def test_a_plugin_is_left_out_by_its_name_and_not_imported(site: Path) -> None:
    installed(site, "plug_f", COLUMN.format("f"))
    for modules in (["no:plug_f"], ["plug_f", "no:plug_f"]):
        manager, told = managed(*modules)
        assert (manager.hook.grader_columns(task=None), told) == ([], [])
        assert "plug_f" not in sys.modules
    manager, told = managed("plug_f")  # named twice is once
    assert (manager.hook.grader_columns(task=None), told) == ([["f"]], [])


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (None, "ModuleNotFoundError: No module named 'named'"),
        ("1 / 0", "ZeroDivisionError: division by zero (named.py:2)"),
        ("def (:", "SyntaxError: invalid syntax (named.py, line 2)"),
    ],
)
def test_a_module_that_was_named_and_cannot_be_imported_is_a_usage_error(
    site: Path, source: str | None, why: str
) -> None:
    if source:
        (site / "named.py").write_text(f"\n{source}")
    sys.modules.pop("named", None)
    with pytest.raises(UsageError) as caught:
        managed("named")
    assert str(caught.value) == f"-p named: cannot import this plugin ({why})"


def test_an_object_in_a_module_is_named_as_by_an_entry_point(site: Path) -> None:
    body = "    @hookimpl\n    def grader_columns(self):\n        return [task]\n"
    (site / "objects.py").write_text(f"from grader import hookimpl\nclass Mine:\n{body}\nmine = Mine()")
    manager, told = managed("objects:mine")
    # by which a leaderboard is made anew when the plugin's code changes
    ours: Any = manager.get_plugin("objects:mine")
    assert ours.__file__ == str(site / "objects.py")
    assert (manager.hook.grader_columns(task=None), [*guests(manager)]) == ([], [])
    assert "objects:mine is switched off: grader_columns raised NameError: name 'task'" in told[0]
    assert managed("objects:mine", "no:objects:mine")[1] == []
    with pytest.raises(UsageError, match=r"-p objects:yours: cannot import this plugin \(AttributeError: "):
        managed("objects:yours")


def test_from_python_the_line_is_a_warning(site: Path) -> None:
    installed(site, "plug_g", "1 / 0")
    with pytest.warns(UserWarning, match="plugin plug_g .* is switched off: importing it raised"):
        harness_manager((), ())


def test_a_task_that_nobody_brings_is_said_to_be_perhaps_of_one_that_is_off(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    installed(site, "plug_j", "1 / 0")
    expected = "there is no task 'toy'; .* switched off may have brought it: plug_j .importing it raised Zero"
    with pytest.warns(UserWarning, match="plug_j"), pytest.raises(UsageError, match=expected):
        grader.run("mine.py", task="toy", plugins=["no:html"])


# --- a run ---

WELL = """
@hookimpl
def grader_metrics():
    return {"half": 0.5, "undefined": float("nan")}
@hookimpl
def grader_columns():
    return ["half", "once"]
@hookimpl
def grader_write_leaderboard(directory):
    (directory / "well.txt").write_text("well")
    return [directory / "well.txt"]
"""
BROKEN = {
    "once": """
calls = []
@hookimpl
def grader_metrics(logits):
    calls.append(1)
    if len(calls) > 1:
        logits -= logits.max()
    return {"once": 1.0}
""",
    "start": "@hookimpl\ndef grader_session_start():\n    raise ValueError('start')",
    "finish": "@hookimpl\ndef grader_trial_finish(trial):\n    raise ValueError('finish')",
    "writer": "@hookimpl\ndef grader_write_leaderboard():\n    return 'a.txt'",
    "misfit": "@hookimpl\ndef grader_xyzzy(): ...",
}


class Ran:
    """A project whose plugins are broken in many ways but for one, run twice."""

    def __init__(self, root: Path, places: Path) -> None:
        named = ", ".join(f'"{name}"' for name in ("well", *BROKEN))
        sources = {f"{name}.py": f"from grader import hookimpl\n{each}" for name, each in BROKEN.items()}
        write(root, sources | {
            "well.py": f"from grader import hookimpl\n{WELL}",
            "subs/a.py": GOOD,
            "subs/b.py": GOOD,
            "pyproject.toml": f"[tool.grader]\nplugins = [{named}]\n",
        })  # fmt: skip
        self.board = root / "leaderboard"
        words = ("run", "subs", "--budget", "3 steps", "--device", "cpu")
        self.first, self.second = (command(*words, cwd=root, places=places) for _ in range(2))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, places: Path) -> Ran:
    return Ran(tmp_path_factory.mktemp("run"), places)


class TestARunWithBrokenPlugins:
    def test_each_is_named_in_one_line_and_the_run_ends_well(self, ran: Ran) -> None:
        whys = {
            "once": "grader_metrics raised ValueError: output array is read-only (once.py:8); "
            "records from here on lack its metrics",
            "start": "grader_session_start raised ValueError: start (start.py:4)",
            "finish": "grader_trial_finish raised ValueError: finish (finish.py:4)",
            "writer": "grader_write_leaderboard returned a str, not a list of Path",
            "misfit": "there is no hook grader_xyzzy",
        }
        assert sorted(ran.first.stderr.splitlines()) == sorted(
            f"grader: warning: plugin {name} is switched off: {why}; leave it out with -p no:{name}"
            for name, why in whys.items()
        )
        assert ran.first.returncode == 0

    def test_the_records_are_stored_with_what_the_others_give(self, ran: Ran) -> None:
        found = grader.records(ran.board)
        assert [record.status for record in found] == ["ok", "ok"]
        assert [record.metrics["half"] for record in found] == [0.5, 0.5]
        assert sorted("once" in record.metrics for record in found) == [False, True]
        assert all("its undefined is nan, and left out" in record.notes for record in found)
        assert all(0 < record.metrics["accuracy"] <= 1 for record in found)

    def test_the_leaderboard_is_written_in_all_other_forms(self, ran: Ran) -> None:
        assert {"README.md", "leaderboard.csv", "well.txt"} <= {path.name for path in ran.board.iterdir()}
        assert "half" in (ran.board / "README.md").read_text()

    def test_where_nothing_is_left_to_run_the_writer_fails_once_more(self, ran: Ran) -> None:
        """The leaderboard was made without it, and so does not stand as it would be made."""
        assert ran.second.returncode == 0
        assert [line.split()[3] for line in ran.second.stderr.splitlines()] == ["misfit", "start", "writer"]
        assert len(grader.records(ran.board)) == 2


# --- the command line ---


def test_a_command_that_raises_is_its_plugins_fault_and_said_to_be(load: Load) -> None:
    found = load(
        "import click\n@hookimpl\ndef grader_register_commands(cli):\n"
        "    cli.add_command(click.Command('best', callback=lambda: [][1]))\n"
    )
    result = CliRunner().invoke(make_cli(found.manager), ["best"])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        f"grader: error: plugin {found.name}: its command 'best' raised IndexError: list index out of range "
        f"({found.name}.py:7)\n"
    )


def test_a_name_of_a_built_in_command_cannot_be_taken(load: Load) -> None:
    found = load(
        "import click\n@hookimpl\ndef grader_register_commands(cli):\n"
        "    for name in ('other', 'tasks'):\n        cli.add_command(click.Command(name))\n",
        ["grader.host.commands.information"],
    )
    cli = make_cli(found.manager)
    taken = "there is a command 'tasks' already, of grader.host.commands.information"
    assert found.why == f"grader_register_commands raised ValueError: {taken} (FILE:8)"
    assert [*cli.commands] == ["tasks", "plugins"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_list_of_plugins_fits_the_terminal(site: Path, width: int) -> None:
    installed(site, "plug_h", COLUMN.format("per_class_recall_of_the_rarest") + TASKS_OF_H)
    installed(site, "plug_i", "1 / 0")
    told: list[str] = []
    manager = harness_manager(["no:csv"], tell=told.append)
    commands = {"run": "grader.host.commands.running", "best": "plug_h"}
    shown = text(provided(manager, commands, {}), width)
    assert max(map(len, shown.splitlines())) <= width
    assert (shown.splitlines()[0].split() == ["plugin", "from", "brings", "hooks"]) == (width == 200)
    words = " ".join(shown.split())
    for word in (
        "plug_h-dist 0.3",
        "tasks toy",
        "commands best",
        "columns per_class_recall_of_the_rarest",
        "tasks digits, breast-cancer, diabetes",
        "grader_columns, grader_register_tasks",
    ):
        assert word in words
    off, left = absent(manager)
    assert off.startswith("switched off: plug_i (plug_i-dist 0.3, plug_i): importing it raised ZeroDiv")
    assert left == "left out by no:csv: grader.host.reports.csv"


TASKS_OF_H = f"""
from grader import Task
{TASK}
@hookimpl
def grader_register_tasks():
    return [TaskDefinition(task=task(), fingerprint=lambda places: "1", prepare=print)]
"""


# --- what else a plugin hands over ---


@pytest.mark.parametrize(
    ("fingerprint", "why"),
    [
        (lambda _: 1 / 0, "its plugin's fingerprint raised ZeroDivisionError: division by zero"),
        (lambda _: b"1", "its plugin's fingerprint returned b'1', no str"),
    ],
)
def test_a_task_whose_fingerprint_fails_cannot_be_had(fingerprint: Any, why: str) -> None:
    definition = TaskDefinition(task=DIGITS, fingerprint=fingerprint, prepare=lambda _: pytest.fail(why))
    with pytest.raises(TaskUnavailable, match=why):
        entry_name(definition, DataPlaces(data=None, downloads=Path()))


def test_an_executor_that_will_not_take_a_trial_costs_that_trial_alone(tmp_path: Path) -> None:
    class Fussy:
        slots = 1

        def submit(self, trial: Trial, data: Any) -> Future[Any]:
            if trial.seed == 0:
                raise RuntimeError("no room")
            future: Future[Any] = Future()
            future.set_result("an attempt")
            return future

    ended: list[tuple[int, str]] = []

    def end(one: Trial, future: Future[Any], _: int) -> bool:
        ended.append((one.seed, repr(future.exception() or future.result())))
        return True

    write(tmp_path, {"good.py": GOOD})
    good = submission_of(tmp_path / "good.py", "good.py", 10_000)
    trials = [trial(seed=seed, submission=good) for seed in (0, 1)]
    data: Any = {each.task.name: None for each in trials}
    executor: Any = Fussy()
    Scheduler(harness_manager((), ()), end, ahead=True).run(trials, data, executor)
    assert ended == [(0, "RuntimeError('no room')"), (1, "'an attempt'")]
