"""Keys of a repository: key lines to TUF's keys and back, and a role signed by those at hand."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, Key, SSlibKey
from tuf.api.metadata import Metadata, Root, Targets, VerificationResult

from mcp_proxy.core.repository import KeyView
from mcp_proxy.core.text import one_sentence
from mcp_proxy.core.trust_store import KeyLine, TrustedKey, key_id
from mcp_proxy.errors import CredentialError, UsageError

Delegator = Root | Targets
AnyMetadata = TypeVar("AnyMetadata", bound=Metadata[Any])

_NAME = "x-mcp-proxy-name"
_NAME_CHARS = 64


def tuf_key(line: KeyLine) -> SSlibKey:
    """A key line as TUF has it; its name stands beside it, signed with the role that lists it.

    Raises:
        UsageError: W01 the bytes are no public key.
    """
    try:
        key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(line.public))
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError("MCPX-W01", f"The line of key {line.name} holds no public key.") from None
    key.unrecognized_fields[_NAME] = line.name
    return key


def public_bytes(key: Key) -> bytes | None:
    """The 32 public bytes of an Ed25519 key; None for any other kind."""
    if key.keytype != "ed25519" or key.scheme != "ed25519":
        return None
    try:
        public = bytes.fromhex(key.keyval["public"])
    except (KeyError, TypeError, ValueError):
        return None
    return public if len(public) == 32 else None


def key_view(key: Key) -> KeyView:
    """What a person knows a key by; another kind than Ed25519 has TUF's id for a fingerprint."""
    public = public_bytes(key)
    fingerprint = key.keyid if public is None else key_id(public)
    return KeyView(
        fingerprint, one_sentence(str(key.unrecognized_fields.get(_NAME, "")), _NAME_CHARS)
    )


def role_keys(delegator: Delegator, role: str) -> list[Key]:
    """The keys that may sign the role; an id that stands for no key can sign nothing."""
    given = delegator.delegations if isinstance(delegator, Targets) else delegator
    keys = {} if given is None else given.keys
    return [keys[item] for item in delegator.get_delegated_role(role).keyids if item in keys]


def trusted_keys(targets: Targets, name: str) -> dict[str, TrustedKey]:
    """The signers of profile `name` as the trust ladder takes them, for that name alone."""
    found = {}
    for key in role_keys(targets, name):
        public = public_bytes(key)
        if public is not None:
            view = key_view(key)
            found[view.fingerprint] = TrustedKey(view.fingerprint, view.name, public, (name,))
    return found


def sign_role(
    metadata: AnyMetadata, delegators: Sequence[Delegator], role: str, seeds: Iterable[bytes]
) -> AnyMetadata:
    """The role with a signature of each seed whose key one of the delegators lists for it."""
    private = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
    held = {item.public_key().public_bytes_raw(): item for item in private}
    for delegator in delegators:
        for key in role_keys(delegator, role):
            public = public_bytes(key)
            if public in held and isinstance(key, SSlibKey):
                metadata.sign(CryptoSigner(held[public], key), append=True)
    return metadata


def verification(delegator: Delegator, role: str, metadata: Metadata[Any]) -> VerificationResult:
    """Which of the role's keys have signed it."""
    return delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)


def check_signed(delegator: Delegator, role: str, metadata: Metadata[Any]) -> None:
    """Raises CredentialError T02 where the role has fewer signatures than its threshold."""
    result = verification(delegator, role, metadata)
    if not result:
        raise lacking(role, result)


def lacking(role: str, result: VerificationResult) -> CredentialError:
    """The error that says how many signatures a role has, and who could give the others."""
    views = [key_view(key) for key in result.unsigned.values()]
    noun = "signature" if result.threshold == 1 else "signatures"
    who = ", ".join(f"{view.name or 'a key'} ({view.fingerprint[:16]})" for view in views)
    return CredentialError(
        "MCPX-T02",
        f"Role {role} needs {result.threshold} {noun} and has {len(result.signed)}; "
        f"these keys have not signed: {who or 'none is left'}.",
    )
