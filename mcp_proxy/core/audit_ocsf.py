"""Events as records of the Open Cybersecurity Schema Framework (OCSF) 1.8.0. Pure.

Calls and what persons did to profiles, trust and the log are API Activity (6003), with the profiles
security_control and trace; a process that begins or ends is Application Lifecycle (6002).
"""

from typing import Any

from mcp_proxy.core.audit import VERSION
from mcp_proxy.core.audit_events import Event, error_of, outcome, summary
from mcp_proxy.core.moments import epoch_ms

SCHEMA_VERSION = "1.8.0"
PROFILES = ("security_control", "trace")
_API, _LIFECYCLE = 6003, 6002
_READ, _OTHER, _START, _STOP = 2, 99, 3, 4
_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_NAME = "mcp-proxy"
# action_id and disposition_id by decision: allowed, denied, and a person was asked.
_CONTROL = {"allow": (1, 1), "deny": (2, 2), "ask": (_OTHER, 23)}
_STATUS = {"ok": 1, "asked": 1, "error": 2, "denied": 2, "cancelled": 2}


def ocsf_record(event: Event, version: str, home_id: str) -> dict[str, Any]:
    """One record; `version` is this program's, `home_id` the home's."""
    is_lifecycle = event.entry["kind"] in {"open", "close"}
    kind, activity = (_LIFECYCLE, _lifecycle(event)) if is_lifecycle else (_API, _activity(event))
    record = {
        "category_uid": kind // 1000,
        "class_uid": kind,
        "activity_id": activity,
        "type_uid": kind * 100 + activity,
        "time": epoch_ms(str(event.entry["time"])),
        "severity_id": _severity(event),
        "message": summary(event),
        "metadata": _metadata(event, version, home_id),
        "status_id": _STATUS.get(outcome(event), 0),
        "status_detail": outcome(event),
        "status_code": error_of(event),
        "unmapped": _unmapped(event),
        **({"app": _product(version)} if is_lifecycle else _api_activity(event)),
    }
    if activity == _OTHER:
        record["activity_name"] = event.entry.get("effect") or event.entry["kind"]
    return {key: value for key, value in record.items() if value not in (None, {})}


def _activity(event: Event) -> int:
    return _READ if event.entry.get("effect") == "read" else _OTHER


def _lifecycle(event: Event) -> int:
    return _START if event.entry["kind"] == "open" else _STOP


def _severity(event: Event) -> int:
    if outcome(event) in {"denied", "error", "unknown"}:
        return _LOW
    is_grave = event.entry["kind"] in {"prune", "erase", "cut"}
    return _MEDIUM if is_grave or event.entry.get("reason") == "crash" else _INFORMATIONAL


def _metadata(event: Event, version: str, home_id: str) -> dict[str, Any]:
    return {
        "version": SCHEMA_VERSION,
        "product": _product(version),
        "profiles": list(PROFILES),
        "reporter": {"name": _NAME, "uid": home_id},
        "uid": event.id,
        "event_code": event.entry["kind"],
        "log_name": "audit",
        "log_version": str(VERSION),
        "sequence": event.entry["seq"],
        "original_time": str(event.entry["time"]),
    }


def _product(version: str) -> dict[str, str]:
    return {"name": _NAME, "vendor_name": _NAME, "version": version}


def _api_activity(event: Event) -> dict[str, Any]:
    client, is_call = event.client, event.is_call
    return {
        "actor": {"app_name": client if is_call and client else _NAME},
        "src_endpoint": {"name": client or _NAME},
        "dst_endpoint": _named("svc_name", event.entry.get("upstream")),
        "api": _api(event),
        **(_control(event) if is_call else {}),
        **_times(event),
    }


def _api(event: Event) -> dict[str, Any]:
    entry, end = event.entry, event.end or {}
    operation = entry.get("tool") if event.is_call else entry.get("what") or entry["kind"]
    response = {"code": end.get("status"), "error": error_of(event)}
    told = {
        "operation": str(operation or "a tool of no profile"),
        "request": {"uid": event.id},
        "response": {key: value for key, value in response.items() if value is not None},
        "service": _named("name", entry.get("upstream")),
        "group": _named("name", event.profile),
    }
    return {key: value for key, value in told.items() if value}


def _named(key: str, value: Any) -> dict[str, str] | None:
    return None if value is None else {key: str(value)}


def _control(event: Event) -> dict[str, Any]:
    decision = event.entry["decision"]
    action, disposition = _CONTROL.get(decision, (0, 0))
    policy = {"name": str(event.entry["rule"]), "is_applied": True}
    if event.opened.get("digest"):
        policy |= {"uid": event.opened["digest"], "version": str(event.opened["version"])}
    told: dict[str, Any] = {"action_id": action, "disposition_id": disposition, "policy": policy}
    return told | ({"action": decision} if action == _OTHER else {})


def _times(event: Event) -> dict[str, Any]:
    """When a call began and ended, and the span that it was, as its upstream was told."""
    began = epoch_ms(str(event.entry["time"]))
    ended = began if event.end is None else epoch_ms(str(event.end["time"]))
    told: dict[str, Any] = {}
    if event.end is not None:
        told = {"start_time": began, "end_time": ended, "duration": event.end.get("ms")}
        told = {key: value for key, value in told.items() if value is not None}
    trace, _, span = str(event.entry.get("trace") or "").partition("-")
    if span:
        spanned = {"uid": span, "start_time": began, "end_time": ended}
        parent = _named("parent_uid", event.entry.get("parent")) or {}
        told["trace"] = {"uid": trace, "span": {**spanned, **parent}}
    return told


def _unmapped(event: Event) -> dict[str, Any]:
    entry, end = event.entry, event.end or {}
    told = {
        "source": event.source,
        "hash": (event.end or entry).get("hash"),
        "approval": entry.get("approval"),
        "sent": end.get("sent"),
        "bytes": end.get("bytes"),
        "count": entry.get("count"),
        "reason": entry.get("reason"),
        "facts": entry.get("facts"),
        "segment": entry.get("segment"),
    }
    return {key: value for key, value in told.items() if value is not None}
