"""The form by which a client's person is asked, and what counts as an answer (S17)."""

from typing import Any

import pytest

from mcp_proxy.core.approval_form import Answered, answered, question_of
from mcp_proxy.core.approval_request import View
from mcp_proxy.core.form import check_form

VIEW = View(
    *("refund", "", "billing", "write", ("Always.",), ()),
    words=("Changes something.", 'note is "a\u200bb".'),
    request_lines=("POST https://api.example.com/refunds", "", '{"note":"a\u200bb"}'),
)
TYPED = VIEW._replace(effect="destructive", confirm_label="amount", confirm_value="500")


def accept(**content: Any) -> dict[str, Any]:
    return {"approval": {"action": "accept", "content": content}}


def test_s17_the_form_shows_the_request_with_what_cannot_be_seen_as_marks() -> None:
    question = question_of(VIEW)
    assert question is not None
    message = question.params["message"]
    assert "POST https://api.example.com/refunds" in message
    assert '{"note":"a[U+200B]b"}' in message
    assert "\u200b" not in message
    check_form(question.params["requestedSchema"])


def test_what_stands_first_in_the_form_is_no_answer() -> None:
    question = question_of(VIEW)
    assert question is not None
    fields = question.params["requestedSchema"]["properties"]
    first = fields["decision"]["enum"][0]
    assert answered(VIEW, accept(decision=first)) is None
    assert "default" not in fields["decision"]


def test_s17_a_call_too_large_for_a_form_is_asked_elsewhere() -> None:
    assert question_of(VIEW._replace(request_lines=("x" * 5_000,))) is None


@pytest.mark.parametrize(
    ("view", "replies", "said"),
    [
        (VIEW, accept(decision="approve"), Answered(yes=True)),
        (VIEW, accept(decision="deny"), Answered(yes=False)),
        (VIEW, accept(decision="deny", word="No\x1b[2J\nway"), Answered(yes=False, word="No way")),
        (VIEW, accept(decision="deny", word=7), Answered(yes=False)),
        (TYPED, accept(decision="approve", typed="500"), Answered(yes=True)),
        (TYPED, accept(decision="approve", typed="500 "), None),
        (TYPED, accept(decision="approve", typed=500), None),
        (TYPED, accept(decision="approve"), None),
        (TYPED, accept(decision="deny"), Answered(yes=False)),
        (VIEW, {}, None),
        (VIEW, {"other": accept()["approval"]}, None),
        (VIEW, {"approval": {"action": "decline", "content": {"decision": "approve"}}}, None),
        (VIEW, {"approval": {"action": "cancel"}}, None),
    ],
)
def test_s17_only_a_clear_answer_is_one(view: View, replies: Any, said: Answered | None) -> None:
    assert answered(view, replies) == said


def test_a_long_word_is_cut() -> None:
    said = answered(VIEW, accept(decision="deny", word="n" * 1_000))
    assert said is not None
    assert len(said.word) == 300
