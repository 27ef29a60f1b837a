"""An upstream's question to the person: a form, or a page to visit; and the reply (S14)."""

import re
from collections.abc import Mapping
from typing import Any

from mcp_proxy.core.form import check_form, takes_text
from mcp_proxy.core.http_results import clean_message
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import Origin, parse_url
from mcp_proxy.core.question_words import Unaskable, asks_for_secret, imitates_us, without_reserved
from mcp_proxy.core.text import hidden_character

_REST_OF_URL = re.compile(r"[?#](?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?#\[\]]|%[0-9A-Fa-f]{2})*")


def admit_elicitation(
    params: dict[str, Any], links: tuple[str, ...], upstream: str, declared: Mapping[str, Any]
) -> dict[str, Any]:
    """The params of elicitation/create as the client may see them.

    `links` are the origins that a page may have, `declared` the capability that was told. Raises
    ValueError with words that hold no foreign text.
    """
    kept = without_reserved(params)
    mode = kept.get("mode", "form")
    if mode not in ("form", "url") or mode not in declared:
        raise Unaskable("it is of a mode that the profile or the client does not take")
    message = kept.get("message")
    if not isinstance(message, str) or len(message) > LIMITS.question_message_chars:
        raise Unaskable(f"its message is no text of {LIMITS.question_message_chars:,} characters")
    if mode == "form":
        _check_form_mode(kept)
    else:
        _check_url_mode(kept, links)
    value, data = clean_message(kept)
    if len(data) > LIMITS.question_bytes:
        raise Unaskable(f"it is larger than {LIMITS.question_bytes:,} bytes")
    _check_words(value, is_form=mode == "form")
    return {**value, "message": f"{upstream}: {value['message']}"}


def admit_elicited(params: Mapping[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """The reply to a question of these params; content only of an accepted form.

    Raises Unaskable.
    """
    action, content = reply.get("action"), reply.get("content")
    if action not in ("accept", "decline", "cancel"):
        raise Unaskable("it neither accepts nor declines nor cancels")
    if action != "accept" or params.get("mode", "form") != "form":
        return {key: item for key, item in reply.items() if key != "content"}
    if content is not None and not isinstance(content, dict):
        raise Unaskable("its content is no object")
    if content is not None and not all(map(_is_flat, content.values())):
        raise Unaskable("its content holds other than texts, numbers, yes or no, and choices")
    return reply


def _check_form_mode(params: dict[str, Any]) -> None:
    if "url" in params:
        raise Unaskable("it is a form and a page at once")
    check_form(params.get("requestedSchema"))


def _check_url_mode(params: dict[str, Any], links: tuple[str, ...]) -> None:
    if "requestedSchema" in params:
        raise Unaskable("it is a form and a page at once")
    elicitation = params.get("elicitationId", "")
    if not isinstance(elicitation, str) or hidden_character(elicitation):
        raise Unaskable("its elicitationId cannot be shown")
    url = params.get("url")
    origin = _origin(url) if isinstance(url, str) and len(url) <= LIMITS.link_chars else None
    if origin is None:
        raise Unaskable("its address is not one that every program reads alike")
    if origin not in {parse_url(link)[0] for link in links}:
        raise Unaskable("its address is of an origin that the profile does not list")


def _origin(url: str) -> Origin | None:
    """The origin of an address with nothing odd in it: https, or http to a loopback address."""
    place = re.split("[?#]", url, maxsplit=1)[0]
    rest = url[len(place) :]
    if not url.isascii() or (rest and not _REST_OF_URL.fullmatch(rest)):
        return None
    try:
        return parse_url(place)[0]
    except ValueError:
        return None


def _check_words(params: dict[str, Any], *, is_form: bool) -> None:
    if imitates_us(params):
        raise Unaskable("its text imitates mcp-proxy, the client or the system")
    if is_form and takes_text(params["requestedSchema"]) and asks_for_secret(params):
        raise Unaskable("its form asks for a secret; secrets go into no form")


def _is_flat(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return value is None or isinstance(value, (str, int, float, bool))
