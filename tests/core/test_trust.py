"""The trust ladder: one error for each way in which a profile is not what it should be."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope as OracleEnvelope
from securesystemslib.signer import CryptoSigner
from trust_samples import NOW_S, OTHER_SEED, SEED, keys, payload, record, trusted

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import Envelope, Signature, dump_envelope, pae, parse_envelope
from mcp_proxy.core.profile import PAYLOAD_TYPE, Profile
from mcp_proxy.core.seen import Seen
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.core.trust import check_record, verify_arrival, verify_profile
from mcp_proxy.core.trust_store import TrustedKey
from mcp_proxy.errors import ProfileError


def verify(
    data: bytes,
    known: dict[str, TrustedKey] | None = None,
    seen: Seen | None = None,
    name: str = "billing",
    now_s: float = NOW_S,
) -> Profile:
    known = keys() if known is None else known
    return verify_profile(data, name, known, seen or record(payload()), now_s)


def refusal(data: bytes, **more: object) -> str:
    with pytest.raises(ProfileError) as caught:
        verify(data, **more)
    return caught.value.id


def arrival_refusal(data: bytes, known: dict[str, TrustedKey] | None = None) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        verify_arrival(data, keys() if known is None else known, NOW_S)
    return caught.value


def signed(*seeds: bytes, data: bytes | None = None, kind: str = PAYLOAD_TYPE) -> bytes:
    body = payload() if data is None else data
    signatures = tuple(
        Signature(
            trusted(seed).keyid,
            Ed25519PrivateKey.from_private_bytes(seed).sign(pae(kind, body)),
        )
        for seed in seeds
    )
    return dump_envelope(Envelope(kind, body, signatures))


def test_s4_a_signed_profile_in_scope_is_accepted() -> None:
    profile = verify(sign_payload(payload(), SEED))
    assert profile.header.profile == "billing"
    assert profile.digest == sha256_hex(payload())
    assert profile.signer == trusted().keyid


def test_signing_has_its_exact_bytes() -> None:
    data = sign_payload(b"{}\n[]\n", SEED)
    assert data == (
        b'{"payloadType":"application/vnd.mcp-proxy.profile.v1+jsonl","payload":"e30KW10K",'
        b'"signatures":[{"keyid":"56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"'
        b',"sig":"'
        b"%b" % parse_sig(data) + b'"}]}'
    )


def parse_sig(data: bytes) -> bytes:
    return json.loads(data)["signatures"][0]["sig"].encode()


def test_a_payload_without_signature_is_unsigned() -> None:
    assert refusal(payload()) == "MCPX-P01"
    assert refusal(dump_envelope(Envelope(PAYLOAD_TYPE, payload(), ()))) == "MCPX-P01"


def test_tampered_payload_is_a_bad_signature() -> None:
    envelope = parse_envelope(sign_payload(payload(), SEED))
    forged = envelope._replace(payload=payload(url="https://evil.example"))
    assert refusal(dump_envelope(forged)) == "MCPX-P02"
    assert arrival_refusal(dump_envelope(forged)).id == "MCPX-P02"


def test_unknown_signer_is_named() -> None:
    error = arrival_refusal(sign_payload(payload(), OTHER_SEED))
    assert error.id == "MCPX-P03"
    assert trusted(OTHER_SEED).keyid in error.why
    assert refusal(sign_payload(payload(), OTHER_SEED)) == "MCPX-P03"
    assert refusal(sign_payload(payload(), SEED), known={}) == "MCPX-P03"


def test_signer_of_another_profile_name_is_not_allowed() -> None:
    other = keys(trusted(SEED, "support-*"))
    assert refusal(sign_payload(payload(), SEED), known=other) == "MCPX-P04"
    error = arrival_refusal(sign_payload(payload(), SEED), other)
    assert error.id == "MCPX-P04"
    assert error.next == "mcp-proxy trust add KEY-LINE --profiles billing"


def test_signature_over_another_type_is_no_profile() -> None:
    data = signed(SEED, kind="application/vnd.in-toto+json")
    assert refusal(data) == "MCPX-P05"
    assert arrival_refusal(data).id == "MCPX-P05"


def test_type_swapped_under_a_signature_is_a_bad_signature() -> None:
    envelope = parse_envelope(signed(SEED, kind="application/vnd.in-toto+json"))
    swapped = dump_envelope(envelope._replace(payload_type=PAYLOAD_TYPE))
    assert refusal(swapped) == "MCPX-P02"


def test_expired_profile_is_refused_after_its_last_second() -> None:
    data = payload(expires=int(NOW_S))
    seen = record(data)
    verify(sign_payload(data, SEED), seen=seen, now_s=NOW_S + 0.9)
    assert refusal(sign_payload(data, SEED), seen=seen, now_s=NOW_S + 1) == "MCPX-P06"
    with pytest.raises(ProfileError, match="expired"):
        verify_arrival(sign_payload(data, SEED), keys(), NOW_S + 1)


def test_s3_replayed_older_profile_is_refused() -> None:
    old = sign_payload(payload(version=2), SEED)
    assert refusal(old) == "MCPX-P07"


def test_s3_same_version_with_other_bytes_is_refused() -> None:
    assert refusal(sign_payload(payload(title="Other"), SEED)) == "MCPX-P08"


def test_s3_installed_profile_without_its_record_is_refused() -> None:
    with pytest.raises(ProfileError) as caught:
        verify_profile(sign_payload(payload(), SEED), "billing", keys(), None, NOW_S)
    assert caught.value.id == "MCPX-P13"


def test_s3_installed_profile_newer_than_its_record_is_refused() -> None:
    assert refusal(sign_payload(payload(version=4), SEED)) == "MCPX-P13"


def test_profile_of_a_newer_format_is_told_apart() -> None:
    lines = payload().split(b"\n")
    header = json.loads(lines[0])
    header["requires"] = ["telepathy"]
    data = b"\n".join([json.dumps(header).encode(), *lines[1:]])
    assert refusal(sign_payload(data, SEED)) == "MCPX-P09"


def test_signed_rubbish_is_malformed() -> None:
    assert refusal(sign_payload(b"rubbish", SEED)) == "MCPX-P10"


def test_unverified_bytes_are_never_parsed() -> None:
    rubbish = parse_envelope(sign_payload(payload(), SEED))._replace(payload=b"rubbish")
    assert refusal(dump_envelope(rubbish)) == "MCPX-P02"


def test_s4_profile_under_another_name_is_refused() -> None:
    other = keys(trusted(SEED, "billing", "support"))
    assert refusal(sign_payload(payload(), SEED), known=other, name="support") == "MCPX-P12"


def test_s2_profile_of_another_root_is_refused() -> None:
    seen = record(payload(), root=("repository", "https://example.com"))
    assert refusal(sign_payload(payload(), SEED), seen=seen) == "MCPX-P14"


def test_each_signature_of_an_installed_file_must_count() -> None:
    both = signed(SEED, OTHER_SEED)
    verify(both, known=keys(trusted(), trusted(OTHER_SEED)))
    assert refusal(both) == "MCPX-P03"
    assert refusal(both, known=keys(trusted(), trusted(OTHER_SEED, "support"))) == "MCPX-P04"


def test_arrival_keeps_only_signatures_that_count() -> None:
    arrival = verify_arrival(signed(OTHER_SEED, SEED), keys(), NOW_S)
    assert arrival.signed_by == (trusted().keyid,)
    assert arrival.envelope == sign_payload(payload(), SEED)
    out_of_scope = keys(trusted(), trusted(OTHER_SEED, "support"))
    assert verify_arrival(signed(OTHER_SEED, SEED), out_of_scope, NOW_S) == arrival


def test_arrival_with_one_bad_signature_of_a_known_key_is_refused() -> None:
    envelope = parse_envelope(signed(SEED, OTHER_SEED))
    bad = envelope.signatures[1]._replace(sig=bytes(64))
    data = dump_envelope(envelope._replace(signatures=(envelope.signatures[0], bad)))
    assert arrival_refusal(data, keys(trusted(), trusted(OTHER_SEED))).id == "MCPX-P02"


def test_arrival_of_the_reference_implementation_is_accepted_and_rewritten() -> None:
    made = OracleEnvelope(payload(), PAYLOAD_TYPE, {})
    made.sign(CryptoSigner(Ed25519PrivateKey.from_private_bytes(SEED)))
    arrival = verify_arrival(json.dumps(made.to_dict(), indent=2).encode(), keys(), NOW_S)
    assert arrival.envelope == sign_payload(payload(), SEED)


def test_a_strangers_key_id_is_not_echoed_when_it_is_no_id() -> None:
    envelope = parse_envelope(sign_payload(payload(), OTHER_SEED))
    odd = envelope.signatures[0]._replace(keyid="\x1b[31mtrusted")
    error = arrival_refusal(dump_envelope(envelope._replace(signatures=(odd,))))
    assert error.id == "MCPX-P03"
    assert "\x1b" not in error.why


def test_newer_version_passes_the_record_check() -> None:
    newer = verify_arrival(sign_payload(payload(version=4), SEED), keys(), NOW_S)
    check_record(newer.profile, record(payload()))


def test_every_flipped_byte_of_an_installed_envelope_is_refused() -> None:
    data = sign_payload(payload(), SEED)
    known, seen = keys(), record(payload())
    for position in range(len(data)):
        for mask in (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF):
            changed = bytearray(data)
            changed[position] ^= mask
            with pytest.raises(ProfileError):
                verify_profile(bytes(changed), "billing", known, seen, NOW_S)


def test_every_shortened_envelope_is_refused() -> None:
    data = sign_payload(payload(), SEED)
    for length in range(len(data)):
        assert refusal(data[:length]) in {"MCPX-P01", "MCPX-P10"}
