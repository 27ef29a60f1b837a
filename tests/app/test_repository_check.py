"""What doctor says of a repository and of how fresh its word is."""

import os
from collections.abc import Iterator
from functools import partial

import pytest
from repository_desk import Desk, open_desk

from mcp_proxy.app import repositories
from mcp_proxy.app.refreshing import refresh
from mcp_proxy.app.repository_check import Finding, check_repository, check_standing
from mcp_proxy.core.freshness import standing
from mcp_proxy.edges import clock
from mcp_proxy.edges.places import VARIABLE
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.edges.repository_folder import remove_root

DAY_S = 86_400


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Trusted, billing version 1 with a grace of four days installed."""
    folder = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
    with open_desk(folder) as made:
        made.publish(1, grace_s=4 * DAY_S)
        made.trust()
        made.install()
        yield made


def look(desk: Desk) -> Finding:
    profile = load_profile(desk.home, "billing", clock.now_s())
    found = check_standing(profile, desk.record)
    assert found is not None
    return found


def later(desk: Desk, monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    """So many days after the repository's word has expired, on this machine's clock."""
    moment_s = desk.activation.fresh_until_s + days * DAY_S
    monkeypatch.setattr(clock, "now_s", partial(float, moment_s))


def test_a_fresh_profile_says_until_when_and_what_waits(desk: Desk) -> None:
    assert look(desk).ok
    desk.publish(2, url="https://other.example.com")
    refresh("billing", offline=False)
    found = look(desk)
    assert found.ok
    assert found.found.endswith("version 2 waits for: mcp-proxy profile update billing")
    desk.install("billing@1")
    assert "pinned to version 1" in look(desk).found


def test_s19_grace_warns_then_reads_then_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for days, stands in ((1, "grace"), (3, "reads")):
        later(desk, monkeypatch, days)
        profile = load_profile(desk.home, "billing", clock.now_s())
        assert standing(profile.freshness, clock.now_s()) == stands
        assert look(desk)[:1] + look(desk)[2:] == (False, "mcp-proxy profile update billing")
        assert refresh("billing", offline=True).verified
    later(desk, monkeypatch, 4)
    found = refresh("billing", offline=True)
    assert not found.verified
    assert found.problem is not None
    assert found.problem.id == "MCPX-P21"


def test_s19_within_the_grace_a_newer_digest_is_not_taken_from_expired_metadata(
    desk: Desk,
) -> None:
    desk.publish(2, grace_s=4 * DAY_S)
    desk.repo.expire("timestamp")
    found = refresh("billing", offline=False)
    assert found.problem is not None
    assert found.problem.id == "MCPX-P21"
    assert desk.load().header.version == 1


def test_a_repository_without_its_root_is_named(desk: Desk) -> None:
    (repository,) = repositories.list_repositories()
    assert check_repository(desk.home, repository) == (
        True,
        "trusted for * by root version 1",
        None,
    )
    remove_root(desk.home, desk.id)
    assert not check_repository(desk.home, repository).ok
