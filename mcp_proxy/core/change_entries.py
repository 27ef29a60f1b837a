"""Upstreams, resources and prompts, version against version (S5)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_proxy.core.change import (
    NARROWER,
    WIDER,
    Change,
    Judge,
    Judged,
    at_most,
    changed,
    fewer,
    field_changes,
    named,
    shown,
)
from mcp_proxy.core.profile import Auth, Aws, Identity, OAuth, Prompt, Resource, UpstreamSpec
from mcp_proxy.core.uri_template import compile_template, matches

Resources = Mapping[str, Resource]
_FIRST = ("kind", "credential")
# What needs no saying.
_PLAIN: tuple[Any, ...] = ("", (), None, "Authorization", "authorization_code")


def upstream_changes(
    old: Mapping[str, UpstreamSpec], new: Mapping[str, UpstreamSpec]
) -> Iterator[Change]:
    """Where calls may go, by upstream."""
    for name in dict.fromkeys((*old, *new)):
        place = f"upstream {named(name)}"
        if name not in new:
            yield Change(NARROWER, place, "is gone")
        elif name not in old:
            yield Change(WIDER, place, f"is new: {_summary(new[name])}")
        else:
            yield from field_changes(place, old[name], new[name], UPSTREAM_FIELDS)


def resource_changes(old: Resources, new: Resources) -> Iterator[Change]:
    """What may be read; of templates the first that matches counts, so that their order does."""
    for name in dict.fromkeys((*old, *new)):
        place = f"resource {named(name)}"
        if name not in new:
            yield Change(*_gone(place, old[name], new))
        elif name not in old:
            yield Change(WIDER, place, f"the model can now read {_resource_words(new[name])}")
        else:
            yield from field_changes(place, old[name], new[name], RESOURCE_FIELDS)
    yield from _order_changes(old, new)


def prompt_changes(old: Mapping[str, Prompt], new: Mapping[str, Prompt]) -> Iterator[Change]:
    """Which prompts there are."""
    for name in dict.fromkeys((*old, *new)):
        place = f"prompt {named(name)}"
        if name not in new:
            yield Change(NARROWER, place, "is gone")
        elif name not in old:
            yield Change(
                WIDER, place, f"is new, of {named(new[name].upstream)}: {shown(new[name].entry)}"
            )
        else:
            yield from field_changes(place, old[name], new[name], PROMPT_FIELDS)


def _gone(place: str, resource: Resource, new: Resources) -> tuple[str, str, str]:
    taker = next((name for name, item in new.items() if _may_take(item, resource)), None)
    if taker is None:
        return NARROWER, place, "the model can no longer read it"
    return WIDER, place, f"is gone, and what it named may be read by {named(taker)} now"


def _resource_words(resource: Resource) -> str:
    return f"{shown(resource.uri)} of {named(resource.upstream)}: {shown(resource.entry)}"


def _may_take(taker: Resource, gone: Resource) -> bool:
    """Whether a resource may answer for what the one that is gone did; if in doubt, it may."""
    if not taker.is_template:
        return not gone.is_template and taker.uri == gone.uri
    if gone.is_template:
        return True
    try:
        return matches(compile_template(taker.uri), gone.uri)
    except ValueError:
        return True


def _order_changes(old: Resources, new: Resources) -> Iterator[Change]:
    """Of what is tried in order: templates, and two fixed ones that claim the same URI."""
    twice = {uri for uri, count in Counter(one.uri for one in new.values()).items() if count > 1}
    orders = [
        [
            name
            for name in one
            if name in other and (one[name].is_template or one[name].uri in twice)
        ]
        for one, other in ((old, new), (new, old))
    ]
    if orders[0] != orders[1]:
        yield Change(WIDER, "profile", "resources are tried in another order")


def _judge_auth(old: Any, new: Any) -> Judged:
    narrower = isinstance(old, OAuth) and isinstance(new, OAuth) and _asks_less(old, new)
    words = [auth_words(auth) for auth in (old, new)]
    yield NARROWER if narrower else WIDER, f"credential: {words[0]} -> {words[1]}"


def _asks_less(old: OAuth, new: OAuth) -> bool:
    """Whether fewer scopes are all that changed; none named means those that a server offers."""
    fewer_scopes = bool(new.scopes) and set(new.scopes) < set(old.scopes)
    return fewer_scopes and new._replace(scopes=old.scopes) == old


def auth_words(auth: Auth | OAuth | Aws | None) -> str:
    """All that a profile says of how an upstream is authorized, in one line."""
    if auth is None:
        return "none"
    rows = auth._asdict().items()
    terms = [
        f"{key}={_term(value)}" for key, value in rows if key not in _FIRST and value not in _PLAIN
    ]
    return shown(" ".join([auth.kind, auth.credential, *terms]))


def _term(value: Any) -> str:
    if isinstance(value, Identity):
        return f"{value.issuer},{value.client_id}"
    if isinstance(value, tuple):
        return ",".join("=".join(item) if isinstance(item, tuple) else item for item in value)
    return str(value)


def _summary(spec: UpstreamSpec) -> str:
    words = (
        f"{spec.kind} {shown(spec.url or list(spec.command))}, credential {auth_words(spec.auth)}"
    )
    more = [f"{name}={value}" for name, value in spec.environment]
    words += f", environment {shown(more)}" if more else ""
    return words + (f", features {', '.join(spec.features)}" if spec.features else "")


def _judge_listed(_old: bool, new: bool) -> Judged:
    yield WIDER, "is listed now" if new else "is listed no more"


UPSTREAM_FIELDS: dict[str, Judge] = {
    "kind": changed("kind"),
    "url": changed("address"),
    "auth": _judge_auth,
    "deadline_ms": at_most("a call waits at most", "ms"),
    "features": fewer("feature"),
    "links": fewer("origin of links"),
    "command": changed("command"),
    "environment": changed("environment"),
}
RESOURCE_FIELDS: dict[str, Judge] = {
    "name": changed("name"),
    "upstream": changed("upstream"),
    "uri": changed("URI"),
    "is_template": changed("is a template"),
    "is_listed": _judge_listed,
    "entry": changed("listed as"),
    "max_bytes": at_most("a read has at most", "bytes"),
    "digest": changed("pinned content"),
}
PROMPT_FIELDS: dict[str, Judge] = {
    "name": changed("name"),
    "upstream": changed("upstream"),
    "prompt": changed("prompt of the upstream"),
    "entry": changed("listed as"),
    "max_bytes": at_most("a prompt has at most", "bytes"),
}
