"""`trust add`, `list`, `remove`, and `home init`."""

import os

import pytest
from homes import block_ledger, commands
from trust_samples import OTHER_SEED, SEED, trusted

from mcp_proxy.app import home as home_command
from mcp_proxy.app import trust
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import format_key_line
from mcp_proxy.edges.files import write_file, write_given
from mcp_proxy.edges.places import VARIABLE, Home, init_home
from mcp_proxy.edges.profile_store import read_generation, trust_path
from mcp_proxy.errors import AuditError, HomeError, ProfileError, UsageError

LINE = format_key_line(public_key(SEED), "default")


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return init_home(folder)


def last_note(home: Home) -> dict[str, object]:
    return commands(home)[-1]


def test_key_is_trusted_for_its_scope_and_logged(home: Home) -> None:
    key = trust.read_key(LINE, "billing,support-*")
    before = read_generation(home)
    assert trust.add(key, unasked=True) is None
    assert trust.list_keys() == [trusted(SEED, "billing", "support-*")]
    assert read_generation(home) != before
    assert last_note(home)["facts"] == {
        "key": key.keyid,
        "name": "default",
        "profiles": "billing support-*",
        "yes": True,
    }


def test_adding_again_adds_to_the_scope(home: Home) -> None:
    trust.add(trust.read_key(LINE, "billing"), unasked=False)
    before = trust.add(trust.read_key(LINE, "support"), unasked=False)
    assert before == trusted(SEED, "billing")
    assert trust.list_keys() == [trusted(SEED, "billing", "support")]


def test_key_line_is_found_in_a_file(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(os.fspath(tmp_path), "key.txt")
    write_given(path, f"billing.dsse.json\n{LINE}\n".encode())
    assert trust.read_key(path, "billing") == trusted()
    write_given(path, f"{LINE}\n{LINE}\n".encode())
    with pytest.raises(UsageError):
        trust.read_key(path, "billing")


def test_what_is_no_key_line_and_no_file_is_told_as_both() -> None:
    with pytest.raises(UsageError, match="neither a key line, which begins with mcpx1:, nor a"):
        trust.read_key("KEY-LINE", "billing")


@pytest.mark.parametrize("scopes", ["", "*", "bi*", "billing,", "billing,*", "a b"])
def test_scope_wider_than_three_characters_is_refused(scopes: str) -> None:
    with pytest.raises(UsageError):
        trust.read_key(LINE, scopes)


def test_key_is_removed_by_name_or_fingerprint(home: Home) -> None:
    other = format_key_line(public_key(OTHER_SEED), "ci")
    for line in (LINE, other):
        trust.add(trust.read_key(line, "billing"), unasked=True)
    assert trust.remove("default") == trusted()
    assert last_note(home)["what"] == "trust remove"
    trust.remove(trusted(OTHER_SEED).keyid[:8])
    assert trust.list_keys() == []


def test_ambiguous_or_unknown_key_is_not_removed(home: Home) -> None:
    for line in (LINE, format_key_line(public_key(OTHER_SEED), "default")):
        trust.add(trust.read_key(line, "billing"), unasked=True)
    for which in ("default", "nobody", "", trusted().keyid[:7]):
        with pytest.raises(UsageError):
            trust.remove(which)
    assert len(trust.list_keys()) == 2


def test_s20_trust_that_cannot_be_logged_is_not_given(home: Home) -> None:
    block_ledger(home)
    with pytest.raises(AuditError):
        trust.add(trust.read_key(LINE, "billing"), unasked=True)
    assert trust.list_keys() == []


def test_damaged_trust_store_is_reported_not_replaced(home: Home) -> None:
    write_file(trust_path(home), b"damaged")
    for action in (
        trust.list_keys,
        lambda: trust.add(trust.read_key(LINE, "billing"), unasked=True),
    ):
        with pytest.raises(ProfileError) as caught:
            action()
        assert caught.value.id == "MCPX-P15"


def test_s1_home_init_is_logged_in_the_new_home(tmp_path: os.PathLike[str]) -> None:
    made = home_command.init(os.path.join(os.fspath(tmp_path), "new"))
    assert last_note(made)["facts"] == {"id": made.id}
    with pytest.raises(HomeError):
        home_command.init(os.path.join(os.fspath(tmp_path), "new", "config"))
