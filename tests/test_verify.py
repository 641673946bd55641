"""`grader verify` trains again and says of each record whether it is true; forged ones do not pass."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import factories
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from factories import failed, record, task, timed
from sessions import GOOD, IMPORTS, STEP, at_home, command, write

from grader import hookimpl
from grader.contract.budget import Budget
from grader.contract.errors import NothingCollected, UsageError
from grader.contract.record import CurvePoint, DeviceInfo, Record, TestPoint, Timing, Usage
from grader.contract.status import Phase, Status
from grader.contract.task import DataPlaces
from grader.contract.trial import Trial
from grader.host import data, environment
from grader.host.claims import claims
from grader.host.cli import make_cli
from grader.host.conditions import Machine
from grader.host.device import available_cores
from grader.host.evidence import Evidence, evidence_of, read_evidence
from grader.host.filters import filters
from grader.host.listing import Entry, entries
from grader.host.rank import Place
from grader.host.settings import make_config
from grader.host.stats import t_quantile, wilson
from grader.host.store import Store, stem
from grader.host.suspicion import another_curve, predicted, suspicions
from grader.host.verdict import Contradiction, Outcome, Verdict, check_against, compared, evidence_beside
from grader.host.verdict import interval as interval_of
from grader.plugins import harness_manager, task_definitions

ROOT = Path(__file__).parents[1]
LOOP = f"""{IMPORTS}{STEP}

@hookimpl
def train(model, train_loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    while True:
        for x, y in train_loader:
            step(model, optimizer, x, y)
"""
BREAKS = f"{IMPORTS}\n\n@hookimpl\ndef train(model):\n    raise ValueError('no good')\n"
BUDGET = "20 steps"
replace = msgspec.structs.replace


class Said(NamedTuple):
    """What was said of one record."""

    verdict: str
    why: str


def said(stdout: str) -> dict[str, Said]:
    """By node id and budget, what was printed of each record."""
    found: dict[str, Said] = {}
    name = ""
    for line in stdout.splitlines():
        verdict = next((each for each in Verdict if line.startswith(f"{each} ")), None)
        if verdict:
            name = line.removeprefix(verdict).strip()
            found[name] = Said(verdict, "")
        elif line.startswith("    "):
            found[name] = Said(found[name].verdict, f"{found[name].why}{line.strip()}\n")
    return found


def verify(*arguments: str, cwd: Path, places: Path) -> subprocess.CompletedProcess[str]:
    result = command("verify", *arguments, cwd=cwd, places=places)
    assert "Traceback" not in result.stdout + result.stderr
    return result


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def found(home: Path, name: str, seed: int = 0) -> tuple[Path, Record]:
    """The record of this submission, as the run left it, and its file."""
    store = Store(home / "leaderboard")
    return next(
        (Path(path), each)
        for path, each in store.read_files()[0].items()
        if (each.submission.name, each.seed) == (name, seed)
    )


def edited(path: Path, one: Record, **changes: Any) -> Record:
    """Change fields in the file, and leave its name and evidence as they are."""
    changed = replace(one, **changes)
    path.write_bytes(msgspec.json.encode(changed))
    return changed


def forged(path: Path, one: Record, evidence: Evidence | None = None, **changes: Any) -> Path:
    """Change fields in the place of the true record, and bind evidence to them: as one who knows how."""
    home, evidence = path.parents[3], evidence or read_evidence(path.with_suffix(".npz"))
    path.unlink()
    path.with_suffix(".npz").unlink()
    return Store(home / "leaderboard").write(replace(one, **changes), evidence)


def targets_of(evidence: Evidence) -> np.ndarray[Any, Any]:
    """What the test targets may be, as far as an evidence tells: right where it says so."""
    assert evidence.correct is not None
    return np.where(evidence.correct, evidence.predictions, (evidence.predictions + 1) % 10).astype(np.int64)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, places: Path) -> Path:
    """A folder with a model, a loop, one that breaks, the pairs of them, and their records."""
    folder = tmp_path_factory.mktemp("true")
    write(folder, {"subs/model.py": GOOD, "subs/loop.py": LOOP, "subs/breaks.py": BREAKS})
    wishes = ("--cross", "--budget", BUDGET, "--seeds", "2", "--device", "cpu", "-q")
    assert command("run", "subs", *wishes, cwd=folder, places=places).returncode == 1
    return folder


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    """The same folder, to be tampered with."""
    return Path(shutil.copytree(home, tmp_path / "copy"))


# --- the truth ---


def test_what_is_true_is_identical_failures_and_pairs_among_it(home: Path, places: Path) -> None:
    before = files(home)
    result = verify(cwd=home, places=places)
    assert (result.returncode, result.stderr) == (0, "")
    names = ("breaks", "loop", "model", "model+breaks", "model+loop")
    paths = ["+".join(f"subs/{part}.py" for part in name.split("+")) for name in names]
    assert said(result.stdout) == {
        f"{path}::digits[seed={seed}], {BUDGET}": Said("identical", "") for path in paths for seed in (0, 1)
    }
    assert "10 identical in " in result.stdout.splitlines()[-1]
    assert files(home) == before, "nothing is written"


class Spy:
    """Keeps the trials of sessions."""

    def __init__(self) -> None:
        self.trials: list[str] = []

    @hookimpl
    def grader_session_start(self, trials: Sequence[Trial]) -> None:
        self.trials += [trial.node_id for trial in trials]


def test_names_and_filters_settle_which_trials_are_trained_and_no_other_is(home: Path, places: Path) -> None:
    manager, spy = harness_manager(), Spy()
    manager.register(spy)
    arguments = ["verify", "loop", "model+loop", "-k", "seed=1", "--task", "digits"]
    with at_home(home, places):
        result = CliRunner().invoke(make_cli(manager), arguments)
    assert result.exit_code == 0
    ids = ["subs/loop.py::digits[seed=1]", "subs/model.py+subs/loop.py::digits[seed=1]"]
    assert spy.trials == ids
    assert list(said(result.stdout)) == [f"{each}, {BUDGET}" for each in ids]


def test_without_training_it_says_what_fits(home: Path, places: Path) -> None:
    result = verify("--no-train", cwd=home, places=places)
    assert result.returncode == 0
    assert {each.verdict for each in said(result.stdout).values()} == {"consistent"}


# --- what is not ---


@pytest.fixture(scope="module")
def tampered(home: Path, places: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One board with a forgery of each kind that only training finds out, verified."""
    folder = Path(shutil.copytree(home, tmp_path_factory.mktemp("forged") / "copy"))
    path, one = found(folder, "model", 1)
    forged(path, one, seed=7, submission=replace(one.submission))
    path, one = found(folder, "loop")
    forged(path, one, metrics=one.metrics | {"loss": one.metrics["loss"] - 0.001})
    path, one = found(folder, "loop", 1)
    evidence = read_evidence(path.with_suffix(".npz"))
    with at_home(folder, places):
        targets = _targets()
    better = evidence.predictions.astype(np.int64)
    wrong = np.flatnonzero(better != targets)
    better[wrong[: len(wrong) // 2]] = targets[wrong[: len(wrong) // 2]]
    right = int(np.sum(better == targets))
    metrics = one.metrics | {"accuracy": right / len(targets)}
    forged(path, one, evidence_of(better, targets), correct=right, metrics=metrics)
    path, one = found(folder, "model+loop")
    swapped = read_evidence(path.with_suffix(".npz")).predictions.astype(np.int64)
    one_wrong, one_right = np.flatnonzero(swapped != targets)[0], np.flatnonzero(swapped == targets)[0]
    swapped[one_wrong], swapped[one_right] = targets[one_wrong], (targets[one_right] + 1) % 10
    forged(path, one, evidence_of(swapped, targets))
    path, one = found(folder, "model+loop", 1)
    elsewhere = replace(one.environment, numpy="1.0")
    forged(path, one, environment=elsewhere, metrics=one.metrics | {"loss": one.metrics["loss"] - 0.001})
    path, one = found(folder, "breaks")
    Store(folder / "leaderboard").write(replace(one, status=Status.TIMEOUT))
    path, one = found(folder, "model")
    assert one.model is not None
    edited(path, one, model=replace(one.model, parameters=12))
    result = verify(cwd=folder, places=places)
    return result.returncode, said(result.stdout), result.stdout


def _targets() -> np.ndarray[Any, Any]:
    """The test targets of digits, as the host has them."""
    definition = task_definitions(harness_manager(), {})["digits"]
    places = DataPlaces(data=None, downloads=data.cache_root() / "downloads")
    with data.open_task(definition, places, data.cache_root()) as opened:
        return opened.test_targets.astype(np.int64)


def node(name: str, seed: int = 0) -> str:
    path = "+".join(f"subs/{part}.py" for part in name.split("+"))
    return f"{path}::digits[seed={seed}], {BUDGET}"


def test_a_changed_seed_is_found_out_though_all_else_was_made_to_fit(tampered: Any) -> None:
    code, found, _ = tampered
    assert code == 1
    assert found[node("model", 7)].verdict == "not reproduced"
    assert "against the recorded" in found[node("model", 7)].why
    assert "suspicious: its curve is another run's: after 20 steps" in found[node("model", 7)].why


def test_a_loss_that_was_edited_is_found_out_by_its_bits(tampered: Any) -> None:
    verdict, why = tampered[1][node("loop")]
    assert verdict == "not reproduced"
    assert "loss " in why
    assert "within the 95 % interval" in why
    assert "the same seed gives the same bits" in why


def test_a_score_with_predictions_to_match_is_found_out(tampered: Any) -> None:
    verdict, why = tampered[1][node("loop", 1)]
    assert verdict == "not reproduced"
    assert "accuracy " in why
    assert "outside the 95 % interval" in why


def test_predictions_exchanged_under_the_same_scores_are_found_out(tampered: Any) -> None:
    verdict, why = tampered[1][node("model+loop")]
    assert verdict == "not reproduced"
    assert "the scores are the same, and 2 of 359 test predictions are not" in why


def test_where_the_same_bits_are_not_to_be_expected_the_interval_decides(tampered: Any) -> None:
    verdict, why = tampered[1][node("model+loop", 1)]
    assert verdict == "reproduced"
    assert "the same bits are not to be expected: numpy 1.0 then, " in why


def test_a_failure_of_another_kind_is_told_with_both(tampered: Any) -> None:
    verdict, why = tampered[1][node("breaks")]
    assert verdict == "not reproduced"
    assert why.startswith("crashed in train (ValueError while training: no good")
    assert "here, timeout in train (" in why
    assert tampered[1][node("breaks", 1)].verdict == "identical"


def test_the_size_of_a_model_is_held_to_it_as_well(tampered: Any) -> None:
    verdict, why = tampered[1][node("model")]
    assert verdict == "not reproduced"
    assert "1,210 parameters against the recorded 12" in why


def test_the_line_at_the_end_counts(tampered: Any) -> None:
    end = tampered[2].splitlines()[-1]
    assert " 3 identical, 1 reproduced, 6 not reproduced, 1 suspicious in " in end


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": {"accuracy": 0.99, "loss": 0.1}}, "evidence of another run than its record"),
        ({"correct": 358}, "evidence of another run than its record"),
        ({"seed": 5}, "its submission, task, budget, seed or version was edited"),
        ({"budget": "10 steps"}, "its submission, task, budget, seed or version was edited"),
    ],
    ids=["metrics", "correct", "seed", "budget"],
)
def test_an_edited_record_is_found_out_without_training(
    copy: Path, places: Path, changes: dict[str, Any], words: str
) -> None:
    path, one = found(copy, "model")
    edited(path, one, **changes)
    for arguments in ((str(path),), (str(path), "--no-train")):
        result = verify(*arguments, cwd=copy, places=places)
        assert result.returncode == 1
        (only,) = said(result.stdout).values()
        assert only.verdict == "not reproduced"
        assert words in only.why


def test_marks_that_were_changed_with_the_score_are_held_against_the_targets(
    copy: Path, places: Path
) -> None:
    path, one = found(copy, "model")
    evidence = read_evidence(path.with_suffix(".npz"))
    right = evidence_of(evidence.predictions.astype(np.int64), evidence.predictions.astype(np.int64))
    path = forged(path, one, right, correct=359, metrics={"accuracy": 1.0, "loss": 0.01})
    (only,) = said(verify(str(path), cwd=copy, places=places).stdout).values()
    assert only.verdict == "not reproduced"
    assert "test predictions are marked otherwise than the task's targets say" in only.why


def test_evidence_that_is_gone_does_not_pass(copy: Path, places: Path) -> None:
    path, one = found(copy, "model")
    path.with_suffix(".npz").unlink()
    result = verify(stem(one), "--no-train", cwd=copy, places=places)
    assert result.returncode == 1
    assert "there is no evidence" in said(result.stdout)[node("model")].why


# --- what cannot be told here ---


def unchecked(copy: Path, places: Path, *names: str) -> str:
    """What is said of the only record, which cannot be checked."""
    result = verify(*names, cwd=copy, places=places)
    assert (result.returncode, result.stderr) == (1, "")
    (only,) = said(result.stdout).values()
    assert only.verdict == "cannot be checked here"
    assert only.why.count("\n") == 1
    return only.why


@pytest.mark.parametrize("name", ["loop", "model+loop"])
def test_a_changed_file_is_named_alone_and_in_a_pair(copy: Path, places: Path, name: str) -> None:
    (copy / "subs/loop.py").write_text(f"{LOOP}\n# better\n", encoding="utf-8")
    why = unchecked(copy, places, name, "-k", "seed=0")
    assert why.startswith("subs/loop.py has changed since (digest ")
    assert "check out the files of then" in why


def test_a_file_that_is_gone_is_named_with_the_nearest(copy: Path, places: Path) -> None:
    (copy / "subs/loop.py").rename(copy / "subs/loops.py")
    why = unchecked(copy, places, "loop", "-k", "seed=0")
    assert "loop.py: no such file or folder, nor an installed submission; did you mean " in why


def test_changed_data_are_named(copy: Path, places: Path) -> None:
    path, one = found(copy, "model")
    path = forged(path, one, task=replace(one.task, digest="0" * 64))
    why = unchecked(copy, places, str(path))
    assert why.startswith("the data of digits have changed since (digest 0000000000 then, ")
    assert "--data" in why


def test_a_device_that_is_not_here_is_named(
    copy: Path, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    path, one = found(copy, "model")
    path = forged(path, one, device=replace(one.device, kind="cuda", name="A GPU\x1b[31m"))
    why = unchecked(copy, places, str(path))
    assert why.startswith(r"it was trained on cuda (A GPU\x1b[31m), and this machine has none")
    assert verify(str(path), "--no-train", cwd=copy, places=places).returncode == 0, "nothing is asked of it"


def test_seconds_count_on_a_processor_like_the_recorded_one_alone(copy: Path, places: Path) -> None:
    path, one = found(copy, "model")
    path = forged(path, one, budget="1s", device=replace(one.device, name="Abacus"))
    assert unchecked(copy, places, str(path)).startswith("1s are worth what Abacus does in them, and this ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rules": 2}, "it was trained and scored under rules 2, and this grader has rules 1"),
        ({"seed": 2**40}, "its seed 1099511627776 is none that grader gives"),
        ({"budget": "a while"}, "cannot read the budget 'a while'"),
        ({"isolation": "iron"}, "this grader knows no isolation iron"),
        ({"status": Status.HARNESS_ERROR}, "a fault of grader, which says nothing of its submission"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_this_grader_would_not_run_is_said(
    copy: Path, places: Path, changes: dict[str, Any], words: str
) -> None:
    path, one = found(copy, "model")
    assert words in unchecked(copy, places, str(forged(path, one, **changes)))


def test_a_record_names_a_path_and_what_is_there_is_not_looked_through(copy: Path, places: Path) -> None:
    path, one = found(copy, "model")
    path = forged(path, one, submission=replace(one.submission, path="/"))
    assert unchecked(copy, places, str(path)) == "/ is a folder without a submission.py or __init__.py\n"


def test_a_task_that_is_not_here_is_named(copy: Path, places: Path) -> None:
    path, one = found(copy, "model")
    path = forged(path, one, task=replace(one.task, name="digit"))
    assert "there is no task digit here; did you mean digits?" in unchecked(copy, places, str(path))


# --- the command ---


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nobody",), 4, "no record is named 'nobody'"),
        (("modle",), 4, "did you mean model"),
        (("-k", "nobody"), 5, "no record matches, of 10"),
        (("--task", "digit"), 5, "did you mean digits?"),
        (("--leaderboard", "nowhere"), 4, "holds no records/ folder"),
        (("-n", "1000"), 4, "-n 1000: so many slots"),
    ],
)
def test_what_means_no_record_is_one_line(
    home: Path, places: Path, arguments: Sequence[str], code: int, words: str
) -> None:
    result = verify(*arguments, cwd=home, places=places)
    assert (result.returncode, result.stderr.count("\n")) == (code, 1)
    assert words in result.stderr


def test_an_interruption_is_exit_code_2_and_says_how_far_it_came(
    home: Path, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any) -> list[Record]:
        self.interrupted = True
        return []

    monkeypatch.setattr("grader.host.session.Session.run", interrupted)
    with at_home(home, places):
        result = CliRunner().invoke(make_cli(harness_manager()), ["verify", "model"])
    assert result.exit_code == 2
    assert result.stderr == "interrupted: verified 0 of 2 records; run the same command again for all\n"


def test_a_suspicion_alone_fails_only_where_nothing_was_trained(copy: Path, places: Path) -> None:
    path, one = found(copy, "model")
    timing = replace(one.timing, train_cpu_seconds=1e6)
    edited(path, one, timing=timing)
    for arguments, code, verdict in ((("--no-train",), 1, "consistent"), ((), 0, "identical")):
        result = verify(str(path), *arguments, cwd=copy, places=places)
        assert result.returncode == code
        (only,) = said(result.stdout).values()
        assert only.verdict == verdict
        assert only.why.startswith("suspicious: 1000000.0 s of CPU time in ")
        assert f"1 {verdict}, 1 suspicious in " in result.stdout


# --- which records ---


def listed(*records: Record) -> list[Entry]:
    return [Entry(Path(f"{stem(one)}.json"), one, Place.CURRENT) for one in records]


def test_without_a_word_all_that_count_are_claims_with_the_other_seeds_of_their_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    seeds = [record(seed=seed) for seed in range(3)]
    old = record("old", digest="01", finished="2025-01-01T00:00:00Z")
    new = record("old", digest="02")
    for one in (*seeds, old, new, failed("bad")):
        store.write(one, factories.evidence() if one.correct else None)
    every, _ = entries(store)
    chosen = claims(every, [], [])
    assert [(each.record.submission.name, each.record.seed) for each in chosen] == [
        ("bad", 0), ("mlp", 0), ("mlp", 1), ("mlp", 2), ("old", 0)
    ]  # fmt: skip
    assert [other.seed for other in chosen[1].others] == [1, 2]
    assert chosen[-1].record == new
    assert [each.record for each in claims(every, ["old"], [])] == [new]
    assert [each.record for each in claims(every, [stem(old)], [])] == [old]
    assert len(claims(every, ["mlp", "mlp", str(store.path(seeds[0]))], [])) == 3


def test_queries_and_filters_that_leave_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no record is named 'x'"):
        claims(listed(record()), ["x"], [])
    with pytest.raises(NothingCollected, match="no record matches, of 1"):
        claims(listed(record()), [], filters(keyword="cnn"))
    with pytest.raises(NothingCollected, match="no record matches, of 0"):
        claims([], [], [])


# --- conditions ---


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, []),
        ({"budget": "1s"}, ["its budget is in seconds"]),
        ({"device": {"threads": 4096}}, ["threads 4096 then, {cores} now"]),
        ({"device": {"name": "Abacus"}}, ["Abacus then, {processor} now"]),
        ({"environment": {"torch": "1.0", "numpy": "2.0\x1b"}}, ["torch 1.0 then, {torch} now", "numpy 2.0"]),
        ({"environment": {"python": "3.99", "cores": 99}}, []),
    ],
    ids=["same", "seconds", "threads", "processor", "versions", "what does not matter"],
)
def test_why_the_same_bits_are_not_to_be_expected_is_told(
    tmp_path: Path, places: Path, changes: dict[str, Any], reasons: list[str]
) -> None:
    here = environment.current()
    device = DeviceInfo(kind="cpu", name=here.processor, threads=1)
    one = record(environment=here, device=device, isolation="rlimit", alongside=3)
    fields = {
        name: replace(getattr(one, name), **value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    one = replace(one, **fields)
    with at_home(tmp_path, places):
        machine = Machine(make_config(), harness_manager())
        conditions, told = machine.conditions(one, Budget.parse(one.budget))
    cores = available_cores()
    names = {"cores": cores, "processor": here.processor, "torch": here.torch}
    assert len(told) == len(reasons)
    assert all(each.startswith(reason.format(**names)) for each, reason in zip(told, reasons, strict=True))
    assert conditions.threads == min(one.device.threads, cores)
    assert conditions.beside == (3 if "budget" in changes else None)


# --- verdicts ---

EVIDENCE = factories.evidence()


def verdict(
    then: Record, again: Record, *differences: str, others: Sequence[Record] = ()
) -> tuple[Verdict, str]:
    told, reasons = compared(Outcome(then, EVIDENCE), Outcome(again, EVIDENCE), others, differences)
    return told, "\n".join(reasons)


def test_the_same_outcome_is_identical_though_times_and_words_are_others() -> None:
    again = replace(record(), timing=Timing(train_seconds=9.0), output="said more", curve=())
    assert verdict(record(), again) == (Verdict.IDENTICAL, "")
    assert verdict(record(), again, "torch 1 then, 2 now") == (Verdict.IDENTICAL, "")


@pytest.mark.parametrize("correct", [440, 460])
def test_within_the_interval_it_is_reproduced_only_where_bits_may_differ(correct: int) -> None:
    told, why = verdict(record(correct=correct), record(), "torch 1 then, 2 now")
    assert told is Verdict.REPRODUCED
    assert why.startswith(f"accuracy 90.00 % against the recorded {correct / 5:.2f} %, loss ")
    assert "within the 95 % interval 87.06 % to 92.33 % (of these weights, over 500 test samples)" in why
    told, why = verdict(record(correct=correct), record())
    assert told is Verdict.NOT_REPRODUCED
    assert "the same seed gives the same bits" in why


@pytest.mark.parametrize("correct", [434, 463])
def test_outside_the_interval_it_is_not_reproduced(correct: int) -> None:
    for differences in ((), ("torch 1 then, 2 now",)):
        told, why = verdict(record(correct=correct), record(), *differences)
        assert told is Verdict.NOT_REPRODUCED
        assert "outside the 95 % interval 87.06 % to 92.33 %" in why
        assert all(difference in why for difference in differences)


def test_other_seeds_widen_the_interval_and_never_narrow_it() -> None:
    same = [record(seed=seed) for seed in (1, 2, 3)]
    assert interval_of(Outcome(record(), None), same)[:2] == wilson(450, 500)
    others = [record(seed=1, correct=440), record(seed=2, correct=460)]
    low, high, kind = interval_of(Outcome(record(), None), others)
    reach = t_quantile(0.975, 2) * 0.02 * math.sqrt(1 + 1 / 3)
    assert [low, high] == pytest.approx([0.9 - reach, 0.9 + reach])
    assert kind == "of one more training, by this and 2 other seeds"
    assert verdict(record(correct=410), record(), "x", others=others)[0] is Verdict.REPRODUCED
    for fewer in (others[:1], []):  # two numbers do not tell how far trainings differ
        assert verdict(record(correct=410), record(), "x", others=fewer)[0] is Verdict.NOT_REPRODUCED


def test_a_forged_score_does_not_widen_what_it_is_held_to() -> None:
    others = [record(seed=1, correct=449), record(seed=2, correct=451)]
    assert verdict(record(correct=500), record(), "x", others=others)[0] is Verdict.NOT_REPRODUCED


REGRESSION = task(name="diabetes", kind="regression", metric="mse", higher_is_better=False, classes=())


def regression(mse: float) -> Record:
    return replace(record(task=REGRESSION, metrics={"mse": mse, "loss": mse}), correct=None)


def test_a_regression_s_interval_is_that_of_its_mean_squared_error() -> None:
    errors = np.random.default_rng(0).exponential(size=500)
    evidence = evidence_of(np.sqrt(errors), np.zeros(500))
    assert evidence.squared_error is not None
    mse = float(evidence.squared_error.mean())
    low, high, _ = interval_of(Outcome(regression(mse), evidence), [])
    reach = 1.959964 * float(evidence.squared_error.std(ddof=1)) / math.sqrt(500)
    assert [low, high] == pytest.approx([mse - reach, mse + reach], rel=1e-4)


def test_a_failure_is_identical_where_status_and_phase_are() -> None:
    then = failed(status=Status.TIMEOUT)
    assert verdict(then, replace(then, reason="killed after 2 s"))[0] is Verdict.IDENTICAL
    for again in (record("broken"), failed(), replace(then, phase=Phase.PREDICT)):
        told, why = verdict(then, again)
        assert told is Verdict.NOT_REPRODUCED
        assert " here, timeout in train (ZeroDivisionError" in why
    assert verdict(record("broken"), failed())[1].endswith("here, ok (accuracy 90.00 %) then")


def test_our_own_faults_and_metrics_that_nobody_computes_here_decide_nothing() -> None:
    assert verdict(record(), failed(status=Status.HARNESS_ERROR))[0] is Verdict.NOT_CHECKED
    then = record(metrics=record().metrics | {"f1\x1b": 0.5})
    assert verdict(then, record()) == (
        Verdict.NOT_CHECKED,
        r"nothing here computes its f1\x1b: load the plugin that does (-p)",
    )


def test_steps_are_held_to_it_where_bits_are() -> None:
    again = replace(record(), usage=replace(record().usage, steps=64))
    assert verdict(record(), again) == (Verdict.NOT_REPRODUCED, "64 steps against the recorded 63")
    assert verdict(record(), again, "its budget is in seconds")[0] is Verdict.IDENTICAL


# --- evidence ---


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"correct": 449, "metrics": {"accuracy": 449 / 500}}, "449 right predictions, of which its"),
        ({"metrics": {"accuracy": 0.95}}, "accuracy 0.95, where 450 of 500 are 0.9"),
        ({"metrics": {"loss": 0.6}}, "it ended well, and tells no accuracy"),
        ({"task": task(test_samples=600)}, "500 predictions for 600 test samples"),
        ({"task": replace(REGRESSION, metric="mse"), "metrics": {"mse": 1.0}}, "of another kind of task"),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_a_contradiction(tmp_path: Path, changes: Any, words: str) -> None:
    one = replace(record(), **changes)
    path = Store(tmp_path).write(one, EVIDENCE)
    with pytest.raises(Contradiction, match=words):
        evidence_beside(path, one)


def test_what_adds_up_is_none(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record(), EVIDENCE)
    evidence = evidence_beside(path, record())
    assert evidence is not None
    check_against(factories.trial().task, targets_of(EVIDENCE), record(), evidence)
    assert evidence_beside(Store(tmp_path).write(failed()), failed()) is None


def test_a_regression_s_metrics_are_computed_anew_from_its_predictions() -> None:
    # in steps of a sixty-fourth, so that half a unit more is exactly that
    targets = (np.random.default_rng(0).integers(-200, 200, (500, 1)) / 64).astype(np.float32)
    evidence = evidence_of(targets + np.float32(0.5), targets)
    definition = replace(factories.trial().task, kind="regression", metric="mse", classes=())
    check_against(definition, targets, regression(0.25), evidence)
    with pytest.raises(Contradiction, match=r"mse 0\.2, where its predictions have 0\.25"):
        check_against(definition, targets, regression(0.2), evidence)
    assert evidence.squared_error is not None
    less = Evidence(evidence.predictions, squared_error=evidence.squared_error * np.float32(0.5))
    with pytest.raises(Contradiction, match="500 of its 500 test predictions are marked otherwise"):
        check_against(definition, targets, regression(0.25), less)


# --- suspicions ---


BEST = {"accuracy": 0.99}


def curve(*accuracies: float, seconds: float = 0.4) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(epoch=at + 1.0, steps=21 * at, samples=0, seconds=seconds, accuracy=told)
        for at, told in enumerate(accuracies)
    )


def on_test(*points: tuple[float, float]) -> tuple[TestPoint, ...]:
    """A curve on the test set, of seconds and accuracies."""
    return tuple(TestPoint(seconds=at, epoch=1.0, metrics={"accuracy": value}) for at, value in points)


def seeds(*correct: int, **changes: Any) -> list[Record]:
    return [record(seed=seed, correct=each, **changes) for seed, each in enumerate(correct, 1)]


def scored(accuracy: float, loss: float) -> Record:
    return record(correct=round(accuracy * 500), metrics={"accuracy": accuracy, "loss": loss})


def took(train: float, cpu: float | None = None, **changes: Any) -> Record:
    return record(timing=Timing(train_seconds=train, train_cpu_seconds=cpu), curve=(), **changes)


def slow(*times: float, **changes: Any) -> list[Record]:
    return [took(time, seed=seed, **changes) for seed, time in enumerate(times, 1)]


@pytest.mark.parametrize(
    ("one", "others", "words"),
    [
        (record(correct=480), seeds(448, 449, 450, 451, 452), "5 other seeds allow 85.16 % to 94.84 %"),
        (record(correct=370), seeds(448, 450, 452), "accuracy 74.00 %, where the 3 other seeds"),
        (record(curve=curve(0.5, 0.6, 0.7), correct=495, metrics=BEST), [], "more than 70.00 %"),
        (record(test_curve=on_test((0.5, 0.8), (1.2, 0.85))), [], "curve on the test set ends in 85.00 %"),
        (record(test_curve=on_test((0.5, 0.8), (1.9, 0.9))), [], "do not go from the start of the training"),
        (record(test_curve=on_test((0.9, 0.8), (0.5, 0.9))), [], "do not go from the start of the training"),
        (scored(0.5, 0.3), [], "so many wrong predictions cost at least 0.3466"),
        (scored(1.0, 2.4), [], "where all are right they cost at most 2.303"),
        (scored(1.0, -0.1), [], "do not go together"),
        (record(curve=curve(0.5, seconds=1.4)), [], "its own curve goes on until 1.40 s"),
        (took(1.0, 3.0), [], "3.00 s of CPU time in 1.00 s of training on 2 cores"),
        (took(12.0, budget="10s"), [], "trained for 12.0 s, and is killed after 11 s of a budget of 10s"),
        (record(usage=Usage(epochs=30.0, steps=630)), [], "counted 30 epochs, on a budget of 3 epochs"),
        (record(budget="50 steps", curve=()), [], "counted 63 steps, on a budget of 50 steps"),
        (record(budget="3k samples", curve=()), [], "counted 3891 samples, on a budget of 3000 samples"),
        (took(0.9), slow(3.0, 3.2), "63 steps in 0.90 s, which took other seeds 3.10 s on the same"),
    ],
    ids=[
        "above other seeds", "below other seeds", "above its curve", "test curve",
        "test curve late", "test curve back", "loss too low", "loss too high",
        "negative loss", "curve beyond the end", "CPU time", "budget", "epochs", "steps", "samples", "fast",
    ],
)  # fmt: skip
def test_what_is_hard_to_believe_is_told(one: Record, others: list[Record], words: str) -> None:
    (told,) = suspicions(one, others)
    assert words in told


@pytest.mark.parametrize(
    ("one", "others"),
    [
        (record(), []),
        (record(test_curve=on_test((0.5, 0.8), (1.234, 0.9))), []),
        (record(correct=460), seeds(448, 450, 452)),  # two standard errors of 500 test samples
        (record(correct=470), seeds(448, 449, 450, 451, 452)),
        (record(correct=499), seeds(448, 450)),
        (record(curve=curve(0.7, 0.8), correct=495, metrics=BEST), []),
        (record(curve=curve(0.6, 0.8, 0.88), correct=465, metrics={"accuracy": 0.93}), []),  # it lags behind
        (record(curve=curve(1.0, 1.0, 1.0)), []),
        (scored(0.5, 0.35), []),
        (scored(1.0, 2.3), []),
        (record(curve=curve(0.5, seconds=1.234)), []),
        (took(1.0, 2.05), []),
        (took(10.9, budget="10s"), []),
        (took(11.5, budget="10s", status=Status.TIMEOUT), []),
        (record(usage=Usage(epochs=3.5, steps=70)), []),
        (record(budget="a while"), []),
        (took(1.1), slow(3.0, 3.2)),
        (took(0.9), slow(3.0)),
        (took(0.9), slow(3.0, 3.2, usage=Usage(steps=64))),
        (took(0.9), slow(3.0, 3.2, device=replace(record().device, name="Abacus"))),
        (failed(), seeds(448, 450, 452)),
    ],
)
def test_what_may_well_be_is_not(one: Record, others: list[Record]) -> None:
    assert suspicions(one, others) == []


@pytest.mark.parametrize(
    ("again", "flagged"),
    [
        (took(3.0), True),
        (took(3.0, 2.9), True),
        (took(3.0, 1.0), False),  # the machine was busy: the training itself had 1 s
        (took(1.9), False),
        (took(3.0, usage=Usage(steps=64)), False),
        (took(3.0, device=replace(record().device, name="Abacus")), False),
        (took(3.0, status=Status.CRASHED), False),
    ],
)
def test_steps_that_take_far_longer_here_are_told(again: Record, flagged: bool) -> None:
    told = suspicions(took(1.0), [], again)
    assert told == (["63 steps in 1.00 s, which take " + told[0].split("take ")[1]] if flagged else [])
    assert not flagged or "here, on the same processor" in told[0]


def test_the_error_of_a_regression_is_held_against_its_other_seeds() -> None:
    others = [replace(regression(mse), seed=seed) for seed, mse in enumerate((2990.0, 3000.0, 3010.0), 1)]
    assert suspicions(regression(3150.0), others) == []
    (told,) = suspicions(regression(100.0), others)
    assert told.startswith("mse 100.000, where the 3 other seeds allow ")


def test_a_curve_of_another_run_is_told() -> None:
    assert list(another_curve(record(), record())) == []
    other = [replace(point, loss=point.loss and point.loss / 2) for point in record().curve]
    (told,) = another_curve(record(), replace(record(), curve=tuple(other)))
    assert told == "its curve is another run's: after 0 steps a loss of 2 then, 1 now"
    fewer = replace(record(), curve=record().curve[1:])
    assert list(another_curve(record(), fewer)) == []


def test_nothing_of_our_own_leaderboard_is_suspicious() -> None:
    every, problems = entries(Store(ROOT / "leaderboard"))
    assert problems == []
    for claim in claims(every, [], []):
        evidence = evidence_beside(claim.path, claim.record)
        assert (evidence is None) == (claim.record.status is not Status.OK)
        assert suspicions(claim.record, claim.others) == [], claim.path


@pytest.mark.parametrize("p", [0.5, 0.9, 0.975, 0.9995])
@pytest.mark.parametrize("df", [1, 2, 3, 10, 1000])
def test_quantiles_of_student_s_t_are_scipy_s(p: float, df: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), abs=1e-9)


def test_one_more_of_many_lies_where_it_is_foretold() -> None:
    """Nineteen of twenty times, within what chance leaves of 2000."""
    drawn = np.random.default_rng(0).normal(size=(2000, 5))
    inside = [low <= one[4] <= high for one in drawn for low, high in [predicted(list(one[:4]), 0.975)]]
    assert sum(inside) / 2000 == pytest.approx(0.95, abs=0.015)


def test_help_names_the_exit_codes() -> None:
    text = CliRunner().invoke(make_cli(harness_manager()), ["verify", "--help"]).stdout
    assert "Exits 0 when every record is identical" in text


def test_a_target_that_was_reached_in_less_than_half_of_the_time_here_is_told() -> None:
    quick, slow = (
        msgspec.structs.replace(timed("a", at), timing=Timing(train_seconds=at + 2, train_cpu_seconds=at + 2))
        for at in (40.0, 100.0)
    )
    (told,) = [line for line in suspicions(quick, [], slow) if "accuracy=0.8" in line]
    assert told == "accuracy=0.8 in 40.0 s, which takes 100.0 s here, on the same processor"
    busy = msgspec.structs.replace(slow, timing=Timing(train_seconds=102.0, train_cpu_seconds=51.0))
    assert not [line for line in suspicions(quick, [], busy) if "accuracy=0.8" in line]


def test_another_curve_on_the_test_set_is_another_run_where_the_same_bits_are_expected() -> None:
    then, now = timed("a", 1.0), timed("a", 2.0)  # times may differ
    assert compared(Outcome(then, None), Outcome(now, None), [], [])[0] is Verdict.IDENTICAL
    forged = msgspec.structs.replace(then, test_curve=then.test_curve[:1])
    verdict, reasons = compared(Outcome(forged, None), Outcome(now, None), [], [])
    assert verdict is Verdict.NOT_REPRODUCED
    assert reasons == ["another curve on the test set than the recorded one"]


def test_a_record_with_a_target_is_trained_again_with_it(tmp_path: Path, places: Path) -> None:
    write(tmp_path, {"subs/model.py": GOOD})
    wishes = ("--budget", "4 epochs", "--target", "accuracy=0.2", "--device", "cpu", "-q")
    assert command("run", "subs", *wishes, cwd=tmp_path, places=places).returncode == 0
    result = verify(cwd=tmp_path, places=places)
    assert (result.returncode, result.stderr) == (0, "")
    assert "1 identical" in result.stdout
    path, one = found(tmp_path, "model")
    assert len(one.test_curve) > 2
    better = replace(one.test_curve[0], metrics=one.test_curve[1].metrics)
    forged(path, one, test_curve=(better, *one.test_curve[1:]))
    result = verify(cwd=tmp_path, places=places)
    assert result.returncode == 1
    assert "another curve on the test set than the recorded one" in result.stdout
