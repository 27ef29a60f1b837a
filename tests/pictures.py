"""Takes the README's pictures; run as .venv/bin/python tests/pictures.py."""

import os
from typing import Literal

from approval_desk import DESTRUCTIVE, REFUND, served
from chromium import chromium
from report_desk import written

from mcp_proxy.core.approval_request import View

ASSETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "assets")
Scheme = Literal["light", "dark"]
PICTURES: tuple[tuple[str, View, Scheme, int], ...] = (
    ("approval-light.png", DESTRUCTIVE, "light", 760),
    ("approval-dark.png", REFUND, "dark", 760),
    ("approval-narrow.png", REFUND, "light", 320),
)


def main() -> None:
    """Each picture is of the whole page, but that of the report of its upper part."""
    with served() as desk, chromium() as browser:
        for name, view, scheme, wide in PICTURES:
            viewport = {"width": wide, "height": 800}
            page = browser.new_page(viewport=viewport, color_scheme=scheme)
            page.goto(desk.show(view))
            page.screenshot(path=os.path.join(ASSETS, name), full_page=True)
    with written() as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 900, "height": 1_028}, color_scheme="light")
        page.goto(address)
        page.screenshot(path=os.path.join(ASSETS, "report.png"))


if __name__ == "__main__":
    main()
