"""The profile in force, for the road: parsed as it is asked for, verified again on change."""

from collections.abc import Callable
from datetime import tzinfo

from mcp_proxy.app import warmup
from mcp_proxy.core.command import Place
from mcp_proxy.core.freshness import Freshness, bounded_grace_s, standing
from mcp_proxy.core.mask import Mask
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.plan import UNKNOWN_TOOL, Holdings, Label, ReadyPrompt, ReadyResource
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import Profile, ResultRules, Tool, UpstreamSpec
from mcp_proxy.core.profile_lines import parse_prompt, parse_resource, parse_tool
from mcp_proxy.core.reading import find_resource
from mcp_proxy.core.ready import Ready, ready_tool
from mcp_proxy.core.roots import late, stale
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.credential_use import trusted_command
from mcp_proxy.edges.pauses import Paused, read_pauses
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import check_held, load_profile, read_generation, read_trust
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import McpProxyError, ProfileError

_RULE = "profile in force"


class ProfileContract:
    """Fills the road's `Contract`. `on_change` runs after each change of local state (S6).

    `on_late` runs at the first call at which the repository's word is in its grace (S19).
    """

    # One look at the disk a minute tells whether a repository's word was renewed meanwhile.
    _LOOK_EVERY_S = 60

    def __init__(
        self,
        home: Home,
        profile: Profile,
        generation: tuple[int, ...],
        on_change: Callable[[], None],
        on_late: Callable[[], None],
    ) -> None:
        """`generation` was read before `profile` was loaded, so that no change is missed."""
        self._home = home
        self._profile = profile
        self._generation = generation
        self._on_change = on_change
        self._on_late = on_late
        self._is_late_told = False
        self._refusal: Deny | None = None
        self._final: Deny | None = None
        self._pauses = read_pauses(home)
        self._freshness = profile.freshness
        self._looked_s = 0.0
        self._ready: dict[str, Ready] = {}
        self._held: Holdings | None = None

    def refuse(self, error: McpProxyError | None) -> None:
        """From now on every call is denied, whatever the disk says; None ends that."""
        self._final = None if error is None else _deny(error)

    def ready(self, tool: str, now_s: float) -> Ready | Deny:
        """The tool, or why no call of it may pass now; `now_s` since the epoch."""
        try:
            self._notice(now_s)
            found = self._refused(now_s, tool) or self._tool(tool)
        except McpProxyError as error:
            return _deny(error)
        if isinstance(found, Ready) and found.tool.effect != "read" and self._is_late(now_s):
            return _deny(late(self._profile.header.profile))
        return found

    def stopped(self, tool: str | None, now_s: float) -> Deny | None:
        """Why nothing may leave any more for the tool, or of what is no tool; None if it may."""
        try:
            self._notice(now_s)
            return self._refused(now_s, tool)
        except McpProxyError as error:
            return _deny(error)

    def label(self, tool: str) -> Label:
        """What the log calls a tool; the client's own word for one that is not there is left out.

        A tool whose line cannot be read is called by nothing, as is one that is not there.
        """
        line = self._profile.tool_lines.get(tool)
        if line is None:
            return UNKNOWN_TOOL
        try:
            found = parse_tool(line, tool)
        except ProfileError:
            return UNKNOWN_TOOL
        return Label(found.name, found.upstream, found.effect, is_tool=True)

    def resource(self, uri: str, now_s: float) -> ReadyResource | Deny:
        """The resource that a URI names, or why it may not be read now."""
        try:
            self._notice(now_s)
            return self._refused(now_s) or self._resource(uri)
        except McpProxyError as error:
            return _deny(error)

    def prompt(self, name: str, now_s: float) -> ReadyPrompt | Deny:
        """The prompt, or why it may not be had now."""
        try:
            self._notice(now_s)
            return self._refused(now_s) or self._prompt(name)
        except McpProxyError as error:
            return _deny(error)

    def holdings(self, now_s: float) -> Holdings | Deny:
        """All prompts and resources, or why there are none now."""
        try:
            self._notice(now_s)
            return self._refused(now_s) or self._holdings()
        except McpProxyError as error:
            return _deny(error)

    def _notice(self, now_s: float) -> None:
        self._look(now_s)
        is_late = self._refusal is None and standing(self._freshness, now_s) != "fresh"
        if is_late and not self._is_late_told:
            self._on_late()
        self._is_late_told = is_late

    def _look(self, now_s: float) -> None:
        generation = read_generation(self._home)
        if generation == self._generation:
            is_fresh = standing(self._freshness, now_s) == "fresh"
            if not is_fresh and now_s >= self._looked_s + self._LOOK_EVERY_S:
                self._refusal = self._verdict(now_s)
            return
        self._on_change()
        self._ready.clear()
        self._held = None
        self._pauses = read_pauses(self._home)
        self._refusal = self._verdict(now_s)
        self._generation = generation

    def _refused(self, now_s: float, tool: str | None = None) -> Deny | None:
        if self._final or self._refusal:
            return self._final or self._refusal
        name = self._profile.header.profile
        paused = self._pauses.of(name, tool)
        if paused is not None:
            return deny_paused(paused)
        return _deny(stale(name)) if standing(self._freshness, now_s) == "ended" else None

    def _is_late(self, now_s: float) -> bool:
        return standing(self._freshness, now_s) not in ("fresh", "grace")

    def _verdict(self, now_s: float) -> Deny | None:
        """A newer version is taken at the next start; one that is no longer trusted ends now."""
        held = self._profile
        self._looked_s = now_s
        try:
            found = load_profile(self._home, held.header.profile, now_s)
            if found.root != held.root:
                raise ProfileError(
                    "MCPX-P14", "The profile's name has moved to another trust root."
                )
            if found.header.version != held.header.version:
                check_held(self._home, held)
            if found.freshness is not None:
                # The administrator's bound may have changed; the grace is this version's own.
                allowed_s = read_trust(self._home).grace_max_s
                grace_s = bounded_grace_s(held.header.grace_s, allowed_s)
                self._freshness = Freshness(found.freshness.until_s, grace_s)
        except McpProxyError as error:
            return _deny(error)
        return None

    def _tool(self, name: str) -> Ready | Deny:
        line = self._profile.tool_lines.get(name)
        if line is None:
            return Deny("MCPX-D05", "tools of the profile", f"Unknown tool: {name[:80]}")
        if name not in self._ready:
            self._ready[name] = self._prepare(line, name)
        return self._ready[name]

    def _prepare(self, line: bytes, name: str) -> Ready:
        tool = parse_tool(line, name)
        spec = self._spec(tool.upstream, f"Tool {name}")
        try:
            expires_s, zone = self._profile.header.expires, self._zone(tool)
            return ready_tool(tool, spec, expires_s, zone, self._mask(tool.result))
        except ValueError:
            why = f"A schema or a redacted field of tool {name} is not valid."
            raise ProfileError("MCPX-P10", why) from None

    def _mask(self, rules: ResultRules) -> Mask | None:
        """Made only for a tool whose rules redact: detectors cost an import."""
        if not (rules.redact or rules.redact_fields):
            return None
        redaction = warmup.load(warmup.REDACTION)
        key = redaction.mask_key(self._home.id, self._profile.header.profile)
        mask: Mask = redaction.masker(rules.redact, rules.redact_fields, key)
        return mask

    def _zone(self, tool: Tool) -> tzinfo | None:
        """Looked up only for a tool whose rules go by it: zones cost an import."""
        if not tool.constraints and not tool.limits:
            return None
        zone: tzinfo | None = warmup.load(warmup.ZONES).find_zone(self._profile.header.timezone)
        return zone

    def _resource(self, uri: str) -> ReadyResource | Deny:
        held = self._holdings()
        found = find_resource(held.resources, uri)
        if found is None:
            return Deny("MCPX-D05", "resources of the profile", "Unknown resource")
        spec = self._spec(found.upstream, f"Resource {found.name}")
        return ReadyResource(found, spec, held.expires_s)

    def _prompt(self, name: str) -> ReadyPrompt | Deny:
        held = self._holdings()
        found = next((item for item in held.prompts if item.name == name), None)
        if found is None:
            return Deny("MCPX-D05", "prompts of the profile", f"Unknown prompt: {name[:80]}")
        spec = self._spec(found.upstream, f"Prompt {name}")
        return ReadyPrompt(found, spec, held.expires_s)

    def _holdings(self) -> Holdings:
        """Parsed at the first need; a list of thousands is read by few clients."""
        if self._held is None:
            profile = self._profile
            self._held = Holdings(
                tuple(parse_prompt(line, name) for name, line in profile.prompt_lines.items()),
                tuple(parse_resource(line, name) for name, line in profile.resource_lines.items()),
                profile.header.upstreams,
                profile.header.expires,
            )
        return self._held

    def _spec(self, upstream: str, whose: str) -> UpstreamSpec:
        spec = self._profile.header.upstreams.get(upstream)
        if spec is None:
            raise ProfileError("MCPX-P10", f"{whose} names an upstream that is not there.")
        if spec.kind == "stdio":
            self._check_command(upstream, spec)
        else:
            self._check_address(spec.url)
        return spec

    def _check_command(self, upstream: str, spec: UpstreamSpec) -> None:
        """S13 before the decision; the edge asks again, with the secret, before each message."""
        place = Place(self._profile.header.profile, upstream)
        trusted_command(read_settings(self._home), spec, place, root_text(self._profile.root))

    def _check_address(self, url: str) -> None:
        """S9 again, where it is enforced: the build may have run with other local settings."""
        try:
            parse_url(url, localhost=read_settings(self._home).localhost)
        except ValueError as error:
            raise ProfileError(
                "MCPX-P10", f"The address of an upstream is refused: {error}"
            ) from None


def _deny(error: McpProxyError) -> Deny:
    return Deny(error.id, _RULE, f"{error.why} The person at this machine can run: {error.next}.")


def deny_paused(paused: Paused) -> Deny:
    """What the model reads of a call that a person has paused."""
    reason = f' The person says: "{paused.reason}"' if paused.reason else ""
    text = (
        f"A person has paused {paused.text}, so the call was not made.{reason} Do not try again "
        f"before the person says so; at this machine, mcp-proxy resume {paused.words} ends it."
    )
    return Deny("MCPX-D11", "paused", text)
