"""The official conformance suite, leg by leg and revision by revision, as scripts/conformance."""

import os

import pytest
from conformance import login, node, suite
from conformance.suite import Outcome, judge


@pytest.fixture(scope="module")
def _packages() -> None:
    if why := node.install():
        assert os.environ.get("CI") != "true", why
        pytest.skip(why)


def outcome(**bad: str) -> Outcome:
    return Outcome("server", "2026-07-28", "dual", "caching", 3, bad, 0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("_packages")
@pytest.mark.parametrize("revision", suite.REVISIONS)
@pytest.mark.parametrize("leg", suite.LEGS)
def test_the_official_suite_says_what_is_expected(leg: str, revision: str) -> None:
    expected = suite.expected_failures()
    outcomes = list(suite.run_leg(leg, revision, []))
    if late := {one.scenario for one in outcomes if judge([one], expected).unexpected}:
        # The suite waits for fixed times, which a busy machine may not keep: once more, and told.
        print(f"repeated: {sorted(late)}")
        rest = [one for one in outcomes if one.scenario not in late]
        outcomes = [*rest, *suite.run_leg(leg, revision, sorted(late))]
    verdict = judge(outcomes, expected)
    assert outcomes
    assert verdict.unexpected == []
    assert verdict.stale == []


def test_each_expected_failure_has_its_reason() -> None:
    assert all(reason for reason in suite.expected_failures().values())


def test_what_is_bad_and_not_expected_is_told() -> None:
    assert judge([outcome(ttl="FAILURE: none")], {}).unexpected == [
        "server 2026-07-28 caching:ttl: FAILURE: none"
    ]


@pytest.mark.parametrize("entry", ["server 2026-07-28 caching", "server 2026-07-28 caching:ttl"])
def test_an_expected_failure_stands_for_its_scenario_or_check(entry: str) -> None:
    assert judge([outcome(ttl="FAILURE: none")], {entry: "reason"}) == ([], [])


def test_an_expected_failure_of_one_check_covers_no_other() -> None:
    expected = {"server 2026-07-28 caching:ttl": "reason"}
    verdict = judge([outcome(ttl="FAILURE: none", scope="FAILURE: none")], expected)
    assert verdict.unexpected == ["server 2026-07-28 caching:scope: FAILURE: none"]


def test_an_expected_failure_that_passes_is_stale() -> None:
    expected = {"server 2026-07-28 caching:ttl": "reason", "server 2026-07-28 other": "reason"}
    assert judge([outcome()], expected).stale == ["server 2026-07-28 caching:ttl"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A login is required. Run: mcp-proxy login a b. (MCPX-C05)", ["login", "a", "b"]),
        ("A login is required, run `mcp-proxy login a`. (MCPX-C05)", ["login", "a"]),
        ('Run: mcp-proxy login a --scope "x y".', ["login", "a", "--scope", "x y"]),
        ("mcp-proxy doctor", None),
    ],
)
def test_a_person_runs_the_login_that_an_error_names(text: str, words: list[str] | None) -> None:
    found = login.named_login(text)
    assert (found and found[1:]) == words
