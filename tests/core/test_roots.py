"""S2 to S4, S19: an installed file against the root of its name."""

import pytest
from trust_samples import NOW_S, OTHER_SEED, SEED, keys, payload, record, trusted

from mcp_proxy.core.profile import Profile
from mcp_proxy.core.roots import verify_installed
from mcp_proxy.core.seen import Activation, Pin, Seen, dump_seen, parse_seen, repository_root
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.trust_store import Repository, TrustStore
from mcp_proxy.errors import ProfileError

ID = "ab" * 32
REPOSITORY = Repository(ID, "https://profiles.example.com/", ("*",))
# OTHER_SEED is the key that the repository delegates to; SEED is pinned here for the same name.
TRUST = TrustStore(keys(), {ID: REPOSITORY})
ACTIVE = Activation((public_key(OTHER_SEED),), int(NOW_S) + 3600)


def delegated(data: bytes, **changes: object) -> Seen:
    made = record(data, root=repository_root(ID))._replace(activation=ACTIVE)
    return made._replace(**changes)


def verify(
    data: bytes, seen: Seen | None, trust: TrustStore = TRUST, now_s: float = NOW_S
) -> Profile:
    return verify_installed(data, "billing", trust, seen, now_s)


def refusal(data: bytes, seen: Seen | None, **more: object) -> str:
    with pytest.raises(ProfileError) as caught:
        verify(data, seen, **more)
    return caught.value.id


def test_s2_a_repositorys_profile_is_verified_by_the_keys_that_it_delegates_to() -> None:
    profile = verify(sign_payload(payload(), OTHER_SEED), delegated(payload()))
    assert profile.root == ("repository", ID)
    assert profile.freshness is not None
    assert profile.freshness.until_s == int(NOW_S) + 3600


def test_s2_a_key_pinned_here_signs_no_name_of_a_repository() -> None:
    assert refusal(sign_payload(payload(), SEED), delegated(payload())) == "MCPX-P20"


def test_s2_a_delegated_key_signs_no_name_of_pinned_keys() -> None:
    assert refusal(sign_payload(payload(), OTHER_SEED), record(payload())) == "MCPX-P03"


def test_s2_a_repository_that_is_trusted_no_longer_answers_for_nothing() -> None:
    data = sign_payload(payload(), OTHER_SEED)
    assert refusal(data, delegated(payload()), trust=TrustStore(keys(), {})) == "MCPX-P18"
    narrow = {ID: REPOSITORY._replace(profiles=("support-*",))}
    assert refusal(data, delegated(payload()), trust=TrustStore(keys(), narrow)) == "MCPX-P18"


def test_s2_a_root_of_no_known_kind_is_refused() -> None:
    data = sign_payload(payload(), OTHER_SEED)
    for root in ((), ("repository",), ("keys", ID), ("another", ID)):
        assert refusal(data, delegated(payload(), root=root)) == "MCPX-P18"


def test_s4_a_repositorys_name_needs_its_activation_record() -> None:
    data = sign_payload(payload(), OTHER_SEED)
    assert refusal(data, delegated(payload(), activation=None)) == "MCPX-P13"


def test_s6_what_its_repository_withdrew_is_refused_with_its_own_words() -> None:
    data = sign_payload(payload(), OTHER_SEED)
    gone = ACTIVE._replace(withdrawn="It was withdrawn.")
    assert refusal(data, delegated(payload(), activation=gone)) == "MCPX-P19"


def test_s3_an_older_version_of_a_repository_is_refused() -> None:
    data = sign_payload(payload(version=2), OTHER_SEED)
    assert refusal(data, delegated(payload())) == "MCPX-P07"


def test_s3_a_pin_lets_in_one_digest_and_nothing_else() -> None:
    older, other = payload(version=2), payload(version=2, title="Another title")
    pinned = record(payload())._replace(pin=Pin(2, record(older).digest))
    assert verify(sign_payload(older, SEED), pinned).header.version == 2
    assert refusal(sign_payload(other, SEED), pinned) == "MCPX-P17"
    assert refusal(sign_payload(payload(), SEED), pinned) == "MCPX-P17"


def test_s19_a_profile_whose_grace_is_over_is_refused_and_one_within_is_not() -> None:
    data = sign_payload(payload(), OTHER_SEED)
    late_s = ACTIVE.fresh_until_s + 1
    assert refusal(data, delegated(payload()), now_s=late_s) == "MCPX-P21"
    gracious = payload(grace_s=86_400)
    data, seen = sign_payload(gracious, OTHER_SEED), delegated(gracious)
    assert verify(data, seen, now_s=late_s).freshness == (ACTIVE.fresh_until_s, 86_400)
    strict = TRUST._replace(grace_max_s=0)
    assert refusal(data, seen, trust=strict, now_s=late_s) == "MCPX-P21"


def test_the_version_records_are_read_back_with_pin_and_activation() -> None:
    records = {
        "billing": delegated(payload(), pin=Pin(2, "cd" * 32)),
        "support": record(payload()),
        "wide": delegated(payload(), activation=ACTIVE._replace(withdrawn="Gone.", waiting=7)),
    }
    assert parse_seen(dump_seen(records)) == records


def test_s2_the_trusted_key_of_another_name_is_not_asked_for_a_repositorys() -> None:
    only_support = TrustStore(keys(trusted(OTHER_SEED, "support")), {ID: REPOSITORY})
    assert verify(sign_payload(payload(), OTHER_SEED), delegated(payload()), only_support)
