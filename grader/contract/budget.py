"""Budgets: how long a submission may train."""

from __future__ import annotations

import math
import re

import msgspec

from grader.contract.errors import UsageError

_UNITS = {
    "s": "seconds", "sec": "seconds", "second": "seconds", "seconds": "seconds",
    "m": "minutes", "min": "minutes", "minute": "minutes", "minutes": "minutes",
    "epoch": "epochs", "epochs": "epochs",
    "step": "steps", "steps": "steps",
    "sample": "samples", "samples": "samples",
}  # fmt: skip
_PART = re.compile(
    r"(?P<number>[-+]?(?:nan|inf|[\d.][\d._]*(?:e[-+]?\d+)?)?)\s*(?P<factor>[kM]?)\s*(?P<unit>[A-Za-z]+)"
)
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}
_EXAMPLES = "write '10s', '3 epochs', '1000 steps', '300k samples', or several joined by commas"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on training, whichever ends first; at least one is set.

    Seconds are enforced by the host against anyone; epochs, steps and samples are counted where the
    batches are handed out, and are exactly repeatable.
    """

    seconds: float | None = None
    epochs: float | None = None
    steps: int | None = None
    samples: int | None = None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read '10s', '3 epochs', '1000 steps', '300k samples' or '10s, 3 epochs'. Raises UsageError."""
        limits: dict[str, float] = {}
        for part in re.split(r"\s*(?:,|\bor\b|\+)\s*", text.strip()):
            unit, value = _parse_part(part, text)
            if unit in limits:
                raise UsageError(f"budget {text!r} sets {unit} twice; {_EXAMPLES}")
            limits[unit] = value
        return cls(
            seconds=limits.get("seconds"),
            epochs=limits.get("epochs"),
            steps=_whole(limits.get("steps"), "steps", text),
            samples=_whole(limits.get("samples"), "samples", text),
        )

    @property
    def with_grace(self) -> float | None:
        """Seconds after which the host kills the training; None for a budget that sets none."""
        return None if self.seconds is None else self.seconds + max(1.0, 0.05 * self.seconds)

    def __str__(self) -> str:
        """The canonical text: equal budgets read the same."""
        parts = [f"{_number(self.seconds)}s"] if self.seconds is not None else []
        for unit in ("epochs", "steps", "samples"):
            value = getattr(self, unit)
            if value is not None:
                parts.append(f"{_number(value)} {unit if value != 1 else unit[:-1]}")
        return ", ".join(parts)


def _parse_part(part: str, text: str) -> tuple[str, float]:
    match = _PART.fullmatch(part.strip())
    unit = _UNITS.get(match["unit"].lower()) if match else None
    if match is None or unit is None:
        raise UsageError(f"cannot read the budget {text!r}; {_EXAMPLES}")
    try:
        value = float(match["number"]) * _FACTORS[match["factor"]]
    except ValueError:
        raise UsageError(f"budget {text!r} has no number before {match['unit']!r}; {_EXAMPLES}") from None
    if not math.isfinite(value) or value <= 0:
        raise UsageError(f"budget {text!r} must be a finite number above zero; {_EXAMPLES}")
    return ("seconds", value * 60) if unit == "minutes" else (unit, value)


def _whole(value: float | None, unit: str, text: str) -> int | None:
    if value is None:
        return None
    if value != int(value):
        raise UsageError(f"budget {text!r} asks for a part of one of its {unit}; use a whole number")
    return int(value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
