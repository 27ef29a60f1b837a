"""The log to a collector: nothing left out, nothing twice, whatever the collector does."""

import os
import threading
import time
from typing import Any

import pytest
from homes import make_home
from otlp_collector import Answer, FakeCollector, attributes, ids_in, partly

from mcp_proxy.app import otlp_collector, otlp_export, otlp_extra, otlp_lane
from mcp_proxy.app.admin_log import record
from mcp_proxy.app.otlp_export import export_once, follow
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.audit_ledger import close_fields
from mcp_proxy.core.binding import make_binding
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.otlp_child import lock_path
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings
from mcp_proxy.edges.settings_credentials import Reference
from mcp_proxy.errors import HomeError, UpstreamError, UsageError

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736-53995c3f42cd8ad8"
ALLOWED = Decided("find", "api", "read", "allow", "allow", None, None, TRACE, "00f067aa0ba902b7")
DENIED = Decided("refund", "api", "destructive", "deny", "schema.maximum", "MCPX-D01")
OK = Answered("ok", "yes", None, 200, 12, 3)


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience that a test has time for."""
    bounds = LIMITS._replace(otlp_retry_first_ms=20, otlp_retry_max_ms=100)
    monkeypatch.setattr(otlp_lane, "LIMITS", bounds)
    monkeypatch.setattr(otlp_export, "_POLL_S", 0.05)


def point(home: Home, url: str, **more: Any) -> None:
    credentials = more.pop("credentials", {})
    audit = AuditSettings(otlp=url, **more)
    write_settings(home, Settings(audit=audit, credentials=credentials))


def begin(home: Home) -> CallLog:
    rules = AuditRules(("customer",), "deny")
    return CallLog(home, Subject("billing", 3, "ab"), rules, lambda: {"name": "host"})


def call(log: CallLog, count: int = 1) -> None:
    for _ in range(count):
        log.answered(log.decided(ALLOWED, {"customer": "cus_1"}), OK)


def entries(home: Home) -> set[str]:
    """The ids of all entries of the log, as exported."""
    found: set[str] = set()
    for path in [ledger_path(home), *segment_paths(home.state)]:
        found |= ids_in(path).keys()
    return found


def assert_all_once(home: Home, collector: FakeCollector) -> None:
    assert sorted(collector.ids()) == sorted(entries(home))
    assert len(set(collector.calls())) == len(collector.calls())


class Following:
    """An exporter in a thread, that `end` stops as the end of a sidecar does."""

    def __init__(self, home: Home) -> None:
        self.said: list[str] = []
        self.sent: otlp_extra.Sent | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(home,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _run(self, home: Home) -> None:
        self.sent = follow(home, self._ended, self.said.append)


def test_each_entry_is_a_record_and_each_call_a_span_once(home: Home) -> None:
    record(home, "pause", profile="billing")
    log = begin(home)
    call(log, 2)
    log.decided(DENIED, {"amount": 5})
    log.close("client ended")
    with FakeCollector() as collector:
        point(home, collector.url)
        sent = export_once(home)
        assert sent == otlp_extra.Sent(len(entries(home)), 3, 0)
        assert_all_once(home, collector)
        assert {asked.path for asked in collector.asked} == {"/v1/logs", "/v1/traces"}
        assert export_once(home) == otlp_extra.Sent(0, 0, 0)
        assert_all_once(home, collector)


def test_records_hold_the_very_lines_and_spans_the_recorded_ids(home: Home) -> None:
    log = begin(home)
    call(log)
    log.close("client ended")
    with FakeCollector() as collector:
        point(home, collector.url)
        export_once(home)
    (path,) = segment_paths(home.state)
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    name = os.path.basename(path).removesuffix(".jsonl")
    ours = [one for one in collector.logs if attributes(one)["mcp_proxy.audit.source"] == name]
    assert [one.body.string_value for one in ours] == lines
    assert [one.event_name for one in ours][:2] == [
        "mcp_proxy.audit.open",
        "mcp_proxy.audit.decided",
    ]
    (span,) = collector.spans
    trace, own = TRACE.split("-")
    assert (span.trace_id.hex(), span.span_id.hex()) == (trace, own)
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert (ours[1].trace_id.hex(), ours[1].span_id.hex()) == (trace, own)
    assert attributes(span)["mcp_proxy.call"] == f"{name}:1"
    head = AuditLedger(home).head()
    assert head is not None
    told = {attributes(one)["mcp_proxy.audit.head"] for one in [*collector.logs, span]}
    assert told == {f"{head.seq + 1} {head.hash}"}
    assert "cus_1" not in str(collector.logs) + str(collector.spans)


def test_what_comes_later_is_sent_by_the_next_run_alone(home: Home) -> None:
    log = begin(home)
    begun = log.decided(ALLOWED, {})
    with FakeCollector() as collector:
        point(home, collector.url)
        export_once(home)
        assert collector.spans == []
        log.answered(begun, OK)  # the call of before the place, ended after it
        call(log)
        log.close("client ended")
        export_once(home)
        assert_all_once(home, collector)
        assert len(collector.spans) == 2


def test_a_collector_that_is_down_gets_everything_later(home: Home) -> None:
    log = begin(home)
    call(log)
    collector = FakeCollector()
    with collector:
        point(home, collector.url)
    with pytest.raises(UpstreamError, match="cannot be reached") as caught:
        export_once(home)
    assert caught.value.exit_code == 6
    log.close("client ended")
    with collector:
        export_once(home)
        assert_all_once(home, collector)


@pytest.mark.usefixtures("quick")
def test_a_collector_that_comes_and_goes_gets_everything_once(home: Home) -> None:
    log = begin(home)
    collector = FakeCollector()
    with collector:
        point(home, collector.url)
        following = Following(home)
        call(log, 3)
        collector.until(5)
    call(log, 3)
    while not following.said:
        time.sleep(0.01)
    with collector:
        log.close("client ended")
        collector.until(len(entries(home)))
        following.end()
    assert_all_once(home, collector)
    assert following.said[0].startswith("waiting: The ")
    assert following.said[-1] == "nothing is in the way any more"


@pytest.mark.usefixtures("quick")
def test_a_busy_collector_is_left_in_peace_for_the_time_it_asks_for(home: Home) -> None:
    call(begin(home))
    busy = Answer(429, (("Retry-After", "1"),))
    with FakeCollector(busy) as collector:
        point(home, collector.url)
        following = Following(home)
        collector.until(len(entries(home)))
        following.end()
        logs = [asked for asked in collector.asked if asked.path == "/v1/logs"]
        assert [asked.status for asked in logs][:2] == [429, 200]
        assert logs[1].time_s - logs[0].time_s >= 0.99
    assert_all_once(home, collector)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [302, 401, 403, 404, 408, 500, 502, 503, 504])
def test_no_such_answer_loses_a_batch(home: Home, status: int) -> None:
    call(begin(home))
    away = Answer(status, (("Location", "/elsewhere"),))
    with FakeCollector(away, away) as collector:
        point(home, collector.url)
        with pytest.raises(UpstreamError):
            export_once(home)
        assert [asked.path for asked in collector.asked] == ["/v1/logs", "/v1/traces"]
        assert collector.logs == collector.spans == []
        export_once(home)
        assert_all_once(home, collector)
        assert {asked.path for asked in collector.asked} == {"/v1/logs", "/v1/traces"}


def test_a_batch_whose_answer_was_lost_goes_again_with_the_same_ids(home: Home) -> None:
    call(begin(home))
    with FakeCollector(Answer(takes=True, drops=True)) as collector:
        point(home, collector.url)
        with pytest.raises(UpstreamError):
            export_once(home)
        export_once(home)
        assert set(collector.ids()) == entries(home)
        assert len(collector.ids()) == 2 * len(entries(home))


def test_what_was_taken_with_a_huge_answer_does_not_go_again(home: Home) -> None:
    call(begin(home))
    huge = Answer(takes=True, body=b"x" * (4 << 20))
    with FakeCollector(huge, huge) as collector:
        point(home, collector.url)
        export_once(home)
        export_once(home)
        assert_all_once(home, collector)


@pytest.mark.usefixtures("quick")
def test_one_item_that_the_collector_never_takes_keeps_no_other_from_it(home: Home) -> None:
    log = begin(home)
    call(log, 8)
    log.decided(DENIED, {})
    log.close("client ended")
    with FakeCollector() as collector:
        collector.refuses = b"schema.maximum"
        point(home, collector.url)
        sent = export_once(home)
    assert sent is not None
    assert sent.refused == 2  # its record, and its span
    assert len(entries(home) - set(collector.ids())) == 1
    assert len(collector.calls()) == 8
    assert len(set(collector.ids())) == len(collector.ids())


def test_what_is_no_collector_at_all_makes_nothing_count_as_refused(home: Home) -> None:
    call(begin(home))
    with FakeCollector() as collector:
        collector.refuses = b"mcp-proxy"  # in every request
        point(home, collector.url)
        with pytest.raises(UpstreamError):
            export_once(home)
        collector.refuses = b""
        sent = export_once(home)
        assert sent is not None
        assert sent.refused == 0
        assert_all_once(home, collector)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("is_followed", [False, True])
def test_the_very_first_items_that_a_collector_never_takes_keep_no_other_from_it(
    home: Home, is_followed: bool
) -> None:
    record(home, "pause", profile="first")
    log = begin(home)
    call(log, 3)
    log.close("client ended")
    with FakeCollector() as collector:
        collector.refuses = b'"home":"'  # in the ledger's first entry
        point(home, collector.url)
        if is_followed:
            following = Following(home)
            collector.until(len(entries(home)) - 1)
            following.end()
        sent = export_once(home)
        assert sent is not None
        assert sent.refused == 1
        assert sorted(collector.ids()) == sorted(entries(home) - {min(ids_in(ledger_path(home)))})
        assert export_once(home) == otlp_extra.Sent(0, 0, 1)


@pytest.mark.usefixtures("quick")
def test_the_only_item_that_was_refused_is_left_out_when_another_is_taken(home: Home) -> None:
    record(home, "pause", profile="a")
    with FakeCollector() as collector:
        collector.refuses = b'"home":"'
        point(home, collector.url)
        with open(ledger_path(home), "rb") as file:
            whole = file.read()
        os.truncate(ledger_path(home), whole.index(b"\n") + 1)
        with pytest.raises(UpstreamError, match="400"):
            export_once(home)
        record(home, "resume", profile="a")
        assert export_once(home) == otlp_extra.Sent(1, 0, 1)


@pytest.mark.usefixtures("quick")
def test_what_was_refused_before_a_collector_went_away_is_not_lost(home: Home) -> None:
    """Two items, that are refused together, then the first alone; nobody took one yet."""
    record(home, "pause", profile="a")
    with FakeCollector(Answer(400), Answer(400), Answer(503)) as collector:
        point(home, collector.url)
        with pytest.raises(UpstreamError, match="503"):
            export_once(home)
        assert export_once(home) == otlp_extra.Sent(2, 0, 0)
        assert_all_once(home, collector)


@pytest.mark.usefixtures("quick")
def test_what_is_no_collector_is_asked_a_few_times_and_then_left_in_peace(home: Home) -> None:
    call(begin(home), 300)
    with FakeCollector() as collector:
        collector.refuses = b"mcp-proxy"
        point(home, collector.url)
        with pytest.raises(UpstreamError, match="400"):
            export_once(home)
        assert len([asked for asked in collector.asked if asked.path == "/v1/logs"]) < 40


def test_what_a_collector_takes_only_in_part_is_counted_and_not_sent_again(home: Home) -> None:
    call(begin(home))
    with FakeCollector(Answer(body=partly(2), takes=True)) as collector:
        point(home, collector.url)
        sent = export_once(home)
        assert sent == otlp_extra.Sent(len(entries(home)) - 2, 1, 2)
        again = export_once(home)
        assert again == otlp_extra.Sent(0, 0, 2)


def test_a_collector_of_logs_alone_gets_those(home: Home) -> None:
    call(begin(home))

    class Logs(FakeCollector):
        def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
            if path.endswith("/traces"):
                return Answer(404)
            return super().answer(path, headers, body)

    with Logs() as collector:
        point(home, collector.url)
        with pytest.raises(UpstreamError, match="404"):
            export_once(home)
        assert sorted(collector.ids()) == sorted(entries(home))


@pytest.mark.usefixtures("quick")
def test_a_slow_collector_holds_up_nothing_but_the_export(home: Home) -> None:
    log = begin(home)
    slow = Answer(wait_s=0.5, takes=True)
    with FakeCollector(slow, slow) as collector:
        point(home, collector.url)
        following = Following(home)
        call(log, 50)
        assert len(collector.asked) <= 2  # it is still at its first answers
        log.close("client ended")
        collector.until(len(entries(home)))
        following.end()
    assert_all_once(home, collector)


@pytest.mark.slow
def test_the_end_waits_no_longer_than_its_few_seconds(home: Home) -> None:
    call(begin(home))
    with FakeCollector(*[Answer(wait_s=30)] * 9) as collector:
        point(home, collector.url)
        following = Following(home)
        while not collector.asked:
            time.sleep(0.01)
        began_s = time.monotonic()
        following.end()
        assert time.monotonic() - began_s < 9  # the aim is 3


def test_a_process_that_was_killed_ends_its_calls_as_unknown(home: Home) -> None:
    log = begin(home)
    log.decided(ALLOWED, {})
    segment = log.segment
    assert segment is not None
    with FakeCollector() as collector:
        point(home, collector.url)
        export_once(home)
        assert collector.spans == []
        fields = close_fields(segment.name, *segment.snapshot(), "crash", 0)
        AuditLedger(home).append("close", fields)
        export_once(home)
        (span,) = collector.spans
        assert attributes(span)["mcp_proxy.outcome"] == "unknown"
        assert export_once(home) == otlp_extra.Sent(0, 0, 0)


def test_a_new_ledger_in_the_place_of_a_damaged_one_is_sent_from_its_start(home: Home) -> None:
    record(home, "pause", profile="a")
    record(home, "pause", profile="b")
    with FakeCollector() as collector:
        point(home, collector.url)
        export_once(home)
        old = [*ids_in(ledger_path(home))]
        os.rename(ledger_path(home), ledger_path(home) + ".old")
        record(home, "resume", profile="a")
        export_once(home)
        assert collector.ids() == [*old, *ids_in(ledger_path(home))]
        assert len(set(collector.ids())) == 3 + 2
        assert "resume" in collector.logs[-1].body.string_value


@pytest.mark.usefixtures("quick")
def test_a_torn_tail_of_the_ledger_is_never_taken_for_an_entry(home: Home) -> None:
    record(home, "pause", profile="a")
    with FakeCollector() as collector:
        point(home, collector.url)
        following = Following(home)
        collector.until(2)
        with open(ledger_path(home), "ab") as file:
            file.write(b'{"seq":2,"time":"2027-01-15T08:00')
        time.sleep(0.2)  # it is looked at meanwhile
        record(home, "resume", profile="a")
        collector.until(4)
        following.end()
    assert collector.ids() == [*ids_in(ledger_path(home))]
    assert [one.event_name for one in collector.logs][2:] == [
        "mcp_proxy.audit.cut",
        "mcp_proxy.audit.admin",
    ]


def test_many_entries_go_in_batches_of_at_most_512(home: Home) -> None:
    log = begin(home)
    call(log, 700)
    log.close("client ended")
    with FakeCollector() as collector:
        point(home, collector.url)
        export_once(home)
        assert_all_once(home, collector)
        assert len(collector.spans) == 700
        assert [asked.path for asked in collector.asked].count("/v1/logs") == 3


def test_only_one_process_of_a_home_exports(home: Home) -> None:
    call(begin(home))
    with FakeCollector() as collector:
        point(home, collector.url)
        with FileLock(lock_path(home)):
            assert export_once(home) is None
            assert follow(home, threading.Event(), print) is None
        assert collector.asked == []


def test_another_collector_gets_everything_anew(home: Home) -> None:
    call(begin(home))
    for _ in range(2):
        with FakeCollector() as collector:
            point(home, collector.url)
            export_once(home)
            assert_all_once(home, collector)


def test_s7_the_credential_goes_to_the_origin_it_is_bound_to_and_nowhere_else(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR_TOKEN", "canary-81c2")
    call(begin(home))
    with FakeCollector() as collector, FakeCollector() as other:
        binding = make_binding("bearer", None, [collector.url], "", [])
        held = {"collector": Reference("COLLECTOR_TOKEN", binding)}
        point(home, collector.url, otlp_credential="collector", credentials=held)
        export_once(home)
        said = {asked.headers["authorization"] for asked in collector.asked}
        assert said == {"Bearer canary-81c2"}
        point(home, other.url, otlp_credential="collector", credentials=held)
        with pytest.raises(UpstreamError, match="not bound to the collector"):
            export_once(home)
        assert other.asked == []


@pytest.mark.parametrize(
    "url", ["http://collector.example:4318", "ftp://127.0.0.1", "https://u:p@x.example", "x"]
)
def test_s9_plain_http_goes_to_this_machine_alone(home: Home, url: str) -> None:
    point(home, url)
    with pytest.raises(HomeError, match=r"\[audit\] otlp"):
        export_once(home)


def test_without_a_collector_the_command_says_where_to_set_one(home: Home) -> None:
    with pytest.raises(UsageError, match="No collector is set"):
        export_once(home)


def test_s10_variables_of_the_sdk_change_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(begin(home))
    with FakeCollector() as collector, FakeCollector() as other:
        for name in ("ENDPOINT", "LOGS_ENDPOINT", "TRACES_ENDPOINT"):
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", other.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-leak=canary")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "leak=canary")
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, other.url)
        point(home, collector.url)
        export_once(home)
        assert_all_once(home, collector)
        assert other.asked == []
        assert all("x-leak" not in asked.headers for asked in collector.asked)
        assert not any(name.startswith("OTEL_") for name in os.environ)


def test_a_damaged_place_is_told_and_not_guessed(home: Home) -> None:
    call(begin(home))
    with FakeCollector() as collector:
        point(home, collector.url)
        export_once(home)
        path = os.path.join(home.state, "otlp-cursor.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{}")
        with pytest.raises(HomeError, match="damaged"):
            export_once(home)


def test_without_the_extra_the_command_says_how_to_install_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_name: str) -> Any:
        raise ModuleNotFoundError("no", name="opentelemetry.exporter")

    monkeypatch.setattr(otlp_extra.warmup, "load", missing)
    with pytest.raises(UsageError) as caught:
        export_once(home)
    assert "[otel]" in caught.value.next


@pytest.mark.usefixtures("quick")
def test_a_file_that_cannot_be_read_keeps_no_other_from_the_collector(home: Home) -> None:
    first, second = begin(home), begin(home)
    call(first)
    call(second)
    path = segment_paths(home.state)[0]
    os.chmod(path, 0o644)
    with FakeCollector() as collector:
        point(home, collector.url)
        with pytest.raises(HomeError, match="other users may read it"):
            export_once(home)
        ours = os.path.basename(path).removesuffix(".jsonl")
        assert sorted(collector.ids()) == sorted(
            one for one in entries(home) if not one.startswith(ours)
        )
        os.chmod(path, 0o600)
        export_once(home)
        assert_all_once(home, collector)


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        (b'"time":"2', b'"time":"6'),  # one bit, and the year is beyond what OTLP can tell
        (b'"time":"2', b'"time":"0'),
        (b'"bytes":12', b'"bytes":' + b"9" * 20),
        (b'"tool":"find"', b'"tool":"\\ud800"'),
        (b'"decision":"allow"', b'"decision":["allow"]'),
    ],
)
def test_a_damaged_entry_keeps_no_other_from_the_collector(
    home: Home, whole: bytes, damaged: bytes
) -> None:
    log = begin(home)
    call(log, 3)
    log.close("client ended")
    path = segment_paths(home.state)[0]
    with open(path, "rb") as file:
        data = file.read()
    assert whole in data
    with open(path, "wb") as file:
        file.write(data.replace(whole, damaged, 1))
    with FakeCollector() as collector:
        point(home, collector.url)
        export_once(home)
        assert sorted(collector.ids()) == sorted(entries(home))


def test_no_person_is_asked_for_the_collector_s_credential(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_collector, "asks_nobody", lambda _home: False)
    call(begin(home))
    with FakeCollector() as collector:
        point(home, collector.url, otlp_credential="token", credentials={"token": None})
        with pytest.raises(UpstreamError, match="would ask a person"):
            export_once(home)
        assert collector.asked == []
