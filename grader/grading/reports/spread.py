"""How the totals of a class are spread, as a small SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

_LEFT, _STEP, _TOP, _BOTTOM = 4, 42, 16, 120


def bins(percents: Sequence[float]) -> list[tuple[str, int]]:
    """Return how many are in each tenth, 100 itself in the last one, and those above in one of their own."""
    counts = [0] * 11
    for value in percents:
        counts[10 if value > 100 else max(0, min(9, int(value // 10)))] += 1
    names = [f"{10 * at}–{10 * at + 10}" for at in range(10)]  # noqa: RUF001 - a range
    return [*zip(names, counts, strict=False), *([(">100", counts[10])] if counts[10] else [])]


def spread(percents: Sequence[float]) -> Markup:
    """Return the histogram of percents, in the colours of the page's theme."""
    from markupsafe import Markup

    return Markup("".join(_parts(bins(percents))))  # noqa: S704 - all words and numbers of ours


def _parts(found: Sequence[tuple[str, int]]) -> Iterator[str]:
    most, width = max(1, *(many for _, many in found)), 2 * _LEFT + _STEP * len(found)
    words = ", ".join(f"{name} percent: {many}" for name, many in found if many)
    yield f'<svg class="spread" viewBox="0 0 {width} 144" role="img" '
    yield f'aria-label="Students by percent: {words}">'
    for at, (name, many) in enumerate(found):
        x, middle = _LEFT + at * _STEP, _LEFT + at * _STEP + _STEP / 2
        height = (_BOTTOM - _TOP) * many / most
        yield f'<rect x="{x + 2}" y="{_BOTTOM - height:.1f}" width="{_STEP - 4}" height="{height:.1f}"/>'
        yield f'<text x="{middle:g}" y="{_BOTTOM + 15}" text-anchor="middle">{name}</text>'
        if many:
            yield f'<text x="{middle:g}" y="{_BOTTOM - height - 4:.1f}" text-anchor="middle">{many}</text>'
    yield f'<path class="axes" d="M{_LEFT} {_BOTTOM}H{width - _LEFT}"/></svg>'
