"""What the README promises, sentence by sentence, and the tests that hold each promise."""

from typing import NamedTuple


class Promise(NamedTuple):
    """`says` stands in the README word for word; `tests` are `path::function` below tests/."""

    id: str
    says: str
    tests: tuple[str, ...]


ENFORCED = "workshop/test_enforced.py"
MATRIX = "e2e/test_matrix.py"
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
    Promise(
        "both-eras",
        "Either may speak 2026-07-28 or the handshake",
        (
            f"{MATRIX}::test_lists_are_the_profile_s",
            f"{MATRIX}::test_a_result_survives_whole",
        ),
    ),
    Promise(
        "old-http",
        "the HTTP+SSE of 2024-11-05 is tried",
        (
            "edges/test_mcp_http_sse.py::test_an_old_server_is_spoken_to_over_its_stream_and_its_endpoint",
        ),
    ),
    Promise(
        "listing-only",
        "a server's instructions, annotations and other `_meta` never",
        (
            "workshop/test_tools_mcp.py::test_what_the_source_is_silent_about_comes_from_the_listing",
        ),
    ),
    Promise(
        "star",
        "allows all of its kind that one upstream's listing holds and no other block names",
        (
            "workshop/test_tools_mcp.py::test_a_star_allows_all_and_sets_effects_from_the_hints",
            "workshop/test_resources.py::test_a_star_leaves_out_what_has_a_block",
            "workshop/test_prompts.py::test_a_star_allows_the_rest_by_their_listed_names_made_unique",
        ),
    ),
    Promise(
        "named-resources-only",
        "A read is checked against the profile",
        (
            f"{MATRIX}::test_a_resource_that_the_profile_does_not_name_is_not_there",
            "core/test_reading.py::test_a_fixed_resource_comes_before_templates_and_these_in_order",
        ),
    ),
    Promise(
        "template-values",
        "escaped slashes, backslashes or percent signs do not match",
        (
            "core/test_uri_template.py::test_s11_no_value_ever_brings_dot_segments_or_escaped_separators",
        ),
    ),
    Promise(
        "claimed-twice",
        "A URI that two upstreams claim fails the build",
        ("workshop/test_resources.py::test_a_uri_that_two_upstreams_claim_fails_the_build",),
    ),
    Promise(
        "one-down",
        "fails its own calls; the others go on",
        (
            "app/test_contract.py::test_s13_an_untrusted_command_denies_what_its_own_upstream_has_alone",
            "e2e/test_aggregation.py::test_an_upstream_that_is_down_takes_its_own_tools_along_and_no_other",
        ),
    ),
    Promise(
        "features-off",
        "are off unless named, and a server is told of one only where the client takes it too",
        (
            "core/test_wishes.py::test_s14_a_profile_that_names_no_feature_tells_nothing",
            f"{MATRIX}::test_what_a_client_did_not_declare_is_not_declared_upstream",
        ),
    ),
    Promise(
        "progress-and-logs",
        "log messages of a running call",
        (
            f"{MATRIX}::test_progress_and_log_messages",
            "edges/test_mcp_events.py::test_s14_log_messages_are_bounded_in_all",
        ),
    ),
    Promise(
        "completion",
        "completion of a prompt's or template's arguments",
        (
            f"{MATRIX}::test_prompts_and_completion",
            "core/test_completing.py::test_s14_completion_is_off_unless_the_profile_names_it",
        ),
    ),
    Promise(
        "no-context",
        "`includeContext` taken out",
        ("core/test_questions.py::test_s14_the_context_of_other_servers_is_never_asked_for",),
    ),
    Promise(
        "owned-tasks",
        "asked for by the client whose call made it",
        (f"{MATRIX}::test_tasks_are_owned_by_the_call_that_made_them",),
    ),
    Promise(
        "pinned-apps",
        "the page is pinned by its digest; a changed one is withheld",
        (
            "core/test_reading.py::test_s14_an_app_that_changed_since_is_rejected",
            "workshop/test_apps.py::test_s14_without_the_feature_no_app_is_published",
        ),
    ),
    Promise(
        "questions-in-all-eras",
        "`input_required` becomes requests to the client",
        (f"{MATRIX}::test_an_upstream_s_question_reaches_the_client_and_its_reply_the_upstream",),
    ),
    Promise(
        "subscriptions-in-all-eras",
        "`resources/subscribe` and the session's stream",
        (f"{MATRIX}::test_changes_reach_who_listens",),
    ),
    Promise(
        "cancelling",
        "subscriptions and cancelling need none",
        (f"{MATRIX}::test_a_cancelled_call_is_cancelled_upstream",),
    ),
    Promise(
        "roots-changed",
        "changed roots, unless both sides are old",
        (f"{MATRIX}::test_a_client_s_changed_roots_are_told",),
    ),
    Promise(
        "caching",
        "never past the profile's expiry, and not at all once trust or profiles have changed here",
        (
            "core/test_session_lists.py::test_s6_no_list_is_cached_past_expiry_nor_after_a_change",
            "core/test_reading.py::test_a_ttl_never_passes_the_profiles_expiry",
        ),
    ),
    Promise(
        "one-page",
        "on one page, and ask no upstream",
        ("core/test_session_lists.py::test_every_list_has_one_page",),
    ),
    Promise(
        "asked-before-start",
        "shows the command, asks, starts it once and captures what it lists",
        (
            "app/test_building.py::test_s13_a_source_from_elsewhere_starts_no_program_by_being_built",
            "cli/test_profile_commands.py::test_s13_a_build_asks_with_the_exact_command",
        ),
    ),
    Promise(
        "trusted-commands",
        "a profile that changes one of them needs it anew",
        (
            "e2e/test_local_server.py::test_s13_an_untrusted_local_server_is_not_started_and_the_command_is_named",
            "e2e/test_local_server.py::test_s13_an_update_that_changes_the_command_needs_trust_anew",
        ),
    ),
    Promise(
        "exact-version",
        "need an exact version, and a version is not a content pin",
        (
            "core/test_package_runner.py::test_s13_a_package_without_an_exact_version_is_refused",
            "app/test_commands.py::test_s13_a_version_is_shown_to_be_no_content_pin",
        ),
    ),
    Promise(
        "child",
        "nothing else of your environment",
        (
            "edges/test_upstream_stdio.py::test_s13_the_child_has_its_own_folder_environment_descriptors_and_session",
            "core/test_command.py::test_s13_a_profile_sets_no_variable_that_steers_what_is_loaded",
        ),
    ),
    Promise(
        "child-credential",
        "Its credential is bound to the recorded command",
        (
            "app/test_commands.py::test_s13_a_credential_is_bound_to_the_command_as_it_was",
            "edges/test_upstream_stdio.py::test_s13_the_credential_arrives_and_comes_back_in_no_answer",
        ),
    ),
    Promise(
        "child-restarts",
        "half a second later at the earliest, then 1, 2 and up to 30 seconds",
        (
            "edges/test_upstream_stdio.py::test_a_crashed_server_is_started_again_by_a_later_call_and_not_at_once",
            "edges/test_upstream_stdio.py::test_a_crash_loop_costs_ever_longer_pauses",
        ),
    ),
    Promise(
        "child-ends",
        "Where we are killed, the end of its stdin tells it",
        ("e2e/test_local_server.py::test_s13_a_server_ends_when_the_sidecar_is_killed",),
    ),
    Promise(
        "who-asks",
        "The text of a form or page begins with the upstream's name",
        ("core/test_elicitation.py::test_s14_a_question_bears_the_name_of_its_upstream",),
    ),
    Promise(
        "no-secret-forms",
        "forms that ask for a secret",
        ("core/test_elicitation.py::test_s14_a_form_that_asks_for_a_secret_is_refused",),
    ),
    Promise(
        "flat-forms",
        "forms that nest, refer, or hold other than",
        ("core/test_elicitation.py::test_s14_a_form_is_flat_and_of_known_kinds",),
    ),
    Promise(
        "listed-pages",
        "pages of an origin that `links` does not list",
        (
            "core/test_elicitation.py::test_s14_a_page_goes_to_listed_origins_alone",
            "core/test_elicitation.py::test_s14_a_plain_http_page_is_on_this_machine_alone",
        ),
    ),
    Promise(
        "no-imitation",
        "text that speaks as mcp-proxy, the client or the system",
        ("core/test_elicitation.py::test_s14_text_that_imitates_our_prompts_is_refused",),
    ),
    Promise(
        "sealed-state",
        "good for ten minutes, in this process, once, and for the very same request",
        (
            "edges/test_parking.py::test_s15_a_state_is_good_for_ten_minutes",
            "edges/test_parking.py::test_s15_a_state_is_good_for_one_claim",
            "edges/test_parking.py::test_s15_a_state_is_good_in_its_own_process_and_profile_alone",
            "edges/test_parking.py::test_s15_a_state_is_good_for_its_own_request_alone",
        ),
    ),
    Promise(
        "fresh-leg",
        "or is another request's, the call begins anew",
        (
            "test_relay_questions.py::test_s15_an_expired_state_is_a_fresh_first_leg",
            "test_relay_questions.py::test_s15_a_replayed_state_is_a_fresh_first_leg",
        ),
    ),
    Promise(
        "foreign-state",
        "one that was not sealed here is an error",
        ("test_relay_questions.py::test_s15_a_tampered_state_is_refused",),
    ),
    Promise(
        "parked-bound",
        "the oldest gives way, and what nobody comes back for is cancelled",
        (
            "edges/test_parking.py::test_s15_the_oldest_gives_way_to_the_newest",
            "edges/test_parking.py::test_s15_what_nobody_comes_back_for_is_dropped_in_time",
        ),
    ),
    Promise(
        "drift",
        "A tool that is declared otherwise, or no longer, is denied, leaves the list and stays off",
        (
            "app/test_drift_watch.py::test_s16_a_changed_or_vanished_tool_is_denied_hidden_logged_and_told",
            "app/test_drift_watch.py::test_s16_a_drifted_tool_is_on_again_once_a_listing_matches",
            "e2e/test_drift.py::test_s16_call_and_list_agree_and_the_next_start_too",
        ),
    ),
    Promise(
        "drift-verdict",
        "the verdict holds for one session of the server and ten minutes",
        (
            "app/test_drift_watch.py::test_s16_a_verdict_holds_for_one_session",
            "app/test_drift_watch.py::test_s16_a_verdict_holds_for_ten_minutes_at_most",
        ),
    ),
    Promise(
        "drift-unlisted",
        "If the server cannot be listed, calls that change something are denied",
        (
            "app/test_drift_watch.py::test_s16_if_listing_fails_changing_calls_are_denied_and_reading_ones_go_on",
        ),
    ),
    Promise(
        "lesser-clients",
        "has not drifted; it is off for that client",
        (
            "app/test_drift_watch.py::test_a_tool_that_is_listed_to_abler_clients_alone_has_not_drifted",
        ),
    ),
    Promise(
        "drift-changes-found",
        "Changed declarations are found, changed behaviour behind them is not",
        (
            "core/test_drift.py::test_s16_any_change_is_found",
            "cli/test_profile_drift.py::test_s16_a_change_is_shown_beside_what_matched_last",
        ),
    ),
    Promise(
        "conformance",
        "`scripts/conformance` runs the official suite",
        (
            "conformance/test_conformance.py::test_the_official_suite_says_what_is_expected",
            "conformance/test_conformance.py::test_each_expected_failure_has_its_reason",
        ),
    ),
)
