"""What a verified profile lets a session say at once: the answers to handshake and lists.

Everything here is ready before the world is: no tool line is parsed, the list of tools is spliced
by bytes, and those of resources and prompts are made at the first request for them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core import eras, jsonrpc, strict_json
from mcp_proxy.core.eras import Asked
from mcp_proxy.core.jsonrpc import Id
from mcp_proxy.core.profile import Header, Profile
from mcp_proxy.core.profile_lines import parse_prompt, parse_resource

# Which capability a method needs; clients ask for some of them out of habit.
NEEDS = {
    "resources/list": "resources",
    "resources/templates/list": "resources",
    "resources/read": "resources",
    "resources/subscribe": "resources",
    "resources/unsubscribe": "resources",
    "prompts/list": "prompts",
    "prompts/get": "prompts",
    "completion/complete": "completions",
    "tasks/get": eras.TASKS,
    "tasks/update": eras.TASKS,
    "tasks/cancel": eras.TASKS,
}


class Offer(NamedTuple):
    """The parts of a profile that the handshake and the lists need.

    `capabilities` are a server's as modern clients see them; the lines are the payload's, by name.
    """

    title: str
    instructions: str
    tools_json: bytes
    expires_s: int | None
    capabilities: dict[str, Any]
    resource_lines: Mapping[str, bytes] = {}
    prompt_lines: Mapping[str, bytes] = {}

    def has(self, method: str) -> bool:
        """Whether the profile offers what this method is about."""
        need = NEEDS.get(method)
        extensions = self.capabilities.get("extensions", {})
        return need is None or need in self.capabilities or need in extensions

    def tells_changes(self, kind: str) -> bool:
        """Whether its list of tools, prompts or resources may change while a session lasts."""
        return self.capabilities.get(kind, {}).get("listChanged") is True


class Refusal(NamedTuple):
    """Why there is no profile: every request is answered with this."""

    id: str
    why: str
    next: str

    def line(self, request_id: Id) -> bytes:
        """The answer to a request, newline included (formats.md 5)."""
        data = {"id": self.id, "next": self.next}
        return jsonrpc.error_line(request_id, jsonrpc.PROFILE_REFUSED, self.why, data)


def offer_of(profile: Profile) -> Offer:
    """What a profile offers; parses nothing."""
    header = profile.header
    lines = (profile.resource_lines, profile.prompt_lines)
    said = (header.title, header.instructions, profile.tools_json, header.expires)
    return Offer(*said, capabilities(header), *lines)


def capabilities(header: Header) -> dict[str, Any]:
    """A server's capabilities by what the profile holds (S14: only what it names)."""
    features = {name for spec in header.upstreams.values() for name in spec.features}
    is_remote = any(spec.kind != "rest" for spec in header.upstreams.values())
    can: dict[str, Any] = {"tools": {"listChanged": True} if is_remote else {}}
    if header.resources:
        can["resources"] = {"subscribe": True, "listChanged": True}
    if header.prompts:
        can["prompts"] = {"listChanged": True}
    if "completion" in features and (header.resources or header.prompts):
        can["completions"] = {}
    if "logging" in features:
        can["logging"] = {}
    extensions = {key: value for name, key, value in _EXTENSIONS if name in features}
    return {**can, "extensions": extensions} if extensions else can


class Catalogue:
    """An offer as it is told at this moment, in either era."""

    def __init__(self, offered: Offer) -> None:
        self.offered = offered
        self._is_stale = self._is_withdrawn = False
        self._tools = offered.tools_json
        self._lists: dict[str, bytes] = {"tools/list": offered.tools_json}

    def mark_stale(self) -> None:
        """Local state changed since the start: lists are no longer worth caching (S6)."""
        self._is_stale = True

    def show_tools(self, tools_json: bytes) -> bool:
        """From now on the list of tools is this JSON array; returns whether it is another."""
        self._tools = tools_json
        shown = b"[]" if self._is_withdrawn else tools_json
        before, self._lists["tools/list"] = self._lists["tools/list"], shown
        return before != shown

    def withdraw(self) -> bool:
        """From now on every list is empty (S4); whether they were not until now."""
        was, self._is_stale, self._is_withdrawn = self._is_withdrawn, True, True
        self._lists = dict.fromkeys(LISTS, b"[]")
        return not was

    def give_back(self) -> bool:
        """Ends what `withdraw` began; whether it had."""
        was, self._is_withdrawn = self._is_withdrawn, False
        if was:
            self._lists = {"tools/list": self._tools}
        return was

    def initialize_result(self, version: str) -> dict[str, Any]:
        """The legacy handshake's answer (2025-11-25, "Lifecycle"); tasks are modern alone."""
        can = dict(self.offered.capabilities)
        extensions = can.pop("extensions", {})
        extensions = {key: value for key, value in extensions.items() if key != eras.TASKS}
        return {
            "protocolVersion": version,
            "capabilities": {**can, "extensions": extensions} if extensions else can,
            "serverInfo": _server_info(self.offered),
            **_instructions(self.offered),
        }

    def discover_result(self, now_s: float) -> dict[str, Any]:
        """The answer to server/discover (2026-07-28, "Discovery")."""
        return {
            "resultType": "complete",
            "supportedVersions": list(eras.SUPPORTED),
            "capabilities": self.offered.capabilities,
            "ttlMs": self._ttl_ms(now_s),
            "cacheScope": "private",
            "_meta": {eras.SERVER_KEY: _server_info(self.offered)},
            **_instructions(self.offered),
        }

    def list_line(self, method: str, asked: Asked, now_s: float) -> bytes:
        """The answer to a list method; a list filtered by policy is private to its user.

        Raises:
            ProfileError: P09 or P10, where a line of the payload is amiss.
        """
        if method not in self._lists:
            self._lists[method] = strict_json.dumps(_entries(self.offered, method))
        key, array = b'"%s":' % LISTS[method].encode(), self._lists[method]
        if not eras.is_modern(asked.version):
            return jsonrpc.spliced_result_line(asked.id, b"{" + key, array, b"}")
        after = b',"ttlMs":%d,"cacheScope":"private","_meta":{"%s":%s}}'
        after %= (self._ttl_ms(now_s), eras.SERVER_KEY.encode(), _SERVER_JSON)
        before = b'{"resultType":"complete",' + key
        return jsonrpc.spliced_result_line(asked.id, before, array, after)

    def _ttl_ms(self, now_s: float) -> int:
        """How long a list may be cached: an hour, and never past the profile's expiry."""
        if self._is_stale or self._lists["tools/list"] is not self.offered.tools_json:
            return 0  # tools that have drifted may come back at any call (S16)
        if self.offered.expires_s is None:
            return _LIST_TTL_MS
        return max(0, min(_LIST_TTL_MS, int((self.offered.expires_s - now_s) * 1000)))


def _entries(offered: Offer, method: str) -> list[dict[str, Any]]:
    """What a list shows, in the header's order."""
    if method == "prompts/list":
        return [parse_prompt(line, name).entry for name, line in offered.prompt_lines.items()]
    resources = [parse_resource(line, name) for name, line in offered.resource_lines.items()]
    is_template = method == "resources/templates/list"
    return [it.entry for it in resources if it.is_listed and it.is_template == is_template]


def _server_info(offer: Offer) -> dict[str, str]:
    return {**eras.SERVER_INFO, "title": offer.title} if offer.title else eras.SERVER_INFO


def _instructions(offer: Offer) -> dict[str, str]:
    return {"instructions": offer.instructions} if offer.instructions else {}


LISTS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
_EXTENSIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("tasks", eras.TASKS, {}),
    ("apps", eras.APPS, {"mimeTypes": ["text/html;profile=mcp-app"]}),
)
_LIST_TTL_MS = 3_600_000
_SERVER_JSON = b'{"name":"%s","version":"%s"}' % (
    eras.SERVER_INFO["name"].encode(),
    eras.SERVER_INFO["version"].encode(),
)
