"""Look-alikes: what is the same but for names and layout is found, what merely shares the hand-out is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from sessions import write

from grader.contract.errors import UsageError
from grader.grading.alike import alike
from grader.grading.model import Alike
from grader.grading.shape import shape

ASSIGNMENT = Path(__file__).parents[1] / "examples" / "assignment"
HANDOUT = [ASSIGNMENT / "handout.py"]

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.last = nn.Linear(64, width), nn.Linear(width, 10)

    def forward(self, x):
        return self.last(torch.relu(self.first(x.flatten(1))))


def train(model, loader, budget):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
"""


def handed_in() -> dict[str, list[Path]]:
    places = (ASSIGNMENT / "submissions").iterdir()
    return {each.stem: [each] if each.is_file() else sorted(each.rglob("*.py")) for each in places}


def pairs(found: list[Alike]) -> set[tuple[str, str]]:
    return {(each.a, each.b) for each in found}


def files(folder: Path, sources: Mapping[str, str | bytes]) -> dict[str, list[Path]]:
    """Write a file for each, and return it as a submission of its stem."""
    for name, source in sources.items():
        (folder / name).write_bytes(source if isinstance(source, bytes) else source.encode())
    return {Path(name).stem: [folder / name] for name in sources}


def in_two_files(folder: Path, prefix: str = "") -> list[Path]:
    model, loop = NET.split("def train")
    write(folder, {f"{prefix}model.py": model, f"{prefix}loop.py": f"def train{loop}"})
    return sorted(folder.iterdir())


class TestExampleAssignment:
    def test_the_copy_with_other_names_and_layout_is_found_and_nothing_else(self) -> None:
        (found,) = alike(handed_in(), HANDOUT)
        assert (found.a, found.b, found.same) == ("chidi_okafor", "layla_haddad", True)
        assert 0.9 < found.share < 1
        assert found.detail.startswith(
            "92% of 553 and 88% of 580 characters of own code in common, mostly lines"
        )

    def test_what_is_alike_by_the_handout_alone_is_not(self) -> None:
        pair = {
            name: files
            for name, files in handed_in().items()
            if name in {"rafael_silva", "maria_garcia_lopez"}
        }
        pair["maria_garcia_lopez"] = pair["maria_garcia_lopez"][:1]
        assert alike(pair, [])[0].share > 0.9
        assert not alike(pair, HANDOUT, least=0.5)

    def test_pairs_are_left_out_in_either_order(self) -> None:
        assert not alike(handed_in(), HANDOUT, apart=[("layla_haddad", "chidi_okafor")])
        assert not alike(handed_in(), HANDOUT, apart=[("chidi_okafor", "layla_haddad")])

    def test_another_process_finds_the_same_and_prints_nothing_of_its_own(self) -> None:
        code = (
            "import sys, msgspec, test_grading_alike as t\n"
            "assert 'matplotlib' not in sys.modules and 'copydetect' not in sys.modules\n"
            "print(msgspec.json.encode(t.alike(t.handed_in(), t.HANDOUT, least=0.3)).decode())"
        )
        settings = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parent)}
        run = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, check=True)
        assert msgspec.json.decode(run.stdout, type=list[Alike]) == alike(handed_in(), HANDOUT, least=0.3)
        assert not run.stderr


class TestShape:
    @pytest.mark.parametrize(
        "other",
        [
            NET.replace("optimizer", "opt").replace("Net", "MyModel").replace("first", "a"),
            NET.replace("loader", "data").replace("width", "hidden"),
            NET.replace("from torch import nn", "import torch.nn as nn"),
            NET.replace("nn.", "torch.nn.").replace("from torch import nn\n", ""),
            NET.replace("nn.functional", "F") + "import torch.nn.functional as F\n",
            NET.replace("        ", "\t\t").replace("    ", "\t").replace("(64, width)", "(\n64,\nwidth,\n)"),
            '"""Mine."""\n'
            + NET.replace("super()", "'''Says nothing.'''; super()").replace("\n", "  # mine\n"),
            "import os\nimport sys\n" + NET,
        ],
    )
    def test_names_layout_comments_and_imports_do_not_count(self, other: str) -> None:
        assert other != NET
        assert shape(other) == shape(NET)

    @pytest.mark.parametrize(
        ("was", "then"),
        [("relu", "tanh"), ("Adam", "AdamW"), ("0.01", "0.02"), ("64", "32"), ("flatten", "ravel"),
         ("self.first(x", "self.last(x"), ("        loss.backward()\n", ""), ("lr=", "eps=")],
    )  # fmt: skip
    def test_another_library_function_number_or_step_does(self, was: str, then: str) -> None:
        assert shape(NET.replace(was, then)) != shape(NET)

    def test_two_names_that_become_one_do(self) -> None:
        assert shape("a = 1\nb = 2\nprint(a)") != shape("a = 1\na = 2\nprint(a)")

    def test_text_between_quotes_does(self) -> None:
        assert shape("print('a')") != shape("print('b')")
        assert shape("print('a')") == shape('print(  u"a" )')

    def test_names_of_patterns_errors_and_outer_scopes_do_not(self) -> None:
        one = "def f(x):\n global g\n try: g = x\n except E as e: print(e)\n match x:\n  case [y]: return y\n"
        other = (
            "def h(a):\n global b\n try: b = a\n except E as c: print(c)\n match a:\n  case [d]: return d\n"
        )
        assert shape(one) == shape(other)

    def test_what_python_cannot_read_is_the_same_by_its_words(self) -> None:
        assert shape("def f(:\n  pass") == shape("def  f(:\n\tpass\n") != shape("def g(:\n  pass")


class TestWhatComesIn:
    def test_two_who_hand_in_the_handout_as_it_is_are_no_pair(self, tmp_path: Path) -> None:
        unchanged = HANDOUT[0].read_bytes()
        given = files(tmp_path, {"a.py": unchanged, "b.py": unchanged})
        assert not alike(given, HANDOUT, least=0.0)
        assert [each.same for each in alike(given, [])] == [True]

    def test_the_files_of_a_submission_are_compared_as_one(self, tmp_path: Path) -> None:
        given = {name: in_two_files(tmp_path / name, prefix=name) for name in ("a", "b")}
        assert [each.same for each in alike(given, [])] == [True]

    def test_a_folder_is_taken_for_its_files_but_not_through_a_link(self, tmp_path: Path) -> None:
        for name in ("a", "b", "c"):
            in_two_files(tmp_path / name)
        (tmp_path / "c" / "out.py").symlink_to(tmp_path / "a" / "model.py")
        told: list[str] = []
        found = alike({name: [tmp_path / name] for name in ("a", "b", "c")}, [], tell=told.append)
        assert pairs(found) == {("a", "b")}
        (line,) = told
        assert line.startswith("look-alikes: c: c holds a link that leads out of it, out.py")
        assert not alike({name: [tmp_path / name] for name in ("a", "b")}, [tmp_path / "b"], least=0.0)

    def test_a_handout_without_code_is_told(self, tmp_path: Path) -> None:
        notes = tmp_path / "handout.pdf"
        notes.write_bytes(b"%PDF")
        told: list[str] = []
        assert not alike({}, [notes], tell=told.append)
        assert told == ["look-alikes: hand-out: handout.pdf holds no Python code, and was not compared"]

    def test_a_copy_inside_a_larger_file_and_in_two_files_is_found(self, tmp_path: Path) -> None:
        larger = "\n".join(f"def f{at}(n): return [n ** {at}, {{'k': n / {at}}}]" for at in range(1, 40))
        given = files(tmp_path, {"a.py": NET, "b.py": f"{larger}\n{NET}"})
        given["c"] = in_two_files(tmp_path / "c")
        found = alike(given, [])
        assert pairs(found) == {("a", "b"), ("a", "c"), ("b", "c")}
        assert [each.share for each in found if each.a == "a"] > [0.9, 0.9]
        assert not any(each.same for each in found)
        assert "lines 1 to 19 of a.py and lines 40 to 58 of b.py" in next(
            each.detail for each in found if each.b == "b"
        )

    @pytest.mark.parametrize(
        "encoded",
        [NET.encode("utf-8-sig"), NET.replace("\n", "\r\n").encode(), NET.replace("\n", "\r").encode(),
         b"# \xe9t\xe9\n" + NET.encode(), b"# coding: none-such\n" + NET.encode(), b"\n\n" + NET.encode()],
    )  # fmt: skip
    def test_a_copy_in_any_encoding_is_the_same(self, tmp_path: Path, encoded: bytes) -> None:
        (found,) = alike(files(tmp_path, {"a.py": NET, "b.py": encoded}), [])
        assert found.same
        assert found.share == 1

    def test_hostile_files_are_text_and_what_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        witness = tmp_path / "witness"
        given = files(tmp_path, {
            "runs.py": f"open({str(witness)!r}, 'w')\nraise SystemExit\n" + NET,
            "nul.py": b"\0" * 1000 + NET.encode(),
            "deep.py": "x = " + "(" * 5000 + ")" * 5000,
            "signs.py": "x = " + "-" * 20_000 + "1",
            "chain.py": "x" + ".x" * 20_000,
            "escape.py": "x = '\\d'  # \x1b[31m \u202e\n" + NET,
            "bytes.py": bytes(range(256)) * 50,
            "empty.py": "",
            "huge.py": "x = 1\n" * 100_000,
            "notes.txt": NET,
        })  # fmt: skip
        given["\x1b[2Jname"] = [tmp_path / "missing\x1b.py"]
        os.mkfifo(tmp_path / "pipe.py")
        given["pipe"] = [tmp_path / "pipe.py"]
        told: list[str] = []
        found = alike(given, [], tell=told.append)
        assert pairs(found) == {("escape", "nul"), ("escape", "runs"), ("nul", "runs")}
        assert not witness.exists()
        assert len(told) == 3
        assert all(line.isprintable() for line in (*told, *(each.detail for each in found)))
        assert "look-alikes: huge: huge.py brings it to more than 64 KiB, and was not compared" in told

    def test_a_hundred_files_take_seconds(self, tmp_path: Path) -> None:
        sources = [path.read_text() for each in handed_in().values() for path in each if path.suffix == ".py"]
        given = files(tmp_path, {f"s{at}.py": sources[at % len(sources)] for at in range(100)})
        start = time.process_time()
        assert len(alike(given, HANDOUT)) > 100
        assert time.process_time() - start < 20  # 1.3 s seen

    def test_without_copydetect_it_is_one_line_with_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "copydetect", None)
        with pytest.raises(UsageError, match=r"grader\[alike\]") as error:
            alike({}, [])
        assert len(str(error.value).splitlines()) == 1
