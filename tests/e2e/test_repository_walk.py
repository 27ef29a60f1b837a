"""From an API document to a revoked version: a publisher and a developer, each step a command."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.client import RawClient, text_of
from e2e.publishing import DELEGATING, FOUNDING, SIGNING, Day, Person, begin_day, until
from e2e.stage import LAST

pytestmark = pytest.mark.slow

CUSTOMER = {"customer_id": "cus_0001", "X-Tenant": "acme"}
READS = ["get_customer", "list_invoices", "get_invoice"]
OPERATION = '    operation: "listInvoices"\n'
# The same arguments in the same order, one of them with a lower bound.
BOUND = '    arguments: {customer_id: {}, status: {}, limit: {maximum: 50}, "*": {}}\n'
NARROWER = (OPERATION, OPERATION + BOUND)


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with begin_day(os.fspath(tmp_path)) as made:
        yield made


def set_up(day: Day) -> None:
    """Version 1: drafted, reviewed, linted, published; trusted, installed, with its credential."""
    api = ("--openapi", "openapi.json", "--url", day.api.origin)
    day.publisher.batch(("profile", "import", "billing", *api, "--select", "method:get"))
    day.edit(("# REVIEW: drafted from the document", ""), version=1)
    day.publisher.batch(
        ("profile", "lint", "billing.yaml"),
        ("repository", "init", "site", *FOUNDING),
        ("profile", "sign", "billing.yaml", "--key", "env:KEY_SIGN"),
        ("repository", "delegate", "site", "billing", "--signer", LAST, *DELEGATING),
        ("profile", "publish", "billing.dsse.json", "--to", "site", *SIGNING),
    )
    root = ("--root", os.path.join(day.site, "metadata", "1.root.json"))
    secret = ("--origin", day.api.origin, "--profile", "billing", "--from", "env:API_TOKEN")
    day.developer.batch(
        ("trust", "add-repository", day.url, *root, "--profiles", "billing", "--yes"),
        ("profile", "install", "billing", "--yes"),
        ("credential", "set", "billing", *secret),
    )


def tools(client: RawClient) -> list[str]:
    return [tool["name"] for tool in client.request("tools/list")["result"]["tools"]]


def is_answered(result: Any) -> bool:
    return not result.get("isError", False)


def test_a_draft_is_refused_by_lint_until_it_has_been_reviewed(day: Day) -> None:
    api = ("--openapi", "openapi.json", "--url", day.api.origin)
    day.publisher.run("profile", "import", "billing", *api)
    empty = day.publisher.complete("profile", "lint", "billing.yaml")
    assert (empty.returncode, "tools: is missing" in empty.stdout) == (1, True), empty.stderr
    day.publisher.run("profile", "import", "billing", "--select", "method:get")
    told = day.publisher.run("profile", "lint", "billing.yaml", code=1)
    assert told.count("has not been reviewed") == len(READS)


def test_from_an_api_document_to_an_answered_call(day: Day) -> None:
    set_up(day)
    with day.developer.serve() as client:
        assert tools(client) == READS
        result = client.call("list_invoices", CUSTOMER)
        assert is_answered(result), text_of(result)
        assert len(json.loads(text_of(result))["data"]) == 3
    words = ("billing", "list_invoices", json.dumps(CUSTOMER))
    explained = json.loads(day.developer.run("profile", "explain", *words, "--json"))
    (sent,) = day.api.seen
    assert explained["request"]["url"].startswith(day.api.origin + sent.path)
    assert "it holds" in explained["freshness"]
    assert day.developer.run("audit", "verify").startswith("OK")


def test_s5_a_narrower_version_activates_itself_behind_a_running_sidecar(day: Day) -> None:
    set_up(day)
    day.edit(NARROWER, version=2)
    day.publish()
    with day.developer.serve() as client:
        assert is_answered(client.call("get_customer", CUSTOMER))
        assert until(lambda: day.developer.listed()["version"] == 2)
        assert is_answered(client.call("get_customer", CUSTOMER))
    with day.developer.serve() as client:
        refused = client.call("list_invoices", {**CUSTOMER, "limit": 60})
        assert "MCPX-D01" in text_of(refused)


def test_s5_a_wider_version_waits_until_a_person_says_yes(day: Day) -> None:
    set_up(day)
    day.publisher.run("profile", "import", "billing", "--select", "id:createRefund")
    day.edit(("# REVIEW: drafted from the document", ""), version=2)
    day.publish()
    refreshed = json.loads(day.developer.run("profile", "refresh", "billing", "--json"))
    assert (refreshed["version"], refreshed["waiting"]) == (1, 2)
    with day.developer.serve() as client:
        assert tools(client) == READS
    assert day.developer.complete("profile", "update", "billing").returncode == 2
    code, shown = day.developer.answer("n", "profile", "update", "billing")
    assert code == 1
    assert "create_refund" in shown
    assert day.developer.listed()["version"] == 1
    code, shown = day.developer.answer("y", "profile", "update", "billing")
    assert code == 0, shown
    with day.developer.serve() as client:
        assert tools(client) == [*READS, "create_refund"]


def test_s6_a_revoked_version_ends_in_a_running_sidecar(day: Day) -> None:
    set_up(day)
    with day.developer.serve() as client:
        assert is_answered(client.call("get_customer", CUSTOMER))
        assert until(lambda: day.developer.complete("profile", "refresh").returncode == 0)
        day.publisher.run("repository", "revoke", "site", "billing@1", *SIGNING)
        with day.developer.serve() as another:
            another.call("get_customer", CUSTOMER)
            assert until(lambda: not is_answered(client.call("get_customer", CUSTOMER)))
        assert "MCPX-P19" in text_of(client.call("get_customer", CUSTOMER))
    row = day.developer.listed()
    assert row["problem"]["id"] == "MCPX-P19"


def test_s3_a_pin_goes_back_on_purpose_and_stays(day: Day) -> None:
    set_up(day)
    day.edit(NARROWER, version=2)
    day.publish()
    day.developer.run("profile", "update", "billing", "--yes")
    assert day.developer.listed()["version"] == 2
    code, shown = day.developer.answer("y", "profile", "install", "billing@1")
    assert code == 0, shown
    assert day.developer.listed()["version"] == 1
    day.edit(version=3)
    day.publish()
    told = day.developer.complete("profile", "update", "billing", "--yes")
    assert "pinned" in told.stdout + told.stderr
    with day.developer.serve() as client:
        assert is_answered(client.call("list_invoices", {**CUSTOMER, "limit": 60}))
    day.developer.run("profile", "install", "billing", "--yes")
    assert day.developer.listed()["version"] == 3
    day.publisher.run("repository", "floor", "site", "billing", "3", *SIGNING)
    below = day.developer.complete("profile", "install", "billing@1", "--yes")
    assert below.returncode == 3, below.stderr


def refreshed(person: Person) -> dict[str, Any]:
    """What a refresh says, once the one that the sidecar began has ended."""
    for _ in range(100):
        done = person.complete("profile", "refresh", "billing", "--json")
        said: dict[str, Any] = json.loads(done.stdout)
        if said["verified"] or said["id"] is not None:
            assert done.returncode == (0 if said["verified"] else 6), done.stderr
            return said
        time.sleep(0.1)
    raise AssertionError("the other refresh goes on")


def test_s4_a_sidecar_starts_and_serves_while_the_file_host_is_away(day: Day) -> None:
    set_up(day)
    os.rename(day.site, f"{day.site}.away")
    with day.developer.serve() as client:
        assert is_answered(client.call("get_customer", CUSTOMER))
        assert refreshed(day.developer)["id"] == "MCPX-U01"
        assert is_answered(client.call("get_customer", CUSTOMER))
    assert day.developer.run("profile", "refresh", "billing", "--offline", "--json")
