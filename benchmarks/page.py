"""How large a class's page is, how long it takes to make, and how soon it can be used in a browser.

    python benchmarks/page.py [SUBMISSIONS] [--seeds K] [--repeats N]

The page of 500 submissions x 3 seeds unless told, with evidence of 500 test samples each. Seconds are medians
of runs in fresh processes (`grader leaderboard`): made anew, and where nothing has changed. "Usable" is from
the start of loading to when rows, tabs and filters work, and one sort after that, in Chromium.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, headline, table

COMMAND = "import sys; from grader.host.cli import main; main()"


def main() -> None:
    """Make the records, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submissions", type=int, nargs="?", default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    headline()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        fill(folder, options.submissions, options.seeds)
        anew, again = zip(*(timed(folder) for _ in range(options.repeats)), strict=True)
        page = folder / "index.html"
        usable, sorting = in_a_browser(page, options.repeats)
        rows = [
            ("page made anew, s", statistics.median(anew)),
            ("nothing changed, s", statistics.median(again)),
            ("page, MB", page.stat().st_size / 1e6),
            ("usable after, ms", usable),
            ("one sort, ms", sorting),
        ]
    table(rows, (f"{options.submissions} submissions x {options.seeds} seeds", "seen"))


def fill(folder: Path, submissions: int, seeds: int) -> None:
    """Write made-up records with evidence."""
    sys.path.insert(0, str(ROOT / "tests"))
    import factories

    from grader.host.store import Store

    store = Store(folder)
    for record in factories.board(submissions, seeds):
        proof = factories.evidence(record.correct, seed=record.seed) if record.correct is not None else None
        store.write(record, proof)


def timed(folder: Path) -> tuple[float, float]:
    """Seconds of `grader leaderboard` without a page, and once more with the one that it has just made."""
    (folder / "index.html").unlink(missing_ok=True)
    return _seconds(folder), _seconds(folder)


def _seconds(folder: Path) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-c", COMMAND, "leaderboard", "--leaderboard", str(folder)]
    environment = {**os.environ, "GRADER_CACHE": str(folder / "cache")}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)
    return time.perf_counter() - started


def in_a_browser(page: Path, repeats: int) -> tuple[float, float]:
    """Milliseconds until the page is usable, and that a sort takes until it is laid out: medians."""
    from browser import chromium

    usable, sorting = [], []
    with chromium() as browser:
        for _ in range(repeats):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.as_uri())
            usable.append(tab.evaluate("performance.getEntriesByName('usable')[0].startTime"))
            sorting.append(tab.evaluate(_SORT))
            tab.close()
    return statistics.median(usable), statistics.median(sorting)


_SORT = """() => {
  const buttons = [...document.querySelectorAll('.standings thead button')];
  const button = buttons.find(each => each.textContent === 'train s');
  const started = performance.now();
  button.click();
  document.querySelector('.standings').getBoundingClientRect();
  return performance.now() - started;
}"""


if __name__ == "__main__":
    main()
