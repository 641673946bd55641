"""Every form of the leaderboard: the same bytes from the same records, and hostile text stays text."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pluggy
import pytest
from factories import HOSTILE, board, evidence, failed, ranked, record, task
from wcwidth import wcswidth

from grader import hookimpl, hookspecs
from grader.contract.errors import StoreError
from grader.contract.record import TaskInfo
from grader.contract.status import Status
from grader.contract.text import INVISIBLE, block, csv_cell, encodable, markdown, one_line, plain_json
from grader.host.leaderboard import regenerate
from grader.host.reports import csv as csv_report
from grader.host.reports import json as json_report
from grader.host.reports import markdown as markdown_report
from grader.host.reports.csv import sheet
from grader.host.reports.json import Leaderboard, document
from grader.host.reports.markdown import readme
from grader.host.reports.tables import number, seconds
from grader.host.reports.terminal import leaderboard_text
from grader.host.store import Store

HERE = Path(__file__).parent
REGENERATE = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_reports import manager
from grader.host.leaderboard import regenerate
regenerate(Path(sys.argv[1]), manager())
"""
CELLS = re.compile(r"(?<!\\)(?:\\\\)*\|")  # a bar that no backslash escapes


def manager() -> pluggy.PluginManager:
    made = pluggy.PluginManager("grader")
    made.add_hookspecs(hookspecs.HarnessHooks)
    for module in (markdown_report, csv_report, json_report):
        made.register(module)
    return made


def fill(folder: Path, order: random.Random | None = None) -> None:
    made = [*board(20, seeds=2), record("文件", notes=("a note",)), record("mlp", budget="10s")]
    made += [
        record("mlp", task=task(name="mnist")),
        failed("h", Status.HARNESS_ERROR),
        record("old", digest="1"),
    ]
    made += [record("old", digest="2", finished="2027-01-01T00:00:00Z")]
    if order:
        order.shuffle(made)
    for one in made:
        Store(folder).write(one, evidence(one.correct) if one.correct else None)


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def hostile_board() -> list[str]:
    return [name for name in HOSTILE if name.encode("utf-8", "replace").decode() == name]


def test_regenerate_writes_three_files_and_returns_what_it_did(tmp_path: Path) -> None:
    fill(tmp_path)
    bad = tmp_path / "records" / "digits" / "bad.json"
    bad.write_bytes(b"{")
    ranked, problems, paths = regenerate(tmp_path, manager())
    assert [path.name for path in paths] == ["README.md", "leaderboard.csv", "leaderboard.json"]
    assert len(problems) == 1
    assert [table.track.task for table in ranked.tables] == ["digits", "digits", "mnist"]
    assert bad.read_bytes() == b"{"


def test_same_records_same_bytes_however_often_and_in_whatever_order(tmp_path: Path) -> None:
    expected: dict[str, bytes] = {}
    for turn in range(4):
        folder, order = tmp_path / str(turn), random.Random(turn)
        fill(folder, order)
        for path in folder.rglob("*.json"):
            os.utime(path, (order.randrange(2**31), order.randrange(2**31)))
        for _ in range(2):
            regenerate(folder, manager())
            expected = expected or outputs(folder)
            assert outputs(folder) == expected


def test_same_bytes_in_other_locales_time_zones_and_hash_seeds(tmp_path: Path) -> None:
    fill(tmp_path)
    regenerate(tmp_path, manager())
    expected = outputs(tmp_path)
    for locale, zone, seed in (
        ("C", "UTC", "1"),
        ("POSIX", "Asia/Kathmandu", "2"),
        ("de_DE.UTF-8", "America/St_Johns", "3"),
    ):
        settings = {"LC_ALL": locale, "LANG": locale, "TZ": zone, "PYTHONHASHSEED": seed, "PYTHONUTF8": "0"}
        for name in expected:
            (tmp_path / name).unlink()
        subprocess.run(
            [sys.executable, "-c", REGENERATE, str(tmp_path), str(HERE)],
            check=True, env=os.environ | settings, cwd=HERE.parent,
        )  # fmt: skip
        assert outputs(tmp_path) == expected


def test_other_records_other_bytes(tmp_path: Path) -> None:
    fill(tmp_path)
    regenerate(tmp_path, manager())
    before = outputs(tmp_path)
    Store(tmp_path).write(record("new"), evidence())
    regenerate(tmp_path, manager())
    assert all(outputs(tmp_path)[name] != content for name, content in before.items())


def test_an_empty_leaderboard_says_how_to_fill_it(tmp_path: Path) -> None:
    regenerate(tmp_path, manager())
    assert "There are no records yet: `grader run` makes some." in (tmp_path / "README.md").read_text()
    assert json.loads((tmp_path / "leaderboard.json").read_bytes())["tables"] == []


def test_a_leaderboard_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "README.md").mkdir()
    with pytest.raises(StoreError, match=r"^cannot write .*README\.md: Is a directory"):
        regenerate(tmp_path, manager())
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_columns_of_a_plugin_are_shown(tmp_path: Path) -> None:
    class Plugin:
        @hookimpl
        def grader_columns(self, task: TaskInfo) -> Sequence[str]:
            return [f"f1_{task.name}", "absent"]

    Store(tmp_path).write(record(metrics={"accuracy": 0.5, "f1_digits": 0.25, "hidden": 1.0}))
    with_plugin = manager()
    with_plugin.register(Plugin())
    regenerate(tmp_path, with_plugin)
    text = (tmp_path / "README.md").read_text()
    assert markdown("f1_digits") in text
    assert "absent" not in text
    assert "hidden" not in text


# ---- Markdown


@pytest.mark.parametrize("level", ["weak", "rlimit", "an-older-one"])
def test_tables_of_levels_that_do_not_confine_are_marked(level: str) -> None:
    made = ranked([record("mlp", isolation=level), record("mlp", isolation="landlock")])
    text = readme(made)
    assert f"## digits, 3 epochs, cpu, isolation {level}\n" in text
    assert text.count("compare these rows with each other only") == 1
    titles = [leaderboard_text(table).split("\n")[0] for table in made.tables]
    assert sorted(titles) == ["digits, 3 epochs, cpu", f"digits, 3 epochs, cpu, isolation {level}"]


def test_the_readme_says_what_a_track_is_and_repeats_each_failure() -> None:
    made = [record("mlp", alongside=3), failed("slow", Status.TIMEOUT, reason="training took 11 s of 10 s")]
    made += [failed("ours", Status.HARNESS_ERROR, reason="oops"), record("mlp", digest="0", finished="2025")]
    text = readme(ranked(made))
    for words in (
        "## digits, 3 epochs, cpu\n",
        "Trained on 1,297 samples in 10 classes (multiclass), scored by accuracy on 500 test samples (hi",
        "on A Processor 9000 (1 thread), isolation landlock, torch 2.9.0",
        "Up to 3 other trials ran beside one of these.",
        "- Seed 0 of slow: timeout in train: training took 11 s of 10 s\n",
        "- Seed 0 of ours: harness error in train (not held against it): oops\n",
        "Superseded because the submission has changed since: 1 record: mlp (1).",
        "`grader leaderboard`",
        "90.0 | 87.1 to 92.3, these weights |",
    ):
        assert words in text


def test_every_row_of_a_markdown_table_has_the_columns_of_its_heading() -> None:
    made = [record(name, model=name, loop=name, notes=(name,)) for name in HOSTILE]
    made += [failed(f"f{name}", reason=name) for name in HOSTILE]
    lines = readme(ranked(made)).split("\n")
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 2 * len(HOSTILE)
    assert {len(CELLS.findall(line)) for line in rows} == {13}


def test_no_markup_of_a_submission_reaches_the_readme() -> None:
    made = [failed(name, reason=name, notes=(name,), task=task(name=name)) for name in HOSTILE]
    text = readme(ranked(made))
    for markup in (
        "<script",
        "://evil",
        "www.evil",
        "\x1b",
        "\u202e",
        "\u200b",
        "\x00",
        "\r",
    ):
        assert markup not in text
    assert not re.search(r"(?<!\\)[*~$\[\]]", text)
    assert all(line.isprintable() for line in text.split("\n"))
    ours = (
        "#",
        "|",
        "- Seed ",
        "- On ",
        "Trained on ",
        "Budget ",
        "Data `",
        "Failures:",
        "Notes:",
        "Rows are ",
        "Means of ",
    )
    tables = text[text.index("\n## ") : text.index("## How to read")].split("\n")
    assert all(line.startswith(ours) for line in tables if line)


def test_markdown_reads_back_as_it_was() -> None:
    assert markdown("a|b*c_d") == r"a\|b\*c\_d"
    assert markdown("<b>&amp;") == "&lt;b&gt;&amp;amp;"
    assert markdown("see https://x.y and www.z") == "see https&#58;//x.y and www&#46;z"
    assert markdown("me@x.y {{ 7 }}") == "me&#64;x.y &#123;&#123; 7 &#125;&#125;"


# ---- CSV


def test_the_csv_reads_back_with_every_digit() -> None:
    third = 1 / 3
    text = sheet(
        ranked(
            [record("007", metrics={"accuracy": third}), record("1e3", metrics={"accuracy": 0.1}, correct=50)]
        )
    )
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["submission"], float(first["accuracy"])) == ("007", third)
    assert (second["submission"], second["rank"], second["processor"]) == ("1e3", "2", "")


def test_hostile_names_are_one_csv_cell_each_and_never_a_formula() -> None:
    made = [
        record(name, loop=name, notes=(name,), isolation=name, metrics={"accuracy": 0.5, name: 1.0})
        for name in HOSTILE
    ]
    text = sheet(ranked(made))
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 1 + len(made)
    assert len({len(cells) for cells in rows}) == 1
    assert text.count("\n") == len(rows)
    texts = [cell for cells in rows for cell in cells if not _is_number(cell)]
    assert not [cell for cell in texts if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))]
    assert all(cell.isprintable() for cell in texts)


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell))


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "\uff1d1", "\ufe621", "\ufe6b"]
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert csv_cell(text).startswith("'")


def test_all_text_of_the_csv_is_quoted() -> None:
    assert '"a;=1"' in sheet(ranked([record("a;=1")]))


# ---- JSON


def test_the_json_reads_back_as_the_standings() -> None:
    made = ranked([record(name, correct=index) for index, name in enumerate(hostile_board())])
    back = msgspec.json.decode(document(made), type=Leaderboard)
    assert back.tables == made.tables
    assert (back.schema, back.grader) == (1, "leaderboard")


@pytest.mark.parametrize("text", [*HOSTILE, "\x7f", "\x9b31m", "\u2028", "\u3164", "\U000e0100", "é文😀"])
def test_json_made_plain_reads_back_as_it_was(text: str) -> None:
    text = text.replace("\ud800", "")
    plain_one = plain_json(msgspec.json.format(msgspec.json.encode({"text": text}), indent=2))
    assert json.loads(plain_one) == {"text": text}
    assert all(line.isprintable() for line in plain_one.decode().split("\n"))
    assert not re.search(INVISIBLE, plain_one.decode())


def test_json_keeps_letters_readable() -> None:
    assert plain_json('"é文😀"'.encode()) == '"é文😀"'.encode()
    assert plain_json('"\U000e0100\u202e"'.encode()) == rb'"\udb40\udd00\u202e"'


def test_the_json_is_described_key_by_key() -> None:
    described = json_report.__doc__ or ""
    (table,) = json.loads(document(ranked([record(), failed()])))["tables"]
    failure = table["rows"][1]["failures"][0]
    for keys in (table, table["track"], table["task"], table["rows"][0], failure):
        for key in keys:
            assert re.search(rf"\b{key}\b", described), key


# ---- terminal


def test_a_table_fits_its_terminal_and_keeps_rank_name_and_score() -> None:
    made = [record(f"a-rather-long-name-{index}", correct=400 + index) for index in range(12)]
    made += [record("文件" * 20), failed("slow", Status.HARNESS_ERROR), *(record(name) for name in HOSTILE)]
    (table,) = ranked(made).tables
    widest = 0
    for width in (200, 120, 100, 80, 60, 48, 44):
        lines = leaderboard_text(table, width).split("\n")
        assert max(map(wcswidth, lines)) <= width
        assert all(line.isprintable() for line in lines)
        assert "accuracy %" in lines[1]
        widest = max(widest, len(lines[1].split()))
    assert widest > 10


def test_columns_of_wide_characters_stay_aligned() -> None:
    (table,) = ranked([record("文件"), record("ab")]).tables
    lines = leaderboard_text(table, 200).split("\n")[3:5]
    assert len({wcswidth(line[: line.index("90.0")]) for line in lines}) == 1


def test_names_that_look_like_numbers_stay_as_they_are() -> None:
    (table,) = ranked([record(name) for name in ("007", "1e3", "1_000", "nan")]).tables
    for text in (leaderboard_text(table, 200), readme(ranked([record("007"), record("1e3")]))):
        for name in ("007", "1e3"):
            assert f" {name} " in text
    assert "  1_000 " in leaderboard_text(table, 200)


def test_text_for_terminals_shows_what_does_not_print() -> None:
    for text in HOSTILE:
        assert one_line(text).isprintable()
        assert all(line.isprintable() for line in block(text).split("\n"))
    assert one_line("\x1b[31m\u202e\ud800") == "\\x1b[31m\\u202e\\ud800"
    assert one_line("a\n b\t c") == "a b c"
    assert block("a\r\nb\tc\rd") == "a\nb   c\\rd"
    assert one_line("a\u3164\ufe0f\u2800b") == "a\\u3164\\ufe0f\\u2800b"
    assert one_line("e\u0301" + "\u0301" * 5) == "e" + "\u0301" * 3 + "\\u0301" * 3
    assert one_line("x" * 1000) == "x" * 299 + "…"
    assert one_line("x" * 300) == "x" * 300
    assert one_line(" \n" * 1000 + "x") == "x"
    assert block("a\nbcd", 2) == "a\nb…"
    assert encodable("é文", "latin-1") == "é\\u6587"


def test_numbers_are_written_with_the_digits_that_say_something() -> None:
    written = [
        number("accuracy", 0.95564),
        number("loss", 0.12345),
        number("loss", 1.5e-5),
        number("mse", 2893.74),
    ]
    assert written == ["95.56", "0.123", "1.5e-05", "2893.740"]
    assert [seconds(value) for value in (None, 0.123, 9.994, 61.26)] == ["", "0.12", "9.99", "61.3"]
    assert len(number("accuracy", 1.7e308)) < 20


# ---- what it costs


def test_leaderboard_imports_neither_torch_nor_a_submission(tmp_path: Path) -> None:
    fill(tmp_path)
    script = REGENERATE + (
        "from grader.host import show, store\nstore = store.Store(sys.argv[1])\n"
        "one = show.find(store.read()[0], '文件')\nshow.render(one, store.evidence(one))\n"
        "heavy = {'torch', 'torchvision', 'sklearn', 'rich', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    script = script.replace("from test_reports import manager", "from light import manager")
    (tmp_path / "light.py").write_text(_LIGHT)
    subprocess.run([sys.executable, "-c", script, str(tmp_path), str(tmp_path)], check=True, cwd=HERE.parent)


_LIGHT = """
import pluggy
from grader import hookspecs
from grader.host.commands import results
from grader.host.reports import csv, json, markdown

def manager():
    made = pluggy.PluginManager("grader")
    made.add_hookspecs(hookspecs.HarnessHooks)
    for module in (markdown, csv, json, results):
        made.register(module)
    return made
"""
