"""The software and machine of this run, read without importing any of it."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache

from grader import __version__
from grader.contract.record import Environment
from grader.host import device


@cache
def current() -> Environment:
    """Return the environment that records of this process carry."""
    return Environment(
        grader=__version__,
        python=platform.python_version(),
        torch=version("torch"),
        torchvision=version("torchvision"),
        numpy=version("numpy"),
        platform=f"{platform.system()} {platform.machine()}",
        processor=device.processor_name(),
        cores=device.available_cores(),
        driver=device.driver_version(),
    )


def version(name: str) -> str:
    """The installed version of a distribution, or `none`."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
