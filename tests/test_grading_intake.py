"""What comes in: folders, zips, notebooks; whose it is, when it came, and what is refused."""

import io
import itertools
import json
import os
import random
import stat
import textwrap
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.contract.errors import StoreError, UsageError
from grader.grading import zips
from grader.grading.intake import Intake, take_in
from grader.grading.model import Attempt
from grader.grading.notebook import Unreadable, convert
from grader.grading.rules import Rules
from grader.grading.staging import staged
from grader.grading.times import parse_zone
from grader.host.cli import make_cli
from grader.host.collect import submissions_at
from grader.host.syntax import Module, parse
from grader.plugins import harness_manager

GOOD = '''\
"""A model."""
from grader import hookimpl

@hookimpl
def build_model(task):
    ...
'''
NOON = (2026, 3, 1, 12, 0, 0)
Content = str | bytes


def notebook(*cells: str, language: str = "python") -> str:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells]
    text = {"cell_type": "markdown", "source": "# Homework"}
    return json.dumps(
        {"cells": [text, *code], "metadata": {"kernelspec": {"language": language}}, "nbformat": 4}
    )


def zipped(files: Mapping[str, Content], date: tuple[int, int, int, int, int, int] = NOON) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, date), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class Course:
    """A folder of hand-ins, a roster, and a folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / "handed-in"
        self.roster: Path | None = None

    def write(self, files: Mapping[str, Content]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())

    def enrol(self, text: str) -> None:
        self.write({"roster.csv": text})
        self.roster = self.folder / "roster.csv"

    def take(self, *paths: str, **rules: object) -> Intake:
        return take_in([self.folder / path for path in paths], self.roster, Rules(**rules), self.work)  # type: ignore[arg-type]

    def told(self, *paths: str, **rules: object) -> dict[str, list[str]]:
        """What is trained, by student: the path below the course's folder, or the problem."""
        found: dict[str, list[str]] = {}
        for each in self.take(*paths, **rules).attempts:
            found.setdefault(each.student, []).append(self.short(each))
        return found

    def short(self, attempt: Attempt) -> str:
        if attempt.problem:
            assert not attempt.path
            return attempt.problem
        path = Path(attempt.path)
        (one,) = submissions_at(path, path.parent, 1 << 20)
        assert not one.problem
        return (
            path.relative_to(self.work).name
            if path.is_relative_to(self.work)
            else str(path.relative_to(self.folder))
        )


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def beside(attempt: Attempt) -> list[str]:
    """The names in the folder of what is trained."""
    return sorted(path.name for path in Path(attempt.path).parent.iterdir())


def refusal(course: Course, *paths: str, **rules: object) -> str:
    with pytest.raises(UsageError) as error:
        course.take(*paths, **rules)
    return str(error.value).replace(str(course.folder), "")


class TestFolders:
    def test_folders_stay_where_they_lie_and_files_are_brought_away_from_each_other(
        self, course: Course
    ) -> None:
        course.write({
            "s/ada.py": GOOD, "s/bob/submission.py": GOOD, "s/bob/more.py": "", "s/carl/x.py": GOOD,
            "s/eve/mlp.py": "from helpers import WIDTH\n" + GOOD, "s/eve/helpers.py": "WIDTH = 3\n",
            "s/.DS_Store": "x", "s/__MACOSX/ada.py": "x", "s/eve/__pycache__/x.pyc": b"x",
        })  # fmt: skip
        assert course.told("s") == {
            "ada": ["ada.py"], "bob": ["s/bob"], "carl": ["s/carl/x.py"], "eve": ["s/eve/mlp.py"],
        }  # fmt: skip
        assert course.take("s").problems == ()

    def test_a_roster_says_who_is_who_in_whatever_words(self, course: Course) -> None:
        names = ["hw-a.py", "12.py", "CLOGIN.py", "d@uni.edu.py", "section-1/eve/src/x.py", "Frank Foe.py"]
        course.write({f"s/{name}": GOOD for name in names})
        course.enrol("""\
            file,id,login,email,name
            hw-a,,,,Ada
            ,12,,,Bob
            ,,clogin,,Carl
            ,,,D@uni.edu,Dan
            ,,eve,,Eve
            ,,,,"Foe, Frank"
            ,,,,Zoe
            """)
        intake = course.take("s")
        assert {each.student: each.source for each in intake.attempts} == {
            "hw-a": "s/hw-a.py", "12": "s/12.py", "clogin": "s/CLOGIN.py", "D_uni.edu": "s/d@uni.edu.py",
            "eve": "s/section-1/eve", "Foe_Frank": "s/Frank Foe.py",
        }  # fmt: skip
        assert "Zoe" in {each.key for each in intake.students}
        assert intake.problems == ()

    def test_nobody_s_file_and_a_file_that_could_be_two_students_are_named(self, course: Course) -> None:
        course.write({"s/ada.py": GOOD, "s/adda.py": GOOD, "s/smith.py": GOOD, "s/docs/x.txt": "x"})
        course.enrol("login,name\nada,A\nj1,Smith\nj2,Smith\n")
        intake = course.take("s")
        assert [each.student for each in intake.attempts] == ["ada"]
        assert intake.problems == (
            "s/adda.py: names nobody in the roster; did you mean ada?; not graded",
            "s/docs: names nobody in the roster; not graded",
            "s/smith.py: could be of j1 and of j2; not graded",
        )

    def test_what_is_passed_over_is_named(self, course: Course) -> None:
        names = ["test_ada.py", "_x.py", "conftest.py", "setup.py", "notes.txt"]
        course.write({f"s/{name}": GOOD for name in names} | {"s/_private/x.py": GOOD, "s/ok.py": GOOD})
        os.mkfifo(course.folder / "s/pipe.py")
        (course.folder / "s/out.py").symlink_to("/etc/passwd")
        (course.folder / "s/round").symlink_to(course.folder / "s")
        intake = course.take("s")
        assert [each.student for each in intake.attempts] == ["ok"]
        assert sorted(line.partition(":")[0] for line in intake.problems) == sorted(
            f"s/{name}" for name in [*names, "_private", "pipe.py", "out.py", "round"]
        )

    def test_a_file_that_cannot_be_read_whole_is_a_problem_of_its_student(self, course: Course) -> None:
        course.write({"s/ada.py": "#" * (1 << 20) + "\n" + GOOD, "s/BOB.PY": GOOD, "s/eve.py": "def f(:"})
        ada, bob, eve = sorted(course.take("s").attempts, key=lambda each: each.student.lower())
        assert "at most 1,048,576 bytes (1 MiB) are allowed" in ada.problem
        assert bob.problem == "BOB.PY: the name of a Python file ends in .py"
        assert (eve.problem, Path(eve.path).name) == (
            "",
            "eve.py",
        )  # what is wrong there, collecting it tells

    def test_a_folder_of_two_is_a_problem_of_its_student(self, course: Course) -> None:
        course.write({"s/ada/a.py": GOOD, "s/ada/b.py": GOOD, "s/bob/report.pdf": "x", "s/eve/x.py": GOOD})
        (course.folder / "s/eve/link").symlink_to("/")
        course.enrol("login\nada\nbob\neve\n")
        told = course.told("s")
        assert told["ada"] == [
            "2 files implement hooks (a.py, b.py): hand in one, or name the one that counts submission.py"
        ]
        assert told["bob"] == ["holds report.pdf: no Python file and no notebook that could be a submission"]
        assert "holds a link to a folder" in told["eve"][0]

    def test_without_a_roster_the_files_of_one_folder_are_each_somebody_s(self, course: Course) -> None:
        course.write({f"s/week{week}/{name}.py": GOOD for week in (1, 2) for name in ("ada", "bob")})
        assert [(each.file, each.key[:4]) for each in course.take("s").students] == [
            ("week1/ada", "ada-"), ("week2/ada", "ada-"), ("week1/bob", "bob-"), ("week2/bob", "bob-"),
        ] or len(course.take("s").students) == 4  # fmt: skip

    def test_names_that_do_not_print_are_named_and_harmless(self, course: Course) -> None:
        names = [b"a\x1b[31m.py", b"b\xff.py", "c\u202e.py".encode(), b"d\n.py"]
        (course.folder / "s").mkdir()
        for name in names:
            Path(os.fsdecode(os.fsencode(course.folder) + b"/s/" + name)).write_text(GOOD)
        intake = course.take("s")
        assert len(intake.students) == 4
        assert {each.problem for each in intake.attempts} == {
            "its name has characters that do not print: rename it"
        }
        assert repr(intake).isprintable()
        course.enrol("login\nada\n")
        assert len(course.take("s").problems) == 4
        assert all(line.isprintable() for line in course.take("s").problems)

    def test_another_student_s_file_is_not_there_to_be_imported(self, course: Course) -> None:
        course.write({"s/ada.py": GOOD, "s/bob.py": "import shared\nfrom ada import build_model\n" + GOOD})
        course.write({"s/shared.py": "X = 1\n"})
        course.enrol("login\nada\nbob\n")
        intake = course.take("s")
        assert intake.problems == (
            "s/bob.py: imports ada.py, handed in by another student; trained without it",
        )
        ada, bob = intake.attempts
        assert beside(ada) == ["ada.py"]
        assert beside(bob) == ["bob.py", "shared.py"]
        assert bob.notes[-1] == "imports ada.py, which was not handed in with it"

    def test_what_a_shell_makes_of_a_star_is_the_folder(self, course: Course) -> None:
        course.write(
            {"s/ada.py": "import shared\n" + GOOD, "s/shared.py": "", "s/bob/x.py": GOOD, "s/bob/y.py": ""}
        )
        course.write({"s/carl_1_2_x.py": GOOD, "s/carl_1_3_y.py": "", "s/dan.ipynb": notebook(GOOD)})
        starred = [f"s/{path.name}" for path in (course.folder / "s").iterdir()]
        assert course.take(*starred) == course.take("s")
        assert list(course.told("s")) == ["ada", "bob", "carl", "dan"]

    def test_one_named_like_a_whole_folder_s_does_not_take_the_others(self, course: Course) -> None:
        course.write({"s/ada.py": GOOD, "s/submission.py": GOOD})
        course.enrol("login\nada\n")
        intake = course.take("s")
        assert [each.source for each in intake.attempts] == ["s/ada.py"]
        assert intake.problems == ("s/submission.py: names nobody in the roster; not graded",)

    @pytest.mark.parametrize("roster", [False, True])
    def test_folders_without_end_are_no_trouble(self, course: Course, roster: bool) -> None:
        course.write({"s/ada.py": GOOD})
        for depth in range(600):  # makedirs itself gives up at fewer
            (course.folder / "s" / ("a/" * (depth + 1))).mkdir()
        if roster:
            course.enrol("login\nada\n")
        intake = course.take("s")
        ada = intake.attempts[-1]
        assert (ada.student, ada.problem) == ("ada", "")
        assert all(line.startswith("s/a") for line in intake.problems)
        assert len(intake.problems) == 1

    def test_all_that_cannot_be_read_is_told_at_once(self, course: Course) -> None:
        course.write({"x.txt": "", "bad.zip": "no zip"})
        course.enrol("login\n\n")
        lines = refusal(course, "none", "x.txt", "bad.zip").splitlines()
        assert [line.split(":")[0].split(" ")[0] for line in lines] == [
            "/bad.zip",
            "/none",
            "/roster.csv",
            "/x.txt",
        ]


class TestAttempts:
    def test_they_are_told_by_folders(self, course: Course) -> None:
        course.write({"s/ada/attempt-1/x.py": GOOD, "s/ada/attempt-10/x.py": GOOD, "s/ada/2/x.py": GOOD,
                      "s/attempt-2/bob.py": GOOD, "s/attempt-1/bob.py": GOOD})  # fmt: skip
        assert course.told("s") == {
            "ada": ["s/ada/attempt-1/x.py", "s/ada/2/x.py", "s/ada/attempt-10/x.py"],
            "bob": ["bob.py", "bob.py"],
        }
        assert [each.source for each in course.take("s").attempts][3:] == [
            "s/attempt-1/bob.py",
            "s/attempt-2/bob.py",
        ]
        assert [each.number for each in course.take("s").attempts] == [1, 2, 3, 1, 2]

    def test_the_time_is_the_file_s_and_that_is_said(self, course: Course) -> None:
        course.write({"s/ada.py": GOOD, "s/ada.ipynb": notebook(GOOD)})
        os.utime(course.folder / "s/ada.py", (2_000_000_000, 2_000_000_000.5))
        os.utime(course.folder / "s/ada.ipynb", (1_000_000_000, 1_000_000_000))
        first, second = course.take("s", timezone=parse_zone("Europe/Berlin")).attempts
        assert (first.source, first.submitted, first.clock) == (
            "s/ada.ipynb",
            "2001-09-09T03:46:40+02:00",
            "file",
        )
        assert (second.source, second.submitted) == ("s/ada.py", "2033-05-18T05:33:20+02:00")
        assert second.notes == ("time of submission by the date of the file",)

    def test_an_hour_that_the_clocks_show_twice_is_the_earlier_one(self, course: Course) -> None:
        course.write({"hw.zip": zipped({"ada.py": GOOD}, (2026, 10, 25, 2, 30, 0))})
        (ada,) = course.take("hw.zip", timezone=parse_zone("Europe/Berlin")).attempts
        assert ada.submitted == "2026-10-25T02:30:00+02:00"

    def test_a_metadata_file_knows_better(self, course: Course) -> None:
        course.write({
            "s/ada.py": GOOD, "s/x/1.py": GOOD, "s/bob.py": GOOD,
            "m.csv": """\
                File;Student;Submitted at;Attempt
                ./ada.py;;2026-03-01 12:00;
                s/x/1.py;Ada;2026-02-01T12:00Z;
                bob.py;;2026-04-01;
                nobody.py;;2026-03-01;
                """,
        })  # fmt: skip
        course.enrol("login\nada\nbob\n")
        intake = course.take("s", metadata=course.folder / "m.csv", timezone=parse_zone("Europe/Berlin"))
        assert [
            (each.student, each.number, each.source, each.submitted, each.clock) for each in intake.attempts
        ] == [
            ("ada", 1, "s/x", "2026-02-01T13:00:00+01:00", "metadata"),
            ("ada", 2, "s/ada.py", "2026-03-01T12:00:00+01:00", "metadata"),
            ("bob", 1, "s/bob.py", "2026-04-01T00:00:00+02:00", "metadata"),
        ]
        assert intake.problems == ("m.csv: line 5: nobody.py was not handed in",)

    def test_what_is_wrong_with_it_is_told_by_line(self, course: Course) -> None:
        course.write(
            {"s/ada.py": GOOD, "m.csv": "file,submitted,attempt\nada.py,soon,\n,2026-03-01,1\nada.py,,0\n"}
        )
        assert refusal(course, "s", metadata=course.folder / "m.csv").splitlines() == [
            "/m.csv: line 2: submitted 'soon' is no time: write 2026-03-01, 2026-03-01 23:59 or "
            "2026-03-01T23:59+01:00",
            "/m.csv: line 3: names no file",
            "/m.csv: line 4: attempt '0' is no number of at least 1",
            "/m.csv: line 4: names 'ada.py', as line 2 does",
        ]

    def test_dates_of_a_download_are_doubted(self, course: Course) -> None:
        course.write({f"s/{name}.py": GOOD for name in "abc"})
        assert course.take("s").problems == ()
        (line,) = course.take("s", due=datetime(2026, 3, 1, tzinfo=UTC)).problems
        assert "they may tell when the files were copied" in line


class TestPlatforms:
    def test_canvas(self, course: Course) -> None:
        course.write({"hw.zip": zipped({
            "lovelaceada_LATE_11_901_mlp-1.py": GOOD + "X = 2\n", "lovelaceada_11_900_mlp.py": GOOD,
            "lovelaceada_11_902_helpers.py": "", "bobby_12_903_hw-2.ipynb": notebook(GOOD),
            "carl_13_904_hw.zip": zipped({"hw/mlp.py": GOOD, "__MACOSX/hw/._mlp.py": "x"}),
            "dave_14_905_report.pdf": "x", "eve_15_906_test_me.py": GOOD, "zoe_99_907_x.py": GOOD,
        })})  # fmt: skip
        course.enrol('Student,ID\n"Lovelace, Ada",11\nBobby,12\n"Carl, C",13\nDave,14\n"Éve, E",77\n')
        # what the name alone tells stands behind the number
        course.enrol((course.folder / "roster.csv").read_text().replace('"Éve, E",77', "Éve,77"))
        intake = course.take("hw.zip")
        told = {each.student: (course.short(each), each.late, each.submitted) for each in intake.attempts}
        noon = "2026-03-01T12:00:00+00:00"
        assert told == {
            "11": ("mlp.py", True, noon), "12": ("hw.py", False, noon), "13": ("mlp.py", False, noon),
            "14": ("report.pdf: no Python file, notebook or zip", False, noon),
            "77": ("test_me.py", False, noon),
        }  # fmt: skip
        ada = [each for each in intake.attempts if each.student == "11"]
        assert [(each.late, "X = 2" in Path(each.path).read_text()) for each in ada] == [
            (False, False),
            (True, True),
        ]
        assert all(beside(each) == ["helpers.py", "mlp.py"] for each in ada)
        assert intake.problems == (
            "hw.zip: zoe_99_907_x.py: names nobody in the roster, nor has anybody the number 99; not graded",
        )

    @pytest.mark.parametrize("flat", [False, True])
    def test_moodle(self, course: Course, flat: bool) -> None:
        names: dict[str, Content] = {"Ada Lovelace_123_assignsubmission_file_/x.py": GOOD,
                 "Ada Lovelace_123_assignsubmission_file_/helpers.py": "",
                 "Bob B_7_assignsubmission_file_/hw.zip": zipped({"a.py": GOOD})}  # fmt: skip
        files: dict[str, Content] = {
            name.replace("/", "" if flat else "/"): text for name, text in names.items()
        }
        text = "Carl C_8_assignsubmission_onlinetext_" + ("onlinetext.html" if flat else "/onlinetext.html")
        course.write({"hw.zip": zipped({**files, text: "x"}, (2026, 7, 1, 12, 0, 0))})
        course.enrol("Identifier,Full name\nParticipant 123,A. L.\nParticipant 7,B\nParticipant 8,C\n")
        intake = course.take("hw.zip", timezone=parse_zone("Europe/Berlin"))
        assert [
            (each.student, course.short(each), each.submitted, each.clock) for each in intake.attempts
        ] == [
            ("Participant_123", "x.py", "2026-07-01T12:00:00+02:00", "zip"),
            ("Participant_7", "a.py", "2026-07-01T12:00:00+02:00", "zip"),
        ]
        assert [
            line.endswith("text typed into Moodle is not read: ask for a file") for line in intake.problems
        ] == [True]

    def test_a_download_that_was_unpacked_is_the_same(self, course: Course) -> None:
        files: dict[str, Content] = {"ada_11_1_x.py": GOOD, "bob_12_2_y.zip": zipped({"y.py": GOOD})}
        course.write({f"s/{name}": content for name, content in files.items()})
        course.write({"hw.zip": zipped(files)})
        assert course.told("s") == course.told("hw.zip") == {"ada": ["x.py"], "bob": ["y.py"]}

    def test_what_is_trained_of_a_zip_is_named_after_its_student(self, course: Course) -> None:
        course.write({"s/ada.zip": zipped({"submission.py": GOOD, "more.py": ""})})
        (ada,) = course.take("s").attempts
        assert [each.name for each in submissions_at(Path(ada.path), course.work, 1 << 20)] == ["ada"]

    def test_a_file_named_submission_is_told_by_its_folder_as_collecting_it_does(
        self, course: Course
    ) -> None:
        course.write(
            {"hw.zip": zipped({"ada_1_2_submission.py": GOOD, "bob_2_3_x.zip": zipped({"x.py": GOOD})})}
        )
        for each in course.take("hw.zip").attempts:
            (found,) = submissions_at(Path(each.path), course.work, 1 << 20)
            assert (found.path, found.name) == (each.path, "ada" if each.student == "ada" else "x")

    def test_the_same_from_two_students_lies_in_two_places(self, course: Course) -> None:
        course.write({"hw.zip": zipped({"john_1_2_x.py": GOOD, "john_2_3_x.py": GOOD})})
        one, other = course.take("hw.zip").attempts
        assert one.student != other.student
        assert one.path != other.path

    def test_a_zip_of_files_is_a_folder_of_them(self, course: Course) -> None:
        course.write(
            {
                "hw.zip": zipped(
                    {"hw1/ada.py": GOOD, "hw1/bob/submission.py": GOOD, "hw1/eve.ipynb": notebook(GOOD)}
                )
            }
        )
        assert course.told("hw.zip") == {"ada": ["ada.py"], "bob": ["bob"], "eve": ["eve.py"]}

    def test_what_is_written_may_be_read_by_all_and_is_written_once(self, course: Course) -> None:
        course.write(
            {"hw.zip": zipped({"ada_1_2_x.zip": zipped({"x.py": GOOD}), "bob_2_3_x.ipynb": notebook(GOOD)})}
        )
        before = os.umask(0o077)
        try:
            first = course.take("hw.zip")
        finally:
            os.umask(before)
        made = {path: path.stat() for path in [course.work, *course.work.rglob("*")]}
        assert {oct(stat.S_IMODE(found.st_mode)) for path, found in made.items() if path.is_dir()} == {
            "0o755"
        }
        assert {oct(stat.S_IMODE(found.st_mode)) for path, found in made.items() if path.is_file()} == {
            "0o644"
        }
        assert course.take("hw.zip") == first
        again = {path: path.stat() for path in [course.work, *course.work.rglob("*")]}
        assert {path: found.st_mtime_ns for path, found in again.items()} == {
            path: found.st_mtime_ns for path, found in made.items()
        }

    def test_a_folder_that_cannot_be_written_is_one_line(self, course: Course) -> None:
        course.write({"s/ada.py": GOOD, "handed-in": "a file"})
        with pytest.raises(StoreError, match=r"cannot write .*/handed-in/\w+: (File exists|Not a directory)"):
            course.take("s")

    def test_two_that_write_the_same_at_once_leave_one(self, tmp_path: Path) -> None:
        def fill(folder: Path) -> None:
            (folder / "x").write_text("ours")
            (tmp_path / ("d" * 24)).mkdir()
            (tmp_path / ("d" * 24) / "x").write_text("theirs")

        assert (staged(tmp_path, "d" * 64, fill) / "x").read_text() == "theirs"
        assert [path.name for path in tmp_path.iterdir()] == ["d" * 24]


def encrypted(data: bytes) -> bytes:
    """The same with the flag of encryption on its first member, in both places that have it."""
    at = data.index(b"PK\x01\x02")
    return data[:6] + b"\x01" + data[7 : at + 8] + b"\x01" + data[at + 9 :]


def linked() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("x.py", NOON)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.py", GOOD)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x.py", "import os")
    return buffer.getvalue()


def squeezed(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("x.py", GOOD)
    return buffer.getvalue()


def lying() -> bytes:
    """One whose header says ten bytes, of a member that holds more."""
    data = bytearray(zipped({"x.py": "#" * 5000}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(data)


HOSTILE = {
    "parent": (zipped({"../x.py": GOOD}), "../x.py has a name that leads out of the zip"),
    "absolute": (zipped({"/etc/x.py": GOOD}), "/etc/x.py has a name that leads out of the zip"),
    "drive": (zipped({"C:\\x.py": GOOD}), "C:\\x.py has a name that leads out of the zip"),
    "backslashes": (zipped({"..\\..\\x.py": GOOD}), "leads out of the zip"),
    "control": (zipped({"\x1b]0;hi\x07.py": GOOD}), "has a name with characters that do not print"),
    "long": (zipped({"x" * 250 + ".py": GOOD}), "has a name that is too long"),
    "deep": (zipped({"a/" * 50 + "x.py": GOOD}), "has a name that is too long"),
    "link": (linked(), "x.py is a link, or no regular file"),
    "encrypted": (encrypted(zipped({"x.py": GOOD})), "x.py is encrypted"),
    "twice": (twice(), "x.py is there twice, perhaps in another case (and 1 more)"),
    "case": (zipped({"x.py": GOOD, "X.py": GOOD}), "is there twice, perhaps in another case"),
    "both": (zipped({"x": GOOD, "x/y.py": GOOD}), "x is a file and a folder"),
    "lzma": (squeezed(zipfile.ZIP_LZMA), "x.py is compressed in a way that is not read: use plain zip"),
    "bzip2": (squeezed(zipfile.ZIP_BZIP2), "x.py is compressed in a way that is not read: use plain zip"),
    "many": (zipped({f"{at}.py": "" for at in range(2001)}), "holds 2,001 files, at most 2,000 are read"),
    "truncated": (zipped({"x.py": GOOD})[:-30], "is no zip that can be read"),
    "no zip": (b"x" * 100, "is no zip that can be read"),
    "empty": (b"", "is no zip that can be read"),
    "damaged": (zipped({"x.py": GOOD}).replace(b"x.py\x4b", b"x.py\x00", 1)[:40] + b"\xff" * 20
                + zipped({"x.py": GOOD})[60:], "x.py is damaged"),
    "lying": (lying(), "x.py is damaged"),
    "nothing": (zipped({}), "holds nothing: no Python file and no notebook"),
    "nested": (zipped({"x.zip": zipped({"x.py": GOOD})}), "holds x.zip: no Python file and no notebook"),
}  # fmt: skip


class TestHostileZips:
    @pytest.mark.parametrize("kind", HOSTILE)
    def test_a_student_s_is_refused_in_a_line_and_the_others_are_not(self, course: Course, kind: str) -> None:
        data, said = HOSTILE[kind]
        course.write({"hw.zip": zipped({"ada_1_2_x.zip": data, "bob_2_3_x.py": GOOD})})
        told = course.told("hw.zip")
        assert said in told["ada"][0]
        assert told["ada"][0].isprintable()
        assert told["bob"] == ["x.py"]
        assert not [
            path for path in course.folder.rglob("*") if path.is_symlink() or path.name.endswith(".tmp")
        ]
        assert {path.name for path in course.folder.iterdir()} == {"hw.zip", "handed-in"}

    def test_a_member_that_leads_out_of_a_course_s_zip_is_named(self, course: Course) -> None:
        course.write({"hw.zip": zipped({"../../ada.py": GOOD, "bob.py": GOOD})})
        assert course.told("hw.zip") == {"bob": ["bob.py"]}
        assert course.take("hw.zip").problems == (
            "hw.zip: ../../ada.py has a name that leads out of the zip; left out",
        )

    def test_a_bomb_is_counted_as_it_unpacks(self, course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(zips, "ONE", zips.Most(10, 1 << 20))
        bomb = zipped({"x.py": b"\0" * (4 << 20)})
        at = bomb.index(b"PK\x01\x02")
        modest = bomb[: at + 24] + (100).to_bytes(4, "little") + bomb[at + 28 :]
        course.write({"s/ada.zip": bomb, "s/bob.zip": modest})
        told = course.told("s")
        assert told["ada"] == ["ada.zip unpacks to more than 1 MiB: leave data and weights out"]
        assert told["bob"] == ["bob.zip: x.py is damaged"]

    def test_a_list_of_a_million_members_is_not_read(
        self, course: Course, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zips, "_LIST", 10_000)
        course.write({"hw.zip": zipped({f"{at:06}.py": "" for at in range(1000)})})
        assert "its list of members is too long" in refusal(course, "hw.zip")

    def test_names_are_utf_8_though_the_flag_is_missing(self, course: Course) -> None:
        data = zipped({"a\u00e4.py": GOOD}).replace("a\u00e4.py".encode(), "a\u00e4.py".encode())
        plain = bytearray(data)
        for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = plain.index(sign) + offset
            plain[at : at + 2] = b"\0\0"
        course.write({"hw.zip": bytes(plain)})
        assert list(course.told("hw.zip")) == ["a\u00e4"]


class TestNotebooks:
    def test_code_is_kept_line_by_line_and_magics_are_told(self) -> None:
        cells = [
            "%matplotlib inline\n!pip install x \\\n  --quiet\nimport os\nos?\n",
            "%%time\nif os:\n    !ls\n%time y = 3\nz = (5\n  % 3)\ntext = '''\n!kept\n%kept\n'''\n"
            "get_ipython().run_line_magic('a', 'b')\nfiles = !ls",
            "%%bash\nrm -rf /",
            "# -*- coding: latin-1 -*-\nname = 'é'",
        ]
        code = convert(notebook(*cells).encode())
        assert code.text.splitlines() == [
            "# the code cells of a notebook, coding: utf-8",
            "# cell 1", "# %matplotlib inline", "# !pip install x \\", "# --quiet", "import os", "# os?", "",
            "# cell 2", "# %%time", "if os:", "    pass  # !ls", "y = 3", "z = (5", "  % 3)",
            "text = '''", "!kept", "%kept", "'''",
            "# get_ipython().run_line_magic('a', 'b')", "# files = !ls",
            "# cell 3", "# %%bash", "# rm -rf /",
            "# cell 4", "# -*- coding: latin-1 -*-", "name = 'é'",
        ]  # fmt: skip
        assert code.notes == (
            "3 magics left out of cell 1",
            "5 magics left out of cell 2",
            "%%bash left out with all of cell 3",
        )
        compile(code.text, "x.py", "exec")

    def test_what_is_wrong_python_stays_for_its_author_to_see(self) -> None:
        assert "def broken(:" in convert(notebook("def broken(:\n    pass\n!ls\n").encode()).text

    def test_thousands_of_magics_take_no_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parses: list[bytes] = []

        def counted(text: bytes) -> Module:
            parses.append(text)
            return parse(text)

        monkeypatch.setattr("grader.grading.notebook.parse", counted)
        code = convert(notebook("!x\n" * 20_000).encode())
        assert code.notes == ("20000 magics left out of cell 1",)
        assert len(parses) <= 100

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "is no notebook that can be read"),
            (b"{}", "missing required field `cells`"),
            (b'{"cells": [{"cell_type": "code", "source": 7}]}', "is no notebook that can be read"),
            (b'{"cells": ' + b"[" * 100_000, "is no notebook that can be read"),
            (b'{"cells": [{"cell_type": "code", "source": "\xff"}]}', "is no notebook that can be read"),
            (notebook("x <- 1", language="R").encode(), "is a notebook of R, not of Python"),
        ],
    )
    def test_what_is_none_is_refused_in_a_line(self, data: bytes, said: str) -> None:
        with pytest.raises(Unreadable) as error:
            convert(data)
        assert said in str(error.value)
        assert str(error.value).isprintable()

    def test_a_student_s_notebook_comes_with_the_modules_that_it_imports(self, course: Course) -> None:
        course.write({"s/ada/hw.ipynb": notebook("from helpers import x\n", GOOD), "s/ada/data.csv": "1"})
        course.write({"s/ada/helpers.py": "x = 1\n", "s/bob/a.ipynb": notebook("x = 1")})
        course.write({"s/bob/b.ipynb": notebook(GOOD), "s/dan/hw.ipynb": notebook("x"), "s/dan/hw.py": GOOD})
        course.write({"s/eve/hw.ipynb": "{"})
        course.enrol("login\nada\nbob\ndan\neve\n")
        intake = course.take("s")
        ada, bob, dan, eve = intake.attempts
        assert beside(ada) == ["helpers.py", "hw.py"]
        assert (Path(bob.path).name, bob.notes[-1]) == ("b.py", "left out: a.ipynb")
        assert (course.short(dan), dan.notes[-1]) == ("s/dan/hw.py", "left out: hw.ipynb")
        assert eve.problem.startswith("hw.ipynb is no notebook that can be read")

    def test_grader_lists_a_notebook_as_what_it_is(
        self, course: Course, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(course.folder)
        monkeypatch.setenv("GRADER_STATE", str(course.folder / "state"))
        course.write({"hw.ipynb": notebook("%pylab", "from helpers import x", GOOD), "helpers.py": "x = 1\n",
                      "bad.ipynb": "{", "broken.ipynb": notebook("def f(")})  # fmt: skip
        cli = make_cli(harness_manager())
        listed = CliRunner().invoke(cli, ["list", "hw.ipynb"], standalone_mode=False)
        assert "hw      model   build_model" in listed.output
        assert "note: hw.ipynb: 1 magic left out of cell 1" in listed.output
        broken = CliRunner().invoke(cli, ["list", "broken.ipynb"], standalone_mode=False)
        assert "invalid: broken.ipynb:3: syntax error" in broken.output
        bad = CliRunner().invoke(cli, ["list", "bad.ipynb"], standalone_mode=False)
        assert "bad.ipynb is no notebook that can be read" in bad.output


def orders(paths: Iterable[str]) -> Iterable[list[str]]:
    every = list(itertools.permutations(paths))
    return [list(each) for each in random.Random(1).sample(every, 5)]


def test_the_order_of_the_paths_and_naming_one_twice_change_nothing(course: Course) -> None:
    course.write({"s/ada.py": GOOD, "s/attempt-2/ada.py": GOOD, "t/ada.ipynb": notebook(GOOD), "eve.py": GOOD,
                  "u.zip": zipped({"bob_1_2_x.py": GOOD, "notes.txt": "x"})})  # fmt: skip
    course.enrol("login\nada\nbob\n")
    paths = ["s", "s/ada.py", "t", "eve.py", "u.zip"]
    first = course.take(*paths)
    assert len(first.attempts) == 4
    for order in orders(paths):
        assert course.take(*order) == first


def test_nothing_that_was_handed_in_is_run(course: Course) -> None:
    bomb = f"import pathlib\npathlib.Path({str(course.folder / 'ran')!r}).touch()\n" + GOOD
    names = ["ada.py", "conftest.py", "bob/submission.py", "bob/__init__.py", "sitecustomize.py"]
    course.write({f"s/{name}": bomb for name in names} | {"s/d.zip": zipped({"d.py": bomb})})
    course.write({"s/c.ipynb": notebook(f"!touch {course.folder / 'ran'}", bomb)})
    assert len(course.take("s").attempts) == 5
    assert not (course.folder / "ran").exists()
