"""Which submissions are much the same, with what everybody was given left out of the comparison.

copydetect (the extra `grader[alike]`) reads tokens, writes V for each name and S for each string, and
compares every run of characters of a certain length (after Schleimer and others, Winnowing, 2003). Files are
text here: none is imported. What is found is a question for staff, who know who worked with whom, no verdict.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.grading.model import Alike
from grader.grading.shape import shape
from grader.host.source import TooLarge, Unreadable, read, tree

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_RUN = 25  # characters of code, names and strings as one each, that must be alike: copydetect's own default
_LEAST = 100  # such characters in common: two short networks are soon the same by chance
_LARGEST = (
    64 << 10
)  # bytes of one submission: 100 KB take a second to read, a pair of them that are alike 0.3 s


def alike(
    submissions: Mapping[str, Sequence[Path]],
    handout: Sequence[Path],
    least: float = 0.8,
    *,
    apart: Collection[tuple[str, str]] = (),
    tell: Callable[[str], object] | None = None,
) -> list[Alike]:
    """Return the pairs whose own code is alike by `least` (0 to 1) or the same but for names, sorted.

    `submissions` are the files or folders of each, one entry a student; only what ends in .py counts. Runs of
    code that the `handout` has as well are no one's own. `apart` are pairs to leave out, as members of a
    group, in either order. `tell` gets a line about each path that cannot be read or is too large to be
    compared, and about what of the hand-out holds no code. Raises UsageError without copydetect.
    """
    _check_installed()
    tell = tell or _unheard
    common = {each for path in handout for each in _given(path, tell)}
    works = [
        _own(work, common) for name in sorted(submissions) if (work := _read(name, submissions[name], tell))
    ]
    left_out = {frozenset(pair) for pair in apart}
    pairs = (pair for pair in combinations(works, 2) if {pair[0].name, pair[1].name} not in left_out)
    found = [each for one, other in pairs if (each := _compared(one, other, least))]
    return sorted(found, key=lambda each: (-each.share, each.a, each.b))


def _unheard(_line: str) -> None:
    pass


def _check_installed() -> None:
    try:
        import copydetect  # noqa: F401 - brings matplotlib: a second, and only here
    except ImportError:
        raise UsageError(
            "look-alikes are found by copydetect, which is not installed: install grader[alike]"
        ) from None


# --- reading ---


@dataclass(frozen=True)
class _Work:
    """The code of one submission, its files one after the other."""

    name: str
    files: tuple[tuple[int, str], ...]  # the line before each begins, and its name
    text: str
    shapes: tuple[str, ...]
    prints: Any  # copydetect's CodeFingerprint


def _read(name: str, paths: Sequence[Path], tell: Callable[[str], object]) -> _Work | None:
    """Read the Python files, telling of those that are left out; None where there is no code at all."""
    texts: list[str] = []
    files: list[tuple[int, str]] = []
    taken = lines = 0
    for path in _modules(name, paths, tell):
        try:
            data = read(path, _LARGEST, taken)
        except TooLarge:
            _leave_out(name, path, f"brings it to more than {_LARGEST >> 10} KiB", tell)
        except Unreadable as error:
            _leave_out(name, path, str(error), tell)
        else:
            taken += len(data)
            texts.append(_decoded(data))
            files.append((lines, path.name))
            lines += texts[-1].count("\n")
    shapes = tuple(sorted(shape(each) for each in texts if each.strip()))
    text = "".join(texts).lstrip("\n")  # as pygments does, which then counts from there
    lead = lines - text.count("\n")
    begins = tuple((line - lead, file) for line, file in files)
    return _Work(name, begins, text, shapes, _prints(text)) if shapes else None


def _modules(name: str, paths: Sequence[Path], tell: Callable[[str], object]) -> list[Path]:
    """The Python files among the paths and in the folders among them."""
    found: list[Path] = []
    for path in paths:
        try:
            found += list(tree(path)) if path.is_dir() else [path]  # all of it or nothing
        except Unreadable as error:
            _leave_out(name, path, str(error), tell)
    return sorted(path for path in found if path.suffix == ".py")


def _leave_out(name: str, path: Path, why: str, tell: Callable[[str], object]) -> None:
    tell(f"look-alikes: {plain(name, 100)}: {plain(path.name, 100)} {plain(why, 200)}, and was not compared")


def _decoded(data: bytes) -> str:
    """Any bytes as text that ends its lines like Unix. What is not UTF-8 keeps its ASCII, and so its code."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "\n".join(text.split("\r\n")).replace("\r", "\n").rstrip("\n") + "\n"


def _prints(text: str) -> Any:
    from copydetect import CodeFingerprint

    # A window of one takes every run. A larger one takes the smallest of Python's hashes, which are others in
    # each process: the same files would be alike by another share each time.
    return CodeFingerprint("any.py", _RUN, 1, fp=io.StringIO(text), language="python")


# --- what everybody has ---


def _given(path: Path, tell: Callable[[str], object]) -> set[int]:
    """The runs of a file or folder of the hand-out."""
    work = _read("hand-out", [path], tell)
    if work is None:
        _leave_out("hand-out", path, "holds no Python code", tell)
        return set()
    return {*work.prints.hashes}


def _own(work: _Work, common: set[int]) -> _Work:
    """Leave out the runs that the hand-out has.

    Not by copydetect's `boilerplate`: it takes each run to be there once (numpy's `assume_unique`), and so
    drops one, too, that is not in the hand-out but twice in the submission.
    """
    from copydetect.utils import get_token_coverage

    prints = work.prints
    prints.hashes -= common
    prints.hash_idx = {key: places for key, places in prints.hash_idx.items() if key in prints.hashes}
    prints.token_coverage = get_token_coverage(prints.hash_idx, prints.k, len(prints.filtered_code))
    return work


# --- comparing ---


def _compared(one: _Work, other: _Work, least: float) -> Alike | None:
    from copydetect import compare_files

    in_common, shares, places = compare_files(one.prints, other.prints)
    share, same = float(max(shares)), one.shapes == other.shapes
    if in_common < _LEAST or not (same or share >= least):
        return None
    detail = f"{_amount(one, shares[0])} and {_amount(other, shares[1])} characters of own code in common"
    where = f"mostly {_where(one, places[0])} and {_where(other, places[1])}"
    return Alike(a=one.name, b=other.name, share=min(share, 1.0), same=same, detail=f"{detail}, {where}")


def _amount(work: _Work, share: float) -> str:
    return f"{share:.0%} of {int(work.prints.token_coverage):,}"


def _where(work: _Work, places: npt.NDArray[np.int64]) -> str:
    """The longest stretch that is in the other one as well, as `lines 3 to 17 of net.py`."""
    longest = int((places[1] - places[0]).argmax())
    start, end = (max(0, int(at)) for at in places[:, longest])
    first, last = work.text.count("\n", 0, start), work.text[:end].rstrip().count("\n")
    before, file = max(each for each in work.files if each[0] <= first)
    return f"lines {first - before + 1} to {last - before + 1} of {plain(file, 100)}"
