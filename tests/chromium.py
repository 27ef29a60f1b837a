"""The real browser of the tests: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Every name but these is found nowhere; the attacker's is one of this machine.
_NAMES_HERE = "MAP evil.example 127.0.0.1, EXCLUDE 127.0.0.1, EXCLUDE localhost, MAP * ~NOTFOUND"

# Contrast of each text that is seen, also in plots, with what lies behind it, as WCAG 2.2
# reckons it: [where, ratio].
CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("main *")]
    .filter((element) => [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .filter((element) => element.tagName !== "title")
    .filter((element) => element.checkVisibility({visibilityProperty: true}))
    .map((element) => {
      const style = getComputedStyle(element);
      const own = element.tagName === "text" ? style.fill : style.color;
      const [one, two] = [parse(own), behind(element)].map(light);
      const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      return [element.tagName + "." + element.className, Math.round(ratio * 100) / 100];
    });
}"""


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
