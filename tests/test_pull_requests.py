"""The workflow files for submissions by pull request: what they may do, and what their steps do when run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import ROOT
from sessions import GOOD, environment, write

FOLDER = ROOT / "examples" / "pull-requests"
GRADE, COMMENT = (
    yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) for name in ("grade.yml", "grade-comment.yml")
)
JOBS = {"grade": GRADE["jobs"]["grade"], "write": COMMENT["jobs"]["write"], "post": COMMENT["jobs"]["post"]}
PLUGIN = 'from pathlib import Path\n\nPath("loaded").touch()\n'


def steps(job: str) -> dict[str, dict[str, Any]]:
    """The steps that run a script, by name."""
    return {step["name"]: step for step in JOBS[job]["steps"] if "run" in step}


class TestRights:
    def test_strangers_code_runs_without_secrets_and_may_only_read(self) -> None:
        assert [*GRADE[True]] == ["pull_request"]  # `on`, as YAML 1.1 reads it
        assert GRADE["permissions"] == {"contents": "read"}
        assert "secrets" not in (FOLDER / "grade.yml").read_text(encoding="utf-8")
        assert "permissions" not in JOBS["grade"]

    def test_who_may_comment_runs_nothing_and_reads_no_record(self) -> None:
        assert [*COMMENT[True]] == ["workflow_run"]
        assert COMMENT[True]["workflow_run"]["workflows"] == [GRADE["name"]]
        assert COMMENT["permissions"] == {}
        assert JOBS["write"]["permissions"] == {"actions": "read", "contents": "read"}
        assert JOBS["post"]["permissions"] == {"pull-requests": "write"}
        assert [*steps("post")] == ["Post"]
        assert "grader compare" not in steps("post")["Post"]["run"]

    @pytest.mark.parametrize("job", JOBS)
    def test_every_job_ends_in_time_and_keeps_no_credentials(self, job: str) -> None:
        assert 0 < JOBS[job]["timeout-minutes"] <= 60
        for step in JOBS[job]["steps"]:
            if "uses" in step:
                action, _, version = step["uses"].partition("@")
                assert re.fullmatch(r"v\d+", version), action
                if action == "actions/checkout":
                    assert step["with"]["persist-credentials"] is False

    @pytest.mark.parametrize("job", JOBS)
    def test_no_text_from_outside_stands_in_a_script(self, job: str) -> None:
        for step in steps(job).values():
            assert "${{" not in step["run"]

    @pytest.mark.parametrize("job", JOBS)
    def test_scripts_are_bash(self, job: str) -> None:
        for step in steps(job).values():
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)

    def test_runs_of_one_pull_request_follow_each_other(self) -> None:
        assert "pull_request.number" in GRADE["concurrency"]["group"]
        assert "workflow_run.head_branch" in COMMENT["concurrency"]["group"]

    def test_both_speak_of_the_same_baseline(self) -> None:
        assert Path(GRADE["env"]["BASELINE"]).stem == COMMENT["env"]["BASELINE"]
        assert (ROOT / GRADE["env"]["BASELINE"]).is_file()


@dataclass
class Runner:
    """A workspace as GitHub's runner has it: a folder, and the steps' environment."""

    folder: Path
    places: Path
    event: Mapping[str, str]

    def step(self, workflow: dict[str, Any], job: str, name: str) -> subprocess.CompletedProcess[str]:
        """Run a step's script as the runner does."""
        step = steps(job)[name]
        own = {key: self.event[value[3:-2].strip()] for key, value in step.get("env", {}).items()}
        shared = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "BASELINE": "submissions/small_cnn.py" if job == "grade" else "small_cnn",
            "BUDGET": "5 steps",
            "SEEDS": "1",
            "ISOLATION": "auto",
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / step.get("working-directory", "."),
            env={**environment(self.places), **workflow["env"], **shared, **own},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def runner(tmp_path: Path, places: Path) -> Runner:
    """A workspace with a repository whose base has a baseline; `opened` makes a pull request of it."""
    folder = tmp_path / "workspace"
    origin = tmp_path / "origin"
    (folder / "temp").mkdir(parents=True)
    (origin / "submissions").mkdir(parents=True)
    shutil.copy(ROOT / "submissions" / "small_cnn.py", origin / "submissions")
    write(
        origin,
        {
            "pyproject.toml": '[tool.grader]\ntask = "digits"\n',
            "submissions/old.py": GOOD,
            "submissions/gone.py": GOOD,
        },
    )
    git(origin, "init", "--quiet", "--initial-branch=main")
    return Runner(folder, places, {"github.event.pull_request.base.sha": committed(origin)})


def opened(runner: Runner) -> Runner:
    """The workspace after the checkouts: what has been written into the origin since is the pull request."""
    origin = runner.folder.parent / "origin"
    base = runner.event["github.event.pull_request.base.sha"]
    head = committed(origin)
    for place, commit in (("base", base), ("head", head)):
        git(runner.folder, "clone", "--quiet", str(origin), place)
        git(runner.folder / place, "checkout", "--quiet", commit)
    return Runner(runner.folder, runner.places, {**runner.event, "github.event.pull_request.head.sha": head})


def committed(origin: Path) -> str:
    git(origin, "add", "--all")
    git(origin, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "x")
    return git(origin, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_pull_request_is_checked_trained_compared_and_commented_on(runner: Runner) -> None:
    """One submission fails, and both are told of; settings and plugins that it brings are not taken."""
    settings = '[tool.grader]\nplugins = ["mischief"]\n'
    write(
        runner.folder.parent / "origin",
        {
            "submissions/mine_@all.py": GOOD,
            "submissions/broken.py": GOOD.replace("build_model", "build_modle"),
            "submissions/notes.txt": "no submission",
            "pyproject.toml": settings,
            "mischief.py": PLUGIN,
        },
    )
    runner = opened(runner)
    failed = 123  # xargs, of a command that failed
    for name, code in (("Take what has changed", 0), ("Check", failed), ("Run", failed), ("Compare", 0)):
        done = runner.step(GRADE, "grade", name)
        assert done.returncode == code, f"{name}\n{done.stdout}\n{done.stderr}"
        if name == "Run":
            assert "collected 3 submissions, 3 trials" in done.stdout
    assert (runner.folder / "paths").read_bytes() == b"submissions/broken.py\0submissions/mine_@all.py\0"
    assert (runner.folder / "output").read_text(encoding="utf-8") == "some=yes\n"
    assert not list(runner.folder.rglob("loaded"))

    told = done.stdout
    assert told.splitlines()[0].startswith("| submission")
    assert "small\\_cnn" in told
    assert "did you mean build\\_model?" in told
    assert "@all" not in told  # it would call people
    assert (runner.folder / "summary.md").read_text(encoding="utf-8") == told

    for name in ("Bound", "Write"):
        done = runner.step(COMMENT, "write", name)
        assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"
    assert (runner.folder / "temp" / "comment" / "comment.md").read_text(encoding="utf-8") == told


def test_a_pull_request_that_changes_the_baseline_is_told_so_before_anything_is_trained(
    runner: Runner,
) -> None:
    write(runner.folder.parent / "origin", {"submissions/small_cnn.py": GOOD})
    done = opened(runner).step(GRADE, "grade", "Take what has changed")
    assert done.returncode == 1
    assert "::error::the baseline itself is changed" in done.stdout


def test_where_no_submission_has_changed_there_is_nothing_to_train(runner: Runner) -> None:
    write(runner.folder.parent / "origin", {"submissions/notes.txt": "no submission"})
    done = opened(runner).step(GRADE, "grade", "Take what has changed")
    assert done.returncode == 0
    assert "::notice::no submission has changed" in done.stdout
    assert not (runner.folder / "output").exists()
    for name in ("Check", "Run", "Compare"):
        assert "steps.take.outputs.some == 'yes'" in steps("grade")[name]["if"]


def test_a_link_out_of_the_pull_request_is_not_followed(runner: Runner) -> None:
    folder = runner.folder.parent / "origin" / "submissions" / "deep"
    write(folder, {"submission.py": GOOD})
    (folder / "data.txt").symlink_to("/etc/passwd")
    done = opened(runner).step(GRADE, "grade", "Take what has changed")
    assert done.returncode == 1
    assert "::error::a submission holds a symbolic link" in done.stdout
    assert not (runner.folder / "base" / "submissions" / "deep").exists()


def test_a_removed_submission_is_no_change_and_an_edited_one_takes_the_place_of_the_base_s(
    runner: Runner,
) -> None:
    origin = runner.folder.parent / "origin"
    write(origin, {"submissions/old.py": f"{GOOD}# edited\n", "submissions/-k.py": GOOD})
    (origin / "submissions" / "gone.py").unlink()
    done = (runner := opened(runner)).step(GRADE, "grade", "Take what has changed")
    assert done.returncode == 0, done.stderr
    assert (runner.folder / "paths").read_bytes() == b"submissions/-k.py\0submissions/old.py\0"
    assert (runner.folder / "base" / "submissions" / "old.py").read_text().endswith("# edited\n")


@pytest.mark.parametrize("what", ["large", "link"])
def test_what_is_no_set_of_records_gets_no_comment(runner: Runner, what: str) -> None:
    records = runner.folder / "board" / "records"
    records.mkdir(parents=True)
    if what == "large":
        (records / "a.json").write_bytes(os.urandom(102 << 20))
    else:
        (records / "a.json").symlink_to("/etc/passwd")
    done = runner.step(COMMENT, "write", "Bound")
    assert done.returncode == 1
    assert "::error::these are no records of one pull request" in done.stdout
