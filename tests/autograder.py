"""Gradescope's container, as near as bubblewrap gets: its tree, its capabilities, no network.

What the platform does is done here: the zip is unpacked to /autograder/source, setup.sh is run once, and
run_autograder for each submission. The memory of the container is only told, not enforced.
"""

from __future__ import annotations

import ensurepip
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# what Docker leaves to root
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
    "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
MEMORY = 1536 << 20  # bytes, twice the platform's smallest container
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_PACKAGES = f"/opt/grader/lib/{_VERSION}/site-packages"
_OURS = ("grader", "_editable", "pip", "setuptools", "_distutils", "distutils", "__pycache__")


class Container:
    """An image that is built once, and the runs in it."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder = folder
        self.root, self._opt, self._stubs = (folder / name for name in ("autograder", "opt", "stubs"))
        for path in (self.root / "submission", self.root / "results", folder / _PACKAGES[1:], self._stubs):
            path.mkdir(parents=True)
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(self.root / "source")
            for each in archive.infolist():  # which Python leaves out, and unzip does not
                (self.root / "source" / each.filename).chmod(each.external_attr >> 16)
        shutil.copy2(self.root / "source" / "run_autograder", self.root)
        pip = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))
        shutil.unpack_archive(pip, folder / _PACKAGES[1:], "zip")
        self._write_stubs()
        self._libraries = list(self._bound())
        (folder / "memory.max").write_text(f"{MEMORY}\n")

    def setup(self) -> subprocess.CompletedProcess[str]:
        """Build the image: the registry is what is installed here already."""
        return self.inside("bash", "/autograder/source/setup.sh")

    def run(self, files: Mapping[str, str], metadata: object) -> tuple[dict[str, Any], str]:
        """Have a submission graded. Returns results.json, and what staff read beside it."""
        for name in ("submission", "results"):
            shutil.rmtree(self.root / name)
            (self.root / name).mkdir()
        for name, text in files.items():
            (self.root / "submission" / name).write_text(text, encoding="utf-8")
        told = metadata if isinstance(metadata, str) else json.dumps(metadata)
        (self.root / "submission_metadata.json").write_text(told, encoding="utf-8")
        done = self.inside("/autograder/run_autograder")
        assert done.returncode == 0, done.stdout
        return json.loads((self.root / "results" / "results.json").read_bytes()), done.stdout

    def change(self, **settings: object) -> None:
        """Change settings of the bundle, as an instructor's pyproject.toml would."""
        file = self.root / "source" / "bundle.json"
        carried = json.loads(file.read_bytes())
        carried["table"] |= settings
        file.write_text(json.dumps(carried))

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root there, with both its outputs in one."""
        offline = ("--setenv", "PIP_NO_INDEX", "1", "--setenv", "PIP_NO_DEPS", "1")
        path = f"/stubs:{Path(sys.base_prefix, 'bin')}:/usr/bin:/usr/sbin:/bin"
        return subprocess.run(
            ["bwrap", *self._mounts(), *_rights(), "--clearenv", "--setenv", "PATH", path, *offline,
             "--chdir", "/", "--die-with-parent", "--", *command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip

    def _mounts(self) -> Iterator[str]:
        yield from ("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev")
        for parent in ("/etc", "/sys", "/sys/fs", "/sys/fs/cgroup"):
            yield from ("--perms", "0755", "--dir", parent)
        yield from ("--perms", "1777", "--tmpfs", "/tmp")
        for name in ("lib", "lib64", "bin", "sbin"):
            yield from ("--symlink", f"usr/{name}", f"/{name}")
        for file in ("/etc/ld.so.cache", "/etc/passwd", "/etc/group"):
            yield from ("--ro-bind-try", file, file)
        base = Path(sys.base_prefix)
        if base != Path("/usr"):
            for above in reversed(base.parents[:-1]):
                yield from ("--perms", "0755", "--dir", str(above))
            yield from ("--ro-bind", str(base), str(base))
        for own in ("autograder", "stubs", "opt"):
            yield from ("--bind", str(self.folder / own), f"/{own}")
        yield from self._libraries
        yield from ("--ro-bind", str(self.folder / "memory.max"), "/sys/fs/cgroup/memory.max")

    def _bound(self) -> Iterator[str]:
        """What is installed here, as if pip had installed it there; of scikit-learn's data sets a copy."""
        for path in sorted(Path(sysconfig.get_path("purelib")).iterdir()):
            if not path.name.startswith(_OURS):
                yield from ("--ro-bind", str(path), f"{_PACKAGES}/{path.name}")
        data = Path(sysconfig.get_path("purelib"), "sklearn", "datasets", "data")
        copied = shutil.copytree(data, self.folder / "data")
        yield from ("--bind", str(copied), f"{_PACKAGES}/sklearn/datasets/data")

    def _write_stubs(self) -> None:
        """The interpreter of this machine under its name, and what would look for packages elsewhere."""
        base = Path(sys.base_prefix, "bin", _VERSION)
        stubs = dict.fromkeys(("python3.11", "python3.12", "python3.13"), "exit 1")
        # to install pip takes venv seconds: it is there already
        without = 'if [ "$1 $2" = "-m venv" ]; then shift 2; set -- -m venv --without-pip "$@"; fi'
        stubs |= dict.fromkeys((_VERSION, "python3"), f'{without}\nexec {base} "$@"')
        for stub, line in (stubs | {"apt-get": 'echo "$@" >> /stubs/apt.log'}).items():
            (self._stubs / stub).write_text(f"#!/bin/sh\n{line}\n")
            (self._stubs / stub).chmod(0o755)


def possible() -> bool:
    """Whether this machine can look like that: bubblewrap is there, and this is root."""
    return os.geteuid() == 0 and shutil.which("bwrap") is not None


def _rights() -> Iterator[str]:
    yield from ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL")
    for name in CAPABILITIES:
        yield from ("--cap-add", f"CAP_{name}")
