"""How an upstream of a profile source is authorized, as strict models: a name, never a secret."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mcp_proxy.core.auth_terms import ENDPOINTS, STATIC_KINDS, Misfit, check_auth
from mcp_proxy.core.binding import CREDENTIAL_NAME
from mcp_proxy.core.profile import Auth, Aws, Identity, OAuth
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.argument_source import STRICT
from mcp_proxy.workshop.scalars import Matching

AUTH_KINDS = (*STATIC_KINDS, "oauth", "sigv4")

Credential = Annotated[
    str, Matching(CREDENTIAL_NAME.pattern, "write 1 to 64 of a-z, 0-9 and -, the first no -")
]
# RFC 9110, 5.6.2: a field name is a token.
PlaceName = Annotated[
    str,
    Matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", "write a name such as X-Api-Key or api_key"),
]


class StaticAuthSource(BaseModel):
    """A secret that stays as it is until a person replaces it."""

    model_config = STRICT
    kind: Literal["bearer", "basic", "header", "query", "mtls"]
    credential: Credential = Field(description="The credential's name in the local keychain.")
    name: PlaceName | None = Field(
        None, description="The header's name for kind header, the parameter's for kind query."
    )


class IdentitySource(BaseModel):
    """The OpenID provider that logs the person in, for the grant id_jag."""

    model_config = STRICT
    issuer: str = Field(min_length=1, description="Exactly as the provider calls itself.")
    client_id: str = Field(min_length=1, description="Our client's id at that provider.")


class EndpointsSource(BaseModel):
    """Endpoints that are on other hosts than the issuer, or that no metadata names."""

    model_config = STRICT
    authorization: str | None = None
    token: str | None = None
    device_authorization: str | None = None
    revocation: str | None = None
    registration: str | None = None


class OAuthSource(BaseModel):
    """OAuth 2.1, by `mcp-proxy login`."""

    model_config = STRICT
    kind: Literal["oauth"]
    credential: Credential = Field(description="The login's name on each machine.")
    grant: Literal["authorization_code", "client_credentials", "id_jag"] = Field(
        "authorization_code", description="authorization_code is a person's, also by device."
    )
    issuer: str = Field(
        "", description="Exactly as the authorization server calls itself. Kind rest needs it."
    )
    client_id: str = Field("", description="Where our client is registered already.")
    client_metadata: str = Field(
        "", description="The https URL of a Client ID Metadata Document, which is then our id."
    )
    scopes: list[str] = Field(default_factory=list, description="What a login asks for.")
    endpoints: EndpointsSource | None = None
    identity: IdentitySource | None = None
    resource: str = Field(
        "",
        description="What the tokens are for, where a REST API's authorization server wants to be "
        "told (RFC 8707): an absolute https URL.",
    )


class AwsSource(BaseModel):
    """AWS Signature Version 4: each request is signed."""

    model_config = STRICT
    kind: Literal["sigv4"]
    credential: Credential = Field(description="The credential's name in the local keychain.")
    region: str = Field(description="Such as eu-central-1.")
    service: str = Field(description="The signing name, such as execute-api.")


AuthSource = Annotated[StaticAuthSource | OAuthSource | AwsSource, Field(discriminator="kind")]


def auth_of(
    source: StaticAuthSource | OAuthSource | AwsSource | None, upstream: str
) -> Auth | OAuth | Aws | None:
    """As it stands in the payload of an upstream of that kind; raises Wrong for what cannot be."""
    if source is None:
        return None
    auth = _static(source) if isinstance(source, StaticAuthSource) else _other(source)
    try:
        check_auth(auth, upstream)
    except Misfit as misfit:
        raise Wrong(("auth", *filter(None, misfit.key.split("."))), misfit.why) from None
    return auth


def _static(source: StaticAuthSource) -> Auth:
    if source.kind in {"header", "query"}:
        if source.name is None:
            what = ("header", "X-Api-Key") if source.kind == "header" else ("parameter", "api_key")
            text = f"kind {source.kind} needs the {what[0]}'s name; add name: {what[1]}"
            raise Wrong(("auth",), text)
        return Auth(source.kind, source.credential, source.name)
    if source.name is not None:
        has = "goes into no header" if source.kind == "mtls" else "has its own header"
        raise Wrong(("auth", "name"), f"{source.kind} {has}; take it out")
    return Auth(source.kind, source.credential, "" if source.kind == "mtls" else "Authorization")


def _other(source: OAuthSource | AwsSource) -> OAuth | Aws:
    if isinstance(source, AwsSource):
        return Aws(source.kind, source.credential, source.region, source.service)
    pinned = source.endpoints.model_dump() if source.endpoints is not None else {}
    identity = None
    if source.identity is not None:
        identity = Identity(source.identity.issuer, source.identity.client_id)
    return OAuth(
        source.kind,
        source.credential,
        source.grant,
        source.issuer,
        source.client_id,
        source.client_metadata,
        tuple(source.scopes),
        tuple((name, pinned[name]) for name in ENDPOINTS if pinned.get(name)),
        identity,
        source.resource,
    )
