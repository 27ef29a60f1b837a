"""An authorization applied to a request: what is added, and what an answer must not hold."""

from urllib.parse import quote

from mcp_proxy.core.authorization import Authorization, Headers


def with_parameter(target: str, parameter: tuple[str, str] | None) -> str:
    """The request's target with a query parameter of the credential's at its end."""
    if parameter is None:
        return target
    name, value = (quote(part, safe="") for part in parameter)
    return f"{target}{'&' if '?' in target else '?'}{name}={value}"


def own_headers(
    authorization: Authorization, method: str, url: str, rows: Headers, body: bytes
) -> Headers:
    """The credential's headers, a signature of the finished request among them."""
    if authorization.sign is None:
        return authorization.headers
    rows = (*rows, *authorization.headers)
    return (*authorization.headers, *authorization.sign(method, url, rows, body))


def own_secrets(authorization: Authorization | None) -> tuple[str, ...]:
    """Each text that must not come back."""
    if authorization is None:
        return ()
    query = () if authorization.query is None else (authorization.query[1],)
    return (*(value for _, value in authorization.headers), *query, *authorization.secrets)
