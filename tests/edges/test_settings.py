"""config/settings.toml: every key round-trips, and nothing unknown is passed over."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.binding import make_binding, make_command_binding
from mcp_proxy.core.command import Command, Place
from mcp_proxy.core.text import is_visible_line
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings import (
    Settings,
    dump_settings,
    parse_settings,
    read_settings,
    settings_path,
    write_settings,
)
from mcp_proxy.edges.settings_approval import ApprovalSettings
from mcp_proxy.edges.settings_credentials import Reference, parse_source
from mcp_proxy.edges.settings_network import NetworkSettings
from mcp_proxy.errors import HomeError

BINDING = make_binding(
    "header",
    "X-Key",
    ["https://a.example", "http://127.0.0.1:8080"],
    "/v1",
    [("billing", "keys"), ("support", "keys")],
)
FULL = Settings(
    NetworkSettings(localhost=True), {"ci": Reference("CI_TOKEN", BINDING), "billing-api": None}
)
COMMAND = Command("keys", "/opt/bin/server", ("server", 'a "b" \\c ü'), ("MODE", "TOKEN"))
WITH_COMMAND = Settings(
    NetworkSettings(),
    {"files": Reference("OUR", make_command_binding("TOKEN", "0" * 64, [("billing", "keys")]))},
    {Place("billing", "files"): COMMAND},
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


def test_every_key_survives_the_file(home: Home) -> None:
    write_settings(home, FULL)
    assert read_settings(home) == FULL


def test_s13_commands_survive_the_file_word_by_word(home: Home) -> None:
    write_settings(home, WITH_COMMAND)
    assert read_settings(home) == WITH_COMMAND
    assert dump_settings(WITH_COMMAND).decode().split("\n\n", 1)[1].split("\n")[1:] == [
        'from = "env:OUR"',
        'kind = "env"',
        'variable = "TOKEN"',
        f'command = "{"0" * 64}"',
        'profiles = [["billing", "keys"]]',
        "",
        "[commands.billing.files]",
        'root = "keys"',
        'executable = "/opt/bin/server"',
        r'argv = ["server", "a \"b\" \\c ü"]',
        'environment = ["MODE", "TOKEN"]',
        "",
    ]


def test_a_missing_file_is_empty_settings(home: Home) -> None:
    assert read_settings(home) == Settings()


def test_the_written_form_is_fixed() -> None:
    assert dump_settings(FULL).decode() == (
        "# Written by mcp-proxy, which keeps no comments. Secrets do not belong here.\n"
        "\n[network]\nlocalhost = true\n"
        '\n[credentials.billing-api]\nstore = "keychain"\n'
        '\n[credentials.ci]\nfrom = "env:CI_TOKEN"\nkind = "header"\nheader = "X-Key"\n'
        'origins = ["https://a.example", "http://127.0.0.1:8080"]\npath = "/v1"\n'
        'profiles = [["billing", "keys"], ["support", "keys"]]\n'
    )


NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True)
VARIABLES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8).filter(
    is_visible_line
)
REFERENCES = st.one_of(
    st.builds(Reference, VARIABLES, st.just(BINDING), st.just(())),
    st.builds(
        lambda words: Reference("", BINDING, ("/usr/bin/op", *words)), st.lists(WORDS, max_size=4)
    ),
)


@given(st.booleans(), st.dictionaries(NAMES, st.none() | REFERENCES, max_size=5))
def test_whatever_is_written_is_read_back(
    localhost: bool, credentials: dict[str, Reference | None]
) -> None:
    settings = Settings(NetworkSettings(localhost), credentials)
    assert parse_settings(dump_settings(settings)) == settings


REFUSED = {
    "not TOML": ("x = ", "not TOML"),
    "not UTF-8": (b"\xff", "UTF-8"),
    "nested too deeply": ("x = " + "[" * 3_000 + "]" * 3_000, "nested"),
    "unknown table": ("[colours]\n", "colours"),
    "unknown key at the top": ("localhost = true", "localhost"),
    "unknown network key": ("[network]\nproxy = 'x'", "[network] proxy"),
    "localhost of another type": ("[network]\nlocalhost = 'yes'", "[network] localhost"),
    "a table of a later version": ("[approval]\npage = 'x'", "[approval]"),
    "unknown key beside store": ("[credentials.a]\nstore = 'keychain'\nkind = 'x'", "kind"),
    "another store": ("[credentials.a]\nstore = 'file'", "[credentials.a]"),
    "no store": ("[credentials.a]\n", "[credentials.a]"),
    "a secret in the file": ("[credentials.a]\nsecret = 'canary'", "[credentials.a]"),
    "not a table": ("[credentials]\na = 'canary'", "[credentials.a]"),
    "a name that cannot be": ("[credentials.'../a']\nstore = 'keychain'", "credentials"),
    "a command as text": ("[credentials.a]\nfrom = 'cmd:sh'", "env:VAR"),
    "a program that is searched": ("[credentials.a]\nfrom = 'cmd:[\"op\"]'", "whole path"),
    "a reference that is no text": ("[credentials.a]\nfrom = 1", "[credentials.a]"),
    "unknown key beside from": ("[credentials.a]\nfrom = 'env:A'\nsecret = 'canary'", "secret"),
    "a command of no upstream": ("[commands]\nbilling = 'canary'", "[commands.billing.]"),
    "a command without its words": (
        "[commands.billing.files]\nroot = 'keys'\nexecutable = '/canary'",
        "[commands.billing.files]",
    ),
    "a command of a profile that cannot be": ("[commands.'Not A'.files]", "commands"),
    "a command of an upstream that cannot be": ("[commands.billing.'a b']", "commands"),
    "a reference without its binding": ("[credentials.a]\nfrom = 'env:A'", "[credentials.a]"),
}


@pytest.mark.parametrize(("text", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_a_hand_edited_mistake_is_named_with_its_file_and_key(
    home: Home, text: str | bytes, named: str
) -> None:
    path = settings_path(home)
    Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, 0o600)
    with pytest.raises(HomeError) as caught:
        read_settings(home)
    assert caught.value.id == "MCPX-H03"
    assert path in caught.value.why
    assert named in caught.value.why
    assert "canary" not in caught.value.why
    assert caught.value.next == f"edit {path}"


def test_empty_tables_of_later_versions_are_accepted() -> None:
    empty = b"[commands]\n[login]\n[approval]\n[confirm]\n"
    assert parse_settings(empty) == Settings()


def test_how_approvals_wait_and_show_is_written_and_read_back() -> None:
    settings = Settings(approval=ApprovalSettings(120, "page"))
    assert dump_settings(settings).endswith(b'\n[approval]\nwait = 120\nshow = "page"\n')
    assert parse_settings(dump_settings(settings)) == settings
    assert parse_settings(b"[approval]\nwait = 1\n").approval == ApprovalSettings(1)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("wait = 0", "wait"),
        ("wait = 201", "wait"),
        ("wait = true", "wait"),
        ("wait = 1.5", "wait"),
        ('show = "loud"', "notification, page, terminal"),
        ("show = 1", "show"),
        ("yes = true", "yes is not known"),
    ],
)
def test_an_approval_setting_that_cannot_be_is_named(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_settings(f"[approval]\n{text}\n".encode())


def test_s9_settings_may_not_bind_a_reference_to_plain_http() -> None:
    text = dump_settings(FULL).decode().replace("https://a.example", "http://a.example")
    with pytest.raises(ValueError, match="ci"):
        parse_settings(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "env:",
        "A",
        "env:1A",
        "env:A B",
        "env:A\n",
        "cmd:x",
        "cmd:[]",
        "cmd:[1]",
        'cmd:[""]',
        "ENV:A",
    ],
)
def test_only_a_named_variable_or_a_list_of_words_is_a_reference(text: str) -> None:
    with pytest.raises(ValueError):
        parse_source(text)
