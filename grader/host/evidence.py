"""The evidence of a trial: its test predictions, from which tables and tests can be made again."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from grader.contract.errors import StoreError
from grader.contract.record import Record
from grader.contract.text import plain
from grader.host.track import reuse_key

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DAMAGE = (
    ValueError, KeyError, EOFError, OSError, MemoryError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error, SyntaxError,
)  # fmt: skip
_MAX_SAMPLES = 1 << 28  # of a test set; a forged header must not make the reader allocate the machine
_MAX_BYTES = 16 * _MAX_SAMPLES
_NPY = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([|<][uf][124])', 'fortran_order': False, "
    rb"'shape': \((\d{1,9}),(?: (\d{1,9}))?\), \} *\n",
    re.DOTALL,
)
MAX_CLASSES = 100  # of a confusion matrix that is kept: more would outweigh the predictions


@dataclass(frozen=True, eq=False)
class Evidence:
    """Per test sample, in the order of the test set: what was predicted, and how good it was.

    `predictions`: class index, uint8 or uint16 (N,); for regression float32 (N,) in target units.
    `correct`: bool (N,), classification only. `squared_error`: float32 (N,), regression only.
    `confusion`: uint32 (K, K), how many samples of each class (row) were taken for each (column); None for
    regression, for more than MAX_CLASSES classes, and in evidence of a time when it was not kept.
    """

    predictions: npt.NDArray[np.generic]
    correct: npt.NDArray[np.bool_] | None = None
    squared_error: npt.NDArray[np.float32] | None = None
    confusion: npt.NDArray[np.uint32] | None = None


def evidence_of(predictions: npt.NDArray[Any], targets: npt.NDArray[Any], classes: int = 0) -> Evidence:
    """Return the evidence of predictions (N,) or (N, 1) against targets of as many values.

    Integer predictions are indices of so many `classes`, floating ones are regression in target units.
    """
    import numpy as np

    predictions, targets = predictions.reshape(-1), targets.reshape(-1)
    if predictions.shape != targets.shape:
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    if predictions.dtype.kind in "biu":
        small = predictions.size == 0 or int(predictions.max()) < 256
        dtype: type[np.generic] = np.uint8 if small else np.uint16
        confusion = _confusion(predictions, targets, classes) if 0 < classes <= MAX_CLASSES else None
        return Evidence(predictions.astype(dtype), correct=predictions == targets, confusion=confusion)
    error = (predictions.astype(np.float64) - targets) ** 2
    return Evidence(predictions.astype(np.float32), squared_error=error.astype(np.float32))


def evidence_bytes(evidence: Evidence, record: Record) -> bytes:
    """Return the file's bytes: a compressed npz without pickles, the same for the same evidence."""
    import numpy as np

    arrays: dict[str, Any] = {"predictions": evidence.predictions}
    if evidence.correct is not None:
        arrays["correct"] = np.packbits(evidence.correct)
    if evidence.squared_error is not None:
        arrays["squared_error"] = evidence.squared_error
    if evidence.confusion is not None:
        arrays["confusion"] = evidence.confusion
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays, of=np.frombuffer(tie(record), np.uint8))
    return file.getvalue()


def read_evidence(path: Path, record: Record | None = None) -> Evidence:
    """Read an evidence file. Raises StoreError with one line when it is missing or damaged.

    With a record, also when the evidence is that of another run: a rerun that was killed between its
    two renames leaves the old record beside the new evidence.
    """
    with _named(path), path.open("rb") as file:
        return _checked(path, file, record)


def read_scores(path: Path, record: Record) -> npt.NDArray[np.bool_] | npt.NDArray[np.float32]:
    """Read no more of an evidence file than how good each prediction was: `correct`, or `squared_error`.

    A third of the time of `read_evidence`, and as sure of the record, whose count of samples it goes by.
    Raises StoreError likewise.
    """
    samples = record.task.test_samples
    with _named(path), zipfile.ZipFile(path) as archive:
        name = "squared_error.npy" if record.task.kind == "regression" else "correct.npy"
        if sum(archive.getinfo(each).file_size for each in (name, "of.npy")) > _MAX_BYTES:
            raise ValueError("it claims to be larger than any evidence")
        _check_tie(path, _array(archive.read("of.npy")).tobytes(), record)
        stored = _array(archive.read(name))
        return _squares(stored, samples) if record.task.kind == "regression" else _bits(stored, samples)


def checked_bytes(path: Path, record: Record) -> bytes:
    """Return an evidence file's bytes, once they have been read as this record's. Raises StoreError."""
    with _named(path):
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")  # a pipe would keep its reader for ever
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is larger than any evidence")
        data = path.read_bytes()
        _checked(path, io.BytesIO(data), record)
    return data


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what can be wrong with an evidence file into one line that names it."""
    try:
        yield
    except FileNotFoundError:
        raise StoreError(f"{plain(str(path))}: there is no evidence; run the trial again") from None
    except _DAMAGE as error:
        why = plain(str(error).split("\n")[0]) or type(error).__name__
        raise StoreError(f"{plain(str(path))}: damaged evidence ({why}); run the trial again") from error


def _checked(path: Path, file: BinaryIO, record: Record | None) -> Evidence:
    evidence, found = _load(file)
    if record is not None:
        _check_tie(path, found, record)
    return evidence


def _check_tie(path: Path, found: bytes, record: Record) -> None:
    if found != tie(record):
        raise StoreError(f"{plain(str(path))}: evidence of another run than its record; run the trial again")


def _load(file: BinaryIO) -> tuple[Evidence, bytes]:
    import numpy as np

    with zipfile.ZipFile(file) as archive:
        if sum(info.file_size for info in archive.infolist()) > _MAX_BYTES:
            raise ValueError("it claims to be larger than any evidence")
        stored = {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
    predictions = stored["predictions"]
    if predictions.ndim != 1:
        raise ValueError("predictions are not one-dimensional")
    of = stored["of"].tobytes()
    if predictions.dtype.kind == "f":
        return Evidence(predictions, squared_error=_squares(stored["squared_error"], len(predictions))), of
    if predictions.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"predictions are {predictions.dtype}")
    correct = _bits(stored["correct"], len(predictions))
    confusion = _counts(stored["confusion"], predictions, correct) if "confusion" in stored else None
    return Evidence(predictions, correct=correct, confusion=confusion), of


def _array(data: bytes) -> npt.NDArray[Any]:
    """Return an array that numpy wrote, read-only.

    Its own reader parses the header as Python, which takes half the time of reading evidence.
    """
    import numpy as np

    found = _NPY.match(data)
    if found is None:
        raise ValueError("it holds something that is no array of ours")
    kind, rows, columns = found.groups()
    shape = (int(rows), int(columns)) if columns else (int(rows),)
    return np.frombuffer(data, kind.decode(), offset=found.end()).reshape(shape)


def _bits(packed: npt.NDArray[Any], count: int) -> npt.NDArray[np.bool_]:
    import numpy as np

    if packed.dtype != np.uint8 or packed.shape != ((count + 7) // 8,):
        raise ValueError("as many bits as predictions were expected")
    return np.unpackbits(packed, count=count).view(np.bool_)


def _squares(squares: npt.NDArray[Any], count: int) -> npt.NDArray[np.float32]:
    import numpy as np

    if squares.dtype != np.float32 or squares.shape != (count,):
        raise ValueError("as many squared errors as predictions were expected")
    return squares


def _confusion(
    predictions: npt.NDArray[Any], targets: npt.NDArray[Any], classes: int
) -> npt.NDArray[np.uint32]:
    import numpy as np

    pairs = targets.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.uint32)


def _counts(
    confusion: npt.NDArray[Any], predictions: npt.NDArray[Any], correct: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint32]:
    """The matrix, once its columns add up to what was predicted, and its diagonal to what was right."""
    import numpy as np

    side = len(confusion) if confusion.ndim else 0
    if confusion.dtype != np.uint32 or confusion.shape != (side, side) or not 0 < side <= MAX_CLASSES:
        raise ValueError("the confusion matrix is no square of counts")
    predicted = np.bincount(predictions, minlength=side)
    right = np.bincount(predictions[correct], minlength=side)
    if not (np.array_equal(confusion.sum(axis=0), predicted) and np.array_equal(confusion.diagonal(), right)):
        raise ValueError("the confusion matrix is not that of the predictions")
    return confusion


def tie(record: Record) -> bytes:
    """Return what binds evidence to its record: trial and scores, so a bit-equal rerun fits as well."""
    facts = (reuse_key(record).digest(), sorted(record.metrics.items()), record.correct)
    return hashlib.sha256(ascii(facts).encode()).digest()
