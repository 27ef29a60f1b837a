"""What the README promises, sentence by sentence, and the tests that hold each promise."""

from typing import NamedTuple


class Promise(NamedTuple):
    """`says` stands in the README word for word; `tests` are `path::function` below tests/."""

    id: str
    says: str
    tests: tuple[str, ...]


ENFORCED = "workshop/test_enforced.py"
PROMISES = (
    Promise(
        "start-from-clone",
        "Two commands on a fresh clone",
        ("e2e/test_demo.py::test_the_wheel_runs_the_demo_outside_of_the_checkout",),
    ),
    Promise(
        "walk",
        "From an OpenAPI file to an answered call",
        ("e2e/test_walk.py::test_from_an_openapi_file_to_an_answered_call",),
    ),
    Promise(
        "entry",
        "`profile install` prints the finished entry",
        ("e2e/test_walk.py::test_the_entry_that_install_prints_launches_the_profile",),
    ),
    Promise(
        "refusal-is-shown",
        "If the profile is refused, the client shows why",
        ("e2e/test_trust.py::test_s4_a_tampered_profile_is_refused_and_says_so_in_the_client",),
    ),
    Promise(
        "named-tools-only",
        "only the profile's tools exist",
        ("e2e/test_serve.py::test_a_tool_that_the_profile_does_not_name_is_unknown",),
    ),
    Promise(
        "narrower-only",
        "arguments are held to a schema that can only be narrower than the API's",
        (f"{ENFORCED}::test_a_narrowing_never_lets_through_what_the_operation_refuses",),
    ),
    Promise(
        "constants",
        "constants cannot be overridden",
        ("e2e/test_serve.py::test_a_constant_cannot_be_chosen_by_the_client",),
    ),
    Promise(
        "approval-denies",
        "calls that need a person's approval are denied with the reason",
        ("e2e/test_serve.py::test_a_denied_call_never_reaches_the_upstream",),
    ),
    Promise(
        "results",
        "results are bounded, validated, reduced to the picked fields, and cleaned",
        ("e2e/test_serve.py::test_an_allowed_call_is_answered_cleaned_and_picked",),
    ),
    Promise(
        "no-redirect",
        "redirects are not followed",
        (
            "edges/test_upstream_rest.py::test_s9_a_redirect_is_not_followed_and_names_only_the_origin",
        ),
    ),
    Promise(
        "every-start-verifies",
        "signature, signer's scope, name, expiry and the highest version seen are checked",
        (
            "core/test_trust.py::test_every_flipped_byte_of_an_installed_envelope_is_refused",
            "e2e/test_trust.py::test_s3_a_replayed_older_profile_is_refused",
        ),
    ),
    Promise(
        "secrets-stay",
        "they never appear in argv, output, log, error or toward another origin",
        (
            "e2e/test_secrets.py::test_s7_a_secret_is_in_its_request_and_nowhere_else",
            "e2e/test_secrets.py::test_s7_a_credential_is_not_sent_to_another_origin",
        ),
    ),
    Promise(
        "foreign-home",
        "`MCP_PROXY_HOME` counts only where `mcp-proxy home init` made it on this machine",
        ("e2e/test_trust.py::test_s10_a_home_made_elsewhere_is_refused",),
    ),
    Promise(
        "kill-9",
        "`kill -9` at any moment loses no record of a call that was sent",
        ("e2e/test_ends.py::test_s20_a_kill_in_the_middle_of_a_hundred_calls_loses_no_record",),
    ),
    Promise(
        "environment",
        "a variable must not be able to redirect a credential",
        ("e2e/test_secrets.py::test_s9_variables_of_the_environment_do_not_redirect_a_call",),
    ),
    Promise(
        "wider-fails",
        "A bound that would be wider than the API's own fails the build",
        ("workshop/test_narrowing.py::test_a_narrowing_that_does_not_narrow_is_told",),
    ),
    Promise(
        "not-enforced",
        "What this version does not enforce, it refuses to build",
        ("workshop/test_source.py::test_what_this_version_does_not_enforce_is_refused",),
    ),
    Promise(
        "corruption-evident",
        "A changed, missing or torn entry inside a segment is",
        (
            "core/test_audit_check.py::test_every_single_flipped_bit_is_reported",
            "core/test_audit_check.py::test_a_removed_line_is_reported_where_the_chain_breaks",
        ),
    ),
    Promise(
        "erasable",
        "can be erased without breaking the chain",
        ("app/test_audit_log.py::test_an_erased_clear_line_leaves_the_log_good",),
    ),
    Promise(
        "arguments-not-logged",
        "never an argument, a result or an upstream's text",
        ("e2e/test_secrets.py::test_s7_a_secret_is_in_its_request_and_nowhere_else",),
    ),
)
