"""The switch that stops calls, through the installed command: in every running process at once."""

import subprocess
from typing import Any

import pytest
from e2e.client import RawClient
from e2e.stage import COMMAND, PROFILE, Stage
from terminal import Person

FIND = ("find_customer", {"customer": "cus_0001"})
RATE = ("exchange_rate", {"from": "EUR", "to": "USD"})


def verdict(client: RawClient, call: tuple[str, Any] = FIND) -> str:
    """`ok`, or the text that the model reads."""
    result = client.call(*call)
    return "ok" if not result.get("isError") else str(result["content"][0]["text"])


def resume(stage: Stage, *words: str) -> None:
    person = Person("resume", *words, env=stage.env)
    person.sees("[y/N] ")
    person.types("y")
    assert person.ends() == 0


@pytest.mark.slow
def test_s6_pause_stops_every_running_process_at_its_next_call(own_stage: Stage) -> None:
    stage = own_stage
    with stage.serve() as one, stage.serve() as other:
        assert (verdict(one), verdict(other)) == ("ok", "ok")
        stage.run("pause", PROFILE, "--reason", "something is wrong")
        for client in (one, other):
            text = verdict(client)
            assert "A person has paused profile demo-billing" in text
            assert "something is wrong" in text
            assert f"mcp-proxy resume {PROFILE}" in text
            assert "paused" in verdict(client, RATE)
        with stage.serve() as later:
            assert "paused" in verdict(later)
        done = stage.complete("call", PROFILE, FIND[0], '{"customer": "cus_0001"}')
        assert "paused" in done.stdout + done.stderr
        resume(stage, PROFILE)
        assert (verdict(one), verdict(other), verdict(one, RATE)) == ("ok", "ok", "ok")
    denied = [row for row in stage.log() if row.get("error") == "MCPX-D11"]
    assert len(denied) == 6
    assert {row["tool"] for row in denied} == {FIND[0], RATE[0]}
    assert {row["effect"] for row in denied} == {"read"}


@pytest.mark.slow
def test_s20_a_name_that_the_profile_lacks_stands_in_no_log_of_a_pause(own_stage: Stage) -> None:
    stage = own_stage
    stage.run("pause", PROFILE)
    with stage.serve() as client:
        assert "paused" in verdict(client, ("secret-of-the-client", {}))
    assert [row["tool"] for row in stage.log() if row.get("error") == "MCPX-D11"] == [None]


@pytest.mark.slow
def test_s6_a_paused_tool_stops_alone(own_stage: Stage) -> None:
    stage = own_stage
    with stage.serve() as client:
        stage.run("pause", FIND[0])
        assert "paused tool find_customer of every profile" in verdict(client)
        assert verdict(client, RATE) == "ok"
        done = stage.complete("status")
        assert done.returncode == 0
        assert "next:  mcp-proxy resume find_customer" in done.stderr


@pytest.mark.slow
def test_s1_neither_a_pipe_nor_an_option_resumes(own_stage: Stage) -> None:
    stage = own_stage
    stage.run("pause", "--all")
    with stage.serve() as client:
        for words in (("resume", "--all"), ("resume", "--all", "--yes")):
            done = subprocess.run(
                [COMMAND, *words],
                env=stage.env,
                input=b"y\ny\n",
                capture_output=True,
                start_new_session=True,
                check=False,
            )
            assert done.returncode == 2
            assert "paused" in verdict(client)


@pytest.mark.parametrize("words", [("nonsense",), ()])
def test_what_is_mistyped_is_told_and_pauses_nothing(stage: Stage, words: tuple[str, ...]) -> None:
    assert stage.complete("pause", *words).returncode == 2
    with stage.serve() as client:
        assert verdict(client) == "ok"
