"""The version records."""

import pytest
from trust_samples import payload, record

from mcp_proxy.core.digest import with_checksum
from mcp_proxy.core.seen import dump_seen, parse_seen
from mcp_proxy.errors import HomeError


def test_records_are_read_back() -> None:
    records = {"billing": record(payload()), "support": record(payload("support"), 9)}
    assert parse_seen(dump_seen(records)) == records


def test_s3_every_flipped_byte_of_the_records_is_noticed() -> None:
    data = dump_seen({"billing": record(payload())})
    for position in range(len(data)):
        for mask in (0x01, 0x10, 0x20, 0xFF):
            changed = bytearray(data)
            changed[position] ^= mask
            with pytest.raises(HomeError):
                parse_seen(bytes(changed))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":1}', b'{"a":{"version":true}}'])
def test_rubbish_behind_a_right_checksum_is_refused(body: bytes) -> None:
    with pytest.raises(HomeError):
        parse_seen(with_checksum(body))
