"""What an upstream may ask the client, and what the client may reply (S14).

Deny by default: a question of an unknown kind, or one that cannot be shown as it is, is refused
whole, with the reason. Of admitted ones every string is cleaned, sizes are bounded, and an
elicitation names the upstream that asks.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer import Question, Reply
from mcp_proxy.core.elicitation import admit_elicitation, admit_elicited
from mcp_proxy.core.jsonrpc import Told
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.question_words import Unaskable
from mcp_proxy.core.sampling import admit_sampled, admit_sampling
from mcp_proxy.core.shape import Unfit
from mcp_proxy.core.text import hidden_character


class Refused(NamedTuple):
    """Why a question or a reply goes no further, as a whole sentence without foreign text."""

    text: str


def admit_questions(
    asked: Mapping[str, Question],
    spec: UpstreamSpec,
    upstream: str,
    capabilities: Mapping[str, Any],
) -> dict[str, Question] | Refused:
    """The questions as the client may see them, by their keys.

    `upstream` is its name in the profile; `capabilities` are what it was told that the client has.
    """
    if not asked or len(asked) > LIMITS.questions:
        return Refused(f"The upstream asked other than 1 to {LIMITS.questions} questions at once.")
    if any(len(key) > LIMITS.question_key_chars or hidden_character(key) for key in asked):
        return Refused("The upstream gave a question a name that cannot be shown.")
    try:
        return {
            key: _admitted(question, spec, upstream, capabilities)
            for key, question in asked.items()
        }
    except ValueError as error:
        return Refused(f"The upstream's question was not passed on: {_words(error)}.")


def admit_replies(
    asked: Mapping[str, Question], replies: Mapping[str, Any]
) -> dict[str, Reply] | Refused:
    """The client's replies to these questions; those to others are dropped, some may be missing."""
    try:
        return {
            key: _admitted_reply(question.method, question.params, replies[key])
            for key, question in asked.items()
            if key in replies
        }
    except ValueError as error:
        words = _words(error)
        return Refused(f"The reply to the upstream's question was not passed on: {words}.")


def _words(error: ValueError) -> str:
    return f"it {error.why}" if isinstance(error, Unfit) else str(error)


def _admitted(
    question: Question, spec: UpstreamSpec, upstream: str, capabilities: Mapping[str, Any]
) -> Question:
    method, params = question
    if not isinstance(params, dict):
        raise Unaskable("its params are no object")
    if method == "elicitation/create" and "elicitation" in capabilities:
        return Question(
            method, admit_elicitation(params, spec.links, upstream, capabilities["elicitation"])
        )
    if method == "sampling/createMessage" and "sampling" in capabilities:
        return Question(method, admit_sampling(params, capabilities["sampling"]))
    if method == "roots/list" and "roots" in capabilities:
        return Question(method, {})
    raise Unaskable("it is of a kind that the profile or the client does not take")


def _admitted_reply(method: str, params: dict[str, Any], reply: Any) -> Reply:
    if isinstance(reply, Told):
        return reply
    if not isinstance(reply, dict):
        raise Unaskable("it is no object")
    if len(strict_json.dumps(reply)) > LIMITS.reply_bytes:
        raise Unaskable(f"it is larger than {LIMITS.reply_bytes:,} bytes")
    if method == "elicitation/create":
        return admit_elicited(params, reply)
    if method == "sampling/createMessage":
        return admit_sampled(reply)
    return _admitted_roots(reply)


def _admitted_roots(reply: dict[str, Any]) -> dict[str, Any]:
    roots = reply.get("roots")
    if not isinstance(roots, list) or len(roots) > LIMITS.roots or not all(map(_is_root, roots)):
        raise Unaskable("it is no list of roots, each a file:// URI with an optional name")
    return reply


def _is_root(root: Any) -> bool:
    if not isinstance(root, dict) or not isinstance(root.get("name", ""), str):
        return False
    uri = root.get("uri")
    return isinstance(uri, str) and uri.startswith("file://")
