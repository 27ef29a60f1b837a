"""The exact request of a call, for a person and as JSON, the credential masked."""

import json
from typing import Any

from mcp_proxy.cli import render
from mcp_proxy.core.profile import Auth, Aws, OAuth, UpstreamSpec
from mcp_proxy.core.request import Outgoing, RestRequest

_MASK = "********"


def plain_request(request: Outgoing | None, spec: UpstreamSpec | None) -> dict[str, Any] | None:
    """The request as it would go out; None where there is none."""
    if request is None:
        return None
    auth = None if spec is None else spec.auth
    headers = [[name, _MASK] for name in _headers_of(auth)]
    if isinstance(request, RestRequest):
        body = None if request.body is None else request.body.decode()
        headers += [list(pair) for pair in request.headers]
        url = request.url + _parameter(request.url, auth)
        return {"method": request.method, "url": url, "headers": headers, "body": body}
    body = json.dumps({"method": "tools/call", "params": request.params}, ensure_ascii=False)
    if spec is not None and spec.kind == "stdio":
        words = " ".join(map(render.quoted, spec.command))
        return {"method": "stdin of", "url": words, "headers": [], "body": body}
    headers += [list(pair) for pair in request.headers]
    url = "" if spec is None else spec.url
    return {"method": "POST", "url": url + _parameter(url, auth), "headers": headers, "body": body}


def request_lines(request: Outgoing | None, spec: UpstreamSpec | None) -> list[str]:
    """The same as lines, as a request is written."""
    shown = plain_request(request, spec)
    if shown is None:
        return []
    lines = [f"{shown['method']} {shown['url']}"]
    lines += [f"{name}: {value}" for name, value in shown["headers"]]
    return lines if shown["body"] is None else [*lines, "", shown["body"]]


def _headers_of(auth: Auth | OAuth | Aws | None) -> tuple[str, ...]:
    """The headers that the credential goes into; a certificate's is none."""
    if auth is None or auth.kind in {"query", "mtls"}:
        return ()
    if auth.kind == "sigv4":
        return ("X-Amz-Date", "Authorization")
    return (auth.name if auth.kind == "header" else "Authorization",)


def _parameter(url: str, auth: Auth | OAuth | Aws | None) -> str:
    """The credential at the end of the query, masked."""
    if auth is None or auth.kind != "query":
        return ""
    return f"{'&' if '?' in url else '?'}{auth.name}={_MASK}"
