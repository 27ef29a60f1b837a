"""Drafts that somebody who may write the repository's folder left there, to be signed unseen."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from publisher_desk import Desk, keys, line
from repository_samples import signer
from trust_samples import OTHER_SEED
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Root,
    TargetFile,
    Targets,
)

from mcp_proxy.app import repository_admin as admin
from mcp_proxy.app.repository_signing import show_waiting
from mcp_proxy.core.trust_store import parse_key_line
from mcp_proxy.edges.repository_keys import tuf_key
from mcp_proxy.errors import CredentialError, HomeError

THE_END = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two of root's three keys sign, and two signers sign billing."""
    made = Desk(os.fspath(tmp_path), monkeypatch)
    made.init("ROOT", "ROOT2", threshold=2)
    admin.delegate_name(
        made.repo, "billing", [line("SIGNER"), line("OTHER")], 2, keys("TARGETS", "ONLINE")
    )
    return made


def leave(desk: Desk, name: str, signed: Any) -> None:
    """A draft of that name in the folder, signed by nobody."""
    os.makedirs(os.path.join(desk.repo, "draft"), exist_ok=True)
    Metadata(signed).to_file(os.path.join(desk.repo, "draft", f"{name}.json"))


def present(desk: Desk, name: str) -> Any:
    """A role as it is published, one version up."""
    folder = os.path.join(desk.repo, "metadata")
    newest = max(item for item in os.listdir(folder) if item.endswith(f".{name}.json"))
    signed = Metadata.from_file(os.path.join(folder, newest)).signed
    signed.version += 1
    return signed


def refused(desk: Desk) -> str:
    with pytest.raises(HomeError) as caught:
        show_waiting(desk.repo)
    assert caught.value.id == "MCPX-T01"
    return caught.value.why


def test_s1_a_key_slipped_into_the_timestamps_role_alone_is_shown(desk: Desk) -> None:
    root: Root = present(desk, "root")
    root.add_key(tuf_key(parse_key_line(line("OTHER"))), "timestamp")
    leave(desk, "root", root)
    (first, *_rest) = show_waiting(desk.repo).lines
    assert first.startswith("timestamp: 1 of ONLINE")
    assert "OTHER" in first


def test_s1_both_online_roles_are_one_line_where_they_change_alike(desk: Desk) -> None:
    edit = admin.make_edit("online", [line("OTHER")], [], None)
    admin.edit_root(desk.repo, edit, keys("ROOT"))
    lines = show_waiting(desk.repo).lines
    assert [text.partition(":")[0] for text in lines] == ["online", lines[1]]


def one_key_twice(root: Root) -> None:
    key = tuf_key(parse_key_line(line("OTHER")))
    root.add_key(key, "root")
    key = tuf_key(parse_key_line(line("OTHER")))
    key.keyid = "0" * 64
    root.add_key(key, "root")


def other_names(root: Root) -> None:
    root.consistent_snapshot = False


def other_days(root: Root) -> None:
    root.unrecognized_fields["x-mcp-proxy"] = {"days": {"timestamp": 3650}}


@pytest.mark.parametrize("spoil", [one_key_twice, other_names, other_days])
def test_s1_a_root_that_says_what_nobody_is_shown_is_not_signed(
    desk: Desk, spoil: Callable[[Root], None]
) -> None:
    root = present(desk, "root")
    spoil(root)
    leave(desk, "root", root)
    assert "draft/root.json says what" in refused(desk)


def beside(targets: Targets) -> None:
    """A profile listed past its signers."""
    target = TargetFile.from_data("billing/profile.dsse.json", b"{}", ["sha256"])
    targets.targets[target.path] = target


def wider_paths(targets: Targets) -> None:
    """The name hr reaches billing's files too."""
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    role = DelegatedRole("hr", [], 1, True, paths=["hr/*", "billing/*"])
    targets.delegations.roles = {"hr": role, **targets.delegations.roles}
    targets.add_key(signer(OTHER_SEED).public_key, "hr")


def strange_field(targets: Targets) -> None:
    targets.unrecognized_fields["next"] = "later versions may believe this"


def key_twice(targets: Targets) -> None:
    key = tuf_key(parse_key_line(line("OTHER")))
    key.keyid = "0" * 64
    targets.add_key(key, "billing")


@pytest.mark.parametrize("spoil", [beside, wider_paths, strange_field, key_twice])
def test_s2_targets_that_say_what_nobody_is_shown_are_not_signed(
    desk: Desk, spoil: Callable[[Targets], None]
) -> None:
    targets = present(desk, "targets")
    spoil(targets)
    leave(desk, "targets", targets)
    assert "draft/targets.json says what" in refused(desk)


def half_published(desk: Desk) -> Targets:
    """Billing version 1, signed by one of its two signers."""
    with pytest.raises(CredentialError):
        desk.publish("billing", 1)
    path = os.path.join(desk.repo, "draft", "billing.json")
    found: Targets = Metadata.from_file(path).signed
    return found


def other_path(role: Targets) -> None:
    """Version 1 under the number 7: whoever pins 7 would get 1."""
    target = role.targets.pop("billing/1.dsse.json")
    role.targets["billing/7.dsse.json"] = TargetFile(
        target.length, target.hashes, "billing/7.dsse.json", target.unrecognized_fields
    )


def forged_line(role: Targets) -> None:
    """A path that would be printed as a line of ours."""
    path = "billing/1.dsse.json\nonline: 1 of nobody"
    target = role.targets.pop("billing/1.dsse.json")
    role.targets[path] = TargetFile(target.length, target.hashes, path, target.unrecognized_fields)


def more_beside_a_file(role: Targets) -> None:
    custom = role.targets["billing/1.dsse.json"].unrecognized_fields["custom"]
    custom["mcp-proxy"]["floor"] = 1


def own_delegation(role: Targets) -> None:
    """Billing's signers give a name to somebody of their own."""
    role.delegations = Delegations({}, {"hr": DelegatedRole("hr", [], 1, True, paths=["hr/*"])})
    role.add_key(signer(OTHER_SEED).public_key, "hr")


@pytest.mark.parametrize("spoil", [other_path, forged_line, more_beside_a_file, own_delegation])
def test_s2_a_profile_that_lists_what_nobody_is_shown_is_not_signed(
    desk: Desk, spoil: Callable[[Targets], None]
) -> None:
    role = half_published(desk)
    spoil(role)
    leave(desk, "billing", role)
    why = refused(desk)
    assert "\n" not in why


@pytest.mark.parametrize("name", ["snapshot", "timestamp", "hr"])
def test_s2_a_draft_of_a_role_that_nobody_signs_is_not_signed(desk: Desk, name: str) -> None:
    leave(desk, name, Targets(version=9))
    assert name in refused(desk)


def test_a_term_that_never_ends_is_shown(desk: Desk) -> None:
    role = half_published(desk)
    role.expires = THE_END
    leave(desk, "billing", role)
    assert show_waiting(desk.repo).lines[-1] == "billing: valid until 9999-01-01"
