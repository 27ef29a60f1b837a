"""The log to a collector while real sidecars serve: all of it, once, and no call waits for it.

The tests share one home: a collector that it has not seen before gets all of its log.
"""

import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter

import pytest
from e2e.client import WAIT_S, RawClient
from e2e.stage import COMMAND, Stage
from otlp_collector import Answer, FakeCollector, attributes, ids_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets of POSIX"),
]

FOLLOW = [COMMAND, "audit", "export", "--format", "otlp", "--follow"]


def point(stage: Stage, url: str) -> None:
    path = stage.path("home", "config", "settings.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read().partition("\n[audit]")[0]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'{text}\n[audit]\notlp = "{url}"\n')


def lines(stage: Stage) -> dict[str, str]:
    """Every entry's line by its id."""
    state, found = stage.path("home", "state"), dict[str, str]()
    for folder, _, names in os.walk(state):
        for name in names:
            if name.endswith(".jsonl") and not name.endswith(".clear.jsonl"):
                found |= ids_in(os.path.join(folder, name))
    return found


def call(client: RawClient, count: int) -> list[float]:
    """The seconds that each of so many calls took."""
    took = []
    for _ in range(count):
        began_s = time.monotonic()
        result = client.call("find_customer", {"customer": "cus_0001"})
        took.append(time.monotonic() - began_s)
        assert not result.get("isError"), result
    return took


def test_two_sidecars_log_arrives_while_they_run_and_whole_after_they_ended(
    stage: Stage,
) -> None:
    with FakeCollector() as collector:
        point(stage, collector.url)
        with stage.serve() as one, stage.serve() as two:
            call(one, 40)
            call(two, 40)
            collector.until(80)
            with open(f"/proc/{one.process.pid}/maps", encoding="utf-8") as maps:
                assert "_upb" not in maps.read()  # the SDK's messages are no sidecar's
            assert (one.end(), two.end()) == (0, 0)
        ends_at_s = time.monotonic() + WAIT_S
        while len(collector.logs) < len(lines(stage)):  # what came after the exporter's end
            assert time.monotonic() < ends_at_s
            stage.run("audit", "export", "--format", "otlp")
        time.sleep(0.5)  # nothing comes twice
        assert Counter(collector.ids()) == Counter(list(lines(stage)))
        bodies = {
            attributes(one)["log.record.uid"]: one.body.string_value for one in collector.logs
        }
        assert bodies == lines(stage)
        calls = Counter(collector.calls())
        assert (len(calls), max(calls.values())) == (80, 1)
        assert len({(span.trace_id, span.span_id) for span in collector.spans}) == 80


def test_an_exporter_that_is_killed_again_and_again_leaves_nothing_out(stage: Stage) -> None:
    chance = random.Random(7)
    with FakeCollector() as collector:
        with stage.serve() as client:
            point(stage, collector.url)
            for _ in range(5):
                child = subprocess.Popen(
                    FOLLOW, env=stage.env, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                call(client, 20)
                time.sleep(chance.uniform(0.1, 0.9))
                child.kill()
                child.wait(10)
                assert child.stdin is not None
                child.stdin.close()
            client.end()
        stage.run("audit", "export", "--format", "otlp")
        assert set(collector.ids()) == lines(stage).keys()
        for record in collector.logs:  # what came twice is the same, under the same id
            assert record.body.string_value == lines(stage)[attributes(record)["log.record.uid"]]
        decided = sum('"kind":"decided"' in line for line in lines(stage).values())
        assert len(set(collector.calls())) == decided
        before = len(collector.logs)
        stage.run("audit", "export", "--format", "otlp")
        assert len(collector.logs) == before


def test_an_exporter_that_is_asked_to_end_sends_the_rest_and_nothing_twice(
    stage: Stage,
) -> None:
    with FakeCollector() as collector:
        point(stage, collector.url)
        for _ in range(2):
            with subprocess.Popen(FOLLOW, env=stage.env, stdin=subprocess.PIPE) as child:
                stage.run("pause", "demo-billing/export_statement")
                child.communicate(timeout=20)  # closes its input
                assert child.returncode == 0
        assert Counter(collector.ids()) == Counter(list(lines(stage)))


def test_no_call_waits_for_a_collector_that_hangs(stage: Stage) -> None:
    with stage.serve() as client:
        call(client, 5)
        usual_s = statistics.median(call(client, 100))
    with FakeCollector(*[Answer(wait_s=60)] * 20) as collector:
        point(stage, collector.url)
        with stage.serve() as client:
            call(client, 70)
            ends_at_s = time.monotonic() + WAIT_S
            while not collector.asked:  # its exporter waits for the first answer
                assert time.monotonic() < ends_at_s
                time.sleep(0.05)
            hung = call(client, 100)
            began_s = time.monotonic()
            assert client.end() == 0
            assert time.monotonic() - began_s < 6  # the exporter's end is not ours
    # The aim is no difference; a busy machine makes some.
    assert statistics.median(hung) < 3 * usual_s + 0.005
