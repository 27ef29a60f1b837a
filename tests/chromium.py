"""The real browser of the tests: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Every name but these is found nowhere; the attacker's is one of this machine.
_NAMES_HERE = "MAP evil.example 127.0.0.1, EXCLUDE 127.0.0.1, EXCLUDE localhost, MAP * ~NOTFOUND"


def chromium_path() -> str | None:
    """Where the browser is; None where there is none. Continuous integration installs it."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A browser without a window; it sends no word outside of this machine."""
    # Chromium refuses root its sandbox.
    own = ["--no-sandbox"] if os.geteuid() == 0 else []
    own.append(f"--host-resolver-rules={_NAMES_HERE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=[*own, *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()
