"""A loopback authorization server and the resources it guards, with a knob for each fault.

usage: authorization_server.py [--port N] [--access-s S] [--era modern|legacy]
It prints one line of JSON ({"issuer": ..., "mcp": ..., "rest": ...}) and ends with its stdin.

In a test:  with AuthorizationServer() as server: ... server.issuer, server.mcp, server.rest ...
`server.ledger` has clients, counts, alarms, what was issued, `expire()` and `end_grants()`;
`server.knobs` says what is granted, `server.faults` what goes wrong on the wire, and
`server.seen` lists what was heard, oldest first. A public client "app" is registered.
"""

import argparse
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from authorization_ledger import (
    BEARER_GRANT,
    DEVICE_GRANT,
    EXCHANGE_GRANT,
    ClientRow,
    Form,
    Knobs,
    Ledger,
    Refused,
    same_redirect,
)
from authorization_resource import Resource

METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
GRANTS = ("authorization_code", "refresh_token", "client_credentials")
MORE_GRANTS = (DEVICE_GRANT, EXCHANGE_GRANT, BEARER_GRANT)
SCOPES = ["openid", "offline_access", "read", "write"]


class Seen(NamedTuple):
    """One request as it was heard, by either server; header names in lower case."""

    method: str
    path: str
    query: Form
    headers: dict[str, str]
    form: Form
    body: bytes


@dataclass
class Faults:
    """What goes wrong on the wire; empty means nothing.

    `metadata` and `resource_metadata` replace fields of the documents (None leaves one out).
    `answers`, by path, are raw: (status, headers, body), for every request to that path.
    `queued`, by path, are the same but for one request each, and come first.
    `callback` replaces parameters of the redirect to the client (None leaves one out); where
    `callbacks` has an entry it is taken, once, in its place.
    `hold` and `hold_after` are waited for before and after the token endpoint's decision (10 s).
    `drop` closes the connection in place of the token endpoint's answer: "before" or "after" it
    was decided; `drops` says how often (-1: always).
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    resource_metadata: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    queued: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    callback: dict[str, str | None] = field(default_factory=dict)
    callbacks: list[dict[str, str | None]] = field(default_factory=list)
    hold: threading.Event | None = None
    hold_after: threading.Event | None = None
    drop: str = ""
    drops: int = -1
    only_oidc: bool = False  # no /.well-known/oauth-authorization-server
    challenge: str | None = None  # the whole WWW-Authenticate of a 401, "" for none
    challenge_scope: str = ""
    resource_at_root: bool = False  # no resource metadata at the well-known path with the path


class AuthorizationServer:
    """The server's and the resources' sockets, each with a thread for every connection."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, port: int = 0, path: str = "") -> None:
        """`path` is the issuer's, such as "/tenant"; `tls` makes both sockets https."""
        self.faults = Faults()
        self.seen: list[Seen] = []
        self.decided = threading.Event()  # set whenever the token endpoint has decided
        self._servers = [
            _listen(AuthorizationHttp, self, tls, port),
            _listen(ResourceHttp, self, tls, 0),
        ]
        self.origin, self.resource_origin = (_origin(server, tls) for server in self._servers)
        self.path = path
        self.issuer = self.origin + path
        self.ledger = Ledger(self.issuer)
        self.resource = Resource(self)
        self.mcp = self.resource_origin + "/mcp"
        self.rest = self.resource_origin + "/api"

    @property
    def knobs(self) -> Knobs:
        return self.ledger.knobs

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for event in (self.faults.hold, self.faults.hold_after):
            if event is not None:
                event.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def add_client(
        self, client_id: str, method: str = "none", secret: str = "", key: bytes = b""
    ) -> None:
        """Registers a client beforehand; `key` is its public key in PEM for private_key_jwt."""
        self.ledger.clients[client_id] = ClientRow(client_id, method, secret, key)

    def heard(self, path: str) -> list[Seen]:
        """The requests to one path of either server, oldest first."""
        return [seen for seen in self.seen if seen.path == path]

    def metadata(self) -> dict[str, Any]:
        """RFC 8414, 2, with the faults in it."""
        base = self.issuer
        row = {
            "issuer": self.issuer,
            "authorization_endpoint": base + "/authorize",
            "token_endpoint": base + "/token",
            "device_authorization_endpoint": base + "/device",
            "revocation_endpoint": base + "/revoke",
            "registration_endpoint": base + "/register",
            "jwks_uri": base + "/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "grant_types_supported": [*GRANTS, *MORE_GRANTS],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": list(METHODS),
            "scopes_supported": SCOPES,
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": True,
        }
        return without_none({**row, **self.faults.metadata})

    def resource_metadata(self, url: str) -> dict[str, Any]:
        """RFC 9728, 2, with the faults in it."""
        row = {
            "resource": url,
            "authorization_servers": [self.issuer],
            "scopes_supported": ["read", "write"],
            "bearer_methods_supported": ["header"],
        }
        return without_none({**row, **self.faults.resource_metadata})


class Http(BaseHTTPRequestHandler):
    """What both sockets share: reading, the list of what was heard, raw answers of a test."""

    protocol_version = "HTTP/1.1"
    owner: ClassVar[AuthorizationServer]

    def do_GET(self) -> None:
        self._hear()

    def do_POST(self) -> None:
        self._hear()

    def do_DELETE(self) -> None:
        self._hear()

    def _hear(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        target = urlsplit(self.path)
        form = body.decode() if "form" in self.headers.get("content-type", "") else ""
        seen = Seen(
            self.command,
            target.path,
            dict(parse_qsl(target.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            dict(parse_qsl(form, keep_blank_values=True)),
            body,
        )
        self.owner.seen.append(seen)
        raw = self._raw(target.path)
        if raw is not None:
            self.reply(raw[0], raw[2], **raw[1])
            return
        self.route(seen)

    def _raw(self, path: str) -> tuple[int, dict[str, str], bytes] | None:
        queue = self.owner.faults.queued.get(path)
        return queue.pop(0) if queue else self.owner.faults.answers.get(path)

    def route(self, seen: Seen) -> None:
        raise NotImplementedError

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Underscores in header names stand for hyphens."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, value: Any, status: int = 200, **headers: str) -> None:
        more = {"Content_Type": "application/json", "Cache_Control": "no-store", **headers}
        self.reply(status, json.dumps(value).encode(), **more)

    def drop(self) -> None:
        """The connection's end in place of an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_args: Any) -> None:
        """Silence."""


class AuthorizationHttp(Http):
    """The endpoints of the authorization server."""

    def route(self, seen: Seen) -> None:
        owner = self.owner
        well_known = "/.well-known/"
        places = {
            f"{well_known}oauth-authorization-server{owner.path}": self._oauth_metadata,
            f"{well_known}openid-configuration{owner.path}": self._metadata,
            f"{owner.path}{well_known}openid-configuration": self._metadata,
            f"{owner.path}/authorize": self._authorize,
            f"{owner.path}/token": self._token,
            f"{owner.path}/device": self._device,
            f"{owner.path}/revoke": self._revoke,
            f"{owner.path}/register": self._register,
        }
        handler: Callable[[Seen], None] | None = places.get(seen.path)
        if handler is None:
            self.json({"error": "not_found"}, 404)
            return
        try:
            handler(seen)
        except Refused as refused:
            row = {"error": refused.error, "error_description": refused.description}
            self.json(row, refused.status)

    def _metadata(self, _seen: Seen) -> None:
        self.owner.ledger.counts["metadata"] += 1
        self.json(self.owner.metadata())

    def _oauth_metadata(self, seen: Seen) -> None:
        if self.owner.faults.only_oidc:
            raise Refused("not_found", status=404)
        self._metadata(seen)

    def _authorize(self, seen: Seen) -> None:
        """The person consents at once; a bad client or redirect is never sent on."""
        ledger, asked = self.owner.ledger, seen.query
        row = ledger.client(asked.get("client_id", ""))
        redirect = asked.get("redirect_uri", "")
        if not any(same_redirect(one, redirect) for one in row.redirects):
            raise Refused("invalid_redirect_uri", redirect)
        ledger.counts["authorize"] += 1
        try:
            said: dict[str, str | None] = {"code": ledger.authorize(asked)}
        except Refused as refused:
            said = {"error": refused.error, "error_description": refused.description}
        faults = self.owner.faults
        changed = faults.callbacks.pop(0) if faults.callbacks else faults.callback
        said = {
            **said,
            "state": asked.get("state"),
            "iss": self.owner.issuer,
            **changed,
        }
        self.reply(302, Location=f"{redirect}?{urlencode(without_none(said))}")

    def _token(self, seen: Seen) -> None:
        faults, ledger = self.owner.faults, self.owner.ledger
        _wait(faults.hold)
        if faults.drop == "before" and self._drops():
            return
        row = self._client(seen)
        answer = ledger.token(row, seen.form)
        self.owner.decided.set()
        _wait(faults.hold_after)
        if faults.drop == "after" and self._drops():
            return
        self.json(answer)

    def _drops(self) -> bool:
        if self.owner.faults.drops == 0:
            return False
        self.owner.faults.drops -= 1
        self.drop()
        return True

    def _client(self, seen: Seen) -> ClientRow:
        scheme, _, basic = seen.headers.get("authorization", "").partition(" ")
        audiences = (self.owner.issuer, self.owner.issuer + "/token")
        return self.owner.ledger.authenticate(
            seen.form, basic if scheme.lower() == "basic" else "", audiences
        )

    def _device(self, seen: Seen) -> None:
        verification = self.owner.issuer + "/activate"
        self.json(self.owner.ledger.device(self._client(seen), seen.form, verification))

    def _revoke(self, seen: Seen) -> None:
        self.owner.ledger.revoke(self._client(seen), seen.form.get("token", ""))
        self.reply(200)

    def _register(self, seen: Seen) -> None:
        self.json(self.owner.ledger.register(json.loads(seen.body)), 201)


class ResourceHttp(Http):
    """The MCP server and the REST API that the tokens are for."""

    def route(self, seen: Seen) -> None:
        self.owner.resource.answer(self, seen)


def without_none(row: dict[str, Any]) -> dict[str, Any]:
    """The entries that have a value."""
    return {key: value for key, value in row.items() if value is not None}


def _wait(event: threading.Event | None) -> None:
    if event is not None:
        event.wait(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, _request: Any, _address: Any) -> None:
        """A client that went away is no news."""


def _listen(
    handler: type[Http], owner: AuthorizationServer, tls: ssl.SSLContext | None, port: int
) -> _Server:
    server = _Server(("127.0.0.1", port), type(handler.__name__, (handler,), {"owner": owner}))
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


def _origin(server: _Server, tls: ssl.SSLContext | None) -> str:
    return f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"


def main() -> None:
    """Serves until stdin ends."""
    parser = argparse.ArgumentParser(description="A loopback authorization server for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--access-s", type=float, default=3600)
    parser.add_argument("--era", choices=("modern", "legacy"), default="modern")
    given = parser.parse_args()
    with AuthorizationServer(port=given.port) as server:
        server.knobs.access_s, server.resource.era = given.access_s, given.era
        rows = {"issuer": server.issuer, "mcp": server.mcp, "rest": server.rest}
        print(json.dumps(rows), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
