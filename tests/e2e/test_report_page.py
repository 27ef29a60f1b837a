"""The report in a real Chromium: legible in light and dark, wide and narrow; nothing runs."""

import os
from collections.abc import Iterator
from typing import Literal

import pytest
from audit_days import BEGAN_NS, Call
from chromium import CONTRASTS, chromium, chromium_path
from playwright.sync_api import Browser, expect
from report_desk import written

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium_path() is None and os.environ.get("CI") != "true", reason="needs chromium"
    ),
]

HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize(("scheme", "wide"), [("light", 1_000), ("dark", 1_000), ("light", 320)])
def test_the_report_is_legible_and_loads_nothing(
    browser: Browser, scheme: Literal["light", "dark"], wide: int
) -> None:
    with written() as address:
        page = browser.new_page(color_scheme=scheme, viewport={"width": wide, "height": 800})
        loaded: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: loaded.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_have_text("What the assistants did")
        assert (loaded, said) == ([address], [])
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert [row for row in contrasts if row[1] < 4.5] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
        plot = page.get_by_role("img", name="Calls by day, by what was decided")
        box = plot.bounding_box()
        assert box is not None
        assert box["width"] > 500
        bars = plot.locator("rect").count()
        assert bars > 30, "a bar for each day at least"
        page.close()


def test_s25_markup_in_the_log_is_text_on_the_page(browser: Browser) -> None:
    with written(Call(BEGAN_NS, HOSTILE, None, rule=HOSTILE, error=HOSTILE)) as address:
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_text("<script>").first).to_be_visible()
        assert page.title() == "mcp-proxy: audit report"
        assert page.locator("script, img[src], a, link").count() == 0
        page.close()
