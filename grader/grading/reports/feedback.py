"""feedback/<student>.md and .html: what the student gets, why, and what to try next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.contract.text import markdown
from grader.grading.reports.curve import curves, drawing, in_words
from grader.grading.reports.trainings import Training
from grader.grading.reports.visible import Feedback
from grader.grading.reports.words import TEXT, points
from grader.host.reports import page

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

_HERE = Path(__file__).parent


class Raw(str):
    """Markdown that is escaped already."""

    __slots__ = ()


def as_markdown(told: Feedback) -> str:
    """Return the page as Markdown: every text renders as itself."""
    return (
        _markdown()
        .get_template("feedback.md.j2")
        .render(told=told, with_code=_with_code, **_helpers())
        .strip()
        + "\n"
    )


def as_html(told: Feedback) -> str:
    """Return the page as HTML: one file without scripts, which needs no network."""
    template = html().get_template("feedback.html.j2")
    return template.render(told=told, style=style(), with_code=lambda text: text.split("`"), **_helpers())


@cache
def html() -> jinja2.Environment:
    """The templates of pages, in which every text is escaped but Markup of ours."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def style() -> Markup:
    """The style of the leaderboard's page, and what these have of their own."""
    from markupsafe import Markup

    files = (Path(page.__file__).with_name("page.css"), _HERE / "grades.css")
    return Markup("".join(path.read_text(encoding="utf-8") for path in files))  # noqa: S704 - our own


@cache
def _markdown() -> jinja2.Environment:
    """Templates in which every value is escaped as Markdown unless it is Raw; HTML's rules are no help."""
    import jinja2

    return jinja2.Environment(  # noqa: S701 - see above
        loader=jinja2.FileSystemLoader(_HERE),
        undefined=jinja2.StrictUndefined,
        finalize=_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _helpers() -> dict[str, Any]:
    return {
        "points": points,
        "fenced": fenced,
        "drawings": _drawings,
        "curve_words": _words,
        "state": lambda line: line.outcome.value.replace("_", "-"),
    }


def _escaped(value: object) -> object:
    return value if isinstance(value, Raw) else markdown(str(value), 4 * TEXT)


def _with_code(text: str) -> Raw:
    """Advice of ours, in which every other part is code."""
    parts = enumerate(text.split("`"))
    return Raw(" ".join(f"`{part}`" if at % 2 else markdown(part, TEXT) for at, part in parts))


def fenced(text: str) -> Raw:
    """Return the lines as a block of code, within a fence longer than any that they hold."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Raw(f"{fence}text\n{text}\n{fence}")


def _drawings(training: Training) -> Sequence[Markup]:
    return [drawing(name, values) for name, values in curves(training.curve).items()]


def _words(training: Training) -> Sequence[str]:
    return [in_words(name, values) for name, values in curves(training.curve).items()]
