"""Every bound of the product in one frozen value, the unit in each name."""

from typing import Never


class Limits:
    """Bounds that no profile can widen. Not a NamedTuple: so many fields would cost each start."""

    frame_bytes: int = 8 << 20
    json_depth: int = 64
    integer_max: int = 2**63 - 1
    result_default_bytes: int = 1 << 20
    result_max_bytes: int = 8 << 20
    upstream_body_bytes: int = 16 << 20
    html_chars: int = 4 << 20
    sse_event_bytes: int = 16 << 20
    sse_events: int = 10_000
    sse_id_chars: int = 1_024
    sse_retry_min_ms: int = 100
    sse_retry_max_ms: int = 30_000
    endpoint_chars: int = 2_048
    log_bytes: int = 1 << 20
    envelope_bytes: int = 32 << 20
    trust_store_bytes: int = 1 << 20
    settings_bytes: int = 256 << 10
    small_file_bytes: int = 1 << 20
    private_key_bytes: int = 32 << 10
    repository_metadata_bytes: int = 5_000_000
    document_bytes: int = 64 << 20
    deadline_default_ms: int = 50_000
    deadline_max_ms: int = 230_000
    progress_every_ms: int = 15_000
    progress_events: int = 10_000
    keychain_deadline_ms: int = 10_000
    reference_deadline_ms: int = 20_000
    reference_bytes: int = 64 << 10
    certificate_chars: int = 64 << 10
    calls_in_flight: int = 128
    batch_messages: int = 128
    subscriptions: int = 256
    uri_chars: int = 8_192
    questions_open: int = 64
    upstream_message_chars: int = 300
    client_name_chars: int = 128
    clear_value_chars: int = 256
    tools: int = 2_000
    description_bytes: int = 2_048
    instructions_bytes: int = 2_048
    entry_bytes: int = 64 << 10
    entry_name_chars: int = 128
    command_words: int = 64
    command_chars: int = 4_096
    environment_names: int = 64
    stray_lines: int = 100
    child_stderr_bytes: int = 4 << 10
    child_restart_first_ms: int = 500
    child_restart_max_ms: int = 30_000
    child_healthy_ms: int = 60_000
    model_schema_lint_bytes: int = 16 << 10
    model_schema_bytes: int = 64 << 10
    retry_after_max_ms: int = 10_000
    questions: int = 16
    question_waits_ms: int = 10_000
    question_key_chars: int = 256
    question_message_chars: int = 4_096
    question_bytes: int = 64 << 10
    form_fields: int = 64
    form_choices: int = 1_000
    link_chars: int = 8_192
    sampling_bytes: int = 4 << 20
    sampling_messages: int = 1_000
    sampling_tokens: int = 1_000_000
    reply_bytes: int = 4 << 20
    roots: int = 1_000
    sealed_chars: int = 32_768
    uri_expressions: int = 16
    completions: int = 100
    task_id_chars: int = 256
    task_bytes: int = 64 << 10
    verdict_ms: int = 600_000
    listing_retry_ms: int = 5_000
    declared_bytes: int = 4 << 20
    listing_bytes: int = 64 << 20
    drift_differences: int = 100
    drift_words_chars: int = 400
    rounds: int = 10
    parked_calls: int = 64
    parked_ms: int = 600_000
    owned_tasks: int = 1_000
    capabilities: int = 32
    changes_every_ms: int = 50
    request_state_bytes: int = 1 << 20
    era_probe_ms: int = 5_000
    reconnect_first_ms: int = 500
    reconnect_max_ms: int = 30_000
    oauth_answer_bytes: int = 256 << 10
    oauth_deadline_ms: int = 30_000
    oauth_challenge_chars: int = 16_384
    oauth_servers: int = 16
    oauth_token_chars: int = 16_384
    oauth_lifetime_max_s: int = 10 * 365 * 86_400
    scopes: int = 1_000
    scope_chars: int = 256
    state_wait_ms: int = 2_000
    reservation_ms: int = 300_000
    pauses: int = 256
    grants: int = 64
    grant_uses: int = 1_000
    grant_s: int = 30 * 86_400
    grant_rules: int = 16
    approval_view_bytes: int = 64 << 10
    approval_open_s: int = 600
    approval_kept_days: int = 30
    approval_minutes: int = 480
    approval_uses: int = 50
    approval_word_chars: int = 300
    approvals_open: int = 32
    shown_values: int = 10_000
    shown_bytes: int = 8 << 20
    shown_chars: int = 1_024
    shown_arguments: int = 64
    ledger_wait_ms: int = 2_000
    ledger_entry_bytes: int = 1 << 20
    segment_bytes: int = 16 << 20
    segment_s: int = 86_400
    segment_retry_s: int = 60
    checkpoint_entries: int = 64
    checkpoint_ms: int = 30_000
    audit_close_ms: int = 1_000
    audit_key_retry_ms: int = 600_000
    mirror_every_ms: int = 60_000
    otlp_batch: int = 512
    otlp_deadline_ms: int = 10_000
    otlp_retry_first_ms: int = 1_000
    otlp_retry_max_ms: int = 60_000
    otlp_drain_ms: int = 3_000
    otlp_restart_ms: int = 60_000

    def __setattr__(self, name: str, _bound: object) -> Never:
        raise AttributeError(f"{name} is fixed")

    def _replace(self, **bounds: int) -> "Limits":
        """The same with other values for these."""
        unknown = bounds.keys() - Limits.__annotations__.keys()
        if unknown:
            raise ValueError(f"no such bounds: {sorted(unknown)}")
        others: Limits = type("Limits", (type(self),), bounds)()
        return others


LIMITS = Limits()
