"""Gradebooks of learning platforms: one column is filled in, and every other byte stays as it was."""

from __future__ import annotations

import csv
import io
import random
import re
from html.parser import HTMLParser

import msgspec
import pytest
from factories import HOSTILE
from grades import CRITERIA, full, grade, gradebook, mark, some_class, tried

from grader.contract.errors import UsageError
from grader.grading.model import Graded, Outcome
from grader.grading.reports.canvas import fill_canvas
from grader.grading.reports.cells import Sheet
from grader.grading.reports.moodle import fill_moodle

BOM = b"\xef\xbb\xbf"
CANVAS = '''\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,Homework 2 (11),Homework 3 (4711),Final Score\r
,,,,,,,Manual Posting,\r
    Points Possible,,,,,,10,100,(read only)\r
"Lovelace, Ada",4097,S-ada,ada.l,"Mon, 9 and Tue, 9","=1+1 ""x""",9.5,,90.00\r
"B, Bea",,S-bea,elsewhere,Mon,,8,12,80\r
"C, Cyd",,,CYD.L,Mon,,,"",0\r
"Nobody, Zoe",9,S-zoe,zoe,Mon,,1,55,1\r
"Student, Test",77,,a1b2c3,Mon,,,,\r
'''
WORKSHEET = """\
Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 4097","Ada L",ada@uni.example,"Submitted for grading",,100.00,Yes,"Monday, 1 March","-",
"Participant 9",Bea,BEA@uni.example,"No submission",12.00,100.00,Yes,-,-,"<p>Well done, I saw it.</p>"
"Participant 4099",Cyd,cyd@uni.example,"No submission",,100.00,No,-,-,
"Participant 5",Zoe,zoe@uni.example,-,,100.00,Yes,-,-,
"""
EXPORT = """\
"First name","Last name","ID number","Email address","Quiz: Homework 3 (Real)",\
"Assignment: Homework 3: digits (Real)","Assignment: Homework 3: digits (Percentage)","Course total (Real)"
Ada,L,S-ada,x@y.example,-,-,-,-
Bea,B,,bea@uni.example,-,1,-,-
"""


def canvas(text: str = CANVAS, column: str = "Homework 3", graded: Graded | None = None) -> list[list[str]]:
    done = fill_canvas(text.encode(), column, graded or some_class())
    return list(csv.reader(io.StringIO(done.data.decode(), newline="")))


class TestCells:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_are_what_the_csv_module_reads_and_change_alone(self, delimiter: str) -> None:
        chance = random.Random(0)
        for _ in range(200):
            rows = [["".join(chance.choices('ab ";,\t\n\r=é', k=chance.randrange(5))) for _ in range(4)]]
            rows = [["a", "b", "c", "d"], *rows * chance.randrange(1, 3)]
            file = io.StringIO(newline="")
            dialect = chance.choice(["excel", "unix"])  # which quotes all
            csv.writer(file, dialect, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
            read = Sheet(file.getvalue().encode(), "it")
            assert [[cell.text for cell in row] for row in read.rows] == rows
            assert read.data() == file.getvalue().encode()
            text = chance.choice(["1.5", 'x"y', " ", "a;b", ""])
            read.put(1, 2, text)
            rows[1] = [*rows[1][:2], text, rows[1][3]]
            after = csv.reader(io.StringIO(read.data().decode(), newline=""), delimiter=delimiter)
            assert list(after) == rows


class TestCanvas:
    @pytest.mark.parametrize("column", ["Homework 3", "homework  3 (4711)", "4711"])
    @pytest.mark.parametrize("bom", [b"", BOM])
    def test_fills_one_column_and_leaves_every_other_byte(self, column: str, bom: bytes) -> None:
        done = fill_canvas(bom + CANVAS.encode(), column, some_class())
        expected = CANVAS.replace("9.5,,90", "9.5,89.75,90").replace(",8,12,", ",8,29.5,")
        assert done.data == bom + expected.replace(',"",0', ',"0",0').encode()
        assert done.matched == 3

    def test_names_who_is_missing_on_either_side(self) -> None:
        done = fill_canvas(CANVAS.encode(), "Homework 3", some_class())
        assert done.unmatched_rows == ("row 7: Nobody, Zoe (ID 9)",)
        assert done.unmatched_students == ("dov (Dov)", "eve (Eve)", "fay (Fay)")
        assert done.problems == ()

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_other_delimiters(self, delimiter: str) -> None:
        lines = list(csv.reader(io.StringIO(CANVAS, newline="")))
        file = io.StringIO(newline="")
        csv.writer(file, delimiter=delimiter).writerows(lines)
        done = fill_canvas(file.getvalue().encode(), "Homework 3", some_class())
        assert list(csv.reader(io.StringIO(done.data.decode(), newline=""), delimiter=delimiter)) == canvas()

    def test_first_and_last_names_in_columns_of_their_own(self) -> None:
        heads = 'LastName,FirstName,ID,SIS Login ID,Section,"Homework, 3 (4711)"'
        text = f"{heads}\nStudent,Test,7,x,,\nA,B,4098,,,\n"
        done = fill_canvas(text.encode(), "homework, 3", some_class())
        assert done.data.decode().endswith("A,B,4098,,,29.5\n")
        assert done.unmatched_rows == ()

    def test_another_maximum_is_told_and_nothing_scaled(self) -> None:
        done = fill_canvas(CANVAS.replace(",10,100,", ",10,20,").encode(), "Homework 3", some_class())
        assert b",89.75," in done.data
        (problem,) = done.problems
        assert problem.startswith(
            "Points Possible of Homework 3 (4711) is 20, and the rubric's maximum 100: "
        )

    def test_who_is_excused_there_stays_so_and_is_named(self) -> None:
        text = CANVAS.replace("9.5,,90", "9.5,EX,90").replace(",8,12,", ",8,N/A,")
        done = fill_canvas(text.encode(), "Homework 3", some_class())
        assert done.data.count(b",EX,") == done.data.count(b",N/A,") == 1
        assert [line.split(",")[0] for line in done.problems] == [
            "ada has EX there",
            "bea has N/A there",
        ]

    def test_a_student_of_whom_less_was_asked_is_named(self) -> None:
        ada = grade("ada", full(), maximum=90.0)
        done = fill_canvas(CANVAS.encode(), "Homework 3", Graded(gradebook(ada), {}))
        assert done.problems == (
            "ada has 89.75 of 90, as some criteria were left out: the platform takes it for as many of the "
            "whole maximum",
        )

    def test_without_a_roster_the_login_is_the_file_s_name(self) -> None:
        ada = grade("ada.l", full())
        ada = msgspec.structs.replace(ada, student=type(ada.student)(key="ada.l", file="ada.l.py"))
        assert canvas(graded=Graded(gradebook(ada), {}))[3][7] == "89.75"

    def test_hostile_names_of_rows_stay_as_they_are_and_are_told_harmlessly(self) -> None:
        rows = [[name, "", "", "", "", "", "", "", ""] for name in HOSTILE if name != "\ud800"]
        file = io.StringIO(newline="")
        csv.writer(file).writerows(rows)
        text = CANVAS + file.getvalue()
        done = fill_canvas(text.encode(), "Homework 3", some_class())
        assert done.data.endswith(file.getvalue().encode())
        assert "".join(done.unmatched_rows).isprintable()

    @pytest.mark.parametrize(
        ("text", "column", "said"),
        [
            (
                CANVAS,
                "Homework 33",
                "no assignment's column is named 'Homework 33'; did you mean Homework 3?",
            ),
            (
                CANVAS,
                "Section",
                "no assignment's column is named 'Section'; there are: Homework 2 (11), Homewo",
            ),
            (CANVAS, "Final Score", "no assignment's column is named 'Final Score'"),
            (
                CANVAS.replace("10,100,", "10,(read only),"),
                "4711",
                "is read-only; name an assignment's column",
            ),
            (
                CANVAS.replace("Homework 2 (11)", "Homework 3 (12)"),
                "Homework 3",
                "2 columns are named 'Homework 3': Homework 3 (12), Homework 3 (4711); give one whole",
            ),
            (CANVAS.replace(",ID,", ",Id number,"), "4711", "its heading line lacks Student, ID or Section"),
            ("", "4711", "no CSV file with a heading line"),
            ("\xff", "4711", "no CSV file with a heading line"),
            ('Student,ID,"Section', "4711", "no CSV file with a heading line"),
            (CANVAS.replace(",Mon,,8,12,80", ",Mon"), "4711", "row 5 has 5 cells, and the heading line 9"),
            (
                CANVAS.replace("9,S-zoe,zoe", "9,S-bea,ada.l").replace('"B, Bea",,S-bea', '"B, Bea",,S-ada'),
                "4711",
                "row 7 could be bea or ada; make the roster's ids tell them apart",
            ),
            (CANVAS.replace("9,S-zoe", "9,S-ada"), "4711", "rows 4 and 7 are both ada; make the roster's"),
            (
                re.sub(r"4097|S-\w+|ada\.l|CYD\.L", "x", CANVAS),
                "4711",
                "no row is a student of this assignment (compared were ID, SIS User ID, SIS Login ID): is it "
                "another course's?",
            ),
        ],
    )
    def test_a_mistake_is_one_line(self, text: str, column: str, said: str) -> None:
        with pytest.raises(UsageError) as caught:
            fill_canvas(text.encode(), column, some_class())
        assert all(line.startswith("the Canvas gradebook: ") for line in str(caught.value).split("\n"))
        assert said in str(caught.value)

    def test_no_utf8_is_told_with_the_way_out(self) -> None:
        with pytest.raises(UsageError, match="no UTF-8 text; save it as 'CSV UTF-8'"):
            fill_canvas(CANVAS.replace("Zoe", "Zoë").encode("latin-1"), "4711", some_class())


class Texts(HTMLParser):
    """What a person reads of some HTML, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class TestMoodle:
    def test_a_worksheet_gets_grades_and_comments_and_nothing_else(self) -> None:
        done = fill_moodle(BOM + WORKSHEET.encode(), some_class())
        before = list(csv.reader(io.StringIO(WORKSHEET)))
        after = list(csv.reader(io.StringIO(done.data.decode("utf-8-sig"))))
        assert [row[4] for row in after] == ["Grade", "89.75", "29.5", "", ""]
        changed = {4, 9}
        assert [[c for at, c in enumerate(row) if at not in changed] for row in after] == [
            [c for at, c in enumerate(row) if at not in changed] for row in before
        ]
        assert done.data.startswith(BOM)
        assert done.matched == 3
        assert done.unmatched_rows == ("row 5: Zoe",)
        assert done.unmatched_students == ("dov (Dov)", "eve (Eve)", "fay (Fay)")
        assert done.problems == (
            "cyd: Moodle says that this grade cannot be changed; it was left",
            "bea has a feedback comment already, which was left",
        )
        ada = Texts(after[1][9])
        assert ada.tags == {"p", "ul", "li"}
        assert "Graded automatically: 72.5 of 70 points for the criteria below." in ada.texts
        assert "ebra" not in after[1][9]
        assert "secret" not in after[1][9]

    def test_filled_again_the_comment_is_the_new_one(self) -> None:
        first = fill_moodle(WORKSHEET.encode(), some_class()).data
        ada = tried("ada", [mark("test_trains", Outcome.PASSED, 20)])
        done = fill_moodle(first, Graded(gradebook(grade("ada", ada)), {}))
        assert b"20 of 20 points" in done.data
        assert b"72.5" not in done.data

    def test_comments_hold_no_markup_of_others(self) -> None:
        for text in HOSTILE:
            ada = tried("ada", [mark("test_trains", Outcome.FAILED, 0, message=text)])
            titled = tuple(msgspec.structs.replace(each, title=text) for each in CRITERIA)
            done = fill_moodle(WORKSHEET.encode(), Graded(gradebook(grade("ada", ada), criteria=titled), {}))
            cell = list(csv.reader(io.StringIO(done.data.decode(), newline="")))[1][9]
            assert Texts(cell).tags == {"p", "ul", "li"}
            assert cell.isprintable()

    def test_more_than_moodle_takes_is_told(self) -> None:
        """It would leave such a row out without a word."""
        ada = grade("ada", full(), total=104.5)
        done = fill_moodle(WORKSHEET.encode(), Graded(gradebook(ada), {}))
        assert b'grading",100,100.00' in done.data
        assert done.problems[0].startswith("ada has 104.5 points, and Moodle takes no more than 100: th")
        other = fill_moodle(WORKSHEET.replace("100.00", "20,00").replace("20,00", '"20,00"').encode(),
                            Graded(gradebook(ada), {}))  # fmt: skip
        assert b'grading",,"20,00"' in other.data
        assert other.problems[0].startswith("Maximum Grade is 20, and the rubric's maximum 100: ")
        assert other.problems[1].endswith("nothing was filled in")

    @pytest.mark.parametrize("column", ["", "Homework 3: digits", "Assignment: Homework 3: digits (Real)"])
    def test_a_gradebook_gets_the_assignment_s_column(self, column: str) -> None:
        done = fill_moodle(EXPORT.encode(), some_class(), column)
        assert done.data.decode() == EXPORT.replace("-,-,-,-", "-,89.75,-,-").replace("-,1,-,-", "-,29.5,-,-")

    @pytest.mark.parametrize(
        ("text", "column", "said"),
        [
            (EXPORT, "Homework 4", "did you mean Homework 3"),
            (EXPORT, "Course total", "no assignment's column is named 'Course total'"),
            (WORKSHEET.replace(",Grade,", ",Note,"), "", "it has no column Grade"),
            (WORKSHEET.replace("Maximum Grade", "Scale"), "", "it is graded by a scale"),
            (EXPORT.replace("ID number", "Nr").replace("Email address", "Post"), "", "has neither Ident"),
            (WORKSHEET.replace("409", "5").replace("uni.", ""), "", "no row is a student of this assignment"),
            (WORKSHEET.replace("4099", "7").replace("cyd@", "bea@"), "", "rows 3 and 4 are both bea"),
        ],
    )
    def test_a_mistake_is_one_line(self, text: str, column: str, said: str) -> None:
        with pytest.raises(UsageError) as caught:
            fill_moodle(text.encode(), some_class(), column)
        assert all(line.startswith("the Moodle file: ") for line in str(caught.value).split("\n"))
        assert said in str(caught.value)
