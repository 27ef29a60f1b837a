"""Upstreams of a source: features, links, and the commands of local servers."""

from pathlib import Path

import pytest
from workshop.server_samples import HEAD, build, write_listings

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import FEATURES, Auth, UpstreamSpec
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.build import Built

STAR = 'tools:\n  "*": {upstream: gateway}\n'
LOCAL = "command: [server]"


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write_listings(tmp_path)


def build_local(folder: Path, keys: str) -> Built:
    return build(folder, STAR, HEAD.replace(LOCAL, keys))


def spec_of(built: Built, name: str = "local") -> UpstreamSpec:
    return parse_payload(built.payload, "", "").header.upstreams[name]


def refusal(folder: Path, keys: str) -> str:
    with pytest.raises(SourceError) as caught:
        build_local(folder, keys)
    assert "shop.yaml:6: upstreams.local" in caught.value.why
    return caught.value.why


def test_a_local_server_is_built_whole(tmp_path: Path) -> None:
    keys = (
        'command: [/opt/bin/server, --stdio, "two words"], deadline: 20s, '
        "environment: {LOG: debug, APP_DIR: /srv}, features: [roots, elicitation, roots], "
        "links: [https://Login.example.com, http://127.0.0.1:8080], "
        "auth: {kind: env, credential: token, name: API_KEY}"
    )
    assert spec_of(build_local(tmp_path, keys)) == UpstreamSpec(
        kind="stdio",
        url="",
        auth=Auth("env", "token", "API_KEY"),
        deadline_ms=20_000,
        features=("roots", "elicitation"),
        links=("https://login.example.com", "http://127.0.0.1:8080"),
        command=("/opt/bin/server", "--stdio", "two words"),
        environment=(("APP_DIR", "/srv"), ("LOG", "debug")),
    )


def test_tools_of_a_local_server_build_as_a_gateways(tmp_path: Path) -> None:
    write_listings(tmp_path, local={"tools": [{"name": "t", "inputSchema": {"type": "object"}}]})
    block = "tools:\n  t: {upstream: local, operation: t, effect: write, description: d}\n"
    assert parse_payload(build(tmp_path, block).payload, "", "").header.tools == ("t",)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("command: []", "command: "),
        ('command: [""]', "is no program"),
        ("command: [--version]", "is no program"),
        ("command: [./server]", "is a relative path; write a bare name or an absolute path"),
        ("command: [bin/server]", "is a relative path"),
        ("command: ['bin\\server']", "is a relative path"),
        ("command: [..]", "is a relative path"),
        ('command: ["a\\u200bb"]', "must be one visible line"),
        ('command: [server, "a\\nb"]', "must be one visible line"),
        ('command: [server, "a\\tb"]', "must be one visible line"),
        (f"command: [server, {'a' * LIMITS.command_chars}]", "is too long"),
        (f"command: [{', '.join(['a'] * (LIMITS.command_words + 1))}]", "is too long"),
        ("command: server --stdio", "write a list here"),
        ("command: [server], url: https://a.example.com", "url: unknown key"),
        ("command: [server], auth: {kind: bearer, credential: c, name: X}", "auth.kind: write env"),
        ("command: [server], auth: {kind: env, credential: c}", "auth.name: is missing"),
        ("command: [server], auth: {kind: env, credential: c, name: A-B}", "name it with A-Z"),
        ("command: [server], auth: {kind: env, credential: c, name: PATH}", "PATH steers what"),
        (
            "command: [server], environment: {A: b}, auth: {kind: env, credential: c, name: a}",
            "sets a variable twice",
        ),
        ('command: [server], environment: {A: "x\\u202ey"}', "must be one visible line"),
        ("command: [server], environment: {A-B: x}", "name it with A-Z"),
        ("command: [server], environment: {1A: x}", "name it with A-Z"),
        ("command: [server], environment: {A: 1}", "environment.A: "),
    ],
)
def test_s13_a_command_that_cannot_be_judged_is_refused(
    tmp_path: Path, keys: str, told: str
) -> None:
    assert told in refusal(tmp_path, keys)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "Path", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"),
        *("PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "node_options", "RUBYOPT", "PERL5OPT"),
        *("BASH_ENV", "JAVA_TOOL_OPTIONS", "npm_config_registry", "UV_INDEX_URL"),
    ],
)
def test_s13_no_profile_chooses_which_code_a_program_loads(tmp_path: Path, name: str) -> None:
    text = refusal(tmp_path, f"command: [server], environment: {{{name}: x}}")
    assert f"{name} steers what the program loads" in text


@pytest.mark.parametrize(
    "command",
    [
        "[npx, server]",
        "[npx, -y, server@latest]",
        "[npx, -y, server@^1.2.3]",
        "[npx, -y, server@1.2]",
        "[/usr/bin/npx, server]",
        "[uvx, server]",
        "[uvx, 'server>=1']",
        "[uvx, --from, server, run]",
        "[uv, tool, run, server]",
        "[pipx, run, server]",
        "[bunx, server]",
        "[npm, exec, server]",
    ],
)
def test_s13_a_package_without_an_exact_version_is_refused(tmp_path: Path, command: str) -> None:
    assert "needs an exact version" in refusal(tmp_path, f"command: {command}")


@pytest.mark.parametrize("command", ["[npx, -y, '@a/b@1.2.3']", "[uvx, server==1.2.3]"])
def test_a_package_with_its_exact_version_builds(tmp_path: Path, command: str) -> None:
    assert spec_of(build_local(tmp_path, f"command: {command}")).command[0] in ("npx", "uvx")


def test_a_secret_in_the_environment_is_warned_of(tmp_path: Path) -> None:
    built = build_local(tmp_path, "command: [server], environment: {GITHUB_TOKEN: x, LOG: y}")
    (text,) = [text for text in built.warnings if "looks like" in text]
    assert "upstreams.local: GITHUB_TOKEN looks like a secret's" in text
    assert "shop.yaml:6:" in text


def test_s14_all_features_are_built_in_and_none_by_itself(tmp_path: Path) -> None:
    every = f"command: [server], features: [{', '.join(FEATURES)}]"
    assert spec_of(build_local(tmp_path, every)).features == FEATURES
    assert spec_of(build(tmp_path, STAR)).features == ()


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("https://login.example.com/", "write the origin alone: https://login.example.com"),
        ("https://login.example.com/start", "write the origin alone"),
        ("https://login.example.com?x=1", "query or a fragment"),
        ("http://login.example.com", "not https"),
        ("https://*.example.com", "wildcard"),
        ("https://user:pw@login.example.com", "user name or password"),
        ("javascript:alert(1)", "does not start with https://"),
        ("login.example.com", "does not start with https://"),
    ],
)
def test_s14_links_are_origins(tmp_path: Path, link: str, told: str) -> None:
    keys = f'command: [server], features: [elicitation], links: ["{link}"]'
    text = refusal(tmp_path, keys)
    assert told in text
    assert "upstreams.local.links.0: " in text
    assert "pw" not in text


def test_s14_links_go_with_elicitation(tmp_path: Path) -> None:
    keys = "command: [server], features: [sampling], links: [https://login.example.com]"
    assert "go with the feature elicitation" in refusal(tmp_path, keys)


def test_env_is_for_local_servers_alone(tmp_path: Path) -> None:
    head = HEAD.replace("kind: mcp,", "kind: mcp, auth: {kind: env, credential: c, name: X},")
    with pytest.raises(SourceError, match=r"auth\.kind: write bearer, basic, header, .* or sigv4"):
        build(tmp_path, STAR, head)
