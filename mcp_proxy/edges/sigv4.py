"""AWS Signature Version 4 by botocore, which is the extra `aws`: a request in, its headers out."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from mcp_proxy.core.authorization import Headers
from mcp_proxy.core.secret import Secret

_MOMENT = "%Y%m%dT%H%M%SZ"
# What a proxy on the way may change, and no server minds.
_UNSIGNED = frozenset({"accept-encoding", "traceparent", "tracestate", "user-agent"})
# S3 takes a path as it is written, every other service encodes it once more.
_S3 = frozenset({"s3", "s3-object-lambda", "s3-outposts", "s3express"})


class AwsKeys(NamedTuple):
    """Access keys; `session` comes with temporary ones."""

    id: str
    secret: Secret
    session: Secret | None = None


class Scope(NamedTuple):
    """What a signature is good for beside its day."""

    region: str
    service: str


class AwsSigner(NamedTuple):
    """Signs method, URL, headers and body as they go out, at the time of sending."""

    keys: AwsKeys
    scope: Scope
    now_s: Callable[[], float] = time.time

    def __call__(self, method: str, url: str, headers: Headers, body: bytes) -> Headers:
        """The headers that are to be added."""
        request = AWSRequest(method=method, url=url, data=body)
        for name, value in headers:
            if name.lower() not in _UNSIGNED:
                request.headers[name] = value
        given = len(request.headers.items())
        request.context["timestamp"] = time.strftime(_MOMENT, time.gmtime(self.now_s()))
        self._signature().add(request)
        # botocore appends what it adds; what it would take away, no request of ours holds.
        return tuple(request.headers.items()[given:])

    def _signature(self) -> "_Signature":
        session = None if self.keys.session is None else self.keys.session.reveal()
        credentials = Credentials(self.keys.id, self.keys.secret.reveal(), session)
        kind = _S3Signature if self.scope.service in _S3 else _Signature
        return kind(credentials, self.scope.service, self.scope.region)


class _Encoded:
    """The query as AWS reads it: every byte of a value encoded that need not stand for itself."""

    def canonical_query_string(self, request: Any) -> str:
        """Sorted pairs of the URL's query, encoded in one way, however they are written there."""
        query = urlsplit(request.url).query
        parts = [pair.partition("=") for pair in query.split("&") if pair]
        pairs = sorted((_encoded(name), _encoded(value)) for name, _, value in parts)
        return "&".join(f"{name}={value}" for name, value in pairs)


class _Signature(_Encoded, SigV4Auth):
    def add(self, request: Any) -> None:
        """`SigV4Auth.add_auth`, at the request's own time."""
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


class _S3Signature(_Signature, S3SigV4Auth):
    """As the others, with the body's digest in a header and the path encoded once."""


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")
