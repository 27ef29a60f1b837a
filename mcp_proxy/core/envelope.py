"""The DSSE envelope (secure-systems-lab/dsse, protocol 1.0.2): parsed, and written one way.

Key ids and base64 spelling are hints in DSSE. The canonical form has one spelling of everything, so
that an installed file can be compared byte for byte with its own re-encoding.
"""

import binascii
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.errors import ProfileError

MAX_SIGNATURES = 16

_KIND = b'{"payloadType":'
_PAYLOAD = b',"payload":"'
_SIGNATURES = b'","signatures":'


class Signature(NamedTuple):
    """One signature: 64 raw bytes; `keyid` as the file has it, "" where it has none."""

    keyid: str
    sig: bytes


class Envelope(NamedTuple):
    """A parsed envelope, nothing of it verified."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse_envelope(data: bytes) -> Envelope:
    """Any DSSE JSON to an envelope; unknown keys are passed over, as DSSE asks.

    Raises:
        ProfileError: P01 there is no signature, P10 malformed.
    """
    row = _parse_object(data)
    kind, payload, rows = row.get("payloadType"), row.get("payload"), row.get("signatures")
    if not rows:
        raise ProfileError("MCPX-P01", "The profile is not signed: it has no signature.")
    if not isinstance(kind, str) or not isinstance(payload, str) or not isinstance(rows, list):
        raise _malformed("its envelope lacks a part")
    if len(rows) > MAX_SIGNATURES:
        raise _malformed(f"it has more than {MAX_SIGNATURES} signatures")
    return Envelope(kind, _decode(payload), tuple(_parse_signature(item) for item in rows))


def dump_envelope(envelope: Envelope) -> bytes:
    """The canonical form: compact, fixed key order, standard base64 with padding, no newline."""
    before, after = _around(envelope.payload_type, envelope.signatures)
    return before + _encode(envelope.payload) + after


def parse_canonical(data: bytes) -> Envelope:
    """Bytes that `dump_envelope` wrote, and no others; quicker than `parse_envelope`.

    Raises:
        ProfileError: P01 there is no signature, P10 damaged or in another spelling.
    """
    start = data.find(_PAYLOAD) + len(_PAYLOAD)
    end = data.rfind(_SIGNATURES)
    try:
        kind = strict_json.loads(data[len(_KIND) : start - len(_PAYLOAD)])
        rows = strict_json.loads(data[end + len(_SIGNATURES) : -1])
        signatures = tuple(_parse_signature(row) for row in rows)
        encoded = data[start:end]
        # Strict decoding leaves only the unused bits of the last characters without a check.
        payload = binascii.a2b_base64(encoded, strict_mode=True)
        last = encoded[-4:] == _encode(payload[-(len(payload) % 3 or 3) :])
        before, after = _around(kind, signatures)
        # Apart, for the two texts could share a quotation mark.
        apart = start <= end and data[:start] == before and data[end:] == after
        exact = signatures and last and apart
    except (ValueError, TypeError, ProfileError):
        exact = False
    if not exact:
        parse_envelope(data)
        raise _malformed("it is not as install wrote it")
    return Envelope(kind, payload, signatures)


def _around(kind: str, signatures: tuple[Signature, ...]) -> tuple[bytes, bytes]:
    """The canonical form's bytes before and after the encoded payload."""
    rows = [{"keyid": item.keyid, "sig": _encode(item.sig).decode()} for item in signatures]
    before = _KIND + strict_json.dumps(kind) + _PAYLOAD
    return before, _SIGNATURES + strict_json.dumps(rows) + b"}"


def _parse_object(data: bytes) -> dict[str, Any]:
    try:
        value = strict_json.loads(data)
    except strict_json.Refused:
        if _is_bare_payload(data):
            raise ProfileError("MCPX-P01", "This is a payload that nobody has signed.") from None
        raise _malformed("its envelope is not JSON") from None
    if not isinstance(value, dict):
        raise _malformed("its envelope is not an object")
    return value


def _is_bare_payload(data: bytes) -> bool:
    try:
        header = strict_json.loads(data.split(b"\n", 1)[0])
    except strict_json.Refused:
        return False
    return isinstance(header, dict) and "profile" in header


def _parse_signature(row: Any) -> Signature:
    if not isinstance(row, dict) or not isinstance(row.get("sig"), str):
        raise _malformed("a signature lacks its bytes")
    keyid = row.get("keyid")
    return Signature(keyid if isinstance(keyid, str) else "", _decode(row["sig"]))


def _decode(text: str) -> bytes:
    # DSSE lets a producer choose standard or URL-safe base64.
    standard = text.replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
    except ValueError:
        raise _malformed("a part of its envelope is not base64") from None


def _encode(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _malformed(reason: str) -> ProfileError:
    return ProfileError("MCPX-P10", f"The profile's file is damaged or malformed: {reason}.")
