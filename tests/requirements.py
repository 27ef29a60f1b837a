"""What the README promises, sentence by sentence, and the tests that hold each promise."""

from typing import NamedTuple


class Promise(NamedTuple):
    """`says` stands in the README word for word; `tests` are `path::function` below tests/."""

    id: str
    says: str
    tests: tuple[str, ...]


ENFORCED = "workshop/test_enforced.py"
MATRIX = "e2e/test_matrix.py"
WALK = "e2e/test_repository_walk.py"
ATTACKS = "edges/test_repository_attacks.py"
ADMIN = "app/test_repository_admin.py"
PUBLISHING = "app/test_publishing.py"
UPDATES = "app/test_updates.py"
POLICY = "edges/test_admin_policy.py"
IMPORT = "cli/test_profile_import.py"
KEEPER = "edges/test_token_keeper.py"
STORMS = "edges/test_token_storms.py"
HOSTILE = "edges/test_hostile_authorization.py"
LOGIN = "app/test_login.py"
LOGGED_IN = "e2e/test_login.py"
NETWORK = "edges/test_network.py"
TUNNEL = "edges/test_proxy_tunnel.py"
VAULT = "edges/test_vault.py"
COMMANDS = "edges/test_reference_command.py"
IDENTITY = "e2e/test_login_identity.py"
DISCOVERY = "edges/test_oauth_discovery.py"
METADATA = "core/test_oauth_metadata.py"
REGISTRATION = "edges/test_oauth_registration.py"
CALLBACK = "edges/test_callback_page.py"
BROWSER = "edges/test_browser.py"
KINDS = "app/test_credential_kinds.py"
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
        "a-person-is-waited-for",
        "business limits hold over all processes, and what needs a person waits for one",
        (
            "e2e/test_limits.py::test_s18_a_budget_holds_over_two_sidecars_a_restart_and_a_new_version",
            "e2e/test_approvals.py::test_s17_a_client_without_forms_waits_and_is_let_through",
        ),
    ),
    Promise(
        "the-bytes-are-shown",
        "The person sees the request that is sent, to the byte",
        ("cli/test_approve.py::test_s17_every_character_of_the_request_is_on_the_screen",),
    ),
    Promise(
        "one-byte",
        "One byte changed is asked anew.",
        ("app/test_passing.py::test_s17_one_byte_changed_after_the_yes_is_asked_anew",),
    ),
    Promise(
        "a-yes-is-kept",
        "A call that never left keeps its yes; one that may have left does not.",
        (
            "app/test_passing.py::test_s17_what_never_left_keeps_its_yes_and_what_may_have_left_does_not",
        ),
    ),
    Promise(
        "asked-once",
        "to make exactly the same call again, which goes through unasked after a yes",
        (
            "e2e/test_approvals.py::test_s17_after_the_deadline_the_same_call_and_no_other_goes_through",
        ),
    ),
    Promise(
        "a-decline-is-unknown",
        "A client whose form is declined or dismissed has answered nothing",
        (
            "e2e/test_approvals.py::test_s17_a_quick_decline_is_unknown_and_the_person_can_still_say_yes",
        ),
    ),
    Promise(
        "the-page",
        "It listens on 127.0.0.1 only while a request is open",
        (
            (
                "edges/test_approval_page.py::"
                "test_s22_it_listens_on_the_loopback_address_alone_and_while_a_request_is_open"
            ),
        ),
    ),
    Promise(
        "grants",
        "limits and constraints still hold, and a no to the very call stands above it",
        (
            "app/test_granted_calls.py::test_s17_limits_hold_under_a_grant",
            (
                "app/test_granted_calls.py::"
                "test_s17_a_person_s_no_to_the_very_call_stands_above_a_grant"
            ),
        ),
    ),
    Promise(
        "pause",
        "denies every further call in every running process",
        ("e2e/test_pause.py::test_s6_pause_stops_every_running_process_at_its_next_call",),
    ),
    Promise(
        "state-db",
        "If state.db is missing, replaced or damaged, calls with limits or approvals are denied.",
        ("app/test_passing.py::test_s18_without_its_database_nothing_that_asks_or_counts_passes",),
    ),
    Promise(
        "clock",
        "One set forward by more than a day while the machine runs begins no new window.",
        ("edges/test_ledger.py::test_s18_a_clock_that_is_set_to_and_fro_gives_nothing_back",),
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
        "entries-as-written",
        "| entries are as written | each segment's chain |",
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
        "drafts",
        "correct each line that says REVIEW",
        (f"{WALK}::test_a_draft_is_refused_by_lint_until_it_has_been_reviewed",),
    ),
    Promise(
        "extra",
        "`[tuf]` adds python-tuf, which profile repositories need",
        (
            "cli/test_repository_commands.py::test_without_the_extra_a_command_says_how_to_install_it",
            "cli/test_repository_client.py::test_without_the_extra_a_command_says_how_to_install_it",
        ),
    ),
    Promise(
        "diff-before-asking",
        "`profile install` of the newer file shows the same lines before it asks",
        (
            "cli/test_profile_diff.py::test_install_shows_what_a_newer_version_changes_before_it_asks",
            "cli/test_profile_diff.py::test_an_installed_name_is_compared_with_a_signed_file",
        ),
    ),
    Promise(
        "walk-to-many",
        "Everything below runs as it stands",
        ("e2e/test_readme_walk.py::test_the_readme_s_walk_runs_as_it_stands",),
    ),
    Promise(
        "activates-itself",
        "A version in which nothing is wider activates by itself at the next refresh",
        (
            f"{WALK}::test_s5_a_narrower_version_activates_itself_behind_a_running_sidecar",
            f"{UPDATES}::test_s5_an_update_that_is_not_wider_activates_by_itself",
        ),
    ),
    Promise(
        "refreshed-hourly",
        "which a sidecar makes after its first call and then hourly, at calls",
        ("app/test_proof.py::test_s6_the_word_is_renewed_after_the_first_call_and_not_at_each",),
    ),
    Promise(
        "wider-waits",
        "A version with anything wider waits for `profile update`",
        (
            f"{WALK}::test_s5_a_wider_version_waits_until_a_person_says_yes",
            f"{UPDATES}::test_s5_a_wider_update_waits_and_the_old_version_serves_on",
        ),
    ),
    Promise(
        "plain-files",
        "who reads meanwhile sees one state or the other",
        (
            f"{PUBLISHING}::test_killed_between_two_files_the_old_state_is_whole_and_the_next_publish_works",
            f"{PUBLISHING}::test_a_process_killed_at_any_moment_leaves_what_a_client_takes",
            f"{PUBLISHING}::test_two_publishers_at_once_both_publish",
        ),
    ),
    Promise(
        "roles",
        "lists all that follows",
        (
            "cli/test_repository_commands.py::test_from_init_to_a_revoked_version",
            "cli/test_repository_commands.py::test_show_is_data_with_fingerprints_as_trust_list_has_them",
        ),
    ),
    Promise(
        "keys-at-hand",
        "Each command signs with the keys that it finds in the keychain",
        (f"{ADMIN}::test_keys_of_the_keychain_are_found_by_the_names_that_the_roles_list",),
    ),
    Promise(
        "lacking-signatures",
        "Where signatures are lacking it says whose",
        (
            f"{PUBLISHING}::test_a_missing_key_is_told_by_role_and_name",
            f"{ADMIN}::test_delegate_lacks_signatures_without_the_targets_key",
        ),
    ),
    Promise(
        "waiting-signatures",
        "`mcp-proxy repository sign` shows it, asks and adds theirs",
        (
            f"{ADMIN}::test_a_root_counts_once_old_and_new_keys_have_signed",
            "cli/test_repository_commands.py::test_s1_what_waits_is_shown_before_a_yes_at_the_terminal",
            f"{PUBLISHING}::test_a_threshold_of_signers_each_at_their_own_desk",
        ),
    ),
    Promise(
        "renewal",
        "It signs the timestamp, and whatever else has less than a third of its term left",
        (
            f"{PUBLISHING}::test_renew_signs_a_new_timestamp_with_the_online_key_alone",
            f"{PUBLISHING}::test_renew_signs_what_ends_soon_and_names_what_it_cannot",
        ),
    ),
    Promise(
        "stolen-signer",
        "nobody can use billing from their next refresh on",
        (
            f"{ADMIN}::test_s2_a_stolen_signers_key_is_taken_away_at_once",
            f"{UPDATES}::test_a_withdrawn_profile_and_a_withdrawn_delegation",
        ),
    ),
    Promise(
        "stolen-online",
        "For the online or the targets key it is",
        (
            f"{ADMIN}::test_the_online_key_is_replaced_with_and_without_the_old_one",
            f"{ATTACKS}::test_a_revoked_online_key_signs_nothing_any_more",
        ),
    ),
    Promise(
        "refused-refresh",
        "A refresh that is refused changes nothing",
        (
            f"{ATTACKS}::test_a_failed_refresh_leaves_what_was_proved",
            f"{UPDATES}::test_an_unreachable_repository_changes_nothing",
        ),
    ),
    Promise(
        "rollback",
        "an older state than one seen before | MCPX-P22",
        (
            f"{ATTACKS}::test_rollback_to_an_older_state_is_refused",
            f"{ATTACKS}::test_rollback_of_a_profile_inside_a_newer_snapshot_is_refused",
        ),
    ),
    Promise(
        "freeze",
        "until the timestamp or another role has expired | MCPX-P21",
        (
            f"{ATTACKS}::test_freeze_at_a_state_that_has_expired_is_refused",
            f"{ATTACKS}::test_every_other_role_that_has_expired_is_a_freeze_too",
        ),
    ),
    Promise(
        "mix-and-match",
        "files of different states | MCPX-P23",
        (
            f"{ATTACKS}::test_mix_and_match_of_an_old_snapshot_is_refused",
            f"{ATTACKS}::test_mix_and_match_of_a_profiles_old_role_is_refused",
        ),
    ),
    Promise(
        "too-few-signatures",
        "signed too little, or by keys that do not count (any more) | MCPX-P24",
        (
            f"{ATTACKS}::test_tampered_metadata_lack_a_signature",
            f"{ATTACKS}::test_too_few_signatures_are_refused",
            f"{ATTACKS}::test_the_signature_of_a_stranger_does_not_count",
            f"{ATTACKS}::test_a_root_that_its_predecessor_did_not_sign_is_refused",
        ),
    ),
    Promise(
        "tampered-target",
        "other bytes than those signed for | MCPX-P25",
        (f"{ATTACKS}::test_a_tampered_target_is_refused_and_not_kept",),
    ),
    Promise(
        "wrong-delegation",
        "a delegation that reaches for another profile; a version that is not listed | MCPX-P26",
        (f"{ATTACKS}::test_a_delegation_does_not_reach_another_profile",),
    ),
    Promise(
        "unlisted-signer",
        "a profile that none of its delegation's keys has signed | MCPX-P20",
        (
            f"{UPDATES}::test_a_version_that_no_listed_key_signed_is_not_installed",
            f"{UPDATES}::test_a_revoked_key_refuses_what_it_alone_signed",
        ),
    ),
    Promise(
        "endless-data",
        "endless data; slow data | MCPX-P27; MCPX-U02",
        (
            f"{ATTACKS}::test_endless_data_are_refused",
            f"{ATTACKS}::test_an_endless_target_is_refused",
            f"{ATTACKS}::test_slow_retrieval_ends_at_its_deadline",
        ),
    ),
    Promise(
        "floor",
        "a version below the floor that `repository floor` has set | MCPX-P28",
        (f"{UPDATES}::test_s3_a_pin_is_never_below_the_floor_nor_of_what_was_withdrawn",),
    ),
    Promise(
        "cross-root",
        "whoever signed it; another repository is not asked at all | MCPX-P14",
        (
            f"{UPDATES}::test_s2_a_pinned_key_does_not_deliver_a_repositorys_name",
            f"{UPDATES}::test_s2_a_file_counts_only_if_it_is_what_the_repository_activated",
            f"{UPDATES}::test_s2_a_repository_cannot_activate_over_pinned_keys_by_itself",
        ),
    ),
    Promise(
        "other-repository",
        "a name whose repository is trusted no longer, offered by another | MCPX-P18",
        (f"{UPDATES}::test_s2_another_repository_does_not_take_a_name_over",),
    ),
    Promise(
        "revocation",
        "a revoked version, profile or delegation: ends what is installed | MCPX-P19",
        (
            f"{WALK}::test_s6_a_revoked_version_ends_in_a_running_sidecar",
            f"{UPDATES}::test_a_withdrawn_profile_and_a_withdrawn_delegation",
        ),
    ),
    Promise(
        "narrower-is-proved",
        "whatever the new version accepts and sends, the old one accepted and sent alike",
        (
            "core/test_change_schema.py::test_s5_what_is_called_narrower_accepts_nothing_that_the_old_schema_refuses",
            "core/test_change_tool.py::test_s5_what_a_narrower_tool_accepts_and_sends_the_old_one_accepted_and_sent_alike",
            "core/test_change_tool.py::test_s5_new_text_at_an_argument_is_no_narrower_list",
            "core/test_changes.py::test_s5_what_cannot_be_told_from_a_new_right_is_wider",
            "core/test_changes.py::test_s5_every_field_of_the_format_has_a_judge",
        ),
    ),
    Promise(
        "pins",
        "that version stays, across updates, until `profile install NAME`",
        (
            f"{WALK}::test_s3_a_pin_goes_back_on_purpose_and_stays",
            f"{UPDATES}::test_s3_a_pin_is_kept_across_updates_until_it_is_ended",
        ),
    ),
    Promise(
        "kept-versions",
        "For profiles from files the last five installed versions are kept here for it",
        (f"{UPDATES}::test_kept_versions_of_pinned_keys_can_be_gone_back_to",),
    ),
    Promise(
        "after-revocation",
        "the older version is not taken by itself: pin it, or wait for a higher one",
        (
            f"{UPDATES}::test_a_withdrawn_version_is_refused_at_once_and_an_older_one_may_be_pinned",
            f"{UPDATES}::test_s3_an_older_current_version_is_not_installed_without_a_pin",
        ),
    ),
    Promise(
        "one-root",
        "**One root answers for a name**",
        (
            f"{UPDATES}::test_s2_only_trust_move_changes_a_root_and_the_highest_version_stays",
            f"{UPDATES}::test_moving_says_what_has_to_be_allowed_anew",
        ),
    ),
    Promise(
        "proof-before-calls",
        "no call leaves before that has ended well",
        (
            "app/test_proof.py::test_s4_no_call_passes_before_the_proof_has_ended",
            "app/test_proof.py::test_s4_a_proof_that_fails_refuses_before_any_call_goes_on",
        ),
    ),
    Promise(
        "same-start",
        "**Starts** read the activated file alone",
        (
            "e2e/test_start_path.py::test_a_repositorys_profile_loads_no_more_than_one_of_pinned_keys",
            f"{WALK}::test_s4_a_sidecar_starts_and_serves_while_the_file_host_is_away",
        ),
    ),
    Promise(
        "grace",
        "in the first half with a warning, in the second half reading tools alone",
        (
            "core/test_freshness.py::test_s19_grace_warns_then_lets_read_then_ends",
            "core/test_freshness.py::test_s19_grace_is_the_least_of_all_wishes_and_never_above_thirty_days",
            "app/test_contract.py::test_s19_grace_lets_read_and_refuses_what_changes_something",
        ),
    ),
    Promise(
        "nothing-new-in-grace",
        "Within the grace nothing new is taken from expired metadata",
        (
            "app/test_repository_check.py::test_s19_within_the_grace_a_newer_digest_is_not_taken_from_expired_metadata",
        ),
    ),
    Promise(
        "policy-file",
        "It belongs to root, and nobody else may write it",
        (
            f"{POLICY}::test_the_policy_lies_where_only_an_administrator_writes",
            f"{POLICY}::test_s23_a_policy_that_others_could_write_is_refused",
        ),
    ),
    Promise(
        "policy-only-takes",
        "It only takes away. What it does not allow is refused as MCPX-P29",
        (
            "core/test_admin_policy.py::test_s19_a_policy_never_adds_anything",
            "core/test_admin_policy.py::test_one_list_alone_leaves_no_other_source_of_profiles",
            f"{POLICY}::test_s1_the_policy_may_forbid_yes",
            f"{POLICY}::test_s10_the_policy_may_forbid_another_home",
            f"{POLICY}::test_s6_a_running_process_notices_at_its_next_call",
        ),
    ),
    Promise(
        "policy-not-right",
        "a policy that is not right allows nothing; `doctor` shows it",
        (
            f"{POLICY}::test_a_policy_that_is_not_right_allows_nothing",
            f"{POLICY}::test_doctor_tells_of_a_policy_and_of_one_that_is_not_right",
        ),
    ),
    Promise(
        "hidden",
        "**Everything starts hidden**, as comment lines",
        (
            f"{IMPORT}::test_everything_starts_hidden",
            "workshop/test_selection.py::test_an_expression_takes_what_it_says",
            "e2e/test_import.py::test_tools_are_searched_and_chosen_in_a_terminal",
        ),
    ),
    Promise(
        "marks",
        "is left out and counted, unless `--include MARK` asks for it",
        (
            "workshop/test_selection.py::test_a_marked_operation_is_left_out_and_counted_until_it_is_asked_for",
            "workshop/test_selection.py::test_one_that_is_named_exactly_is_taken_with_its_marks",
            "workshop/test_selection.py::test_a_deprecated_one_is_left_out_unless_named",
            "workshop/test_risk.py::test_an_operation_is_assessed_by_method_and_wording",
        ),
    ),
    Promise(
        "asks-at-once",
        "What is not read gets `approval: always`",
        (
            "workshop/test_import_text.py::test_what_changes_something_asks_a_person_and_a_post_that_asks_says_why",
        ),
    ),
    Promise(
        "imported-again",
        "every word of yours stays, new tools are added, and it says what moved",
        (
            "workshop/test_import_merge.py::test_no_byte_of_the_publishers_is_lost",
            "workshop/test_import_moves.py::test_a_tool_that_lost_its_operation_comes_first_with_names_near",
            f"{IMPORT}::test_a_later_import_keeps_every_word_and_adds_what_is_selected_now",
            f"{IMPORT}::test_a_later_import_says_what_moved_and_whom_it_hits",
        ),
    ),
    Promise(
        "downloaded",
        "A URL is downloaded beside the source, again each time",
        (
            f"{IMPORT}::test_a_document_is_downloaded_beside_the_source_and_again_when_it_is_imported_again",
            f"{IMPORT}::test_a_file_that_is_no_earlier_download_is_not_replaced",
        ),
    ),
    Promise(
        "documents",
        "OpenAPI 2.0 (Swagger), 3.0 and 3.1, in JSON or YAML, at most 64 MiB",
        (
            "workshop/test_document.py::test_versions_3_0_and_3_1_are_read",
            "workshop/test_swagger.py::test_an_array_is_sent_as_its_collection_format_says",
            "workshop/test_references.py::test_all_files_together_stay_below_the_bound",
            "roundtrip/test_requests.py::test_requests_for_random_arguments_are_valid_against_the_published_document",
            "roundtrip/test_requests.py::test_requests_for_random_arguments_are_valid_against_a_document_of_swagger_2",
        ),
    ),
    Promise(
        "token-table",
        "Counted by `gpt-tokenizer` with o200k",
        (
            "roundtrip/test_tokens.py::test_the_estimate_of_a_list_is_within_a_fifth_of_what_a_tokenizer_counts",
        ),
    ),
    Promise(
        "refused-operations",
        "one that requires a form or a file (an optional one is left out and told)",
        (
            "workshop/test_swagger.py::test_what_must_be_sent_as_no_json_is_refused",
            "workshop/test_swagger.py::test_an_optional_form_is_left_out_and_told",
            "workshop/test_swagger.py::test_a_collection_format_that_is_not_sent_is_refused",
            f"{IMPORT}::test_one_that_cannot_be_built_stands_among_the_hidden_with_the_reason",
        ),
    ),
    Promise(
        "published-documents",
        "24 have at least 95 % of their operations built, and each at least 70 %",
        (
            "workshop/test_published_documents.py::test_every_operation_is_built_or_refused_in_a_sentence",
        ),
    ),
    Promise(
        "round-trip",
        "by `openapi-core` or `bravado-core`",
        (
            "roundtrip/test_requests.py::test_requests_for_random_arguments_are_valid_against_the_published_document",
            "roundtrip/test_requests.py::test_requests_for_random_arguments_are_valid_against_a_document_of_swagger_2",
            "roundtrip/test_two_schemas.py::test_both_schemas_of_published_operations_hold_to_their_law",
        ),
    ),
    Promise(
        "large-documents",
        "from one in YAML a second for each 2 MiB, and 500 MiB of memory at most",
        (
            "roundtrip/test_cost.py::test_a_tool_is_built_from_any_large_document_of_json_in_time_and_memory",
            "roundtrip/test_cost.py::test_yaml_is_read_at_two_mebibytes_a_second",
            "e2e/test_import.py::test_a_large_document_is_imported_built_and_imported_again_in_time",
        ),
    ),
    Promise(
        "listed-references",
        "the bytes are held against the SHA-256 each time",
        (
            "workshop/test_pinned_files.py::test_s12_a_listed_remote_reference_is_read_from_its_file",
            "workshop/test_pinned_files.py::test_s12_other_bytes_than_the_listed_ones_are_refused",
            "workshop/test_pinned_files.py::test_s12_a_listed_file_leads_to_listed_files_only",
            f"{IMPORT}::test_s12_a_later_import_reads_the_files_that_the_source_lists_for_references",
        ),
    ),
    Promise(
        "explain",
        "It is serve's own code; it sends nothing, logs nothing and reads no secret",
        (
            "cli/test_profile_explain.py::test_it_shows_the_request_that_a_call_then_sends",
            "core/test_explanation.py::test_it_says_what_serve_plans",
        ),
    ),
    Promise(
        "files-without-trust",
        "Of a file neither command looks at the signature, and both say so",
        (
            "cli/test_profile_explain.py::test_a_file_is_explained_without_trust_and_says_so",
            "e2e/test_readme_walk.py::test_the_readme_s_walk_runs_as_it_stands",
        ),
    ),
    Promise(
        "kept-versions-compared",
        "OLD NEW: installed names, kept versions, sources, payloads, signed files",
        (
            "cli/test_profile_diff.py::test_a_version_kept_here_is_named_with_its_number",
            "cli/test_profile_diff.py::test_versions_of_a_source_are_built_in_memory",
            "cli/test_profile_diff.py::test_an_installed_name_is_compared_with_a_signed_file",
        ),
    ),
    Promise(
        "lint",
        "Each finding has its line, its rule and its fix",
        (
            "workshop/test_lint.py::test_a_rule_holds_where_it_should_and_not_next_to_that",
            "workshop/test_lint.py::test_findings_bear_the_line_and_column_of_what_they_speak_of",
            "workshop/test_sarif.py::test_the_log_is_valid_with_every_rule_with_and_without_lines",
            "workshop/test_tokens.py::test_the_estimate_comes_within_a_fifth_of_the_count",
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
    Promise(
        "credential-kinds",
        "A profile names a credential and how it is sent, never its value",
        (
            f"{KINDS}::test_each_kind_is_stored_with_its_binding",
            "workshop/test_auth_source.py::test_every_kind_survives_into_the_payload",
            "e2e/test_secret_kinds.py::test_s7_secrets_of_every_kind_are_in_their_requests_and_nowhere_else",
        ),
    ),
    Promise(
        "credential-bound",
        "What does not fit is refused before anything is sent",
        (
            "edges/test_credential_store.py::test_s7_a_profile_cannot_take_a_secret_elsewhere",
            "edges/test_credential_store.py::test_s7_another_profile_may_not_use_it_until_it_is_allowed",
            "edges/test_credential_store.py::test_s2_s7_the_same_name_from_another_root_may_not_use_it",
        ),
    ),
    Promise(
        "not-in-argv",
        "it never stands in argv",
        (
            "app/test_credentials.py::test_argv_has_no_place_for_a_secret",
            "app/test_credentials.py::test_the_prompt_does_not_echo",
        ),
    ),
    Promise(
        "query-keys",
        "Here it is in no log, error or preview",
        (
            "edges/test_placement.py::test_an_echo_of_a_query_key_is_masked_in_every_answer_and_redirect",
            "cli/test_request_view.py::test_a_key_in_the_query_stands_masked_at_its_end",
            "e2e/test_secret_kinds.py::test_s7_secrets_of_every_kind_are_in_their_requests_and_nowhere_else",
            "e2e/test_secret_kinds.py::test_s7_a_secret_that_is_refused_is_not_shown",
        ),
    ),
    Promise(
        "certificate-item",
        "certificate, key and the key's passphrase are one item",
        (
            f"{KINDS}::test_a_certificate_is_taken_from_its_files",
            f"{KINDS}::test_an_encrypted_key_wants_its_passphrase",
        ),
    ),
    Promise(
        "key-on-disk",
        "in a file for this user alone that is gone at once",
        (
            f"{NETWORK}::test_the_key_touches_the_disk_encrypted_for_this_user_alone_and_is_gone_at_once",
        ),
    ),
    Promise(
        "aws",
        "**sigv4** needs the extra `aws`",
        (
            "edges/test_sigv4.py::test_the_published_examples_have_their_published_signatures",
            "edges/test_sigv4.py::test_what_is_signed_is_byte_for_byte_what_the_server_hears",
            "edges/test_placement.py::test_botocore_is_loaded_by_the_first_credential_that_signs",
        ),
    ),
    Promise(
        "aws-expired",
        "Keys of a credential process are read again when they have expired",
        ("edges/test_placement.py::test_aws_keys_are_read_again_when_they_have_expired",),
    ),
    Promise(
        "machine-grants",
        "| `client_credentials` | a machine |",
        (
            f"{LOGGED_IN}::test_a_machine_logs_in_by_its_own_secret",
            f"{IDENTITY}::test_a_machine_logs_in_by_its_own_key",
        ),
    ),
    Promise(
        "identity-provider",
        "a company's identity provider answers for the person",
        (f"{IDENTITY}::test_a_companys_login_is_made_at_the_identity_provider_alone",),
    ),
    Promise(
        "client-secret",
        "It goes to that issuer alone",
        (
            "edges/test_placement.py::test_s8_a_clients_secret_leaves_the_store_for_its_issuer_alone",
            "edges/test_token_grants.py::test_s8_a_client_s_secret_goes_to_its_own_issuer_alone",
        ),
    ),
    Promise(
        "assertion-keys",
        "a key of ES256, RS256 or EdDSA",
        (
            "edges/test_oauth_assertion.py::test_a_key_signs_with_its_own_algorithm_and_its_public_half_proves_it",
            "edges/test_oauth_assertion.py::test_a_key_that_servers_do_not_take_is_refused",
        ),
    ),
    Promise(
        "sealed-logins",
        "each sealed (AES-256-GCM) for this home and name",
        (
            f"{VAULT}::test_s8_the_data_is_sealed_in_a_file_of_our_own",
            f"{VAULT}::test_s8_a_seal_holds_for_its_entry_its_about_and_its_home",
            f"{VAULT}::test_s8_every_write_has_a_fresh_nonce",
        ),
    ),
    Promise(
        "damaged-vault",
        "is refused and never overwritten",
        (
            f"{VAULT}::test_s8_every_flipped_bit_of_a_seal_is_found",
            f"{VAULT}::test_s10_a_vault_of_another_home_is_refused_and_named",
            f"{VAULT}::test_a_file_that_cannot_be_read_is_never_replaced",
            "app/test_vault_killed.py::test_s8_a_write_is_done_or_not",
        ),
    ),
    Promise(
        "references",
        "**References** keep no secret here. The binding is the same",
        (
            "edges/test_credential_store.py::test_s7_a_reference_carries_the_same_binding",
            "edges/test_credential_store.py::test_s7_an_empty_or_odd_variable_is_an_error",
        ),
    ),
    Promise(
        "reference-command",
        "It starts without a shell and with an environment made for it, has 20 seconds and 64 KiB",
        (
            f"{COMMANDS}::test_s10_no_shell_reads_its_words",
            f"{COMMANDS}::test_s10_it_gets_no_variable_that_is_not_for_it",
            f"{COMMANDS}::test_a_command_that_hangs_ends_at_the_deadline_with_what_it_started",
            f"{COMMANDS}::test_a_command_that_fails_or_prints_nothing_is_an_error_that_quotes_nothing",
        ),
    ),
    Promise(
        "reference-program",
        "found on the PATH when you set it and never looked for again",
        (f"{COMMANDS}::test_the_program_is_looked_for_once_and_never_again",),
    ),
    Promise(
        "passphrase-vault",
        "takes its place for the whole home, signing keys included",
        (
            "app/test_vault.py::test_a_vault_takes_the_place_of_the_keychain",
            "app/test_vault.py::test_the_passphrase_is_changed_and_the_entries_stay",
            f"{LOGGED_IN}::test_a_login_with_a_passphrase_vault_from_its_making_to_its_end",
            "app/test_vault.py::test_doctor_opens_the_vault_where_there_is_one_and_asks_no_keychain",
        ),
    ),
    Promise(
        "no-fallback",
        "There is no plaintext file to fall back to",
        (
            "app/test_credentials.py::test_without_a_keychain_the_whole_command_for_a_variable_is_named",
            "edges/test_keychain.py::test_without_a_bus_the_error_says_so_at_once",
            "edges/test_keychain.py::test_a_locked_real_keychain_says_so",
            "edges/test_keychain.py::test_a_keychain_that_hangs_costs_the_deadline_and_no_more",
        ),
    ),
    Promise(
        "keychain-troubles",
        "and `mcp-proxy doctor` says what helps",
        (
            "core/test_keychain_words.py::test_each_place_has_its_sentence_and_next_command",
            "core/test_keychain_words.py::test_only_macos_asks_again_after_an_item_was_rewritten",
            "edges/test_keychain.py::test_an_item_too_large_for_windows_is_refused_before_it_is_written",
        ),
    ),
    Promise(
        "login-ways",
        "opens the browser; with several logins",
        (
            f"{LOGGED_IN}::test_a_login_with_the_systems_keychain_from_its_making_to_its_end",
            f"{LOGGED_IN}::test_without_a_browser_the_address_is_printed",
            f"{LOGGED_IN}::test_a_device_is_logged_in_without_a_browser_here",
            f"{LOGIN}::test_a_profile_of_several_logins_is_asked_which",
            "e2e/test_readme_credentials.py::test_the_readme_s_logins_run_as_they_stand",
        ),
    ),
    Promise(
        "login-without-display",
        "the login goes by another device if the server can do that, else the address is printed",
        (
            "app/test_login_way.py::test_without_a_display_another_device_is_offered_where_the_server_can",
            "app/test_login_way.py::test_without_a_display_and_a_way_for_devices_the_address_is_printed",
        ),
    ),
    Promise(
        "vault-takes-logins",
        "credentials and signing keys copied from the keychain where it answers",
        (
            "app/test_vault.py::test_logins_so_far_are_taken_along_under_another_key",
            "app/test_vault.py::test_a_signing_key_that_the_vault_lacks_is_taken_from_the_keychain_and_not_made_anew",
        ),
    ),
    Promise(
        "login-of-a-publisher",
        "without a login names the source in place of the profile",
        (
            "e2e/test_readme_credentials.py::test_the_readme_s_logins_run_as_they_stand",
            "e2e/test_login_source.py::test_from_a_gateways_address_to_a_call_with_one_login",
        ),
    ),
    Promise(
        "status",
        "exit 4 while something is lacking",
        (f"{LOGIN}::test_status_tells_each_state_and_no_secret",),
    ),
    Promise(
        "discovery",
        "An MCP upstream is asked (its 401, RFC 9728, then RFC 8414 or OpenID Connect)",
        (
            f"{DISCOVERY}::test_an_mcp_upstream_is_asked_who_authorizes_for_it",
            f"{DISCOVERY}::test_an_issuer_with_a_path_is_found_by_either_kind_of_metadata",
            f"{DISCOVERY}::test_a_rest_api_is_not_asked_and_no_resource_is_named_to_its_issuer",
        ),
    ),
    Promise(
        "issuer-compared",
        "Issuers are compared character by character",
        (
            f"{METADATA}::test_s8_another_issuer_in_the_metadata_is_refused_without_normalization",
            f"{HOSTILE}::test_s8_metadata_of_another_issuer",
        ),
    ),
    Promise(
        "resource-and-pkce",
        "and the server must say that it checks PKCE with S256",
        (
            f"{METADATA}::test_s8_a_resource_speaks_for_its_own_origin_and_the_paths_below_it",
            f"{HOSTILE}::test_s8_a_resource_mismatch",
            f"{HOSTILE}::test_s8_missing_pkce_support",
        ),
    ),
    Promise(
        "pinned-endpoints",
        "host than the issuer's counts only if the signed profile names it under `endpoints`",
        (
            f"{HOSTILE}::test_s8_an_endpoint_on_another_host",
            f"{HOSTILE}::test_s8_an_endpoint_on_another_host_that_the_signed_profile_pins",
        ),
    ),
    Promise(
        "endpoints-suffice",
        "grant needs, metadata are not asked for",
        (
            f"{METADATA}::test_the_profiles_endpoints_stand_for_metadata_where_they_suffice_for_the_grant",
            f"{DISCOVERY}::test_the_profiles_endpoints_stand_for_metadata",
        ),
    ),
    Promise(
        "named-addresses",
        "Addresses that a server names must be https and public",
        (
            f"{HOSTILE}::test_s9_a_metadata_address_in_a_private_range",
            f"{HOSTILE}::test_s9_an_issuer_in_a_private_range",
            f"{METADATA}::test_s9_an_endpoint_that_is_no_https_url_is_refused",
        ),
    ),
    Promise(
        "which-client",
        "else one that is registered now",
        (
            f"{REGISTRATION}::test_a_client_known_beforehand_comes_before_a_document_and_that_before_a_registration",
            f"{REGISTRATION}::test_each_login_registers_anew_for_its_own_redirect",
            f"{LOGGED_IN}::test_each_login_registers_a_client_where_there_is_no_other_way",
            f"{LOGIN}::test_a_client_id_of_the_command_line_is_used",
        ),
    ),
    Promise(
        "which-scopes",
        "A login anew asks for all that was asked for before",
        (
            f"{LOGIN}::test_scopes_are_asked_for_beside_those_of_before",
            "core/test_oauth_scopes.py::test_the_profiles_scopes_come_beside_those_that_are_demanded",
        ),
    ),
    Promise(
        "step-up",
        "error (MCPX-C06) names it and the command with `--scope`",
        (
            f"{LOGGED_IN}::test_scopes_that_do_not_suffice_are_told_with_the_command_that_asks_for_them",
            "edges/test_refused_credentials.py::test_scopes_that_were_granted_are_no_reason_for_another_login",
        ),
    ),
    Promise(
        "redirect-file",
        "no address of the login stands in a process list",
        (
            f"{BROWSER}::test_s22_what_starts_the_browser_sees_a_file_and_not_the_address",
            f"{BROWSER}::test_s22_the_file_goes_whatever_happens",
            f"{LOGIN}::test_s22_no_file_stays_behind",
        ),
    ),
    Promise(
        "pages-of-the-web",
        "without a shell, and `$BROWSER` is not read",
        (
            f"{HOSTILE}::test_s22_an_authorization_url_of_another_scheme_or_host",
            f"{HOSTILE}::test_s22_an_authorization_url_with_a_shell_in_it",
            f"{BROWSER}::test_s22_a_page_that_is_not_of_the_web_is_opened_by_nobody",
            f"{BROWSER}::test_no_variable_names_a_program_and_no_secret_goes_along",
        ),
    ),
    Promise(
        "callback",
        "it takes one answer, with this login's state",
        (
            f"{CALLBACK}::test_s22_a_second_answer_is_refused",
            f"{CALLBACK}::test_s22_what_is_not_the_answer_is_turned_away_and_ends_nothing",
            f"{CALLBACK}::test_s22_it_listens_on_the_loopback_address_alone_and_no_longer_than_the_login",
            f"{HOSTILE}::test_s22_an_answer_with_another_state_ends_nothing",
            f"{HOSTILE}::test_s8_iss_is_missing_or_wrong",
        ),
    ),
    Promise(
        "login-settings",
        "for a server that insists on one; else any that is free",
        (
            f"{LOGIN}::test_a_server_that_insists_on_a_port_gets_the_one_of_the_settings",
            "app/test_login_way.py::test_the_browser_of_the_settings_comes_first",
        ),
    ),
    Promise(
        "id-token",
        "or `--id-token-from env:VAR` gives its ID token",
        (
            f"{IDENTITY}::test_an_id_token_that_is_given_needs_no_browser_and_ends_in_a_new_login",
            f"{IDENTITY}::test_another_providers_id_token_is_never_sent_anywhere",
        ),
    ),
    Promise(
        "fixed-at-login",
        "tokens go only to the endpoints that were fixed at login",
        (
            f"{HOSTILE}::test_s8_a_refresh_follows_no_redirect",
            f"{HOSTILE}::test_s8_a_token_goes_to_no_other_upstream",
        ),
    ),
    Promise(
        "ahead-of-its-end",
        "while calls go on with the old one",
        (
            f"{KEEPER}::test_renewal_begins_a_minute_or_a_tenth_of_the_life_before_the_end",
            f"{KEEPER}::test_ahead_of_the_end_calls_go_on_with_the_old_token_while_another_is_fetched",
        ),
    ),
    Promise(
        "silent-refresh",
        "also after the end, at a restart for instance, and after a 401",
        (
            f"{LOGGED_IN}::test_a_restart_with_an_expired_token_refreshes_silently",
            f"{KEEPER}::test_a_401_gets_another_token_and_all_who_were_refused_get_the_same",
        ),
    ),
    Promise(
        "single-refresh",
        "Of all processes one renews, under a lock of the operating system",
        (
            "e2e/test_sidecar_renewal.py::test_s8_six_sidecars_started_at_once_after_the_end_make_one_refresh_and_no_login",
            f"{STORMS}::test_s8_a_thousand_expiries_under_eight_processes_raise_no_alarm",
        ),
    ),
    Promise(
        "parallel-calls",
        "no lock is held while a call is under way: parallel calls stay parallel",
        (
            f"{KEEPER}::test_a_hundred_calls_at_once_after_the_end_make_one_renewal",
            f"{KEEPER}::test_ahead_of_the_end_calls_go_on_with_the_old_token_while_another_is_fetched",
        ),
    ),
    Promise(
        "never-sent-twice",
        "that token is never sent a second time",
        (
            f"{KEEPER}::test_s8_the_mark_is_on_disk_before_the_token_leaves",
            f"{KEEPER}::test_s8_a_lost_answer_ends_in_a_login_and_never_in_a_second_use",
            f"{STORMS}::test_s8_killed_between_the_rotation_and_our_write_a_login_is_required_once",
            f"{STORMS}::test_s8_killed_at_any_instant_no_token_is_sent_twice",
        ),
    ),
    Promise(
        "login-required-ends",
        "ends that without a restart",
        (
            f"{KEEPER}::test_s6_a_login_ends_what_was_required_without_restart",
            f"{LOGGED_IN}::test_a_grant_that_ended_is_one_state_for_all_until_the_next_login",
        ),
    ),
    Promise(
        "server-in-trouble",
        "A server that is out of reach or out of order costs no login",
        (
            f"{LOGGED_IN}::test_a_sidecar_keeps_its_login_while_the_server_is_out_of_order",
            f"{KEEPER}::test_s8_a_server_that_was_not_reached_leaves_no_mark",
            f"{KEEPER}::test_a_server_in_trouble_costs_no_login_and_is_left_alone_for_a_while",
        ),
    ),
    Promise(
        "other-issuer",
        "another issuer, client, `resource` or upstream than at the login needs a new one",
        (
            f"{HOSTILE}::test_s8_a_profile_that_names_another_issuer_or_client_needs_another_login",
            f"{KEEPER}::test_s8_another_resource_gets_no_token",
            "app/test_login.py::test_a_rest_apis_resource_is_named_to_its_server_and_another_needs_another_login",
        ),
    ),
    Promise(
        "revoked-at-logout",
        "**Logout** revokes the refresh token, then the access token (RFC 7009), then deletes",
        (
            f"{LOGIN}::test_a_logout_revokes_the_refresh_token_first_and_then_deletes",
            f"{LOGIN}::test_nothing_is_deleted_while_the_server_is_out_of_reach",
            f"{LOGIN}::test_nothing_is_deleted_where_the_server_refuses",
            f"{LOGGED_IN}::test_a_server_out_of_reach_keeps_the_login_unless_asked_to_forget_it_here",
        ),
    ),
    Promise(
        "rotation",
        "no call fails for the change as long as the API takes the old secret until then",
        (
            "e2e/test_rotate.py::test_a_running_profile_never_fails_while_its_secret_is_rotated",
            "e2e/test_rotate.py::test_a_rotation_to_a_reference_keeps_what_it_may_be_used_for",
            "app/test_vault_killed.py::test_a_rotation_leaves_the_old_secret_or_the_new_one",
        ),
    ),
    Promise(
        "rotated-there-first",
        "a 401 has the keychain read once more",
        (
            "e2e/test_rotate.py::test_a_secret_that_was_rotated_at_the_server_first_is_taken_at_the_401",
            "edges/test_authorizer.py::test_after_a_401_the_keychain_is_read_once_more_and_gives_what_is_new",
        ),
    ),
    Promise(
        "credential-list",
        "ends, last uses; never a value",
        (
            "app/test_credentials.py::test_the_list_shows_bindings_and_never_a_secret",
            "app/test_credential_list.py::test_a_login_is_listed_with_its_issuer_end_and_last_use",
        ),
    ),
    Promise(
        "credential-walk",
        "no secret here",
        ("e2e/test_readme_credentials.py::test_the_readme_s_places_for_secrets_run_as_they_stand",),
    ),
    Promise(
        "ca-file",
        "trusted beside the system's own CAs",
        (
            f"{NETWORK}::test_a_private_ca_is_trusted_where_the_settings_name_its_file",
            f"{NETWORK}::test_the_systems_own_cas_stay_trusted_beside_the_file",
            f"{TUNNEL}::test_a_proxy_that_inspects_tls_is_refused_until_its_ca_is_set",
        ),
    ),
    Promise(
        "proxy",
        "it sees the host and its own login and nothing of the request",
        (
            f"{TUNNEL}::test_a_proxy_sees_the_host_and_its_own_login_and_nothing_of_the_request",
            f"{TUNNEL}::test_a_proxy_that_speaks_tls_itself_is_verified_and_tunnels",
            "app/test_network.py::test_s7_a_proxys_login_goes_to_the_proxy_that_it_is_bound_to",
        ),
    ),
    Promise(
        "no-proxy",
        "This machine itself is never reached through it",
        (
            f"{TUNNEL}::test_what_no_proxy_names_and_this_machine_itself_are_reached_directly",
            "core/test_proxy.py::test_this_machine_itself_is_never_reached_by_a_proxy",
        ),
    ),
    Promise(
        "proxy-variables",
        "without it they are ignored",
        (
            f"{TUNNEL}::test_s9_the_environments_proxy_is_used_only_where_the_settings_say_so",
            "edges/test_http_network.py::test_s9_a_proxy_named_by_the_environment_sees_nothing",
            "edges/test_http_network.py::test_s9_a_ca_file_named_by_the_environment_is_ignored",
        ),
    ),
    Promise(
        "pac",
        "**A PAC file** is refused",
        (
            "core/test_proxy.py::test_what_is_no_proxy_is_refused_in_words_that_help",
            "cli/test_network.py::test_what_is_not_right_changes_nothing",
            "app/test_doctor_network.py::test_a_systems_auto_configuration_is_seen",
        ),
    ),
    Promise(
        "company-certificates",
        "Each is shown only to the origins it is bound to",
        ("app/test_network.py::test_s7_a_companys_certificate_is_shown_to_its_own_origins_alone",),
    ),
    Promise(
        "checked-address",
        "the one that was checked is connected to",
        (
            f"{NETWORK}::test_s9_the_address_that_was_judged_is_the_one_connected_to",
            f"{NETWORK}::test_s9_a_name_from_metadata_at_a_private_address_is_not_connected_to",
        ),
    ),
    Promise(
        "doctor-network",
        "names proxies and CA files that the environment or the desktop knows of",
        (
            "app/test_doctor_network.py::test_an_environments_proxy_is_shown_with_the_command_that_records_it",
            "app/test_doctor_network.py::test_an_environments_ca_file_is_shown_with_the_command_that_records_it",
            "app/test_doctor_network.py::test_the_issuer_seen_is_told_against_the_cas_trusted_here",
        ),
    ),
    Promise(
        "network-walk",
        "is set by these commands",
        (
            "e2e/test_readme_credentials.py::test_the_readme_s_network_is_set_as_it_stands",
            "cli/test_network.py::test_s1_a_change_is_logged_before_it_is_made",
        ),
    ),
    Promise(
        "canaries",
        "they never appear in argv, output, log, error",
        (
            "e2e/test_secret_kinds.py::test_s7_secrets_of_every_kind_are_in_their_requests_and_nowhere_else",
            "e2e/test_secrets.py::test_s8_what_a_login_gives_and_takes_leaves_no_trace",
            "e2e/test_secrets.py::test_s8_a_clients_private_key_leaves_no_trace",
            f"{HOSTILE}::test_a_result_that_echoes_the_token_is_masked",
        ),
    ),
    Promise(
        "conformance-authorization",
        "and the unscored ones of authorization",
        (
            "conformance/test_conformance.py::test_the_official_suite_says_what_is_expected",
            "conformance/test_conformance.py::test_a_person_runs_the_login_that_an_error_names",
        ),
    ),
)
