"""A class of 200 in two slots, killed by SIGKILL twice on the way: what it took, and what came out.

python benchmarks/synthetic_class.py [--submissions 200] [--kills 2]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec

from grader.host.store import Store

from common import ROOT, headline, parser, places, table

sys.path.insert(0, str(ROOT / "tests"))

LIMITS = '[tool.grader]\nlimits = {train = 5, memory = "256 MiB"}\n'


def main() -> None:
    """Run, count, print."""
    from kills import Counts, Spec
    from synthetic import sources

    options = parser(__doc__)
    options.add_argument("--submissions", type=int, default=200)
    options.add_argument("--kills", type=int, default=2)
    asked = options.parse_args()
    headline()
    with places() as folder:
        (folder / "subs").mkdir()
        (folder / "pyproject.toml").write_text(LIMITS)
        for name, source in sources(asked.submissions).items():
            (folder / "subs" / name).write_text(source)
        spec = Spec(
            folder=str(folder), places=str(folder), kills=asked.kills, seed=1,
            seconds=0.2 * asked.submissions, late=0.2 * asked.submissions,
            arguments=("--budget", "2 epochs", "-n", "2"),
        )  # fmt: skip
        place = folder / "kills.spec"
        place.write_bytes(msgspec.json.encode(spec))
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "kills", str(place)], cwd=ROOT / "tests", check=True)
        seconds = time.monotonic() - started
        counts = msgspec.json.decode(place.with_suffix(".counts").read_bytes(), type=Counts)
        report(folder, counts.kills, seconds)
        for what in ("left", "broken", "lost", "wrong"):
            print(f"{what}: {getattr(counts, what) or 'none'}")


def report(folder: Path, kills: int, seconds: float) -> None:
    """The rows by status, and the time."""
    records, problems = Store(folder / "leaderboard").read()
    rows = Counter(str(record.status) for record in records)
    table(rows.most_common(), ["status", "rows"])
    submissions = len(list((folder / "subs").glob("*.py")))
    print(f"\n{submissions} submissions, {len(records)} records, {len(problems)} broken files")
    print(f"{seconds:.1f} s in all, killed {kills} times on the way")


if __name__ == "__main__":
    main()
