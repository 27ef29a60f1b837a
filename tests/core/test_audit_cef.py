"""CEF lines: a reader of the format, written from its specification, gets back what was put in."""

import json
import re
from typing import Any

from core.audit_samples import segment
from core.test_audit_events import decided, entry, told
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit_cef import cef_line
from mcp_proxy.core.audit_events import LEDGER

HOME = "ab" * 16
ANY_TEXT = st.text(max_size=40) | st.text(alphabet="\\|=\n\r \tcs1a", max_size=40)
VISIBLE = st.text(
    alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], include_characters="\n\r"),
    max_size=40,
) | st.text(alphabet="\\|=\n\r cs1a", max_size=40)


def parsed(line: str) -> tuple[list[str], dict[str, str]]:
    """The header's eight parts and the extension's pairs."""
    parts = re.split(r"(?<!\\)((?:\\\\)*)\|", line, maxsplit=7)
    heads = [parts[at] + parts[at + 1] for at in range(0, 14, 2)]
    rest = parts[14]
    pairs: dict[str, str] = {}
    found = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", rest))
    marks = [match for match in found if not _is_escaped(rest, match.end() - 1)]
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        value = rest[mark.end() : len(rest) if after is None else after.start()]
        assert mark[1] not in pairs
        pairs[mark[1]] = _plain(value)
    return [_plain(head) for head in heads], pairs


def _is_escaped(text: str, at: int) -> bool:
    return (len(text[:at]) - len(text[:at].rstrip("\\"))) % 2 == 1


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), text)


def line_of(made: dict[str, Any], source: str = "S") -> str:
    return cef_line(told(made, source=source)[0], "0.1.0", HOME)


def test_a_call_has_its_parts_under_the_keys_of_the_dictionary() -> None:
    events = told(*map(json.loads, segment().splitlines()), source="ULID")
    heads, pairs = parsed(cef_line(events[1], "0.1.0", HOME))
    assert heads == [
        *("CEF:0", "mcp-proxy", "mcp-proxy", "0.1.0", "call.allow"),
        *("find_invoices: allow by allow, ok", "2"),
    ]
    assert pairs == {
        "deviceExternalId": HOME,
        "rt": "1800000000124",
        "externalId": "ULID:1",
        "cat": "decided",
        "act": "allow",
        "outcome": "ok",
        "reason": "allow",
        "app": "find_invoices",
        "destinationServiceName": "billing-api",
        "requestClientApplication": "host\\x1b[31m",
        "dvcpid": "4711",
        "in": "512",
        "cs1": "billing",
        "cs1Label": "profile",
        "cs2": "read",
        "cs2Label": "effect",
        "cs3": "allow",
        "cs3Label": "rule",
        "cs4": events[1].entry["trace"],
        "cs4Label": "trace",
        "cs6": events[1].end["hash"],
        "cs6Label": "hash",
        "cn1": "38",
        "cn1Label": "milliseconds",
        "cn2": "200",
        "cn2Label": "httpStatus",
    }


def test_a_denied_call_is_graver_and_tells_why() -> None:
    heads, pairs = parsed(line_of(decided(1, "deny", rule="limit", error="MCPX-D13")))
    assert (heads[4], heads[6], pairs["reason"]) == ("call.deny", "6", "MCPX-D13")


def test_an_administrative_command_tells_its_facts() -> None:
    made = entry(1, "admin", what="trust add", facts={"key": "ab", "profiles": "a=b"})
    heads, pairs = parsed(line_of(made, LEDGER))
    assert (heads[4], heads[5]) == ("admin", "admin trust add")
    assert pairs["cs5"] == "key=ab, profiles=a=b"


@given(VISIBLE, VISIBLE, VISIBLE)
def test_what_is_put_in_comes_out_again(tool: str, rule: str, fact: str) -> None:
    heads, pairs = parsed(line_of(decided(1, "deny", tool=tool or None, rule=rule)))
    assert pairs["cs3"] == rule
    assert pairs.get("app") == (tool or None)
    assert re.sub(r"[\r\n]+", " ", rule) in heads[5]
    _, pairs = parsed(line_of(entry(1, "admin", what="x", facts={"a": fact}), LEDGER))
    assert pairs["cs5"] == f"a={fact}"


@given(ANY_TEXT, ANY_TEXT.filter(bool))
def test_no_text_breaks_the_line_or_makes_a_key(tool: str, rule: str) -> None:
    usual = parsed(line_of(decided(1, "deny", tool="t", rule="r")))[1].keys()
    line = line_of(decided(1, "deny", tool=tool, rule=rule))
    assert len(line.splitlines()) == 1
    assert line.isprintable() or not any(ord(char) < 0x20 or ord(char) == 0x7F for char in line)
    heads, pairs = parsed(line)
    assert (len(heads), pairs.keys()) == (7, usual)
    line.encode()
