"""The form by which the client asks its person to approve a call, and what the reply means (S17).

Only an accepted form with the choice made in it is an answer. A client declines for many reasons,
so that is no person's no; and one that fills in forms by itself takes what stands first.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core.answer import Question
from mcp_proxy.core.approval_request import View
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.core.visible import marked

KEY = "approval"
_LATER, _APPROVE, _DENY = "later", "approve", "deny"


class Answered(NamedTuple):
    """What a person answered: yes or no, with a clean word to the model."""

    yes: bool
    word: str = ""


def question_of(view: View) -> Question | None:
    """The form, None where the call is too large to be shown in one."""
    lines = [
        f"mcp-proxy asks for the profile {view.profile}: may this call be made?",
        *map(marked, view.words),
        *map(marked, view.rule_words),
        *(f"Limit: {marked(words)}" for words in view.limits),
        "The request:",
        *map(marked, view.request_lines),
    ]
    message = "\n".join(lines)
    if len(message) > LIMITS.question_message_chars:
        return None
    fields: dict[str, Any] = {
        "decision": {
            "type": "string",
            "title": "Decision",
            "description": "Approve this one call, deny it, or leave it for later",
            "enum": [_LATER, _APPROVE, _DENY],
        }
    }
    if view.confirm_value:
        title = f"To approve, type the {marked(view.confirm_label)}: {view.confirm_value}"
        fields["typed"] = {"type": "string", "title": title}
    words = {"type": "string", "title": "If you deny: a word to the model"}
    fields["word"] = {**words, "maxLength": LIMITS.approval_word_chars}
    schema = {"type": "object", "properties": fields, "required": ["decision"]}
    return Question("elicitation/create", {"message": message, "requestedSchema": schema})


def answered(view: View, replies: Mapping[str, Any]) -> Answered | None:
    """What the person said; None for anything that is neither a yes nor a no."""
    reply = replies.get(KEY)
    content = reply.get("content") if isinstance(reply, dict) else None
    if not isinstance(reply, dict) or reply.get("action") != "accept":
        return None
    if not isinstance(content, dict):
        return None
    if content.get("decision") == _DENY:
        word = content.get("word")
        said = word if isinstance(word, str) else ""
        return Answered(yes=False, word=one_sentence(said, LIMITS.approval_word_chars))
    if content.get("decision") != _APPROVE:
        return None
    is_typed = not view.confirm_value or content.get("typed") == view.confirm_value
    return Answered(yes=True) if is_typed else None
