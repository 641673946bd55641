"""`grader records` lists, removes and merges; nothing goes unasked, and nothing comes that does not hold."""

from __future__ import annotations

import json
import os
import pty
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from factories import HOSTILE, evidence, failed, record, task
from sessions import environment

from grader.contract.record import DeviceInfo, Record
from grader.contract.status import Status
from grader.host.cli import make_cli
from grader.host.listing import document, entries, table
from grader.host.merge import Verdict, merge
from grader.host.store import Copy, Store, read_copy, read_record, stem
from grader.plugins import harness_manager

BOARD = Path(__file__).parents[1] / "leaderboard"


@pytest.fixture(scope="module")
def cli() -> click.Group:
    return make_cli(harness_manager(["no:html"]))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command works on tmp_path/leaderboard, where no pyproject.toml says otherwise."""
    monkeypatch.chdir(tmp_path)


def run(cli: click.Group, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["records", *arguments])
    assert "Traceback" not in result.output
    return result


def fill(folder: Path | str, *records: Record) -> Store:
    store = Store(folder)
    for one in records:
        store.write(one, evidence(one.correct) if one.correct else None)
    return store


def files(folder: Path | str) -> dict[str, bytes]:
    """The bytes of all below records/, by their paths."""
    root = Path(folder, "records")
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def names(result: Result) -> list[str]:
    """The first two cells of the lines of the table: submission and task."""
    lines = result.stdout.partition("\n\n")[0].splitlines()[2:]
    return [" ".join(line.split()[:2]) for line in lines]


# ---- listing

OLD = record("mlp", digest="01", finished="2025-06-01T00:00:00Z")
NEW = record("mlp", digest="02", finished="2026-06-01T00:00:00+00:00")
RERUN = record("mlp", digest="02", torch="2.8.0", finished="2026-05-01T00:00:00Z")
LATE = failed("late", Status.TIMEOUT, seed=3)
SHIRTS = record("cnn", seed=1, task=task(name="shirts"), budget="10s")
ALL = (OLD, NEW, RERUN, LATE, SHIRTS)


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_every_record_is_listed_with_what_it_is(cli: click.Group, arguments: tuple[str, ...]) -> None:
    fill("leaderboard", *ALL)
    result = run(cli, *arguments)
    assert result.exit_code == 0
    rows = {tuple(line.split()) for line in result.stdout.splitlines() if " digits " in line}
    assert {(row[0], *row[2:6]) for row in rows} == {
        ("late", "3", "epochs", "3", "timeout"), ("mlp", "3", "epochs", "0", "ok")
    }  # fmt: skip
    states = {line.split()[-1]: line for line in result.stdout.splitlines() if "-s" in line}
    for one, state in ((OLD, "superseded"), (NEW, "current"), (RERUN, "rerun"), (LATE, "current")):
        assert f" {state} " in states[stem(one)]
    assert "accuracy 90.00 %  2026-06-01 00:00:00  current" in states[stem(NEW)]
    assert result.stdout.endswith("\n\n5 records\n")
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-k", "late or shirts"], ["late digits", "cnn shirts"]),
        (["-k", "mlp and not seed=0"], []),
        (["--task", "shirts"], ["cnn shirts"]),
        (
            ["--task", "shirts", "--task", "digits", "--seed", "3", "--seed", "1"],
            ["late digits", "cnn shirts"],
        ),
        (["--status", "timeout"], ["late digits"]),
        (["--status", "failed"], ["late digits"]),
        (["--status", "OK", "--task", "shirts"], ["cnn shirts"]),
        (["--status", "out-of-memory"], []),
        (["--budget", "10 s"], ["cnn shirts"]),
        (["--superseded"], ["mlp digits", "mlp digits"]),
        (["--before", "2026-01-01"], ["mlp digits"]),
        (["--after", "2026-05-01"], ["mlp digits", "mlp digits"]),
        (["--after", "2026-05-01T00:00:01", "--before", "2027-01-01T00:00+02:00"], ["mlp digits"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("-") else "",
)
def test_filters_narrow(cli: click.Group, arguments: list[str], wanted: list[str]) -> None:
    fill("leaderboard", *ALL)
    result = run(cli, *arguments)
    assert result.exit_code == 0
    assert names(result) == wanted
    if wanted:
        assert result.stdout.endswith(f"\n{len(wanted)} record{'s' * (len(wanted) > 1)} of 5\n")
    else:
        assert result.stdout == "no record matches, of 5\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--status", "timeut"], "no status 'timeut' among ok, failed, invalid, "),
        (["--status", "timeut"], "; did you mean timeout?"),
        (["--status", "faild"], "; did you mean failed?"),
        (["--budget", "3 fortnights"], "cannot read the budget '3 fortnights'"),
        (["--before", "yester\x1bday"], r"--before 'yester\\x1bday' is no date; write 2026-01-31"),
        (["-k", "mlp and"], "expected a name, 'not' or '('"),
    ],
)
def test_a_wrong_filter_is_one_line(cli: click.Group, arguments: list[str], words: str) -> None:
    fill("leaderboard", *ALL)
    before = files("leaderboard")
    for command in ("list", "remove"):
        result = run(cli, command, *arguments)
        assert result.exit_code == 4
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
    assert files("leaderboard") == before


def test_a_task_that_is_none_is_guessed_at(cli: click.Group) -> None:
    fill("leaderboard", *ALL)
    assert run(cli, "--task", "digit").stdout == "no record matches, of 5; did you mean digits?\n"


def test_no_folder_of_records_is_one_line(cli: click.Group) -> None:
    result = run(cli)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == (
        f"grader: error: {Path.cwd() / 'leaderboard'} holds no records/ folder; `grader run` makes one\n"
    )


def test_a_file_that_is_no_record_is_named(cli: click.Group) -> None:
    store = fill("leaderboard", NEW)
    store.path(NEW).with_name("bad\x1b.json").write_text("{")
    result = run(cli)
    assert names(result) == ["mlp digits"]
    assert r"bad\x1b.json: truncated, or no JSON at all" in result.stderr
    assert result.stderr.count("\n") == 1


def hostile() -> list[Record]:
    """What can be stored: a name with a lone surrogate is written out by the store."""
    return [
        record(name, isolation=name, budget=name, finished=name, task=task(name=name, metric=name))
        for name in HOSTILE
    ] + [failed(f"evil{index}", reason=name) for index, name in enumerate(HOSTILE)]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_what_records_say_is_shown_harmlessly_and_fits(tmp_path: Path, width: int) -> None:
    listed, problems = entries(fill(tmp_path, *hostile()))
    assert (len(listed), problems) == (2 * len(HOSTILE), [])
    lines = table(listed, width).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= width
    assert len(lines) == len(listed) + 2


def test_json_is_for_programs_and_harmless_as_well(cli: click.Group, tmp_path: Path) -> None:
    store = fill("leaderboard", *ALL)
    told = json.loads(run(cli, "--json", "--status", "ok", "--seed", "0").stdout)
    assert [row["state"] for row in told] == ["superseded", "rerun", "current"]
    assert told[2]["metrics"] == NEW.metrics
    assert Path(told[2]["file"]) == Path.cwd() / store.path(NEW)
    listed, _ = entries(fill(tmp_path / "evil", *hostile()))
    text = document(listed)
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\n"))
    assert {row["submission"] for row in json.loads(text)} == {each.record.submission.name for each in listed}


# ---- removing


def test_what_matches_goes_with_its_evidence_and_the_tables_follow(cli: click.Group) -> None:
    store = fill("leaderboard", *ALL)
    result = run(cli, "remove", "--superseded", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("removed 2 records\n")
    assert sorted(map(stem, store.read()[0])) == sorted(map(stem, (NEW, LATE, SHIRTS)))
    assert sum(name.endswith(".npz") for name in files("leaderboard")) == 2
    assert "late" in Path("leaderboard", "README.md").read_text()
    assert run(cli, "remove", "-k", "late", "--yes").exit_code == 0
    assert "late" not in Path("leaderboard", "README.md").read_text()


def test_without_a_filter_nothing_goes_unless_all_is_meant(cli: click.Group) -> None:
    fill("leaderboard", *ALL)
    before = files("leaderboard")
    for arguments in (["--yes"], ["--yes", "-k", "  "], ["--yes", "--all", "-k", "mlp"]):
        result = run(cli, "remove", *arguments)
        assert result.exit_code == 4
        assert "--all" in result.stderr
        assert result.stderr.count("\n") == 1
    assert files("leaderboard") == before
    assert run(cli, "remove", "--all", "--yes").exit_code == 0
    assert files("leaderboard") == {}
    assert run(cli, "remove", "--all", "--yes").stdout == "no record matches, of 0\n"


def test_without_a_terminal_it_shows_what_would_go_and_refuses(cli: click.Group) -> None:
    fill("leaderboard", *(record(seed=seed) for seed in range(25)))
    before = files("leaderboard")
    result = run(cli, "remove", "-k", "mlp")
    assert result.exit_code == 4
    assert result.stderr == (
        "grader: error: no terminal to ask on whether 25 records may go; --yes removes unasked\n"
    )
    assert len(result.stdout.splitlines()) == 2 + 20 + 1
    assert result.stdout.endswith("and 5 more\n")
    assert files("leaderboard") == before


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, 5), ("\x04", 2, 5), ("y", 0, 3)])
def test_on_a_terminal_it_asks_first(tmp_path: Path, answer: str, code: int, left: int) -> None:
    store = fill("leaderboard", *ALL)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "grader", "records", "remove", "--superseded"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment(tmp_path),
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while b"[y/N]:" not in said:
            said += os.read(ours, 1 << 16)
        assert len(store.read()[0]) == 5
        os.write(ours, answer.encode() + (b"\n" if answer.isalpha() else b""))
    os.close(ours)
    assert b"superseded" in said
    assert b"remove 2 records and the evidence? [y/N]:" in said
    assert (process.returncode, len(store.read()[0])) == (code, left)


def test_a_record_goes_by_the_file_it_was_read_from(cli: click.Group) -> None:
    """Somebody renamed it, or copied it: another file of the same key is not what was shown."""
    store = fill("leaderboard", NEW)
    path = store.path(NEW)
    renamed = [path.rename(path.with_name("mine.json"))]
    renamed += [path.with_suffix(".npz").rename(path.with_name("mine.npz"))]
    fill("leaderboard", msgspec.structs.replace(NEW, status=Status.CRASHED))
    assert run(cli, "remove", "--status", "ok", "--yes").exit_code == 0
    assert not any(path.exists() for path in renamed)
    assert read_record(path).status == Status.CRASHED


def test_a_removal_cut_short_leaves_no_record_without_its_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fill(tmp_path, NEW)
    unlink = Path.unlink

    def cut(self: Path, missing_ok: bool = False) -> None:
        if order:
            raise KeyboardInterrupt
        order.append(self.suffix)
        unlink(self, missing_ok)

    order: list[str] = []
    monkeypatch.setattr(Path, "unlink", cut)
    with pytest.raises(KeyboardInterrupt):
        store.remove(store.path(NEW), NEW)
    assert order == [".json"]
    assert store.read() == ([], [])


def test_what_a_run_stored_since_it_was_shown_stays(
    cli: click.Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, newer = fill("leaderboard", NEW, OLD), msgspec.structs.replace(NEW, notes=("run again",))
    remove = Store.remove

    def late(self: Store, path: Path, one: Record) -> bool:
        if one == NEW:
            fill("leaderboard", newer)
        return remove(self, path, one)

    monkeypatch.setattr(Store, "remove", late)
    result = run(cli, "remove", "--all", "--yes")
    assert (result.exit_code, result.stderr) == (1, "1 record changed or went in the meantime; left alone\n")
    assert result.stdout.endswith("removed 1 record\n")
    assert store.read() == ([newer], [])
    assert store.evidence(newer)


def test_what_may_not_be_removed_is_one_line_and_the_tables_tell_the_rest(
    cli: click.Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, unlink = fill("leaderboard", *ALL), Path.unlink

    def read_only(self: Path, missing_ok: bool = False) -> None:
        if self.parent.name == "shirts":
            raise OSError(30, os.strerror(30))
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", read_only)
    result = run(cli, "remove", "--all", "--yes")
    assert result.exit_code == 4
    assert result.stderr == (
        f"grader: error: cannot remove {Path.cwd() / store.path(SHIRTS)}: Read-only file system\n"
    )
    assert store.read() == ([SHIRTS], [])
    assert "late" not in Path("leaderboard", "README.md").read_text()


# ---- merging

THERE = DeviceInfo(kind="cpu", name="Another Processor", threads=1)
OURS = record("mlp", correct=450)
THEIRS = record("mlp", correct=400, device=THERE, finished="2026-02-01T00:00:00+00:00")


def test_what_is_not_here_comes_with_its_evidence_byte_for_byte(cli: click.Group) -> None:
    fill("leaderboard", NEW)
    fill("other", *ALL)
    result = run(cli, "merge", "other")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "merged: 4 new, 1 already here\n"
    assert files("leaderboard") == files("other")
    assert "late" in Path("leaderboard", "README.md").read_text()
    assert run(cli, "merge", "other").stdout == "merged: 5 already here\n"


def test_our_own_leaderboard_merges_into_none_byte_for_byte() -> None:
    cli = make_cli(harness_manager())  # README.md shows what the page's plugin draws
    assert run(cli, "merge", str(BOARD / "records")).exit_code == 0
    assert files("leaderboard") == files(BOARD)
    assert Path("leaderboard", "README.md").read_bytes() == (BOARD / "README.md").read_bytes()


def test_several_folders_and_a_records_folder_itself_are_merged(cli: click.Group) -> None:
    fill("a", NEW)
    fill("b", LATE, NEW)
    assert run(cli, "merge", "a", "b/records").stdout == "merged: 2 new, 1 already here\n"
    assert len(Store("leaderboard").read()[0]) == 2


@pytest.mark.parametrize(
    ("choice", "code", "kept", "verdict"),
    [
        ([], 1, OURS, "undecided"),
        (["--ours"], 0, OURS, "ours kept"),
        (["--theirs"], 0, THEIRS, "theirs taken"),
        (["--newest"], 0, THEIRS, "theirs taken"),
    ],
)
def test_a_conflict_is_named_and_decided_as_said(
    cli: click.Group, choice: list[str], code: int, kept: Record, verdict: str
) -> None:
    store = fill("leaderboard", OURS)
    fill("other", THEIRS)
    result = run(cli, "merge", "other", *choice)
    conflict, counts = result.stdout.splitlines()
    assert conflict == (
        f"conflict: submissions/mlp.py::digits[seed=0] ({stem(OURS)}): accuracy 0.9 here, 0.8 there; "
        "loss 0.6 here, 0.7 there; finished 2026-01-01T00:00:00Z here, 2026-02-01T00:00:00+00:00 there; "
        "machine A Processor 9000, Linux, threads 1 here, "
        f"Another Processor, A Processor 9000, Linux, threads 1 there; {verdict}"
    )
    assert counts.startswith(f"merged: 1 {verdict}")
    assert ("--theirs" in counts) == (verdict == "undecided")
    assert (result.exit_code, result.stderr) == (code, "")
    assert store.read() == ([kept], [])
    assert store.evidence(kept)


def test_newest_keeps_the_later_and_leaves_what_it_cannot_tell(cli: click.Group) -> None:
    later = msgspec.structs.replace(OURS, finished="2026-02-01T00:30:00+01:00")  # half an hour before theirs
    when = {"2027-01-01T00:00:00Z": "ours kept", "2026-02-01T01:00:00+01:00": "undecided", "z": "undecided"}
    fill("other", THEIRS)
    for finished, verdict in {later.finished: "theirs taken", **when}.items():
        store = fill("leaderboard", msgspec.structs.replace(OURS, finished=finished))
        assert (
            run(cli, "merge", "other", "--newest").stdout.splitlines()[1].startswith(f"merged: 1 {verdict}")
        )
        assert (store.read()[0] == [THEIRS]) == (verdict == "theirs taken")


def test_a_conflict_between_outcomes_or_in_small_things_says_so(cli: click.Group) -> None:
    fill("leaderboard", OURS, LATE)
    fill("other", failed("mlp", Status.OUT_OF_MEMORY), msgspec.structs.replace(LATE, output="said more"))
    lines = run(cli, "merge", "other").stdout.splitlines()
    assert "the same scores, another output; undecided" in lines[0]
    assert "): status ok here, out_of_memory there; accuracy 0.9 here, none there; " in lines[1]


def test_a_failed_record_of_theirs_takes_our_evidence_away(cli: click.Group) -> None:
    store = fill("leaderboard", OURS)
    fill("other", failed("mlp"))
    assert run(cli, "merge", "other", "--theirs").exit_code == 0
    assert [one.status for one in store.read()[0]] == [Status.CRASHED]
    assert not store.path(OURS).with_suffix(".npz").exists()


def test_a_dry_run_changes_nothing_and_makes_nothing(cli: click.Group) -> None:
    fill("other", *ALL)
    assert run(cli, "merge", "other", "--dry-run").stdout == "would merge: 5 new\n"
    assert not Path("leaderboard").exists()
    fill("leaderboard", OURS, LATE)
    fill("other", THEIRS)
    before = files("leaderboard")
    result = run(cli, "merge", "other", "--dry-run", "--theirs")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "would merge: 4 new, 1 already here, 1 theirs taken"
    assert files("leaderboard") == before
    assert not Path("leaderboard", "README.md").exists()


@pytest.mark.parametrize("damage", ["missing", "cut", "another run's", "a pipe", "a link to nowhere"])
def test_an_ok_record_whose_evidence_does_not_hold_is_named_and_left_out(
    cli: click.Group, damage: str
) -> None:
    other = fill("other", OURS, NEW)
    proof = other.path(OURS).with_suffix(".npz")
    content = proof.read_bytes()
    proof.unlink()
    if damage == "cut":
        proof.write_bytes(content[:-30])
    elif damage == "another run's":
        proof.write_bytes(other.path(NEW).with_suffix(".npz").read_bytes())
    elif damage == "a pipe":
        os.mkfifo(proof)
    elif damage == "a link to nowhere":
        proof.symlink_to("gone")
    result = run(cli, "merge", "other")
    assert (result.exit_code, result.stdout) == (1, "merged: 1 new, 1 not taken\n")
    assert result.stderr.startswith(f"{Path('other')}/records/digits/{proof.name}: ")
    assert result.stderr.endswith("; run the trial again; left alone\n")
    assert result.stderr.count("\n") == 1
    assert Store("leaderboard").read() == ([NEW], [])


def test_a_failed_record_comes_without_evidence_that_does_not_hold(cli: click.Group) -> None:
    other = fill("other", LATE)
    other.path(LATE).with_suffix(".npz").write_bytes(b"PK")
    result = run(cli, "merge", "other")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "damaged evidence (" in result.stdout.splitlines()[0]
    assert result.stdout.splitlines()[0].endswith("; taken without it")
    assert list(files("leaderboard")) == [f"digits/{stem(LATE)}.json"]


def test_evidence_that_ours_has_lost_comes_back(cli: click.Group) -> None:
    store = fill("leaderboard", OURS)
    fill("other", OURS)
    store.path(OURS).with_suffix(".npz").unlink()
    assert run(cli, "merge", "other").stdout == "merged: 1 new\n"
    assert files("leaderboard") == files("other")


def test_files_of_theirs_that_are_no_records_are_named(cli: click.Group) -> None:
    other = fill("other", OURS)
    folder = other.path(OURS).parent
    (folder / "cut\x1b.json").write_bytes(other.path(OURS).read_bytes()[:300])
    (folder / "newer.json").write_text('{"schema": 99}')
    (folder / "pipe.json").symlink_to("/dev/zero")
    result = run(cli, "merge", "other")
    assert (result.exit_code, result.stdout) == (1, "merged: 1 new, 3 not taken\n")
    for words in (r"cut\x1b.json: truncated", "written by a newer grader", "pipe.json: no regular file"):
        assert words in result.stderr
    assert result.stderr.count("\n") == 3


def test_a_file_of_ours_that_is_no_record_is_never_written_over(cli: click.Group) -> None:
    store = fill("leaderboard", OURS)
    store.path(OURS).write_text('{"schema": 99}')
    fill("other", OURS)
    before = files("leaderboard")
    result = run(cli, "merge", "other", "--theirs")
    assert (result.exit_code, result.stdout) == (1, "merged: 1 not taken\n")
    assert "written by a newer grader" in result.stderr
    assert files("leaderboard") == before


def test_where_a_record_goes_follows_from_what_it_says_alone(cli: click.Group) -> None:
    """Names of its folders and files, and of submissions and tasks, lead nowhere else."""
    texts = [name for name in HOSTILE if name != "\ud800"]  # which no file can hold
    made = [record(name, task=task(name=name)) for name in texts]
    store = fill("other", *made)
    deep = store.records / "evil" / "deeper"
    deep.mkdir(parents=True)
    moved = store.path(made[0])
    for suffix in (".json", ".npz"):
        moved.with_suffix(suffix).rename(deep / f"odd{suffix}")
    outside = {path for path in Path.cwd().iterdir() if path.name != "leaderboard"}
    assert run(cli, "merge", "other").stdout == f"merged: {len(texts)} new\n"
    assert {path for path in Path.cwd().iterdir() if path.name != "leaderboard"} == outside
    assert all(len(Path(name).parts) == 2 for name in files("leaderboard"))
    assert Store("leaderboard").path(made[0]).is_file()


def test_what_would_act_on_a_terminal_comes_escaped_and_what_is_unknown_comes_along(
    cli: click.Group,
) -> None:
    other = fill("other", LATE)
    text = other.path(LATE).read_text()
    evil = text.replace('"reason": "', '"reason": "\u202e\x9b31m').replace("  ", "\t").replace("\n", "\r\n")
    other.path(LATE).write_bytes(evil.replace('"schema"', '"later": [1e2],"schema"', 1).encode())
    assert run(cli, "merge", "other").exit_code == 0
    taken = Store("leaderboard").path(LATE)
    assert read_record(taken) == read_record(other.path(LATE))
    assert all(line.isprintable() for line in taken.read_text().splitlines())
    assert json.loads(taken.read_text())["later"] == [100]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["leaderboard"], "leaderboard is this leaderboard itself"),
        (["leaderboard/records"], "leaderboard/records is this leaderboard itself"),
        (["link"], "link is this leaderboard itself"),
        (["other", "leaderboard"], "leaderboard is this leaderboard itself"),
        (["nowhere"], "nowhere holds no records/ folder; name another leaderboard's folder"),
        (["other", "--ours", "--newest"], "--ours and --newest exclude each other"),
    ],
)
def test_a_wrong_merge_is_one_line_and_changes_nothing(
    cli: click.Group, arguments: list[str], words: str
) -> None:
    fill("leaderboard", OURS)
    fill("other", NEW)
    Path("link").symlink_to("leaderboard")
    before = files("leaderboard")
    result = run(cli, "merge", *arguments)
    assert (result.exit_code, result.stdout) == (4, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert files("leaderboard") == before


class Busy(Store):
    """A store in which a run stores a record at the last moment before the first is taken."""

    def take(self, copy: Copy, instead_of: Record | None) -> bool:
        if not self.read()[0]:
            fill(self.directory, OURS)
        return super().take(copy, instead_of)


def test_what_a_run_stores_in_the_meantime_is_a_conflict_and_not_lost(tmp_path: Path) -> None:
    other, store = fill(tmp_path / "other", THEIRS), Busy(tmp_path / "busy")
    assert [step.verdict for step in merge(store, [other.records])] == [Verdict.UNDECIDED]
    assert store.read() == ([OURS], [])
    assert not store.take(read_copy(other.path(THEIRS)), instead_of=THEIRS)
    assert store.take(read_copy(other.path(THEIRS)), instead_of=OURS)
    assert store.read() == ([THEIRS], [])


@pytest.fixture
def _full_disk() -> Iterator[None]:
    """No file may grow beyond a size: what a full disk does, at the same calls."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_line_and_what_was_taken_is_whole(cli: click.Group, request: object) -> None:
    assert isinstance(request, pytest.FixtureRequest)
    fill("other", record("a"), record("b", output="x" * 400_000), record("c"))
    request.getfixturevalue("_full_disk")
    result = run(cli, "merge", "other")
    assert result.exit_code == 4
    assert result.stderr.startswith(
        f"grader: error: cannot write {Path.cwd()}/leaderboard/records/digits/b-s0-"
    )
    assert result.stderr.endswith(": File too large; what was there is unchanged\n")
    assert result.stderr.count("\n") == 1
    assert Store("leaderboard").read() == ([record("a")], [])
    assert Store("leaderboard").evidence(record("a"))
    assert "| a" in Path("leaderboard", "README.md").read_text()


def test_a_merge_of_a_folder_that_may_only_be_read_works(cli: click.Group) -> None:
    fill("other", *ALL)
    before = sorted(Path("other").rglob("*"))
    assert run(cli, "merge", "other").exit_code == 0
    assert sorted(Path("other").rglob("*")) == before
    shutil.rmtree("other")
    assert len(Store("leaderboard").read()[0]) == 5
