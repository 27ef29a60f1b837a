"""`mcp-proxy doctor`: what works on this machine, what does not, and the command that mends it.

Nothing is changed but for a probe item in the keychain, removed at once, and one entry in the log,
which shows that the log can be written.
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Iterator
from functools import partial

from platformdirs import user_config_dir, user_data_dir, user_state_dir

from mcp_proxy.app import admin_log, profiles, repositories, trust, warmup
from mcp_proxy.app.audit_key_check import check_heads, check_key
from mcp_proxy.app.authorizing import profile_authorizer
from mcp_proxy.app.check import Check
from mcp_proxy.app.client_entry import launch_command
from mcp_proxy.app.doctor_network import check_certificate, check_network
from mcp_proxy.app.keychain_store import credential_store, vault_key
from mcp_proxy.app.missing import missing_commands, missing_credentials, unset_variables
from mcp_proxy.app.network import network_of
from mcp_proxy.app.pausing import check_pauses
from mcp_proxy.app.repository_check import check_repository, check_standing
from mcp_proxy.app.state_check import check_state
from mcp_proxy.app.talk_env import talk_env
from mcp_proxy.core.admin_policy import FREE, bounds
from mcp_proxy.core.answer import Failure, Wishes
from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Profile, UpstreamSpec
from mcp_proxy.core.request import RestRequest
from mcp_proxy.core.wishes import full_wishes
from mcp_proxy.edges.admin_policy import POLICY_PATH, read_policy
from mcp_proxy.edges.keychain import KEYCHAIN_NAME, open_keychain
from mcp_proxy.edges.places import Home, check_unmade, default_folders, find_home
from mcp_proxy.edges.profile_store import read_trust
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.upstream_mcp import http_upstream
from mcp_proxy.edges.upstream_rest import RestUpstream
from mcp_proxy.edges.upstream_stdio import stdio_upstream
from mcp_proxy.errors import McpProxyError

_REACH = "check that it runs, its address, the network and the certificate"
_REACH_DEADLINE_S = 10.0
_ADD_KEY = "mcp-proxy trust add KEY-LINE --profiles NAMES"


def examine() -> Iterator[Check]:
    """Every check in turn, the cheap and local ones first."""
    yield from _check_policy()
    try:
        home = find_home()
        if not home.id:
            check_unmade(home)
    except McpProxyError as error:
        yield _bad("home", error)
        return
    yield Check("home", True, home.config if home.id else f"{home.config} (not made yet)")
    yield _check_places()
    yield _check_secrets(home)
    yield from check_network(home)
    if not home.id:
        yield Check("key", False, "No key is trusted yet.", _ADD_KEY)
        return
    yield _check_log(home)
    yield from check_key(home)
    yield from check_heads(home)
    yield from check_state(home)
    yield from check_pauses(home)
    yield from _check_keys(home)
    yield from _check_profiles(home)


def _check_policy() -> Iterator[Check]:
    try:
        policy = read_policy()
    except McpProxyError as error:
        yield _bad("policy", error)
        return
    if policy != FREE:
        yield Check("policy", True, f"{POLICY_PATH} is in force: {'; '.join(bounds(policy))}")


def _check_places() -> Check:
    """The start path computes the places by itself; here the library it must agree with speaks."""
    folders = (user_config_dir, user_data_dir, user_state_dir)
    usual = tuple(folder("mcp-proxy", appauthor=False) for folder in folders)
    try:
        own = default_folders(sys.platform, os.environ)[1:]
    except McpProxyError as error:
        return _bad("places", error)
    if own != usual:
        found = (
            f"The default home is in {', '.join(own)}; this system's places are {', '.join(usual)}."
        )
        return Check("places", False, found, "mcp-proxy home init DIR")
    return Check("places", True, "the default home is where this system keeps such files")


def _check_secrets(home: Home) -> Check:
    """The vault where the settings have one, which then stands in for the keychain."""
    try:
        if read_settings(home).vault is None:
            return _check_keychain(home)
        vault_key(home)
    except McpProxyError as error:
        return _bad("secrets", error)
    return Check("vault", True, "its passphrase opens it; no keychain is needed")


def _check_keychain(home: Home) -> Check:
    """A probe item written, read and removed, under a home id that exists only here."""
    began = time.perf_counter()
    try:
        keychain = open_keychain(secrets.token_hex(16))
        keychain.set("probe", "probe")
        same = keychain.get("probe") == "probe"
        keychain.delete("probe")
    except McpProxyError as error:
        if _only_references(home):
            return Check("keychain", True, f"{error.why} No credential here needs it.")
        mend = "unlock or install a keychain, or mcp-proxy vault init; or give each as env:VAR"
        return Check("keychain", False, error.why, mend)
    took = round((time.perf_counter() - began) * 1000)
    if not same:
        return Check("keychain", False, f"{KEYCHAIN_NAME} gives back another value.", None)
    return Check("keychain", True, f"{KEYCHAIN_NAME}: write, read, remove in {took} ms")


def _only_references(home: Home) -> bool:
    references = credential_store(home).references()
    return bool(references) and None not in references.values()


def _check_log(home: Home) -> Check:
    try:
        admin_log.record(home, "doctor")
    except McpProxyError as error:
        is_damaged = error.id == "MCPX-A02"
        mend = error.next if is_damaged else f"make {home.state} writable"
        return Check("audit log", False, error.why, mend)
    return Check("audit log", True, f"{home.state} takes entries")


def _check_keys(home: Home) -> Iterator[Check]:
    try:
        keys, in_force = trust.list_keys(), read_trust(home)
    except McpProxyError as error:
        yield _bad("key", error)
        return
    for key in keys:
        what, found = f"key {key.name}", f"trusted for {', '.join(key.profiles)}"
        is_allowed = key.keyid in in_force.keys
        yield Check(what, True, found) if is_allowed else _forbidden(what, key.keyid)
    held = repositories.list_repositories()
    for item in held:
        what, is_allowed = f"repository {item.url}", item.id in in_force.repositories
        found_here = check_repository(home, item)
        yield Check(what, *found_here) if is_allowed else _forbidden(what, item.id)
    if not keys and not held:
        yield Check("key", False, "No key is trusted yet.", _ADD_KEY)


def _forbidden(what: str, id: str) -> Check:  # noqa: A002
    found = "trusted here, but the machine's administrator does not allow it"
    return Check(what, False, found, f"mcp-proxy trust remove {id}")


def _check_profiles(home: Home) -> Iterator[Check]:
    try:
        installed = profiles.list_profiles()
    except McpProxyError as error:
        yield _bad("profile", error)
        return
    if not installed:
        yield Check("profile", False, "None is installed.", "mcp-proxy profile install FILE")
    for row in installed:
        if row.problem is not None:
            yield _bad(f"profile {row.name}", row.problem)
        elif row.profile is not None:
            header = row.profile.header
            found = f"version {header.version}, {len(header.tools)} tools, signature good"
            yield Check(f"profile {row.name}", True, found)
            standing = check_standing(row.profile, row.record)
            if standing is not None:
                yield Check(f"freshness of {row.name}", *standing)
            yield from _check_profile(home, row.profile)


def _check_profile(home: Home, profile: Profile) -> Iterator[Check]:
    name = profile.header.profile
    yield _check_serve(name, profile)
    lacking, untrusted = _lacking(home, profile), _untrusted(home, profile)
    yield from lacking
    unset = [] if lacking else unset_variables(home, profile)
    # A local server's credential is bound to its trusted command, so without one it is not judged.
    judged = not lacking and not untrusted
    if judged and any(spec.auth for spec in profile.header.upstreams.values()):
        found = "set, and bound to what the profile needs"
        if unset:
            found = f"bound to what the profile needs; {_client_must_have(unset)}"
        yield Check(f"credentials of {name}", True, found)
    yield from untrusted
    for upstream, spec in profile.header.upstreams.items():
        with_secret = not lacking and not unset
        if spec.kind == "stdio" and (untrusted or not with_secret):
            continue  # said above
        reached = asyncio.run(
            _check_upstream(home, profile, upstream, spec, with_secret=with_secret)
        )
        yield reached
        if not reached.ok:
            yield from check_certificate(home, upstream, spec.url)


def _client_must_have(variables: list[str]) -> str:
    names = ", ".join(variables)
    return f"not set here, so the client must be started with it: {names}"


def _check_serve(name: str, profile: Profile) -> Check:
    """What a client would see: the real command, talked to by the protocol's own client."""
    talk = warmup.load(warmup.SDK_CLIENT).talk
    seen = talk([*launch_command(), "--profile", name], talk_env(), "modern", deadline_s=20)
    what = f"serving {name}"
    if seen.problem is not None:
        return Check(what, False, f"{seen.problem} {seen.stderr}".strip(), "mcp-proxy profile list")
    if seen.tools != profile.header.tools:
        off = sorted(set(profile.header.tools) - set(seen.tools))
        why = f"{len(off)} tools are off, for an upstream declares them otherwise: {', '.join(off)}"
        return Check(what, False, why[:500], f"mcp-proxy profile drift {name}")
    return Check(what, True, f"{len(seen.tools)} tools listed in {seen.list_ms} ms, {seen.version}")


def _lacking(home: Home, profile: Profile) -> list[Check]:
    what = f"credentials of {profile.header.profile}"
    try:
        found = missing_credentials(home, profile)
    except McpProxyError as error:
        return [_bad(what, error)]
    return [Check(what, False, item.why, item.next) for item in found]


def _untrusted(home: Home, profile: Profile) -> list[Check]:
    what = f"commands of {profile.header.profile}"
    try:
        found = missing_commands(home, profile)
    except McpProxyError as error:
        return [_bad(what, error)]
    return [Check(what, False, item.why, item.next) for item in found]


async def _check_upstream(
    home: Home, profile: Profile, name: str, spec: UpstreamSpec, *, with_secret: bool
) -> Check:
    """Any HTTP answer shows that an API is there; an MCP server, with its secret, lists tools."""
    what = f"upstream {name}"
    if spec.kind in ("mcp", "stdio") and with_secret:
        authorizer = profile_authorizer(home, profile.header.profile, profile.root)
        if spec.kind == "stdio":
            gateway = stdio_upstream(spec, partial(authorizer.launch, name, spec), LIMITS)
        else:
            gateway = http_upstream(spec, authorizer, LIMITS, network_of(home))
        try:
            tools = await gateway.declared(_REACH_DEADLINE_S, full_wishes(spec))
        except McpProxyError as error:
            mend = _REACH if error.next == "mcp-proxy doctor" else error.next
            return Check(what, False, str(error), mend)
        finally:
            await gateway.close()
            await authorizer.close()
        return Check(what, True, f"{spec.url or 'the local server'} lists {len(tools)} tools")
    began = time.perf_counter()
    upstream = RestUpstream(spec._replace(auth=None), _NoSecret(), LIMITS, network_of(home))
    request = RestRequest("GET", spec.url, (), None, retry_safe=False)
    answer = await upstream.call(request, Wishes({}), lambda _event: None, _REACH_DEADLINE_S)
    await upstream.close()
    took = round((time.perf_counter() - began) * 1000)
    if isinstance(answer, Failure) and answer.status is None:
        return Check(what, False, answer.text, _REACH)
    return Check(what, True, f"{spec.url} answers HTTP in {took} ms")


class _NoSecret:
    """An authorizer for a question that needs no authorization."""

    async def authorization(self, _spec: UpstreamSpec) -> Authorization | None:
        return None

    async def renewed(self, _spec: UpstreamSpec, _used: Authorization) -> Authorization | None:
        return None


def _bad(what: str, error: McpProxyError) -> Check:
    return Check(what, False, str(error), error.next)
