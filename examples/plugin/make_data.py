"""Makes grader_orchard/data/: `python make_data.py`. No apple was measured; the numbers are drawn."""

import csv
from pathlib import Path

import numpy as np

COLUMNS = ("weight_g", "diameter_mm", "redness", "sugar_brix", "variety")
MEANS = {  # of the four measurements; two of the varieties overlap
    "Elstar": (150, 70, 0.55, 12.8),
    "Idared": (180, 76, 0.70, 12.0),
    "Discovery": (120, 63, 0.75, 11.6),
}
SPREAD = (25, 5, 0.12, 0.9)
APPLES = {
    "train.csv": {"Elstar": 240, "Idared": 90, "Discovery": 30},
    "test.csv": {"Elstar": 160, "Idared": 60, "Discovery": 20},
}


def main() -> None:
    """Draw all measurements from normal distributions, in an order without a pattern."""
    random = np.random.RandomState(0)  # its numbers are the same in every version of numpy
    folder = Path(__file__).parent / "grader_orchard" / "data"
    for name, counts in APPLES.items():
        rows = [
            (f"{weight:.0f}", f"{diameter:.1f}", f"{redness:.2f}", f"{sugar:.1f}", variety)
            for variety, count in counts.items()
            for weight, diameter, redness, sugar in random.normal(MEANS[variety], SPREAD, (count, 4))
        ]
        random.shuffle(rows)
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
