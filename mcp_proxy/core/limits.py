"""Every bound of the product in one frozen value, the unit in each name."""

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds that no profile can widen."""

    frame_bytes: int = 8 << 20
    json_depth: int = 64
    integer_max: int = 2**63 - 1
    result_default_bytes: int = 1 << 20
    result_max_bytes: int = 8 << 20
    upstream_body_bytes: int = 16 << 20
    sse_event_bytes: int = 16 << 20
    sse_events: int = 10_000
    log_bytes: int = 1 << 20
    envelope_bytes: int = 32 << 20
    trust_store_bytes: int = 1 << 20
    settings_bytes: int = 256 << 10
    small_file_bytes: int = 1 << 20
    document_bytes: int = 64 << 20
    deadline_default_ms: int = 50_000
    deadline_max_ms: int = 230_000
    progress_every_ms: int = 15_000
    keychain_deadline_ms: int = 10_000
    calls_in_flight: int = 128
    batch_messages: int = 128
    upstream_message_chars: int = 300
    client_name_chars: int = 128
    clear_value_chars: int = 256
    tools: int = 2_000
    description_bytes: int = 2_048
    instructions_bytes: int = 2_048
    model_schema_lint_bytes: int = 16 << 10
    model_schema_bytes: int = 64 << 10
    retry_after_max_ms: int = 10_000


LIMITS = Limits()
