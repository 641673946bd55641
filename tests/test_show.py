"""`grader show` finds one record by any of its names and prints all of it, harmlessly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pluggy
import pytest
from click.testing import CliRunner, Result
from factories import HOSTILE, evidence, failed, record, task

from grader import hookspecs
from grader.contract.errors import GraderError, UsageError
from grader.contract.record import CurvePoint, Layer, ModelInfo, Usage
from grader.contract.status import Status
from grader.host.commands import results
from grader.host.show import find, render, sparkline, thinned
from grader.host.store import Store, evidence_of, stem

HERE = Path(__file__).parent
RECORDS = [record("mlp"), record("cnn"), record("cnn", seed=1), record("mlp-wide")]


def command(*arguments: str) -> Result:
    """Run the commands as plugins of a group that turns a GraderError into one line and its exit code."""

    class Group(click.Group):
        def invoke(self, context: click.Context) -> object:
            context.obj = _manager()
            try:
                return super().invoke(context)
            except GraderError as error:
                click.echo(f"error: {error}", err=True)
                raise SystemExit(error.exit_code) from None

    group = Group("grader")
    _manager().hook.grader_register_commands(cli=group)
    return CliRunner().invoke(group, arguments)


def _manager() -> pluggy.PluginManager:
    from grader.host.reports import csv, json, markdown

    made = pluggy.PluginManager("grader")
    made.add_hookspecs(hookspecs.HarnessHooks)
    for module in (markdown, csv, json, results):
        made.register(module)
    return made


# ---- finding


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("mlp", 0),
        ("mlp-wide", 3),
        ("submissions/mlp.py::digits[seed=0]", 0),
        ("submissions/cnn.py::digits[seed=1]", 2),
        (stem(RECORDS[1]), 1),
        (f"{stem(RECORDS[2])}.json", 2),
    ],
)
def test_a_record_is_found_by_stem_node_id_or_name(query: str, index: int) -> None:
    assert find(RECORDS, query) == RECORDS[index]


def test_a_record_is_found_by_its_path(tmp_path: Path) -> None:
    path = Store(tmp_path).write(RECORDS[0])
    assert find([], str(path)) == RECORDS[0]


def test_an_ambiguous_name_lists_its_candidates_in_one_line() -> None:
    with pytest.raises(UsageError) as error:
        find(RECORDS, "cnn")
    assert (
        str(error.value) == f"'cnn' means 2 records; name one: {', '.join(sorted(map(stem, RECORDS[1:3])))}"
    )
    many = [record(seed=seed) for seed in range(20)]
    with pytest.raises(UsageError, match=r"means 20 records; name one: .* and 15 more$"):
        find(many, "mlp")


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^no record is named 'mlp-wid'; did you mean mlp-wide, .*\?$"):
        find(RECORDS, "mlp-wid")
    with pytest.raises(UsageError, match=r"^no record is named 'zzzzz\\\\x1b'; there are 4 records"):
        find(RECORDS, "zzzzz\x1b")


def test_the_node_id_is_spelt_as_pytest_does() -> None:
    assert RECORDS[2].node_id == "submissions/cnn.py::digits[seed=1]"


# ---- rendering


def test_everything_of_a_record_is_shown() -> None:
    text = render(record(notes=("looks like probabilities",), alongside=2), evidence())
    for words in (
        "submissions/mlp.py::digits[seed=0]\nok\nWhat it claims\n",
        "train    1.23 s (1.20 s of CPU time)",
        "steps      63 (63 of the optimiser)",
        "accuracy %  90.00",
        "correct     450 of 500",
        "note: looks like probabilities",
        "loss      █▃▁",
        "4,810 parameters, 4,810 trainable, weights file 18.9 KiB",
        "0        Linear              10           650",
        "predicted classes",
        "torch        2.9.0",
        "2 other trials alongside",
    ):
        assert words in text, words


def test_a_failure_is_shown_with_reason_traceback_and_output() -> None:
    text = render(
        failed(
            output="epoch 1\nepoch 2", timing=msgspec.convert({"load_seconds": 0.5}, type(record().timing))
        )
    )
    assert "crashed in train: ZeroDivisionError: division by zero\n" in text
    assert 'traceback\n  File "broken.py", line 3\n  ZeroDivisionError' in text
    assert "output\n  epoch 1\n  epoch 2\n" in text
    assert "predict  not reached" in text
    assert "metrics" not in text


def test_predicted_classes_are_counted_rightly() -> None:
    import numpy as np

    proof = evidence_of(np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 1]))
    text = render(record(task=task(classes=("cat", "dog", "ox\x1b[2J", "none"))), proof)
    rows = [line.split() for line in text.split("\n") if "cat" in line or "dog" in line or "ox" in line]
    assert [cells[:3] for cells in rows] == [["cat", "3", "2"], ["dog", "1", "1"], ["ox\\x1b[2J", "1", "0"]]
    assert "predicted classes" not in render(record(), evidence_of(np.zeros(3), np.zeros(3)))


def test_nothing_of_a_submission_reaches_the_terminal_unescaped() -> None:
    for text in HOSTILE:
        layer = Layer(name=text, kind=text, shape=None, parameters=1)
        made = failed(
            text, Status.CRASHED, reason=text, detail=text, output=text, notes=(text,), isolation=text,
            finished=text, metrics={text: 1.0}, task=task(name=text, classes=(text,)),
            model=ModelInfo(parameters=1, trainable=1, structure=text, layers=(layer,)),
        )  # fmt: skip
        plain = msgspec.structs.replace(made, model=ModelInfo(parameters=1, trainable=1, structure=text))
        for one in (made, plain):
            assert all(line.isprintable() for line in render(one, evidence()).split("\n"))


def test_a_record_with_nothing_in_it_is_shown_too() -> None:
    bare = failed(model=None, detail="", reason="", phase=None, usage=Usage(), status=Status.TIMEOUT)
    assert "\ntimeout\n" in render(bare)


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    points = [CurvePoint(epoch=i, steps=i, samples=i, seconds=i, loss=1.0, accuracy=0.5) for i in range(1000)]
    few = thinned(points, 12)
    assert len(few) == 12
    assert (few[0], few[-1]) == (points[0], points[-1])
    text = render(record(curve=tuple(points)))
    assert len(text.split("\n")) < 80
    assert max(map(len, text.split("\n"))) < 120


def test_a_sparkline_goes_from_the_lowest_bar_to_the_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([0, 7], ascii_only=True) == "_#"
    assert sparkline(list(range(500)))[:: len(sparkline(list(range(500)))) - 1] == "▁█"
    assert len(sparkline(list(range(500)))) == 60
    assert sparkline([-1.7e308, 0, 1.7e308]) == "▁▅█"


# ---- the commands


def test_the_command_shows_a_record_with_its_evidence(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.write(record(), evidence())
    for query in ("mlp", str(path)):
        done = command("show", query, "--leaderboard", str(tmp_path))
        assert done.exit_code == 0
        assert "predicted classes" in done.stdout
        assert done.stderr == ""
    path.with_suffix(".npz").unlink()
    done = command("show", "mlp", "--leaderboard", str(tmp_path))
    assert done.exit_code == 0
    assert "there is no evidence; run the trial again" in done.stderr


def test_a_wrong_query_is_one_line_and_a_usage_error(tmp_path: Path) -> None:
    Store(tmp_path).write(record())
    done = command("show", "mpl", "--leaderboard", str(tmp_path))
    assert done.exit_code == 4
    assert done.stderr.startswith("error: no record is named 'mpl'; did you mean mlp")
    assert done.stderr.count("\n") == 1


def test_the_leaderboard_command_writes_prints_and_names_problems(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record(), evidence())
    path.with_name("bad.json").write_text("{")
    done = command("leaderboard", "--leaderboard", str(tmp_path))
    assert done.exit_code == 0
    assert "digits, 3 epochs, cpu" in done.stdout
    assert "README.md" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "bad.json: truncated, or no JSON at all" in done.stderr


def test_the_leaderboard_command_needs_records(tmp_path: Path) -> None:
    done = command("leaderboard", "--leaderboard", str(tmp_path))
    assert (done.exit_code, list(tmp_path.iterdir())) == (4, [])
    assert "holds no records/ folder" in done.stderr


def test_the_commands_print_where_the_locale_is_not_utf_8(tmp_path: Path) -> None:
    Store(tmp_path).write(record("文件"), evidence())
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from grader.host.commands.results import leaderboard, show\n"
        "show.main(['文件', '--leaderboard', sys.argv[1]], standalone_mode=False)\n"
    )
    settings = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(HERE), str(tmp_path)],
        check=True, capture_output=True, env=os.environ | settings, cwd=HERE.parent,
    )  # fmt: skip
    assert b"\\u6587\\u4ef6" in done.stdout
    assert b"#" in done.stdout


def test_help_of_both_commands_tells_what_they_take() -> None:
    assert "--leaderboard" in command("leaderboard", "--help").stdout
    assert "QUERY" in command("show", "--help").stdout
