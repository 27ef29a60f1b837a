"""The official conformance suite, with the sidecar as what it tests; scripts/conformance runs it.

Server scenarios go over the front to a sidecar, behind which is the SDK's everything server; for
client scenarios the driver reaches the scenario's server through a sidecar alone. Every required
scenario of both revisions runs, and every one of authorization that the suite does not score, one
at a time: side by side they time out on a small machine. A check with a failure or a warning counts
as bad, so does a scenario that checked nothing; expected-failures.yml names the ones that stand,
with their reason.
"""

import argparse
import contextlib
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance import home, node
from ruamel.yaml import YAML

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = ("@modelcontextprotocol", "conformance")
REVISIONS = ("2025-11-25", "2026-07-28")
LEGS = ("server", "client")
# What stands behind the sidecar in a server leg: a server of both eras, or one of the handshake era
# alone, which has nothing of what the newer revision tests.
BACKS = {"2025-11-25": ("dual", "legacy"), "2026-07-28": ("dual",)}
TIMEOUT_S = 120


class Outcome(NamedTuple):
    """One scenario's run; `bad` holds {check: what it says}."""

    leg: str
    revision: str
    back: str
    scenario: str
    passed: int
    bad: dict[str, str]
    took_s: float


class Verdict(NamedTuple):
    """Outcomes against what is expected: both lists are empty where all is well."""

    unexpected: list[str]
    stale: list[str]


def required(leg: str, revision: str) -> list[str]:
    """The names that the suite requires of a revision, and its extensions of authorization."""
    with open(node.package_path(*SUITE, "requirements", f"{revision}.yaml"), "rb") as file:
        document = YAML(typ="safe").load(file)
    names = [row["scenario"] for row in document["not_scored"] if row["leg"] == leg]
    return [*document[leg], *(name for name in names if name.startswith("auth/"))]


def expected_failures() -> dict[str, str]:
    """{"leg revision scenario" or "leg revision scenario:check": reason}."""
    with open(os.path.join(HERE, "expected-failures.yml"), "rb") as file:
        document = YAML(typ="safe").load(file)
    return {
        f"{leg} {revision} {name}": reason
        for leg, revisions in document.items()
        for revision, names in (revisions or {}).items()
        for name, reason in (names or {}).items()
    }


def judge(outcomes: list[Outcome], expected: dict[str, str]) -> Verdict:
    """What is bad and not expected, and what is expected and not bad."""
    unexpected, met = [], set()
    for outcome in outcomes:
        name = f"{outcome.leg} {outcome.revision} {outcome.scenario}"
        for check, text in outcome.bad.items():
            entry = next((item for item in (f"{name}:{check}", name) if item in expected), None)
            if entry is None:
                unexpected.append(f"{name}:{check}: {text}")
            else:
                met.add(entry)
    ran = {f"{outcome.leg} {outcome.revision} {outcome.scenario}" for outcome in outcomes}
    stale = [entry for entry in expected if entry.partition(":")[0] in ran and entry not in met]
    return Verdict(unexpected, stale)


def run_scenario(
    leg: str, revision: str, scenario: str, options: list[str], back: str = ""
) -> Outcome:
    """One scenario by the suite's own command."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [node.node_binary(), node.package_path(*SUITE, "dist", "index.js"), leg]
        command += ["--scenario", scenario, "--spec-version", revision, "-o", folder, *options]
        done = subprocess.run(
            command,
            env=node.node_env(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        checks = _read_checks(folder)
    passed = sum(check["status"] == "SUCCESS" for check in checks)
    bad = {
        check["id"]: f"{check['status']}: {check.get('errorMessage') or check['description']}"
        for check in checks
        if check["status"] in ("FAILURE", "WARNING")
    }
    if "Client exited with code" in done.stderr:
        tail = done.stderr.partition("Stderr:")[2].partition("Results saved")[0].strip()
        bad["driver"] = tail[-1000:]
    elif not bad and (done.returncode != 0 or passed == 0):
        bad["run"] = f"{passed} checks passed, exit {done.returncode}: {done.stderr[-1000:]}"
    return Outcome(leg, revision, back, scenario, passed, bad, time.monotonic() - began)


def _read_checks(folder: str) -> list[dict[str, Any]]:
    found = glob.glob(os.path.join(folder, "**", "checks.json"), recursive=True)
    if not found:
        return []
    with open(found[0], encoding="utf-8") as file:
        checks: list[dict[str, Any]] = json.load(file)
    return checks


def run_leg(
    leg: str, revision: str, asked: list[str], *, direct: bool = False
) -> Iterator[Outcome]:
    """The required scenarios of one leg, one after the other, or those `asked` for.

    `direct` leaves the sidecar out.
    """
    names = [name for name in required(leg, revision) if not asked or name in asked]
    if leg == "client" and names and not direct:
        driver = f"{sys.executable} {os.path.join(HERE, 'driver.py')}"
        # Extensions belong to no revision, and run at either.
        options = ["--command", driver, "--timeout", "60000", "--force"]
        for name in names:
            yield run_scenario(leg, revision, name, options)
    for back in BACKS[revision] if leg == "server" and names else ():
        with served(back, direct) as url:
            for name in names:
                yield run_scenario(leg, revision, name, ["--url", url], back)


@contextlib.contextmanager
def served(back: str, direct: bool) -> Iterator[str]:
    """The everything server behind a sidecar behind the front; yields the URL to test."""
    eras = ["--legacy"] if back == "legacy" else []
    with (
        home.running("everything_server.py", *eras) as upstream,
        tempfile.TemporaryDirectory() as folder,
    ):
        if direct:
            yield upstream
            return
        env = home.prepare(folder, home.mcp_upstream(upstream))
        with home.running("front.py", *home.SERVE, env=env) as url:
            yield url


def report(outcome: Outcome, expected: dict[str, str]) -> None:
    """A line of the table."""
    verdict = judge([outcome], expected)
    word = "failed" if verdict.unexpected else "expected" if outcome.bad else "passed"
    row = f"{outcome.leg:7}{outcome.revision:12}{outcome.back:8}{outcome.scenario:46}{word:9}"
    print(f"{row}{outcome.passed:3} checks {outcome.took_s:5.1f} s", flush=True)
    for line in verdict.unexpected:
        print(f"    {line.partition(' ')[2]}", flush=True)


def main(arguments: list[str]) -> int:
    """Runs what is asked; 0 where all is as expected."""
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("leg", nargs="?", choices=LEGS)
    parser.add_argument("scenario", nargs="*")
    parser.add_argument("--spec", choices=REVISIONS)
    parser.add_argument("--direct", action="store_true", help="test the everything server itself")
    asked = parser.parse_intermixed_args(arguments)
    if why := node.install():
        print(why, file=sys.stderr)
        return 1
    expected = {} if asked.direct else expected_failures()
    outcomes = []
    for leg in [asked.leg] if asked.leg else LEGS:
        for revision in [asked.spec] if asked.spec else REVISIONS:
            for outcome in run_leg(leg, revision, asked.scenario, direct=asked.direct):
                report(outcome, expected)
                outcomes.append(outcome)
    verdict = judge(outcomes, expected)
    for entry in verdict.stale:
        print(f"stale: {entry} passes; take it out of expected-failures.yml")
    good = sum(not judge([outcome], expected).unexpected for outcome in outcomes)
    print(f"{good} of {len(outcomes)} scenarios as expected")
    return int(bool(verdict.unexpected or verdict.stale or not outcomes))
