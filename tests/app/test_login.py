"""login, logout and status at a real authorization server, in this process."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import homes
import pytest
from authorization_server import AuthorizationServer
from login_stage import BROWSER, PROFILE, Desk, mcp_tool, oauth, open_desk, set_browser

from mcp_proxy.app.keychain_store import token_store
from mcp_proxy.app.missing import missing_credentials
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, IdentityLogin, Server, TokenSet
from mcp_proxy.edges.profile_store import load_profile, read_generation

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with AuthorizationServer() as server, open_desk(str(tmp_path), monkeypatch, server) as desk:
        desk.install()
        yield desk


def kept(desk: Desk, name: str = PROFILE) -> TokenSet:
    tokens = token_store(desk.home).read(name)
    assert tokens is not None
    return tokens


def secrets_of(tokens: TokenSet) -> list[str]:
    found = [tokens.access.reveal()]
    return found if tokens.refresh is None else [*found, tokens.refresh.reveal()]


def install_second(desk: Desk, name: str = "second", **auth: object) -> None:
    spec = UpstreamSpec("mcp", desk.server.mcp, oauth(**auth), 5_000, ())
    homes.trust(desk.home, homes.SEED, PROFILE, name)
    homes.install(desk.home, name=name, tools=[mcp_tool()], upstreams={"api": spec})


def log(desk: Desk) -> list[dict[str, object]]:
    notes = []
    for place, _, names in os.walk(desk.home.state):
        for name in names:
            if name.endswith(".jsonl"):
                lines = Path(place, name).read_text().splitlines()
                notes += [json.loads(line) for line in lines]
    notes.sort(key=lambda note: str(note["time"]))
    return [note for note in notes if str(note.get("what", "")).startswith("log")]


def test_a_login_is_bound_to_its_upstream_and_profile(desk: Desk) -> None:
    said = desk.login()
    tokens = kept(desk)
    assert tokens.server.issuer == desk.server.issuer
    assert tokens.server.token == desk.server.issuer + "/token"
    assert tokens.resource == desk.server.mcp
    assert [origin.text for origin in tokens.binding.origins] == [desk.server.resource_origin]
    assert tokens.binding[0:2] == ("oauth", "Authorization")
    assert tokens.binding.path == "/mcp"
    assert tokens.binding.profiles == ((PROFILE, "keys"),)
    assert f"for {desk.server.resource_origin} only" in said.text
    assert '"ada"' in desk.call().out


def test_what_is_shown_and_logged_holds_no_secret_and_the_log_comes_first(desk: Desk) -> None:
    said = desk.login()
    page = json.dumps(desk.pages())
    code = page.partition("code=")[2].partition("&")[0]
    state = page.partition("state=")[2].partition("&")[0]
    (note,) = log(desk)
    assert note["what"] == "login"
    assert note["facts"]["issuer"] == desk.server.issuer
    for secret in (code, state, *secrets_of(kept(desk))):
        assert len(secret) > 10
        assert secret not in said.text
        assert secret.encode() not in desk.files()


def test_without_a_log_there_is_no_login(desk: Desk) -> None:
    homes.block_ledger(desk.home)
    assert desk.login(code=5).code == 5
    assert token_store(desk.home).read(PROFILE) is None
    assert desk.pages() == []


def test_nobody_is_sent_to_a_browser_for_a_login_that_could_not_be_kept(desk: Desk) -> None:
    desk.keychain.locked = True
    done = desk.login(code=4)
    assert "MCPX-C02" in done.text
    assert desk.pages() == []
    assert desk.server.seen == []


def test_a_login_tells_running_processes(desk: Desk) -> None:
    before = read_generation(desk.home)
    desk.login()
    assert read_generation(desk.home) != before


def test_scopes_are_asked_for_beside_those_of_before(desk: Desk) -> None:
    desk.server.faults.challenge_scope = "read"
    desk.install(version=2)
    assert set(kept_after(desk).asked) == {"read", "offline_access"}
    assert set(kept_after(desk, "--scope", "write").asked) == {"read", "write", "offline_access"}
    assert set(kept_after(desk).asked) == {"read", "write", "offline_access"}


def kept_after(desk: Desk, *words: str) -> TokenSet:
    desk.login(*words)
    return kept(desk)


def test_scopes_that_are_not_granted_are_told(desk: Desk) -> None:
    desk.server.knobs.grants = ("read",)
    said = desk.login("--scope", "read write")
    assert "Asked for, but not granted: write" in said.text
    assert kept(desk).scopes == ("read",)


def test_two_profiles_share_one_login_of_the_same_server(desk: Desk) -> None:
    desk.login()
    install_second(desk)
    assert desk.run("call", "second", "whoami", "{}").code == 4
    assert desk.run("login", "second").code == 0
    assert kept(desk).binding.profiles == ((PROFILE, "keys"), ("second", "keys"))
    assert desk.run("call", "second", "whoami", "{}").code == 0
    assert desk.call().code == 0


def test_another_profile_cannot_take_a_login_over(desk: Desk) -> None:
    desk.login()
    held = kept(desk)
    desk.server.add_client("other")
    install_second(desk, client_id="other")
    done = desk.run("login", "second")
    assert (done.code, "MCPX-C04" in done.text) == (4, True)
    assert "mcp-proxy logout guarded" in done.text
    assert kept(desk) == held


def test_a_profile_of_several_logins_is_asked_which(desk: Desk) -> None:
    auth = oauth()
    specs = {
        name: UpstreamSpec("mcp", desk.server.mcp, auth._replace(credential=name), 5_000, ())
        for name in ("api", "other")
    }
    homes.install(desk.home, name=PROFILE, version=2, tools=[mcp_tool()], upstreams=specs)
    done = desk.login(code=2)
    assert "api, other" in done.text
    assert "mcp-proxy login guarded api" in done.text
    desk.login("other")
    assert token_store(desk.home).read("other") is not None
    assert token_store(desk.home).read("api") is None


def test_a_profile_without_a_login_says_so(desk: Desk) -> None:
    homes.install(desk.home, name=PROFILE, version=2)
    assert "is logged in to by OAuth" in desk.login(code=2).text
    assert "is not logged in to by OAuth" in desk.login("nowhere", code=2).text


@pytest.mark.parametrize(
    ("words", "grant"),
    [
        (("--device",), "client_credentials"),
        (("--id-token-from", "env:X"), "authorization_code"),
        (("--scope", 'a"b'), "authorization_code"),
        (("--client-id", "another"), "authorization_code"),
        (("--client-id", "a\udcff"), "authorization_code"),
        (("--client-id", "\x1b[2J"), "authorization_code"),
    ],
)
def test_options_that_do_not_fit_the_profile_are_refused(
    desk: Desk, words: tuple[str, ...], grant: str
) -> None:
    desk.install(version=2, grant=grant, client_id="app" if "another" in words else "")
    assert desk.login(*words, code=2).code == 2
    assert desk.pages() == []


def test_a_client_id_of_the_command_line_is_used(desk: Desk) -> None:
    desk.install(version=2, client_id="")
    desk.login("--client-id", "app")
    assert kept(desk).client.id == "app"


def test_a_client_id_given_once_serves_the_next_login_where_the_server_registers_nobody(
    desk: Desk,
) -> None:
    desk.install(version=2, client_id="")
    desk.server.faults.metadata = {"registration_endpoint": None}
    desk.login("--client-id", "app")
    desk.login("--scope", "more")
    assert kept(desk).client.id == "app"


def test_a_person_who_declines_is_told_and_the_old_login_stays(desk: Desk) -> None:
    desk.login()
    held = kept(desk)
    desk.server.knobs.consents = False
    said = desk.login(code=4)
    assert "access_denied" in said.text
    assert said.text.endswith("next: mcp-proxy login guarded")
    assert kept(desk) == held
    assert [note["what"] for note in log(desk)] == ["login", "login", "login failed"]
    ends_s = time.monotonic() + 20
    # The browser is a process of its own, and may still be reading.
    while "Not logged in" not in desk.pages()[-1]["body"]:
        assert time.monotonic() < ends_s, desk.pages()
        time.sleep(0.02)


def test_s22_no_file_stays_behind(desk: Desk) -> None:
    desk.login()
    desk.server.knobs.consents = False
    desk.login(code=4)
    assert os.listdir(desk.folder + "/person") == []


def test_a_browser_that_does_not_start_leaves_the_address_to_the_person(desk: Desk) -> None:
    failing = Path(desk.folder, "failing")
    failing.write_text(f"#!{sys.executable}\nraise SystemExit(3)\n")
    failing.chmod(0o700)
    set_browser(desk.home, str(failing))
    person = threading.Thread(target=open_by_hand, args=(desk,))
    person.start()
    said = desk.login().text
    person.join()
    assert f"{failing} ended with code 3" in said
    assert f"{desk.server.issuer}/authorize?" in said


def open_by_hand(desk: Desk) -> None:
    folder = Path(desk.folder, "person")
    for _ in range(200):
        time.sleep(0.05)
        # Beside the page there may be the temporary file that it is renamed from.
        if pages := list(folder.glob("mcp-proxy-login-*.html")):
            subprocess.run([sys.executable, BROWSER, str(pages[0])], check=True, timeout=30)
            return


def test_a_server_that_insists_on_a_port_gets_the_one_of_the_settings(desk: Desk) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log_file = desk.folder + "/browser.log"
    set_browser(desk.home, sys.executable, BROWSER, "--log", log_file, port=port)
    desk.login()
    assert f"redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}%2Fcallback" in str(desk.pages())


def test_a_profile_that_cannot_be_used_has_its_line_of_status(desk: Desk) -> None:
    homes.distrust(desk.home)
    done = desk.run("status")
    assert done.code == 4
    assert "profile not usable" in done.out
    assert "guarded: " in done.err


def test_a_device_and_a_printed_address_exclude_each_other(desk: Desk) -> None:
    assert desk.login("--device", "--no-browser", code=2).code == 2


@pytest.mark.slow
def test_a_device_is_waited_for_as_the_server_wants(desk: Desk) -> None:
    desk.server.knobs.device_polls = 1
    said = desk.login("--device")
    assert "enter this code: " in said.text
    assert desk.server.issuer + "/activate" in said.text
    assert '"ada"' in desk.call().out


@pytest.mark.parametrize(
    ("error", "words"), [("access_denied", "denied"), ("expired_token", "in time")]
)
def test_a_device_that_gets_no_agreement_says_why(desk: Desk, error: str, words: str) -> None:
    desk.server.knobs.device_answer = error
    assert words in desk.login("--device", code=4).text
    assert token_store(desk.home).read(PROFILE) is None


def test_a_server_without_a_way_for_devices_says_so(desk: Desk) -> None:
    desk.server.faults.metadata = {"device_authorization_endpoint": None}
    assert "without --device" in desk.login("--device", code=4).text


def status(desk: Desk) -> dict[str, object]:
    done = desk.run("status", PROFILE, "--json")
    (row,) = json.loads(done.out)
    assert (done.code == 0) == (row["state"] in ("ready", "refreshes at next call"))
    return dict(row)


def test_status_tells_each_state_and_no_secret(desk: Desk) -> None:
    row = status(desk)
    assert (row["state"], row["next"]) == ("missing", "mcp-proxy login guarded")
    desk.login()
    row = status(desk)
    assert (row["state"], row["issuer"]) == ("ready", desk.server.issuer)
    assert isinstance(row["expires"], int)
    tokens, store = kept(desk), token_store(desk.home)
    store.write(PROFILE, tokens._replace(expires_s=1.0))
    assert status(desk)["state"] == "refreshes at next call"
    store.write(PROFILE, tokens._replace(expires_s=1.0, refresh=None))
    assert status(desk)["state"] == "login required"
    store.write(PROFILE, tokens._replace(needs_login="The server ended the login."))
    row = status(desk)
    assert (row["state"], row["why"]) == ("login required", "The server ended the login.")
    twin = tokens.binding._replace(profiles=(("other", "keys"),))
    store.write(PROFILE, tokens._replace(binding=twin))
    assert status(desk)["state"] == "not allowed"
    shown = desk.run("status").text + desk.run("status", "--json").text
    assert not any(secret in shown for secret in secrets_of(tokens))


def test_what_is_missing_is_told_with_the_login_that_mends_it(desk: Desk) -> None:
    profile = load_profile(desk.home, PROFILE, 1_800_000_000)
    (gap,) = missing_credentials(desk.home, profile)
    assert gap.next == "mcp-proxy login guarded"
    desk.login()
    assert missing_credentials(desk.home, profile) == []


def test_a_logout_revokes_the_refresh_token_first_and_then_deletes(desk: Desk) -> None:
    desk.login()
    refresh, access = kept(desk).refresh, kept(desk).access
    said = desk.run("logout", PROFILE)
    assert said.code == 0, said.text
    assert "is revoked at" in said.text
    forms = [seen.form for seen in desk.server.heard("/revoke")]
    assert refresh is not None
    assert [form["token"] for form in forms] == [refresh.reveal(), access.reveal()]
    assert token_store(desk.home).read(PROFILE) is None
    assert [note["what"] for note in log(desk)] == ["login", "logout"]
    assert desk.run("call", PROFILE, "whoami", "{}").code == 4
    said = desk.run("logout", PROFILE)
    assert (said.code, "Nobody is logged in with guarded" in said.text) == (0, True)


def test_nothing_is_deleted_while_the_server_is_out_of_reach(desk: Desk) -> None:
    desk.login()
    desk.server.faults.answers = {"/revoke": (503, {}, b"")}
    said = desk.run("logout", PROFILE)
    assert said.code == 6
    assert "Nothing was deleted." in said.text
    assert "--local" in said.text
    assert kept(desk).refresh is not None
    said = desk.run("logout", PROFILE, "--local")
    assert said.code == 0
    assert "was not told" in said.text
    assert token_store(desk.home).read(PROFILE) is None


def test_nothing_is_deleted_where_the_server_refuses(desk: Desk) -> None:
    desk.login()
    body = b'{"error": "invalid_client", "error_description": "who?"}'
    desk.server.faults.answers = {"/revoke": (401, {}, body)}
    said = desk.run("logout", PROFILE)
    assert said.code == 4
    assert "invalid_client" in said.text
    assert kept(desk).refresh is not None


def test_a_server_that_revokes_no_access_tokens_is_content_with_the_refresh_token(
    desk: Desk,
) -> None:
    desk.login()
    body = b'{"error": "unsupported_token_type"}'
    desk.server.faults.answers = {"/revoke": (400, {}, body)}
    assert desk.run("logout", PROFILE).code == 0
    assert token_store(desk.home).read(PROFILE) is None


def test_a_logout_at_the_identity_provider_alone_does_not_say_that_it_revoked_the_tokens(
    desk: Desk,
) -> None:
    desk.server.faults.metadata = {"revocation_endpoint": None}
    desk.login()
    place = Server("https://idp.example", "x", desk.server.issuer + "/revoke")
    person = IdentityLogin(place, Client("app", "none"), Secret("id"), None, Secret("refresh"))
    token_store(desk.home).write(PROFILE, kept(desk)._replace(identity=person))
    said = desk.run("logout", PROFILE)
    assert [seen.form["token"] for seen in desk.server.heard("/revoke")] == ["refresh"]
    assert (said.code, "has no way to revoke them" in said.text) == (0, True)


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        ({"registration_endpoint": None}, "mcp-proxy login guarded --client-id ID"),
        ({"token_endpoint": "https://127.0.0.1:1/"}, "tell the publisher"),
    ],
)
def test_a_login_that_fails_names_the_next_command_whole(
    desk: Desk, fault: dict[str, object], mend: str
) -> None:
    desk.install(version=2, client_id="")
    desk.server.faults.metadata = fault
    assert f"next: {mend}" in desk.login(code=4).text


def test_a_server_that_does_not_answer_its_discovery_is_tried_again_by_the_same_command(
    desk: Desk,
) -> None:
    desk.server.faults.answers["/.well-known/oauth-authorization-server"] = (503, {}, b"")
    assert desk.login(code=6).text.endswith("next: mcp-proxy login guarded")


def test_a_client_that_the_server_does_not_know_is_to_be_set(desk: Desk) -> None:
    body = b'{"error": "invalid_client"}'
    desk.server.faults.answers = {"/token": (401, {}, body)}
    where = f"--kind client --issuer {desk.server.issuer} --client-id "
    assert f"next: mcp-proxy credential set guarded {where}" in desk.login(code=4).text


def test_the_person_is_told_whose_page_opens(desk: Desk) -> None:
    said = desk.login().text
    assert f"log in there, at {desk.server.issuer}." in said
    assert "Waiting up to 5 minutes; Ctrl-c ends it." in said


def test_offline_access_that_gave_a_refresh_token_is_not_called_refused(desk: Desk) -> None:
    desk.server.faults.challenge_scope = "read"
    desk.server.knobs.grants = ("read",)
    assert "not granted" not in desk.login().text
    assert "offline_access" in kept(desk).asked


def test_a_server_that_cannot_revoke_is_told_of(desk: Desk) -> None:
    desk.server.faults.metadata = {"revocation_endpoint": None}
    desk.login()
    said = desk.run("logout", PROFILE)
    assert (said.code, "has no way to revoke them" in said.text) == (0, True)
    assert token_store(desk.home).read(PROFILE) is None


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_s22_a_login_that_is_told_to_end_takes_its_file_away(
    desk: Desk, told: signal.Signals
) -> None:
    quiet = Path(desk.folder, "quiet")
    quiet.write_text(f"#!{sys.executable}\n")
    quiet.chmod(0o700)
    set_browser(desk.home, str(quiet))
    code = (
        "import sys; from mcp_proxy.app import keychain_store\n"
        "from edges.fakes_keychain import MemoryKeychain\n"
        "keychain_store._open = lambda _home: MemoryKeychain()\n"
        "from mcp_proxy.cli.main import main; sys.exit(main(sys.argv[1:]))\n"
    )
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    env = {**os.environ, "PYTHONPATH": tests}
    process = subprocess.Popen(
        [sys.executable, "-c", code, "login", PROFILE], env=env, stderr=subprocess.PIPE
    )
    with process:
        assert process.stderr is not None
        assert b"Opening the browser" in process.stderr.readline()
        assert len(os.listdir(desk.folder + "/person")) == 1
        process.send_signal(told)
        assert process.wait(20) == 130
    assert os.listdir(desk.folder + "/person") == []


def answer_device(desk: Desk, **changed: object) -> None:
    codes = {
        "device_code": "device-code-0123456789",
        "user_code": "ABCD-EFGH",
        "verification_uri": desk.server.issuer + "/activate",
        "expires_in": 60,
        "interval": 1,
    }
    body = json.dumps({**codes, **changed}).encode()
    desk.server.faults.answers["/device"] = (200, {}, body)


def test_s8_a_code_for_another_servers_page_is_told_apart(desk: Desk) -> None:
    desk.server.knobs.device_answer = "access_denied"
    said = desk.login("--device", code=4).text
    assert "enter this code" in said
    assert "belong together" not in said
    answer_device(desk, verification_uri="https://other.example/device")
    said = desk.login("--device", code=4).text
    assert f"to log in at {desk.server.issuer}, but the page is of https://other.example." in said
    answer_device(desk, verification_uri_complete="https://other.example/?user_code=ABCD-EFGH")
    assert "the page is of https://other.example." in desk.login("--device", code=4).text


@pytest.mark.slow
def test_a_server_that_is_busy_while_a_device_waits_ends_nothing(desk: Desk) -> None:
    desk.server.faults.queued["/token"] = [(503, {}, b"")]
    assert "Logged in" in desk.login("--device").text
    assert len(desk.server.heard("/token")) == 2


def test_a_rest_apis_resource_is_named_to_its_server_and_another_needs_another_login(
    desk: Desk,
) -> None:
    desk.install("rest", version=2)
    done = desk.run("login", PROFILE)
    assert done.code != 0
    assert "invalid_target" in done.text
    assert "`auth` lacks `resource`" in done.text
    desk.install("rest", version=3, resource=desk.server.rest)
    assert desk.run("login", PROFILE).code == 0
    assert kept(desk).resource == desk.server.rest
    assert "ready" in desk.run("status").text
    desk.install("rest", version=4, resource="https://other.example")
    assert "made for another resource" in desk.run("status").text
