"""Private test sets: who may read them, what a submission can tell, what is published, final ranks."""

from __future__ import annotations

import json
import math
import random
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import OpenTask
from factories import evidence, record, trial
from sessions import GOOD, IMPORTS, at_home, command, write
from test_score import attempt, labels, manager, outputs, scored
from test_tasks_image_csv import fingerprint_error, shirts, table_error  # noqa: F401 - a fixture

from grader.contract.errors import TaskUnavailable, UsageError
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.task import Arrays
from grader.grading.bundle import make
from grader.host import data
from grader.host import private as privates
from grader.host.cli import make_cli
from grader.host.evidence import read_evidence
from grader.host.private import PrivateStore, check_places
from grader.host.rank import standings
from grader.host.reports.shakeup import in_markdown, in_text, read, written
from grader.host.settings import make_config
from grader.host.shakeup import shake_up
from grader.host.snapshots import Predicted
from grader.host.stats import kendall
from grader.host.store import Store, read_record
from grader.plugins import TASKS, harness_manager, task_definitions
from grader.tasks.embedded import DIGITS
from grader.tasks.private import held_apart

ALL = 359  # test samples of digits
APART = 120  # of which are private here

# Says what it is told and can open; its answers say at which tenth of all inputs it was shown each.
SPY = (
    IMPORTS
    + """
try:
    open({path!r}).read()
    print("it opened the private file")
except OSError:
    pass


@hookimpl
def build_model(task):
    print("told", task)
    return nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, task.outputs))


@hookimpl
def predict(model, inputs):
    print("shown", len(inputs))
    tenths = torch.arange(len(inputs)) * 10 // len(inputs)
    return 0 * model(inputs) + F.one_hot(tenths, 10)
"""
)
BREAKS = f"{IMPORTS}\n\n@hookimpl\ndef train(model):\n    raise ValueError('no good')\n"


def write_own(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


# --- the file that names samples of any task


def definitions(tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return task_definitions(harness_manager((), TASKS), tables)


def refused(path: Path) -> str:
    """The one line with which the host refuses the file before any process starts."""
    with pytest.raises(TaskUnavailable) as caught:
        definitions({"digits": {"private": str(path)}})["digits"].fingerprint(None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no index"),
        ("\n \n", "holds no index"),
        ("3\nx\n", "line 2: 'x' is no index"),
        ("-1\n", "line 1: '-1' is no index"),
        ("1.5\n", "'1.5' is no index"),
        ("7\n\n7\n", "line 3: 7 is there twice, see line 1"),
        ("07\n7\n", "line 2: 7 is there twice, see line 1"),
        ("9" * 30, "is no index"),
    ],
)
def test_a_list_that_is_wrong_is_refused_by_its_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refused(write_own(tmp_path / "private.txt", text))


def test_a_file_that_is_missing_or_that_others_can_open_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    assert f"there is no file {path}" in refused(path)
    assert "there is no file" in refused(tmp_path)
    for mode in (0o640, 0o604, 0o602):
        write_own(path, "1\n", mode)
        assert refused(path).endswith(f"chmod 600 {path}")
    path.chmod(0o600)
    path.write_bytes(b"\xff\xfe1")
    assert "not UTF-8" in refused(path)


def test_a_table_without_a_family_takes_private_alone(tmp_path: Path) -> None:
    for table, problem in (
        ({}, "give private = PATH"),
        ({"private": 3}, "give private = PATH"),
        ({"privat": "a"}, "no key 'privat'; did you mean private?"),
        ({"private": "a", "budget": "3 steps"}, "no key 'budget'"),
    ):
        with pytest.raises(UsageError, match=r"\[tool.grader.tasks.digits\]: .*") as caught:
            definitions({"digits": table})
        assert problem in str(caught.value)
    with pytest.raises(UsageError, match=r"there is no such task; did you mean digits\?"):
        definitions({"digit": {"private": "a"}})


def arrays() -> Arrays:
    inputs, targets = np.arange(8, dtype=np.uint8).reshape(4, 2), np.arange(4)
    return Arrays(inputs, targets, inputs, targets)


def test_the_named_samples_move_to_the_private_set_in_the_test_sets_order(tmp_path: Path) -> None:
    made = held_apart(arrays(), write_own(tmp_path / "private.txt", "3\n1\n"), "digits")
    assert made.private_targets is not None
    assert made.private_inputs is not None
    assert (made.test_targets.tolist(), made.private_targets.tolist()) == ([0, 2], [1, 3])
    assert (made.test_inputs.tolist(), made.private_inputs.tolist()) == ([[0, 1], [4, 5]], [[2, 3], [6, 7]])
    assert len(made.train_targets) == 4


def test_samples_that_are_not_there_and_a_list_of_all_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    for text, problem in (("4\n", "no test sample 4: digits has 0 to 3"), ("0\n1\n2\n3\n", "names all 4")):
        with pytest.raises(TaskUnavailable, match=problem):
            held_apart(arrays(), write_own(path, text), "digits")
    twice = replace(arrays(), private_inputs=arrays().test_inputs, private_targets=arrays().test_targets)
    with pytest.raises(TaskUnavailable, match="of its own"):
        held_apart(twice, write_own(path, "1\n"), "digits")


def test_paths_are_relative_to_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.grader.tasks.digits]\nprivate = 'mine/p.txt'\n[tool.grader.tasks.mnist]\nprivate = '~/p.txt'\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    tables = make_config().task_tables
    assert tables["digits"]["private"] == str(tmp_path / "mine/p.txt")
    assert tables["mnist"]["private"] == str(tmp_path / "home/p.txt")


# --- labels and images of one's own


@pytest.fixture
def held(shirts: dict[str, Any], tmp_path: Path) -> dict[str, Any]:  # noqa: F811
    """Ten images, of which two are a private test set."""
    lines = Path(shirts["labels"]).read_text().splitlines()
    Path(shirts["labels"]).write_text("\n".join(lines[1:9]) + "\n")
    private = write_own(tmp_path / "private.csv", f"{lines[9]}\n{lines[0]}\n")
    return {**shirts, "private": str(private)}


def test_a_private_csv_is_a_test_set_of_its_own(open_named_task: OpenTask, held: dict[str, Any]) -> None:
    task = open_named_task("shirts", tables={"shirts": held})
    assert task.private_targets is not None
    assert task.private_targets.tolist() == [1, 0]
    assert task.task.private
    assert len(task.test_inputs) == task.task.test_samples + 2 == len(task.test_targets) + 2
    entry = next((data.cache_root() / "tasks").glob("shirts-*/"))
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in entry.iterdir()} == dict.fromkeys(
        [f"{part}_{what}.bin" for part in ("train", "test", "private") for what in ("inputs", "targets")]
        + ["manifest.json"],
        "0o600",
    )
    other = write_own(Path(held["private"]).with_name("other.csv"), "tshirt9.png, 1\n")
    again = open_named_task("shirts", tables={"shirts": {**held, "private": str(other)}})
    assert again.task.test_samples == task.task.test_samples
    assert again.task.digest != task.task.digest  # another private set, another track


def test_a_private_csv_is_read_as_strictly_as_any(held: dict[str, Any]) -> None:
    path = Path(held["private"])
    for text, problem in (
        ("tshirt3.png, 0\n", "is a public image too, see"),
        ("tshirt0.png, 7\n", "private.csv, line 1: label 7 is not from 0 to 1"),
        ("tshirt0.png, 0\ntshirt0.png, 0\n", "is there twice"),
        ("", "holds no labels"),
    ):
        write_own(path, text)
        assert problem in fingerprint_error(held)
    write_own(path, "tshirt0.png, 0\n", 0o644)
    assert fingerprint_error(held).endswith(f"chmod 600 {path}")
    path.unlink()
    assert f"there is no file {path}" in fingerprint_error(held)


def test_a_folder_of_private_images_is_shut_as_well(held: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "apart"
    folder.mkdir(mode=0o755)
    table = {**held, "private_images": str(folder)}
    assert fingerprint_error(table).endswith(f"chmod -R go= {folder}")
    del table["private"]
    assert table_error(table) == "private_images needs private"


# --- where it may lie


@pytest.mark.parametrize("place", ["subs/private.txt", "board/private.txt", "libs/deep/private.txt"])
def test_it_may_not_lie_where_submissions_read_or_all_is_published(tmp_path: Path, place: str) -> None:
    (tmp_path / "libs").mkdir()
    submission = msgspec.structs.replace(trial().submission, entry=str(tmp_path / "subs" / "mlp.py"))
    config = replace(make_config(), leaderboard=tmp_path / "board", libraries=(tmp_path / "libs",))
    for name, fine in ((place, False), ("private/private.txt", True)):
        made = {"digits": replace(definitions({})["digits"], private=(tmp_path / name,))}
        if fine:
            check_places(made, [submission], config)
            continue
        with pytest.raises(UsageError, match=r"tells the private test set, and lies .*; move it"):
            check_places(made, [submission], config)


# --- scoring: outputs for more samples than there are public targets


class TestScoring:
    def test_the_record_tells_of_the_public_samples_alone(self) -> None:
        logits, targets = outputs(50, 10), labels(30, 10)
        whole = attempt(logits=logits, sample=np.arange(50), sample_logits=logits)
        alone = attempt(logits=logits[:30], sample=np.arange(30), sample_logits=logits[:30])
        one, other = scored(whole, targets), scored(alone, targets)
        assert (one.metrics, one.correct, one.notes) == (other.metrics, other.correct, other.notes)

    def test_what_is_asked_of_all_outputs_does_not_tell_which_are_public(self) -> None:
        """Else a submission would mark one input, and read in its record whether that is public."""
        targets = labels(30, 10)
        for at in (3, 40):
            logits = outputs(50, 10)
            logits[at, 0] = np.nan
            made = scored(attempt(logits=logits), targets)
            assert (made.status, made.metrics) == (Status.DIVERGED, {})
            assert "1 of 50" in made.reason
            shares = np.full((50, 10), 0.1, np.float32)
            assert "probabilities" in str(scored(attempt(logits=shares), targets).notes)
            shares[at, 0] = 2.0
            assert "probabilities" not in str(scored(attempt(logits=shares.copy()), targets).notes)

    def test_knowledge_brought_along_is_looked_for_among_public_samples(self) -> None:
        targets = labels(30, 10)
        knows = (5 * np.eye(10)[np.concatenate([targets, labels(20, 10)])]).astype(np.float32)
        made = scored(attempt(logits=knows, sample=np.arange(50)[::-1], sample_logits=knows[::-1]), targets)
        assert "on 30 test samples: it brought its knowledge along" in str(made.notes)
        only_private = attempt(logits=knows, sample=np.arange(30, 50), sample_logits=knows[30:])
        assert not scored(only_private, targets).notes

    def test_snapshots_are_scored_on_the_public_samples(self) -> None:
        from grader.contract.target import Target

        logits, targets = outputs(50, 10), labels(30, 10)
        made = attempt(logits=logits, snapshots=[Predicted(1.0, 1.0, logits)], train_seconds=2.0)
        made.trial = msgspec.structs.replace(made.trial, target=Target.parse("accuracy=0.5"))
        first, last = scored(made, targets).test_curve
        assert first.metrics == last.metrics == scored(attempt(logits=logits[:30]), targets).metrics

    def test_the_private_samples_are_scored_by_plugins_too(self) -> None:
        class Counting:
            from grader import hookimpl

            @hookimpl
            def grader_metrics(self, targets: Any) -> dict[str, float]:
                return {"samples": float(len(targets))}

        logits, targets = outputs(50, 10), labels(50, 10)
        made = attempt(msgspec.structs.replace(DIGITS, private=True), logits=logits)
        public = scored(made, targets[:30], Counting())
        assert public.task.split == "public"
        private, proof = privates.scored(made, public, targets[30:], manager(Counting()).hook)
        assert (public.metrics["samples"], private.metrics["samples"]) == (30, 20)
        assert private.correct == int((logits[30:].argmax(axis=1) == targets[30:]).sum())
        assert proof.predictions.tolist() == logits[30:].argmax(axis=1).tolist()
        assert (private.task.split, private.task.test_samples) == ("private", 20)
        assert private.task.digest != public.task.digest


# --- the host's own store


def test_a_rerun_replaces_its_private_result_and_another_outcome_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_STATE", str(tmp_path / "state"))
    (tmp_path / "state" / "private").mkdir(parents=True, mode=0o755)
    store, public = PrivateStore(), record()
    for correct in (400, 410):
        part = privates.private_task(public.task, 500)
        private = record(correct=correct, task=part)
        store.keep(public, private, evidence(correct))
        kept = store.result(public)
        assert kept is not None
        assert kept.record == private
    assert len(list(store.directory.glob("*.json"))) == 1
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    for other in (record(correct=449), record(seed=1), record(digest="ab" * 32)):
        assert store.result(other) is None


# --- a session, and what it leaves behind


@dataclass(frozen=True)
class Home:
    """A folder in which a session has run on digits, of which some test samples are private."""

    root: Path
    places: Path
    said: str

    @property
    def public(self) -> dict[tuple[str, int], Record]:
        found, problems = Store(self.root / "leaderboard").read()
        assert not problems
        return {(each.submission.name, each.seed): each for each in found}

    @contextmanager
    def inside(self) -> Iterator[None]:
        with at_home(self.root, self.places):
            yield

    def private(self, public: Record) -> Path:
        """The file of the host's own that holds the private result."""
        with self.inside():
            return PrivateStore().place(public)

    def grader(self, *arguments: str) -> Result:
        """The command, in this process."""
        with self.inside():
            return CliRunner().invoke(make_cli(harness_manager(["no:html"])), [*arguments])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, places: Path) -> Home:
    root = tmp_path_factory.mktemp("private")
    apart = random.Random(0).sample(range(ALL), APART)
    path = write_own(root / "private.txt", "".join(f"{index}\n" for index in apart))
    write(
        root,
        {
            "subs/good.py": GOOD,
            "subs/spy.py": SPY.replace("{path!r}", repr(str(path))),
            "subs/breaks.py": BREAKS,
            "pyproject.toml": '[tool.grader.tasks.digits]\nprivate = "private.txt"\n',
        },
    )
    wishes = ("--budget", "3 steps", "--seeds", "2", "--device", "cpu", "-vv", "--log", "events.jsonl")
    done = command("run", "subs", *wishes, cwd=root, places=places)
    assert done.returncode == 1, done.stdout + done.stderr  # one of them breaks
    return Home(root, places, done.stdout + done.stderr)


def test_public_and_private_metrics_are_those_of_their_own_samples(home: Home) -> None:
    """Held against the labels of scikit-learn, of the samples that the file names."""
    from sklearn.datasets import load_digits
    from sklearn.metrics import accuracy_score

    from grader.tasks.split import stratified

    targets = load_digits().target
    targets = targets[stratified(targets, 0.2, 0)[1]]
    apart = np.zeros(len(targets), bool)
    apart[[int(line) for line in (home.root / "private.txt").read_text().split()]] = True
    assert (len(targets), apart.sum()) == (ALL, APART)
    for (name, _), public in home.public.items():
        if name == "breaks":
            assert not home.private(public).exists()
            continue
        private = read_record(home.private(public))
        for one, file, part in (
            (public, Store(home.root / "leaderboard").path(public), ~apart),
            (private, home.private(public), apart),
        ):
            proof = read_evidence(file.with_suffix(".npz"), one)
            assert one.task.test_samples == part.sum()
            assert one.metrics["accuracy"] == accuracy_score(targets[part], proof.predictions)
            assert one.correct == (targets[part] == proof.predictions).sum()


def test_a_submission_cannot_tell_private_inputs_by_their_place(home: Home) -> None:
    """The spy's answers are the tenth of all inputs in which each came: there are some of both in each."""
    public = home.public["spy", 0]
    counts = []
    for one, file in (
        (public, Store(home.root / "leaderboard").path(public)),
        (read_record(home.private(public)), home.private(public)),
    ):
        proof = read_evidence(file.with_suffix(".npz"), one)
        assert len(np.unique(np.diff(proof.predictions.astype(int)))) > 5  # in no order of the host's
        counts.append(np.bincount(proof.predictions, minlength=10))
    assert np.min(counts) > 0
    assert np.sum(counts, axis=0).min() >= ALL // 10  # both were shown together


def test_a_submission_is_told_no_more_than_the_public_count(home: Home) -> None:
    spy = home.public["spy", 0]
    assert f"test_samples={ALL - APART}" in spy.output
    assert str(APART) not in spy.output
    assert "shown" in spy.output  # in the worker that trains; what the one prints that predicts nobody keeps
    assert f"shown {ALL}" not in spy.output
    if spy.isolation in {"strict", "landlock"}:
        assert "it opened the private file" not in spy.output


def secrets(home: Home) -> list[bytes]:
    """What may stand in nothing that people get: numbers and digests of the private side."""
    found: set[str] = {str(home.root / "private.txt"), str(home.places / "state" / "private")}
    scored = [public for (name, _), public in home.public.items() if name != "breaks"]
    for public in scored:
        private = read_record(home.private(public))
        found |= {private.task.digest, home.private(public).stem}
        # a short number may stand anywhere by chance, and is an accuracy at times
        found |= {repr(value) for value in private.metrics.values() if len(repr(value)) > 10}
    assert len(found) >= 3 + 2 * len(scored), "two places, the digest, and of each its file and its loss"
    return [text.encode() for text in found]


def test_nothing_that_is_published_or_printed_tells_of_private_results(home: Home) -> None:
    shown = [home.said]
    for arguments in (
        ("leaderboard", "--matrix"),
        ("show", "subs/good.py::digits[seed=0]"),
        ("compare", "good", "spy", "--samples"),
        ("records", "--json"),
    ):
        result = home.grader(*arguments)
        assert result.exit_code == 0, result.output
        shown.append(result.output)
    published = [path.read_bytes() for path in (home.root / "leaderboard").rglob("*") if path.is_file()]
    published.append((home.root / "events.jsonl").read_bytes())
    own = [path.read_bytes() for path in (home.places / "state" / "private").glob("*.npz")]
    for content in (*published, *(text.encode() for text in shown)):
        for secret in secrets(home):
            assert secret not in content
        assert content not in own
    good = [each.metrics["accuracy"] for each in home.public.values() if each.metrics]
    told = set(re.findall(r"ok +accuracy ([0-9.]+) %", home.said))
    assert told == {f"{100 * accuracy:.2f}" for accuracy in good}
    assert not (home.root / "leaderboard" / "final").exists()
    assert f"on {ALL - APART} public test samples" in (home.root / "leaderboard" / "README.md").read_text()


def test_the_hosts_own_store_is_for_its_user_alone(home: Home) -> None:
    folder = home.places / "state" / "private"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.iterdir() if path.is_file()]
    assert len(files) >= 8
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_record_without_its_private_result_is_run_again(home: Home) -> None:
    arguments = ["run", "subs/good.py", "--budget", "3 steps", "--seeds", "2", "--device", "cpu"]
    assert "0 to run" in home.grader(*arguments, "--dry-run").output
    path = home.private(home.public["good", 1]).with_suffix(".npz")
    whole = path.read_bytes()
    for damage in (whole[:-20], b""):
        path.write_bytes(damage)
        said = home.grader(*arguments, "--dry-run").output
        assert "good.py::digits[seed=1]: no private result here" in said
    done = command(*arguments, cwd=home.root, places=home.places)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "trained again, as their results on the private test set are not on this host: 1 trial" in done.stdout
    )
    assert path.read_bytes() == whole


def test_its_data_go_into_no_bundle(home: Home) -> None:
    with home.inside():
        config = make_config()
        definition = definitions(dict(config.task_tables))["digits"]  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="digits has a private test set, which stays on this host"):
            make._prepared(definition, config)


def test_a_record_is_verified_by_its_public_side(home: Home) -> None:
    before = {path: path.read_bytes() for path in (home.places / "state" / "private").iterdir()}
    done = command("verify", "-k", "good and seed=0", cwd=home.root, places=home.places)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("identical"), done.stdout
    assert before == {path: path.read_bytes() for path in (home.places / "state" / "private").iterdir()}


# --- the final leaderboard


@pytest.fixture(scope="module")
def final(home: Home) -> Result:
    result = home.grader("leaderboard", "--final")
    assert result.exit_code == 0, result.output
    return result


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_final_ranks_by_the_private_samples(home: Home, final: Result) -> None:
    told = json.loads((home.root / "leaderboard" / "final" / "leaderboard.json").read_bytes())
    (table,) = told["tables"]
    assert (table["task"]["split"], table["task"]["test_samples"]) == ("private", APART)
    rows = {row["name"]: row for row in table["rows"]}
    for name in ("good", "spy"):
        results = [read_record(home.private(home.public[name, seed])) for seed in (0, 1)]
        mean = math.fsum(each.metrics["accuracy"] for each in results) / 2
        assert rows[name]["metrics"]["accuracy"]["mean"] == pytest.approx(mean)
        assert rows[name]["interval"]
        assert not rows[name]["unproven"]
    assert rows["breaks"]["rank"] is None
    assert "crashed" in rows["breaks"]["status"]
    readme = (home.root / "leaderboard" / "final" / "README.md").read_text()
    assert f"{APART} private test samples" in readme
    assert "[shake-up.md](shake-up.md)" in readme
    assert "private test samples" not in (home.root / "leaderboard" / "README.md").read_text()


def test_final_shows_what_moved(home: Home, final: Result) -> None:
    folder = home.root / "leaderboard" / "final"
    told = json.loads((folder / "shake-up.json").read_bytes())
    (track,) = told["tracks"]
    names = [row["name"] for row in track["rows"]]
    assert set(names) == {"good", "spy", "breaks"}
    row = track["rows"][names.index("good")]
    public = [home.public["good", seed].metrics["accuracy"] for seed in (0, 1)]
    assert row["public"] == pytest.approx(sum(public) / 2)
    for text in (final.output, (folder / "shake-up.md").read_text()):
        assert "Kendall's tau" in text
        assert "private #" in text


def test_the_final_leaderboard_is_made_again_from_what_was_published(home: Home, final: Result) -> None:
    folder = home.root / "leaderboard" / "final"
    before = tree(folder)
    assert home.grader("leaderboard", "--leaderboard", str(folder)).exit_code == 0
    assert tree(folder) == before
    assert home.grader("leaderboard", "--final").exit_code == 0
    assert tree(folder) == before


def test_a_row_without_private_results_is_named_and_kept(home: Home, final: Result) -> None:
    folder = home.root / "leaderboard" / "final"
    before = tree(folder)
    lost = [home.private(home.public["spy", seed]) for seed in (0, 1)]
    kept = {path: path.read_bytes() for path in lost}
    for path in lost:
        path.unlink()
    result = home.grader("leaderboard", "--final")
    assert result.exit_code == 1
    assert "no private result on this host: subs/spy.py::digits[seed=1]" in result.output
    (table,) = json.loads((folder / "leaderboard.json").read_bytes())["tables"]
    (row,) = [row for row in table["rows"] if row["name"] == "spy"]
    assert (row["rank"], row["ok"], row["counted"]) == (None, 0, 0)
    assert "no private result" in row["failures"][0]["reason"]
    for path, content in kept.items():
        path.write_bytes(content)
    assert home.grader("leaderboard", "--final").exit_code == 0
    assert tree(folder) == before


def test_what_counts_no_more_leaves_the_final_leaderboard(home: Home, final: Result) -> None:
    folder = home.root / "leaderboard" / "final"
    before = tree(folder)
    public = home.public["spy", 1]
    path = Store(home.root / "leaderboard").path(public)
    content = path.read_bytes()
    path.unlink()
    assert home.grader("leaderboard", "--final").exit_code == 0
    gone = {name for name in before if name not in tree(folder)}
    assert {Path(name).suffix for name in gone} == {".json", ".npz"}
    assert all("spy-s1" in name for name in gone)
    path.write_bytes(content)
    assert home.grader("leaderboard", "--final").exit_code == 0
    assert tree(folder) == before


def test_records_of_the_private_side_are_not_verified(home: Home, final: Result) -> None:
    folder = home.root / "leaderboard" / "final"
    result = home.grader("verify", "--no-train", "--leaderboard", str(folder), "-k", "good and seed=0")
    assert result.exit_code == 1
    assert "verify the public record of the same training" in result.output


def test_without_a_private_test_set_there_is_nothing_to_publish(tmp_path: Path, places: Path) -> None:
    store = Store(tmp_path / "board")
    store.write(record("mlp", seed=1))
    with at_home(tmp_path, places):
        cli = make_cli(harness_manager(["no:html"]))
        result = CliRunner().invoke(cli, ["leaderboard", "--final", "--leaderboard", str(store.directory)])
        assert result.exit_code == 4
        assert "has no record of a task with a private test set" in result.output
        held = msgspec.structs.replace(record("mlp").task, split="public")
        store.write(record("mlp", task=held))
        result = CliRunner().invoke(cli, ["leaderboard", "--final", "--leaderboard", str(store.directory)])
        assert result.exit_code == 4
        assert "no private result of 1 record is in" in result.output
    assert not (store.directory / "final").exists()


# --- the shake-up, as a function of two tables


def test_kendalls_tau_is_that_of_scipy() -> None:
    from scipy.stats import kendalltau

    chance = random.Random(0)
    for size in (2, 3, 10, 40):
        for levels in (2, 5, 1000):
            a, b = ([float(chance.randrange(levels)) for _ in range(size)] for _ in "ab")
            mine = kendall(a, b)
            theirs = kendalltau(a, b).statistic
            assert mine == pytest.approx(theirs) if mine is not None else math.isnan(theirs)
    assert kendall([], []) is None


def test_a_shake_up_tells_ranks_differences_and_who_left_the_interval() -> None:
    held = msgspec.structs.replace(record().task, split="private")
    correct = {"fell": (480, 400), "same": (450, 450), "rose": (400, 480)}
    public, private = (
        standings([record(name, correct=both[side], task=split) for name, both in correct.items()]).tables[0]
        for side, split in enumerate((record().task, held))
    )
    made = shake_up(public, private)
    assert [(row.name, row.outside) for row in made.rows] == [
        ("rose", "better"),
        ("same", ""),
        ("fell", "worse"),
    ]
    assert [row.difference for row in made.rows] == pytest.approx([0.16, 0.0, -0.16])
    assert made.tau == -1
    for text in (in_text(made, 120), in_markdown([made])):
        assert "1 row scored worse than the 95 % interval" in text.replace("\n", " ")
        assert "Kendall's tau -1.00" in text


def test_names_in_a_shake_up_are_text(tmp_path: Path) -> None:
    from grader.host.archive import Archive
    from grader.host.reports.make import made as page

    ranked = standings([record(name) for name in ("<script>", "a|b\n# c", "\x1b[31m")])
    made = shake_up(ranked.tables[0], ranked.tables[0])
    html, _ = page(msgspec.structs.replace(ranked, tables=()), Archive({}), "", [made])
    for text in (in_text(made), in_markdown([made]), html):
        assert "\x1b" not in text
    assert "<script>" not in in_markdown([made])
    assert "&lt;script&gt;" in html
    assert html.count("<script>") == 1  # the page's own
    assert "shake-up: digits" in html


def test_a_shake_up_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    table = standings([record()]).tables[0]
    written([shake_up(table, table)], tmp_path)
    assert read(tmp_path) == (shake_up(table, table),)
    for damage in (b"", b"{}", b'{"tracks": [], "grader": "other"}', b"\xff"):
        (tmp_path / "shake-up.json").write_bytes(damage)
        assert read(tmp_path) == ()
