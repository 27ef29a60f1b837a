"""A head in one line, for elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_anchor import anchor_text, parse_anchor


@given(st.integers(0, 10**14), st.binary(min_size=32, max_size=32))
def test_every_head_is_read_as_it_was_written(seq: int, digest: bytes) -> None:
    head = Head(seq, digest.hex())
    assert parse_anchor(anchor_text(head)) == head
    assert anchor_text(head) == f"{seq + 1} {digest.hex()}"


HASH = "a" * 64
NONE = ("", "1", f"0 {HASH}", f"-1 {HASH}", f"1 {HASH.upper()}", f"1  {HASH}", f"1 {HASH}a")
MORE = (f"٣ {HASH}", f"1 {HASH}\n2", f"{'9' * 16} {HASH}", f"01 {HASH}")


@pytest.mark.parametrize("text", [*NONE, *MORE])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="SIZE HASH"):
        parse_anchor(text)
