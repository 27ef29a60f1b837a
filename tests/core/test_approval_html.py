"""What the approval page says of a call, and that nothing in the call can say anything else."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

from approval_desk import BEFORE, DESTRUCTIVE, REFUND
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.approval_html import Forms, Problem, Shown, ended, page
from mcp_proxy.core.approval_request import Argument, View
from mcp_proxy.core.text import hidden_character

NOW_S = datetime(2026, 11, 23, 14, 0, tzinfo=UTC).timestamp()
FORMS = Forms("o" * 43, "t" * 43, "d" * 43)


class Reader(HTMLParser):
    """The page's elements and its text, as a browser takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(view: View) -> Shown:
    return Shown(view, "K7QX2MPA", NOW_S + 572, BEFORE)


def rendered(view: View, problem: Problem | None = None) -> str:
    return page(shown(view), FORMS, NOW_S, problem=problem).body.decode()


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def tags(view: View) -> list[str]:
    return [tag for tag, _ in read(rendered(view)).tags]


def test_the_page_says_all_of_the_call() -> None:
    text = read(rendered(REFUND)).text
    for said in (
        *("Refund an invoice", "refund_invoice", "acme-billing", "K7QX2MPA", *REFUND.words),
        *(*REFUND.rule_words, *REFUND.request_lines, *BEFORE),
        *("INV-2026-0117", "text, the profile's default", "14:09:32 (UTC)"),
    ):
        assert said in text


def test_limits_stand_in_a_part_of_their_own() -> None:
    limit = "at most 5 calls per day: this call takes 1; when it was asked, 3 were taken."
    text = read(rendered(REFUND._replace(limits=(limit,)))).text
    assert limit in text.partition("Limits")[2].partition("Arguments in full")[0]
    assert ">Limits<" not in rendered(REFUND)


def test_the_time_is_told_in_the_persons_zone() -> None:
    zone = timezone(timedelta(hours=5, minutes=30), "IST")
    text = page(shown(REFUND), FORMS, NOW_S, zone).body.decode()
    assert "19:39:32 (IST)" in text


def test_a_text_is_told_from_a_number_and_from_nothing() -> None:
    values = ('"7"', "7", "7.5", "null", "true", '""', "[1]", '{"a":1}')
    arguments = tuple(Argument(f"a{row}", value, "given") for row, value in enumerate(values))
    kinds = re.findall(r"<small>([^<]+)</small>", rendered(REFUND._replace(arguments=arguments)))
    assert kinds == [
        *("text", "number", "number", "nothing", "yes or no", "text, empty", "list", "object"),
    ]


def test_s17_characters_that_cannot_be_seen_are_shown() -> None:
    lines = ("POST https://a.example/\u200b", "", '{"to":"a\u202eb\U000e0041\u2028","n":1}')
    text = read(rendered(REFUND._replace(request_lines=lines))).text
    for mark in ("U+200B", "U+202E", "U+E0041", "U+2028"):
        assert f"unseen {mark}" in text


def test_a_line_end_in_a_text_is_a_mark_and_a_new_line() -> None:
    text = rendered(REFUND)
    assert (
        'Charged twice,<span class="mark"><span class="unseen">unseen </span>U+000A</span><br>'
        in (text)
    )


def test_letters_that_run_backwards_move_nothing_beside_them() -> None:
    arguments = (Argument("note", '"to שלום עולם 42, then أهلا"', "given"),)
    text = rendered(REFUND._replace(arguments=arguments))
    assert "to <bdi>שלום עולם</bdi> 42, then <bdi>أهلا</bdi>" in text


def test_a_destructive_call_is_typed_and_never_offered_several_times() -> None:
    text = rendered(DESTRUCTIVE)
    assert 'name="typed" required' in text
    assert "type the amount: <code>120000</code>" in text
    assert FORMS.times not in text
    assert 'name="typed"' not in rendered(REFUND)
    assert FORMS.times in rendered(REFUND)


def test_an_effect_that_is_not_known_looks_like_the_gravest() -> None:
    assert 'class="card effect destructive"' in rendered(REFUND._replace(effect="odd"))


def test_each_form_has_its_own_token_and_goes_to_its_own_page() -> None:
    forms = [attributes for tag, attributes in read(rendered(REFUND)).tags if tag == "form"]
    assert forms == [{"method": "post", "autocomplete": "off"}] * 3
    assert all(rendered(REFUND).count(token) == 1 for token in FORMS)


def test_why_an_answer_was_not_taken_is_told_where_it_is_mended() -> None:
    wrong = Problem("What was typed is not it.", "typed")
    reader = read(rendered(DESTRUCTIVE, wrong))
    fields = [attributes for _, attributes in reader.tags if attributes.get("name") == "typed"]
    assert fields[0]["aria-invalid"] == "true"
    assert fields[0]["aria-describedby"] == "typed-wrong"
    assert "autofocus" in fields[0]
    focused = [attributes for _, attributes in reader.tags if "autofocus" in attributes]
    assert focused == fields
    alerts = [item for _, item in read(rendered(REFUND, Problem("Old."))).tags if "role" in item]
    assert alerts[0] == {**alerts[0], "role": "alert", "tabindex": "-1", "autofocus": None}


def test_s22_the_policy_lets_the_pages_own_style_hold_and_nothing_else() -> None:
    for markup in (page(shown(REFUND), FORMS, NOW_S), ended("Approved", "It goes on.")):
        text = markup.body.decode()
        for style in re.findall(r"<style>(.*?)</style>", text, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in markup.policy
        assert "unsafe" not in markup.policy
        assert not re.search(r"""<script|\bstyle=|\bsrc=|\bon\w+=|url\(|@import|http-equiv""", text)


def test_the_time_left_takes_the_answers_away() -> None:
    assert "<style>:root{--open:572s}</style>" in rendered(REFUND)
    late = page(shown(REFUND), FORMS, NOW_S + 600).body.decode()
    assert "<style>:root{--open:0s}</style>" in late


def test_what_became_of_a_request_is_told_without_markup_of_others() -> None:
    text = ended("<b>Approved</b>", "a & b\u200b").body.decode()
    assert "<h1>&lt;b&gt;Approved&lt;/b&gt;</h1>" in text
    assert "a &amp; b<span" in text


PLAIN = View(
    *("x", "x", "x", "destructive", ("x",)),
    arguments=(Argument("x", '"x"', "given"),),
    words=("x", "x"),
    request_lines=("x",),
    confirm_label="x",
    confirm_value="x",
)
BREAKOUTS = (
    "</style><script>",
    '"><img src=x onerror=1>',
    "<!--",
    "]]>",
    "&lt;",
    "\ud800",
    "</pre>",
)
NASTY = st.one_of(st.text(min_size=1, max_size=30), st.sampled_from(BREAKOUTS))


@given(name=NASTY, value=NASTY, word=NASTY)
def test_s25_nothing_in_a_call_becomes_an_element_of_the_page(
    name: str, value: str, word: str
) -> None:
    nasty = PLAIN._replace(
        tool=name,
        title=word,
        profile=value,
        rule_words=(word,),
        arguments=(Argument(name, json.dumps(value), "given"),),
        words=(word, value),
        request_lines=(value,),
        confirm_label=name,
        confirm_value=value,
    )
    told = ("span", "bdi", "br")
    assert [tag for tag in tags(nasty) if tag not in told] == [
        tag for tag in tags(PLAIN) if tag not in told
    ]
    assert hidden_character(rendered(nasty)) is None
