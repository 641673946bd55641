"""Chromium for the tests and benchmarks of the page: the system's own, and no other is ever downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Raises AssertionError with one line where none is installed."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "no Chromium to open the page in: apt-get install chromium"
    with sync_playwright() as playwright:
        # its own sandbox needs namespaces that containers and root often lack; the pages are our own
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
