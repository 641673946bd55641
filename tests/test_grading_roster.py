"""Who is in the course and by which rules: rosters, late rules, times, and names for what is published."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from grader.contract.errors import GraderError, UsageError
from grader.grading import times
from grader.grading.late import EXAMPLE, Late
from grader.grading.pseudonyms import pseudonyms, secret
from grader.grading.roster import read_roster
from grader.grading.rules import Rules, in_words, read_rules
from grader.host.pyproject import read_pyproject
from grader.host.settings import make_config

Roster = Callable[[str | bytes], Path]


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "roster.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal(path: Path) -> list[str]:
    with pytest.raises(UsageError) as error:
        read_roster(path)
    return [line.removeprefix(f"{path}: ") for line in str(error.value).splitlines()]


class TestRoster:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("start", ["", "\ufeff"])
    def test_columns_are_known_by_any_case_and_delimiter(
        self, roster: Roster, delimiter: str, start: str
    ) -> None:
        rows = (
            ["FILE", "Student ID", "E-Mail", "name", "Extension"],
            ["ada.py", "7", "a@x.org", "Ada", "2 days"],
        )
        text = "".join(delimiter.join(row) + "\r\n" for row in rows)
        (ada,) = read_roster(roster(start + text))
        assert (ada.key, ada.file, ada.id, ada.email, ada.name, ada.extension) == (
            "ada", "ada.py", "7", "a@x.org", "Ada", "2 days",
        )  # fmt: skip

    def test_a_gradebook_of_canvas_is_a_roster(self, roster: Roster) -> None:
        text = (
            "Student,ID,SIS User ID,SIS Login ID,Section,hw1 (44)\n"
            ",,,,,Manual Posting\n    Points Possible,,,,,100\n"
            '"Lovelace, Ada",11,s1,ada@uni.edu,A,\n'
        )
        (ada,) = read_roster(roster(text))
        assert (ada.name, ada.id, ada.sis_id, ada.login, ada.section) == (
            "Lovelace, Ada", "11", "s1", "ada@uni.edu", "A",
        )  # fmt: skip

    def test_a_worksheet_of_moodle_is_a_roster(self, roster: Roster) -> None:
        text = "Identifier,Full name,ID number,Email address,Group\nParticipant 12,Ada,s1,a@x,Team 1\n"
        (ada,) = read_roster(roster(text))
        assert (ada.id, ada.name, ada.sis_id, ada.email, ada.group) == (
            "Participant 12",
            "Ada",
            "s1",
            "a@x",
            "Team 1",
        )

    def test_first_and_last_names_make_a_name(self, roster: Roster) -> None:
        (ada,) = read_roster(roster("First name,Last name,Email\nAda,Lovelace,a@x\n"))
        assert ada.name == "Ada Lovelace"

    def test_all_that_is_wrong_is_told_at_once_with_its_line(self, roster: Roster) -> None:
        text = 'file,id,extension\nada.py,1,\nADA.ipynb,2,next week\n"",,\nbob,1,-3 days\n"carl\n",4,,more\n'
        assert refusal(roster(text)) == [
            "line 3: extension 'next week' is no span of time: write one like 15 minutes or 2 days",
            "line 3: file 'ADA.ipynb' is that of line 2 too",
            "line 4: names nobody: fill it in, or remove it",
            "line 5: extension '-3 days' is no span of time: write one like 15 minutes or 2 days",
            "line 5: id '1' is that of line 2 too",
            "line 6: 4 cells under a heading of 3",
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "points,section\n1,a\n",
                "no column tells the students: name one file, id, login, email or name; "
                "there are points, section",
            ),
            ("", "no column tells the students"),
            ("file\n", "line 1: there is no student below the heading"),
            ("file,File\na,b\n", "line 1: two columns are named file"),
            ("name\nAda\nada\n", "line 3: name 'ada' is that of line 2 too"),
            (b"file\n\xe9.py\n", "not UTF-8, at byte 5: save it as CSV UTF-8"),
            ('file\n"a"b\n', "line 2: broken CSV"),
        ],
    )  # fmt: skip
    def test_a_file_that_is_no_roster_is_told_in_a_line(
        self, roster: Roster, text: str | bytes, said: str
    ) -> None:
        (line,) = refusal(roster(text))
        assert line.startswith(said)

    def test_a_missing_file_is_told(self, tmp_path: Path) -> None:
        (line,) = refusal(tmp_path / "none.csv")
        assert "cannot be read: No such file" in line

    def test_keys_are_file_names_and_stay_when_others_come(self, roster: Roster) -> None:
        hostile = [
            "../../etc/passwd",
            "=cmd|'/c calc'!A0",
            "\x1b[31mred",
            "a\u202eb",
            "文件",
            "Ada Ä",
            "ada ä.",
            "x" * 300,
        ]
        text = "login\n" + "".join('"' + word.replace('"', '""') + '"\n' for word in hostile)
        students = read_roster(roster(text))
        for each in students:
            assert re.fullmatch(r"\w[\w.-]*", each.key)
            assert each.key.isprintable()
        assert len({each.key.casefold() for each in students}) == len(hostile)
        fewer = read_roster(roster("login\n" + "".join(f'"{word}"\n' for word in hostile[:5])))
        assert [each.key for each in fewer] == [each.key for each in students[:5]]


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "utc"),
        [
            ("2026-03-01", "2026-03-01T22:59:59"),  # the end of the day
            ("2026-03-01 12:00", "2026-03-01T11:00:00"),
            ("2026-03-01T12:00+05:00", "2026-03-01T07:00:00"),
            ("2026-10-25 02:30", "2026-10-25T01:30:00"),  # shown twice by the clocks: the later
        ],
    )
    def test_a_time_without_an_offset_is_the_course_s(self, text: str, utc: str) -> None:
        assert times.parse_moment(text, times.parse_zone("Europe/Berlin")) == datetime.fromisoformat(
            f"{utc}+00:00"
        )

    def test_what_was_handed_in_came_at_the_first_moment_that_is_meant(self) -> None:
        berlin = times.parse_zone("Europe/Berlin")
        told = [times.parse_moment(text, berlin, later=False) for text in ("2026-03-01", "2026-10-25 02:30")]
        assert [each.isoformat() for each in told] == [
            "2026-02-28T23:00:00+00:00",
            "2026-10-25T00:30:00+00:00",
        ]

    @pytest.mark.parametrize(
        "text", ["", "tomorrow", "2026-13-01", "2026-03-01T25:00", "nan", "9999-12-31T23:59-23:00"]
    )
    def test_what_is_no_time_is_told(self, text: str) -> None:
        with pytest.raises(UsageError, match="is no time: write 2026-03-01"):
            times.parse_moment(text, UTC)

    @pytest.mark.parametrize(
        ("text", "span"),
        [("2 days", timedelta(days=2)), ("36h", timedelta(hours=36)), ("1.5 hours", timedelta(minutes=90)),
         ("1 day, 12 hours", timedelta(hours=36)), ("1 week and 1 day", timedelta(days=8))],
    )  # fmt: skip
    def test_spans(self, text: str, span: timedelta) -> None:
        assert times.parse_span(text) == span

    @pytest.mark.parametrize(
        "text", ["0 days", "-1 day", "1 dya", "2", "999999 weeks", "1e9 days", "٣ days", "nan days"]
    )
    def test_what_is_no_span_is_told(self, text: str) -> None:
        with pytest.raises(UsageError):
            times.parse_span(text)

    def test_an_extension_is_a_span_or_a_time_and_takes_nothing_away(self) -> None:
        due = datetime(2026, 3, 1, 12, tzinfo=UTC)
        assert times.extended(due, "", UTC) == due
        assert times.extended(due, "2 days", UTC) == due + timedelta(days=2)
        assert times.extended(due, "2026-03-04T12:00", UTC) == due + timedelta(days=3)
        assert times.extended(due, "2026-02-01", UTC) == due


class TestLate:
    @pytest.mark.parametrize(
        ("hours", "percent", "words"),
        [(0.2, 0, ""), (0.3, 10, "1 day late"), (24.2, 10, "1 day late"), (24.3, 20, "2 days late"),
         (24 * 6, 50, "6 days late"), (24 * 7.1, 100, "7 days 2 hours late, closed after 7 days")],
    )  # fmt: skip
    def test_begun_days_count_whole_after_the_grace(self, hours: float, percent: float, words: str) -> None:
        assert Late.parse(EXAMPLE).percent_off(timedelta(hours=hours)) == (percent, words)

    def test_a_percent_of_no_unit_is_taken_off_once(self) -> None:
        assert Late.parse("20%").percent_off(timedelta(days=9)) == (20, "9 days late")

    @pytest.mark.parametrize(
        "text", [EXAMPLE, "2.5% per hour", "20%", "closed after 1 hour", "10% per week, at most 30%"]
    )
    def test_a_rule_in_words_reads_back_as_itself(self, text: str) -> None:
        rule = Late.parse(text)
        assert Late.parse(str(rule)) == rule

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "has a part '' that is not understood"),
            ("10 points per day", "has a part '10 points per day' that is not understood"),
            ("10% per fortnight", "there is no unit 'fortnight'"),
            ("10% per dya", "did you mean day?"),
            ("101%", "not between 0% and 100%"),
            ("nan%", "not understood"),
            ("10% per day, 20% per day", "says the percent twice"),
            ("10% per day, at most", "has a part 'at most'"),
            ("10% per day, grace soon", "is no span of time"),
        ],
    )
    def test_what_is_no_rule_is_one_line_with_an_example(self, text: str, said: str) -> None:
        with pytest.raises(UsageError) as error:
            Late.parse(text)
        assert said in str(error.value)
        assert str(error.value).endswith(f"write one like {EXAMPLE!r}")
        assert "\n" not in str(error.value)


class TestRules:
    def write(self, folder: Path, text: str) -> None:
        (folder / "pyproject.toml").write_text(f"[tool.grader.grading]\n{text}\n", encoding="utf-8")

    def test_every_key_is_read_and_what_was_said_wins(self, tmp_path: Path) -> None:
        for name in ("r.csv", "m.csv", "other.csv", "handout.py"):
            (tmp_path / name).touch()
        self.write(
            tmp_path,
            'roster = "r.csv"\nmetadata = "m.csv"\ndue = 2026-03-01T23:59:00\nlate = "10% per day"\n'
            'attempts = "best"\ntimezone = "Europe/Berlin"\nhandout = ["handout.py"]',
        )
        given = read_pyproject(tmp_path).grading
        rules = read_rules(given, {"roster": "other.csv", "attempts": None}, tmp_path)
        assert rules == Rules(
            roster=tmp_path / "other.csv",
            metadata=tmp_path / "m.csv",
            due=datetime(2026, 3, 1, 23, 59, tzinfo=timezone(timedelta(hours=1))),
            late=Late(percent=10, per=timedelta(days=1)),
            attempts="best",
            timezone=times.parse_zone("Europe/Berlin"),
            handout=(tmp_path / "handout.py",),
        )
        assert in_words(rules) == {
            "due": "2026-03-01 23:59:00 Europe/Berlin",
            "late": "10% per day (of the maximum)",
            "attempts": "the best counts",
            "timezone": "Europe/Berlin, for every time that names no offset",
        }

    def test_without_any_nothing_is_late_and_times_are_utc(self, tmp_path: Path) -> None:
        rules = read_rules({}, {"due": "2026-03-01"}, tmp_path)
        assert rules == Rules(due=datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
        assert in_words(Rules())["due"] == "no time: nothing is late"
        assert in_words(rules)["due"] == "2026-03-01 23:59:59 UTC"

    @pytest.mark.parametrize(
        "value", ["2026-03-01", "2026-03-01T23:59:59", "2026-03-01T23:59:59Z", '"2026-03-01"']
    )
    def test_a_due_date_of_toml_is_one(self, tmp_path: Path, value: str) -> None:
        self.write(tmp_path, f"due = {value}")
        rules = read_rules(read_pyproject(tmp_path).grading, {}, tmp_path)
        assert rules.due == datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)

    def test_a_late_rule_without_a_due_time_is_a_mistake(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="late: nothing is late without a due time: set due as well"):
            read_rules({}, {"late": "10% per day"}, tmp_path)

    def test_all_that_is_wrong_is_told_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "roster.csv").touch()
        self.write(
            tmp_path,
            'roster = "rooster.csv"\ndue = "soon"\nlate = "x"\nattempts = "last"\ntimezone = "Berlin"',
        )
        with pytest.raises(UsageError) as error:
            read_rules(read_pyproject(tmp_path).grading, {"handout": ["none"]}, tmp_path)
        lines = str(error.value).splitlines()
        assert len(lines) == 6
        assert all(
            line.startswith((f"{tmp_path}/pyproject.toml: [tool.grader] grading.", "handout: "))
            for line in lines
        )
        told = ["did you mean", "is no time", "write one like", "among latest, first, best"]
        for said in [*told, "no time zone 'Berlin'", "no file or folder"]:
            assert said in str(error.value)

    def test_a_key_of_the_wrong_kind_is_told_with_the_others(self, tmp_path: Path) -> None:
        self.write(tmp_path, 'deu = 1\nlate = 10\ndue = 7\n[tool.grader.limits]\nload = "x"')
        with pytest.raises(UsageError) as error:
            make_config(cwd=tmp_path)
        told = ["has no key grading.deu; did you mean due?", "grading.late must be a text"]
        for said in [*told, "grading.due must be a date", "limits.load must be"]:
            assert said in str(error.value)


class TestPseudonyms:
    def test_they_are_stable_and_tell_apart_however_many(self) -> None:
        keys = [f"student{at}" for at in range(20_000)]
        names = pseudonyms(keys, b"s" * 32)
        assert len(set(names.values())) == len(keys)
        assert names == pseudonyms(reversed(keys), b"s" * 32)
        assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d{4}", name) for name in names.values())

    def test_another_secret_gives_other_names(self) -> None:
        keys = [f"student{at}" for at in range(50)]
        one, other = pseudonyms(keys, b"a" * 32), pseudonyms(keys, b"b" * 32)
        assert not set(one.items()) & set(other.items())

    def test_one_s_name_does_not_depend_on_the_others(self) -> None:
        assert pseudonyms(["ada"], b"s" * 32)["ada"] == pseudonyms(["ada", "bob", "zoe"], b"s" * 32)["ada"]

    def test_the_secret_is_kept_for_its_owner_alone(self, tmp_path: Path) -> None:
        made = secret(tmp_path / "new")
        assert len(made) == 32
        assert secret(tmp_path / "new") == made
        assert (tmp_path / "new" / "secret").stat().st_mode & 0o777 == 0o600
        assert secret(tmp_path / "other") != made

    def test_a_secret_that_cannot_be_kept_or_is_none_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(GraderError, match="cannot keep the pseudonyms' secret"):
            secret(tmp_path / "file")
        (tmp_path / "secret").write_text("short")
        with pytest.raises(GraderError, match="is no secret of ours"):
            secret(tmp_path)
