"""Discovery: what is found where, what each submission is said to be, and what is wrong with it."""
# ruff: noqa: E501 - a message stands on one line, as it is shown

import os
import subprocess
import sys
import textwrap
import tracemalloc
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path

import click
import pluggy
import pytest
from click.testing import CliRunner, Result

from grader import hookimpl, hookspecs
from grader.contract.errors import NothingCollected, UsageError
from grader.contract.submission import Submission
from grader.host import collect as collecting
from grader.host.collect import collect
from grader.host.commands.collecting import grader_register_commands
from grader.host.settings import make_config
from grader.host.source import changed

GOOD = '''\
"""A model.  And more."""
from grader import hookimpl

@hookimpl
def build_model(task):
    ...
'''


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


Files = Mapping[str, str | bytes]
Write = Callable[[Files], None]
Install = Callable[[str, Files], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files below the working directory: text is dedented, bytes are taken as they are."""

    def write(files: Files) -> None:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else textwrap.dedent(content).encode()
            path.write_bytes(data)

    return write


def manager() -> pluggy.PluginManager:
    plugins = pluggy.PluginManager("grader")
    plugins.add_hookspecs(hookspecs.HarnessHooks)
    plugins.register(collecting)
    return plugins


def found(*paths: str) -> list[Submission]:
    return collect(make_config(paths=paths), manager())


def names(*paths: str) -> list[str]:
    return [each.name for each in found(*paths)]


def read(write: Write, text: str, name: str = "mine.py") -> Submission:
    write({name: text})
    (submission,) = found(name)
    return submission


def hooked(body: str) -> str:
    return f"from grader import hookimpl\n{textwrap.dedent(body)}"


# --- where ---


def test_a_file_is_a_submission(write: Write, tmp_path: Path) -> None:
    each = read(write, GOOD)
    assert (each.name, each.display, each.kind, each.problem) == ("mine", "mine.py", "model", "")
    assert (each.path, each.entry, each.package) == (str(tmp_path / "mine.py"),) * 2 + (False,)
    assert each.files == ("mine.py",)
    assert each.title == "A model. And more."
    assert each.imports == ("grader",)
    assert (each.hooks["build_model"].file, each.hooks["build_model"].line) == ("mine.py", 5)


def test_a_folder_of_submissions_is_walked_in_order_without_what_is_private(write: Write) -> None:
    skipped = ["_x.py", ".x.py", "conftest.py", "test_x.py", "setup.py", "notes.txt", "__pycache__/x.py",
               "_private/x.py", ".git/x.py"]  # fmt: skip
    write({f"s/{name}": GOOD for name in ["b.py", "a.py", "week2/d.py", "week1/deep/c.py", *skipped]})
    displays = [each.display for each in found("s")]
    assert displays == ["s/a.py", "s/b.py", "s/week1/deep/c.py", "s/week2/d.py"]


def test_a_file_that_is_named_outright_is_taken_whatever_its_name(write: Write) -> None:
    write({"test_x.py": GOOD, "_x.py": GOOD})
    assert names("test_x.py", "_x.py") == ["test_x", "x"]


@pytest.mark.parametrize("entry", ["submission.py", "__init__.py"])
def test_a_folder_with_an_entry_is_one_submission(write: Write, tmp_path: Path, entry: str) -> None:
    write({f"s/alice/{entry}": GOOD, "s/alice/other.py": GOOD, "s/alice/sub/x.py": "", "s/bob.py": GOOD})
    alice, bob = found("s")
    assert (alice.name, alice.package, alice.display) == ("alice", True, "s/alice")
    assert (alice.path, alice.entry) == (str(tmp_path / "s/alice"), str(tmp_path / "s/alice" / entry))
    assert alice.files == tuple(sorted([entry, "other.py", "sub/x.py"]))
    assert bob.name == "bob"


def test_submission_py_is_the_entry_where_both_are_there(write: Write) -> None:
    write({"alice/submission.py": GOOD, "alice/__init__.py": "import json"})
    for path in ("alice", "alice/submission.py", "alice/__init__.py"):
        (alice,) = found(path)
        assert alice.entry.endswith("alice/submission.py")
        assert alice.imports == ("grader", "json")


def test_without_paths_the_submissions_folder_is_taken(write: Write) -> None:
    write({"submissions/a.py": GOOD, "other/b.py": GOOD})
    assert names() == ["a"]


def test_the_same_file_named_twice_is_one_submission(write: Write) -> None:
    write({"s/a.py": GOOD})
    assert names("s/a.py", "./s/../s/a.py", "s") == ["a"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("s/mpl.py", "s/mpl.py: no such file or folder, nor an installed submission; did you mean s/mlp.py?"),
        ("q/mlp.py", "q/mlp.py: no such file or folder, nor an installed submission"),
        (
            "submisions/x/y.py",
            "no such file or folder, nor an installed submission; did you mean submissions?",
        ),
        ("s/notes.txt", "s/notes.txt is no Python file: a submission's name ends in .py"),
        ("a\0b", "a\\x00b: no such file"),
        ("x" * 5000, "no such file"),
    ],
)
def test_a_wrong_path_is_one_line_with_the_nearest_that_exists(write: Write, path: str, message: str) -> None:
    write({"s/mlp.py": GOOD, "s/notes.txt": "", "submissions/a.py": GOOD})
    with pytest.raises(UsageError) as error:
        found(path)
    assert message in str(error.value)
    assert str(error.value).isprintable()


def test_an_empty_folder_is_nothing_collected(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingCollected, match="no submission in empty; `grader new NAME` writes"):
        found("empty")
    with pytest.raises(NothingCollected, match="/submissions; "):
        found()
    assert NothingCollected.exit_code == 5


def test_an_empty_folder_beside_a_full_one_is_no_matter(write: Write, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write({"a.py": GOOD})
    assert names("empty", "a.py") == ["a"]


def test_linked_circles_are_walked_once(write: Write, tmp_path: Path) -> None:
    write({"s/a.py": GOOD, "s/sub/b.py": GOOD})
    (tmp_path / "s/sub/loop").symlink_to(tmp_path / "s")
    (tmp_path / "s/self").symlink_to(tmp_path / "s/self")
    assert names("s") == ["a", "b"]


def test_a_path_outside_the_root_is_shown_as_it_was_given(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"a.py": GOOD, "inner/x.txt": ""})
    monkeypatch.chdir(tmp_path / "inner")
    (each,) = found("../a.py")
    assert each.display == "../a.py"


def test_another_plugin_may_collect_what_we_do_not_know(write: Write) -> None:
    class Plugin:
        @staticmethod
        @hookimpl
        def grader_collect(path: Path) -> list[Submission] | None:
            return mine if path.name == "elsewhere" else None

    write({"a.py": GOOD})
    mine = found("a.py")
    plugins = manager()
    plugins.register(Plugin)
    assert collect(make_config(paths=["elsewhere"]), plugins) == mine


# --- names ---


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("train (1).py", "train_1"),
        ("my-net.v2.py", "my-net.v2"),
        ("R\u0065\u0301seau.py", "R\xe9seau"),
        ("网络.py", "网络"),
        ("-rf.py", "rf"),
        ("...py", "submission"),
        ("|x|=cmd.py", "x_cmd"),
        ("a\x1b[31mb\nc.py", "a_31mb_c"),
        ("\u202egnp.py", "gnp"),
        ("007.py", "007"),
        ("x" * 100 + ".py", "x" * 60),
    ],
)
def test_a_name_is_safe_and_the_path_is_kept_for_display(write: Write, file: str, name: str) -> None:
    write({file: GOOD})
    (each,) = found(file)
    assert each.name == name
    assert each.problem == ""
    assert each.display.isprintable()
    assert each.display == file or not file.isprintable()


def test_a_name_says_its_folder_only_where_that_keeps_it_apart(write: Write) -> None:
    write({"s/alice/main.py": GOOD, "s/bob/main.py": GOOD, "s/bob/other.py": GOOD})
    assert names("s") == ["alice/main", "bob/main", "other"]


def test_names_that_differ_in_case_alone_are_kept_apart(write: Write) -> None:
    write({"a/MLP.py": GOOD, "b/mlp.py": GOOD})
    assert names("a", "b") == ["a/MLP", "b/mlp"]


def test_copies_are_kept_apart_whatever_their_order(write: Write) -> None:
    long = "x" * 80
    write({f"{folder}/{long}/{long}.py": GOOD for folder in "abc"} | {f"d/{long}/{long}.py": GOOD + "#"})
    one = {each.path: each.name for each in found("a", "b", "c", "d")}
    other = {each.path: each.name for each in found("d", "c", "b", "a")}
    assert one == other
    assert len(set(one.values())) == 4
    assert all("/" in name and len(name) <= 60 for name in one.values())


def test_a_name_that_is_not_utf8_is_a_problem_that_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text(GOOD)
    (each,) = found(".")
    assert "has a name that is not UTF-8: rename it" in each.problem
    for text in (each.name, each.path, each.entry, each.display, *each.files, each.problem):
        text.encode()


# --- digest and files ---


def test_the_digest_changes_with_every_file_that_belongs_and_with_no_other(write: Write) -> None:
    write({"a/__init__.py": GOOD, "a/data.json": "{}", "b.py": GOOD})
    (first,) = found("a")
    write({"a/__pycache__/x.py": "1", "a/.hidden": "1", "a/x.pyc": b"1", "a/.git/x": "1"})
    assert found("a")[0].digest == first.digest
    assert found("a")[0].files == ("__init__.py", "data.json")
    write({"a/data.json": "[]"})
    assert found("a")[0].digest != first.digest


def test_bytes_cannot_move_from_one_file_to_the_next_unseen(write: Write) -> None:
    write({"a/__init__.py": GOOD, "a/m.txt": "ab", "a/n.txt": "c"})
    write({"b/__init__.py": GOOD, "b/m.txt": "abn.txtc"})
    one, other = found("a", "b")
    assert one.digest != other.digest


def test_a_file_owns_the_siblings_that_it_imports_and_that_they_import(write: Write) -> None:
    write({
        "s/mine.py": GOOD + "def f():\n    import one\n",
        "s/one.py": "from lib.two import x",
        "s/lib/two.py": "x = 1",
        "s/stranger.py": GOOD,
    })  # fmt: skip
    mine, stranger = found("s")
    assert mine.files == ("lib/two.py", "mine.py", "one.py")
    assert mine.imports == ("grader", "lib", "one")
    assert stranger.files == ("stranger.py",)
    write({"s/lib/two.py": "x = 2"})
    assert found("s")[0].digest != mine.digest


def test_a_package_beside_a_file_is_owned_with_what_it_imports_from_itself(write: Write) -> None:
    write(
        {
            "s/mlp.py": GOOD + "\nimport parts\n",
            "s/parts/__init__.py": "from .deep import A\nfrom .. import no\n",
        }
    )
    write({"s/parts/deep/__init__.py": "from ..flat import A\n", "s/parts/flat.py": "A = 1\n", "s/no.py": ""})
    assert found("s/mlp.py")[0].files == (
        "mlp.py", "parts/__init__.py", "parts/deep/__init__.py", "parts/flat.py",
    )  # fmt: skip


def test_siblings_stand_behind_the_standard_library_and_what_is_installed(write: Write) -> None:
    modules = ["json", "time", "numpy", "grader"]  # `time` is built in, and nowhere on the path
    write({"mine.py": GOOD + f"import {', '.join(modules)}\n", **{f"{name}.py": "" for name in modules}})
    assert found("mine.py")[0].files == ("mine.py",)


def test_siblings_that_import_each_other_end(write: Write) -> None:
    write({"mine.py": GOOD + "import one", "one.py": "import mine, one"})
    assert found("mine.py")[0].files == ("mine.py", "one.py")


def test_a_helper_in_a_folder_of_submissions_is_none_itself(write: Write) -> None:
    write({"s/a.py": GOOD + "import helper, b", "s/helper.py": "def train(): ...", "s/b.py": GOOD})
    assert names("s") == ["a", "b"]


# --- hooks ---


@pytest.mark.parametrize(
    ("imports", "mark"),
    [
        ("from grader import hookimpl", "hookimpl"),
        ("from grader import hookimpl", "hookimpl()"),
        ("from grader import hookimpl as h", "h"),
        ("from grader import *", "hookimpl"),
        ("import grader", "grader.hookimpl"),
        ("import grader as g", "g.hookimpl()"),
        ("try:\n    from grader import hookimpl\nexcept ImportError: raise", "hookimpl"),
    ],
)
def test_hooks_are_found_however_the_marker_was_imported(write: Write, imports: str, mark: str) -> None:
    each = read(write, f"{imports}\n@{mark}\ndef train(model): ...\n")
    assert (list(each.hooks), each.kind, each.problem) == (["train"], "loop", "")


def test_a_specname_frees_the_name(write: Write) -> None:
    each = read(write, hooked("@hookimpl(specname='train')\ndef fit(model): ...\ndef train(): ..."))
    assert each.hooks["train"].function == "fit"
    assert (each.problem, each.notes) == ("", ())


@pytest.mark.parametrize(
    "around",
    ["if True:\n    X", "try:\n    X\nexcept E:\n    pass", "with a:\n    X", "try:\n    pass\nfinally:\n    X",
     "if a:\n    pass\nelif b:\n    X", "for _ in [1]:\n    X"],
)  # fmt: skip
def test_hooks_inside_statements_of_the_module_are_found(write: Write, around: str) -> None:
    each = read(write, hooked(around.replace("X", "@hookimpl\n    def train(model): ...")))
    assert (list(each.hooks), each.problem) == (["train"], "")


def test_alternatives_are_no_second_hook(write: Write) -> None:
    hook = "\n    @hookimpl\n    def train(model): ...\n"
    each = read(write, hooked(f"if a:{hook}elif b:{hook}else:{hook}"))
    assert (each.hooks["train"].line, each.problem) == (4, "")
    each = read(write, hooked(f"try:{hook}except E:{hook}"))
    assert each.problem == ""


def test_a_second_hook_is_a_problem(write: Write) -> None:
    hook = "@hookimpl\ndef train(model): ...\n"
    each = read(write, hooked(hook * 2))
    assert each.problem == "mine.py:5: a second train hook, already at line 3: keep one"


@pytest.mark.parametrize(
    "statement", ["from .model import build_model", "from model import build_model", "from .model import *"]
)
def test_a_folder_may_spread_its_hooks_over_modules(write: Write, statement: str) -> None:
    write({"alice/__init__.py": statement, "alice/model.py": GOOD})
    (alice,) = found("alice")
    assert (alice.hooks["build_model"].file, alice.hooks["build_model"].line) == ("model.py", 5)
    assert alice.problem == ""


def test_hooks_are_followed_through_several_modules_and_packages(write: Write) -> None:
    write({
        "alice/submission.py": "from .parts import build_model\nfrom .parts.loop import train",
        "alice/parts/__init__.py": "from ..net import build_model, Helper",
        "alice/net.py": "from .mark import hookimpl\n@hookimpl\ndef build_model(): ...\n",
        "alice/parts/loop.py": hooked("@hookimpl\ndef train(model): ...\n@hookimpl\ndef predict(): ..."),
        "alice/mark.py": "from grader import hookimpl",
    })  # fmt: skip
    (alice,) = found("alice")
    assert {name: hook.file for name, hook in alice.hooks.items()} == {
        "build_model": "net.py",
        "train": "parts/loop.py",
    }
    assert (alice.kind, alice.problem, alice.imports) == ("both", "", ("grader",))


def test_a_star_brings_no_private_name(write: Write) -> None:
    private = "@hookimpl(specname='train')\ndef _train(): ...\n"
    write({"a/__init__.py": "from .b import *", "a/b.py": GOOD + private})
    assert list(found("a")[0].hooks) == ["build_model"]


def test_an_inner_generator_is_no_matter(write: Write) -> None:
    body = "@hookimpl\ndef train(model):\n    def batches():\n        yield 1\n    return list(batches())"
    assert read(write, hooked(body)).problem == ""


def test_where_nothing_would_be_trained_nothing_is_noted(write: Write) -> None:
    assert read(write, "def train(): ...").notes == ()


def test_a_file_may_import_its_hooks_from_a_sibling(write: Write) -> None:
    write({"mine.py": "from one import build_model", "one.py": GOOD})
    (mine,) = found("mine.py")
    assert mine.hooks["build_model"].file == "one.py"
    assert mine.kind == "model"


def test_modules_that_import_each_other_end(write: Write) -> None:
    write({"a/__init__.py": "from .b import *", "a/b.py": "from . import *\nfrom .b import *\n" + GOOD})
    assert list(found("a")[0].hooks) == ["build_model"]


def test_a_hook_imported_under_another_name_is_unknown(write: Write) -> None:
    write({"a/__init__.py": "from .b import build_model as bm", "a/b.py": GOOD})
    assert found("a")[0].problem.startswith("a/b.py:5: there is no hook bm; there are build_model, ")


# --- problems: one line each, with file, line and fix ---

ON_OFFER = "on offer: model, train_loader, train_data, task, budget, device, seed, progress"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("@hookimpl\ndef biuld_model(task): ...", "mine.py:3: there is no hook biuld_model; did you mean build_model?"),
        ("@hookimpl\ndef zzz(): ...", "mine.py:3: there is no hook zzz; there are build_model, build_optimizer, train, predict"),
        ("@hookimpl(specname='trian')\ndef f(): ...", "mine.py:3: there is no hook trian; did you mean train?"),
        ("@hookimpl\ndef train(modle): ...", f"mine.py:3: train() asks for modle, which is not on offer; did you mean model?; {ON_OFFER}"),
        ("@hookimpl\ndef train(zzz): ...", f"mine.py:3: train() asks for zzz, which is not on offer; {ON_OFFER}"),
        ("@hookimpl\ndef predict(self): ...", "mine.py:3: predict() asks for self, which is not on offer; on offer: model, inputs, task, device"),
        ("@hookimpl\ndef train(model, seed=3): ...", "mine.py:3: train() gives seed a default, so it would never be filled: drop the default"),
        ("@hookimpl\ndef train(*args): ...", f"mine.py:3: train() takes *args, which is never filled: name what you want; {ON_OFFER}"),
        ("@hookimpl\ndef train(**kw): ...", f"mine.py:3: train() takes **kw, which is never filled: name what you want; {ON_OFFER}"),
        ("@hookimpl\ndef train(model, /): ...", "mine.py:3: train() has positional-only arguments, but hooks are given theirs by name: drop the `/`"),
        ("@hookimpl\ndef train(*, model): ...", "mine.py:3: train() has keyword-only arguments, which are never filled: drop the `*`"),
        ("@hookimpl\nasync def train(model): ...", "mine.py:3: train() is `async def`, which nothing awaits: write `def`"),
        ("@hookimpl\ndef train(model):\n    yield", "mine.py:3: train() contains `yield`, so calling it would run nothing: use return"),
        ("@hookimpl(wrapper=True)\ndef train(model): ...", "mine.py:3: train() cannot wrap other hooks: write @hookimpl without wrapper"),
        ("@hookimpl(hookwrapper=True)\ndef train(model): ...", "mine.py:3: train() cannot wrap other hooks: write @hookimpl without wrapper"),
        ("@hookimpl(spec='train')\ndef train(model): ...", "mine.py:2: hookimpl has no option spec; there is specname"),
        ("@hookimpl('train')\ndef train(model): ...", 'mine.py:2: hookimpl takes names only: write @hookimpl(specname="train")'),
        ("@hookimpl(specname=3)\ndef train(model): ...", 'mine.py:2: specname must be a string: write @hookimpl(specname="train")'),
        ("@hookimpl(specname=NAME)\ndef train(model): ...", "mine.py:2: the value of specname must be written out, not computed"),
        ("class Net:\n    @hookimpl\n    def train(model): ...", "mine.py:4: train() stands in class Net, where no hook is found: move it to the file's top level"),
        ("def f():\n    @hookimpl\n    def train(model): ...", "mine.py:4: train() stands in f(), where no hook is found: move it to the file's top level"),
        ("if __name__ == '__main__':\n    @hookimpl\n    def train(model): ...", 'mine.py:4: train() stands in the `if __name__ == "__main__"` block, where no hook is found: move it to the file\'s top level'),
        ("train = hookimpl(lambda model: None)", "mine.py:2: hookimpl is called like a function: write it as a decorator, right above `def`"),
        ("\ndef build_model(): ...", "mine.py implements no hook: build_model() at line 3 has no @hookimpl: write it above `def`"),
        ("def train(): ...\ndef predict(): ...", "mine.py implements no hook: train() at line 2 has no @hookimpl, predict() at line 3 has no @hookimpl: write it above `def`"),
        ("x = 1", "mine.py implements no hook: mark a function with @hookimpl; there are build_model, build_optimizer, train, predict"),
        ("def f(:", "mine.py:2: syntax error: invalid syntax"),
        ("x = '\n", "mine.py:2: syntax error: unterminated string literal (detected at line 2)"),
    ],
)  # fmt: skip
def test_a_problem_is_one_line_with_file_line_and_fix(write: Write, body: str, problem: str) -> None:
    assert read(write, hooked(body)).problem == problem


@pytest.mark.parametrize("imports", ["", "from pluggy import hookimpl", "from pytest import hookimpl"])
def test_a_marker_that_is_not_ours_is_a_problem(write: Write, imports: str) -> None:
    problem = read(write, f"{imports}\n@hookimpl\ndef train(model): ...").problem
    assert problem == "mine.py:2: this hookimpl is not grader's: write `from grader import hookimpl`"


def test_a_relative_import_in_a_single_file_is_a_problem(write: Write) -> None:
    write({"mine.py": GOOD + "from .helper import x", "helper.py": "x = 1"})
    assert found("mine.py")[0].problem == (
        "mine.py:7: `from .helper import` works in a folder with a submission.py only: "
        "write `from helper import`, or hand in a folder"
    )
    either = "try:\n    from .helper import x\nexcept ImportError:\n    from helper import x\n"
    assert read(write, GOOD + either).problem == ""


def test_several_problems_are_counted(write: Write) -> None:
    problem = read(write, hooked("@hookimpl\ndef train(a, b): ...")).problem
    assert problem.startswith("mine.py:3: train() asks for a, ")
    assert problem.endswith(" (and 1 more)")


def test_a_broken_module_that_the_entry_imports_is_a_problem_and_another_is_not(write: Write) -> None:
    write(
        {
            "a/__init__.py": GOOD,
            "a/old.py": "def f(:",
            "b/__init__.py": GOOD + "from . import x",
            "b/x.py": "(",
        }
    )
    a, b = found("a", "b")
    assert a.problem == ""
    assert b.problem == "b/x.py:1: syntax error: '(' was never closed"
    write({"d/submission.py": GOOD, "d/__init__.py": "("})
    assert found("d")[0].problem == ""  # submission.py stands in for it
    write({"s/c.py": GOOD + "import x", "s/x.py": "("})
    assert found("s/c.py")[0].problem == "s/x.py:1: syntax error: '(' was never closed"


def test_hooks_that_the_entry_does_not_import_are_named(write: Write) -> None:
    write({"a/__init__.py": "", "a/model.py": GOOD})
    assert found("a")[0].problem == (
        "a/__init__.py does not import the hook build_model() at model.py:5: "
        "write `from .model import build_model` in __init__.py"
    )


HOSTILE = {
    "null bytes": (b"x = 1\0", "holds null bytes: save it as plain UTF-8 text"),
    "utf-16": ("x = 1".encode("utf-16"), "holds null bytes"),
    "not utf-8": (b"\n\nx = '\xff'", ":3: byte 0xff is not utf-8: save it as UTF-8"),
    "unknown encoding": (b"# coding: klingon\n", ":1: unknown encoding: klingon: save it as UTF-8"),
    "rot13": (b"# coding: rot13\n", ":1: declares the encoding 'rot13': save it as UTF-8 and drop that line"),
    "utf-7": (b"# coding: utf-7\n", ":1: declares the encoding 'utf-7'"),
    "idna": (b"# coding: idna\n" + b"a" * 100_000, ":1: declares the encoding 'idna'"),
    "plus": (b"x = 1" + b"+1" * 100_000, "is nested too deeply for Python to read"),
    "minus": (b"x = " + b"-" * 100_000 + b"1", "is nested too deeply for Python to read"),
    "parentheses": (b"(" * 100_000, ":1: syntax error: too many nested parentheses"),
    "calls": (b"f" + b"()" * 100_000, "is nested too deeply for Python to read"),
    "elif": (b"if x: pass\n" + b"elif x: pass\n" * 15_000, "is nested too deeply for Python to read"),
    "300 KB": (b"a" * (300 << 10), "has more than 256 KB of source: keep data in files of its own"),
    "10 MB": (
        b"a" * (10 << 20),
        "takes 10,485,760 bytes (10 MiB), at most 1,048,576 bytes (1 MiB) are allowed (limits.submission): submissions hold code, not data or weights",
    ),
    "long number": (b"x = " + b"9" * 10_000, "syntax error: Exceeds the limit (4300 digits)"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_one_line_and_harms_no_other(write: Write, case: str) -> None:
    data, problem = HOSTILE[case]
    write({"s/evil.py": data, "s/good.py": GOOD})
    evil, good = found("s")
    assert problem in evil.problem
    assert evil.problem.startswith("s/evil.py")
    assert len(evil.problem) <= 320
    assert evil.problem.isprintable()
    assert good.problem == ""


def test_pipes_devices_broken_links_and_unreadable_files_are_problems(write: Write, tmp_path: Path) -> None:
    write({"s/good.py": GOOD})
    os.mkfifo(tmp_path / "s/pipe.py")
    (tmp_path / "s/device.py").symlink_to("/dev/zero")
    (tmp_path / "s/gone.py").symlink_to("nowhere")
    problems = {each.name: each.problem for each in found("s")}
    assert problems == {
        "good": "",
        "pipe": "s/pipe.py is not a regular file",
        "device": "s/device.py is not a regular file",
        "gone": "s/gone.py cannot be read: No such file or directory",
    }


def test_what_does_not_belong_in_a_folder_is_a_problem(write: Write, tmp_path: Path) -> None:
    write({f"{name}/__init__.py": GOOD for name in ("pipe", "link", "large", "many")})
    os.mkfifo(tmp_path / "pipe/data")
    (tmp_path / "link/up").symlink_to(tmp_path)
    write({"large/weights.pt": b"0" * (2 << 20)})
    write({f"many/{number}.txt": "" for number in range(2001)})
    assert {each.name: each.problem for each in found("pipe", "link", "large", "many")} == {
        "pipe": "pipe/data is not a regular file",
        "link": "link holds a link to a folder, up: put a copy in its place",
        "large": f"large takes {(2 << 20) + len(GOOD):,} bytes (2 MiB), at most 1,048,576 bytes (1 MiB) are allowed (limits.submission): submissions hold code, not data or weights",
        "many": "many holds more than 2,000 files: leave data and environments outside",
    }


def test_a_link_to_a_file_is_followed_within_the_folder_alone(write: Write, tmp_path: Path) -> None:
    """What belongs to a submission its worker may read: a link out of it could name the targets."""
    write({f"{name}/__init__.py": GOOD for name in ("inside", "outside")} | {"targets.bin": "3141"})
    write({"inside/table.txt": "1"})
    (tmp_path / "inside/same.txt").symlink_to("table.txt")
    (tmp_path / "outside/answers.txt").symlink_to(tmp_path / "targets.bin")
    assert {each.name: each.problem for each in found("inside", "outside")} == {
        "inside": "",
        "outside": "outside holds a link that leads out of it, answers.txt: put a copy in its place",
    }


def limited(size: int, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.grader]\nlimits.submission = {size}\n")


def test_a_submission_at_the_limit_is_taken_and_one_byte_more_is_not(write: Write, tmp_path: Path) -> None:
    write({"file.py": GOOD, "folder/__init__.py": GOOD[:-1], "folder/data.bin": b"\0"})
    for size, allowed in ((len(GOOD), True), (len(GOOD) - 1, False)):
        limited(size, tmp_path)
        for each in found("file.py", "folder"):
            assert (each.size, not each.problem) == (len(GOOD), allowed)


def test_the_modules_that_a_file_imports_count_with_it(write: Write, tmp_path: Path) -> None:
    write({"s/a.py": GOOD + "import b, c", "s/b.py": "x = 1\n" * 50, "s/c.py": "x = 1"})
    limited(len(GOOD) + 300, tmp_path)
    size = len(GOOD) + len("import b, c") + 300
    assert found("s/a.py")[0].problem == (
        f"s/b.py brings the submission to {size:,} bytes, at most {len(GOOD) + 300:,} bytes are allowed "
        "(limits.submission): submissions hold code, not data or weights"
    )
    limited(size + 5, tmp_path)
    assert found("s/a.py")[0].problem == ""


def peak_while(action: Callable[[], object]) -> int:
    """Return the most bytes of Python's own that the action held at once."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_far_too_large_is_neither_read_nor_listed_to_its_end(write: Write, tmp_path: Path) -> None:
    write({"huge.py": GOOD, "folder/__init__.py": GOOD, "many/__init__.py": GOOD})
    os.truncate(tmp_path / "huge.py", 1 << 30)
    for part in "abc":
        write({f"folder/{part}": ""})
        os.truncate(tmp_path / "folder" / part, 1 << 30)
    for number in range(20_000):
        (tmp_path / "many" / f"{number}.txt").touch()
    each: list[Submission] = []
    peak = peak_while(lambda: each.extend(found("huge.py", "folder", "many")))
    huge, folder, many = (one.problem for one in each)
    assert huge.startswith("huge.py takes 1,073,741,824 bytes (1 GiB), at most")
    assert folder.startswith("folder takes 3,221,225,5")
    assert many.startswith("many holds more than 2,000 files")
    assert peak < 16 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_holds_more_than_it_says_is_read_to_the_limit_alone(write: Write, tmp_path: Path) -> None:
    (tmp_path / "kernel.py").symlink_to("/proc/self/smaps")  # its size is given as 0
    limited(100, tmp_path)
    assert found("kernel.py")[0].problem.startswith("kernel.py takes 101 bytes, at most 100 bytes are")


def test_a_file_that_grew_past_the_limit_has_changed(write: Write, tmp_path: Path) -> None:
    write({"s/a.py": GOOD, "s/b/__init__.py": GOOD})
    for each, file in zip(found("s"), ("a.py", "b/__init__.py"), strict=True):
        assert not changed(each, 1 << 20)
        os.truncate(tmp_path / "s" / file, 1 << 34)
        assert peak_while(partial(changed, each, 1 << 20)) < 1 << 20
        assert changed(each, 1 << 20)


def test_an_installed_package_is_held_to_the_limit_too(installed: Install, tmp_path: Path) -> None:
    installed("mine = my_pkg", {"my_pkg/__init__.py": GOOD, "my_pkg/weights.bin": b"0" * 1000})
    assert found("mine")[0].problem == ""
    limited(1000, tmp_path)
    assert ", at most 1,000 bytes are allowed (limits.submission)" in found("mine")[0].problem


def test_letters_that_show_nothing_are_no_part_of_a_name(write: Write) -> None:
    write({"a\u3164b.py": GOOD, "\uffa0c.py": GOOD})
    assert sorted(names(".")) == ["a_b", "c"]


def test_a_title_is_one_line_bounded_and_harmless(write: Write) -> None:
    title = read(write, '"""\n\n\\x1b[31m red \\udc80\t' + "x" * 300 + '\nmore"""\n' + GOOD).title
    assert title.startswith("\\x1b[31m red \\udc80 xxx")
    assert len(title) == 200
    title.encode()


def test_invalid_escapes_in_a_submission_warn_nobody(write: Write, recwarn: pytest.WarningsRecorder) -> None:
    assert read(write, GOOD + "x = '\\d'").problem == ""
    assert not recwarn.list


# --- notes ---


@pytest.mark.parametrize(
    ("hook", "helper", "note"),
    [
        ("build_model(task)", "train", "train() at line 4 has no @hookimpl: the default loop trained this model"),
        ("train(model)", "build_model", "build_model() at line 4 has no @hookimpl: the baseline model was trained"),
        ("train(model)", "predict", "predict() at line 4 has no @hookimpl: the outputs are model(inputs)"),
        ("build_model()", "build_optimizer", "build_optimizer() at line 4 has no @hookimpl: the task's own optimiser was used"),
    ],
)  # fmt: skip
def test_a_helper_that_bears_a_hooks_name_is_noted(write: Write, hook: str, helper: str, note: str) -> None:
    each = read(write, hooked(f"@hookimpl\ndef {hook}: ...\ndef {helper}(x): ..."))
    assert (each.problem, each.notes) == ("", (note,))


def test_a_helper_that_would_not_have_been_called_is_not_noted(write: Write) -> None:
    assert read(write, hooked("@hookimpl\ndef train(model): ...\ndef build_optimizer(x): ...")).notes == ()


def test_an_optimiser_beside_an_own_loop_is_noted(write: Write) -> None:
    each = read(write, hooked("@hookimpl\ndef train(): ...\n@hookimpl\ndef build_optimizer(model): ..."))
    assert each.notes == (
        "build_optimizer is unused: this submission's own train() ran in place of the loop",
    )


def test_an_option_without_effect_is_noted(write: Write) -> None:
    each = read(write, hooked("@hookimpl(tryfirst=True)\ndef train(): ..."))
    assert (each.problem, each.notes) == ("", ("train() at line 3: tryfirst has no effect in a submission",))


# --- installed distributions ---


@pytest.fixture
def installed(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install distributions by hand: metadata and modules in a folder on the path."""

    def install(points: str, files: Files) -> None:
        write({
            "site/tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
            "site/tiny-1.0.dist-info/entry_points.txt": f"[grader.submissions]\n{points}\n",
            **{f"site/{name}": text for name, text in files.items()},
        })  # fmt: skip
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    return install


BOOM = GOOD + "raise SystemExit('imported')\n"


def test_an_installed_submission_is_found_by_name_and_not_imported(
    installed: Install, tmp_path: Path
) -> None:
    files = {"tiny_pkg/__init__.py": "raise SystemExit", "tiny_pkg/sub/net.py": BOOM, "tiny_mod.py": BOOM}
    files |= {"tiny_mod.py": "import tiny_neighbour\n" + BOOM, "tiny_neighbour.py": ""}
    installed("net = tiny_pkg.sub.net\nmod = tiny_mod:build_model", files)
    net, mod = found("net", "mod")
    site = tmp_path / "site"
    assert (net.name, net.display, net.package) == ("net", "net", True)
    assert (net.path, net.entry) == (str(site / "tiny_pkg"), str(site / "tiny_pkg/sub/net.py"))
    assert net.files == ("__init__.py", "sub/net.py")
    assert list(net.hooks) == ["build_model"]
    assert (mod.path, mod.files, mod.package) == (str(site / "tiny_mod.py"), ("tiny_mod.py",), False)
    assert not {"tiny_pkg", "tiny_pkg.sub", "tiny_mod"} & {*sys.modules}


def test_installed_submissions_come_with_the_folder_where_no_path_is_given(
    installed: Install, write: Write
) -> None:
    installed("net = tiny_net", {"tiny_net.py": GOOD})
    assert names() == ["net"]
    write({"submissions/a.py": GOOD})
    assert names() == ["a", "net"]


def test_an_editable_install_is_found_by_its_finder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: Install
) -> None:
    installed("net = tiny_editable.net", {})
    write({"src/elsewhere/__init__.py": BOOM, "src/elsewhere/net.py": BOOM})

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            if name != "tiny_editable":
                return None
            from importlib.util import spec_from_file_location

            return spec_from_file_location(name, tmp_path / "src/elsewhere/__init__.py")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    (net,) = found("net")
    assert net.entry == str(tmp_path / "src/elsewhere/net.py")
    assert (net.name, net.problem) == ("net", "")


@pytest.mark.parametrize("value", ["tiny_gone.net", "tiny_here.gone", "not-a-name", "json:x.y", ""])
def test_an_installed_submission_without_a_file_is_invalid_or_hookless(
    installed: Install, value: str
) -> None:
    installed(f"net = {value}", {"tiny_here/__init__.py": ""})
    assert found("net")[0].problem


def test_a_missing_name_is_answered_with_the_nearest_installed_one(installed: Install) -> None:
    installed("resnet = tiny_net", {"tiny_net.py": GOOD})
    with pytest.raises(UsageError, match=r"did you mean resnet\?"):
        found("resnett")


# --- the wall ---


def test_neither_a_submission_nor_torch_is_ever_imported(write: Write) -> None:
    write({
        "submissions/evil_one.py": "import torch\n" + BOOM,
        "submissions/evil_two/__init__.py": "from .evil_three import *",
        "submissions/evil_two/evil_three.py": BOOM,
    })  # fmt: skip
    code = """
        import pluggy, sys
        from grader import hookspecs
        from grader.host import collect
        from grader.host.settings import make_config
        plugins = pluggy.PluginManager("grader")
        plugins.add_hookspecs(hookspecs.HarnessHooks)
        plugins.register(collect)
        print(len(collect.collect(make_config(), plugins)))
        print([name for name in sys.modules if "evil" in name or name in ("torch", "numpy")])
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("2\n[]\n", "")


def test_the_commands_import_nothing_but_click_until_they_run() -> None:
    code = (
        "import sys, grader.host.commands.collecting\n"
        "print(sorted({'torch', 'numpy', 'tabulate', 'ast'} & {*sys.modules} - {'ast'}),"
        " 'grader.host.collect' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[] False\n"


# --- grader list ---


def listed(*arguments: str) -> Result:
    group = click.Group()
    grader_register_commands(group)
    return CliRunner().invoke(group, ["list", *arguments], obj=manager())


def test_the_list_shows_each_submission(write: Write) -> None:
    write(
        {"007.py": GOOD, "1e3.py": hooked("@hookimpl\ndef train(): ...\n@hookimpl\ndef build_model(): ...")}
    )
    result = listed(".")
    header, _, first, second = (line.split() for line in result.output.splitlines())
    assert header == ["name", "kind", "hooks", "digest", "title"]
    assert first == [
        "007",
        "model",
        "build_model",
        found("007.py")[0].digest[:12],
        "A",
        "model.",
        "And",
        "more.",
    ]
    assert second[:4] == ["1e3", "both", "train,", "build_model"]
    assert result.exit_code == 0


def test_the_list_ends_with_problems_and_notes(write: Write) -> None:
    write({"a.py": GOOD + "def train(): ...", "b.py": "def f(:"})
    result = listed(".")
    assert result.output.splitlines()[-2:] == [
        "invalid: b.py:1: syntax error: invalid syntax",
        "note: a.py: train() at line 7 has no @hookimpl: the default loop trained this model",
    ]
    assert result.exit_code == 1


def test_the_list_is_harmless_to_a_terminal(write: Write) -> None:
    write({"a\x1b[31m\u202e.py": '"""\\x1b]0;owned\\x07\\u202e"""\n' + GOOD[GOOD.index("from") :]})
    output = listed(".").output
    assert all(char.isprintable() or char == "\n" for char in output)
    assert not any(unicodedata.bidirectional(char) == "RLO" for char in output)


def test_the_list_of_nothing_is_nothing_collected(tmp_path: Path) -> None:
    assert isinstance(listed(".").exception, NothingCollected)
