"""README.md, CONTRIBUTING.md and docs/: commands work, links lead somewhere, made parts are current."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import click
import jsonschema
import pytest
from pages import PAGES, ROOT, RUN, SHOWN, Block, anchors, blocks, links, start
from sessions import command, environment, write

import grader
from grader import hookspecs
from grader.contract.record import Record
from grader.host import documents
from grader.host.cli import make_cli
from grader.host.schema import fields, schema
from grader.plugins import harness_manager

TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
TRIED = [name for name, text in TEXTS.items() if any(block.language == RUN for block in blocks(text))]
"""The pages with commands."""


class TestCommands:
    @pytest.mark.parametrize("name", TRIED)
    def test_those_of_a_page_do_what_it_says_from_top_to_bottom(
        self, name: str, tmp_path: Path, places: Path
    ) -> None:
        """In a folder with submissions/; settings and submissions that the page shows are written there."""
        for part in ["submissions", *start(TEXTS[name])]:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, tmp_path / part)
        at = tmp_path
        for block in blocks(TEXTS[name]):
            if block.file:
                write(tmp_path, {block.file: block.text})
            elif block.language == RUN:
                at = done(block, name, at, places)

    @pytest.mark.parametrize("name", TEXTS)
    def test_what_no_test_runs_says_why(self, name: str) -> None:
        for block in blocks(TEXTS[name]):
            where = f"{name}:{block.line}"
            assert block.language, f"{where}: a block without a language"
            assert bool(block.not_run) == (block.language in SHOWN), (
                f"{where}: {block.language}, and a reason?"
            )
            assert not block.file or block.language != RUN, f"{where}: commands are no file"

    @pytest.mark.parametrize("name", TEXTS)
    def test_what_is_shown_as_code_can_be_read_as_such(self, name: str) -> None:
        readers: dict[str, Callable[[str], object]] = {
            "python": ast.parse,
            "toml": tomllib.loads,
            "json": json.loads,
        }
        for block in blocks(TEXTS[name]):
            if block.language in readers:
                readers[block.language](block.text)


def done(block: Block, name: str, folder: Path, places: Path) -> Path:
    """Run the commands of a block, and return the folder that they leave off in."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    left = folder / ".left"
    result = subprocess.run(
        ["bash", "-e", "-c", f"trap 'pwd > {left}' EXIT\n{block.text}"],
        cwd=folder,
        env={**environment(places), "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = f"{name}:{block.line}\n{block.text}\n{result.stdout}\n{result.stderr}"
    assert result.returncode == block.exit, said
    assert "Traceback" not in result.stderr, said
    return Path(left.read_text(encoding="utf-8").strip())


class TestFigures:
    """What pages quote of the leaderboard in this repository is what its records give."""

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("docs/leaderboard.md", ("small_cnn", "tuned_mlp")),
            ("docs/pull-requests.md", ("cnn_onecycle", "--baseline", "tuned_mlp")),
        ],
    )
    def test_of_a_comparison(self, name: str, arguments: tuple[str, ...], places: Path) -> None:
        """The verdict over ten epochs of Fashion-MNIST, and the row of the table that holds it."""
        told = command("compare", *arguments, "--task", "fashion-mnist", cwd=ROOT, places=places).stdout
        verdict = next(line for line in told.splitlines() if " is better by " in line)
        cells = [cell.strip() for cell in verdict.split("|")]
        assert " | ".join(cells).strip() in " ".join(TEXTS[name].split())


class TestTableOfCommands:
    """docs/commands.md; what a command shares with `run` is told there once."""

    ROWS = re.findall(r"^\| (`grader .*?) \| (.*) \|$", TEXTS["docs/commands.md"], re.MULTILINE)
    TOLD: ClassVar = {
        name: set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", told))
        for names, told in ROWS
        for name in re.findall(r"`grader (\w+)", names)
    }

    def test_it_has_every_command(self) -> None:
        assert self.TOLD.keys() == make_cli(harness_manager()).commands.keys()

    @pytest.mark.parametrize("name", TOLD)
    def test_it_has_every_option_and_no_other(self, name: str) -> None:
        options = [
            {*each.opts, *each.secondary_opts}
            for each in make_cli(harness_manager()).commands[name].params
            if isinstance(each, click.Option)
        ]
        assert self.TOLD[name] <= set().union(*options)
        told = self.TOLD[name] | self.TOLD["run"]
        assert [each for each in options if not each & told] == []


class TestLinks:
    @pytest.mark.parametrize("name", TEXTS)
    def test_each_leads_to_a_file_and_a_heading(self, name: str) -> None:
        for target in links(TEXTS[name]):
            file, _, heading = target.partition("#")
            path = (ROOT / name).parent / file if file else ROOT / name
            assert path.exists(), f"{name}: there is no {target}"
            if heading:
                assert heading in anchors(path.read_text(encoding="utf-8")), (
                    f"{name}: no heading for {target}"
                )

    def test_the_readme_leads_to_every_page(self) -> None:
        pages = {name for name in TEXTS if name != "README.md"}
        assert pages <= links(TEXTS["README.md"])


def test_the_changes_are_told_of_this_version() -> None:
    assert f"\n## {grader.__version__}" in TEXTS["CHANGELOG.md"]


class TestMadeParts:
    @pytest.mark.parametrize("name", TEXTS)
    def test_they_are_what_hooks_structs_and_records_give(self, name: str) -> None:
        """Made anew by `python -m grader.host.documents README.md docs/*.md`."""
        assert documents.updated(TEXTS[name], ROOT / "leaderboard") == TEXTS[name]

    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("README.md", "leaderboard"),
            ("docs/writing-a-submission.md", "submission hooks"),
            ("docs/hooks.md", "harness hooks"),
            ("docs/records.md", "record fields"),
        ],
    )
    def test_each_stands_where_people_look_for_it(self, name: str, part: str) -> None:
        assert documents.between(TEXTS[name], part, "") != TEXTS[name]

    @pytest.mark.parametrize("hooks", [hookspecs.SubmissionHooks, hookspecs.HarnessHooks])
    def test_every_hook_is_there_with_all_its_arguments(self, hooks: type) -> None:
        table = documents.hooks(hooks)
        rows = {row.split("`")[1]: row for row in table.splitlines() if row.startswith("| `")}
        for name, hook in documents.hooks_of(hooks):
            assert hook.__doc__, f"{name} says nothing of itself"
            code = hook.__code__
            for argument in code.co_varnames[1 : code.co_argcount]:
                assert f"`{argument}`" in rows[name]

    def test_each_hook_of_a_plugin_says_on_which_side_it_runs(self) -> None:
        for name, hook in documents.hooks_of(hookspecs.HarnessHooks):
            assert "Host" in (hook.__doc__ or ""), f"{name} does not say where it runs"

    def test_a_file_without_markers_is_refused(self) -> None:
        with pytest.raises(ValueError, match="<!-- harness hooks -->"):
            documents.between("# A page", "harness hooks", "")


class TestSchema:
    def test_the_file_is_what_the_command_prints(self, tmp_path: Path, places: Path) -> None:
        """Made anew by `grader records schema > docs/record.schema.json`."""
        printed = command("records", "schema", cwd=tmp_path, places=places).stdout
        assert (ROOT / "docs" / "record.schema.json").read_text(encoding="utf-8") == printed

    def test_it_is_one_itself_and_every_record_keeps_it(self) -> None:
        validator = jsonschema.Draft202012Validator(schema())
        validator.check_schema(schema())
        records = list((ROOT / "leaderboard" / "records").glob("*/*.json"))
        assert records
        for path in records:
            validator.validate(json.loads(path.read_bytes()))

    @pytest.mark.parametrize(
        ("field", "value"),
        [("status", "splendid"), ("seed", "0"), ("budget", None), ("curve", [{"epoch": -1}]), ("model", 3)],
    )
    def test_what_is_no_record_does_not_keep_it(self, field: str, value: object) -> None:
        path = next((ROOT / "leaderboard" / "records").glob("*/*.json"))
        broken = {**json.loads(path.read_bytes()), field: value}
        assert not jsonschema.Draft202012Validator(schema()).is_valid(broken)

    def test_comments_of_the_code_are_its_descriptions(self) -> None:
        told = {name: meaning for name, _, meaning in fields()}
        assert {name for name in told if "." not in name} == {*Record.__struct_fields__}
        assert told["correct"] == "test samples classified rightly; None for regression"
        assert told["timing"].startswith("Seconds by the host's monotonic clock")
        assert "model.layers[].shape" in told
