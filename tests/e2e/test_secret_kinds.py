"""Canary secrets of every kind that is set by hand: each in its request, and no trace beside."""

import base64
import json
import os
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import homes
import pytest
from e2e.client import text_of
from e2e.company import Authority, EchoApi, Proxy
from e2e.login_world import PASSPHRASE
from e2e.stage import KEPT, Gate, Stage
from e2e.traces import Traces, assert_no_trace, forms

from mcp_proxy.core.profile import Auth, Aws, UpstreamSpec

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="argv is read in /proc")]

PROFILE = "kinds"
PROXIED = "https://api.company.example"
REMOVED = "[credential removed]"


def canary(name: str) -> str:
    """Another text each time, which nothing else holds."""
    return f"canary{name}{secrets.token_hex(12)}"


SECRETS = {
    "bearer": canary("bearer"),
    "basic": f"ada:{canary('basic')}",
    "header": canary("header"),
    "query": canary("query") + "/+%",
    "command": canary("command"),
    "environment": canary("environment"),
    "proxied": canary("proxied"),
    "proxy": f"corp:{canary('proxy')}",
    "sigv4": canary("sigv4"),
    "passphrase": canary("passphrase"),
    "key passphrase": canary("keypassphrase"),
}


class Company(NamedTuple):
    """A stage with its servers, and where traces are sought."""

    stage: Stage
    traces: Traces
    api: EchoApi
    secure: EchoApi
    inner: EchoApi
    proxy: Proxy
    authority: Authority

    def say(self, *words: str, text: str = "", code: int | None = 0) -> str:
        """A command; its output is a place where traces may be."""
        done = self.stage.complete(*words, text=text)
        self.traces.add(" ".join(words), done.stdout + done.stderr)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def set(self, name: str, kind: str, origin: str, *words: str, text: str = "") -> None:
        """`credential set` for the profile."""
        place = ("--origin", origin, "--profile", PROFILE, "--kind", kind)
        self.say("credential", "set", name, *place, *words, text=text)


def specs(company: Company) -> dict[str, UpstreamSpec]:
    """An upstream for each way."""
    plain, secure = company.api.origin, company.secure.origin

    def made(auth: Any, url: str = plain) -> UpstreamSpec:
        return UpstreamSpec("rest", url, auth, 5_000, ())

    return {
        "bearer": made(Auth("bearer", "c-bearer", "Authorization")),
        "basic": made(Auth("basic", "c-basic", "Authorization")),
        "header": made(Auth("header", "c-header", "X-Api-Key")),
        "query": made(Auth("query", "c-query", "key")),
        "command": made(Auth("bearer", "c-command", "Authorization")),
        "environment": made(Auth("bearer", "c-environment", "Authorization")),
        "proxied": made(Auth("bearer", "c-proxied", "Authorization"), PROXIED),
        "mtls": made(Auth("mtls", "c-mtls", ""), secure),
        "sigv4": made(Aws("sigv4", "c-sigv4", "eu-central-1", "execute-api")),
    }


def tools(upstreams: dict[str, UpstreamSpec]) -> list[Any]:
    """For each upstream a tool of its name, and for some others that fail or redirect."""
    schema = {"type": "object", "properties": {}}
    plain = homes.tool("ok", enforced=schema, arguments={})
    found = [plain._replace(name=name, upstream=name) for name in upstreams]
    for name in ("fail", "away"):
        made = homes.tool(name, enforced=schema, arguments={})
        found += [
            made._replace(name=f"{upstream}_{name}", upstream=upstream)
            for upstream in ("bearer", "query", "header")
        ]
    return found


@pytest.fixture
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = str(tmp_path_factory.mktemp("company"))
    outside = Authority(str(tmp_path_factory.mktemp("authority")))
    traces = Traces(folder)
    env = {name: os.environ[name] for name in KEPT if name in os.environ} | traces.env
    for name, place in (("HOME", "person"), ("TMPDIR", "tmp")):
        env[name] = os.path.join(folder, place)
        os.mkdir(env[name])
    env["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    env |= {PASSPHRASE: SECRETS["passphrase"], "OUR_TOKEN": SECRETS["environment"]}
    stage = Stage(folder, env, None, None, {}, Gate())
    with (
        EchoApi() as api,
        EchoApi(outside.server_context("127.0.0.1", asks_client=True)) as secure,
        EchoApi(outside.server_context("api.company.example")) as inner,
        Proxy(inner.port, SECRETS["proxy"]) as proxy,
    ):
        made = Company(stage, traces, api, secure, inner, proxy, outside)
        home = homes.make_home(env["MCP_PROXY_HOME"], PROFILE)
        upstreams = specs(made)
        homes.install(home, name=PROFILE, tools=tools(upstreams), upstreams=upstreams)
        made.say("vault", "init", "--from", f"env:{PASSPHRASE}")
        yield made


def set_all(company: Company) -> list[str]:
    """Sets every credential as a person would; the lines of the client's private key."""
    api, outside = company.api.origin, company.authority
    for kind in ("bearer", "basic"):
        company.set(f"c-{kind}", kind, api, text=SECRETS[kind])
    company.set("c-header", "header", api, "--header", "X-Api-Key", text=SECRETS["header"])
    company.set("c-query", "query", api, "--parameter", "key", text=SECRETS["query"])
    program = os.path.join(os.path.dirname(outside.pem), "secret")
    with open(program, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\necho {SECRETS['command']}\n")
    os.chmod(program, 0o700)
    company.set("c-command", "bearer", api, "--from", "cmd:" + json.dumps([program]))
    company.set("c-environment", "bearer", api, "--from", "env:OUR_TOKEN")
    company.set("c-proxied", "bearer", PROXIED, text=SECRETS["proxied"])
    company.set("c-proxy", "basic", company.proxy.origin, text=SECRETS["proxy"])
    company.set("c-sigv4", "sigv4", api, text=f"AKIDEXAMPLE:{SECRETS['sigv4']}")
    chain, key = outside.issue("laptop", passphrase=SECRETS["key passphrase"])
    with open(chain, encoding="ascii") as one, open(key, encoding="ascii") as other:
        row = {"certificate": one.read(), "key": other.read()}
    text = json.dumps({**row, "passphrase": SECRETS["key passphrase"]})
    company.set("c-mtls", "mtls", company.secure.origin, text=text)
    network = ("--ca-file", outside.pem, "--proxy", company.proxy.origin)
    company.say("network", "set", *network, "--proxy-credential", "c-proxy")
    return row["key"].splitlines()[1:-1]


def sent(api: EchoApi, place: str) -> set[str]:
    """What arrived in a header, or under `path`."""
    return {path if place == "path" else headers.get(place, "") for path, headers, _ in api.seen}


def test_s7_secrets_of_every_kind_are_in_their_requests_and_nowhere_else(company: Company) -> None:
    lines = set_all(company)
    names = [*specs(company)]
    with company.stage.serve(profile=PROFILE) as client:
        for name in names:
            said = text_of(client.call(name, {}))
            assert '"path"' in said, (name, said)
            assert REMOVED in said or name in ("mtls", "sigv4"), (name, said)
        for name in ("bearer", "query", "header"):
            for way in ("fail", "away"):
                assert "MCPX-" in text_of(client.call(f"{name}_{way}", {}))
        company.traces.add_process(client.process.pid)
        client.end()
        company.traces.add("the sidecar", client.stdout + client.stderr)
    for words in (("credential", "list", "--json"), ("network", "show"), ("doctor",)):
        company.say(*words, code=None)
    for name in names:
        company.say("call", PROFILE, name, "{}", "--dry-run")
    company.say("call", PROFILE, "mtls", "{}", "--json")
    company.say("call", PROFILE, "query_away", "{}", code=None)
    assert_sent(company)
    keys = [(f"key line {n}", line) for n, line in enumerate(lines)]
    places = company.traces.places()
    assert_no_trace(places, [*SECRETS.items(), *keys])
    # The client's key lay in a file for a moment, and not as it is.
    assert any(b"BEGIN ENCRYPTED PRIVATE KEY" in data for _, data in places)
    assert not any(b"BEGIN PRIVATE KEY" in data for _, data in places)
    for row in company.traces.children():
        assert not {PASSPHRASE, "OUR_TOKEN"} & row["env"].keys(), row["argv"]


def assert_sent(company: Company) -> None:
    """Each secret was really used, or nothing would be shown."""
    bearers = {f"Bearer {SECRETS[name]}" for name in ("bearer", "command", "environment")}
    basic = "Basic " + base64.b64encode(SECRETS["basic"].encode()).decode()
    heard = sent(company.api, "authorization")
    assert {basic, *bearers} <= heard
    assert any(text.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") for text in heard)
    assert SECRETS["header"] in sent(company.api, "x-api-key")
    queries = {path.encode() for path in sent(company.api, "path")}
    assert any(form in path for path in queries for form in forms(SECRETS["query"]))
    # doctor asks without a credential.
    assert sent(company.inner, "authorization") - {""} == {f"Bearer {SECRETS['proxied']}"}
    assert company.proxy.asked
    assert company.proxy.refused == 0
    assert {peer["subject"][0][0][1] for _, _, peer in company.secure.seen} == {"laptop"}


def test_s7_a_secret_that_is_refused_is_not_shown(company: Company) -> None:
    """What is set wrongly is told without it."""
    wrong = canary("wrong")
    for kind, origin, words in (
        ("basic", company.api.origin, ()),
        ("mtls", company.secure.origin, ()),
        ("sigv4", company.api.origin, ()),
        ("bearer", company.api.origin, ()),
    ):
        text = wrong + ("\x07\n\x1b" if kind == "bearer" else "")
        place = ("--origin", origin, "--profile", PROFILE, "--kind", kind)
        said = company.say("credential", "set", "c-x", *place, *words, text=text, code=None)
        assert "Traceback" not in said
    company.set("c-proxy", "basic", company.proxy.origin, text=f"corp:{wrong}")
    company.set("c-proxied", "bearer", PROXIED, text=SECRETS["proxied"])
    network = ("--ca-file", company.authority.pem, "--proxy", company.proxy.origin)
    company.say("network", "set", *network, "--proxy-credential", "c-proxy")
    said = company.say("call", PROFILE, "proxied", "{}", code=None)
    assert company.proxy.refused > 0
    assert "proxy" in said
    assert company.inner.seen == []
    places = company.traces.places()
    assert_no_trace(places, {"wrong": wrong, "proxied": SECRETS["proxied"]})
