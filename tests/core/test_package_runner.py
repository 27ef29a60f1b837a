"""Package runners: only an exact version of every package passes."""

import pytest

from mcp_proxy.core.package_runner import check_versions, find_runner

EXACT = [
    "npx -y @modelcontextprotocol/server-everything@2026.8.31 stdio",
    "npx some-server@1.2.3 --port latest",
    "npx --yes --package=some@1.2.3-rc.1 some-bin --package=other",
    "npx -p some@1.2.3+build.5 -- some-bin",
    "/usr/bin/npx -y some@0.0.1",
    "npm exec -y some@1.2.3 -- --flag",
    "npm x some@1.2.3",
    "npm exec some@1.2.3 bin -y",
    "bunx some@1.2.3",
    "bun x --bun some@1.2.3",
    "pnpm dlx some@1.2.3",
    "pnpm dlx --package some@1.2.3 bin",
    "yarn dlx some@1.2.3",
    "uvx mcp-server-git==2026.1.14",
    "uvx mcp-server-git@2026.1.14 --repository x",
    "uvx --from mcp-server[cli]==1.0rc1 server",
    "uvx --with extra==2.0 mcp-server==1.0",
    "uv tool run mcp-server==1.0",
    "pipx run mcp-server==1.0",
    "pipx run --spec mcp-server==1.0.post1 bin",
]

LOOSE = [
    "npx some-server",
    "npx -y some-server@latest",
    "npx some@^1.2.3",
    "npx some@~1.2.3",
    "npx some@1.x",
    "npx some@1.2",
    "npx some@*",
    "npx some@>=1.2.3",
    "npx some@npm:other@1.2.3",
    "npx github:who/what",
    "npx https://example.com/some@1.2.3",
    "npx ./some@1.2.3",
    "npx -y",
    "npx",
    "npx -p some@1.2.3 -p other bin",
    "npx -p",
    "npx --pack=other some@1.2.3",
    "npx -c some@1.2.3",
    "npx --registry=https://evil.example some@1.2.3",
    "npm exec some",
    "npm --yes exec some@1.2.3",
    "npm exec some@1.2.3 --package=other@latest",
    "npm exec some@1.2.3 --package other@latest",
    "npm exec some@1.2.3 bin -p other",
    "npm exec some@1.2.3 --registry=https://evil.example",
    "npm exe some",
    "npm init some",
    "npx some@99999999999999999999.0.0",
    "npx some@1.2.3-a..b",
    "npx some@01.2.3",
    "npx some@1.2.3-" + "a" * 300,
    "npx some@1.2.\N{FULLWIDTH DIGIT THREE}",
    "env npx some@1.2.3",
    "cmd /c npx -y some@1.2.3",
    "node /opt/node/lib/npx-cli.js some",
    "python3 -m uv tool run server",
    "npx.cmd some",
    "NPX some",
    "/opt/node/lib/npx-cli.js some",
    "bunx some@latest",
    "pnpm dlx some",
    "pnpm --silent dlx some@1.2.3",
    "uvx mcp-server",
    "uvx mcp-server@latest",
    "uvx mcp-server==1.*",
    "uvx mcp-server>=1.0",
    "uvx mcp-server~=1.0",
    "uvx mcp-server==1.0,<2",
    "uvx --from git+https://example.com/x server",
    "uvx --from mcp-server==1.0 --with other server",
    "uv --quiet tool run mcp-server==1.0",
    "uv tool run mcp-server",
    "pipx run mcp-server",
    "pipx run --spec mcp-server bin",
    "pipx run https://example.com/x.py",
]


@pytest.mark.parametrize("command", EXACT)
def test_an_exact_version_of_every_package_passes(command: str) -> None:
    check_versions(tuple(command.split()))
    assert find_runner(tuple(command.split())) is not None


@pytest.mark.parametrize("command", LOOSE)
def test_s13_a_package_without_an_exact_version_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"^[`A-Z].*\.$"):
        check_versions(tuple(command.split()))


@pytest.mark.parametrize("script", ["npx some", "cd /x&&npx some", "exec $(npm exec some)"])
def test_s13_a_runner_within_a_shell_s_word_is_refused(script: str) -> None:
    command = ("sh", "-c", script)
    assert find_runner(command) is not None
    with pytest.raises(ValueError, match="as the command itself"):
        check_versions(command)


@pytest.mark.parametrize(
    "command", ["python -m server", "node server.js", "uv run x", "npm start", "/opt/server latest"]
)
def test_what_runs_no_package_needs_no_version(command: str) -> None:
    check_versions(tuple(command.split()))
    assert find_runner(tuple(command.split())) is None
