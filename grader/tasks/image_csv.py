"""Tasks of one's own images, from the configuration:

    [tool.grader.tasks.shirts]
    family = "image-csv"
    labels = "shirts/labels.csv"    # lines of `tshirt1.jpg, 0`; a label is a class's index or name
    images = "shirts/images"
    classes = ["plain", "printed"]  # optional
    test_fraction = 0.2             # stratified by class; or: test_labels = "...", test_images = "..."
    seed = 0                        # of that split
    size = [28, 28]                 # optional: resize to height, width
    mode = "L"                      # or "RGB"
    show_test_samples = false       # true lets a leaderboard show pictures of the test set
    private = "shirts/private.csv"  # optional, mode 0600: a private test set; private_images = "..."

Images are decoded as torchvision's own loader does: converted to the mode, no rotation by EXIF.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec

from grader import hookimpl
from grader.contract.budget import Budget
from grader.contract.errors import TaskUnavailable, UsageError
from grader.contract.task import Arrays, DataPlaces, Task, TaskDefinition, TaskTables
from grader.contract.text import one_line, plain
from grader.tasks.labels import MAX_LABEL, Row, class_names, read_rows, target
from grader.tasks.private import check_own

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FAMILY = "image-csv"
_VERSION = 1  # of what is made of the images
_MODES = {"L": 1, "RGB": 3}  # and their channels


@hookimpl
def grader_register_tasks(tables: TaskTables) -> Sequence[TaskDefinition]:
    """One task for each table of this family."""
    mine = {name: table for name, table in tables.items() if table.get("family") == FAMILY}
    return [ImageFolder(name, read_table(name, table)).definition() for name, table in mine.items()]


_Side = Annotated[int, msgspec.Meta(gt=0, le=4096)]
_Name = Annotated[str, msgspec.Meta(min_length=1)]
_Class = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LABEL)]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table's keys, checked. Paths are absolute by the time they come here."""

    family: str
    labels: _Name
    images: _Name
    classes: tuple[_Class, ...] = ()
    test_labels: _Name | None = None
    test_images: _Name | None = None
    test_fraction: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    size: tuple[_Side, _Side] | None = None
    mode: Literal["L", "RGB"] = "RGB"
    title: str = ""
    budget: str = "10 epochs"
    batch_size: Annotated[int, msgspec.Meta(gt=0)] = 64
    show_test_samples: bool = False  # a teacher's test set is not for show, unless told
    private: _Name | None = None
    private_images: _Name | None = None


def read_table(name: str, table: Mapping[str, object]) -> Table:
    """Return the table with its values checked. Raises UsageError naming table, key and fix."""
    place = f"[tool.grader.tasks.{name}]"
    _check_keys(place, table)
    plain = {key: str(value) if isinstance(value, Path) else value for key, value in table.items()}
    try:
        checked = msgspec.convert(plain, Table)
    except msgspec.ValidationError as error:
        raise UsageError(f"{place}: {_reworded(str(error))}") from None
    _check_together(place, checked, plain)
    return checked


class ImageFolder:
    """One task of this family."""

    def __init__(self, name: str, table: Table) -> None:
        self.name = name
        self.table = table

    def definition(self) -> TaskDefinition:
        """Return what the hook hands out. Without a `size`, the images decide the input shape."""
        table = self.table
        task = Task(
            name=self.name,
            title=table.title or self.name,
            kind="multiclass",
            input_shape=(_MODES[table.mode], *table.size) if table.size else (),
            input_dtype="uint8",
            classes=table.classes,
            metric="accuracy",
            batch_size=table.batch_size,
            budget=table.budget,
            show_test_samples=table.show_test_samples,
        )
        return TaskDefinition(
            task=task,
            fingerprint=self.fingerprint,
            prepare=self.prepare,
            private=tuple(Path(each) for each in (table.private, table.private_images) if each),
        )

    def fingerprint(self, _: DataPlaces) -> str:
        """What is asked for, the labels, each image's size and time. Finds most mistakes early."""
        table, samples = self.table, self._samples()
        asked = (_VERSION, table.test_fraction, table.seed, table.size, table.mode, samples.classes)
        digest = hashlib.sha256(repr((asked, len(samples.train))).encode())
        if samples.private:
            digest.update(f"private {len(samples.private)}".encode())
        for sample in (*samples.train, *samples.test, *samples.private):
            facts = sample.file.stat()
            line = (str(sample.file), sample.target, facts.st_size, facts.st_mtime_ns)
            digest.update(repr(line).encode())
        return f"{FAMILY} {digest.hexdigest()}"

    def prepare(self, _: DataPlaces) -> Arrays:
        """Decode the images. Raises TaskUnavailable naming the label file's line."""
        import numpy as np

        train, test, private, classes = self._samples()
        if not test:
            train, test = self._split(train)
        every = [*train, *test, *private]
        cuts = (len(train), len(train) + len(test))
        images = np.split(read_images(every, self.table.mode, self.table.size), cuts)
        targets = np.split(np.array([sample.target for sample in every], np.int64), cuts)
        return Arrays(
            train_inputs=images[0],
            train_targets=targets[0],
            test_inputs=images[1],
            test_targets=targets[1],
            private_inputs=images[2] if private else None,
            private_targets=targets[2] if private else None,
            classes=classes,
            source=self.table.labels,
        )

    def _samples(self) -> Samples:
        table = self.table
        rows = read_rows(Path(table.labels), Path(table.images))
        classes = table.classes or class_names(rows)
        train = _labelled(rows, classes)
        if len({sample.target for sample in train}) < 2:
            raise TaskUnavailable(f"{table.labels}: all labels are one class; a task needs two or more")
        test: list[Sample] = []
        if table.test_labels is not None:
            rows = read_rows(Path(table.test_labels), Path(table.test_images or table.images))
            test = _labelled(rows, classes)
            _check_apart(train, test, "training")
        private = self._private(classes)
        # of a test set that is yet to be split off, the samples are among those of `train`
        _check_apart(train, private, "training" if test else "public")
        _check_apart(test, private, "public test")
        return Samples(train, test, private, classes)

    def _private(self, classes: Sequence[str]) -> list[Sample]:
        table = self.table
        if table.private is None:
            return []
        check_own(Path(table.private), self.name)
        if table.private_images is not None:
            check_own(Path(table.private_images), self.name, "folder")
        images = table.private_images or table.test_images or table.images
        return _labelled(read_rows(Path(table.private), Path(images)), classes)

    def _split(self, samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
        import numpy as np

        from grader.tasks.split import stratified

        assert self.table.test_fraction is not None
        targets = np.array([sample.target for sample in samples], np.int64)
        try:
            train, test = stratified(targets, self.table.test_fraction, self.table.seed)
        except ValueError as error:
            lone = next(sample for sample in samples if sample.target == error.args[0])
            raise TaskUnavailable(
                f"{lone.where}: this class has one image, but a split needs two; add more, or set test_labels"
            ) from None
        return [samples[index] for index in train], [samples[index] for index in test]


class Sample(NamedTuple):
    """One image: its file, its class's index, and where its label stands."""

    file: Path
    target: int
    where: str


class Samples(NamedTuple):
    """All that the label files say; `test` is empty when it is to be split off, `private` without one."""

    train: list[Sample]
    test: list[Sample]
    private: list[Sample]
    classes: tuple[str, ...]


def read_images(
    samples: Sequence[Sample], mode: Literal["L", "RGB"], size: tuple[int, int] | None
) -> npt.NDArray[np.uint8]:
    """Return uint8 (N, C, H, W). Raises TaskUnavailable for one that is unreadable or of another size."""
    import numpy as np

    first = _pixels(samples[0], mode, size)
    images = np.empty((len(samples), *first.shape), np.uint8)
    for index, sample in enumerate(samples):
        pixels = _pixels(sample, mode, size)
        if pixels.shape != first.shape:
            raise TaskUnavailable(
                f"{sample.where}: {sample.file.name!r} is {_height_width(pixels)} (height x width), but "
                f"{samples[0].file.name!r} is {_height_width(first)}; set size = [height, width] to resize"
            )
        images[index] = pixels
    return images


def _pixels(sample: Sample, mode: Literal["L", "RGB"], size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    try:
        with Image.open(sample.file) as opened:
            if opened.mode.startswith(("I", "F")):
                raise ValueError(f"mode {opened.mode}, more than 8 bits a channel: convert it to 8")
            image = opened.convert(mode)
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, ...
        image_file, reason = plain(str(sample.file), 500), one_line(str(error))
        raise TaskUnavailable(
            f"{sample.where}: cannot read the image {image_file} ({reason}); replace it, or remove the line"
        ) from error
    if size is not None:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _height_width(pixels: npt.NDArray[np.uint8]) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[2]}"


def _labelled(rows: Sequence[Row], classes: Sequence[str]) -> list[Sample]:
    return [Sample(row.file, target(row, classes), row.where) for row in rows]


def _check_apart(known: Sequence[Sample], test: Sequence[Sample], what: str) -> None:
    """No image of the one is among the others, which are `what` in words."""
    seen = {sample.file: sample.where for sample in known}
    for sample in test:
        if sample.file in seen:
            raise TaskUnavailable(
                f"{sample.where}: {sample.file.name!r} is a {what} image too, see {seen[sample.file]}; "
                "remove one of them"
            )


def _check_keys(place: str, table: Mapping[str, object]) -> None:
    known = Table.__struct_fields__
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
            raise UsageError(f"{place}: no key {key!r}; {hint}")
    for key in ("labels", "images"):
        if key not in table:
            raise UsageError(
                f"{place}: {key} is missing; a {FAMILY} task needs labels = ... and images = ..."
            )


def _check_together(place: str, table: Table, given: Mapping[str, object]) -> None:
    if (table.test_labels is None) == (table.test_fraction is None):
        raise UsageError(f"{place}: give either test_labels or test_fraction, so that there is one test set")
    if table.test_images is not None and table.test_labels is None:
        raise UsageError(f"{place}: test_images needs test_labels")
    if table.private_images is not None and table.private is None:
        raise UsageError(f"{place}: private_images needs private")
    if "seed" in given and table.test_fraction is None:
        raise UsageError(f"{place}: seed is that of test_fraction; remove it beside test_labels")
    if table.classes and len(set(table.classes)) != max(len(table.classes), 2):
        raise UsageError(f"{place}: classes needs two names or more, each different")
    try:
        Budget.parse(table.budget)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def _reworded(message: str) -> str:
    """Turn msgspec's "Expected `int`, got `str` - at `$.seed`" into "seed: expected int, got str"."""
    problem, _, path = message.replace("`", "").partition(" - at $.")
    if problem.startswith("Invalid enum value"):
        problem += ": " + " or ".join(repr(mode) for mode in _MODES)
    return f"{path}: {problem[0].lower()}{problem[1:]}"
