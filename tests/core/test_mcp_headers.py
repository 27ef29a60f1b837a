"""Header values of streamable HTTP, 2026-07-28: plain where they can be, else base64."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.mcp_headers import encode_header_value, name_header, parameter_headers


@pytest.mark.parametrize("text", ["", "a", "find_invoices", "a b\tc", "=?utf8?x?=", "=?base64?x"])
def test_printable_ascii_stays_plain(text: str) -> None:
    assert encode_header_value(text) == text


@pytest.mark.parametrize(
    "text", [" a", "a ", "\ta", "ü", "a\r\nb", "\x00", "=?base64?eA==?=", "\x7f"]
)
def test_everything_else_is_encoded(text: str) -> None:
    encoded = encode_header_value(text)
    assert encoded.startswith("=?base64?")
    assert base64.b64decode(encoded[9:-2]).decode() == text


@given(st.text())
def test_s11_no_value_breaks_out_of_its_header(text: str) -> None:
    encoded = encode_header_value(text)
    assert encoded.isascii()
    assert not set(encoded) & set("\r\n\x00")
    assert encoded == encoded.strip()


def test_names_and_numbers() -> None:
    assert name_header("tool") == ("Mcp-Name", "tool")
    pairs = parameter_headers({"a": -5, "b": False, "c": None}, {"/a": "A", "/b": "B", "/c": "C"})
    assert pairs == (("Mcp-Param-A", "-5"), ("Mcp-Param-B", "false"))


def test_s11_a_header_name_that_is_no_token_is_refused() -> None:
    with pytest.raises(ValueError):
        parameter_headers({"a": "x"}, {"/a": "A\r\nHost: evil"})
