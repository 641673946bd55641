"""The leaderboard's page in a real browser, used as people use it: at a desk, on a phone, by keyboard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium
from factories import HOSTILE, board, evidence, failed, record, task, timed
from playwright.sync_api import Browser, Page
from test_page import ARRAYS, TARGETS, Shirts, manager

from grader.contract.record import Timing
from grader.contract.status import Status
from grader.host.evidence import evidence_of
from grader.host.leaderboard import regenerate
from grader.host.reports.board import shown
from grader.host.store import Store
from grader.tasks import entry as entries

PHONE, WALL = 360, 1600
THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with all that there may be: ties, pairs, failures, hostile names, pictures, four tracks."""
    root = tmp_path_factory.mktemp("page")
    cache = root / "cache" / "tasks"
    cache.mkdir(parents=True)
    digest = entries.write(cache / "digits-0123", Shirts(show=True).task(), ARRAYS).task.digest
    store = Store(root / "board")
    for at, (name, model, loop) in enumerate(
        [
            ("mlp", "mlp", "default"),
            ("cnn", "cnn", "cnn"),
            ("cnn+mlp", "cnn", "mlp"),
            ("same", "same", "default"),
        ]
    ):
        for seed in (0, 1):
            like = min(at, 2)  # the last two are the same
            wrong = np.random.default_rng((like, seed)).permutation(500)[: 20 + 10 * like]
            predictions = TARGETS.copy()
            predictions[wrong] = (predictions[wrong] + 1) % 10
            one = record(
                name, seed=seed, correct=500 - len(wrong), model=model, loop=loop, task=task(digest=digest),
                timing=Timing(load_seconds=0.1, train_seconds=1.0 + at), notes=("it is marked",),
            )  # fmt: skip
            store.write(one, evidence_of(predictions, TARGETS, 10))
    store.write(failed("slow", Status.TIMEOUT, task=task(digest=digest), reason="training took 11 s of 10 s"))
    store.write(failed("mlp", seed=2, task=task(digest=digest)))
    for at, name in enumerate(HOSTILE):
        hostile = task(name="hostile", classes=tuple(HOSTILE[:10]), digest="h" * 64)
        store.write(record(name, correct=400 + at, task=hostile, isolation="weak"), evidence(400 + at))
    store.write(failed("none", task=task(name="empty")))
    for at, name in enumerate(HOSTILE[:20]):
        for seed in (0, 1):
            aimed = timed(name, 2.0 + at if at % 3 else None, seed)
            aimed = msgspec.structs.replace(aimed, task=task(name="aimed"))
            store.write(aimed, evidence(450))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_CACHE", str(root / "cache"))
        regenerate(root / "board", manager(Shirts(show=True)))
    return root / "board" / "index.html"


class Opened:
    """A page in a tab of its own, and what went wrong in it."""

    def __init__(self, browser: Browser, file: Path, **wishes: Any) -> None:
        wishes = {"viewport": {"width": 1280, "height": 900}, **wishes}
        self.context = browser.new_context(**wishes)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", lambda request: self.wrong.append(request.url))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
        assert self.wrong == []

    def names(self) -> list[str]:
        """The submissions whose rows are there, in their order."""
        found: list[str] = self.page.eval_on_selector_all(
            ".panel:not([hidden]) .standings tbody tr:not([hidden]) th a",
            "all => all.map(a => a.textContent)",
        )
        return found

    def tab(self, words: str) -> None:
        self.page.get_by_role("tab", name=words).click()


@pytest.fixture
def opened(browser: Browser, page_file: Path) -> Iterator[Opened]:
    with Opened(browser, page_file) as made:
        made.tab("digits")
        yield made


def test_it_opens_from_disk_with_one_request_and_no_word_on_the_console(
    browser: Browser, page_file: Path
) -> None:
    with Opened(browser, page_file) as made:
        made.page.wait_for_load_state("networkidle")
        assert [url for url in made.requests if not url.startswith("data:")] == [page_file.as_uri()]
        assert made.page.title().startswith("Leaderboard: ")


def test_its_policy_stops_what_would_run_or_leave(browser: Browser, page_file: Path, tmp_path: Path) -> None:
    """Were markup to get into it after all."""
    text = page_file.read_text(encoding="utf-8")
    evil = (
        "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
        "<img src='https://evil.example/p.png'><iframe src='https://evil.example'></iframe>"
    )
    bad = tmp_path / "bad.html"
    bad.write_text(text.replace("<main", f"{evil}<main"), encoding="utf-8")
    made = Opened(browser, bad)
    made.page.wait_for_timeout(200)
    assert made.page.title() != "taken"
    assert len(made.wrong) >= 4
    assert any("Content Security Policy" in line for line in made.wrong)
    made.context.close()


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(opened: Opened) -> None:
    standing = opened.names()
    assert standing == ["cnn", "cnn+mlp", "same", "mlp", "slow"]
    head = opened.page.locator(".panel:not([hidden]) .standings th", has_text="train s")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert opened.names() == ["same", "cnn+mlp", "cnn", "mlp", "slow"]
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert opened.names() == ["mlp", "cnn", "cnn+mlp", "same", "slow"]
    assert opened.page.locator(".panel:not([hidden]) [aria-sort]").count() == 1
    opened.page.locator(".panel:not([hidden]) .standings th", has_text="#").get_by_role("button").click()
    assert opened.names() == standing


def test_names_are_sorted_by_keyboard(opened: Opened) -> None:
    opened.page.locator(".panel:not([hidden]) .controls select").focus()
    for _ in range(4):
        opened.page.keyboard.press("Tab")
        if opened.page.evaluate("document.activeElement.textContent") == "submission":
            break
    opened.page.keyboard.press("Enter")
    assert opened.names() == ["cnn", "cnn+mlp", "mlp", "same", "slow"]
    opened.page.keyboard.press("Space")
    assert opened.names() == ["slow", "same", "mlp", "cnn+mlp", "cnn"]


def test_bands_of_ties_are_there_only_in_the_order_of_the_standings(opened: Opened) -> None:
    table = opened.page.locator(".panel:not([hidden]) .standings")
    assert "banded" in (table.get_attribute("class") or "")
    opened.page.locator(".panel:not([hidden]) th", has_text="submission").get_by_role("button").click()
    assert "banded" not in (table.get_attribute("class") or "")
    opened.page.locator(".panel:not([hidden]) .standings th", has_text="#").get_by_role("button").click()
    assert "banded" in (table.get_attribute("class") or "")


def test_rows_and_their_sections_are_filtered_by_words_and_status(opened: Opened) -> None:
    panel = opened.page.locator(".panel:not([hidden])")
    search = panel.get_by_role("searchbox")
    search.press_sequentially("CNN")
    assert sorted(opened.names()) == ["cnn", "cnn+mlp"]
    assert panel.locator("output").inner_text() == "2 of 5 rows"
    assert panel.locator(".sub:not([hidden]) .name").all_inner_texts() == opened.names()
    search.press("Escape")
    assert len(opened.names()) == 5
    panel.get_by_role("combobox").select_option("failed")
    assert opened.names() == ["slow"]
    panel.get_by_role("combobox").select_option("partly")
    assert opened.names() == ["mlp"]
    search.fill("no such")
    assert opened.names() == []


def test_tabs_are_walked_with_the_arrows(browser: Browser, page_file: Path) -> None:
    with Opened(browser, page_file) as made:
        tabs = made.page.get_by_role("tab")
        assert tabs.count() == 4
        tabs.first.focus()
        seen = []
        for key in (*["ArrowRight"] * 4, "ArrowLeft", "Home", "End"):
            made.page.keyboard.press(key)
            chosen = made.page.locator("[role=tab][aria-selected=true]")
            assert chosen.count() == made.page.locator(".panel:not([hidden])").count() == 1
            assert chosen.evaluate("each => each === document.activeElement")
            assert chosen.get_attribute("tabindex") == "0"
            panel = made.page.locator(".panel:not([hidden])")
            assert chosen.get_attribute("aria-controls") == panel.get_attribute("id")
            seen.append(tabs.all_inner_texts().index(chosen.inner_text()))
        assert seen == [1, 2, 3, 0, 3, 0, 3]


def test_a_name_leads_to_its_section_and_the_address_leads_back(opened: Opened, page_file: Path) -> None:
    opened.page.locator(".panel:not([hidden]) th a", has_text="slow").click()
    section = opened.page.locator(".sub[open]")
    assert section.locator(".name").inner_text() == "slow"
    assert "training took 11 s of 10 s" in section.inner_text()
    address = opened.page.url
    opened.tab("hostile")
    opened.page.goto("about:blank")
    opened.page.goto(address)
    assert "training took 11 s of 10 s" in opened.page.locator(".sub[open]").inner_text()
    assert opened.page.locator(".panel:not([hidden])").count() == 1


def test_the_theme_can_be_chosen_and_is_kept(browser: Browser, page_file: Path) -> None:
    with Opened(browser, page_file, color_scheme="light") as made:
        background = "getComputedStyle(document.body).backgroundColor"
        light = made.page.evaluate(background)
        made.page.get_by_role("button", name="Dark theme").click()
        dark = made.page.evaluate(background)
        assert dark != light
        made.page.reload()
        assert made.page.evaluate(background) == dark
        made.page.get_by_role("button", name="Light theme").click()
        assert made.page.evaluate(background) == light


def test_without_scripts_it_is_a_long_page_with_all_in_it(browser: Browser, page_file: Path) -> None:
    with Opened(browser, page_file, java_script_enabled=False) as made:
        assert made.page.locator(".panel:visible").count() == 4
        assert made.page.locator(".controls:visible, #theme:visible, #tabs:visible").count() == 0
        section = made.page.locator(".sub", has=made.page.locator(".name", has_text="slow"))
        assert "training took" not in section.inner_text()
        section.locator("summary").click()
        assert "training took 11 s of 10 s" in section.inner_text()


def test_hostile_names_stay_text(browser: Browser, page_file: Path) -> None:
    with Opened(browser, page_file) as made:
        made.tab("hostile")
        assert {*made.names()} == {*map(shown, HOSTILE)}
        for section in made.page.locator(".panel:not([hidden]) .sub").all():
            section.evaluate("each => { each.open = true }")
        made.page.wait_for_timeout(100)
        assert made.page.locator("script").count() == 1
        assert made.page.locator("main img, main iframe, main a:not([href^='#'])").count() == 0
        assert made.page.get_by_role("rowheader", name="<script>alert(1)</script>").count() >= 1


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [PHONE, WALL])
def test_nothing_is_wider_than_the_window(browser: Browser, page_file: Path, width: int, theme: Any) -> None:
    view = {"width": width, "height": 800}
    with Opened(browser, page_file, viewport=view, color_scheme=theme) as made:
        for words in ("digits", "hostile", "empty"):
            made.tab(words)
            made.page.evaluate("document.querySelectorAll('.sub').forEach(each => { each.open = true })")
            made.page.wait_for_timeout(50)
            wide = made.page.evaluate(_WIDE)
            assert wide == [], words
            assert made.page.evaluate("document.documentElement.scrollWidth") <= width


_WIDE = """() => {
  const kept = each => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(each).overflowX);
  const scrolls = each => each && (kept(each) || scrolls(each.parentElement));
  return [...document.querySelectorAll('main *, header *')].filter(each => {
    const box = each.getBoundingClientRect();
    return box.width && !each.closest('svg') && box.right > innerWidth + 0.5 && !scrolls(each.parentElement);
  }).map(each => each.outerHTML.slice(0, 100));
}"""


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(browser: Browser, page_file: Path, theme: Any) -> None:
    """Contrast included; every tab, one section of each open."""
    with Opened(browser, page_file, color_scheme=theme) as made:
        for words in ("digits", "hostile", "empty"):
            made.tab(words)
            made.page.evaluate("document.querySelector('.panel:not([hidden]) .sub').open = true")
            made.page.wait_for_timeout(50)
            results = Axe().run(made.page)
            assert results.violations_count == 0, results.generate_report()


def test_an_empty_leaderboard_opens_as_well(browser: Browser, tmp_path: Path) -> None:
    regenerate(tmp_path, manager())
    with Opened(browser, tmp_path / "index.html") as made:
        assert made.page.get_by_text("There are no records yet").is_visible()
        assert Axe().run(made.page).violations_count == 0


def test_a_class_of_five_hundred_can_be_used(browser: Browser, tmp_path: Path) -> None:
    """3 seeds each. How long it takes is printed; benchmarks/page.py measures it where nothing else runs."""
    store = Store(tmp_path)
    proof = {seed: evidence(450, seed=seed) for seed in range(3)}
    for one in board(500, 3):
        if one.correct is not None:
            one = record(one.submission.name, seed=one.seed)
        store.write(one, proof[one.seed] if one.correct is not None else None)
    started = time.perf_counter()
    regenerate(tmp_path, manager())
    made_in = time.perf_counter() - started
    file = tmp_path / "index.html"
    assert file.stat().st_size < 5_000_000
    with Opened(browser, file) as made:
        usable = made.page.evaluate("performance.getEntriesByName('usable')[0].startTime")
        assert len(made.names()) == 500
        made.page.get_by_role("searchbox").fill("student-0499")
        assert made.names() == ["student-0499"]
    print(f"made in {made_in:.1f} s, {file.stat().st_size / 1e6:.2f} MB, usable after {usable:.0f} ms")


def test_without_a_browser_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AssertionError, match=r"^no Chromium to open the page in: apt-get install chromium"):
        chromium().__enter__()
