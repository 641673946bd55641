"""Sizes as people write and read them: 512 MiB."""

from __future__ import annotations

import re

_UNITS: dict[str, int] = {"b": 1} | {
    f"{letter}{middle}b": base**power
    for power, letter in enumerate("kmgt", start=1)
    for middle, base in (("", 1000), ("i", 1024))
}
_WRITTEN = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))?\s*([a-z]+)", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of '512 MiB', '1 MB' or '1.5 GiB'. Raises ValueError for anything else."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or not text.isascii() or match[3].lower() not in _UNITS:
        raise ValueError(f"{text!r} is no size: write a number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB")
    whole, part, unit = match[1], match[2] or "", _UNITS[match[3].lower()]
    size: int = int(whole + part) * unit // 10 ** len(part)  # in whole numbers: a float would round
    return size


def in_mib(size: int) -> str:
    """Return '512 MiB', rounded: for what was measured, or is large."""
    return f"{size / 2**20:.0f} MiB"


def in_words(size: int) -> str:
    """Return '10,000,000 bytes (9.5 MiB)': exact to hold against a limit, and short to grasp."""
    exact = f"{size:,} byte{'s' if size != 1 else ''}"
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**power:
            short = f"{size / 1024**power:,.1f}".removesuffix(".0")
            return f"{exact} ({short} {unit})"
    return exact
