"""Pictures of test samples: what the best submission gets wrong, the worst mistakes first."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.contract.text import one_line
from grader.host.reports import draw
from grader.host.reports.board import Board, Mistakes
from grader.host.reports.draw import INK, MUTED
from grader.host.reports.plots import Plot

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from grader.host.samples import Samples

_SHOWN = 24
_ACROSS = 6
_SIDE = 64  # pixels of a picture, at most


@dataclass(frozen=True)
class Picture:
    """One sample: its place in the test set, what it is and was taken for, and by how many rows wrongly."""

    index: int
    true: str
    predicted: str
    wrong: int
    rows: int

    @property
    def right(self) -> bool:
        """Whether the best row has it right: then it is one that others get wrong."""
        return self.true == self.predicted

    @property
    def taken(self) -> str:
        """What the best row made of it, in words."""
        return "taken rightly" if self.right else f"taken for {self.predicted}"


@dataclass(frozen=True, eq=False)
class Sheet:
    """Pictures, and their pixels in one array (rows * H, _ACROSS * W) or (..., 3) of uint8."""

    pictures: Sequence[Picture]
    pixels: npt.NDArray[np.uint8]
    height: int  # of one picture
    width: int
    best: str  # whose predictions they are, to be shown
    across: int = _ACROSS

    @property
    def down(self) -> int:
        """Rows of pictures."""
        return -(-len(self.pictures) // self.across)


def sheet(board: Board, samples: Samples | None) -> Sheet | None:
    """Choose the samples, and lay them out. None unless they are images and the evidence is about them.

    First what the best row gets wrong, then what others do; within each what the most rows get wrong, then
    by the place in the test set.
    """
    mistakes = board.mistakes
    if samples is None or mistakes is None or not _about(mistakes, samples):
        return None
    import numpy as np

    order = np.lexsort((np.arange(len(mistakes.wrong)), -mistakes.wrong, mistakes.correct))
    chosen = [int(at) for at in order[:_SHOWN] if mistakes.wrong[at]]
    if not chosen:
        return None
    pixels = _shrunk(samples.inputs[chosen])
    found = [_picture(at, board, mistakes, samples) for at in chosen]
    height, width = pixels.shape[1:3]
    return Sheet(found, _tiled(pixels), height, width, mistakes.name)


def data_uri(sheet: Sheet) -> str:
    """The sheet as one PNG within an address."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(sheet.pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def plot(board: Board, sheet: Sheet) -> Plot:
    """The same as a drawing. Call it within `draw.styled()`."""
    step = sheet.height / sheet.width
    figure = draw.figure(5.2, 0.1 + 0.82 * sheet.down * (step + 0.42))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set(xlim=(0, sheet.across), ylim=(sheet.down * (step + 0.42), 0))
    kind: dict[str, Any] = {} if sheet.pixels.ndim == 3 else {"cmap": "gray", "vmin": 0, "vmax": 255}
    for at, picture in enumerate(sheet.pictures):
        row, column = divmod(at, sheet.across)
        top = row * (step + 0.42)
        tile = _tile(sheet, row, column)
        place = (column + 0.04, column + 0.96, top + step, top)
        axes.imshow(tile, extent=place, interpolation="none", **kind)
        true, taken = one_line(picture.true, 16), one_line(picture.taken, 24)
        axes.text(column + 0.5, top + step + 0.16, true, ha="center", fontsize=7, color=INK)
        axes.text(column + 0.5, top + step + 0.32, taken, ha="center", fontsize=6, color=MUTED)
    axes.set_aspect("auto")
    title = "Test samples, the worst mistakes first"
    return Plot(f"{board.slug}-samples", title, "", draw.drawn(figure))


def _about(mistakes: Mistakes, samples: Samples) -> bool:
    """Whether these are pictures, and the evidence was made from them."""
    import numpy as np

    inputs = samples.inputs
    if inputs.ndim != 4 or inputs.dtype != np.uint8 or inputs.shape[1] not in {1, 3}:
        return False
    targets = samples.targets.reshape(-1)
    if targets.shape != mistakes.predictions.shape:
        return False
    return np.array_equal(targets == mistakes.predictions, mistakes.correct)


def _picture(at: int, board: Board, mistakes: Mistakes, samples: Samples) -> Picture:
    def named(index: int) -> str:
        return board.classes[index] if 0 <= index < len(board.classes) else str(index)

    true, predicted = int(samples.targets[at]), int(mistakes.predictions[at])
    return Picture(at, named(true), named(predicted), int(mistakes.wrong[at]), mistakes.rows)


def _shrunk(images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """(n, C, H, W) as (n, h, w) or (n, h, w, 3), neither side above _SIDE: by means over blocks."""
    import numpy as np

    count, channels, height, width = images.shape
    by = -(-max(height, width) // _SIDE)
    down, across = min(by, height), min(by, width)
    height, width = height // down, width // across
    cut = images[:, :, : height * down, : width * across]
    if by > 1:
        squares = cut.reshape(count, channels, height, down, width, across)
        cut = np.rint(squares.mean(axis=(3, 5))).astype(np.uint8)
    return cut[:, 0] if channels == 1 else cut.transpose(0, 2, 3, 1)


def _tiled(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import numpy as np

    count, height, width, *rest = pixels.shape
    down = -(-count // _ACROSS)
    whole = np.zeros((down, _ACROSS, height, width, *rest), np.uint8)
    for at, each in enumerate(pixels):
        whole[at // _ACROSS, at % _ACROSS] = each
    return whole.swapaxes(1, 2).reshape(down * height, _ACROSS * width, *rest)


def _tile(sheet: Sheet, row: int, column: int) -> npt.NDArray[np.uint8]:
    top, left = row * sheet.height, column * sheet.width
    return sheet.pixels[top : top + sheet.height, left : left + sheet.width]
