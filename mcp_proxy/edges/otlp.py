"""Log records and spans as OTLP requests, made by OpenTelemetry's own SDK (the extra `otel`).

Of the SDK the encoders are used, not its exporters: these heed environment variables, take a
redirect for success, and give up after a few tries without telling a refusal from an outage.
"""

from collections.abc import Sequence

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from mcp_proxy import __version__
from mcp_proxy.core.audit_otlp import LOGS, Record, Span
from mcp_proxy.edges import clock

_SCOPE = InstrumentationScope("mcp-proxy.audit", __version__)
_SEVERITY_TEXT = {9: "INFO", 13: "WARN", 17: "ERROR"}


def encode(signal: str, home_id: str, items: Sequence[Record | Span]) -> bytes:
    """The body of a request to /v1/logs, of records, or to /v1/traces, of spans."""
    resource, now_ns = _resource(home_id), clock.now_ns()
    if signal == LOGS:
        records = (_log_record(item, now_ns) for item in items if isinstance(item, Record))
        logs = encode_logs([ReadableLogRecord(record, resource, _SCOPE) for record in records])
        return bytes(logs.SerializeToString())
    spans = [_readable_span(item, resource) for item in items if isinstance(item, Span)]
    return bytes(encode_spans(spans).SerializeToString())


def rejected(signal: str, body: bytes) -> int:
    """How many items a collector that took a request will not have; 0 where it says nothing."""
    try:
        if signal == LOGS:
            logs = ExportLogsServiceResponse.FromString(body)
            return int(logs.partial_success.rejected_log_records)
        spans = ExportTraceServiceResponse.FromString(body)
        return int(spans.partial_success.rejected_spans)
    except Exception:  # noqa: BLE001 - the decoder's errors; the request was taken all the same
        return 0


def _resource(home_id: str) -> Resource:
    return Resource(
        {
            "service.name": "mcp-proxy",
            "service.version": __version__,
            "service.instance.id": home_id,
        }
    )


def _log_record(record: Record, observed_ns: int) -> LogRecord:
    context = Context()  # none but ours: nothing of a span that this process may be in
    if record.trace:
        span = NonRecordingSpan(_context(record.trace, record.span, is_remote=False))
        context = set_span_in_context(span, context)
    return LogRecord(
        timestamp=record.time_ns,
        observed_timestamp=observed_ns,
        context=context,
        severity_text=_SEVERITY_TEXT[record.severity],
        severity_number=SeverityNumber(record.severity),
        body=record.body,
        attributes=record.attributes,
        event_name=record.event,
    )


def _readable_span(span: Span, resource: Resource) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace, span.span, is_remote=False),
        parent=_context(span.trace, span.parent, is_remote=True) if span.parent else None,
        resource=resource,
        attributes=span.attributes,
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR if span.is_error else StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _context(trace: str, span: str, *, is_remote: bool) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace, 16), int(span, 16), is_remote=is_remote, trace_flags=flags)
