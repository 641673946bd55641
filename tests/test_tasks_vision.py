"""Tasks by torchvision's readers, on the real Fashion-MNIST; and what people do wrong with folders."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import shutil
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import OpenTask

from grader.contract import memory
from grader.contract.errors import TaskUnavailable
from grader.contract.task import DataPlaces
from grader.host.data import PreparedTask, open_task
from grader.plugins import TASKS, harness_manager, task_definitions

RAW = Path("FashionMNIST") / "raw"
CLOTHES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"


@pytest.fixture(scope="module")
def fashion(fashion_mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedTask]:
    """The real task, prepared once for this module."""
    definition = task_definitions(harness_manager((), TASKS), {})["fashion-mnist"]
    cache = tmp_path_factory.mktemp("cache")
    places = DataPlaces(data=fashion_mnist_dir, downloads=cache / "downloads")
    with open_task(definition, places, cache) as prepared:
        yield prepared


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody listens at, so that a download fails at once, on any machine."""
    use_proxy(monkeypatch, "http://127.0.0.1:9")


def use_proxy(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, address)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def tiny_files(samples: int = 6) -> dict[str, bytes]:
    """Four files in the format of MNIST, each image filled with its index."""
    pixels = np.repeat(np.arange(samples, dtype=np.uint8), 28 * 28).tobytes()
    images = struct.pack(">4i", 0x803, samples, 28, 28) + pixels
    labels = struct.pack(">2i", 0x801, samples) + bytes(range(samples))
    return {
        f"{part}-{kind}": content
        for part in ("train", "t10k")
        for kind, content in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels))
    }


def write_files(root: Path, files: dict[str, bytes]) -> None:
    (root / RAW).mkdir(parents=True)
    for name, content in files.items():
        (root / RAW / name).write_bytes(content)


def test_the_real_fashion_mnist_arrives_byte_for_byte(fashion: PreparedTask, fashion_mnist_dir: Path) -> None:
    raw = fashion_mnist_dir / RAW
    (info, fd), (labels, labels_fd) = fashion.train_files()
    images = memory.read_array(fd, info.dtype, info.shape)
    assert (info.dtype, info.shape) == ("uint8", (60000, 1, 28, 28))
    assert images.tobytes() == (raw / "train-images-idx3-ubyte").read_bytes()[16:]
    assert fashion.test_inputs.tobytes() == (raw / "t10k-images-idx3-ubyte").read_bytes()[16:]
    targets = memory.read_array(labels_fd, labels.dtype, labels.shape)
    assert targets.astype(np.uint8).tobytes() == (raw / "train-labels-idx1-ubyte").read_bytes()[8:]
    assert (
        fashion.test_targets.astype(np.uint8).tobytes() == (raw / "t10k-labels-idx1-ubyte").read_bytes()[8:]
    )
    assert fashion.test_targets.dtype == np.int64


def test_fashion_mnist_says_what_it_is(fashion: PreparedTask) -> None:
    task = fashion.task
    assert (task.train_samples, task.test_samples, task.budget) == (60000, 10000, "10 epochs")
    assert ", ".join(task.classes) == CLOTHES
    assert task.digest == "fc77360f177931e6f0831cae16c0efb38e1ddb9595dbe444cf6e81fa687becbb"


def test_a_read_only_folder_is_left_as_it_was(open_named_task: OpenTask, tmp_path: Path) -> None:
    write_files(tmp_path / "data", tiny_files())
    before = sorted(tmp_path.glob("data/**/*"))
    for path in (*before, tmp_path / "data"):
        path.chmod(path.stat().st_mode & ~0o222)
    prepared = open_named_task("fashion-mnist", data=tmp_path / "data")
    assert prepared.task.train_samples == 6
    assert sorted(tmp_path.glob("data/**/*")) == before


def test_changed_files_are_prepared_anew(open_named_task: OpenTask, tmp_path: Path) -> None:
    write_files(tmp_path / "data", tiny_files())
    first = open_named_task("fashion-mnist", data=tmp_path / "data").task
    shutil.rmtree(tmp_path / "data")
    write_files(tmp_path / "data", tiny_files(8))
    second = open_named_task("fashion-mnist", data=tmp_path / "data").task
    assert (first.train_samples, second.train_samples) == (6, 8)
    assert first.digest != second.digest


@pytest.mark.usefixtures("no_network")
def test_without_folder_and_network_one_line_says_what_to_do(
    open_named_task: OpenTask, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TaskUnavailable) as caught:
        open_named_task("fashion-mnist")
    message = str(caught.value)
    assert message.startswith(f"fashion-mnist: not in {cache / 'downloads'}, and the download failed (")
    assert "Connection refused" in message
    assert message.endswith(
        "; give its folder by --data DIR or GRADER_DATA, with DIR/FashionMNIST/raw/train-images-idx3-ubyte"
    )
    assert "\n" not in message
    assert "Traceback" not in capfd.readouterr().err
    assert not list((cache / "downloads").iterdir())


@pytest.mark.usefixtures("no_network")
def test_cifar10_without_network_is_one_line_too(open_named_task: OpenTask) -> None:
    with pytest.raises(TaskUnavailable, match=r"Connection refused.*DIR/cifar-10-batches-py/data_batch_1$"):
        open_named_task("cifar10")


def test_a_folder_without_the_task_is_named_and_nothing_is_downloaded(
    open_named_task: OpenTask, tmp_path: Path, cache: Path
) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(TaskUnavailable) as caught:
        open_named_task("mnist", data=tmp_path / "data")
    assert str(caught.value).startswith(
        f"mnist: {tmp_path}/data has no MNIST/raw/train-images-idx3-ubyte; give its folder by --data DIR"
    )
    assert not (cache / "downloads").exists()
    with pytest.raises(TaskUnavailable, match=f"mnist: no folder {tmp_path}/missing; give its folder"):
        open_named_task("mnist", data=tmp_path / "missing")


@pytest.mark.parametrize("below", ["FashionMNIST", "FashionMNIST/raw"])
def test_a_folder_too_deep_is_told_the_right_one(
    open_named_task: OpenTask, tmp_path: Path, below: str
) -> None:
    write_files(tmp_path / "data", tiny_files())
    with pytest.raises(TaskUnavailable, match=f"give the folder above it: --data {tmp_path}/data$"):
        open_named_task("fashion-mnist", data=tmp_path / "data" / below)


def test_packed_files_are_to_be_unpacked(open_named_task: OpenTask, tmp_path: Path) -> None:
    write_files(tmp_path, {f"{name}.gz": b"" for name in tiny_files()})
    with pytest.raises(TaskUnavailable, match=r"; unpack .*/train-images-idx3-ubyte.gz there$"):
        open_named_task("fashion-mnist", data=tmp_path)


@pytest.mark.parametrize(
    ("file", "keep", "problem"),
    [
        ("train-images-idx3-ubyte", 1000, "cannot read the training set in"),
        ("t10k-labels-idx1-ubyte", 0, "cannot read the test set in"),
    ],
)
def test_a_broken_file_is_one_line(
    open_named_task: OpenTask, tmp_path: Path, file: str, keep: int, problem: str
) -> None:
    write_files(tmp_path, tiny_files())
    os.truncate(tmp_path / RAW / file, keep)
    with pytest.raises(TaskUnavailable) as caught:
        open_named_task("fashion-mnist", data=tmp_path)
    assert problem in str(caught.value)
    assert str(tmp_path / RAW) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_and_images_of_different_number_are_refused(open_named_task: OpenTask, tmp_path: Path) -> None:
    write_files(tmp_path, tiny_files() | {"t10k-labels-idx1-ubyte": tiny_files(5)["t10k-labels-idx1-ubyte"]})
    with pytest.raises(
        TaskUnavailable, match="its test data cannot be used: there are 6 inputs for 5 targets"
    ):
        open_named_task("fashion-mnist", data=tmp_path)


def test_a_download_is_unpacked_into_the_cache_and_used_again(
    open_named_task: OpenTask, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision's own downloader, through a proxy on this machine that serves six images."""
    packed = {f"{name}.gz": gzip.compress(content) for name, content in tiny_files().items()}
    expected = [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]
    (tmp_path / "six_images.py").write_text(
        f"import sys\nif sys.flags.isolated:\n    import torchvision.datasets as d\n"
        f"    d.FashionMNIST.resources = {expected!r}\n"
        "from grader import hookimpl\n@hookimpl\ndef grader_session_finish(): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with proxy(packed) as address:
        use_proxy(monkeypatch, address)
        assert open_named_task("fashion-mnist", modules=["six_images"]).task.train_samples == 6
    assert [path.name for path in (cache / "downloads").iterdir()] == ["FashionMNIST"]
    shutil.rmtree(cache / "tasks")
    use_proxy(monkeypatch, "http://127.0.0.1:9")
    assert open_named_task("fashion-mnist", modules=["six_images"]).task.test_samples == 6


class proxy:  # noqa: N801 - a context manager
    """Answers every request with the file of that name."""

    def __init__(self, files: dict[str, bytes]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = files[self.path.rpartition("/")[2]]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET  # noqa: N815 - as http.server spells it

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
