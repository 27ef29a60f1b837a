"""S6: a running process notices what changes on disk, at its next call."""

import os
from typing import Any

import pytest
from homes import OTHER_SEED, SEED, distrust, install, make_home, payload, tool, trust

from mcp_proxy.app.contract import ProfileContract
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.plan import Holdings, ReadyPrompt, ReadyResource
from mcp_proxy.core.policy import Deny, decide
from mcp_proxy.core.profile import Prompt, Resource, ResultRules, UpstreamSpec
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.seen import Activation, dump_seen, repository_root
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.trust_store import Repository
from mcp_proxy.edges import admin_policy
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.installs import change_trust, remove_profile
from mcp_proxy.edges.pauses import Paused, change_pauses
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import (
    bump_generation,
    load_profile,
    profile_path,
    read_generation,
    read_records,
    records_path,
)
from mcp_proxy.errors import ProfileError

NOW_S = 1_800_000_000.0


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    return make_home(os.path.join(os.fspath(tmp_path), "home"))


class Running:
    """A serving process's contract, and how often it was told of a change."""

    def __init__(self, home: Home) -> None:
        self.changes = self.warnings = 0
        generation = read_generation(home)
        profile = load_profile(home, "billing", NOW_S)
        self.contract = ProfileContract(home, profile, generation, self._changed, self._late)

    def _changed(self) -> None:
        self.changes += 1

    def _late(self) -> None:
        self.warnings += 1

    def verdict(self, name: str = "find", now_s: float = NOW_S) -> str:
        """`ready` or the error id."""
        found = self.contract.ready(name, now_s)
        return found.id if isinstance(found, Deny) else "ready"

    def ready(self, name: str = "find", now_s: float = NOW_S) -> Any:
        return self.contract.ready(name, now_s)


def running(home: Home, **shape: Any) -> Running:
    install(home, now_s=NOW_S, **shape)
    return Running(home)


def test_a_tool_is_ready_with_its_schema_and_upstream(home: Home) -> None:
    ready = running(home, url="https://billing.example.com").ready()
    assert isinstance(ready, Ready)
    assert (ready.tool.name, ready.spec.url) == ("find", "https://billing.example.com")
    assert ready.schema.violation({"customer": "x"}) is not None
    assert (ready.response, ready.expires_s) == (None, None)


def test_a_response_schema_is_ready_where_it_is_enforced(home: Home) -> None:
    rules = ResultRules("strict", {"type": "object"}, (), 1 << 20, ())
    checked = tool("find", result=rules)
    ready = running(home, tools=[checked]).ready()
    assert ready.response.violation([]) is not None


def test_a_tool_that_redacts_has_its_mask_the_same_in_every_process(home: Home) -> None:
    plain = ResultRules("off", None, (), 1 << 20, ())
    masking = tool("find", result=plain._replace(redact=("email",), redact_fields=("note",)))
    first = running(home, tools=[masking, tool("refund", result=plain)])
    masks = [process.ready().mask for process in (first, Running(home))]
    texts = {mask.text("to bob@example.com") for mask in masks}
    assert len(texts) == 1
    assert "bob" not in texts.pop()
    assert first.ready("refund").mask is None


def test_a_redacted_field_that_is_no_path_refuses_its_tool(home: Home) -> None:
    plain = ResultRules("off", None, (), 1 << 20, ())
    broken = tool("find", result=plain._replace(redact_fields=("a..b",)))
    assert running(home, tools=[broken]).ready().id == "MCPX-P10"


def test_a_tool_that_the_profile_does_not_have_is_unknown(home: Home) -> None:
    denied = running(home).ready("nonsense" * 50)
    assert (denied.id, denied.rule) == ("MCPX-D05", "tools of the profile")
    assert len(denied.text) < 120


def test_s6_nothing_is_read_again_while_nothing_changes(home: Home) -> None:
    process = running(home)
    os.unlink(profile_path(home, "billing"))
    assert process.verdict() == "ready"
    assert process.changes == 0


def test_s6_a_key_taken_away_denies_at_once_and_given_back_allows_again(home: Home) -> None:
    process = running(home)
    distrust(home)
    assert process.verdict() == "MCPX-P03"
    assert process.verdict("refund") == "MCPX-P03"
    assert process.verdict("nonsense") == "MCPX-P03"
    trust(home)
    assert process.verdict() == "ready"
    assert process.changes == 2


def test_s6_a_scope_that_no_longer_covers_the_name_denies_at_once(home: Home) -> None:
    process = running(home)
    trust(home, SEED, "support")
    assert process.verdict() == "MCPX-P04"


def test_s6_s9_an_address_that_settings_no_longer_admit_is_denied_at_once(home: Home) -> None:
    settings = os.path.join(home.config, "settings.toml")
    write_file(settings, b"[network]\nlocalhost = true\n")
    process = running(home, url="http://localhost:8080")
    assert process.verdict() == "ready"
    write_file(settings, b"")
    bump_generation(home)
    assert process.verdict() == "MCPX-P10"


def test_s6_a_removed_profile_denies_at_once(home: Home) -> None:
    process = running(home)
    remove_profile(home, "billing")
    assert process.verdict() == "MCPX-P11"
    install(home, now_s=NOW_S)
    assert process.verdict() == "ready"


def test_s6_a_newer_version_waits_for_the_next_start(home: Home) -> None:
    process = running(home)
    install(home, version=2, tools=[tool("find")], now_s=NOW_S)
    assert process.verdict() == "ready"
    assert process.verdict("refund") == "ready", "the tools are those of the version in force"
    assert Running(home).verdict("refund") == "MCPX-D05"


def test_s6_a_newer_version_does_not_cover_for_a_key_taken_away(home: Home) -> None:
    process = running(home)
    trust(home, OTHER_SEED)
    install(home, version=2, seed=OTHER_SEED, now_s=NOW_S)
    assert process.verdict() == "ready"
    distrust(home)
    trust(home, OTHER_SEED)
    assert Running(home).verdict() == "ready"
    assert process.verdict() == "MCPX-P03"


def test_s6_an_older_file_put_back_denies(home: Home) -> None:
    install(home, now_s=NOW_S)
    with open(profile_path(home, "billing"), "rb") as file:
        older = file.read()
    process = running(home, version=2)
    write_file(profile_path(home, "billing"), older)
    bump_generation(home)
    assert process.verdict() == "MCPX-P07"


def test_s6_a_lost_version_record_denies(home: Home) -> None:
    process = running(home)
    os.unlink(records_path(home))
    bump_generation(home)
    assert process.verdict() == "MCPX-P13"


def test_s6_damage_denies_and_a_new_install_mends_it(home: Home) -> None:
    process = running(home)
    write_file(profile_path(home, "billing"), b"damaged")
    bump_generation(home)
    assert process.verdict() == "MCPX-P10"
    install(home, now_s=NOW_S)
    assert process.verdict() == "ready"


def test_s6_expiry_that_passes_while_running_denies(home: Home) -> None:
    expires = int(NOW_S) + 10
    process = running(home, expires=expires)

    def decision(now_s: float) -> str:
        ready = process.ready("find", now_s)
        made = decide(ready, {"customer": "abc"}, now_s)
        return made.id if isinstance(made, Deny) else type(made).__name__

    assert decision(NOW_S + 10) == "Allow"
    assert decision(NOW_S + 11) == "MCPX-P06"


def test_s6_expiry_is_seen_on_a_change_too(home: Home) -> None:
    process = running(home, expires=int(NOW_S) + 10)
    bump_generation(home)
    assert process.verdict(now_s=NOW_S + 12) == "MCPX-P06"


def test_s6_a_state_folder_that_cannot_be_read_denies(home: Home) -> None:
    process = running(home)
    os.rename(home.state, home.state + "-gone")
    with open(home.state, "wb"):
        pass
    assert process.verdict() == "MCPX-H03"
    os.unlink(home.state)
    os.rename(home.state + "-gone", home.state)
    assert process.verdict() == "ready"


def test_s6_a_change_is_told_before_anything_is_decided(home: Home) -> None:
    process = running(home)
    bump_generation(home)
    assert process.changes == 0
    assert process.verdict() == "ready"
    assert process.changes == 1
    assert process.verdict() == "ready"
    assert process.changes == 1


def test_a_denial_names_the_command_that_mends_it(home: Home) -> None:
    process = running(home)
    remove_profile(home, "billing")
    assert "The person at this machine can run: mcp-proxy" in process.ready().text


@pytest.mark.parametrize(
    "broken",
    [
        tool("find", enforced={"type": "nonsense"}),
        tool("find", enforced={"$ref": "https://example.com/schema"}),
        tool("find", result=ResultRules("strict", {"type": 5}, (), 1, ())),
        tool("find", upstream="other"),
    ],
)
def test_a_signed_tool_that_cannot_be_used_is_denied_not_a_crash(home: Home, broken: Any) -> None:
    process = running(home, tools=[broken, tool("refund")])
    assert process.verdict() == "MCPX-P10"
    assert process.verdict("refund") == "ready"


GATE = UpstreamSpec("mcp", "https://gate.example.com/mcp", None, 5_000, ())
LOCAL = UpstreamSpec("stdio", "", None, 5_000, (), (), ("server",))
PAGE = Resource("page", "gate", "docs://{page}", True, True, {"name": "page"}, 10, None)
ABOUT = Resource("about", "gate", "docs://about", False, True, {"name": "about"}, 10, None)
GREET = Prompt("greet", "gate", "hello", {"name": "greet"}, 10)
NEAR = Resource("near", "local", "near://it", False, True, {"name": "near"}, 10, None)
READS = {"upstreams": {"gate": GATE, "local": LOCAL}, "reads": (PAGE, ABOUT, NEAR, GREET)}


def test_resources_and_prompts_are_found_with_their_upstreams(home: Home) -> None:
    process = running(home, expires=int(NOW_S) + 10, **READS)
    contract, expires_s = process.contract, int(NOW_S) + 10
    assert contract.resource("docs://about", NOW_S) == ReadyResource(ABOUT, GATE, expires_s)
    assert contract.resource("docs://3", NOW_S) == ReadyResource(PAGE, GATE, expires_s)
    assert contract.prompt("greet", NOW_S) == ReadyPrompt(GREET, GATE, expires_s)
    held = contract.holdings(NOW_S)
    assert isinstance(held, Holdings)
    assert (held.resources, held.prompts) == ((PAGE, ABOUT, NEAR), (GREET,))


def test_resources_and_prompts_that_the_profile_does_not_have_are_unknown(home: Home) -> None:
    contract = running(home, **READS).contract
    for denied in (contract.resource("docs://a/b", NOW_S), contract.prompt("hello", NOW_S)):
        assert isinstance(denied, Deny)
        assert denied.id == "MCPX-D05"


def test_s6_a_key_taken_away_denies_resources_and_prompts_at_once(home: Home) -> None:
    contract = running(home, **READS).contract
    assert isinstance(contract.prompt("greet", NOW_S), ReadyPrompt)
    distrust(home)
    found = (contract.resource("docs://about", NOW_S), contract.prompt("greet", NOW_S))
    for denied in (*found, contract.holdings(NOW_S)):
        assert isinstance(denied, Deny)
        assert denied.id == "MCPX-P03"
    trust(home)
    assert isinstance(contract.prompt("greet", NOW_S), ReadyPrompt)


def test_a_signed_resource_that_cannot_be_used_is_denied_not_a_crash(home: Home) -> None:
    contract = running(home, reads=(PAGE, GREET)).contract
    for denied in (contract.resource("docs://3", NOW_S), contract.prompt("greet", NOW_S)):
        assert isinstance(denied, Deny)
        assert denied.id == "MCPX-P10"


def test_s13_an_untrusted_command_denies_what_its_own_upstream_has_alone(home: Home) -> None:
    contract = running(home, **READS).contract
    denied = contract.resource("near://it", NOW_S)
    assert isinstance(denied, Deny)
    assert denied.id == "MCPX-P16"
    assert isinstance(contract.resource("docs://about", NOW_S), ReadyResource)
    assert isinstance(contract.ready("find", NOW_S), Ready)


REPOSITORY = "ab" * 32
DAY_S = 86_400


def from_repository(home: Home, *, until_s: float, grace_s: int) -> Running:
    """Billing installed, and recorded as a repository's whose word holds until then."""
    change_trust(
        home,
        lambda trust: trust._replace(
            repositories={REPOSITORY: Repository(REPOSITORY, "https://r.example.com/", ("*",))}
        ),
    )
    install(home, now_s=NOW_S, grace_s=grace_s)
    record_word(home, until_s=until_s)
    return Running(home)


def record_word(
    home: Home, *, until_s: float, withdrawn: str = "", listed: tuple[int, ...] = (1,)
) -> None:
    """What `profile refresh` writes; a renewed word alone is no change to tell of."""
    records = read_records(home)
    word = Activation((public_key(SEED),), int(until_s), withdrawn=withdrawn, listed=listed)
    root = repository_root(REPOSITORY)
    changed = records["billing"]._replace(root=root, activation=word)
    write_file(records_path(home), dump_seen({**records, "billing": changed}))


def test_s19_grace_lets_read_and_refuses_what_changes_something(home: Home) -> None:
    run = from_repository(home, until_s=NOW_S + 10, grace_s=DAY_S)
    assert run.verdict("refund", NOW_S) == "ready"
    assert run.verdict("refund", NOW_S + 10 + DAY_S * 0.4) == "ready"
    assert run.verdict("refund", NOW_S + 10 + DAY_S * 0.6) == "MCPX-P21"
    assert run.verdict("find", NOW_S + 10 + DAY_S * 0.6) == "ready"
    assert run.verdict("find", NOW_S + 10 + DAY_S) == "MCPX-P21"


def test_s19_a_word_that_expires_while_it_is_served_is_told_once(home: Home) -> None:
    run = from_repository(home, until_s=NOW_S + 10, grace_s=DAY_S)
    for now_s, warnings in ((NOW_S, 0), (NOW_S + 11, 1), (NOW_S + 12, 1)):
        assert run.verdict(now_s=now_s) == "ready"
        assert run.warnings == warnings
    record_word(home, until_s=NOW_S + DAY_S)
    assert run.verdict(now_s=NOW_S + 90) == "ready"
    assert run.verdict(now_s=NOW_S + DAY_S + 1) == "ready"
    assert run.warnings == 2


def test_s6_a_word_renewed_by_another_process_counts_within_a_minute(home: Home) -> None:
    run = from_repository(home, until_s=NOW_S + 10, grace_s=0)
    assert run.verdict(now_s=NOW_S + 20) == "MCPX-P21"
    record_word(home, until_s=NOW_S + DAY_S)
    assert run.verdict(now_s=NOW_S + 30) == "MCPX-P21"
    assert run.verdict(now_s=NOW_S + 81) == "ready"
    assert run.changes == 0


def test_s6_what_its_repository_withdraws_is_denied_in_a_running_process(home: Home) -> None:
    run = from_repository(home, until_s=NOW_S + DAY_S, grace_s=0)
    assert run.verdict() == "ready"
    record_word(home, until_s=NOW_S + DAY_S, withdrawn="It was withdrawn.")
    bump_generation(home)
    assert run.verdict() == "MCPX-P19"


def test_s6_a_version_below_the_floor_is_denied_beside_a_newer_one(home: Home) -> None:
    run = from_repository(home, until_s=NOW_S + DAY_S, grace_s=0)
    held = read_records(home)["billing"]
    newer = payload(version=2)
    assert held.activation is not None
    raised = held._replace(
        version=2, digest=sha256_hex(newer), activation=held.activation._replace(floor=2)
    )
    write_file(records_path(home), dump_seen({"billing": raised}))
    write_file(profile_path(home, "billing"), sign_payload(newer, SEED))
    bump_generation(home)
    assert run.verdict() == "MCPX-P28"


def test_s6_a_revoked_version_is_denied_beside_a_newer_one(home: Home) -> None:
    run = from_repository(home, until_s=NOW_S + DAY_S, grace_s=0)
    held = read_records(home)["billing"]
    newer = payload(version=2)
    assert held.activation is not None
    both = held._replace(
        version=2, digest=sha256_hex(newer), activation=held.activation._replace(listed=(1, 2))
    )
    write_file(records_path(home), dump_seen({"billing": both}))
    write_file(profile_path(home, "billing"), sign_payload(newer, SEED))
    bump_generation(home)
    assert run.verdict() == "ready"
    alone = both._replace(activation=held.activation._replace(listed=(2,)))
    write_file(records_path(home), dump_seen({"billing": alone}))
    bump_generation(home)
    assert run.verdict() == "MCPX-P19"


def test_s19_grace_that_the_administrator_shortens_ends_in_running_processes(
    home: Home, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = os.path.join(os.fspath(tmp_path), "policy.toml")
    monkeypatch.setattr(admin_policy, "POLICY_PATH", policy)
    monkeypatch.setattr(admin_policy, "ADMINISTRATOR", os.geteuid())
    run = from_repository(home, until_s=NOW_S + 10, grace_s=7 * DAY_S)
    late_s = NOW_S + 10 + DAY_S * 1.5
    assert run.verdict("refund", late_s) == "ready"
    write_file(policy, b'grace = "2d"\n')
    assert run.verdict("refund", late_s) == "MCPX-P21"
    assert run.verdict("find", late_s) == "ready"
    write_file(policy, b'grace = "1d"\n')
    assert run.verdict("find", late_s) == "MCPX-P21"


def test_s2_a_name_that_moved_to_another_root_is_denied(home: Home) -> None:
    run = running(home)
    change_trust(
        home,
        lambda trust: trust._replace(
            repositories={REPOSITORY: Repository(REPOSITORY, "https://r.example.com/", ("*",))}
        ),
    )
    record_word(home, until_s=NOW_S + DAY_S)
    assert run.verdict() == "MCPX-P14"


def test_s4_what_was_refused_for_good_stays_refused_whatever_the_disk_says(home: Home) -> None:
    run = running(home)
    run.contract.refuse(ProfileError("MCPX-P25", "Other bytes."))
    bump_generation(home)
    assert run.verdict() == "MCPX-P25"
    assert isinstance(run.contract.holdings(NOW_S), Deny)


def test_s20_a_paused_tool_keeps_its_name_for_the_log_and_no_other_word_stands_there(
    home: Home,
) -> None:
    process = running(home)
    change_pauses(home, lambda _held: (Paused("billing", None, 0, "look first."),))
    denied = process.ready()
    assert denied.id == "MCPX-D11"
    assert 'The person says: "look first." Do not try again' in denied.text
    label = process.contract.label("find")
    assert (label.name, label.upstream, label.effect, label.is_tool) == (
        "find",
        "api",
        "read",
        True,
    )
    assert process.contract.label("a-secret-of-the-client") == (None, None, None, True)


def test_s6_what_is_paused_or_no_longer_trusted_may_not_leave_after_all(home: Home) -> None:
    contract = running(home).contract
    assert contract.stopped("find", NOW_S) is None
    change_pauses(home, lambda _held: (Paused(None, "find", 0, ""),))
    denied = contract.stopped("find", NOW_S)
    assert denied is not None
    assert denied.id == "MCPX-D11"
    assert contract.stopped("other", NOW_S) is None
    assert contract.stopped(None, NOW_S) is None
    change_pauses(home, lambda _held: ())
    distrust(home)
    denied = contract.stopped(None, NOW_S)
    assert denied is not None
    assert denied.id != "MCPX-D11"
