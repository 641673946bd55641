"""The leaderboard's page and plots: the same bytes from the same records, and nothing drawn in vain."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import Mock
from xml.etree import ElementTree

import msgspec
import numpy as np
import pluggy
import pytest
from factories import HOSTILE, board, evidence, failed, record, task, timed
from sessions import GOOD, command, write

from grader import hookimpl, hookspecs
from grader.contract.record import Calibration, CurvePoint, DeviceInfo, NodeInfo, Record, Timing
from grader.contract.status import Status
from grader.contract.task import Arrays, Task, TaskDefinition
from grader.host.archive import Archive
from grader.host.evidence import evidence_of
from grader.host.leaderboard import regenerate
from grader.host.rank import standings
from grader.host.reports import csv, draw, html, json, make, markdown, pictures, plots
from grader.host.reports.board import Board, anchor, focus, shown, ties
from grader.host.reports.board import board as gathered
from grader.host.store import Store
from grader.tasks import entry as entries

HERE = Path(__file__).parent
REGENERATE = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_page import manager
from grader.host.leaderboard import regenerate
regenerate(Path(sys.argv[1]), manager())
"""


def manager(*plugins: object) -> pluggy.PluginManager:
    made = pluggy.PluginManager("grader")
    made.add_hookspecs(hookspecs.HarnessHooks)
    for plugin in (markdown, csv, json, html, *plugins):
        made.register(plugin)
    return made


def store_of(folder: Path, *records: Record) -> Store:
    store = Store(folder)
    for one in records:
        store.write(one, evidence(one.correct, seed=one.seed) if one.correct is not None else None)
    return store


def some() -> list[Record]:
    """Two tracks with pairs, ties, failures and different training times."""
    made = [
        record(name, seed=seed, correct=correct + seed, timing=Timing(train_seconds=seconds))
        for name, correct, seconds in (("mlp", 450, 1.0), ("cnn", 480, 4.0), ("net", 480, 9.0))
        for seed in (0, 1)
    ]
    made += [record("cnn+mlp", correct=470, model="cnn", loop="mlp"), failed("slow", Status.TIMEOUT)]
    return [*made, record("mlp", budget="10s"), failed("mlp", seed=2)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A leaderboard's folder, with no prepared data anywhere."""
    monkeypatch.setenv("GRADER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "board"


def outputs(folder: Path) -> dict[str, bytes]:
    files = [folder / "index.html", folder / "README.md", *(folder / "plots").iterdir()]
    return {path.name: path.read_bytes() for path in files}


# ---- the same bytes


def test_same_records_same_bytes_in_another_process_with_other_hashes(folder: Path) -> None:
    store_of(folder, *some(), *(record(name) for name in HOSTILE))
    _, _, paths = regenerate(folder, manager())
    expected = outputs(folder)
    assert {path.name for path in paths} == {*expected, "leaderboard.csv", "leaderboard.json"}
    for path in (folder / "index.html", *(folder / "plots").iterdir()):
        path.unlink()
    settings = {"PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "LC_ALL": "C"}
    command = [sys.executable, "-c", REGENERATE, str(folder), str(HERE)]
    subprocess.run(command, check=True, env=os.environ | settings, cwd=HERE.parent)
    assert outputs(folder) == expected


def test_a_matplotlibrc_changes_nothing(folder: Path) -> None:
    import matplotlib

    store_of(folder, record())
    regenerate(folder, manager())
    expected = outputs(folder)
    (folder / "index.html").unlink()
    with matplotlib.rc_context({"axes.labelpad": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        regenerate(folder, manager())
    assert outputs(folder) == expected


def test_what_has_not_changed_is_not_drawn_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_of(folder, *some())
    _, _, first = regenerate(folder, manager())
    before = {path: path.stat().st_mtime_ns for path in first if path.suffix in {".html", ".svg"}}
    monkeypatch.setattr(make, "made", None)
    _, _, again = regenerate(folder, manager())
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in before} == before


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def damage(path: Path) -> None:
    """Of the same size as before."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: Store(folder).write(record("new"), evidence()),
        lambda folder: Store(folder).write(record("mlp"), evidence(seed=5)),
        lambda folder: damage(next((folder / "records" / "digits").glob("*.npz"))),
        lambda folder: next((folder / "records" / "digits").glob("*.npz")).unlink(),
        lambda folder: edit(folder / "index.html"),
        lambda folder: (folder / "index.html").unlink(),
        lambda folder: edit(next((folder / "plots").iterdir())),
        lambda folder: next((folder / "plots").iterdir()).unlink(),
        lambda folder: (folder / "plots" / "gone-pareto.svg").write_bytes(draw.MARK),
    ],
    ids=[
        "record",
        "evidence",
        "damage",
        "no evidence",
        "edited page",
        "no page",
        "edited plot",
        "no plot",
        "old plot",
    ],
)
def test_what_has_changed_is_drawn_again(
    folder: Path, change: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_of(folder, record("mlp"))
    regenerate(folder, manager())
    assert callable(change)
    change(folder)
    drawn = Mock(side_effect=make.made)
    monkeypatch.setattr(make, "made", drawn)
    regenerate(folder, manager())
    assert drawn.call_count == 1
    assert "gone-pareto.svg" not in outputs(folder)
    regenerate(folder, manager())
    assert drawn.call_count == 1


def test_plots_of_a_track_that_is_gone_are_removed_and_those_of_others_stay(folder: Path) -> None:
    store_of(folder, *some())
    regenerate(folder, manager())
    theirs = folder / "plots" / "my-own-pareto.svg"
    theirs.write_text("<svg/>")
    gone = [path for path in (folder / "plots").iterdir() if "10s" in path.name]
    assert gone
    for path in (folder / "records" / "digits").glob("*.json"):
        if b'"10s"' in path.read_bytes():
            path.unlink()
    regenerate(folder, manager())
    assert theirs.exists()
    assert not [path for path in gone if path.exists()]
    assert len(list((folder / "plots").iterdir())) > 1


# ---- what the page holds


class Texts(HTMLParser):
    """The texts of a page's elements, by tag and class."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self._open: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append((tag, dict(attrs).get("class") or ""))

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found.append((*self._open[-1], data.strip()))

    def of(self, tag: str, name: str = "") -> list[str]:
        return [text for each, classes, text in self.found if each == tag and name == classes and text]


def page_of(folder: Path, *records: Record, plugins: Sequence[object] = ()) -> str:
    store_of(folder, *records)
    regenerate(folder, manager(*plugins))
    return (folder / "index.html").read_text(encoding="utf-8")


def test_no_address_leads_out_of_the_page_and_its_policy_forbids_all(folder: Path) -> None:
    page = page_of(folder, *some(), record("https://evil.example"))
    for path in (folder / "index.html", *(folder / "plots").iterdir()):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "").replace("https://evil", "")
        assert "://" not in text
        assert not re.search(r"""(src|srcset|action|poster)\s*=""", text)
        assert not re.search(r"""href="(?!#)|url\((?!#|data:image/png;base64,)|@import""", text)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page
    )


def test_hostile_names_are_shown_as_they_are(folder: Path) -> None:
    names = [name for name in HOSTILE if name.encode("utf-8", "replace").decode() == name]
    page = page_of(folder, *(record(name, notes=(name,), correct=400) for name in names))
    texts = Texts(page)
    assert {*texts.of("a")} == {*map(shown, names)}
    assert page.count("<script") == 1
    for plot in (folder / "plots").iterdir():
        ElementTree.parse(plot)


def test_every_row_has_a_section_with_what_is_known_of_it(folder: Path) -> None:
    made = [*some(), failed("bad", reason="it was <b>wrong</b>", detail="line 3\nBoom")]
    page = page_of(folder, *made)
    ids = re.findall(r'<details class="sub" id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == len({(one.submission.name, one.budget) for one in made})
    assert set(re.findall(r'<a href="#([^"]+)">', page)) == {*ids, "main"} - {"main"}
    for words in (
        "it was &lt;b&gt;wrong&lt;/b&gt;", "line 3\nBoom", "<td>Linear", "Seed 0: timeout in train", "1.23",
        "training loss, from 2.000 to 0.667", "4,810", "its own", "the default one",
    ):  # fmt: skip
        assert words in page, words


def test_rows_that_share_a_rank_stand_on_one_band(folder: Path) -> None:
    page = page_of(folder, record("a", correct=480), record("b", correct=480), record("c", correct=470))
    assert re.findall(r'<tr class="ok ([^"]*)"', page) == ["tie first", "tie last", ""]
    assert ties([row for table in standings([record("a"), record("b")]).tables for row in table.rows]) == [
        2,
        2,
    ]


def test_anchors_stay_when_ranks_change() -> None:
    first, then = ([record("a", correct=one), record("b", correct=450)] for one in (400, 490))
    anchors = []
    for records in (first, then):
        (table,) = standings(records).tables
        found = gathered(table, Archive(dict(zip("ab", records, strict=True))))
        anchors.append({entry.row.name: anchor(found, entry.row) for entry in found.entries})
    assert anchors[0] == anchors[1]


def test_a_track_where_nobody_ended_well_has_a_page_without_plots(folder: Path) -> None:
    page = page_of(folder, failed("a"), failed("b", Status.HARNESS_ERROR))
    assert "ZeroDivisionError" in page
    assert not (folder / "plots").exists()


def test_an_empty_leaderboard_says_how_to_fill_it(folder: Path) -> None:
    assert "There are no records yet" in page_of(folder)


def test_confusions_are_summed_over_the_seeds(folder: Path) -> None:
    store_of(folder, record(seed=0), record(seed=1))
    archive = Archive(Store(folder).read_files()[0])
    (table,) = standings(archive.records).tables
    (entry,) = gathered(table, archive).entries
    assert entry.confusion is not None
    assert entry.confusion.sum() == 1000
    assert entry.confusion.trace() == 900


def test_without_confusions_there_is_all_the_rest(folder: Path) -> None:
    """Evidence of a time when they were not kept."""
    bare = evidence_of(np.zeros(500, np.int64), np.arange(500) % 10)
    Store(folder).write(record(), bare)
    regenerate(folder, manager())
    assert {path.name.rpartition("-")[2] for path in (folder / "plots").iterdir()} == {
        "pareto.svg",
        "curves.svg",
    }


def test_a_regression_and_numbers_beyond_any_axis_are_drawn(folder: Path) -> None:
    """Lower is better; and records may hold what no plot can."""
    ground = task(name="prices", kind="regression", metric="mse", higher_is_better=False, classes=())
    point = CurvePoint(epoch=1, steps=1, samples=1, seconds=1e15, loss=-1.7e308)
    values = (1.0, 1.5, 1e308, -1e308, 0.0)
    made = [
        record(f"r{at}", metrics={"mse": value}, task=ground, curve=(point, point))
        for at, value in enumerate(values)
    ]
    made = [msgspec.structs.replace(one, correct=None) for one in made]
    page = page_of(folder, *made)
    assert "lower is better" in page
    assert len(list((folder / "plots").iterdir())) == 2


# ---- the README beside it


def test_the_readme_shows_the_plot_of_each_track_and_links_to_the_page(folder: Path) -> None:
    page_of(folder, *some())
    readme = (folder / "README.md").read_text()
    shown_plots = re.findall(
        r"^!\[accuracy against training time on digits[^]]*\]\((.*)\)$", readme, re.MULTILINE
    )
    assert len(shown_plots) == 2
    assert all((folder / plot).is_file() for plot in shown_plots)
    assert "[index.html](index.html)" in readme


def test_the_readme_is_right_where_nothing_draws(folder: Path) -> None:
    store_of(folder, *some())
    without = manager()
    without.unregister(html)
    regenerate(folder, without)
    text = (folder / "README.md").read_text()
    assert "![" not in text
    assert "index.html" not in text


# ---- pictures of test samples


class Shirts:
    """A task of 500 grey images whose test samples may be shown, or not."""

    def __init__(self, show: bool) -> None:
        self.show = show

    @hookimpl
    def grader_register_tasks(self) -> Sequence[TaskDefinition]:
        return [TaskDefinition(task=self.task(), fingerprint=lambda _: "x", prepare=lambda _: ARRAYS)]

    def task(self) -> Task:
        return Task(
            name="digits", title="", kind="multiclass", input_shape=(1, 8, 8), input_dtype="uint8",
            classes=tuple("0123456789"), metric="accuracy", budget="3 epochs", show_test_samples=self.show,
        )  # fmt: skip


TARGETS = np.arange(500) % 10
IMAGES = np.random.default_rng(0).integers(0, 256, (500, 1, 8, 8), np.uint8)
ARRAYS = Arrays(IMAGES[:20], TARGETS[:20], IMAGES, TARGETS)


def prepared(folder: Path) -> str:
    """Put the images where the cache has them; return the digest of the data."""
    root = folder.parent / "cache" / "tasks"
    root.mkdir(parents=True)
    return entries.write(root / "digits-0123", Shirts(show=True).task(), ARRAYS).task.digest


def mistaken(store: Store, name: str, digest: str, wrong: Sequence[int]) -> Record:
    """A record whose evidence has these samples wrong: each taken for the next class."""
    predictions = TARGETS.copy()
    predictions[list(wrong)] = (predictions[list(wrong)] + 1) % 10
    one = record(name, correct=500 - len(wrong), task=task(digest=digest))
    store.write(one, evidence_of(predictions, TARGETS, 10))
    return one


def pictured(folder: Path, show: bool = True, digest: str = "") -> str:
    real = prepared(folder)
    store = Store(folder)
    mistaken(store, "best", digest or real, [7, 42])
    mistaken(store, "next", digest or real, [42, 99, 100])
    mistaken(store, "last", digest or real, [42, 99, 101, 102])
    regenerate(folder, manager(Shirts(show)))
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_worst_mistakes_of_the_best_come_first(folder: Path) -> None:
    page = pictured(folder)
    assert re.findall(r'aria-label="Test sample (\d+)"', page) == ["42", "7", "99", "100", "101", "102"]
    texts = Texts(page)
    assert texts.of("b")[:3] == ["2", "7", "9"]
    assert texts.of("span", "taken wrong") == ["taken for 3", "taken for 8"]
    assert texts.of("span", "taken fine") == ["taken rightly"] * 4
    assert texts.of("small", "muted")[:3] == ["3 of 3 wrong", "1 of 3 wrong", "2 of 3 wrong"]
    (plot,) = (folder / "plots").glob("*-samples.svg")
    drawn = [element.text for element in ElementTree.parse(plot).iter() if element.tag.endswith("}text")]
    assert drawn[:2] == ["2", "taken for 3"]
    assert drawn.count("taken rightly") == 4
    assert "No pictures of test samples" not in page


@pytest.mark.parametrize(("show", "digest"), [(False, ""), (True, "0" * 64)], ids=["private", "other data"])
def test_samples_are_shown_only_where_task_and_data_allow_it(folder: Path, show: bool, digest: str) -> None:
    page = pictured(folder, show, digest)
    assert "data:image" not in page
    assert "No pictures of test samples" in page
    assert not list((folder / "plots").glob("*-samples.svg"))


def test_evidence_of_other_samples_is_not_pictured(folder: Path) -> None:
    digest = prepared(folder)
    Store(folder).write(record(task=task(digest=digest)), evidence())
    regenerate(folder, manager(Shirts(show=True)))
    assert "No pictures of test samples" in (folder / "index.html").read_text(encoding="utf-8")


def test_damaged_samples_are_not_pictured(folder: Path) -> None:
    digest = prepared(folder)
    edit(next((folder.parent / "cache").rglob("test_inputs*")))
    mistaken(Store(folder), "best", digest, [1])
    regenerate(folder, manager(Shirts(show=True)))
    assert "No pictures of test samples" in (folder / "index.html").read_text(encoding="utf-8")


def test_samples_that_come_to_be_prepared_are_shown_from_then_on(folder: Path) -> None:
    digest = prepared(folder)
    mistaken(Store(folder), "best", digest, [1])
    entry = folder.parent / "cache" / "tasks" / "digits-0123"
    entry.rename(entry.with_name("elsewhere"))
    for there in (False, True):
        if there:
            entry.with_name("elsewhere").rename(entry)
        regenerate(folder, manager(Shirts(show=True)))
        assert ("data:image" in (folder / "index.html").read_text(encoding="utf-8")) == there


@pytest.mark.parametrize("shape", [(3, 200, 100), (1, 70, 70), (3, 1, 300), (1, 5, 9)])
def test_large_pictures_are_shrunk(shape: tuple[int, int, int]) -> None:
    made = pictures._shrunk(np.full((4, *shape), 200, np.uint8))
    assert max(made.shape[1:3]) <= 64
    assert made.dtype == np.uint8
    assert (made == 200).all()
    assert made.shape[3:] == ((3,) if shape[0] == 3 else ())


# ---- a session writes it


def test_a_run_ends_in_a_page_unless_its_plugin_is_left_out(
    tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADER_PLUGINS")
    write(tmp_path, {"subs/mlp.py": GOOD})
    wishes = ("run", "subs", "--budget", "3 steps", "--device", "cpu")
    assert command(*wishes, "-p", "no:html", cwd=tmp_path, places=places).returncode == 0
    board = tmp_path / "leaderboard"
    assert (board / "README.md").is_file()
    assert not (board / "index.html").exists()
    assert command(*wishes, cwd=tmp_path, places=places).returncode == 0
    page = (board / "index.html").read_text(encoding="utf-8")
    assert "mlp" in page
    assert "<svg" in page


def test_a_plugin_that_is_not_there_cannot_be_left_out(tmp_path: Path, places: Path) -> None:
    said = command("run", "-p", "no:htm", cwd=tmp_path, places=places)
    assert said.returncode == 4
    assert said.stderr == (
        "grader: error: -p no:htm: there is no such plugin; did you mean html?; `grader plugins` lists them\n"
    )


# ---- time to a target, and several tasks


def test_a_target_has_its_own_table_and_the_curves_are_those_of_the_test_set(folder: Path) -> None:
    page = page_of(
        folder,
        *(timed("quick<b>", 1.0 + seed, seed) for seed in range(3)),
        *(timed("never", None, seed) for seed in range(3)),
    )
    assert "Time to accuracy=0.8" in page
    assert "not reached" in page
    assert "quick&lt;b&gt;</td>" in page
    assert "scored on the test set afterwards" in page
    assert "as the submissions told it" not in page


def test_over_several_tasks_the_page_has_their_mean_ranks(folder: Path) -> None:
    page = page_of(folder, record("a"), record("a", task=task(name="mnist")))
    assert "Over 2 tasks, cpu" in page
    assert "mean rank" in page
    assert "mean rank" not in page_of(folder / "one", record("a"))


# ---- plots


def test_the_front_is_what_nothing_beats_in_both() -> None:
    points = [(1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (3.0, 0.7), (4.0, 0.9), (1.0, 0.5)]
    assert plots._front(points, higher=True) == [0, 2, 4]
    assert plots._front(points, higher=False) == [0, 1]


def test_a_row_with_a_failed_seed_is_on_no_front(folder: Path) -> None:
    """It stands below complete rows, however good its other seeds are."""
    made = [record("whole", correct=400), record("partly", correct=450), failed("partly", seed=1)]
    store_of(folder, *made)
    (found,) = boards(made, folder)
    with draw.styled():
        texts = [text.get_text() for text in plots._pareto(found).axes[0].texts]  # type: ignore[union-attr]
    assert texts == ["whole"]


def test_times_of_different_devices_are_drawn_in_calibrations_or_not_at_all(folder: Path) -> None:
    made = [
        record(
            name,
            device=DeviceInfo(kind="cpu", name=name, threads=1),
            node=NodeInfo(name="a", calibration=Calibration(seconds=took, spread=0.1, steps=75, rounds=5)),
        )
        for name, took in (("fast", 0.1), ("slow", 0.4))
    ]
    store_of(folder, *made)
    with draw.styled():
        (axes,) = plots._pareto(boards(made, folder)[0]).axes  # type: ignore[union-attr]
        assert axes.get_xlabel() == "training time, calibrations"
        low, high = axes.get_xlim()
        assert low < 1.234 / 0.4 < 1.234 / 0.1 < high
        without = [msgspec.structs.replace(each, node=None) for each in made]
        store_of(folder, *without)
        assert plots._pareto(boards(without, folder)[0]) is None


def test_an_axis_leaves_out_what_is_far_off() -> None:
    low, high = focus([98.7, 98.2, 97.3, 96.6, 19.8, 15.2])
    assert 96 < low < 96.6
    assert 98.7 < high < 99.5
    low, high = focus([float(each) for each in range(100, 0, -1)])
    assert low < 1
    assert high > 100
    assert focus([5.0]) == (4.75, 5.25)
    assert focus([0.0, 0.0]) == (-1.0, 1.0)


def test_text_stays_text_and_names_are_no_formulas(folder: Path) -> None:
    page = page_of(folder, record("$x^2$ _y_", correct=499, timing=Timing(train_seconds=3.0)), *some())
    for name in ("pareto", "curves"):
        drawn = next((folder / "plots").glob(f"digits-3-epochs*{name}.svg")).read_text(encoding="utf-8")
        assert "$x^2$ _y_" in drawn
    svg = page[page.index("<figure>") : page.index("</figure>")]
    assert not re.search(r"#0[0-9a-f]{5}", svg)
    assert "currentColor" in svg


def test_no_two_drawings_on_a_page_share_an_id(folder: Path) -> None:
    ids = re.findall(r' id="([^"]+)"', page_of(folder, *some()))
    assert len(ids) == len(set(ids)) > 20


def test_a_class_of_five_hundred_makes_few_drawings(folder: Path) -> None:
    """Each costs a tenth of a second; the time in all is in benchmarks/page.py."""
    made = board(500)
    ranked = standings(made)
    page, files = make.made(ranked, Archive({str(at): each for at, each in enumerate(made)}), "")
    assert len(files) == 2
    assert page.count("<details") == 500


# ---- colours


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of luminances."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def mixed(colour: Sequence[int], paper: str, share: float) -> str:
    under = [int(paper[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(
        f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(colour, under, strict=True)
    )


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark by system", "dark by choice"])
def test_colours_have_contrast_in_both_themes(theme: int) -> None:
    """What axe does not see: marks in plots, and text on the strongest shades."""
    style = (Path(html.__file__).parent / "page.css").read_text()
    blocks = re.findall(r"color-scheme: (?:light|dark);(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[theme]))
    for ground in ("paper", "tint", "band"):
        for text in ("ink", "muted", "accent", "good", "bad"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for mark in ("accent", "bad", "muted", "s0", "s1", "s2", "s3", "s4"):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark
    for shade, most in (("right", 0.34), ("wrong", 0.38)):
        triple = re.search(rf"--{shade}: (\d+), (\d+), (\d+)", blocks[theme])
        assert triple is not None
        ground = mixed([int(part) for part in triple.groups()], colours["paper"], most)
        assert contrast(colours["ink"], ground) >= 4.5, shade
    for mark in ("accent", "bad"):  # of the plots' cells
        cell = [int(colours[mark][at : at + 2], 16) for at in (1, 3, 5)]
        assert contrast(colours["ink"], mixed(cell, colours["paper"], plots.SHADE)) >= 4.5, mark


def test_the_two_ways_to_the_dark_theme_are_one() -> None:
    style = (Path(html.__file__).parent / "page.css").read_text()
    _, system, chosen = re.findall(r"color-scheme: (?:light|dark);(.*?)\}", style, re.DOTALL)
    assert system.split() == chosen.split()


def boards(records: Sequence[Record], folder: Path) -> list[Board]:
    store_of(folder, *records)
    archive = Archive(Store(folder).read_files()[0])
    return [gathered(table, archive) for table in standings(archive.records).tables]


def test_the_most_confused_classes_are_named_where_they_are_too_many_for_a_matrix(folder: Path) -> None:
    ground = task(name="many", classes=tuple(f"kind {at}" for at in range(30)))
    targets = np.arange(500) % 30
    predictions = np.where(targets == 3, 4, targets)
    one = record(task=ground, correct=int((predictions == targets).sum()))
    Store(folder).write(one, evidence_of(predictions, targets, 30))
    regenerate(folder, manager())
    assert "kind 3 taken for kind 4: 17" in (folder / "index.html").read_text(encoding="utf-8")
    (found,) = boards([one], folder)
    assert plots._confusion(found) is None
