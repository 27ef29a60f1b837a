"""The publisher's repository, judged by python-tuf's own client from a static file server."""

import json
import os
import time
from datetime import UTC, datetime

import pytest
from edges.fakes_keychain import MemoryKeychain
from publisher_desk import Desk, keys, line
from repository_samples import envelope, serve
from trust_samples import OTHER_SEED
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from mcp_proxy.app import admin_log, signing_keys
from mcp_proxy.app import repository_admin as admin
from mcp_proxy.app.repository_signing import Step, show_waiting, sign_waiting
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.repository import Listed
from mcp_proxy.errors import AuditError, CredentialError, HomeError, ProfileError, UsageError


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(os.fspath(tmp_path), monkeypatch)


def role(desk: Desk, name: str) -> Metadata[object]:
    return Metadata.from_file(os.path.join(desk.repo, "metadata", name))


def logged(desk: Desk) -> list[dict[str, object]]:
    """The notes of administrative commands, in order."""
    found = []
    for place, _folders, names in os.walk(desk.home.state):
        for name in sorted(names):
            with open(os.path.join(place, name), "rb") as file:
                rows = [json.loads(row) for row in file if row.startswith(b"{")]
            found += [row for row in rows if "facts" in row]
    return found


def test_a_new_repository_is_taken_by_an_independent_client(desk: Desk) -> None:
    root = desk.init("ROOT", "ROOT2", threshold=2)
    with serve(desk.repo) as host:
        assert desk.client(root, host.url).load() is None


def test_init_names_the_root_and_its_digest(desk: Desk) -> None:
    founding = admin.Founding(("env:ROOT",), 1, "env:TARGETS", "env:ONLINE", {"timestamp": 2})
    created = admin.create(desk.repo, founding)
    with open(created.path, "rb") as file:
        assert sha256_hex(file.read()) == created.digest
    left = role(desk, "timestamp.json").signed.expires - datetime.now(UTC)
    assert 1.9 < left.total_seconds() / 86_400 <= 2


def test_init_does_not_replace_a_repository(desk: Desk) -> None:
    root = desk.init()
    with pytest.raises(UsageError, match="already"):
        desk.init()
    with serve(desk.repo) as host:
        assert desk.client(root, host.url).load() is None


def test_a_threshold_above_the_keys_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError):
        desk.init("ROOT", threshold=2)
    assert not os.path.exists(os.path.join(desk.repo, "metadata"))


def test_delegate_lacks_signatures_without_the_targets_key(desk: Desk) -> None:
    desk.init()
    before = os.listdir(os.path.join(desk.repo, "metadata"))
    with pytest.raises(CredentialError) as caught:
        admin.delegate_name(desk.repo, "billing", [line("SIGNER")], 1, keys("ONLINE"))
    assert caught.value.id == "MCPX-T02"
    assert "targets" in caught.value.why
    assert "TARGETS" in caught.value.why
    assert sorted(os.listdir(os.path.join(desk.repo, "metadata"))) == sorted(before)


@pytest.mark.parametrize("name", ["root", "targets", "Billing", "a/b", ""])
def test_names_that_cannot_be_roles_are_refused(desk: Desk, name: str) -> None:
    desk.init()
    with pytest.raises(UsageError):
        desk.delegate(name)


def test_s2_new_signers_replace_the_old_and_what_only_those_signed(desk: Desk) -> None:
    root = desk.init()
    desk.delegate("billing")
    desk.publish("billing", 1)
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        assert client.load() == envelope()
        assert desk.delegate("billing", "OTHER", by=("OTHER",)) == (1,)
        assert client.load() is None
        desk.publish("billing", 2, "OTHER")
        assert client.load() == envelope(version=2, seed=OTHER_SEED)


def test_s2_signers_and_what_they_list_change_in_one_step(desk: Desk) -> None:
    root = desk.init()
    desk.delegate("billing")
    desk.publish("billing", 1)
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        with pytest.raises(CredentialError, match="billing needs 1 signature and has 0"):
            desk.delegate("billing", "OTHER")
        assert client.load() == envelope()
        assert sign(desk, "OTHER", "ONLINE") == [Step(("billing", "targets"), None)]
        assert client.load() is None
        desk.publish("billing", 2, "OTHER")
        assert client.load() == envelope(version=2, seed=OTHER_SEED)


def test_s2_a_stolen_signers_key_is_taken_away_at_once(desk: Desk) -> None:
    root = desk.init()
    desk.delegate("billing")
    desk.publish("billing", 1)
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        assert client.load() == envelope()
        admin.undelegate_name(desk.repo, "billing", keys("TARGETS", "ONLINE"))
        assert client.load() is None
        assert admin.show(desk.repo).profiles == ()
        with pytest.raises(ProfileError):
            desk.publish("billing", 2)
        desk.delegate("billing", "OTHER", by=("OTHER",))
        assert client.load() is None
        desk.publish("billing", 2, "OTHER")
        assert client.load() == envelope(version=2, seed=OTHER_SEED)
    with pytest.raises(UsageError):
        admin.undelegate_name(desk.repo, "hr", keys("TARGETS", "ONLINE"))


def test_a_signer_is_handed_over_without_a_gap(desk: Desk) -> None:
    root = desk.init()
    desk.delegate("billing")
    desk.publish("billing", 1)
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        assert desk.delegate("billing", "SIGNER", "OTHER") == ()
        assert client.load() == envelope()
        desk.publish("billing", 2, "OTHER")
        assert client.load() == envelope(version=2, seed=OTHER_SEED)
        assert desk.delegate("billing", "OTHER", by=("OTHER",)) == (1,)
        assert client.load() == envelope(version=2, seed=OTHER_SEED)
        assert client.load("billing/1.dsse.json") is None


def test_a_revoked_version_is_listed_no_more(desk: Desk) -> None:
    root = desk.init()
    desk.delegate("billing")
    for version in (1, 2):
        desk.publish("billing", version)
    by = keys("SIGNER", "ONLINE")
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        assert client.load() == envelope(version=2)
        assert admin.revoke_version(desk.repo, "billing", 2, by) == Listed(1, 1)
        assert client.load() == envelope()
        assert client.load("billing/2.dsse.json") is None
        assert admin.revoke_version(desk.repo, "billing", None, by) is None
        assert client.load() is None
        assert client.load("billing/1.dsse.json") is None
    with pytest.raises(UsageError):
        admin.revoke_version(desk.repo, "billing", 7, by)
    with pytest.raises(UsageError):
        admin.revoke_version(desk.repo, "hr", None, by)


def test_a_floor_only_rises(desk: Desk) -> None:
    root = desk.init()
    desk.delegate("billing")
    for version in (1, 2, 3):
        desk.publish("billing", version)
    by = keys("SIGNER", "ONLINE")
    assert admin.set_floor(desk.repo, "billing", 2, by) == (1,)
    with pytest.raises(UsageError):
        admin.set_floor(desk.repo, "billing", 1, by)
    with pytest.raises(UsageError):
        admin.set_floor(desk.repo, "billing", 9, by)
    view = admin.show(desk.repo).profiles[0]
    assert (view.current, view.versions) == (Listed(3, 2), (2, 3))
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        assert client.load() == envelope(version=3)
        assert client.load("billing/1.dsse.json") is None
    desk.publish("billing", 4)
    assert admin.show(desk.repo).profiles[0].current == Listed(4, 2)


def sign(desk: Desk, *names: str) -> list[Step]:
    """`repository sign` of whatever waits."""
    return sign_waiting(desk.repo, keys(*names), show_waiting(desk.repo).digest, unasked=True)


def edit(group: str = "root", **what: object) -> admin.Edit:
    return admin.Edit(group, (), (), None)._replace(**what)


def test_a_root_counts_once_old_and_new_keys_have_signed(desk: Desk) -> None:
    root = desk.init("ROOT", "ROOT2", threshold=2)
    added = admin.make_edit("root", [line("ROOT3")], ["ROOT2"], 2)
    first = admin.edit_root(desk.repo, added, keys("ROOT", "ROOT3"))
    assert first.lacks is not None
    assert "ROOT2" in first.lacks.why
    assert admin.show(desk.repo).waiting == ("root",)
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        client.load()
        with pytest.raises(UsageError, match="waiting"):
            admin.edit_root(desk.repo, edit(), keys("ROOT"))
        assert sign(desk, "ROOT2") == [Step(("root version 2",), None)]
        client.load()
        assert "metadata/3.root.json" in host.requests
    view = admin.show(desk.repo)
    assert view.waiting == ()
    assert [key.name for key in view.roles[0].keys] == ["ROOT", "ROOT3"]
    with pytest.raises(UsageError, match="waiting"):
        sign(desk, "ROOT")


@pytest.mark.parametrize("at_hand", [True, False])
def test_the_online_key_is_replaced_with_and_without_the_old_one(desk: Desk, at_hand: bool) -> None:
    root = desk.init()
    desk.delegate("billing")
    desk.publish("billing", 1)
    with serve(desk.repo) as host:
        client = desk.client(root, host.url)
        client.load()
        replaced = admin.make_edit("online", [line("OTHER")], ["ONLINE"], None)
        by = keys("ROOT", "OTHER", *(["ONLINE"] if at_hand else []))
        assert admin.edit_root(desk.repo, replaced, by).lacks is None
        assert client.load() == envelope()
        with pytest.raises(CredentialError):
            desk.publish("billing", 2)
    assert [key.name for key in admin.show(desk.repo).roles[3].keys] == ["OTHER"]


def test_a_root_that_needs_a_missing_online_key_waits(desk: Desk) -> None:
    desk.init()
    replaced = admin.make_edit("online", [line("OTHER")], ["ONLINE"], None)
    with pytest.raises(CredentialError) as caught:
        admin.edit_root(desk.repo, replaced, keys("ROOT"))
    assert "OTHER" in caught.value.why
    assert admin.show(desk.repo).waiting == ("root",)
    assert sign(desk, "OTHER") == [Step(("root version 2",), None)]


def test_a_root_without_an_edit_is_a_new_term(desk: Desk) -> None:
    root = desk.init("ROOT", days={"root": 10})
    assert admin.edit_root(desk.repo, edit(), keys("ROOT")) == admin.RootStep(2, None)
    left = role(desk, "2.root.json").signed.expires.timestamp() - time.time()
    assert 9.9 < left / 86_400 <= 10
    with serve(desk.repo) as host:
        desk.client(root, host.url).load()
        assert "metadata/2.root.json" in host.requests


@pytest.mark.parametrize(
    "change",
    [
        {"removed": ("ROOT",)},
        {"removed": ("NOBODY",)},
        {"threshold": 0},
        {"threshold": 2},
    ],
)
def test_a_root_that_could_never_be_signed_is_refused(
    desk: Desk, change: dict[str, object]
) -> None:
    desk.init()
    with pytest.raises(UsageError):
        admin.edit_root(desk.repo, edit(**change), keys("ROOT"))
    assert admin.show(desk.repo).waiting == ()


def test_s1_every_command_that_signs_is_logged_with_its_keys(desk: Desk) -> None:
    desk.init()
    desk.delegate("billing")
    desk.publish("billing", 1)
    admin.revoke_version(desk.repo, "billing", 1, keys("SIGNER", "ONLINE"))
    admin.edit_root(desk.repo, edit(), keys("ROOT"))
    commands = {str(row["what"]) for row in logged(desk)}
    expected = {"init", "delegate", "revoke", "root"}
    assert {f"repository {name}" for name in expected} | {"profile publish"} <= commands
    assert all(
        row["facts"]["keys_at_hand"] for row in logged(desk) if "repository" in str(row["what"])
    )


def test_s20_what_cannot_be_logged_is_not_signed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.init()

    def fail(*_args: object, **_facts: object) -> None:
        raise AuditError("MCPX-A01", "The log is full.")

    before = os.listdir(os.path.join(desk.repo, "metadata"))
    monkeypatch.setattr(admin_log, "record", fail)
    with pytest.raises(AuditError):
        desk.delegate("billing")
    assert sorted(os.listdir(os.path.join(desk.repo, "metadata"))) == sorted(before)


def test_a_folder_without_a_repository_says_how_to_make_one(desk: Desk) -> None:
    os.mkdir(desk.repo)
    with pytest.raises(HomeError) as caught:
        desk.delegate("billing")
    assert (caught.value.id, "repository init" in caught.value.next) == ("MCPX-T01", True)


def test_keys_of_the_keychain_are_found_by_the_names_that_the_roles_list(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keychain = MemoryKeychain()
    monkeypatch.setattr(signing_keys, "home_keychain", lambda _home: keychain)
    founding = admin.Founding(("root-a", "root-b"), 2, "targets", "online", {})
    created = admin.create(desk.repo, founding)
    assert [key.name for key in created.made] == ["root-a", "root-b", "targets", "online"]
    with pytest.raises(CredentialError) as caught:
        admin.show_key("me")
    assert (caught.value.id, "signing:me" in keychain.items) == ("MCPX-C01", False)
    signer = admin.show_key("me", new=True)
    admin.delegate_name(desk.repo, "billing", [signer.line], 1, [])
    assert admin.edit_root(desk.repo, edit(), []).lacks is None
    with pytest.raises(CredentialError) as caught:
        admin.delegate_name(desk.repo, "billing", [signer.line], 1, ["nobody"])
    assert caught.value.id == "MCPX-C01"
    with serve(desk.repo) as host:
        with open(created.path, "rb") as file:
            client = desk.client(file.read(), host.url)
        with pytest.raises(RepositoryError, match="billing"):
            client.load()
