"""The DSSE envelope: every spelling is read, one is written; securesystemslib is the oracle."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OracleEnvelope
from securesystemslib.signer import CryptoSigner
from securesystemslib.signer import Signature as OracleSignature

from mcp_proxy.core.envelope import (
    Envelope,
    Signature,
    dump_envelope,
    pae,
    parse_canonical,
    parse_envelope,
)
from mcp_proxy.errors import ProfileError

ENVELOPES = st.builds(
    Envelope,
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.lists(
        st.builds(Signature, st.text("0123456789abcdef"), st.binary(max_size=64)),
        min_size=1,
        max_size=4,
    ).map(tuple),
)


def refused(data: bytes) -> str:
    with pytest.raises(ProfileError) as caught:
        parse_envelope(data)
    return caught.value.id


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_pae_equals_the_reference_implementation(kind: str, payload: bytes) -> None:
    assert pae(kind, payload) == OracleEnvelope(payload, kind, {}).pae()


@given(ENVELOPES)
def test_the_canonical_form_is_read_back_by_both_readers(envelope: Envelope) -> None:
    data = dump_envelope(envelope)
    assert parse_envelope(data) == envelope
    assert parse_canonical(data) == envelope


def test_the_canonical_form_has_its_exact_bytes() -> None:
    data = dump_envelope(Envelope("a/b", b"{}\n", (Signature("0f", b"\xff\xfe"),)))
    assert data == (
        b'{"payloadType":"a/b","payload":"e30K","signatures":[{"keyid":"0f","sig":"//4="}]}'
    )


@given(ENVELOPES, st.data())
def test_whatever_is_read_as_canonical_is_its_own_encoding(
    envelope: Envelope, draw: st.DataObject
) -> None:
    data = dump_envelope(envelope)
    position = draw.draw(st.integers(0, len(data)))
    for changed in (data[:position] + b" " + data[position:], data + b"\n", data[:-1]):
        try:
            read = parse_canonical(changed)
        except ProfileError:
            continue
        assert dump_envelope(read) == changed


def test_an_empty_payload_whose_quotation_marks_are_one_is_not_canonical() -> None:
    data = dump_envelope(Envelope("kind", b"", (Signature("ab", b"s" * 64),)))
    assert parse_canonical(data).payload == b""
    with pytest.raises(ProfileError):
        parse_canonical(data.replace(b'"payload":"","', b'"payload":","'))


def test_unused_bits_of_base64_are_not_canonical() -> None:
    data = dump_envelope(Envelope("t", b"1", (Signature("", b"22"),)))
    assert b'"MQ=="' in data
    changed = data.replace(b'"MQ=="', b'"MR=="')
    assert parse_envelope(changed).payload == b"1"
    with pytest.raises(ProfileError) as caught:
        parse_canonical(changed)
    assert caught.value.id == "MCPX-P10"


def test_whitespace_key_order_unknown_keys_and_url_safe_base64_are_read() -> None:
    payload = bytes(range(256))
    sig = b"\xfb\xff" * 32
    row = {
        "extra": {"ignored": True},
        "signatures": [{"sig": base64.urlsafe_b64encode(sig).decode(), "cert": "x"}],
        "payload": base64.urlsafe_b64encode(payload).decode().rstrip("="),
        "payloadType": "t",
    }
    assert parse_envelope(json.dumps(row, indent=3).encode()) == Envelope(
        "t", payload, (Signature("", sig),)
    )


def test_an_envelope_of_the_reference_implementation_is_read() -> None:
    made = OracleEnvelope(b"payload", "t", {})
    made.sign(CryptoSigner.generate_ed25519())
    read = parse_envelope(json.dumps(made.to_dict()).encode())
    assert (read.payload_type, read.payload) == ("t", b"payload")
    assert [item.keyid for item in read.signatures] == list(made.signatures)


def test_our_envelope_is_read_by_the_reference_implementation() -> None:
    data = dump_envelope(Envelope("t", b"payload", (Signature("ab", b"s" * 64),)))
    read = OracleEnvelope.from_dict(json.loads(data))
    assert read.payload == b"payload"
    assert read.signatures == {"ab": OracleSignature("ab", (b"s" * 64).hex())}


@pytest.mark.parametrize(
    "data",
    [
        b'{"payloadType":"t","payload":"e30K","signatures":[]}',
        b'{"payloadType":"t","payload":"e30K"}',
        b'{"profile":"billing"}',
        b'{"profile":"billing","version":1}\n[]\n',
    ],
)
def test_unsigned_is_told_apart_from_malformed(data: bytes) -> None:
    assert refused(data) == "MCPX-P01"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"profile: billing\n",
        b"[]",
        b"\xff\xfe",
        b'{"payloadType":1,"payload":"e30K","signatures":[{"sig":""}]}',
        b'{"payloadType":"t","payload":"e3 0K","signatures":[{"sig":""}]}',
        b'{"payloadType":"t","payload":"e30K","signatures":[{"keyid":"a"}]}',
        b'{"payloadType":"t","payload":"e30K","signatures":["a"]}',
        b'{"payloadType":"t","payload":"e30K","payload":"e30K","signatures":[{"sig":""}]}',
        b'{"payloadType":"t","payload":"e30K","signatures":[%b]}' % b",".join([b'{"sig":""}'] * 17),
        b"[" * 100_000,
    ],
)
def test_malformed_is_refused(data: bytes) -> None:
    assert refused(data) == "MCPX-P10"
