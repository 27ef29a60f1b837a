"""JSON that two parsers could read differently is refused, with a reason."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.strict_json import Refused, _check_depth, _is_shallow, dumps, loads

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-LIMITS.integer_max, LIMITS.integer_max),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def reason(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        loads(data)
    return caught.value.reason


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    line = dumps(value)
    assert b"\n" not in line
    assert loads(line) == value


@pytest.mark.parametrize(
    "data",
    [b'{"a":1,"a":1}', b'{"a":1,"b":{"c":1,"c":2}}', b'[{"a":1,"\\u0061":2}]'],
)
def test_s25_a_key_named_twice_is_refused(data: bytes) -> None:
    assert reason(data) == "duplicate"


@pytest.mark.parametrize(
    "digits",
    ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", str(2**63), str(-(2**63)), "9" * 5000],
)
def test_s25_a_number_that_no_double_or_64_bits_hold_is_refused(digits: str) -> None:
    assert reason(digits.encode()) == "number"
    assert reason(f'{{"a":[{digits}]}}'.encode()) == "number"


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63 - 1), 0, -1])
def test_64_bit_integers_are_exact(number: int) -> None:
    assert loads(str(number).encode()) == number


def test_a_long_run_of_leading_zeros_is_no_number() -> None:
    assert reason(b"00") == "parse"


def test_s25_nesting_has_a_bound() -> None:
    assert loads(nested(LIMITS.json_depth)) is not None
    assert reason(nested(LIMITS.json_depth + 1)) == "depth"
    deep = b'{"a":' * (LIMITS.json_depth + 1) + b"1" + b"}" * (LIMITS.json_depth + 1)
    assert reason(deep) == "depth"


def test_s25_nesting_beyond_the_interpreters_stack_is_refused_not_a_crash() -> None:
    assert reason(nested(200_000)) == "depth"
    assert reason(b'{"a":' * 200_000) == "depth"


def test_a_wide_text_is_not_a_deep_one() -> None:
    wide = b"[" + b"[]," * 500 + b"[]]"
    assert len(loads(wide)) == 501


@pytest.mark.parametrize("data", [b'"\\ud800"', b'{"\\udc00":1}', b'["x\\ud83dx"]'])
def test_s25_half_a_character_is_refused(data: bytes) -> None:
    assert reason(data) == "text"


def test_a_surrogate_pair_is_one_character() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" ", b"{", b"{'a':1}", b"[1,]", b"1 2", b'"\xff"', b"\xff\xfe1\x00", b'"\n"'),
        *(b"\x00", b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b"// no\n{}", b"+1", b".5", b"True"),
    ],
)
def test_what_is_not_json_in_utf_8_is_refused(data: bytes) -> None:
    assert reason(data) == "parse"


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = loads(data)
    except Refused:
        return
    assert json.loads(data) == value


@given(st.binary())
def test_a_refusal_never_repeats_the_text(data: bytes) -> None:
    planted = b'{"token":"hunter2-secret","x":' + data
    with pytest.raises(Refused) as caught:
        loads(planted)
    assert "hunter2" not in str(caught.value)


def test_numbers_that_json_does_not_have_are_not_written() -> None:
    for number in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError):
            dumps({"a": number})


def test_text_that_has_no_utf_8_is_written_with_replacements() -> None:
    assert json.loads(dumps("a\ud800b")) == "a?b"


@given(VALUES, st.integers(0, 90), st.sampled_from([b'{"a":', b"[", b'[{"]":', b'["[",']))
def test_a_quick_look_at_the_depth_says_what_the_slow_one_says(
    value: Any, depth: int, piece: bytes
) -> None:
    ends = {b"{": b"}", b"[": b"]"}
    openings = [bytes([byte]) for byte in piece.replace(b'"["', b"").replace(b'"]"', b"")]
    end = b"".join(ends[byte] for byte in reversed(openings) if byte in ends)
    data = piece * depth + dumps([value]) + end * depth
    try:
        _check_depth(json.loads(data))
        is_deep = False
    except Refused:
        is_deep = True
    assert not (_is_shallow(data) and is_deep)
    assert is_deep or b'"' in data or _is_shallow(data)


@given(st.integers(0, 10**22), st.sampled_from([1, -1]))
def test_an_integer_is_refused_by_its_size_alone(number: int, sign: int) -> None:
    number *= sign
    data = dumps({"a": [number, 1]})
    assert loads(data, wide_integers=True) == {"a": [number, 1]}
    if abs(number) > LIMITS.integer_max:
        assert reason(data) == "number"
    else:
        assert loads(data) == {"a": [number, 1]}
