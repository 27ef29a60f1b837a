"""What an authorization server knows and decides: clients, codes, families of tokens, by the RFCs.

6749, 7523, 7636, 8628, 8693, 8707 and 9700; refresh tokens rotate, and one that is used twice ends
its family and counts as an alarm. All of it is in memory, and `issued` lists every secret given.
"""

import base64
import hashlib
import hmac
import math
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

Form = dict[str, str]
BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["ES256", "RS256", "EdDSA"]


class Refused(Exception):
    """An error of RFC 6749, 5.2, with its HTTP status."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.description, self.status = error, description, status


@dataclass
class Knobs:
    """What a test turns: the server's manners first, then what is granted."""

    access_s: float = 3600  # an access token's life
    says_expiry: bool = True  # expires_in in token answers
    rotates: bool = True  # a new refresh token with each refresh
    gives_refresh: bool = True
    grants: tuple[str, ...] | None = None  # these scopes instead of those asked for
    wants_resource: bool = True  # RFC 8707's parameter must be there
    consents: bool = True  # the person at the authorization endpoint
    device_polls: int = 0  # how many polls say authorization_pending before it is approved
    device_answer: str = ""  # an error for every poll, such as access_denied
    device_interval: int = 1
    device_s: float = 600


@dataclass
class ClientRow:
    """A client of this server; `key` is its public key in PEM."""

    id: str
    method: str = "none"
    secret: str = ""
    key: bytes = b""
    redirects: tuple[str, ...] = ("http://127.0.0.1/callback",)


@dataclass
class Access:
    """What stands behind an access token."""

    client: str
    scopes: tuple[str, ...]
    audience: str
    expires_s: float
    family: str


@dataclass
class Family:
    """One grant: its refresh tokens in order, the last one the current one."""

    client: str
    scopes: tuple[str, ...]
    audience: str
    refreshes: list[str] = field(default_factory=list)
    is_revoked: bool = False


@dataclass
class Code:
    """A code, or a device code, that waits to be redeemed."""

    client: str
    scopes: tuple[str, ...]
    audience: str
    redirect: str = ""
    challenge: str = ""
    nonce: str = ""
    family: str = ""  # once it is redeemed
    polls: int = 0
    expires_s: float = 0.0
    last_poll_s: float = 0.0


class Ledger:
    """The server's memory. Every method that judges takes the lock, so answers are one by one."""

    def __init__(self, issuer: str) -> None:
        self.issuer, self.knobs = issuer, Knobs()
        self.lock = threading.RLock()
        self.counts: Counter[str] = Counter()
        self.issued: list[tuple[str, str]] = []
        self.clients: dict[str, ClientRow] = {"app": ClientRow("app")}
        self.documents: dict[str, dict[str, Any]] = {}  # client metadata documents by their URL
        self.codes: dict[str, Code] = {}
        self.devices: dict[str, Code] = {}
        self.families: dict[str, Family] = {}
        self.access: dict[str, Access] = {}
        self.trusted: dict[str, Any] = {}  # issuer of ID-JAGs: its public key
        self.jtis: set[str] = set()
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def alarms(self) -> int:
        """How often a refresh token was used a second time."""
        return self.counts["alarm"]

    def public_key(self) -> bytes:
        """What this server signs with, in PEM."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def fresh(self, kind: str) -> str:
        """A secret of this kind, remembered in `issued`."""
        value = f"{kind}-{secrets.token_urlsafe(24)}"
        self.issued.append((kind, value))
        return value

    # -- clients

    def client(self, client_id: str) -> ClientRow:
        """The client of this id, registered or described by the document at its URL."""
        if client_id in self.clients:
            return self.clients[client_id]
        document = self.documents.get(client_id)
        if document is None or document.get("client_id") != client_id:
            raise Refused("invalid_client", "unknown client", 401)
        method = document.get("token_endpoint_auth_method", "none")
        return ClientRow(client_id, method, redirects=tuple(document["redirect_uris"]))

    def register(self, document: dict[str, Any]) -> dict[str, Any]:
        """RFC 7591. Raises Refused."""
        redirects = document.get("redirect_uris") or []
        if not redirects and "authorization_code" in document.get(
            "grant_types", ["authorization_code"]
        ):
            raise Refused("invalid_redirect_uri")
        method = document.get("token_endpoint_auth_method", "client_secret_basic")
        with self.lock:
            self.counts["register"] += 1
            client_id = f"client-{self.counts['register']}"
            secret = "" if method == "none" else self.fresh("client_secret")
            self.clients[client_id] = ClientRow(
                client_id, method, secret, redirects=tuple(redirects)
            )
        more = {"client_secret": secret, "client_secret_expires_at": 0} if secret else {}
        return {**document, "client_id": client_id, "token_endpoint_auth_method": method, **more}

    def authenticate(self, form: Form, basic: str, audiences: tuple[str, ...]) -> ClientRow:
        """The client that a request to an endpoint comes from, by the one method it is known for.

        `basic` is the text behind "Basic " of the authorization header. Raises Refused.
        """
        used, client_id, secret = _presented(form, basic)
        row = self.client(client_id)
        if used != row.method:
            raise Refused("invalid_client", f"{row.method} expected, not {used}", 401)
        if used.startswith("client_secret") and not hmac.compare_digest(secret, row.secret):
            raise Refused("invalid_client", "wrong secret", 401)
        if used == "private_key_jwt":
            self._judge_assertion(row, secret, audiences)
        self.counts[f"client:{used}"] += 1
        return row

    def _judge_assertion(self, row: ClientRow, text: str, audiences: tuple[str, ...]) -> None:
        try:
            claims = jwt.decode(
                text,
                row.key,
                ALGORITHMS,
                audience=list(audiences),
                issuer=row.id,
                options={"require": ["exp", "iat", "jti", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Refused("invalid_client", str(error), 401) from None
        if claims["sub"] != row.id or claims["exp"] - time.time() > 600:
            raise Refused("invalid_client", "subject or lifetime", 401)
        self._once(claims["jti"], "invalid_client")

    def _once(self, jti: str, error: str) -> None:
        with self.lock:
            if jti in self.jtis:
                self.counts["assertion reused"] += 1
                raise Refused(error, "jti was used", 401)
            self.jtis.add(jti)

    # -- authorization

    def authorize(self, asked: Form) -> str:
        """A code for a request to the authorization endpoint (client and redirect are judged)."""
        if asked.get("response_type") != "code":
            raise Refused("unsupported_response_type")
        if (
            asked.get("code_challenge_method") != "S256"
            or len(asked.get("code_challenge", "")) != 43
        ):
            raise Refused("invalid_request", "PKCE with S256")
        audience = self._resource(asked)
        if not self.knobs.consents:
            raise Refused("access_denied", "the person said no")
        scopes = self._granted(asked)
        code = Code(
            asked["client_id"],
            scopes,
            audience,
            asked["redirect_uri"],
            asked["code_challenge"],
            asked.get("nonce", ""),
        )
        with self.lock:
            value = self.fresh("code")
            self.codes[value] = code
        return value

    def _resource(self, form: Form) -> str:
        if self.knobs.wants_resource and not form.get("resource"):
            raise Refused("invalid_target", "a resource is required")
        return form.get("resource", "")

    def _granted(self, form: Form) -> tuple[str, ...]:
        if self.knobs.grants is not None:
            return self.knobs.grants
        return tuple(form.get("scope", "").split())

    def device(self, row: ClientRow, form: Form, verification: str) -> dict[str, Any]:
        """RFC 8628, 3.2."""
        now_s = time.monotonic()
        code = Code(
            row.id, self._granted(form), self._resource(form), expires_s=now_s + self.knobs.device_s
        )
        with self.lock:
            self.counts["device"] += 1
            value, user_code = self.fresh("device_code"), secrets.token_hex(4).upper()
            self.devices[value] = code
        return {
            "device_code": value,
            "user_code": user_code,
            "verification_uri": verification,
            "verification_uri_complete": f"{verification}?user_code={user_code}",
            "expires_in": int(self.knobs.device_s),
            "interval": self.knobs.device_interval,
        }

    # -- tokens

    def token(self, row: ClientRow, form: Form) -> dict[str, Any]:
        """The answer of the token endpoint. Raises Refused; both are counted by the grant."""
        grant = form.get("grant_type", "")
        grants = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            "client_credentials": self._by_client,
            DEVICE_GRANT: self._by_device,
            EXCHANGE_GRANT: self._by_exchange,
            BEARER_GRANT: self._by_assertion,
        }
        with self.lock:
            try:
                answer = grants.get(grant, _unknown)(row, form)
            except Refused as refused:
                self.counts[f"refused:{grant.rpartition(':')[2]}:{refused.error}"] += 1
                raise
            self.counts[grant.rpartition(":")[2]] += 1
            return answer

    def _by_code(self, row: ClientRow, form: Form) -> dict[str, Any]:
        code = self.codes.get(form.get("code", ""))
        if code is None or code.client != row.id:
            raise Refused("invalid_grant", "no such code")
        if code.family:
            self.counts["code reused"] += 1
            self._revoke(code.family)
            raise Refused("invalid_grant", "the code was used")
        if form.get("redirect_uri") != code.redirect:
            raise Refused("invalid_grant", "another redirect_uri")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
            raise Refused("invalid_grant", "code_verifier")
        if self._resource(form) != code.audience:
            raise Refused("invalid_target", "another resource")
        return self._redeem(code)

    def _by_device(self, row: ClientRow, form: Form) -> dict[str, Any]:
        code = self.devices.get(form.get("device_code", ""))
        if code is None or code.client != row.id or code.family:
            raise Refused("invalid_grant", "no such device code")
        now_s, since_s = time.monotonic(), time.monotonic() - code.last_poll_s
        code.last_poll_s, code.polls = now_s, code.polls + 1
        if now_s > code.expires_s:
            raise Refused("expired_token")
        if self.knobs.device_answer:
            raise Refused(self.knobs.device_answer)
        if since_s < self.knobs.device_interval * 0.9:
            self.counts["device too fast"] += 1
            raise Refused("slow_down")
        if code.polls <= self.knobs.device_polls:
            raise Refused("authorization_pending")
        return self._redeem(code)

    def _redeem(self, code: Code) -> dict[str, Any]:
        code.family = secrets.token_hex(8)
        self.families[code.family] = Family(code.client, code.scopes, code.audience)
        return self.answer(code.family, code.nonce)

    def _by_refresh(self, row: ClientRow, form: Form) -> dict[str, Any]:
        used = form.get("refresh_token", "")
        name = next((n for n, f in self.families.items() if used in f.refreshes), "")
        if not name or self.families[name].client != row.id:
            raise Refused("invalid_grant", "no such refresh token")
        family = self.families[name]
        if family.refreshes[-1] != used:
            self.counts["alarm"] += 1
            self._revoke(name)
            raise Refused("invalid_grant", "the refresh token was used before")
        if family.is_revoked:
            raise Refused("invalid_grant", "revoked")
        if "resource" in form and form["resource"] != family.audience:
            raise Refused("invalid_target", "another resource")
        if not set(form.get("scope", "").split()) <= set(family.scopes):
            raise Refused("invalid_scope")
        return self.answer(name)

    def _by_client(self, row: ClientRow, form: Form) -> dict[str, Any]:
        if row.method == "none":
            raise Refused("unauthorized_client", "a public client")
        answer = self._plain(row.id, self._granted(form), self._resource(form), "")
        return {**answer, "scope": " ".join(self._granted(form))}

    def _by_exchange(self, row: ClientRow, form: Form) -> dict[str, Any]:
        """RFC 8693 at an identity provider: its own ID token for an ID-JAG."""
        wanted = form.get("requested_token_type"), form.get("subject_token_type")
        if wanted != (ID_JAG, ID_TOKEN) or not form.get("audience"):
            raise Refused("invalid_request", "an ID-JAG for an ID token, with an audience")
        try:
            claims = jwt.decode(
                form.get("subject_token", ""),
                self.key.public_key(),
                ["ES256"],
                audience=row.id,
                issuer=self.issuer,
            )
        except jwt.PyJWTError as error:
            raise Refused("invalid_grant", str(error)) from None
        assertion = self.sign(
            {
                "sub": claims["sub"],
                "aud": form["audience"],
                "client_id": row.id,
                "resource": form.get("resource", ""),
                "scope": form.get("scope", ""),
            },
            typ="oauth-id-jag+jwt",
        )
        return {
            "access_token": assertion,
            "issued_token_type": ID_JAG,
            "token_type": "N_A",
            "expires_in": 300,
            "scope": form.get("scope", ""),
        }

    def _by_assertion(self, row: ClientRow, form: Form) -> dict[str, Any]:
        """RFC 7523 with an ID-JAG of a trusted identity provider."""
        text = form.get("assertion", "")
        try:
            typ = jwt.get_unverified_header(text).get("typ")
            issuer = jwt.decode(text, options={"verify_signature": False}).get("iss")
            key = self.trusted.get(issuer, "")
            claims = jwt.decode(text, key, ["ES256"], audience=self.issuer)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Refused("invalid_grant", str(error)) from None
        if typ != "oauth-id-jag+jwt" or claims.get("client_id") != row.id:
            raise Refused("invalid_grant", "typ or client_id")
        self._once(claims["jti"], "invalid_grant")
        scopes = tuple(claims.get("scope", "").split())
        return {**self._plain(row.id, scopes, claims["resource"], ""), "scope": " ".join(scopes)}

    def sign(self, claims: dict[str, Any], typ: str = "JWT", life_s: int = 300) -> str:
        """A JWT of this server, remembered in `issued`."""
        now_s = int(time.time())
        row = {"iss": self.issuer, "iat": now_s, "exp": now_s + life_s, "jti": secrets.token_hex(8)}
        value = jwt.encode({**row, **claims}, self.key, "ES256", headers={"typ": typ})
        self.issued.append(("jwt", value))
        return value

    def answer(self, name: str, nonce: str = "") -> dict[str, Any]:
        """Tokens for a family; the next refresh token where they rotate."""
        family = self.families[name]
        row = self._plain(family.client, family.scopes, family.audience, name)
        row["scope"] = " ".join(family.scopes)
        if self.knobs.gives_refresh and (self.knobs.rotates or not family.refreshes):
            family.refreshes.append(self.fresh("refresh"))
            row["refresh_token"] = family.refreshes[-1]
        if "openid" in family.scopes:
            said = {"nonce": nonce} if nonce else {}
            row["id_token"] = self.sign({"sub": "ada", "aud": family.client, **said})
        return row

    def _plain(
        self, client: str, scopes: tuple[str, ...], audience: str, name: str
    ) -> dict[str, Any]:
        value = self.fresh("access")
        ends_s = time.monotonic() + self.knobs.access_s
        self.access[value] = Access(client, scopes, audience, ends_s, name)
        life = {"expires_in": math.ceil(self.knobs.access_s)} if self.knobs.says_expiry else {}
        return {"access_token": value, "token_type": "Bearer", **life}

    def revoke(self, row: ClientRow, token: str) -> None:
        """RFC 7009: of a refresh token the whole family, of an access token that one."""
        with self.lock:
            self.counts["revoke"] += 1
            for name, family in self.families.items():
                if token in family.refreshes and family.client == row.id:
                    self.counts["revoked refresh"] += 1
                    self._revoke(name)
            if token in self.access and self.access[token].client == row.id:
                self.counts["revoked access"] += 1
                del self.access[token]

    def _revoke(self, name: str) -> None:
        self.families[name].is_revoked = True
        self.access = {t: a for t, a in self.access.items() if a.family != name}

    # -- for tests and resources

    def expire(self) -> None:
        """Every access token given so far ends now."""
        with self.lock:
            self.access.clear()

    def end_grants(self) -> None:
        """Every refresh token ends too: the next refresh is an invalid_grant."""
        with self.lock:
            for name in self.families:
                self._revoke(name)

    def valid(self, token: str) -> Access | None:
        """What a resource learns of a token that it was shown."""
        with self.lock:
            found = self.access.get(token)
            return found if found and found.expires_s > time.monotonic() else None


def _unknown(_row: ClientRow, _form: Form) -> dict[str, Any]:
    raise Refused("unsupported_grant_type")


def _presented(form: Form, basic: str) -> tuple[str, str, str]:
    """Method, client id and secret (or assertion) that a request presents, which must be one."""
    if basic and ("client_secret" in form or "client_assertion" in form):
        raise Refused("invalid_request", "two ways of authentication")
    if basic:
        name, _, secret = base64.b64decode(basic).decode().partition(":")
        return "client_secret_basic", unquote_plus(name), unquote_plus(secret)
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION:
            raise Refused("invalid_client", "client_assertion_type", 401)
        claims = jwt.decode(form["client_assertion"], options={"verify_signature": False})
        return "private_key_jwt", str(claims.get("iss")), form["client_assertion"]
    method = "client_secret_post" if "client_secret" in form else "none"
    return method, form.get("client_id", ""), form.get("client_secret", "")


def same_redirect(registered: str, asked: str) -> bool:
    """Exactly, but for the port of a loopback address (RFC 8252, 7.3)."""
    one, other = urlsplit(registered), urlsplit(asked)
    if one.hostname in ("127.0.0.1", "::1"):
        return (one.scheme, one.hostname, one.path) == (other.scheme, other.hostname, other.path)
    return registered == asked
