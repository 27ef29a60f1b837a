"""login and logout by a profile's source, and what captures say of it, in this process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from authorization_server import AuthorizationServer
from login_stage import Desk, open_desk

from mcp_proxy.app.keychain_store import token_store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks")

SOURCE = """\
profile: acme
version: 1
title: Acme
upstreams:
  acme:
    kind: mcp
    url: {url}
    listing: acme.tools.json
    auth: {{kind: oauth, credential: acme, client_id: app}}
tools:
  whoami:
    upstream: acme
    operation: whoami
    effect: read
    description: Says who calls.
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The current folder holds acme.yaml; no profile of that name is installed."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with AuthorizationServer() as server, open_desk(str(tmp_path), monkeypatch, server) as desk:
        Path("acme.yaml").write_text(SOURCE.format(url=server.mcp))
        yield desk


def succeeds(desk: Desk, *words: str, code: int = 0) -> str:
    done = desk.run(*words)
    assert done.code == code, done.text
    return done.text


def test_a_build_that_wants_a_login_names_the_command_that_makes_it(desk: Desk) -> None:
    said = succeeds(desk, "profile", "build", "acme.yaml", code=4)
    assert "MCPX-C05" in said
    assert "next: mcp-proxy login acme.yaml" in said
    assert "for capturing the listings that acme.yaml names" in succeeds(desk, "login", "acme.yaml")
    succeeds(desk, "profile", "build", "acme.yaml")
    assert "whoami" in Path("acme.tools.json").read_text()
    assert "another" not in succeeds(desk, "login", "./acme.yaml", "acme")


def test_s7_the_login_of_a_source_is_bound_as_that_of_its_profile(desk: Desk) -> None:
    succeeds(desk, "login", "acme.yaml")
    tokens = token_store(desk.home).read("acme")
    assert tokens is not None
    assert tokens.binding.profiles == (("acme", "keys"),)
    assert [origin.text for origin in tokens.binding.origins] == [desk.server.resource_origin]
    assert tokens.binding.path == "/mcp"


def test_logout_takes_a_source_too(desk: Desk) -> None:
    succeeds(desk, "login", "acme.yaml")
    said = succeeds(desk, "logout", "acme.yaml")
    assert "is revoked" in said
    assert "also that of" not in said
    assert desk.server.ledger.access == {}
    assert token_store(desk.home).names() == {}
    said = succeeds(desk, "logout", "acme.yaml")
    assert "Nobody is logged in with acme" in said


def test_a_failed_logout_names_its_source(desk: Desk) -> None:
    succeeds(desk, "login", "acme.yaml")
    desk.server.faults.answers = {"/revoke": (503, {}, b"")}
    said = succeeds(desk, "logout", "acme.yaml", code=6)
    assert "mcp-proxy logout acme.yaml --local" in said
    succeeds(desk, "logout", "acme.yaml", "acme", "--local")


def test_a_failed_login_names_its_source(desk: Desk) -> None:
    desk.server.faults.callback = {"error": "access_denied", "code": None}
    said = succeeds(desk, "login", "acme.yaml", code=4)
    assert "mcp-proxy login acme.yaml" in said


def test_metadata_that_do_not_fit_a_source_say_to_correct_it(desk: Desk) -> None:
    source = Path("acme.yaml")
    other = "issuer: https://other.example, client_id"
    source.write_text(source.read_text().replace("client_id", other))
    said = succeeds(desk, "login", "acme.yaml", code=4)
    assert "MCPX-C07" in said
    assert "correct the login's keys in acme.yaml, such as `issuer`" in said


def test_a_source_that_is_wrong_or_has_no_login_makes_none(desk: Desk) -> None:
    assert "MCPX-B01" in succeeds(desk, "login", "nowhere.yml", code=1)
    source = Path("acme.yaml")
    source.write_text(source.read_text().replace("oauth", "bearer").replace(", client_id: app", ""))
    assert "no upstream is logged in to by OAuth" in succeeds(desk, "login", "acme.yaml", code=2)
    source.write_text(source.read_text().replace("url: http", "url: ftp"))
    assert "acme.yaml:7" in succeeds(desk, "login", "acme.yaml", code=1)
    assert desk.server.seen == []


def test_a_listing_that_the_login_is_refused_names_the_source(desk: Desk) -> None:
    succeeds(desk, "login", "acme.yaml")
    refusal = {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="admin"'}
    desk.server.faults.answers = {"/mcp": (403, refusal, b"")}
    said = succeeds(desk, "profile", "build", "acme.yaml", code=6)
    assert 'mcp-proxy login acme.yaml --scope "admin"' in said


@pytest.mark.parametrize(
    ("verb", "challenge"), [("new", None), ("import", None), ("new", ""), ("import", "Bearer")]
)
def test_a_gateway_that_names_its_server_gets_a_source_with_a_login(
    desk: Desk, verb: str, challenge: str | None
) -> None:
    desk.server.faults.challenge = challenge
    said = succeeds(desk, "profile", verb, "other", "--mcp", desk.server.mcp)
    then = "mcp-proxy profile import other --select '*'"
    assert f"First: mcp-proxy login other.yaml Then: {then}" in said
    assert "    auth: {kind: oauth, credential: other}\n" in Path("other.yaml").read_text()
    assert sorted(os.listdir()) == ["acme.yaml", "other.yaml"]
    said = succeeds(desk, "login", "other.yaml")
    assert f"no tools yet: {then} (or --pick)" in said
    said = succeeds(desk, "profile", "import", "other")
    assert "Tools written out: 0" in said
    assert "Choose with --select, as --select '*' for all, or --pick" in said
    assert "Nothing moved" not in said
    said = succeeds(desk, "profile", "import", "other")
    assert "Choose with --select, as --select '*' for all, or --pick" in said
    said = succeeds(desk, "profile", "import", "other", "--select", "*")
    assert "Tools written out: 1" in said
    assert "Choose with" not in said
    assert "# REVIEW: drafted from the listing" in Path("other.yaml").read_text()
    succeeds(desk, "profile", "build", "other.yaml")


def test_an_import_into_another_file_names_it(desk: Desk) -> None:
    gateway = ("--mcp", desk.server.mcp)
    said = succeeds(desk, "profile", "import", "other", *gateway, "-o", "mine.yml")
    assert "mcp-proxy login mine.yml Then: mcp-proxy profile import other -o mine.yml" in said
    said = succeeds(desk, "login", "mine.yml")
    assert "mcp-proxy profile import other -o mine.yml --select '*'" in said
    succeeds(desk, "profile", "import", "other", *gateway, "-o", "mine.yml", "--select", "whoami")


@pytest.mark.parametrize("verb", ["new", "import"])
def test_a_gateway_that_names_no_server_wants_a_token_as_before(desk: Desk, verb: str) -> None:
    desk.server.faults.challenge = 'Bearer realm="x"'
    gone = (404, {}, b"")
    well_known = "/.well-known/oauth-protected-resource"
    desk.server.faults.answers = {well_known: gone, well_known + "/mcp": gone}
    said = succeeds(desk, "profile", verb, "other", "--mcp", desk.server.mcp, code=4)
    assert "mcp-proxy credential set other" in said
    assert os.listdir() == ["acme.yaml"]
