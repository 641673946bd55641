"""The command line: a group whose commands come from plugins. Imports stay light: `--help` is read often."""

from __future__ import annotations

import gc
import io
import itertools
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grader import __version__
from grader.contract.errors import GraderError
from grader.host.commands import complain, warn
from grader.plugins import by_plugin, guests
from grader.shield import told

if TYPE_CHECKING:
    import pluggy

_PLUGIN_OPTIONS = ("-p", "--plugin")


class Commands(click.Group):
    """Turns a GraderError into one line and its exit code, as pytest's `UsageError`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.owners: dict[str, str] = {}  # the plugin of each command, by name
        self._adding = ""

    def add_from(self, plugin: str, register: Callable[..., object]) -> None:
        """Have a plugin add its commands."""
        self._adding = plugin
        register(cli=self)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command. Raises ValueError for a name that another plugin's command has."""
        name = name or cmd.name or ""
        if self.owners.get(name, self._adding) != self._adding:
            raise ValueError(f"there is a command {name!r} already, of {self.owners[name]}")
        super().add_command(cmd, name)
        self.owners[name] = self._adding

    def drop(self, plugin: str) -> None:
        """Remove the commands of a plugin."""
        for name in [name for name, owner in self.owners.items() if owner == plugin]:
            del self.owners[name], self.commands[name]

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. A traceback on the terminal is our bug."""
        try:
            return super().invoke(ctx)
        except GraderError as error:
            complain(f"grader: error: {error}")
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("grader: interrupted", err=True)
            ctx.exit(2)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            line = self._fault_of_a_guest(ctx, error)
            if line:
                complain(f"grader: error: {line}")
                ctx.exit(3)
            complain(f"{traceback.format_exc()}grader: internal error, please report it: {error!r}")
            ctx.exit(3)

    def _fault_of_a_guest(self, ctx: click.Context, error: Exception) -> str:
        """One line about an error of a command that a plugin brought; '' for one of ours."""
        name = ctx.invoked_subcommand or ""
        guest = guests(ctx.obj).get(self.owners.get(name, ""))
        return f"plugin {guest}: its command {name!r} raised {told(error, guest.module)}" if guest else ""


def make_cli(manager: pluggy.PluginManager) -> click.Group:
    """Return the command line with the commands of all plugins. `ctx.obj` is the plugin manager."""
    cli = Commands(
        "grader",
        help="Train what people hand in, under one budget, and keep an honest leaderboard.",
        context_settings={"help_option_names": ["-h", "--help"], "obj": manager},
        params=[
            click.Option(
                list(_PLUGIN_OPTIONS), multiple=True, expose_value=False, help="Load this module as a plugin."
            )
        ],
    )
    cli = click.version_option(__version__, prog_name="grader")(cli)
    for name, register in by_plugin(manager, "grader_register_commands"):
        cli.add_from(name, register)
        if not manager.has_plugin(name):  # it was switched off half-way
            cli.drop(name)
    return cli


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    gc.set_threshold(50_000, 20, 50)  # what a short command makes lives to its end: less to look through
    arguments = sys.argv[1:] if arguments is None else arguments
    from grader.host.pyproject import read_pyproject
    from grader.plugins import harness_manager, named_in_environment

    try:
        given = read_pyproject(Path.cwd()).given.get("plugins")
        of_file = given.value if given else ()
        named = dict.fromkeys([*named_in_environment(), *of_file, *_named_plugins(arguments)])
        manager = harness_manager(named, tell=warn)
    except GraderError as error:
        complain(f"grader: error: {error}")
        sys.exit(error.exit_code)
    try:
        sys.exit(make_cli(manager).main(arguments, prog_name="grader", standalone_mode=False))
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        complain(said.getvalue().rstrip("\n"))  # it may quote a file's name that was taken for an option
        sys.exit(4 if isinstance(error, click.UsageError) else error.exit_code)  # click's own 2 is taken
    except click.Abort:
        sys.exit(2)


def _named_plugins(arguments: list[str]) -> list[str]:
    """Modules named with -p, before click reads the line: they may add commands to it."""
    apart = [value for option, value in itertools.pairwise(arguments) if option in _PLUGIN_OPTIONS]
    joined = [a[2:] for a in arguments if a.startswith("-p") and len(a) > 2]
    return apart + joined
