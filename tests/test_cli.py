"""The command line as its users meet it: exit codes, what is printed, and what a hard end leaves behind."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sessions import GOOD, command, environment, gone, loop, write

from grader.host.store import Store

SUBMISSIONS = Path(__file__).parents[1] / "submissions"
BAD = loop("print('said on the way')\nraise ValueError('no \\x1b[31mgood')")
SLOW = loop("while True: pass")  # says nothing: a broken pipe cannot end it
AT_ONCE = loop("return None")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two good submissions and two bad ones."""
    folder = tmp_path_factory.mktemp("mixed")
    return write(folder, {"subs/a.py": GOOD, "subs/b.py": BAD, "subs/c.py": BAD, "subs/d.py": GOOD})


def grader(*arguments: str, cwd: Path, places: Path) -> subprocess.CompletedProcess[str]:
    result = command(*arguments, cwd=cwd, places=places)
    assert "Traceback" not in result.stderr
    return result


# --- grader run ---


@pytest.fixture(scope="module")
def usual(mixed: Path, places: Path) -> subprocess.CompletedProcess[str]:
    wishes = ("--budget", "3 steps", "--device", "cpu", "--durations", "2", "--log", "events.jsonl")
    return grader("run", "subs", *wishes, cwd=mixed, places=places)


def test_some_failed_is_exit_code_1(usual: subprocess.CompletedProcess[str]) -> None:
    assert usual.returncode == 1
    assert usual.stderr == ""


def test_the_header_says_what_runs_on_what(usual: subprocess.CompletedProcess[str], mixed: Path) -> None:
    header = usual.stdout.split("\n\n")[0]
    for word in (
        "torch 2.",
        "Python 3.",
        "device: cpu",
        "slot of 1 thread;",
        f"root: {mixed}",
        "task: digits",
    ):
        assert word in header
    for word in ("budget 3 steps", "1438 to train on", "collected 4 submissions, 4 trials"):
        assert word in header


def test_on_a_pipe_each_trial_is_one_line_with_its_number_and_node_id(
    usual: subprocess.CompletedProcess[str],
) -> None:
    lines = [line for line in usual.stdout.splitlines() if line.startswith("[")]
    assert [line.partition("  ")[0] for line in lines] == [
        f"[{number}/4] subs/{name}.py::digits[seed=0] {status}"
        for number, name, status in zip(range(1, 5), "abcd", ("ok", "crashed", "crashed", "ok"), strict=True)
    ]
    assert "accuracy" in lines[0]
    assert "\x1b" not in usual.stdout
    assert "\r" not in usual.stdout


def test_the_slowest_are_listed_where_they_are_asked_for(usual: subprocess.CompletedProcess[str]) -> None:
    _, _, slowest = usual.stdout.partition(" slowest 2 trials ")
    times = [float(line.split()[0]) for line in slowest.splitlines()[1:3]]
    assert times == sorted(times, reverse=True)
    assert re.search(r"load \d+\.\d\d, train \d+\.\d\d", slowest)


def test_the_log_tells_programs_the_whole_session(
    usual: subprocess.CompletedProcess[str], mixed: Path
) -> None:
    lines = [json.loads(line) for line in (mixed / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    events = [line["event"] for line in lines if line["event"] != "progress"]
    # the next trial starts while the one before it is scored and stored
    within = ["trial_start", *["trial_start", "trial_finish"] * 3, "trial_finish"]
    assert events == ["session_start", *within, "session_finish"]
    assert {line["phase"] for line in lines if line["event"] == "progress"} >= {"load"}
    ended = [line for line in lines if line["event"] == "trial_finish"]
    assert [line["status"] for line in ended] == ["ok", "crashed", "crashed", "ok"]
    assert ended[0]["timing"]["train_seconds"] > 0
    assert lines[-1]["counts"] == {"crashed": 2, "ok": 2}
    assert not lines[-1]["interrupted"]


def test_the_summary_repeats_the_failures_and_counts(usual: subprocess.CompletedProcess[str]) -> None:
    summary = usual.stdout[usual.stdout.index(" failures ") :]
    assert "subs/b.py::digits[seed=0]: crashed in train" in summary
    assert r"ValueError while training: no \x1b[31mgood (b.py, line " in summary
    assert "2 ok, 2 crashed in" in summary
    assert "said on the way" not in usual.stdout


def test_the_table_and_its_file_are_shown(usual: subprocess.CompletedProcess[str], mixed: Path) -> None:
    assert "digits, 3 steps, cpu" in usual.stdout
    assert str(mixed / "leaderboard" / "README.md") in usual.stdout
    assert "since the last leaderboard" not in usual.stdout  # it is the first
    assert (mixed / "leaderboard" / "README.md").is_file()


def test_x_stops_at_the_first_failure(mixed: Path, places: Path) -> None:
    result = grader("run", "subs", "-x", "-vv", "--rerun", "--budget", "3 steps", cwd=mixed, places=places)
    assert result.returncode == 1
    assert "1 ok, 1 crashed, stopped early" in result.stdout
    assert 'b.py", line' in result.stdout  # -v: the traceback
    assert "    | said on the way" in result.stdout  # -vv: the output


def test_maxfail_counts_and_quiet_shows_failures_only(mixed: Path, places: Path) -> None:
    arguments = ("run", "subs", "--maxfail", "2", "-q", "--rerun", "--budget", "3 steps")
    result = grader(*arguments, cwd=mixed, places=places)
    lines = result.stdout.splitlines()
    assert (result.returncode, lines[0].partition("  ")[0]) == (1, "[2/4] subs/b.py::digits[seed=0] crashed")
    assert "1 ok, 2 crashed, stopped early" in lines[-1]
    assert "root:" not in result.stdout


def test_k_selects_and_all_well_is_exit_code_0(usual: object, mixed: Path, places: Path) -> None:
    arguments = ("run", "subs", "-k", "d.py and not c.py", "--budget", "3 steps", "--seeds", "3,")
    result = grader(*arguments, cwd=mixed, places=places)
    assert result.returncode == 0
    assert "subs/d.py::digits[seed=3] ok" in result.stdout
    assert "1 ok in" in result.stdout
    assert "since the last leaderboard" in result.stdout


# --- what cannot run ---


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "subs", "--task", "digit"], 4, "did you mean digits"),
        (["run", "subs", "--budget", "-3s"], 4, "above zero"),
        (["run", "subs", "--budget", "0 epochs"], 4, "above zero"),
        (["run", "subs", "--budget", "nan s"], 4, "above zero"),
        (["run", "subs", "--budget", "nan"], 4, "cannot read the budget"),
        (["run", "subs", "--budget", "3 fortnights"], 4, "cannot read the budget"),
        (["run", "sub"], 4, "did you mean subs?"),
        (["run", "empty"], 5, "no submission"),
        (["run", "subs", "--device", "gpu"], 4, "did you mean cuda?"),
        (["run", "subs", "--bogus"], 4, "--bogus"),
        (["run", "subs", "--seeds", "x"], 4, "'x' is no whole number"),
        (["run", "subs", "--durations", "-1"], 4, "--durations"),
        (
            ["run", "subs", "--log", "no/such/folder.jsonl"],
            4,
            "--log: cannot write no/such/folder.jsonl: No such",
        ),
        (["run", "subs", "--log", "subs"], 4, "--log: cannot write subs: Is a directory"),
        (["frobnicate"], 4, "frobnicate"),
        (["show", "nobody"], 4, "nobody"),
        (["-p", "not_there", "tasks"], 4, "not_there"),
    ],
)
def test_a_mistake_is_one_line_and_its_exit_code(
    usual: object, mixed: Path, places: Path, arguments: list[str], code: int, words: str
) -> None:
    (mixed / "empty").mkdir(exist_ok=True)
    result = grader(*arguments, cwd=mixed, places=places)
    assert result.returncode == code
    assert words in result.stderr.splitlines()[-1]
    assert result.stdout == ""


def test_k_that_deselects_all_is_exit_code_5(mixed: Path, places: Path) -> None:
    result = grader("run", "subs", "-k", "nobody", cwd=mixed, places=places)
    assert (result.returncode, result.stderr) == (
        5,
        "grader: error: -k 'nobody' deselects all 4 trials\n",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.grader\nbudget = '3s'\n", "broken TOML"),
        ("[tool.grader]\nbudgte = '3s'\n", "did you mean budget?"),
        ("[tool.grader]\nbudget = 3\n", "must be"),
        ("[tool.grader]\nbudget = '-3s'\n", "above zero"),
    ],
)
def test_a_broken_pyproject_is_one_line(tmp_path: Path, places: Path, text: str, words: str) -> None:
    write(tmp_path, {"subs/a.py": GOOD, "pyproject.toml": text})
    result = grader("run", "subs", cwd=tmp_path, places=places)
    assert result.returncode == 4
    assert words in result.stderr
    assert "pyproject.toml" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_leaderboard_that_cannot_be_made_is_told_before_anything_runs(mixed: Path, places: Path) -> None:
    (mixed / "a_file").write_text("", encoding="utf-8")
    arguments = ("run", "subs/a.py", "--leaderboard", "a_file/board", "--budget", "3 steps")
    result = grader(*arguments, cwd=mixed, places=places)
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr.startswith("grader: error: cannot write ")
    assert "Not a directory" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_full_disk_is_one_line_and_no_broken_record(mixed: Path, places: Path) -> None:
    """In a mount namespace of its own, a leaderboard of 32 KB."""
    (mixed / "small").mkdir()
    inside = (
        "mount -t tmpfs -o size=32k tmpfs small && dd if=/dev/zero of=small/fill bs=1k count=31 2>/dev/null"
    )
    run = f"{sys.executable} -m grader run subs/a.py --leaderboard small --budget '3 steps'"
    look = "ls -A small/records/digits | wc -l"
    result = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{inside}; {run}; echo code=$?; {look}"],
        cwd=mixed, env=environment(places), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip("this system lets no test mount a small disk")
    assert "No space left on device; what was there is unchanged" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout.splitlines()[-2:] == ["code=4", "0"]


# --- interrupted, killed, two at once ---


@contextmanager
def running(*arguments: str, cwd: Path, places: Path) -> Iterator[subprocess.Popen[str]]:
    """A command on pipes; killed, should the test leave it running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", *arguments],
        cwd=cwd, env=environment(places), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def await_line(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read its output up to a line with these words."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"it ended without {words!r}: {lines}")


def in_mid_trial(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until its server has a worker that uses the processor; return all that it started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        started = psutil.Process(process.pid).children(recursive=True)
        if len(started) >= 2 and sum(started[-1].cpu_times()[:2]) > 0.3:
            return started
        time.sleep(0.05)
    raise AssertionError("no worker was seen")


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    return write(tmp_path, {"subs/a.py": AT_ONCE, "subs/b.py": SLOW, "subs/c.py": AT_ONCE})


def test_ctrl_c_keeps_what_ended_and_leaves_nobody(slow: Path, places: Path) -> None:
    with running("run", "subs", "--budget", "60s", cwd=slow, places=places) as process:
        await_line(process, "subs/a.py::digits[seed=0] ok")
        started = in_mid_trial(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "1 ok, interrupted in" in out
    going_on = "run the same command again to go on: what is done is not redone"
    assert err == f"interrupted: 1 of 3 done; {going_on}\n"
    assert gone([each.pid for each in started], seconds=2)
    records, problems = Store(slow / "leaderboard").read()
    assert ([record.submission.name for record in records], problems) == (["a"], [])


def test_ctrl_c_before_the_first_trial_is_exit_code_2(slow: Path, places: Path) -> None:
    with running("run", "subs", "--budget", "60s", cwd=slow, places=places) as process:
        deadline = time.monotonic() + 30
        while not psutil.Process(process.pid).children() and time.monotonic() < deadline:
            time.sleep(0.02)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in err
    # a server whose host was interrupted while starting it ends when it has imported torch
    assert gone([each.pid for each in started], seconds=60)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_host_that_is_killed_takes_its_workers_along(slow: Path, places: Path, end: signal.Signals) -> None:
    with running("run", "subs", "--budget", "60s", cwd=slow, places=places) as process:
        await_line(process, "subs/a.py::digits[seed=0] ok")
        started = in_mid_trial(process)
        process.send_signal(end)
        process.communicate(timeout=30)
    assert process.returncode == -end
    assert gone([each.pid for each in started])
    records, problems = Store(slow / "leaderboard").read()
    assert ([record.submission.name for record in records], problems) == (["a"], [])


def test_two_runs_at_once_share_a_leaderboard(tmp_path: Path, places: Path) -> None:
    write(tmp_path, {"subs/a.py": GOOD, "subs/b.py": GOOD})
    wishes = ("run", "subs", "--budget", "3 steps", "--seeds")
    command("check", "subs/a.py", cwd=tmp_path, places=places)  # now the data are prepared: nobody waits
    with (
        running(*wishes, "0,1", cwd=tmp_path, places=places) as one,
        running(*wishes, "1,2", cwd=tmp_path, places=places) as two,
    ):
        assert [each.communicate(timeout=120)[1] for each in (one, two)] == ["", ""]
    records, problems = Store(tmp_path / "leaderboard").read()
    assert (one.returncode, two.returncode, problems) == (0, 0, [])
    assert sorted((r.submission.name, r.seed) for r in records) == [(n, s) for n in "ab" for s in (0, 1, 2)]
    for record in records:
        Store(tmp_path / "leaderboard").evidence(record)


# --- the other commands ---


def test_help_lists_every_command(mixed: Path, places: Path) -> None:
    result = grader("--help", cwd=mixed, places=places)
    assert result.returncode == 0
    for name in ("run", "list", "check", "new", "leaderboard", "show", "verify", "tasks", "plugins"):
        assert f"\n  {name} " in result.stdout


def test_tasks_and_plugins_list_what_there_is(mixed: Path, places: Path) -> None:
    tasks = grader("tasks", cwd=mixed, places=places)
    assert tasks.returncode == 0
    for name in ("digits", "breast-cancer", "diabetes", "fashion-mnist", "cifar10"):
        assert f"\n{name} " in tasks.stdout
    plugins = grader("plugins", cwd=mixed, places=places)
    assert plugins.returncode == 0
    assert "grader.tasks.embedded" in plugins.stdout


def test_records_are_listed_shown_and_ranked_again(
    usual: subprocess.CompletedProcess[str], mixed: Path, places: Path
) -> None:
    board = (mixed / "leaderboard" / "README.md").read_bytes()
    shown = grader("show", "subs/b.py::digits[seed=0]", cwd=mixed, places=places)
    assert shown.returncode == 0
    assert r"no \x1b[31mgood" in shown.stdout
    ranked = grader("leaderboard", cwd=mixed, places=places)
    assert ranked.returncode == 0
    assert (mixed / "leaderboard" / "README.md").read_bytes() == board
    listed = grader("list", "subs", cwd=mixed, places=places)
    assert (listed.returncode, listed.stdout.count("build_model, train")) == (0, 2)


# --- grader check ---


def test_what_new_writes_and_the_baselines_pass_check(tmp_path: Path, places: Path) -> None:
    shutil.copytree(SUBMISSIONS, tmp_path / "submissions", ignore=shutil.ignore_patterns("__pycache__"))
    assert grader("new", "mine", cwd=tmp_path, places=places).returncode == 0
    result = grader("check", "submissions", "--task", "digits", cwd=tmp_path, places=places)
    assert result.returncode == 0, result.stdout
    assert "submissions/mine.py::digits" in result.stdout
    assert "samples/s" in result.stdout
    assert "FAILED" not in result.stdout
    assert not (tmp_path / "leaderboard").exists()


def test_check_names_the_rule_that_is_broken(tmp_path: Path, places: Path) -> None:
    scaled = (
        "\n\nclass Scaled(nn.Sequential):\n    scale = 1\n    def forward(self, x):\n"
        "        self.scale += 0.1 * self.training\n        return self.scale * super().forward(x)\n"
    )
    sources = {
        "shape.py": GOOD.replace("task.outputs)", "7)"),
        "idle.py": AT_ONCE,
        "raises.py": BAD,
        "state.py": GOOD.replace("return nn.Sequential", "return Scaled") + scaled,
        "probabilities.py": GOOD.replace("nn.ReLU(), last", "nn.ReLU(), last, nn.Softmax(1)"),
        "nan.py": loop("with torch.no_grad():\n    for p in model.parameters(): p.fill_(float('nan'))"),
        "hook.py": GOOD.replace("def build_model", "def build_modl"),
    }
    write(tmp_path, {f"subs/{name}": source for name, source in sources.items()})
    result = grader("check", "subs", cwd=tmp_path, places=places)
    assert result.returncode == 1
    rules = {}
    for part in re.split(r"^subs/", result.stdout, flags=re.MULTILINE)[1:]:
        failed = [line.strip() for line in part.splitlines() if "FAILED" in line]
        rules[part.partition("::")[0]] = [line.removeprefix("FAILED ").partition(":")[0] for line in failed]
    assert rules == {
        "shape.py": ["built, and gives the task's shape"],
        "idle.py": ["training changes the parameters"],
        "raises.py": ["training ends with the budget"],
        "state.py": ["saved and loaded, it predicts the same"],
        "probabilities.py": ["outputs are logits"],
        "nan.py": ["predictions are finite"],
        "hook.py": ["hooks"],
    }


def test_plugins_of_the_configuration_add_commands(tmp_path: Path, places: Path) -> None:
    """They are loaded before the line is read, as those of -p are, from the working folder too."""
    (tmp_path / "pyproject.toml").write_text('[tool.grader]\nplugins = ["my_plugin"]\n')
    (tmp_path / "my_plugin.py").write_text(
        "import click\nfrom grader import hookimpl\n\n@hookimpl\ndef grader_register_commands(cli):\n"
        "    cli.add_command(click.Command('hello', callback=lambda: click.echo('hello')))\n"
    )
    said = grader("hello", cwd=tmp_path, places=places)
    assert (said.returncode, said.stdout, said.stderr) == (0, "hello\n", "")
