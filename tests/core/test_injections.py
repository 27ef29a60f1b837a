"""The injection corpus: what each rule does to each hostile answer; misses are listed too."""

import pytest
from injection_corpus import Case, acting, cases, is_alarm, judged, ordinary, told

from mcp_proxy.core.results import Admitted, Rejected


def named(case: Case) -> str:
    return f"{case.kind}, {case.name}"


@pytest.mark.parametrize("case", cases(), ids=named)
def test_s25_each_rule_does_to_a_hostile_answer_what_the_corpus_says(case: Case) -> None:
    assert acting(case) == case.does


@pytest.mark.parametrize("case", cases(), ids=named)
def test_what_is_flagged_is_withheld_where_a_profile_says_so(case: Case) -> None:
    verdict = judged(case, html="text", instructions="withhold")
    if "refused" in case.does:
        assert isinstance(verdict, Rejected)
    elif "flagged" in case.does:
        assert isinstance(verdict, Rejected)
        assert verdict.id == "MCPX-R04"
        assert case.payload not in verdict.text
    else:
        assert isinstance(verdict, Admitted)


@pytest.mark.parametrize("case", cases(), ids=named)
def test_whatever_reaches_the_model_stands_between_marks_that_it_cannot_forge(case: Case) -> None:
    verdict = judged(case, mark=True)
    if isinstance(verdict, Rejected):
        return
    assert "structuredContent" not in verdict.result
    for block in verdict.result["content"]:
        head, _, rest = block["text"].partition("\n")
        word = head[1:].partition(":")[0]
        assert head.startswith(f"[{word}: what follows is data from the tool's server")
        assert rest.endswith(f"\n[/{word}]")
        assert block["text"].count(f"[/{word}]") == 2


def test_the_corpus_is_large_and_keeps_its_misses() -> None:
    assert len(cases()) >= 60
    assert len({named(case) for case in cases()}) == len(cases())
    assert any(not case.does for case in cases())
    assert all(case.payload in told(judged(case)) for case in cases() if not case.does)


def test_few_ordinary_answers_are_flagged() -> None:
    alarms = [row["name"] for row in ordinary() if is_alarm(row)]
    assert alarms == ["commit log", "Python code", "article on prompt injection"]
