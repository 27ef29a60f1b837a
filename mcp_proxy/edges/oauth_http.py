"""HTTP of discovery, login and refresh: to authorization servers, without any credential (S9).

GET follows at most three redirects within one origin, POST none; bodies and time are bounded; TLS
always, but to this machine; addresses are global, unless the host is known from elsewhere.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode, urljoin

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer import Sent
from mcp_proxy.core.authorization import Authorization, Headers
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_metadata import unreliable
from mcp_proxy.core.oauth_request import Form
from mcp_proxy.core.oauth_url import Place, parse_place
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Trip
from mcp_proxy.edges.http import Link, Reply
from mcp_proxy.edges.http_connect import NotPublic
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.own_secret import OwnSecret, secret_parts
from mcp_proxy.errors import CredentialError, UpstreamError

_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = ("Accept", "application/json")
_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_JSON = ("Content-Type", "application/json")
_BOUNDS = LIMITS._replace(upstream_body_bytes=LIMITS.oauth_answer_bytes, calls_in_flight=4)
_OPEN_FIELDS = frozenset(
    {
        *("grant_type", "scope", "resource", "audience", "client_id", "redirect_uri"),
        *("subject_token_type", "requested_token_type", "client_assertion_type", "token_type_hint"),
    }
)
# Out of reach, and too slow.
_AWAY = frozenset({"MCPX-U01", "MCPX-U02"})
_UPSTREAM = re.compile("the upstream", re.IGNORECASE)
_SHOWN_CHARS = 200


class Fetched(NamedTuple):
    """An answer; header names in lower case, `doc` its JSON object, None for another body."""

    status: int
    headers: Mapping[str, str]
    doc: dict[str, Any] | None


class Unanswered(CredentialError):
    """C08: no usable answer. `sent` is "no" where surely nothing of the request has left.

    A command that it ends has the exit code of an upstream out of reach only where that is so.
    """

    def __init__(
        self,
        why: str,
        sent: str,
        next: str | None = None,  # noqa: A002
        *,
        is_away: bool = False,
    ) -> None:
        """`why` is one whole sentence without secrets; `sent` is "no" or "maybe"."""
        super().__init__("MCPX-C08", why, next)
        self.sent = sent
        if is_away:
            self.exit_code = UpstreamError.exit_code


class OAuthHttp:
    """Connections to the servers of one login, or of one credential's refresh."""

    def __init__(
        self,
        network: Network,
        known: frozenset[str],
        *,
        localhost: bool,
        leaving: Callable[[], None] | None = None,
    ) -> None:
        """`known` are hosts whose addresses may be private: the profile or a login names them.

        `localhost` admits http://localhost, as the local settings may. `leaving` is called when a
        POST's first byte is about to go; if it raises, nothing goes and that is raised.
        """
        self.localhost = localhost
        self._network = network.guarded(known)
        self._links: dict[str, Link] = {}
        self._leaving = leaving or _nothing

    async def get(self, url: str) -> Fetched:
        """The answer to a GET, through redirects within the origin.

        Raises:
            Unanswered: out of reach, too slow or too large.
            CredentialError: C07 the URL may not be asked, or it redirects elsewhere.
        """
        place = self._place(url)
        for _ in range(_HOPS + 1):
            async with self._asked("GET", place, (_ACCEPT,), None) as reply:
                if reply.status not in _REDIRECTS:
                    return await _fetched(reply, OwnSecret())
                place = self._next(place, reply.headers.get("location", ""))
        raise unreliable(f"{place.origin.text} redirects more than {_HOPS} times.")

    async def post(self, url: str, form: Form, headers: Form | Headers = ()) -> Fetched:
        """The answer to a form, which is sent once. What a refusal echoes of it is taken out.

        Raises:
            Unanswered, CredentialError: as `get`; an answer 3xx is returned.
        """
        secrets = [value for name, value in form if name not in _OPEN_FIELDS]
        shown = [part for _, value in headers for part in (value, *_unescaped(value))]
        own = OwnSecret(*secrets, *shown)
        rows = (_ACCEPT, _FORM, *headers)
        body = urlencode(form).encode("ascii")
        async with self._asked("POST", self._place(url), rows, body) as reply:
            return await _fetched(reply, own)

    async def post_json(self, url: str, value: dict[str, Any]) -> Fetched:
        """The answer to a JSON object. Raises as `post`."""
        body = strict_json.dumps(value)
        async with self._asked("POST", self._place(url), (_ACCEPT, _JSON), body) as reply:
            return await _fetched(reply, OwnSecret())

    async def probe(self, url: str, value: dict[str, Any], headers: Headers) -> Fetched:
        """As `post_json`, without the answer's body, which may be a stream that does not end."""
        body = strict_json.dumps(value)
        async with self._asked("POST", self._place(url), (*headers, _JSON), body) as reply:
            return Fetched(reply.status, dict(reply.headers), None)

    async def close(self) -> None:
        """Close all connections."""
        links, self._links = self._links, {}
        for link in links.values():
            await link.close()

    @asynccontextmanager
    async def _asked(
        self, method: str, place: Place, headers: Headers, body: bytes | None
    ) -> AsyncIterator[Reply]:
        deadline_s = LIMITS.oauth_deadline_ms / 1000
        name = place.origin.text
        trip = _Departure(deadline_s, self._leaving if method == "POST" else _nothing)
        try:
            async with asyncio.timeout(deadline_s):
                link = self._link(name)
                async with link.send(method, place.url, headers, body, trip) as reply:
                    yield reply
        except TimeoutError:
            text = f"{name} did not answer within {deadline_s:.3g} seconds."
            raise Unanswered(text, _sent(trip.sent), is_away=True) from None
        except UpstreamError as error:
            why = _UPSTREAM.sub(name, error.why)
            # What mends a call whose answer is too large mends nothing here.
            next_ = None if error.id == "MCPX-R01" else error.next
            away = error.id in _AWAY and not isinstance(error, NotPublic)
            raise Unanswered(why, _sent(trip.sent), next_, is_away=away) from None

    def _link(self, origin: str) -> Link:
        if origin not in self._links:
            spec = UpstreamSpec("rest", origin, None, LIMITS.oauth_deadline_ms, ())
            self._links[origin] = Link(spec, _NoCredential(), _BOUNDS, self._network)
        return self._links[origin]

    def _place(self, url: str) -> Place:
        try:
            return parse_place(url, localhost=self.localhost)
        except ValueError as error:
            shown = one_sentence(url.partition("?")[0], _SHOWN_CHARS)
            raise unreliable(f"{shown} may not be asked. {error}") from None

    def _next(self, place: Place, location: str) -> Place:
        try:
            target = urljoin(place.url, location).partition("#")[0]
            found = parse_place(target, localhost=self.localhost)
        except ValueError:
            raise unreliable(f"{place.origin.text} redirects to what is no URL.") from None
        if found.origin != place.origin:
            text = f"{place.origin.text} redirects to {found.origin.text}"
            raise unreliable(f"{text}; only its own origin is followed.")
        return found


class _Departure(Trip):
    """A trip that tells of its start before it starts."""

    def __init__(self, deadline_s: float, leaving: Callable[[], None]) -> None:
        super().__init__(deadline_s)
        self._leaving = leaving

    def left(self) -> None:
        self._leaving()
        super().left()


class _NoCredential:
    async def authorization(self, _spec: UpstreamSpec) -> Authorization | None:
        return None

    async def renewed(self, _spec: UpstreamSpec, _used: Authorization) -> Authorization | None:
        return None


def _unescaped(authorization: str) -> list[str]:
    """What a header's pair is before it is form-encoded (RFC 6749, 2.3.1); servers echo that."""
    return [unquote(part) for part in secret_parts(authorization) if "%" in part]


async def _fetched(reply: Reply, own: OwnSecret) -> Fetched:
    data = await reply.read()
    doc = _object(data)
    if reply.status != 200 or doc is None or "error" in doc:
        doc = _object(own.remove(data))
    return Fetched(reply.status, dict(reply.headers), doc)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = strict_json.loads(data)
    except strict_json.Refused:
        return None
    return value if isinstance(value, dict) else None


def _nothing() -> None:
    """Nobody needs to know."""


def _sent(sent: Sent) -> str:
    return "no" if sent == "no" else "maybe"
