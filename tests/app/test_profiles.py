"""Install, list, show, remove and verify, in a real home, logged before they act."""

import os

import pytest
from homes import block_ledger, commands
from trust_samples import SEED, keys, payload, trusted

from mcp_proxy.app import profiles
from mcp_proxy.app.profile_check import check_tools
from mcp_proxy.app.profile_file import unverified_profile
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.core.trust_store import EMPTY, dump_trust_store
from mcp_proxy.edges.files import write_file, write_given
from mcp_proxy.edges.places import VARIABLE, Home, init_home
from mcp_proxy.edges.profile_store import read_generation, trust_path
from mcp_proxy.errors import AuditError, ProfileError, UsageError


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    made = init_home(folder)
    write_file(trust_path(made), dump_trust_store(EMPTY._replace(keys=keys())))
    return made


def signed_file(home: Home, data: bytes | None = None) -> str:
    path = os.path.join(home.config, "..", "billing.dsse.json")
    write_given(path, sign_payload(payload() if data is None else data, SEED))
    return path


def notes(home: Home) -> list[dict[str, object]]:
    """The commands that the ledger tells of."""
    return [{key: row[key] for key in ("what", "facts")} for row in commands(home)]


def refusal(path: str) -> str:
    with pytest.raises(ProfileError) as caught:
        profiles.verify(path)
    return caught.value.id


def test_verify_tells_what_install_would_show(home: Home) -> None:
    checked = profiles.verify(signed_file(home))
    assert checked.profile.header.version == 3
    assert [tool.name for tool in checked.tools] == ["find_invoices"]
    assert checked.tools[0].arguments[0][:2] == ("customer", True)
    assert checked.signers == (trusted(),)
    assert checked.before is None
    assert notes(home) == []


def test_verify_knows_versions_installed_before(home: Home) -> None:
    profiles.install(profiles.prepare(signed_file(home)), unasked=True)
    assert refusal(signed_file(home, payload(version=2))) == "MCPX-P07"
    assert refusal(signed_file(home, payload(title="Other"))) == "MCPX-P08"


def test_verify_without_a_trusted_key_names_an_unknown_signer(home: Home) -> None:
    write_file(trust_path(home), dump_trust_store(EMPTY))
    with pytest.raises(ProfileError) as caught:
        profiles.verify(signed_file(home))
    assert caught.value.id == "MCPX-P03"
    name = unverified_profile(signed_file(home)).header.profile
    assert caught.value.next == f"mcp-proxy trust add KEY-LINE --profiles {name}"


def test_verify_of_a_missing_file_is_usage(home: Home) -> None:
    with pytest.raises(UsageError):
        profiles.verify(os.path.join(home.config, "none"))


def test_s1_install_is_logged_with_what_was_not_asked(home: Home) -> None:
    candidate = profiles.prepare(signed_file(home))
    assert not profiles.is_known(candidate)
    profiles.install(candidate, unasked=True)
    (note,) = notes(home)
    assert note["what"] == "profile install"
    assert note["facts"] == {
        "profile": "billing",
        "version": 3,
        "digest": sha256_hex(payload()),
        "signers": trusted().keyid,
        "yes": True,
    }
    assert profiles.is_known(profiles.prepare(signed_file(home)))


def test_s20_install_that_cannot_be_logged_changes_nothing(home: Home) -> None:
    candidate = profiles.prepare(signed_file(home))
    block_ledger(home)
    before = read_generation(home)
    with pytest.raises(AuditError) as caught:
        profiles.install(candidate, unasked=True)
    assert caught.value.exit_code == 5
    assert profiles.list_profiles() == []
    assert read_generation(home) == before


def test_s2_trust_withdrawn_while_a_person_decides_is_noticed(home: Home) -> None:
    candidate = profiles.prepare(signed_file(home))
    write_file(trust_path(home), dump_trust_store(EMPTY))
    with pytest.raises(ProfileError):
        profiles.install(candidate, unasked=False)
    assert profiles.list_profiles() == []


def test_list_says_why_a_profile_is_refused(home: Home) -> None:
    profiles.install(profiles.prepare(signed_file(home)), unasked=True)
    (row,) = profiles.list_profiles()
    assert (row.name, row.problem) == ("billing", None)
    write_file(trust_path(home), dump_trust_store(EMPTY))
    (row,) = profiles.list_profiles()
    assert row.profile is None
    assert row.problem is not None
    assert row.problem.id == "MCPX-P03"


def test_show_tells_an_installed_profile(home: Home) -> None:
    profiles.install(profiles.prepare(signed_file(home)), unasked=True)
    checked = profiles.show("billing")
    assert checked.signers == (trusted(),)
    assert checked.before is not None
    with pytest.raises(ProfileError):
        profiles.show("support")


def test_s3_remove_keeps_the_record_and_is_logged(home: Home) -> None:
    profiles.install(profiles.prepare(signed_file(home)), unasked=True)
    profiles.remove("billing")
    assert profiles.list_profiles() == []
    assert notes(home)[-1]["what"] == "profile remove"
    assert refusal(signed_file(home, payload(version=2))) == "MCPX-P07"
    for name in ("billing", "../trust"):
        with pytest.raises(ProfileError) as caught:
            profiles.remove(name)
        assert caught.value.id == "MCPX-P11"


LIMIT = b'{"rule":"calls/day","of":"","per":"day","at_most":5,"by":""}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"effect":"read"', b'"effect":"harmless"'),
        (b'"upstream":"billing-api"', b'"upstream":"elsewhere"'),
        (b'"approval":"never"', b'"approval":"sometimes"'),
        (b'"enforced":{"type":"object"', b'"enforced":{"type":"thing"'),
        (b'[{"name":"find_invoices"', b'[{"name":"find_more"'),
        (b'[{"name":"find_invoices"', b'[["name":"find_invoices"'),
        (b'"retry":"safe"', b'"retry":"safe","later":{}'),
        (b'"constraints":[]', b'"constraints":[{"later":["a","b"]}]'),
        (b'"constraints":[]', b'"constraints":[{"one_of":["a"]}]'),
        (b'"redact":[]', b'"redact":["national_id.xx"]'),
        (b'"redact_fields":[]', b'"redact_fields":["a..b"]'),
        (b'"limits":[]', b'"limits":[%s,%s]' % (LIMIT, LIMIT)),
        (b'"profile":"billing"', b'"profile":"../billing"'),
    ],
)
def test_a_profile_that_would_fail_at_a_call_is_refused_before(old: bytes, new: bytes) -> None:
    data = payload()
    assert old in data
    changed = data.replace(old, new)
    with pytest.raises(ProfileError):
        check_tools(parse_payload(changed, sha256_hex(changed), ""))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"description":"Find invoices."', '"description":"Find\\u200b invoices."'),
        ('"description":"Find invoices."', '"description":"Find\U000e0041 invoices."'),
        ('[{"name":"find_invoices"', '[{"title":"\\u001b[8m","name":"find_invoices"'),
        ("Look up invoices.", "Look up invoices.\u202e"),
        ("Billing support", "Billing\u00ad support"),
    ],
)
def test_s25_a_signed_profile_with_hidden_characters_is_not_installed(
    home: Home, old: str, new: str
) -> None:
    data = payload()
    assert old.encode() in data
    assert refusal(signed_file(home, data.replace(old.encode(), new.encode()))) == "MCPX-P10"
