"""What a start costs: the modules that are loaded when tools/list has been answered, no more."""

import re
import sys
import time

import pytest
from e2e.stage import PROFILE, Stage

from mcp_proxy.core.seen import Activation, dump_seen, repository_root
from mcp_proxy.core.trust_store import Repository, TrustStore
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.installs import change_trust
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.profile_store import read_records, read_trust, records_path

# Our own modules of the start path. A new one costs every start: add it knowingly.
OWN = {
    "mcp_proxy",
    "mcp_proxy.__main__",
    "mcp_proxy.app",
    "mcp_proxy.app.serve",
    "mcp_proxy.app.warmup",
    "mcp_proxy.core",
    "mcp_proxy.core.admin_policy",
    "mcp_proxy.core.detectors",
    "mcp_proxy.core.digest",
    "mcp_proxy.core.envelope",
    "mcp_proxy.core.eras",
    "mcp_proxy.core.fields",
    "mcp_proxy.core.freshness",
    "mcp_proxy.core.jsonrpc",
    "mcp_proxy.core.limits",
    "mcp_proxy.core.offer",
    "mcp_proxy.core.profile",
    "mcp_proxy.core.profile_audit",
    "mcp_proxy.core.profile_lines",
    "mcp_proxy.core.roots",
    "mcp_proxy.core.seen",
    "mcp_proxy.core.session",
    "mcp_proxy.core.session_params",
    "mcp_proxy.core.strict_json",
    "mcp_proxy.core.trust",
    "mcp_proxy.core.trust_store",
    "mcp_proxy.edges",
    "mcp_proxy.edges.admin_policy",
    "mcp_proxy.edges.files",
    "mcp_proxy.edges.folders",
    "mcp_proxy.edges.parent",
    "mcp_proxy.edges.places",
    "mcp_proxy.edges.profile_store",
    "mcp_proxy.edges.stdio",
    "mcp_proxy.errors",
}
HEAVY = {
    "argparse",
    "asyncio",
    "dataclasses",
    "datetime",
    "httpx2",
    "jsonschema_rs",
    "keyring",
    "logging",
    "mcp",
    "pathlib",
    "platformdirs",
    "pydantic",
    "rich",
    "ruamel",
    "secrets",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "urllib",
}


def loaded_by(stage: Stage, *arguments: str) -> set[str]:
    """The modules that the interpreter imports for a start with these arguments.

    It is asked for its tools and to tell of their changes, as clients do before the first call.
    """
    command = (sys.executable, "-I", "-X", "importtime", "-m", "mcp_proxy")
    with stage.serve(command=(*command, *arguments)) as client:
        client.request("server/discover")
        client.request("tools/list")
        client.start("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        assert client.read()["method"] == "notifications/subscriptions/acknowledged"
        client.end()
    lines = re.findall(rb"^import time: +\d+ \| +\d+ \| +(\S+)$", client.stderr, re.MULTILINE)
    return {line.decode() for line in lines}


@pytest.fixture(scope="module")
def loaded(stage: Stage) -> set[str]:
    return loaded_by(stage)


def test_nothing_heavy_is_loaded_before_the_list_is_answered(loaded: set[str]) -> None:
    assert {name for name in loaded if name.split(".")[0] in HEAVY} == set()


def test_our_own_modules_of_the_start_path_are_these(loaded: set[str]) -> None:
    own = {name for name in loaded if name.split(".")[0] == "mcp_proxy"}
    # The interpreter runs `-m` modules without an import line of their own.
    assert own | {"mcp_proxy.__main__"} == OWN


def test_a_repositorys_profile_loads_no_more_than_one_of_pinned_keys(
    stage: Stage, loaded: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_PROXY_HOME", stage.env["MCP_PROXY_HOME"])
    home = find_home()
    trust, records = read_trust(home), read_records(home)
    record = records[PROFILE]
    keys = tuple(trust.keys[keyid].public for keyid in record.signed_by)
    word = Activation(keys, int(time.time()) + 3600)
    moved = record._replace(root=repository_root("ab" * 32), activation=word)
    repository = Repository("ab" * 32, "https://profiles.example.com/", ("*",))
    try:
        write_file(records_path(home), dump_seen({**records, PROFILE: moved}))
        change_trust(home, lambda _held: TrustStore({}, {repository.id: repository}))
        assert loaded_by(stage) == loaded
    finally:
        write_file(records_path(home), dump_seen(records))
        change_trust(home, lambda _held: trust)
