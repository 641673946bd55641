"""Names and messages as hostile input: submissions that attack whoever reads of them.

One folder of them is run once, and every byte that a person might open afterwards is looked at. Ways out
of a single function are tested where that function is (test_reports, test_show, test_collect).
"""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from PIL import Image
from sessions import GOOD, IMPORTS, command, environment, loop, write

from grader.contract.errors import TaskUnavailable, UsageError
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.text import INVISIBLE
from grader.host.cli import make_cli
from grader.host.show import render
from grader.host.store import Store
from grader.plugins import harness_manager
from grader.tasks.labels import class_names, read_rows

LINE = (
    "\x1b[5;47mred\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\x1b]52;c;ZXZpbA==\x07\x9b31m\x9d0;t\x9c\x07\b"
    "\u202egnp.exe\u2066\u200b\u3164\ufe0f\u00ad <script>alert(1)</script><img src=x onerror=alert(1)> "
    "[click](javascript:alert(1)) ![p](http://evil.example/p.png) [^1] | --- | `code` **bold** ~~x~~ $x$ "
    "www.evil.example me@evil.example {{ 7 }} {% raw %} &lt;b&gt; \\"
)
EVIL = f"{LINE}\r\n# heading\n- item\n=cmd|'/c calc'!A0\t+1\n@SUM(A1)\x00\ud800 \u2028\x85\x0b\x0c the end"
STARTS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "\ufe62" + "1")

NAMES = (
    "=cmd|'calc'.py", "+1.py", "-rf.py", "@SUM(A1).py", "\t=1.py", "two\nlines.py", "\r.py", "\x1b[31mred.py",
    "\x1b]0;title\x07.py", "\x9b31m.py", "<script>alert(1)<.py", "<img src=x onerror=alert(1)>.py",
    "[click](javascript:alert(1)).py", "![p](x).py", "| --- |.py", "`code`.py", "# head.py",
    "\u202egnp.py", "zero\u200bwidth\u3164.py", "{{ 7 }}.py", "www.evil.example.py", "me@evil.example.py",
    "\udcff.py", "a" + "\u0301" * 60 + ".py",
)  # fmt: skip


NAME = LINE.replace("\0", "")  # of a class: no null bytes


def quoted(body: str, arguments: str = "model, train_loader") -> str:
    """A submission whose `train` has EVIL, NAME and STARTS at hand."""
    return loop(f"EVIL, NAME, STARTS = {EVIL!r}, {NAME!r}, {STARTS!r}\n{body}", arguments)


def forging(event: str) -> str:
    """A submission that writes an event of its own to the host; JSON has no lone surrogates."""
    return quoted(
        "import json, os, time\nEVIL = EVIL.replace('\\ud800', '')\n"
        f"os.write(3, json.dumps({event}).encode() + b'\\n')\ntime.sleep(5)"
    )


BAD = {
    "raises.py": quoted("raise ValueError(EVIL)"),
    "raises_much.py": quoted("raise ValueError(EVIL * 40_000)"),
    "raises_a_class.py": quoted("raise type(NAME, (Exception,), {})(EVIL)"),
    "raises_with_notes.py": quoted("error = KeyError(EVIL)\nerror.add_note(EVIL)\nraise error"),
    "exits.py": quoted("raise SystemExit(EVIL)"),
    "imports.py": quoted("raise ModuleNotFoundError(EVIL)"),
    "builds_a_class.py": f"{IMPORTS}\n@hookimpl\ndef build_model():\n    return type({NAME!r}, (), {{}})()\n",
    "optimizer.py": f"{GOOD}\n\nclass Odd:\n    def __repr__(self): return {EVIL!r}\n\n"
    "@hookimpl\ndef build_optimizer(): return Odd()\n",
    "state.py": quoted("model.register_buffer(NAME.replace('.', ''), torch.zeros(1))"),
    "syntax.py": GOOD + "\nx = 1 \u202e\u200b | <script>\n",
    "coding.py": "# coding: evil\u202e<img>\n" + GOOD,
    "forged_failure.py": forging("dict(type='failed', status='crashed', reason=EVIL * 80, detail=EVIL * 80)"),
    "forged_success.py": forging("dict(type='failed', status='ok', reason=EVIL)"),
    "forged_numbers.py": forging("dict(type='done', samples=2**60, epochs=1e300)"),
}  # fmt: skip
FINE = {
    "title.py": f'"""{repr(LINE)[1:-1]}"""\n{GOOD}',
    "prints.py": f"import sys\nEVIL = {EVIL!r}\nprint(EVIL)\nprint(EVIL * 40_000)\n"
    f"sys.stderr.buffer.write(bytes(range(256)))\nprint(EVIL, file=sys.stderr)\n{GOOD}",
    "returns.py": quoted("return type(NAME * 10_000, (), {})()"),
    "progress.py": quoted(
        "import math\nfor value in (1.7e308, -1.7e308, math.nan, math.inf, -0.0, torch.tensor(1e30)):\n"
        "    progress(loss=value, accuracy=value)\nfor x, y in train_loader: step(model, optimizer, x, y)",
        "model, train_loader, progress",
    ),
    "layers.py": f"{IMPORTS}\nNAME = {NAME!r}.replace('.', '')\nEVIL = {EVIL!r}\n"
    "class Net(nn.Sequential):\n    def extra_repr(self): return EVIL * 1000\n"
    "@hookimpl\ndef build_model(task):\n"
    "    model = Net()\n    model.add_module(NAME * 100, nn.Flatten())\n"
    "    kind = type(NAME, (nn.Linear,), {})\n"
    "    model.add_module('\\u202e=1', kind(task.in_features, task.outputs))\n"
    "    for text in ('\\ud800', *STARTS): model.add_module(text, nn.Identity())\n    return model\n".replace(
        "STARTS", repr(STARTS)
    ),
}  # fmt: skip
CLASSES = (NAME[:90], "=1+1", "\u202e|<b>")


def images(folder: Path) -> None:
    """A task of hostile class names and file names."""
    (folder / "images").mkdir()
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        for number in range(30):
            name = f"{number}\x1b[31m\u202e.png"
            Image.new("L", (8, 8), number * 8).save(folder / "images" / name)
            rows.writerow([name, CLASSES[number % 3]])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    title = json.dumps(LINE)  # TOML's basic strings read the same escapes
    (folder / "pyproject.toml").write_text(
        f"[tool.grader]\ntask = 'evil'\nlimits = {{load = 20, train = 20}}\n[tool.grader.tasks.evil]\n"
        f"family = 'image-csv'\nlabels = 'labels.csv'\nimages = 'images'\ntest_fraction = 0.3\nmode = 'L'\n"
        f"title = {title}\n",
        encoding="utf-8",
    )
    images(folder)
    write(folder / "subs", BAD | FINE)
    for name in NAMES:
        (folder / "subs" / name).write_text(GOOD, encoding="utf-8")
    return folder


ARGUMENT = EVIL.replace("\0", "").replace("\ud800", "")
Ran = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def ran(root: Path, places: Path) -> Ran:
    """The one run of everything, the page among it."""
    wishes = ("--budget", "2 steps", "--device", "cpu", "-vv", "--durations", "0", "--log", "log.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GRADER_PLUGINS")
        return command("run", "subs", *wishes, cwd=root, places=places)


@pytest.fixture(scope="module")
def records(ran: Ran, root: Path) -> Sequence[Record]:
    found, problems = Store(root / "leaderboard").read()
    assert problems == []
    return found


def harmful(text: str) -> list[str]:
    """Return the lines that hold a character which acts on a terminal, or hides."""
    lines = text.split("\n")
    return [ascii(line)[:300] for line in lines if not line.isprintable() or re.search(INVISIBLE, line)]


# --- the terminal ---


def test_what_a_run_prints_is_harmless(ran: Ran, records: Sequence[Record]) -> None:
    assert ran.returncode == 1
    assert harmful(ran.stdout) == []
    assert harmful(ran.stderr) == []
    assert "Traceback (most" not in ran.stderr
    assert len(ran.stdout) < 1 << 20
    assert len(records) == len(NAMES) + len(BAD) + len(FINE)


def test_every_outcome_is_the_submissions_own(records: Sequence[Record]) -> None:
    rows = {record.submission.path.removeprefix("subs/"): record for record in records}
    wrong = {name: rows[name].status for name in FINE if rows[name].status is not Status.OK}
    assert wrong == {}
    assert [name for name in BAD if rows[name].status is Status.OK] == []
    named = [record for record in records if record.submission.title == "" and record.status is Status.OK]
    assert len(named) >= len(NAMES) - 1  # all but the one that is no UTF-8


def test_the_rows_whose_events_were_forged_are_violations(records: Sequence[Record]) -> None:
    reasons = {record.submission.name: (record.status, record.reason) for record in records}
    for name in ("forged_success", "forged_numbers"):
        assert reasons[name][0] is Status.VIOLATION
        assert "sent something that is no event" in reasons[name][1]
    assert reasons["forged_failure"][0] is Status.CRASHED
    assert len(reasons["forged_failure"][1]) < 1000


def test_what_a_run_logs_is_harmless_and_whole(ran: Ran, root: Path, records: Sequence[Record]) -> None:
    text = (root / "log.jsonl").read_text(encoding="utf-8")
    assert harmful(text) == []
    lines = [json.loads(line) for line in text.splitlines()]
    ended = {line["node_id"] for line in lines if line["event"] == "trial_finish"}
    assert ended == {record.node_id for record in records}


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "subs"],
        ["leaderboard"],
        ["tasks"],
        ["show", "raises"],
        ["show", "layers"],
        ["show", ARGUMENT],
        ["run", ARGUMENT],
        ["run", "subs", "--task", ARGUMENT],
        ["run", "--\x1b]0;t\x07\u202e.py"],
        ["list", "--", "subs/-rf.py"],
    ],
)
def test_what_other_commands_print_is_harmless(
    ran: Ran, root: Path, places: Path, arguments: list[str]
) -> None:
    result = command(*arguments, cwd=root, places=places)
    assert result.returncode in {0, 1, 4}
    assert result.stdout + result.stderr
    assert harmful(result.stdout) == []
    assert harmful(result.stderr) == []


@pytest.mark.parametrize("arguments", [["list", "subs"], ["show", "layers"], ["leaderboard"]])
def test_a_locale_without_the_characters_is_no_reason_to_fail(
    ran: Ran, root: Path, places: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    result = command(*arguments, cwd=root, places=places)
    assert result.returncode in {0, 1}
    assert (result.stdout + result.stderr).isascii()


def test_every_record_is_shown_harmlessly(records: Sequence[Record]) -> None:
    for record in records:
        for ascii_only in (False, True):
            text = render(record, ascii_only=ascii_only)
            assert harmful(text) == []
            assert len(text) < 1 << 18


def test_a_terminal_gets_no_sequences_but_ours(ran: Ran, root: Path, places: Path) -> None:
    """Live bars and all: a check of the worst ones on a pseudo-terminal."""
    paths = [
        f"subs/{name}"
        for name in ("raises.py", "title.py", "two\nlines.py", "\x1b]0;title\x07.py", "layers.py")
    ]
    arguments = ["run", *paths, "--budget", "2 steps", "--device", "cpu", "-vv", "--rerun"]
    watched = environment(places) | {"TERM": "xterm-256color", "CI": ""}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "grader", *arguments], cwd=root, env=watched, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        text = _all(ours).decode()
    assert "raises.py" in text
    assert "\x1b[?25l" in text  # bars were drawn
    assert "\x1b[5;47m" not in text
    text = re.sub(r"\x1b\[(\?25[lh]|[0-9;]*m|2K|1A|0?K)", "", text).replace("\r", "")  # rich's, and colours
    assert harmful(text) == []


def _all(fd: int) -> bytes:
    parts = []
    while True:
        try:
            parts.append(os.read(fd, 1 << 16))
        except OSError:  # EIO: nobody holds the other end
            os.close(fd)
            return b"".join(parts)


@pytest.mark.parametrize(
    "line",
    [
        "no_such\x1b[5;47m\u202e.png, 1", "../\x1b[5;47m.png, 1", '"two\nlines.png", 1', '"never closed\x1b',
        "0.png, 1\n\x1b[5;47m" * 2, f"0.png, {'x' * 5000}", "0.png, 1\n1.png, \u202e",
    ],
)  # fmt: skip
def test_a_label_file_is_complained_of_in_one_harmless_line(tmp_path: Path, line: str) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").touch()
    write(tmp_path, {"\x1b[5;47mlabels.csv": f"{line}\n"})
    with pytest.raises(TaskUnavailable) as error:
        class_names(read_rows(tmp_path / "\x1b[5;47mlabels.csv", tmp_path))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("error", [UsageError(EVIL), TaskUnavailable(EVIL * 10_000), RuntimeError(EVIL)])
def test_an_error_that_nobody_made_harmless_is_printed_so(error: Exception) -> None:
    cli = make_cli(harness_manager(["no:html"]))

    @cli.command()
    def fails() -> None:
        raise error

    result = CliRunner().invoke(cli, ["fails"], color=True)
    assert result.exit_code == (3 if isinstance(error, RuntimeError) else 4)
    assert harmful(result.output) == []
    assert len(result.output) < 1 << 17


# --- files ---


def test_every_file_is_harmless_to_look_at_and_of_bounded_size(ran: Ran, root: Path) -> None:
    files = [path for path in (root / "leaderboard").rglob("*") if path.is_file()]
    assert len(files) > 2 * len(NAMES)
    for path in files:
        assert re.fullmatch(r"[\w.+=-]+", path.name), ascii(path.name)
        assert not re.search(INVISIBLE, path.name)
        assert len(os.fsencode(path.name)) < 250
        assert path.stat().st_size < 1 << 20
        if path.suffix != ".npz":
            assert harmful(path.read_text(encoding="utf-8")) == [], path.name


def test_the_json_files_are_valid_and_say_what_was_said(
    ran: Ran, records: Sequence[Record], root: Path
) -> None:
    for path in (root / "leaderboard").rglob("*.json"):
        assert json.loads(path.read_bytes())
    (table,) = json.loads((root / "leaderboard" / "leaderboard.json").read_bytes())["tables"]
    assert tuple(table["task"]["classes"]) == tuple(sorted(CLASSES))


def test_no_cell_of_the_csv_is_a_formula(ran: Ran, root: Path) -> None:
    text = (root / "leaderboard" / "leaderboard.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 1 + len(NAMES) + len(BAD) + len(FINE)
    assert len({len(cells) for cells in rows}) == 1
    check_cells(text)


def check_cells(sheet: str) -> None:
    """No cell of text may be taken for a formula."""
    cells = [cell for row in csv.reader(io.StringIO(sheet)) for cell in row]
    assert not [cell for cell in cells if re.match(r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20\ufe62\ufe63]", cell)]


def test_records_that_somebody_wrote_by_hand_are_harmless(
    records: Sequence[Record], places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come with a pull request: no name in them went through discovery."""
    monkeypatch.delenv("GRADER_PLUGINS")
    good = next(record for record in records if record.status is Status.OK)
    folder = tmp_path / "leaderboard" / "records" / "evil"
    folder.mkdir(parents=True)
    texts = [text.replace("\ud800", "") for text in (EVIL, "a|b", "|", "\\", *STARTS)]
    for number, text in enumerate(texts):
        document = msgspec.to_builtins(good)
        document["submission"] |= {"name": text, "model": text, "loop": text, "title": text, "path": text}
        document["task"] |= {"name": text, "kind": text, "metric": text, "classes": [text], "digest": text}
        document["environment"] |= {"torch": text, "processor": text}
        document["device"] |= {"name": text, "kind": text}
        document |= {"metrics": {text: 0.5}, "notes": [text], "isolation": text, "budget": text}
        (folder / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
    result = command("leaderboard", cwd=tmp_path, places=places)
    assert (result.returncode, result.stderr) == (0, "")
    assert harmful(result.stdout) == []
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.parents[1].glob("*.*")}
    assert len(written) == 4
    assert all(harmful(text) == [] for text in written.values())
    rows = re.findall(r"^\|.*$", re.sub(r"\\.", "", written["README.md"]), re.MULTILINE)
    assert len(rows) == 3 * len(texts)
    assert len({row.count("|") for row in rows}) == 1
    check_cells(written["leaderboard.csv"])
    check_markup(written["README.md"])
    check_page(written["index.html"])


@pytest.fixture(scope="module")
def readme(ran: Ran, root: Path) -> str:
    return (root / "leaderboard" / "README.md").read_text(encoding="utf-8")


def test_the_tables_of_the_readme_are_whole(readme: str) -> None:
    bare = re.sub(r"\\.", "", readme)
    rows = [line for line in bare.split("\n") if line.startswith("|")]
    assert len(rows) == 2 + len(NAMES) + len(BAD) + len(FINE)
    assert len({line.count("|") for line in rows}) == 1


def test_the_readme_has_no_markup_but_ours(readme: str) -> None:
    check_markup(readme)
    page = rendered(readme, "commonmark")
    assert page.count("<h2>") == 2  # of the one track, and how to read it


def test_the_page_has_no_markup_but_ours(ran: Ran, root: Path) -> None:
    folder = root / "leaderboard"
    check_page((folder / "index.html").read_text(encoding="utf-8"))
    plots = sorted((folder / "plots").iterdir())
    assert plots
    for plot in plots:
        drawn = ElementTree.parse(plot)
        assert {element.tag.rpartition("}")[2].lower() for element in drawn.iter()} <= DRAWN
        assert not [value for element in drawn.iter() for name, value in element.items() if live(name, value)]


DRAWN = {
    "svg", "g", "path", "use", "text", "tspan", "title", "rect", "defs", "clippath", "image",
    "polyline", "circle",
}  # fmt: skip
OURS = DRAWN | {
    "html", "head", "meta", "style", "body", "a", "header", "div", "h1", "h2", "h3", "h4", "p",
    "button", "main", "section", "span", "strong", "br", "dl", "dt", "dd", "label", "input",
    "select", "option", "output", "table", "thead", "tbody", "tr", "th", "td", "small", "figure",
    "figcaption", "ul", "li", "b", "details", "summary", "pre", "code", "footer", "script", "noscript",
}  # fmt: skip


def check_page(page: str) -> None:
    """The elements that a browser would make of it are ours, and so are their addresses and handlers."""
    seen = Elements()
    seen.feed(page)
    seen.close()
    assert set(seen.tags) <= OURS
    assert seen.tags.count("script") == 1
    assert not [(name, value) for name, value in seen.attributes if live(name, value)]


def live(name: str, value: str) -> bool:
    """Whether an attribute does something, or leads somewhere beyond the page."""
    name = name.rpartition("}")[2].lower()
    if name in {"href", "src", "action", "formaction", "srcset", "data"}:
        return not value.startswith(("#", "data:image/png;base64,"))
    return (
        name.startswith("on")
        or name == "srcdoc"
        or (name == "style" and "url(" in value.replace("url(#", ""))
    )


class Elements(HTMLParser):
    """Tags and attributes in the order of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


PLOT = re.compile(r"^!\[(?:[^\[\]\\]|\\.)*\]\(plots/[\w-]+\.svg\)$\n", re.MULTILINE)
PAGE = re.compile(r"^All of it .*: \[index\.html\]\(index\.html\)\.$\n", re.MULTILINE)


def check_markup(readme: str) -> None:
    """Nothing but our own lines, and nothing live in them."""
    assert len(PAGE.findall(readme)) == 1
    readme = PAGE.sub("", PLOT.sub("", readme))
    for preset in ("commonmark", "js-default"):
        page = rendered(readme, preset)
        ours = {"h1", "h2", "p", "ul", "li", "code", "table", "thead", "tbody", "tr", "th", "td"}
        assert {tag.removeprefix("/") for tag in re.findall(r"<(/?\w+)", page)} <= ours
        assert page.count("<h1>") == 1
    bare = re.sub(r"\\.", "", readme)
    for markup in ("<", "](", "![", "{{", "{%", "://", "www.", "me@", "~~", "$", "[^"):
        assert markup not in bare, markup
    lines = (
        "#",
        "|",
        "- Seed ",
        "- On ",
        "Trained on ",
        "Budget ",
        "Data `",
        "At this isolation ",
        "Failures:",
        "Notes:",
        "Rows are in ",
        "A row with ",
        "Of a row ",
        "Between a row ",
        "Without their evidence ",
        "Means of ",
    )
    tables = readme[readme.index("\n## ") : readme.index("## How to read")].split("\n")
    assert all(line.startswith(lines) for line in tables if line)


def rendered(readme: str, preset: str) -> str:
    """The page, by a renderer that lets HTML through."""
    return str(MarkdownIt(preset, {"html": True}).enable("table").render(readme))
