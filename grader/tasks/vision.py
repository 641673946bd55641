"""Image benchmarks by torchvision's own readers: fashion-mnist, mnist, kmnist, cifar10."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader import hookimpl
from grader.contract.errors import TaskUnavailable
from grader.contract.task import Arrays, DataPlaces, Task, TaskDefinition

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_VERSION = 1  # of what is made of torchvision's arrays
_NETWORK_TIMEOUT = 30.0  # seconds without a byte; torchvision itself would wait for ever


@hookimpl
def grader_register_tasks() -> Sequence[TaskDefinition]:
    """Four tasks whose files are found in the user's folder, or else downloaded."""
    return [source.definition() for source in SOURCES]


@dataclass(frozen=True)
class Source:
    """A task, the class of torchvision.datasets that reads it, and the files that this class needs."""

    task: Task
    reader: str
    folder: str  # what the reader reads, below the data folder
    files: tuple[str, ...]  # in that folder
    archives: tuple[str, ...]  # what the files come packed in, below the data folder

    def definition(self) -> TaskDefinition:
        """Return what the hook hands out."""
        return TaskDefinition(task=self.task, fingerprint=self.fingerprint, prepare=self.prepare)

    def fingerprint(self, places: DataPlaces) -> str:
        """Sizes and times of the user's files; a constant for downloads, whose digests torchvision knows."""
        label = f"vision {_VERSION} {self.reader}"
        if places.data is None:
            return f"{label} downloaded"
        self._check_holds(places.data)
        facts = [(places.data / self.folder / file).stat() for file in self.files]
        return f"{label} {[(fact.st_size, fact.st_mtime_ns) for fact in facts]}"

    def prepare(self, places: DataPlaces) -> Arrays:
        """Read the user's folder, or else our downloads, or else download. Raises TaskUnavailable."""
        if places.data is not None:
            self._check_holds(places.data)
        elif self._missing(places.downloads):
            self._download(places.downloads)
        root = places.data or places.downloads
        source = f"torchvision.datasets.{self.reader} from {root / self.folder}"
        return Arrays(*self._read(root, train=True), *self._read(root, train=False), source=source)

    def _missing(self, root: Path) -> list[str]:
        return [file for file in self.files if not (root / self.folder / file).is_file()]

    def _check_holds(self, root: Path) -> None:
        if missing := self._missing(root):
            problem = f"{root} has no {self.folder}/{missing[0]}" if root.is_dir() else f"no folder {root}"
            raise TaskUnavailable(f"{self.task.name}: {problem}; {self._hint(root)}")

    def _hint(self, root: Path) -> str:
        """The most helpful thing to do about a folder that does not hold the task."""
        above = root.parent if (root.parent / self.folder / self.files[0]).is_file() else root.parent.parent
        if (above / self.folder / self.files[0]).is_file():
            return f"give the folder above it: --data {above}"
        for archive in self.archives:
            if (root / archive).is_file():
                return f"unpack {root / archive} there"
        return f"{self._how_to_give()}, or no folder at all to have it downloaded"

    def _how_to_give(self) -> str:
        return f"give its folder by --data DIR or GRADER_DATA, with DIR/{self.folder}/{self.files[0]}"

    def _download(self, downloads: Path) -> None:
        import socket

        partial = downloads / f"{self.reader}.partial"
        socket.setdefaulttimeout(_NETWORK_TIMEOUT)
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            self._open(partial, train=True, download=True)
            self._move_into_place(partial, downloads)
        except Exception as error:  # sockets, archives and files fail in many ways: each is one line
            raise TaskUnavailable(
                f"{self.task.name}: not in {downloads}, and the download failed "
                f"({_one_line(error)}); {self._how_to_give()}"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _move_into_place(self, partial: Path, downloads: Path) -> None:
        # Downloaded beside it and renamed: a run killed while unpacking leaves no half file to read.
        top = Path(self.folder).parts[0]
        shutil.rmtree(downloads / top, ignore_errors=True)
        (partial / top).rename(downloads / top)

    def _read(self, root: Path, *, train: bool) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        import numpy as np

        try:
            dataset = self._open(root, train=train)
        except Exception as error:  # on a broken file the readers raise AssertionError, KeyError, ...
            raise TaskUnavailable(
                f"{self.task.name}: torchvision cannot read the {'training' if train else 'test'} set in "
                f"{root / self.folder} ({_one_line(error)}); delete the folder and fetch it anew"
            ) from error
        return _channels_first(np.asarray(dataset.data)), np.asarray(dataset.targets, np.int64)

    def _open(self, root: Path, *, train: bool, download: bool = False) -> Any:
        import torchvision.datasets

        return getattr(torchvision.datasets, self.reader)(root, train=train, download=download)


def _channels_first(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _images(name: str, title: str, shape: tuple[int, ...], classes: Sequence[str]) -> Task:
    return Task(
        name=name,
        title=title,
        kind="multiclass",
        input_shape=shape,
        input_dtype="uint8",
        classes=tuple(classes),
        metric="accuracy",
        budget="10 epochs",
        show_test_samples=True,
    )


def _mnist_like(reader: str, task: Task) -> Source:
    stems = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    files = tuple(f"{stem}-ubyte" for stem in stems)
    folder = f"{reader}/raw"
    return Source(task, reader, folder, files, tuple(f"{folder}/{file}.gz" for file in files))


_CLOTHES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip
_KANA = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
_THINGS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
_CIFAR_FILES = (*(f"data_batch_{part}" for part in range(1, 6)), "test_batch", "batches.meta")

SOURCES = (
    _mnist_like("FashionMNIST", _images("fashion-mnist", "Fashion-MNIST", (1, 28, 28), _CLOTHES)),
    _mnist_like("MNIST", _images("mnist", "MNIST", (1, 28, 28), "0123456789")),
    _mnist_like("KMNIST", _images("kmnist", "Kuzushiji-MNIST", (1, 28, 28), _KANA)),
    Source(
        _images("cifar10", "CIFAR-10", (3, 32, 32), _THINGS),
        "CIFAR10",
        "cifar-10-batches-py",
        _CIFAR_FILES,
        ("cifar-10-python.tar.gz",),
    ),
)
