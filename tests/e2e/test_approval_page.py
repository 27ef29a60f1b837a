"""The approval page in a real Chromium: answered, attacked, by keyboard, small, dark, read aloud.

People's windows run no JavaScript here, which shows that the page needs none; attackers' do.
"""

import html
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from approval_desk import CALL, DESTRUCTIVE, OTHER, REFUND, Served, served
from chromium import CONTRASTS, chromium, chromium_path
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import Error as BrowserError

from mcp_proxy.core.approval_request import Argument
from mcp_proxy.edges.approval_page import Verdict
from mcp_proxy.edges.browser import redirect_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium_path() is None and os.environ.get("CI") != "true", reason="needs chromium"
    ),
]

# Of a busy machine; nothing here takes a second of a quiet one.
WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)

ONCE = Verdict(yes=True, times=1, minutes=10, word="", typed="")
LONG = "x" * 300


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def desk() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens windows of a person's, each with a profile of its own unless `beside` another."""
    contexts = []

    def opened(beside: Page | None = None, **how: Any) -> Page:
        if beside is not None:
            return beside.context.new_page()
        context = browser.new_context(**{"java_script_enabled": False, **how})
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def see_heading(page: Page, text: str) -> None:
    """Also waits for the page that an answer leads to."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def test_s17_a_person_approves(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(desk.show(REFUND))
    see_heading(page, "Approve this call?")
    button(page, "Approve once").click()
    see_heading(page, "Approved")
    assert desk.desk.verdicts == [(CALL, ONCE)]


def test_s17_a_person_denies_with_a_word(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(desk.show(REFUND))
    page.get_by_label("A word to the model").fill("Ask Ana first: she knows & decides.")
    button(page, "Deny").click()
    see_heading(page, "Denied")
    word = "Ask Ana first: she knows & decides."
    assert desk.desk.verdicts == [(CALL, Verdict(False, 0, 0, word, ""))]


def test_s17_a_person_approves_several_times(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(desk.show(REFUND))
    page.get_by_text("Approve exactly this call several times").click()
    page.get_by_label("How many times").fill("5")
    page.get_by_label("Within how many minutes").fill("30")
    button(page, "Approve several times").click()
    see_heading(page, "Approved")
    assert desk.desk.verdicts == [(CALL, Verdict(True, 5, 30, "", ""))]


def test_s22_a_destructive_call_is_typed(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(desk.show(DESTRUCTIVE))
    field = page.get_by_label("To approve, type the amount: 120000")
    button(page, "Approve once").click()
    assert desk.desk.verdicts == []
    see_heading(page, "Approve this call?")
    field.fill("12000")
    button(page, "Approve once").click()
    expect(field).to_be_focused()
    assert page.title().startswith("Not taken: ")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(
        "What was typed is not exactly what was asked for."
    )
    assert "was not taken" in page.get_by_role("alert").inner_text()
    field.fill("120000")
    page.keyboard.press("Enter")
    see_heading(page, "Approved")
    assert desk.desk.verdicts == [(CALL, ONCE._replace(typed="120000"))]


def test_an_expired_request_takes_its_answers_away(
    desk: Served, window: Callable[..., Page]
) -> None:
    page = window()
    page.goto(desk.show(REFUND, open_s=4.0))
    over = page.get_by_role("status")
    expect(button(page, "Approve once")).to_be_visible()
    expect(over).to_be_hidden()
    expect(over).to_be_visible()
    assert "This request has expired" in over.inner_text()
    for name in ("Approve once", "Deny"):
        expect(button(page, name)).to_be_hidden()
    with pytest.raises(BrowserError, match="ERR_CONNECTION_REFUSED"):
        page.reload()
    assert desk.desk.verdicts == []


def test_s17_an_expired_request_answered_all_the_same_is_told(
    desk: Served, window: Callable[..., Page]
) -> None:
    page = window()
    page.goto(desk.show(REFUND))
    desk.desk.open.clear()
    button(page, "Approve once").click()
    see_heading(page, "This page is over")
    assert desk.desk.verdicts == []


def test_s22_a_replay_approves_nothing_more(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    desk.show(REFUND, OTHER)
    page.goto(desk.show(REFUND))
    button(page, "Approve once").click()
    see_heading(page, "Approved")
    # The browser posts the form again.
    page.reload()
    see_heading(page, "This page is over")
    page.go_back()
    see_heading(page, "This page is over")
    assert desk.desk.verdicts == [(CALL, ONCE)]


def test_s17_two_tabs_give_one_answer(desk: Served, window: Callable[..., Page]) -> None:
    first = window()
    second = window(beside=first)
    url = desk.show(REFUND)
    desk.show(REFUND, OTHER)
    first.goto(url)
    second.goto(url)
    button(first, "Deny").click()
    see_heading(first, "Denied")
    button(second, "Approve once").click()
    see_heading(second, "This page is over")
    assert [verdict.yes for _, verdict in desk.desk.verdicts] == [False]


def test_s22_a_tab_beside_it_stays_good_while_nobody_has_answered(
    desk: Served, window: Callable[..., Page]
) -> None:
    first = window()
    second = window(beside=first)
    url = desk.show(DESTRUCTIVE)
    first.goto(url)
    second.goto(url)
    first.get_by_label("To approve").fill("1")
    button(first, "Approve once").click()
    expect(first.get_by_role("alert")).to_be_visible()
    second.get_by_label("To approve").fill("120000")
    button(second, "Approve once").click()
    see_heading(second, "Approved")
    assert len(desk.desk.verdicts) == 1


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_s22_another_name_of_this_machine_shows_nothing(
    desk: Served, window: Callable[..., Page], host: str
) -> None:
    url = desk.show(REFUND)
    page = window()
    answer = page.goto(url.replace("127.0.0.1", host))
    assert answer is not None
    assert answer.status == 400
    see_heading(page, "Nothing was done")
    assert "refund" not in page.content()


def test_s22_a_wrong_token_shows_nothing(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    answer = page.goto(desk.show(REFUND)[:-1] + "_")
    assert answer is not None
    assert answer.status == 404
    assert "refund" not in page.content()


def test_s22_a_form_with_a_wrong_token_is_shown_the_call_anew(
    desk: Served, browser: Browser, window: Callable[..., Page]
) -> None:
    page = window(java_script_enabled=True)
    page.goto(desk.show(REFUND))
    page.evaluate("document.querySelector('input[name=form]').value = 'a'.repeat(43)")
    button(page, "Approve once").click()
    expect(page.get_by_role("alert")).to_be_focused()
    assert "used already" in page.get_by_role("alert").inner_text()
    assert desk.desk.verdicts == []
    button(page, "Approve once").click()
    see_heading(page, "Approved")


class Attacker:
    """A site of somebody else's on this machine: it serves what it is told to."""

    def __init__(self) -> None:
        self.page = ""
        attacker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(attacker.page.encode())

            def log_message(self, *_args: Any) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://evil.example:{self.server.server_address[1]}/"


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    found = Attacker()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


FORM = '<form method="post" action="ADDRESS"><input name="form" value="TOKEN"></form>'
SEND = "<script>document.forms[0].submit()</script>"
ATTACKS = {
    "a form": FORM + SEND,
    "a form without a referrer": '<meta name="referrer" content="no-referrer">' + FORM + SEND,
    "a form in a sandbox": (
        f'<iframe sandbox="allow-scripts allow-forms" srcdoc="{html.escape(FORM + SEND)}"></iframe>'
    ),
    "a form as text": (
        '<form method="post" action="ADDRESS" enctype="text/plain">'
        '<input name="form" value="TOKEN"></form>' + SEND
    ),
    "a fetch": (
        "<script>fetch('ADDRESS',{method:'POST',mode:'no-cors',"
        "body:new URLSearchParams({form:'TOKEN'})})</script>"
    ),
}

# How a browser tells that the page answered 403, to a frame and to a fetch of another site.
TURNED_AWAY = ("POST 403", "status of 403", "POST net::ERR_BLOCKED_BY_RESPONSE")


@pytest.mark.parametrize("attack", ATTACKS)
def test_s22_a_form_of_another_site_answers_nothing_even_with_the_token(
    desk: Served, window: Callable[..., Page], attacker: Attacker, attack: str
) -> None:
    url = desk.show(REFUND)
    ours = window()
    ours.goto(url)
    token = ours.locator("input[name=form]").first.get_attribute("value")
    assert token is not None
    attacker.page = ATTACKS[attack].replace("ADDRESS", url).replace("TOKEN", token)
    theirs = window(java_script_enabled=True)
    seen: list[str] = []
    theirs.on("response", lambda found: seen.append(f"{found.request.method} {found.status}"))
    theirs.on("requestfailed", lambda found: seen.append(f"{found.method} {found.failure}"))
    theirs.on("console", lambda found: seen.append(found.text))
    theirs.goto(attacker.url)
    for _ in range(100):
        if any(sign in text for text in seen for sign in TURNED_AWAY):
            break
        theirs.wait_for_timeout(50)
    else:
        pytest.fail(f"nothing was sent: {seen}")
    assert desk.desk.verdicts == []
    button(ours, "Approve once").click()
    see_heading(ours, "Approved")
    assert desk.desk.verdicts == [(CALL, ONCE)]


def test_s22_no_site_frames_the_page_or_reads_it(
    desk: Served, window: Callable[..., Page], attacker: Attacker
) -> None:
    url = desk.show(REFUND)
    attacker.page = f'<iframe src="{url}"></iframe>'
    page = window(java_script_enabled=True)
    page.goto(attacker.url)
    page.wait_for_function("document.readyState === 'complete'")
    framed = page.frames[1]
    framed.wait_for_load_state()
    assert framed.url.startswith("chrome-error:")
    assert "refund" not in framed.content()
    for mode in ("no-cors", "cors"):
        read = f"fetch('{url}',{{mode:'{mode}'}}).then((a) => a.text(), () => 'refused')"
        assert page.evaluate(read) == "refused"


def test_s22_the_page_itself_frames_fetches_and_runs_nothing(
    desk: Served, window: Callable[..., Page]
) -> None:
    page = window(java_script_enabled=True)
    answered: list[str] = []
    page.on("response", lambda response: answered.append(response.url))
    url = desk.show(REFUND)
    page.goto(url)
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend',"
        "'<img src=/x><iframe src=/y></iframe><p id=run onclick=\"window.ran=1\">a</p>')"
    )
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{text:'window.ran=1'}))"
    )
    page.locator("#run").click()
    assert page.evaluate("window.ran") is None
    assert page.evaluate("fetch('/z').then(() => 'sent', () => 'refused')") == "refused"
    assert answered == [url]
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("document.referrer") == ""


def test_it_is_answered_by_keyboard_alone(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(desk.show(DESTRUCTIVE))
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Go to your answer")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("To approve")).to_be_focused()
    page.keyboard.press("Tab")
    expect(button(page, "Approve once")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("A word to the model")).to_be_focused()
    page.keyboard.type("no")
    page.keyboard.press("Tab")
    expect(button(page, "Deny")).to_be_focused()
    outline = button(page, "Deny").evaluate("(found) => getComputedStyle(found).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Space")
    see_heading(page, "Denied")
    assert desk.desk.verdicts == [(CALL, Verdict(False, 0, 0, "no", ""))]


def test_s17_a_key_that_is_struck_when_the_page_comes_up_answers_nothing(
    desk: Served, window: Callable[..., Page]
) -> None:
    page = window()
    page.goto(desk.show(REFUND))
    for key in ("Enter", "Space", "y", "Escape"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    see_heading(page, "Approve this call?")
    assert desk.desk.verdicts == []


def test_enter_in_the_word_to_the_model_denies(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(desk.show(REFUND))
    page.get_by_label("A word to the model").fill("later")
    page.keyboard.press("Enter")
    see_heading(page, "Denied")


def test_a_screen_reader_is_told_all_of_it(desk: Served, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(desk.show(DESTRUCTIVE))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.title() == "Approve refund_invoice? mcp-proxy K7QX2MPA"
    levels = [
        int(tag[1])
        for tag in page.locator("h1,h2,h3").evaluate_all(
            "(found) => found.filter((e) => e.checkVisibility({visibilityProperty: true}))"
            ".map((e) => e.tagName)"
        )
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
      - main:
        - link "Go to your answer":
          - /url: "#answer"
        - paragraph: mcp-proxy on this computer
        - heading "Approve this call?" [level=1]
        - paragraph: "Destroys, or changes what cannot be changed back: refund_invoice at billing."
        - heading "What it is" [level=2]
        - term: Tool
        - definition:
          - text: Refund an invoice (
          - code: refund_invoice
          - text: )
        - term: Profile
        - definition:
          - code: acme-billing
        - heading "In words" [level=2]
        - list:
          - listitem: invoice is "INV-2026-0117".
          - listitem: amount is 120,000.
        - heading "Why you are asked" [level=2]
        - list:
          - listitem: It is asked for where amount is more than 10,000.
        - heading "Arguments in full" [level=2]
        - term: invoice text
        - definition: INV-2026-0117
        - term: amount number
        - definition: "120000"
        - term: currency text, the profile's default
        - definition: EUR
        - term: note text
        - definition: Charged twice, unseen U+000A see ticket 4711
        - heading "Exactly this is sent" [level=2]
        - text: /POST https:.*amount.*120000/
        - heading "Approved before" [level=2]
        - list:
          - listitem: /INV-2026-0098/
        - region "Your answer":
          - heading "Your answer" [level=2]
          - heading "Approve it once" [level=3]
          - 'textbox "To approve, type the amount: 120000"'
          - button "Approve once"
          - heading "Deny it" [level=3]
          - textbox "A word to the model, if you like"
          - button "Deny"
    """)
    expect(button(page, "Approve once")).to_have_accessible_description(
        "One call, exactly as shown here, within the next ten minutes."
    )


@pytest.mark.parametrize("wide", [320, 480, 1280])
@pytest.mark.parametrize("view", [REFUND, DESTRUCTIVE], ids=["write", "destructive"])
def test_it_fits_a_small_window(
    desk: Served, window: Callable[..., Page], wide: int, view: Any
) -> None:
    many = (Argument(LONG, json.dumps(LONG), "constant"), Argument("n" * 64, "[1,2]", "default"))
    page = window(java_script_enabled=True, viewport={"width": wide, "height": 568})
    page.goto(
        desk.show(
            view._replace(
                tool="t" * 64,
                title=LONG,
                profile="p" * 64,
                arguments=(*view.arguments, *many),
                words=(LONG, LONG),
                request_lines=(f"GET https://a.example/{LONG}", "", "\u200b" * 100),
            )
        )
    )
    if view is REFUND:
        page.get_by_text("Approve exactly this call several times").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    inside = "(all) => all.every((e) => e.getBoundingClientRect().right <= innerWidth)"
    assert page.locator("main *:not(.unseen)").evaluate_all(inside)
    for found in page.locator("button, input:not([type=hidden])").all():
        box = found.bounding_box()
        assert box is not None
        assert box["height"] >= 44


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", [REFUND, DESTRUCTIVE], ids=["write", "destructive"])
def test_each_text_can_be_read_by_light_and_dark(
    desk: Served, window: Callable[..., Page], scheme: Any, view: Any
) -> None:
    page = window(java_script_enabled=True, color_scheme=scheme)
    page.goto(desk.show(view._replace(request_lines=(*view.request_lines, "a\u200bb"))))
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == ("rgb(244, 246, 248)" if scheme == "light" else "rgb(20, 24, 28)")
    if view is DESTRUCTIVE:
        page.get_by_label("To approve").fill("1")
        button(page, "Approve once").click()
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios) > 30
    assert [row for row in ratios if row[1] < 4.5] == []


def test_s17_what_cannot_be_seen_is_shown(desk: Served, window: Callable[..., Page]) -> None:
    lines = ("POST https://a.example/pay", "", '{"to":"al\u200bice\u202e","amount":1}')
    page = window()
    page.goto(desk.show(REFUND._replace(request_lines=lines)))
    shown = page.locator("pre").inner_text()
    assert "U+200B" in shown
    assert "U+202E" in shown
    assert "\u200b" not in page.content()
    assert "\u202e" not in page.content()


def test_s22_the_file_in_the_home_folder_leads_to_the_page(
    desk: Served, window: Callable[..., Page], tmp_path: Path
) -> None:
    page = window()
    with redirect_file(desk.show(REFUND), str(tmp_path), "approval") as path:
        page.goto(f"file://{path}")
        see_heading(page, "Approve this call?")
    button(page, "Approve once").click()
    see_heading(page, "Approved")
    assert desk.desk.verdicts == [(CALL, ONCE)]
