"""`grader gradescope`: from a rubric to the zip that Gradescope runs for each submission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from grader import hookimpl
from grader.host.commands import given_path, say

if TYPE_CHECKING:
    import pluggy

_RULES = ("roster", "late")


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `gradescope`."""
    cli.add_command(gradescope)


@click.command()
@click.argument("rubric")
@click.option(
    "-o", "--output", default="autograder.zip", help="The zip to write; autograder.zip unless told."
)
@click.option(
    "--include", multiple=True, metavar="PATH", help="What else the rubric reads, in its folder; repeatable."
)
@click.option("--roster", help="CSV whose column `extension` holds for who has none on Gradescope.")
@click.option("--late", help="What lateness costs: '10% per day, at most 50%, grace 15 minutes'.")
@click.option(
    "--timeout", type=click.IntRange(min=2), metavar="MINUTES",
    help="The timeout in the assignment's Autograder Settings; 10 unless told.",
)  # fmt: skip
@click.option(
    "--pip-config", metavar="FILE", help="A pip.conf for there: where builds of torch for CPUs are."
)
@click.option("--task", "tasks", multiple=True, help="Task to train on; may be given again.")
@click.option("--budget", help="'10s', '3 epochs', '1000 steps', '300k samples', or several.")
@click.option("--seeds", help="How many (3 means 0, 1, 2), or which (0,7,9).")
@click.option("--data", help="Folder with original data sets, in torchvision's layout.")
@click.pass_context
def gradescope(
    ctx: click.Context,
    /,
    rubric: str,
    output: str,
    include: Sequence[str],
    timeout: int | None,
    pip_config: str | None,
    **wishes: Any,
) -> None:
    """Make Gradescope's autograder zip of a RUBRIC, a pytest file.

    It holds the rubric, the modules beside it and the files that these name, the settings of pyproject.toml,
    the tasks' prepared data, and grader itself. There, each submission is trained and judged on its own, in
    one slot; when it was due is what Gradescope says, and where that knows no date, what pyproject.toml does.
    Of the container's memory torch and the rubric take about 450 MiB, and data their size twice. In the
    assignment's Autograder Settings, choose a container that has as much again for a training, and a whole
    core. Where pip finds torch for CPUs alone, the image is smaller by gigabytes: see --pip-config.
    """
    from grader.contract.size import in_mib
    from grader.contract.text import count, plain
    from grader.grading.bundle import settings
    from grader.grading.bundle.make import Order, bundle
    from grader.host import files

    manager: pluggy.PluginManager = ctx.obj
    rules = {name: wishes.pop(name) for name in _RULES}
    if wishes["data"]:
        wishes["data"] = str(given_path(wishes["data"]))
    order = Order(
        rubric=given_path(rubric),
        include=tuple(map(given_path, include)),
        pip_config=given_path(pip_config) if pip_config else None,
        timeout=timeout or settings.TIMEOUT,
        said={name: value for name, value in wishes.items() if value not in (None, ())},
        rules=rules,
    )
    made = bundle(order, manager)
    files.replace(given_path(output), made.data)
    say(f"{plain(made.title)}: {count(made.criteria, 'criterion', 'criteria')}")
    for task in made.tasks:
        say(f"with the prepared data of {task.name}, {task.test_samples:,} test samples")
    if made.names:
        say(f"with {plain(', '.join(made.names))}")
    say(f"wrote {plain(output)} ({in_mib(len(made.data))})")
