"""The trust ladder: envelope bytes in, a verified profile out, or one error that says why not.

Each rung has an error id of its own. Nothing of the payload is parsed before a trusted key's
signature over exactly those bytes has been checked.
"""

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import (
    Envelope,
    Signature,
    dump_envelope,
    pae,
    parse_canonical,
    parse_envelope,
)
from mcp_proxy.core.profile import PAYLOAD_TYPE, Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.seen import PINNED_KEYS, Seen
from mcp_proxy.core.trust_store import TrustedKey, may_sign
from mcp_proxy.errors import ProfileError

TrustedKeys = dict[str, TrustedKey]


class Arrival(NamedTuple):
    """A verified profile, its canonical envelope, and the ids of the keys that count for it."""

    profile: Profile
    envelope: bytes
    signed_by: tuple[str, ...]


def verify_profile(  # noqa: PLR0913  (the root by its name)
    data: bytes,
    name: str,
    keys: TrustedKeys,
    seen: Seen | None,
    now_s: float,
    *,
    root: tuple[str, ...] = PINNED_KEYS,
) -> Profile:
    """The installed file of `name` to its profile; every signature must be valid and in scope.

    `now_s` is seconds since the epoch; `keys` are those that `root` lets sign.

    Raises:
        ProfileError: P01 to P10, P12 to P14, P17, the first that applies.
    """
    envelope = parse_canonical(data)
    _check_type(envelope)
    signed = pae(envelope.payload_type, envelope.payload)
    for signature in envelope.signatures:
        _check_signature(signed, signature, name, keys)
    signers = tuple(signature.keyid for signature in envelope.signatures)
    profile = _parse_verified(envelope, signers[0])
    if profile.header.profile != name:
        raise ProfileError(
            "MCPX-P12", f"The file of profile {name} holds profile {profile.header.profile}."
        )
    check_expiry(profile, now_s)
    if seen is None:
        raise ProfileError("MCPX-P13", f"Profile {name} is installed without its version record.")
    check_record(profile, seen, root)
    if profile.header.version > seen.version:
        raise ProfileError(
            "MCPX-P13",
            f"Profile {name} is newer than its version record: the record is not its own.",
        )
    return profile


def verify_arrival(data: bytes, keys: TrustedKeys, now_s: float) -> Arrival:
    """Any DSSE file to a verified profile; signatures of unknown or foreign keys do not count.

    DSSE makes key ids hints, so a key is also found by trying. A known key's id over bytes that
    it did not sign is refused, whoever else signed.

    Raises:
        ProfileError: P01 to P06, P09, P10, the first that applies.
    """
    envelope = parse_envelope(data)
    _check_type(envelope)
    found = _signers(envelope, keys)
    profile = _parse_verified(envelope, next(iter(found)))
    name = profile.header.profile
    counting = {keyid: sig for keyid, sig in found.items() if may_sign(keys[keyid], name)}
    if not counting:
        raise _out_of_scope(keys[next(iter(found))], name)
    check_expiry(profile, now_s)
    signatures = tuple(Signature(keyid, sig) for keyid, sig in counting.items())
    canonical = dump_envelope(envelope._replace(signatures=signatures))
    return Arrival(profile._replace(signer=signatures[0].keyid), canonical, tuple(counting))


def check_expiry(profile: Profile, now_s: float) -> None:
    """Raises ProfileError P06 after the profile's last second."""
    expires = profile.header.expires
    if expires is not None and now_s >= expires + 1:
        raise ProfileError("MCPX-P06", f"Profile {profile.header.profile} has expired.")


def check_record(profile: Profile, seen: Seen, root: tuple[str, ...] = PINNED_KEYS) -> None:
    """A profile that `root` answers for against what was seen of its name before (S2, S3).

    Raises:
        ProfileError: P07 older, P08 same version with other bytes, P14 another trust root, P17
            another version than the one that was pinned.
    """
    header = profile.header
    if seen.root != root:
        raise ProfileError(
            "MCPX-P14",
            f"Profile {header.profile} belongs to another trust root on this machine.",
            f"mcp-proxy profile show {header.profile}, or mcp-proxy trust move {header.profile}",
        )
    if seen.pin is not None:
        if (header.version, profile.digest) != seen.pin:
            raise ProfileError(
                "MCPX-P17",
                f"Profile {header.profile} is pinned to version {seen.pin.version} here; "
                f"this is version {header.version}.",
                f"mcp-proxy profile install {header.profile}@{seen.pin.version}",
            )
        return
    if header.version < seen.version:
        raise ProfileError(
            "MCPX-P07",
            f"Version {header.version} of profile {header.profile} is older than version "
            f"{seen.version}, which was installed here before.",
        )
    if header.version == seen.version and profile.digest != seen.digest:
        raise ProfileError(
            "MCPX-P08",
            f"Version {header.version} of profile {header.profile} was seen here with other bytes.",
        )


def _check_type(envelope: Envelope) -> None:
    if envelope.payload_type != PAYLOAD_TYPE:
        raise ProfileError("MCPX-P05", "The file is signed, but it is not an mcp-proxy profile.")


def _check_signature(signed: bytes, signature: Signature, name: str, keys: TrustedKeys) -> None:
    key = keys.get(signature.keyid)
    if key is None:
        raise _unknown(signature.keyid, name)
    if not may_sign(key, name):
        raise _out_of_scope(key, name)
    if not _fits(key, signed, signature.sig):
        raise _bad_signature(key)


def _signers(envelope: Envelope, keys: TrustedKeys) -> dict[str, bytes]:
    """Ids of the trusted keys that signed these bytes, with their signatures; never empty."""
    found: dict[str, bytes] = {}
    signed = pae(envelope.payload_type, envelope.payload)
    for keyid, sig in envelope.signatures:
        named = keys.get(keyid)
        if named is not None and not _fits(named, signed, sig):
            raise _bad_signature(named)
        candidates = [named] if named is not None else list(keys.values())
        found |= {key.keyid: sig for key in candidates if _fits(key, signed, sig)}
    if not found:
        raise _unknown(envelope.signatures[0].keyid, "NAMES")
    return found


def _fits(key: TrustedKey, signed: bytes, sig: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(sig, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _parse_verified(envelope: Envelope, signer: str) -> Profile:
    return parse_payload(envelope.payload, sha256_hex(envelope.payload), signer)


def _unknown(keyid: str, name: str) -> ProfileError:
    # The id is a stranger's text until a key is found for it.
    named = keyid if len(keyid) <= 128 and keyid.isascii() and keyid.isalnum() else "without a name"
    return ProfileError(
        "MCPX-P03",
        f"The profile is signed by a key not trusted here ({named}).",
        f"mcp-proxy trust add KEY-LINE --profiles {name}",
    )


def _out_of_scope(key: TrustedKey, name: str) -> ProfileError:
    return ProfileError(
        "MCPX-P04",
        f"Key {key.name} ({key.keyid}) may sign {', '.join(key.profiles)}, but not {name}.",
        f"mcp-proxy trust add KEY-LINE --profiles {name}",
    )


def _bad_signature(key: TrustedKey) -> ProfileError:
    return ProfileError(
        "MCPX-P02",
        f"The signature of key {key.name} ({key.keyid}) does not fit: the file was changed.",
    )
