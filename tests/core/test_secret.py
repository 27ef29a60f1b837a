"""Secrets: fit for a header, never in a repr."""

import base64
import pickle
import traceback

import pytest

from mcp_proxy.core.binding import make_binding
from mcp_proxy.core.credential_item import Item, dump_item, parse_item
from mcp_proxy.core.secret import Secret, check_secret, header_value

CANARY = "canary-7f3a"


def test_a_secret_is_in_no_text_of_itself() -> None:
    secret = Secret(CANARY)
    item = Item(make_binding("bearer", None, ["https://a.example"], "", []), secret)
    for text in (repr(secret), str(secret), f"{secret}", repr(item), repr([secret])):
        assert CANARY not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bearer", "abc.DEF-1_2~+/=", "Bearer abc.DEF-1_2~+/="),
        ("basic", "user:pass", "Basic dXNlcjpwYXNz"),
        ("basic", "u:", "Basic dTo="),
        ("header", "Token abc", "Token abc"),
    ],
)
def test_a_secret_becomes_its_header(kind: str, text: str, value: str) -> None:
    assert header_value(kind, check_secret(kind, text)) == value


def test_a_basic_password_is_sent_as_utf_8() -> None:
    value = header_value("basic", check_secret("basic", "user:pässword: 1"))
    assert base64.b64decode(value.removeprefix("Basic ")).decode() == "user:pässword: 1"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bearer", ""),
        ("bearer", f"{CANARY}\r\nX-Evil: 1"),
        ("bearer", f"{CANARY}\n"),
        ("bearer", f"Bearer {CANARY}"),
        ("bearer", f"{CANARY}ü"),
        ("header", f" {CANARY}"),
        ("header", f"{CANARY} "),
        ("header", f"{CANARY}\t"),
        ("header", f"{CANARY}\0"),
        ("header", f"{CANARY}ü"),
        ("basic", CANARY),
        ("basic", f"user:{CANARY}\n"),
        ("basic", f"user:{CANARY}\x85"),
    ],
)
def test_a_secret_that_no_header_can_hold_is_refused_without_quoting_it(
    kind: str, text: str
) -> None:
    with pytest.raises(ValueError) as caught:
        check_secret(kind, text)
    assert CANARY not in "".join(traceback.format_exception_only(caught.value))


def test_an_item_survives_its_stored_form() -> None:
    binding = make_binding("basic", None, ["https://a.example"], "/v1", [("billing", "keys")])
    item = Item(binding, Secret("user:pässword"))
    assert parse_item(dump_item(item)) == item


def test_the_stored_form_is_fixed() -> None:
    binding = make_binding("bearer", None, ["https://a.example"], "", [("billing", "keys")])
    assert dump_item(Item(binding, Secret("t"))) == (
        '{"v":1,"kind":"bearer","header":"Authorization","origins":["https://a.example"],"path":"",'
        '"profiles":[["billing","keys"]],"secret":"t"}'
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        CANARY,
        "[]",
        "{}",
        (
            '{"v":2,"kind":"bearer","header":"Authorization","origins":["https://a.example"],"path":"",'
            '"profiles":[],"secret":"canary-7f3a"}'
        ),
        (
            '{"v":1,"kind":"bearer","header":"Authorization","origins":["https://a.example"],"path":"",'
            '"profiles":[],"secret":"canary-7f3a","extra":1}'
        ),
        (
            '{"v":1,"kind":"bearer","header":"Authorization","origins":["https://a.example"],"path":"",'
            '"profiles":[],"secret":"canary-7f3a","secret":"x"}'
        ),
        (
            '{"v":1,"kind":"bearer","header":"Authorization","origins":["https://a.example"],"path":"",'
            '"profiles":[]}'
        ),
        "\udc80",
    ],
)
def test_a_damaged_item_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_item(text)
    assert CANARY not in str(caught.value)
