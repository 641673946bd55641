"""matplotlib kept in hand: figures whose SVG is the same each time, follows a page's theme, and is small.

Colours are drawn as names: marks in the SVG that become CSS variables within a page, and fixed colours on
white in a file of its own. Text stays text.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from grader.contract.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, LINE, PAPER, ACCENT, GOOD, BAD = (f"#0102{number:02x}" for number in range(7))
SERIES = tuple(f"#0103{number:02x}" for number in range(5))

# Colours that people with the common colour blindnesses tell apart (after Okabe and Ito), darkened until each
# has a contrast of 3 and more to white; the page has lighter ones for its dark theme.
_PAGE = {
    INK: "currentColor", MUTED: "var(--muted)", LINE: "var(--line)", PAPER: "var(--paper)",
    ACCENT: "var(--accent)", GOOD: "var(--good)", BAD: "var(--bad)",
    **{mark: f"var(--s{number})" for number, mark in enumerate(SERIES)},
}  # fmt: skip
_FILE = {
    INK: "#1c2127", MUTED: "#5b6570", LINE: "#d8dde2", PAPER: "#ffffff",
    ACCENT: "#0b57b0", GOOD: "#0072b2", BAD: "#c44a00",
    **dict(zip(SERIES, ("#0072b2", "#c44a00", "#00805c", "#a83e86", "#8a6400"), strict=True)),
}  # fmt: skip

MARK = b"<!-- Made by grader from the records: the next run writes it anew. -->\n"
"""What every file begins with, so that it is known as ours when it has to go."""

_SETTINGS: Any = {  # Any: the names that matplotlib's types know differ between its versions

    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "grader",  # ids are made of what they name
    "text.parse_math": False,  # a name may hold a $
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same sizes on every machine
    "font.size": 8.5, "axes.titlesize": 9.5, "axes.labelsize": 8.5, "legend.fontsize": 7.5,
    "text.color": INK, "axes.labelcolor": INK, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.edgecolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED, "grid.color": LINE,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True,
    "axes.linewidth": 0.8, "grid.linewidth": 0.6, "lines.linewidth": 1.6,
    "axes.unicode_minus": True, "axes.formatter.useoffset": False, "legend.frameon": False,
    "figure.constrained_layout.use": True, "path.simplify": False,
}  # fmt: skip
_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Within it figures are made and saved: no matplotlibrc matters, and no missing glyph is warned of."""
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def figure(width: float, height: float) -> Figure:
    """A figure of so many inches, without any window system behind it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def drawn(figure: Figure) -> ElementTree.Element:
    """The figure as SVG, without matplotlib's metadata and its rules for the whole document."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(text.getvalue())  # noqa: S314 - matplotlib wrote it, escaped
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in {"metadata", "style"}:
                parent.remove(child)
    for element in root.iter():
        _shorten(element)
    return root


def for_page(root: ElementTree.Element, name: str, title: str) -> str:
    """The SVG for the middle of a page: in its theme, with ids that begin with `name`."""
    return _serialised(root, _PAGE, f"{name}-", title)


def for_file(root: ElementTree.Element, title: str) -> bytes:
    """The SVG as a file of its own, dark on white."""
    return MARK + _serialised(root, _FILE, "", title).encode() + b"\n"


def digest_of(file: bytes) -> str:
    """By which the page knows a plot's file again."""
    return hashlib.sha256(file).hexdigest()[:16]


def _serialised(root: ElementTree.Element, colours: Mapping[str, str], prefix: str, title: str) -> str:
    root = ElementTree.fromstring(ElementTree.tostring(root))  # noqa: S314 - a copy of our own
    ElementTree.register_namespace("", _SVG)
    used = {found for element in root.iter() for found in _references(element)}
    for element in root.iter():
        _rename(element, used, prefix)
        if style := element.get("style"):
            element.set("style", _coloured(style, colours))
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    root.attrib |= {"role": "img", "aria-label": plain(title), "width": f"{width:g}", "height": f"{height:g}"}
    if not prefix:
        paper = {"width": "100%", "height": "100%", "style": f"fill: {colours[PAPER]}"}
        root.insert(0, ElementTree.Element(f"{{{_SVG}}}rect", paper))
        root.set("style", "font-family: 'DejaVu Sans', Verdana, sans-serif; stroke-linejoin: round")
    heading = ElementTree.Element(f"{{{_SVG}}}title")
    heading.text = plain(title)
    root.insert(0, heading)
    return ElementTree.tostring(root, "unicode")


def _shorten(element: ElementTree.Element) -> None:
    """A hundredth of a point is no more than can be seen."""
    for name in ("d", "x", "y", "transform", "points", "width", "height"):
        if value := element.get(name):
            rounded = _NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), value)
            element.set(name, " ".join(rounded.split()))
    if style := element.get("style"):
        parts = [part for part in style.split("; ") if not part.startswith("font-family")]
        font = [re.sub(r"(font: [\d.]+px) .*", r"\1 sans-serif", part) for part in parts]
        element.set("style", "; ".join(font))
    if element.text is not None and not element.text.strip():
        element.text = None
    if element.tail is not None and not element.tail.strip():
        element.tail = None


def _references(element: ElementTree.Element) -> Iterator[str]:
    if (link := element.get(_LINK, "")).startswith("#"):
        yield link.removeprefix("#")
    yield from re.findall(r"url\(#([^)]+)\)", f"{element.get('clip-path', '')} {element.get('style', '')}")


def _rename(element: ElementTree.Element, used: set[str], prefix: str) -> None:
    """Ids that something refers to get the prefix, the others go: a page holds many of these drawings."""
    if (own := element.get("id")) is not None:
        del element.attrib["id"]
        if own in used:
            element.set("id", prefix + own)
    if link := element.attrib.pop(_LINK, None):
        element.set("href", f"#{prefix}{link[1:]}" if link.startswith("#") else link)
    if clip := element.get("clip-path"):
        element.set("clip-path", clip.replace("url(#", f"url(#{prefix}"))


def _coloured(style: str, colours: Mapping[str, str]) -> str:
    return re.sub(r"#010[23]\d\d", lambda mark: colours.get(mark[0], mark[0]), style)
