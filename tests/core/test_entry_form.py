"""What is known of a line by its bytes is what parsing it says; all else is parsed."""

import hashlib
from typing import Any

import pytest
from audit_logs import Log
from core.audit_samples import entries
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core import audit
from mcp_proxy.core.audit_check import Fault, SegmentCheck, is_compact
from mcp_proxy.core.entry_form import usual_entry, usual_row

TOLD = ("seq", "time", "kind", "hash", "clear", "row")
FIELDS = {kind: fields for kind, fields in entries() if kind in {"decided", "answered"}}
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.just({}))


def both(lines: list[bytes]) -> None:
    """A segment skimmed and parsed: the same entries, the same first fault."""
    skimmed, parsed = SegmentCheck(), SegmentCheck()
    for line in lines:
        quick, whole = skimmed.skim(line), parsed.feed(line)
        if isinstance(quick, Fault) or isinstance(whole, Fault):
            assert quick == whole
            return
        assert [quick.get(name) for name in TOLD if name in quick] == [
            whole.get(name) for name in TOLD if name in quick
        ]
        assert (skimmed.entries, skimmed.head) == (parsed.entries, parsed.head)
        if whole["kind"] == "decided":
            assert (quick["clear"], quick.get("row")) == (whole["clear"], whole.get("row"))


def chained(*items: tuple[str, dict[str, Any]], key: bytes | None = None) -> list[bytes]:
    mac = {"recipient": "ab" * 8, "wrapped": "x"} if key else None
    opened = audit.open_fields(1, {}, None, None, None, None, mac)
    lines, prev = [], audit.GENESIS
    for seq, (kind, fields) in enumerate((("open", opened), *items)):
        made = audit.chain(seq, seq, kind, fields, prev, key)
        lines.append(made.line[:-1])
        prev = made.hash
    return lines


@pytest.mark.parametrize("key", [None, b"key"])
def test_the_entries_that_the_proxy_writes_are_known_without_parsing(key: bytes | None) -> None:
    for kind, fields in FIELDS.items():
        line = chained((kind, fields), key=key)[1]
        end = line.rindex(b',"prev":')
        assert usual_entry(line, end, 1, key is not None) is not None
        assert usual_entry(line, end, 1, key is None) is None
        assert usual_entry(line, end, 2, key is not None) is None
    both(chained(*entries()[1:], key=key))


@given(st.sampled_from(sorted(FIELDS)), st.data())
def test_any_values_in_any_field_are_taken_as_parsing_takes_them(kind: str, data: Any) -> None:
    fields = dict(FIELDS[kind])
    for name in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)):
        if data.draw(st.booleans()):
            fields[name] = data.draw(VALUES)
        else:
            del fields[name]
    both(chained((kind, fields)))


@given(st.sampled_from(sorted(FIELDS)), st.data())
def test_bytes_put_into_a_body_whose_hash_fits_are_judged_as_parsing_judges(
    kind: str, data: Any
) -> None:
    opened, line = chained((kind, FIELDS[kind]))
    body = bytearray(line[: line.rindex(b',"hash":"')])
    at = data.draw(st.integers(0, len(body) - 75))
    new = data.draw(st.sampled_from([b'"', b"\\", b"\x00", b"\xff", b",", b"0", b"}", b" ", b""]))
    body[at : at + data.draw(st.integers(0, 2))] = new
    digest = hashlib.sha256(body).hexdigest().encode()
    both([opened, bytes(body) + b',"hash":"' + digest + b'"}'])


def test_an_entry_that_names_a_value_twice_is_refused_though_its_hash_fits() -> None:
    opened, line = chained(("decided", FIELDS["decided"]))
    body = line[: line.rindex(b',"hash":"')]
    for twice in (b'"clear":{"a":"1","a":"2"},"row"', b'"clear":{},"clear":{"b":"3"},"row"'):
        start, end = body.index(b'"clear":'), body.index(b',"row"') + len(b',"row"')
        changed = body[:start] + twice + body[end:]
        digest = hashlib.sha256(changed).hexdigest().encode()
        line = changed + b',"hash":"' + digest + b'"}'
        both([opened, line])
        check = SegmentCheck()
        check.feed(opened)
        assert check.skim(line) == Fault(2, "it is not written as entries are")


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=5), st.integers())))
def test_a_row_known_without_parsing_is_the_one_form_of_its_value(clear: dict[str, Any]) -> None:
    line = audit.clear_line(7, bytes(16), clear)[:-1]
    found = usual_row(line)
    assert found is None or (found["clear"] == clear and is_compact(found, line))


def test_rows_as_they_are_mostly_written_are_known_without_parsing() -> None:
    segment = Log().begin()
    segment.call(customer="cus_1")
    segment.call()
    assert all(usual_row(row.rstrip(b"\n")) is not None for row in segment.rows)


@pytest.mark.parametrize(
    "line",
    [
        b'{"seq":01,"key":"00","clear":{}}',
        b'{"seq":1,"key":"00","clear":{"a":"1","a":"1"}}',
        b'{"seq":1,"key":"00","clear":{"a":"1",}}',
        b'{"seq":1,"key":"00","clear":{"a":"1""b":"2"}}',
        b'{"seq":1,"key":"00","clear":{"a":"\x01"}}',
        b'{"seq":1,"key":"00","clear":{"a":"\xff"}}',
    ],
)
def test_a_row_that_is_not_json_or_names_a_value_twice_is_not_known(line: bytes) -> None:
    assert usual_row(line) is None
