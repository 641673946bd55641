"""image-csv: tasks of one's own images, and one clear line for each thing that can be wrong with them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import OpenTask
from PIL import Image

from grader.contract import memory
from grader.contract.errors import GraderError, TaskUnavailable, UsageError
from grader.host.data import PreparedTask
from grader.plugins import TASKS, harness_manager, task_definitions
from grader.tasks import image_csv

PLAIN, PRINTED = 40, 200  # grey levels of the two classes


@pytest.fixture
def shirts(tmp_path: Path) -> dict[str, Any]:
    """A sound table: ten grey PNG files of 6 x 5 pixels, in two classes, sorted by class."""
    images = tmp_path / "images"
    images.mkdir()
    lines = []
    for index in range(10):
        label = index // 5
        save(images / f"tshirt{index}.png", (PLAIN, PRINTED)[label] + index)
        lines.append(f"tshirt{index}.png, {label}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return {
        "family": "image-csv",
        "labels": str(tmp_path / "labels.csv"),
        "images": str(images),
        "test_fraction": 0.4,
        "mode": "L",
    }


def save(file: Path, grey: int, width: int = 5, height: int = 6, mode: str = "L") -> None:
    Image.new("L", (width, height), grey).convert(mode).save(file)


def train_inputs(prepared: PreparedTask) -> np.ndarray:
    info, fd = prepared.train_files()[0]
    return memory.read_array(fd, info.dtype, info.shape)


def train_targets(prepared: PreparedTask) -> list[int]:
    info, fd = prepared.train_files()[1]
    return [int(label) for label in memory.read_array(fd, info.dtype, info.shape)]


def fingerprint_error(table: dict[str, Any]) -> str:
    """The one line with which the host refuses the table's data before any process starts."""
    definition = task_definitions(harness_manager((), TASKS), {"shirts": table})["shirts"]
    with pytest.raises(TaskUnavailable) as caught:
        definition.fingerprint(None)  # type: ignore[arg-type]  # this family looks at no places
    assert "\n" not in str(caught.value)
    return str(caught.value)


def table_error(table: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        task_definitions(harness_manager((), TASKS), {"shirts": table})
    assert str(caught.value).startswith("[tool.grader.tasks.shirts]: ")
    return str(caught.value).removeprefix("[tool.grader.tasks.shirts]: ")


def write_labels(table: dict[str, Any], *lines: str) -> None:
    Path(table["labels"]).write_text("\n".join(lines) + "\n")


def test_a_split_by_fraction_is_stratified_and_repeats(
    open_named_task: OpenTask, shirts: dict[str, Any], cache: Path
) -> None:
    first = open_named_task("shirts", tables={"shirts": shirts})
    assert first.task.input_shape == (1, 6, 5)
    assert first.task.classes == ("0", "1")
    assert sorted(first.test_targets.tolist()) == [0, 0, 1, 1]
    assert sorted(train_targets(first)) == [0, 0, 0, 1, 1, 1]
    assert train_targets(first) != sorted(train_targets(first)), "a loop without shuffling must see a mix"
    seen = [*train_inputs(first)[:, 0, 0, 0], *first.test_inputs[:, 0, 0, 0]]
    assert sorted(map(int, seen)) == [40, 41, 42, 43, 44, 205, 206, 207, 208, 209]
    assert all((grey > 100) == label for grey, label in zip(seen[6:], first.test_targets, strict=True))
    cache.rename(cache.with_name("elsewhere"))
    assert open_named_task("shirts", tables={"shirts": shirts}).task == first.task
    other = open_named_task("shirts", tables={"shirts": shirts | {"seed": 1}})
    assert other.task.digest != first.task.digest


def test_a_test_file_names_and_sizes(
    open_named_task: OpenTask, shirts: dict[str, Any], tmp_path: Path
) -> None:
    """Class names as labels, a header, JPEG and PNG, colour, a nested folder, sizes that differ."""
    images = Path(shirts["images"])
    (images / "more").mkdir()
    save(images / "more" / "photo é.jpg", PRINTED, width=31, height=17, mode="RGB")
    write_labels(
        shirts, "name,label", "tshirt0.png,plain", '"more/photo é.jpg", printed', "", "tshirt2.png,plain"
    )
    (tmp_path / "test").mkdir()
    save(tmp_path / "test" / "tshirt0.png", PRINTED)
    (tmp_path / "test.csv").write_text("\ufefftshirt0.png,1\n", encoding="utf-8")
    table = shirts | {
        "classes": ["plain", "printed"],
        "size": [8, 4],
        "mode": "RGB",
        "title": "My shirts",
        "budget": "2 epochs",
        "batch_size": 2,
        "images": images,
        "test_labels": tmp_path / "test.csv",
        "test_images": tmp_path / "test",
    }
    del table["test_fraction"]
    prepared = open_named_task("shirts", tables={"shirts": table})
    task = prepared.task
    assert (task.title, task.budget, task.batch_size, task.input_shape) == (
        "My shirts",
        "2 epochs",
        2,
        (3, 8, 4),
    )
    assert task.classes == ("plain", "printed")
    assert train_targets(prepared) == [0, 1, 0]
    assert train_inputs(prepared)[:, :, 3, 2].tolist() == [[40] * 3, [200] * 3, [42] * 3]
    assert prepared.test_targets.tolist() == [1]


def test_tables_of_other_families_are_left_alone(shirts: dict[str, Any]) -> None:
    other = {"family": "x", "since": datetime.date(2026, 1, 2)}
    [mine] = image_csv.grader_register_tasks({"shirts": shirts, "other": other})
    assert mine.task.name == "shirts"


def test_changed_defaults_keep_the_prepared_images(shirts: dict[str, Any]) -> None:
    def fingerprint(**changes: object) -> str:
        tables = {"shirts": shirts | changes}
        definition = task_definitions(harness_manager((), TASKS), tables)["shirts"]
        return definition.fingerprint(None)  # type: ignore[arg-type]  # this family looks at no places

    assert fingerprint() == fingerprint(budget="3 epochs", title="Other")
    assert fingerprint() != fingerprint(mode="RGB")
    before = fingerprint()
    save(Path(shirts["images"]) / "tshirt3.png", 3, width=7)
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lables": "x"}, "no key 'lables'; did you mean labels?"),
        ({"zzz": 1}, "no key 'zzz'; the keys are family, labels"),
        ({"labels": 3}, "labels: expected str, got int"),
        ({"seed": "1"}, "seed: expected int, got str"),
        ({"seed": True}, "seed: expected int, got bool"),
        ({"seed": -1}, "seed: expected int >= 0"),
        ({"size": [28]}, "size: expected array of length 2, got 1"),
        ({"size": [28, 0]}, "size[1]: expected int >= 1"),
        ({"mode": "CMYK"}, "mode: invalid enum value 'CMYK': 'L' or 'RGB'"),
        ({"test_fraction": 1.0}, "test_fraction: expected float < 1.0"),
        ({"test_fraction": float("nan")}, "test_fraction: "),
        ({"test_labels": "t.csv"}, "give either test_labels or test_fraction"),
        ({"test_images": "t"}, "test_images needs test_labels"),
        ({"classes": ["one"]}, "classes needs two names or more"),
        ({"classes": ["one", "one"]}, "classes needs two names or more, each different"),
        ({"budget": "5 parsecs"}, "cannot read the budget '5 parsecs'"),
        ({"batch_size": 0}, "batch_size: expected int >= 1"),
    ],
)
def test_a_wrong_table_is_one_line(shirts: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    assert table_error(shirts | change).startswith(problem)


def test_a_table_without_labels_or_test_set_is_one_line(shirts: dict[str, Any]) -> None:
    missing = {key: value for key, value in shirts.items() if key != "labels"}
    assert table_error(missing).startswith("labels is missing; ")
    missing = {key: value for key, value in shirts.items() if key != "test_fraction"}
    assert table_error(missing).startswith("give either test_labels or test_fraction")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["tshirt0.png, 0", "tshirt1.png, 1", "gone.png, 1"], "line 3: no image "),
        (["gone.png, plain", "tshirt1.png, printed"], "line 1: no image "),
        (["tshirt0.png, 0", "tshirt1.png, one"], "line 2: label 'one' is not an integer, as the first"),
        (["tshirt0.png, 0", "tshirt1.png, 2"], "line 2: label 2, but none is 1; number classes"),
        (["tshirt0.png, 1", "tshirt1.png, 2"], "line 2: label 2, but none is 0; number classes"),
        (["tshirt0.png, -1", "tshirt1.png, 0"], "line 1: label -1, but none is 1; number classes"),
        (["tshirt0.png, 0", "tshirt1.png, 0"], "all labels are one class; a task needs two or more"),
        (["tshirt0.png, 0", "tshirt1.png"], "line 2: found 1 columns; write 'name, label'"),
        (["tshirt0.png, 0", "tshirt1.png, 1, x"], "line 2: found 3 columns"),
        (["tshirt0.png, 0", "../images/tshirt1.png, 1"], "line 2: '../images/tshirt1.png' leads out of"),
        (["tshirt0.png, 0", "/etc/passwd, 1"], "line 2: '/etc/passwd' leads out of the image folder"),
        (["tshirt0.png, 0", ", 1"], "line 2: '' leads out of the image folder"),
        (["tshirt0.png, 0", "tshirt1.png, 1", "./tshirt0.png, 0"], "line 3: 'tshirt0.png' is there twice"),
        ([""], "holds no labels; write lines such as 'tshirt1.jpg, 0'"),
        (["name,label"], "holds no labels"),
        (["tshirt0.png, 0", '"tshirt1.png, 1'], "line 2: unexpected end of data; mend the quotes"),
        (["tshirt0.png, 0", '"tshirt1.png" , 1'], "line 2: ',' expected after '\"'; mend the quotes"),
    ],
)  # fmt: skip
def test_a_wrong_label_file_is_one_line(shirts: dict[str, Any], lines: list[str], problem: str) -> None:
    write_labels(shirts, *lines)
    message = fingerprint_error(shirts)
    assert problem in message
    assert shirts["labels"] in message


def test_labels_are_checked_against_configured_classes(shirts: dict[str, Any]) -> None:
    table = shirts | {"classes": ["plain", "printed"]}
    write_labels(table, "tshirt0.png, plain", "tshirt1.png, prinetd")
    assert "line 2: label 'prinetd' is neither an integer nor a class; the classes are plain, printed" in (
        fingerprint_error(table)
    )
    write_labels(table, "tshirt0.png, plain", "tshirt1.png, 2")
    assert "line 2: label 2 is not from 0 to 1" in fingerprint_error(table)


def test_missing_files_and_folders_are_one_line(shirts: dict[str, Any], tmp_path: Path) -> None:
    assert "no label file " in fingerprint_error(shirts | {"labels": str(tmp_path / "gone.csv")})
    assert "no folder " in fingerprint_error(shirts | {"images": str(tmp_path / "gone")})
    assert "cannot read the label file" in fingerprint_error(shirts | {"labels": str(tmp_path)})
    Path(shirts["labels"]).write_bytes(b"tshirt0.png, caf\xe9\n")
    assert "is not UTF-8 text; save it as UTF-8" in fingerprint_error(shirts)


def test_a_test_image_that_is_a_training_image_is_refused(shirts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("tshirt4.png, 0\n")
    table = shirts | {"test_labels": str(tmp_path / "test.csv")}
    del table["test_fraction"]
    message = fingerprint_error(table)
    assert f"{tmp_path}/test.csv, line 1: 'tshirt4.png' is a training image too, see" in message


def spoil_size(images: Path, labels: Path) -> None:
    save(images / "tshirt7.png", 1, width=9)


def spoil_truncate(images: Path, labels: Path) -> None:
    content = (images / "tshirt7.png").read_bytes()
    (images / "tshirt7.png").write_bytes(content[: len(content) // 2])


def spoil_text(images: Path, labels: Path) -> None:
    (images / "tshirt7.png").write_text("no image")


def spoil_depth(images: Path, labels: Path) -> None:
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(images / "tshirt7.png")


def spoil_lone_class(images: Path, labels: Path) -> None:
    save(images / "tshirt10.png", 1)
    labels.write_text(labels.read_text() + "tshirt10.png, 2\n")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (spoil_size, "6 x 9 (height x width), but '"),
        (spoil_truncate, "line 8: cannot read the image "),
        (spoil_text, "line 8: cannot read the image "),
        (spoil_depth, "more than 8 bits a channel: convert it to 8"),
        (spoil_lone_class, "line 11: this class has one image, but a split needs two"),
    ],
)
def test_images_that_cannot_be_used_are_one_line(
    open_named_task: OpenTask,
    shirts: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
    spoil: Any,
    problem: str,
) -> None:
    spoil(Path(shirts["images"]), Path(shirts["labels"]))
    with pytest.raises(GraderError) as caught:
        open_named_task("shirts", tables={"shirts": shirts})
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err
