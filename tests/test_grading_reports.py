"""What grading writes: students see what is theirs and visible, staff all, and the public no person."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium
from factories import HOSTILE, evidence, failed
from grades import CRITERIA, TRACEBACK, full, grade, gradebook, mark, of, some_class, tried
from test_page import manager

from grader.contract.errors import StoreError, UsageError
from grader.contract.record import CurvePoint, Record
from grader.contract.status import Phase
from grader.contract.status import Status as Ended
from grader.grading.model import Alike, Graded, Outcome, Status
from grader.grading.reports.appeal import pack_appeal
from grader.grading.reports.feedback import as_html, as_markdown
from grader.grading.reports.gradescope import results
from grader.grading.reports.public import write_public
from grader.grading.reports.sheet import sheet
from grader.grading.reports.spread import bins
from grader.grading.reports.staff import staff_page
from grader.grading.reports.visible import feedback
from grader.grading.reports.words import figure, scrub
from grader.grading.reports.write import write_all
from grader.host.store import Store

PAIR = Alike(a="ada", b="bea", share=0.93, same=True, detail="lines 3 to 40")


class Page(HTMLParser):
    """What a person reads on a page, and what else there is on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        packed = [text for text in self.texts if "<div" in text]  # a noscript's content is text to the parser
        for text in packed:
            self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def of_student(graded: Graded, key: str) -> tuple[str, str, str]:
    """The student's page in both forms, and results.json."""
    one = next(each for each in graded.grades() if each.student.key == key)
    told = feedback(graded, one)
    return as_markdown(told), as_html(told), results(graded, one).decode()


class TestScrub:
    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ('File "/srv/course/hw3/ada.py", line 3', 'File "ada.py", line 3'),
            ("no such file: '/home/my user/data set/x.csv'", "no such file: 'x.csv'"),
            ("at /srv/a/b.py:3, and (/var/x/y)", "at b.py:3, and (y)"),
            ("in /usr/lib/python3.11/json/decoder.py", "in json/decoder.py"),
            ("/opt/v/lib/python3.11/site-packages/torch/nn/functional.py", "torch/nn/functional.py"),
            (r"C:\Users\ada\hw\x.py and \\server\share\x.py", "x.py and x.py"),
            ("file:///home/ada/x.py", "x.py"),
            ("saved=/home/ada/x.py", "saved=x.py"),
            ("/home/ada/", "ada"),
            ("10/100 and/or 3 /5 a/b/c.py ./x/y ../x/y n/a", "10/100 and/or 3 /5 a/b/c.py ./x/y ../x/y n/a"),
            ("see https://pytorch.org/docs/stable/x.html", "see https://pytorch.org/docs/stable/x.html"),
            ("a // b /", "a // b /"),
        ],
    )
    def test_cuts_absolute_paths_to_their_last_part(self, text: str, left: str) -> None:
        assert scrub(text) == left

    def test_takes_no_time_for_hostile_text(self) -> None:
        started = time.process_time()
        for text in ("/", "/a", "'/", "/a ", "\\", "http://", "C:\\", "//a", "file://"):
            scrub(20_000 * text)
        assert time.process_time() - started < 3


class TestFeedback:
    def test_tells_points_and_why_and_what_to_try_next(self) -> None:
        text, html, _ = of_student(some_class(), "ada")
        page = Page(html).text
        for form in (text.replace("\\", ""), page):
            assert "Accuracy on digits" in form
            assert "accuracy 0.8712; 0.90 gives all points" in form
            assert "Lower the learning rate, or shuffle." in form
            assert "32.5 of 40" in form
            assert "It costs you nothing" in form
            assert "training loss, from 2.300 to 0.115 by epoch 20" in form.lower()
        assert "**72.5 of 70 points**" in text

    def test_a_failure_comes_with_the_own_traceback_and_output(self) -> None:
        text, html, _ = of_student(some_class(), "bea")
        own = TRACEBACK.replace("/srv/course/hw3/", "").replace("/usr/lib/python3.11/site-packages/", "")
        for form in (text, Page(html).text):
            assert own in form
            assert "saved to out.txt" in form
            assert "last line of the traceback" in form
        assert "````text\n" in text  # a longer fence than the one inside

    def test_hints_say_where_a_timeout_was(self) -> None:
        text, _, _ = of_student(some_class(), "fay")
        assert "stopped after 20.0 s, with 3 epochs, 63 steps done; its budget is 3 epochs" in text

    @pytest.mark.parametrize("status", [each for each in Ended if each is not Ended.OK])
    @pytest.mark.parametrize("phase", Phase)
    def test_there_is_advice_for_every_way_to_fail(self, status: Ended, phase: Phase) -> None:
        graded = some_class()
        record = failed("fay_44", status, phase=phase)
        told = feedback(Graded(graded.book, {"fay_44": [record, record]}), graded.book.grades[5])
        assert len(told.advice) == 1

    def test_a_fault_of_the_grader_is_not_the_student_s(self) -> None:
        graded = some_class()
        record = failed("fay_44", Ended.HARNESS_ERROR, detail="at our own line", reason="cache broken")
        told = as_markdown(feedback(Graded(graded.book, {"fay_44": [record]}), graded.book.grades[5]))
        assert "never held against you" in told
        assert "our own line" not in told
        assert "cache broken" not in told

    @pytest.mark.parametrize(
        ("key", "lead"),
        [("cyd", "Nothing was handed in."), ("eve", "could not be trained: eve.zip is no zip.")],
    )
    def test_who_has_no_training_gets_a_page_as_well(self, key: str, lead: str) -> None:
        for form in of_student(some_class(), key)[:2]:
            assert lead in form
            assert "/srv" not in form

    def test_who_did_not_hand_in_the_group_s_file_is_not_told_whose_it_is(self) -> None:
        for form in of_student(some_class(), "dov"):
            assert "by another member of your group" in form
            assert not re.search("ada", form, re.IGNORECASE)

    def test_the_file_s_name_goes_from_a_group_s_traceback(self) -> None:
        made = tried("bea", [mark("test_trains", Outcome.FAILED, 0)])
        graded = Graded(gradebook(grade("dov", made, by="bea")), some_class().records)
        for form in of_student(graded, "dov"):
            assert "bea" not in form
            assert "submission.py" in form

    def test_nothing_of_hidden_criteria_others_or_the_machine(self) -> None:
        graded = some_class()
        for one in graded.grades():
            others = [other.title() for other in ("ada", "bea", "cyd", "dov", "eve", "fay")]
            others.remove(one.student.name)
            text, html, raw = of_student(graded, one.student.key)
            shown = json.dumps([each for each in json.loads(raw)["tests"] if each["visibility"] != "hidden"])
            for form in (text, html, shown, json.loads(raw)["output"]):
                for word in ("ebra", "secret", "/srv", "/usr", "test_small", *others, "17.25", "29.5"):
                    assert word not in form.replace(one.student.email, "")

    def test_what_lateness_takes_tells_nothing_of_hidden_points(self) -> None:
        """10 % of all 100 are 10 points: to tell them would tell the maximum, and with it what is hidden."""
        told = feedback(some_class(), some_class().book.grades[1])
        assert (told.earned, told.maximum, told.taken, told.total) == (10, 70, 7, 3)
        assert told.lateness == "1 day late: 10 % of the maximum"
        pages = set()
        for hidden in (0.0, 12.0, 30.0):
            marks = [mark("test_trains", Outcome.PASSED, 20), mark("test_secret[7]", Outcome.PARTIAL, hidden)]
            late = tried(
                "ada", marks, penalty=10.0, penalty_reason="1 day late: 10 % of 100", total=hidden + 10
            )
            made = grade("ada", late, total=hidden + 10, reason=f"{hidden} less 10")
            pages.add(as_markdown(feedback(Graded(gradebook(made), {}), made)))
        assert len(pages) == 1

    def test_a_penalty_cut_off_at_all_points_does_not_tell_how_many_they_were(self) -> None:
        pages = set()
        for hidden in (0.0, 12.0):
            marks = [mark("test_trains", Outcome.PASSED, 20), mark("test_secret[7]", Outcome.PARTIAL, hidden)]
            late = tried("ada", marks, penalty=20 + hidden, penalty_reason="9 days late: too late", total=0.0)
            made = grade("ada", late)
            pages.add(as_markdown(feedback(Graded(gradebook(made), {}), made)))
        (page,) = pages
        assert "Lateness takes off 20 of 20 points (9 days late: no points are left)" in page

    def test_without_hidden_criteria_the_penalty_is_told_as_it_is(self) -> None:
        late = tried(
            "ada", [mark("test_trains", Outcome.PASSED, 20)], penalty=10.0, penalty_reason="a day: 10"
        )
        made = grade("ada", late)
        told = feedback(Graded(gradebook(made, criteria=CRITERIA[:2]), {}), made)
        assert (told.taken, told.lateness) == (10.0, "a day: 10")

    def test_what_is_excused_is_neither_earned_nor_asked_for(self) -> None:
        made = grade("ada", tried("ada", [mark("test_trains", Outcome.EXCUSED, 0), *full().marks[1:]]))
        told = feedback(Graded(gradebook(made), {}), made)
        assert told.maximum == 50
        assert told.lines[0].score == "–"  # noqa: RUF001 - a dash to look at

    def test_odd_curves_are_drawn(self) -> None:
        points = ((0.0, 1e300), (0.0, -1e300), (1e15, None), (2.0, 0.0))
        curve = tuple(CurvePoint(epoch=at, steps=0, samples=0, seconds=0, loss=loss) for at, loss in points)
        graded = Graded(some_class().book, {"fay_44": [of("fay", curve=curve)]})
        text, html, _ = of_student(graded, "fay")
        assert not re.search(r"\b(nan|inf)\b", text + html)

    def test_the_page_runs_nothing_and_fetches_nothing(self) -> None:
        page = Page(of_student(some_class(), "ada")[1])
        assert not {"script", "link", "img", "iframe", "a"} & {tag for tag, _ in page.tags}
        policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
        assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def hostile(text: str, at: int) -> Graded:
    """A class of one whose every text is this."""
    criteria = tuple(
        msgspec.structs.replace(each, name=f"{text}{number}", title=text, hint=text)
        for number, each in enumerate(CRITERIA)
    )
    marks = [
        mark(each.name, outcome, each.points / 2, text, text)
        for each, outcome in zip(criteria, list(Outcome)[:5], strict=True)
    ]
    made = tried(f"key-{at}", marks, penalty=1.0, penalty_reason=text, submission="s")
    fields: dict[str, Any] = dict.fromkeys(("source", "submitted", "clock", "problem", "path"), text)
    made = msgspec.structs.replace(
        made, attempt=msgspec.structs.replace(made.attempt, notes=(text,), **fields)
    )
    one = grade(f"key-{at}", made, reason=text, flags=(text,), status=Status.GRADER_ERROR, by=text)
    names = ("file", "id", "sis_id", "login", "email", "name", "section", "group", "extension")
    student = msgspec.structs.replace(one.student, **dict.fromkeys(names, text))
    one = msgspec.structs.replace(one, student=student, pseudonym=text)
    book = gradebook(
        one, assignment=text, rubric=text, conditions={text: text}, rules={text: text}, problems=(text,),
        criteria=criteria,
    )  # fmt: skip
    record = failed("s", reason=text, detail=text, output=text, notes=(text,))
    return Graded(book, {"s": [record, of("s")]})


class TestHostileTexts:
    def test_stay_text_in_every_form(self, tmp_path: Path) -> None:
        for at, text in enumerate(HOSTILE):
            graded = hostile(text, at)
            written = {path.name: path for path in write_all(graded, tmp_path / str(at), [PAIR])}
            usual = {tag for page in plain_pages() for tag, _ in page.tags} | {
                "p",
                "pre",
                "ul",
                "li",
                "figure",
            }
            for name in (f"key-{at}.html", "staff.html"):
                page = Page(written[name].read_text(encoding="utf-8"))
                assert {tag for tag, _ in page.tags} <= usual, (name, text)
                assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
                hrefs = [attrs.get("href") or "" for _, attrs in page.tags if "href" in attrs]
                assert all(href.startswith("#") for href in hrefs)
            for path in written.values():
                content = path.read_text(encoding="utf-8")
                assert content.replace("\n", "").isprintable(), (path.name, text)
            rows = list(csv.reader(io.StringIO(written["grades.csv"].read_text(encoding="utf-8"))))
            assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
            json.loads(written[f"key-{at}.json"].read_text(encoding="utf-8"))

    def test_markdown_renders_as_itself(self) -> None:
        for text in HOSTILE:
            graded = hostile(text, 0)
            page = as_markdown(feedback(graded, graded.book.grades[0]))
            outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", page)
            assert not re.search(r"(?<!\\)[<>\[\]|]|://|(?<=www)\.", outside)
            assert not re.search(r"(?m)^\s*(=+|\d+\.|#{3,}|>)\s*$", outside)

    @pytest.mark.parametrize("key", ["", ".", "..", "../x", "a/b", "a\\b", "a\x00b", "\ud800", "a\nb"])
    def test_a_key_that_is_no_file_s_name_is_refused(self, key: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no file's name, or that of two students"):
            write_all(Graded(gradebook(grade("ada"), changed(key)), {}), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_two_keys_that_are_one_file_on_some_disks_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"student 'ada'.*\n.*student 'ADA'"):
            write_all(Graded(gradebook(grade("ada"), changed("ADA")), {}), tmp_path)


def changed(key: str) -> Any:
    one = grade("x")
    return msgspec.structs.replace(one, student=msgspec.structs.replace(one.student, key=key))


def plain_pages() -> list[Page]:
    if not _PLAIN:
        graded = some_class()
        _PLAIN.extend(Page(of_student(graded, key)[1]) for key in ("ada", "bea"))
        _PLAIN.append(Page(staff_page(graded, [PAIR])))
    return _PLAIN


_PLAIN: list[Page] = []


class TestSheet:
    def test_has_a_row_a_student_in_the_roster_s_order(self) -> None:
        rows = list(csv.DictReader(io.StringIO(sheet(some_class().book))))
        assert [row["key"] for row in rows] == ["ada", "bea", "cyd", "dov", "eve", "fay"]
        assert rows[0] | {
            "test_accuracy": "32.5", "test_secret[7]": "17.25", "test_trains": "20", "total": "89.75",
            "maximum": "100", "status": "grader_error", "attempt": "2", "penalty": "0", "sis_id": "S-ada",
            "name": "Ada", "submitted": "2026-03-01T12:00:00+01:00",
        } == rows[0]  # fmt: skip
        assert rows[2]["test_trains"] == rows[2]["attempt"] == ""
        assert rows[2]["status"] == "missing"

    @pytest.mark.parametrize(
        ("value", "text"),
        [(87.5, "87.5"), (40.0, "40"), (-0.0, "0"), (1e-9, "0"), (100 / 3, "33.333333"), (1e6, "1000000")],
    )
    def test_numbers_are_as_short_as_can_be(self, value: float, text: str) -> None:
        assert figure(value) == text

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_no_file_holds_what_is_no_number(self, value: float) -> None:
        one = grade("ada", full(), total=value)
        for make in (lambda: sheet(gradebook(one)), lambda: results(Graded(gradebook(one), {}), one)):
            with pytest.raises(StoreError, match="no file can hold it"):
                make()


class TestStaffPage:
    def test_tells_everything(self) -> None:
        text = Page(staff_page(some_class(), [PAIR])).text
        for words in (
            "test_secret[7] (hidden)", "rubric.py:9: KeyError: 'zap'", "read the folder of the rubric",
            "nobody in the roster handed in zoe.py", "900.0 s of CPU time", "/srv/course/hw3/bea_44.py",
            "93 % alike, and the same after renaming", "1 day late: 10 % of 100; 10 points taken off",
            "6 students: 3 graded, 1 missing, 1 invalid, 1 grader error", "eve.zip is no zip",
        ):  # fmt: skip
            assert words in text, words

    def test_the_hardest_criterion_comes_first(self) -> None:
        page = staff_page(some_class())
        table = page[page.index('id="criteria-h"') :]
        order = re.findall(r'<small class="muted">(.*?)</small>', table)
        assert order == ["test_accuracy", "test_trains", "test_small", "test_secret[7]", "test_style"]
        assert "<td>0 of 4</td>" in table

    def test_the_spread_has_everyone(self) -> None:
        found = dict(bins([0, 9.99, 10, 99, 100, 100.01, -3]))
        assert {name: many for name, many in found.items() if many} == {
            "0–10": 3, "10–20": 1, "90–100": 2, ">100": 1,  # noqa: RUF001 - ranges
        }  # fmt: skip

    def test_an_empty_class_has_a_page(self) -> None:
        assert "no students" in staff_page(Graded(gradebook(criteria=()), {}))


class TestGradescope:
    def test_results_are_as_the_platform_specifies_them(self) -> None:
        told = json.loads(of_student(some_class(), "ada")[2])
        assert told["score"] == 89.75
        assert told["stdout_visibility"] == "hidden"
        assert told["leaderboard"] == [
            {"name": "accuracy", "value": 0.9, "order": "desc"},
            {"name": "train seconds", "value": 1.234, "order": "asc"},
        ]
        assert told["execution_time"] == pytest.approx(2 * 1.544)
        accuracy, secret, extra = (told["tests"][at] for at in (1, 2, 3))
        assert (accuracy["score"], accuracy["max_score"], accuracy["status"]) == (32.5, 40, "failed")
        assert (accuracy["visibility"], secret["visibility"]) == ("visible", "hidden")
        assert (extra["score"], extra["max_score"], extra["status"]) == (10, 0, "passed")
        assert "Lower the learning rate" in accuracy["output"]
        assert {test["visibility"] for test in told["tests"]} == {"visible", "hidden"}

    def test_who_handed_in_nothing_has_results_as_well(self) -> None:
        told = json.loads(of_student(some_class(), "cyd")[2])
        assert (told["score"], told["tests"]) == (0, [])
        assert "leaderboard" not in told


def test_the_same_grades_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_all(some_class(), tmp_path / name, [PAIR]) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert len(first) == 2 + 3 * 6


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "feedback").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*feedback"):
        write_all(some_class(), tmp_path)


# --- what is published, and what is packed ---


def stored(folder: Path, graded: Graded) -> Store:
    store = Store(folder)
    for records in graded.records.values():
        for one in records:
            store.write(one, evidence(one.correct, seed=one.seed) if one.correct is not None else None)
    return store


def test_the_public_leaderboard_has_pseudonyms_alone(tmp_path: Path) -> None:
    graded = some_class()
    write_public(graded, tmp_path / "public", stored(tmp_path / "board", graded), manager())
    data = {path: path.read_bytes() for path in (tmp_path / "public").rglob("*") if path.is_file()}
    assert {"README.md", "leaderboard.csv", "leaderboard.json", "index.html"} <= {path.name for path in data}
    assert not (tmp_path / "public" / "records").exists()
    words = [
        "loss = run(x)",
        "own note",
        "ZeroDivision",
        "AdaNet",
        "ada_layer",
        "What it claims",
        "/srv",
    ]
    for one in graded.grades():
        student = one.student
        words += [f"{student.key}_44", student.email, student.id, student.sis_id, student.login]
    names = [one.student.name for one in graded.grades()]
    for path, content in data.items():
        for word in words:
            assert word.encode() not in content, (path.name, word)
        assert not re.search(rf"\b({'|'.join(names)})\b", content.decode()), path.name
    table = json.loads((tmp_path / "public" / "leaderboard.json").read_bytes())["tables"][0]
    rows = {row["name"]: row for row in table["rows"]}
    assert set(rows) == {"brisk-3a-otter", "brisk-3b-otter", "brisk-3f-otter"}
    assert rows["brisk-3a-otter"]["interval"] is not None  # by the evidence of the real records
    assert rows["brisk-3a-otter"]["unproven"] == 0
    assert rows["brisk-3b-otter"]["failures"][0]["reason"] == "crashed"


def test_a_folder_with_records_is_not_published_into(tmp_path: Path) -> None:
    store = stored(tmp_path, some_class())
    with pytest.raises(UsageError, match="holds records/, which tell names"):
        write_public(some_class(), tmp_path, store, manager())
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


@pytest.fixture
def appealed(tmp_path: Path) -> tuple[Graded, Path, Path]:
    """A class whose Ada handed in a folder, the leaderboard, and the rubric."""
    (tmp_path / "hw3" / "ada_44.py").mkdir(parents=True)
    folder = tmp_path / "hw3" / "ada_44.py"
    (folder / "submission.py").write_text("1 / 0  # data\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "bad\x1bname.py").write_bytes(b"\xff")
    (folder / "link").symlink_to("/etc/passwd")
    (tmp_path / "rubric.py").write_text("RUBRIC\n")
    made = msgspec.structs.replace(full(), attempt=msgspec.structs.replace(full().attempt, path=str(folder)))
    record: Record = of("ada")
    who = msgspec.structs.replace(record.submission, path="hw3/ada_44.py")
    record = msgspec.structs.replace(record, submission=who, output="epoch 1\n")
    graded = Graded(gradebook(grade("ada", made), grade("bea")), {"ada_44": [record]})
    stored(tmp_path / "board", graded)
    return graded, tmp_path / "board", tmp_path / "rubric.py"


def test_an_appeal_has_all_evidence_and_the_same_bytes(
    appealed: tuple[Graded, Path, Path], tmp_path: Path
) -> None:
    graded, board, rubric = appealed
    ada = graded.book.grades[0]
    before = gradebook(grade("ada", full(), total=12.0), graded="2026-01-01T00:00:00Z")
    path = pack_appeal(graded, ada, tmp_path, board, rubric, before)
    assert path == tmp_path / "appeal-ada.zip"
    again = pack_appeal(graded, ada, tmp_path / "again.zip", board, rubric, before)
    assert again.read_bytes() == path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for lies in board.rglob("*.*"):
        assert held[f"leaderboard/{lies.relative_to(board)}"] == lies.read_bytes()
    assert held["hw3/ada_44.py/submission.py"] == b"1 / 0  # data\n"
    assert held["hw3/ada_44.py/sub/bad_x1bname.py"] == b"\xff"
    assert held["rubric/rubric.py"] == b"RUBRIC\n"
    assert b"rubric.py:9: KeyError: 'zap'" in held["marks.txt"]
    assert b"test_secret[7] (hidden): 17.25 of 30, partly met" in held["marks.txt"]
    assert json.loads(held["former/grade.json"])["total"] == 12.0
    assert any(name.startswith("output/") and data.endswith(b"epoch 1\n") for name, data in held.items())
    readme = held["README.txt"].decode()
    assert "grader verify --leaderboard leaderboard" in readme
    assert "grader run hw3/ada_44.py --task digits --budget '3 epochs' --seeds 0, --device cpu" in readme
    assert "link: a link" in readme
    assert not any(b"root:" in data for data in held.values())


def test_an_appeal_of_a_file_has_what_it_imports_from_beside_it(
    appealed: tuple[Graded, Path, Path], tmp_path: Path
) -> None:
    graded, board, rubric = appealed
    (tmp_path / "class").mkdir()
    hooks = (
        "from grader import hookimpl\nimport helper\n@hookimpl\ndef build_model(task):\n    helper.model\n"
    )
    for name, text in (("bea_44.py", hooks), ("helper.py", "model = None\n"), ("eve.py", "")):
        (tmp_path / "class" / name).write_text(text)
    made = tried("bea", [], submission="")
    made = msgspec.structs.replace(
        made, attempt=msgspec.structs.replace(made.attempt, path=str(tmp_path / "class" / "bea_44.py"))
    )
    path = pack_appeal(graded, grade("bea", made), tmp_path, board, rubric)
    with zipfile.ZipFile(path) as archive:
        packed = [name for name in archive.namelist() if name.startswith("submission")]
    assert packed == ["submission/attempt-1/bea_44.py", "submission/attempt-1/helper.py"]


def test_an_appeal_of_who_handed_in_nothing(appealed: tuple[Graded, Path, Path], tmp_path: Path) -> None:
    graded, board, rubric = appealed
    path = pack_appeal(graded, graded.book.grades[1], tmp_path / "bea.zip", board, rubric)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [
            "README.txt",
            "grade.json",
            "criteria.json",
            "marks.txt",
            "rubric/rubric.py",
        ]


@pytest.mark.parametrize(
    "told", ["/etc/ada_44.py", "../ada_44.py", "a\\ada_44.py", "other.py", "x/\x1b/ada_44.py"]
)
def test_a_record_s_path_takes_no_file_out_of_the_zip(
    told: str, appealed: tuple[Graded, Path, Path], tmp_path: Path
) -> None:
    graded, board, rubric = appealed
    (record,) = graded.records["ada_44"]
    record = msgspec.structs.replace(record, submission=msgspec.structs.replace(record.submission, path=told))
    path = pack_appeal(
        Graded(graded.book, {"ada_44": [record]}), graded.book.grades[0], tmp_path, board, rubric
    )
    with zipfile.ZipFile(path) as archive:
        assert "submission/attempt-1/ada_44.py/submission.py" in archive.namelist()


def test_the_pages_in_a_browser(tmp_path: Path) -> None:
    """On a phone and at a desk, in both themes: nothing overflows, axe finds nothing, no error is told."""
    folder = tmp_path / "grades"
    write_all(some_class(), folder, [PAIR])
    wrong: list[str] = []
    with chromium() as browser:
        for theme, width in (("light", 360), ("dark", 1440)):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
            page = context.new_page()
            page.on("console", lambda message: wrong.append(message.text))
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto((folder / "feedback" / "bea.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert Axe().run(page).violations_count == 0
            page.goto((folder / "staff.html").as_uri())
            page.get_by_role("button", name="total").click()
            order = page.locator(".standings tbody th a").all_text_contents()
            assert order == ["Ada", "Dov", "Fay", "Bea", "Cyd", "Eve"]
            page.locator(".standings a", has_text="Bea").click()
            assert page.get_by_text("comes after test_trains").first.is_visible()
            for name in ("Grades", "Criteria", "To look at"):
                page.get_by_role("tab", name=name).click()
                assert page.evaluate("document.documentElement.scrollWidth") == width
                if theme == "dark" or name == "Grades":
                    found = Axe().run(page)
                    assert found.violations_count == 0, found.generate_report()
            context.close()
    assert wrong == []
