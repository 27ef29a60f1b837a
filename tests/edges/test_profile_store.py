"""What serve reads at every start: each way it can be wrong has its own error."""

import os
from typing import Self

import pytest
from trust_samples import NOW_S, SEED, installed_home, keys, payload, record, trusted

from mcp_proxy.core.seen import dump_seen
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.core.trust_store import TrustStore, dump_trust_store
from mcp_proxy.edges import profile_store
from mcp_proxy.edges.files import FileLock, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import (
    bump_generation,
    load_profile,
    profile_path,
    read_generation,
    records_path,
    trust_path,
)
from mcp_proxy.errors import McpProxyError


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    return installed_home(os.path.join(os.fspath(tmp_path), "home"))


def refusal(home: Home, name: str = "billing", now_s: float = NOW_S) -> str:
    with pytest.raises(McpProxyError) as caught:
        load_profile(home, name, now_s)
    assert caught.value.exit_code == 3
    return caught.value.id


def test_s4_installed_profile_is_loaded(home: Home) -> None:
    assert load_profile(home, "billing", NOW_S).header.version == 3


@pytest.mark.parametrize("name", ["support", "", "../billing", "Billing", "billing\n", "b" * 17])
def test_s4_name_is_matched_before_it_touches_a_path(home: Home, name: str) -> None:
    assert refusal(home, name) == "MCPX-P11"


def test_home_that_was_never_made_has_no_profile(home: Home) -> None:
    assert refusal(home._replace(id="")) == "MCPX-P11"


def test_missing_trust_store_knows_no_signer(home: Home) -> None:
    os.unlink(trust_path(home))
    assert refusal(home) == "MCPX-P03"


def test_damaged_trust_store_has_its_own_error(home: Home) -> None:
    write_file(trust_path(home), dump_trust_store(TrustStore(keys(), {})) + b" ")
    assert refusal(home) == "MCPX-P15"


def test_narrowed_scope_refuses_an_installed_profile(home: Home) -> None:
    write_file(
        trust_path(home),
        dump_trust_store(TrustStore(keys(trusted()._replace(profiles=("x-y*",))), {})),
    )
    assert refusal(home) == "MCPX-P04"


def test_s3_removed_record_refuses_the_profile(home: Home) -> None:
    os.unlink(records_path(home))
    assert refusal(home) == "MCPX-P13"


def test_s3_damaged_records_refuse_every_profile(home: Home) -> None:
    write_file(records_path(home), b"{}")
    assert refusal(home) == "MCPX-H03"


def test_s3_raised_record_refuses_the_older_file(home: Home) -> None:
    newer = record(payload(version=4), 4)
    write_file(records_path(home), dump_seen({"billing": newer}))
    assert refusal(home) == "MCPX-P07"


def test_s3_a_load_in_the_middle_of_an_install_waits_for_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = payload(version=4)
    write_file(records_path(home), dump_seen({"billing": record(data, 4)}))

    class InstallEnds(FileLock):
        def __enter__(self) -> Self:
            write_file(profile_path(home, "billing"), sign_payload(data, SEED))
            return super().__enter__()

    monkeypatch.setattr(profile_store, "FileLock", InstallEnds)
    assert load_profile(home, "billing", NOW_S).header.version == 4


def test_s4_file_of_another_profile_is_refused(home: Home) -> None:
    write_file(
        trust_path(home),
        dump_trust_store(TrustStore(keys(trusted()._replace(profiles=("sup*", "billing"))), {})),
    )
    os.rename(profile_path(home, "billing"), profile_path(home, "support"))
    assert refusal(home, "support") == "MCPX-P12"


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
@pytest.mark.parametrize(
    "path_of", [trust_path, records_path, lambda home: profile_path(home, "billing")]
)
def test_s23_file_that_others_may_write_is_not_used(home: Home, path_of: object) -> None:
    assert callable(path_of)
    os.chmod(path_of(home), 0o620)
    assert refusal(home) == "MCPX-H02"


def test_s6_generation_differs_after_each_change(home: Home) -> None:
    seen = {read_generation(home)}
    for _ in range(20):
        bump_generation(home)
        seen.add(read_generation(home))
    assert len(seen) == 21
    assert () in seen


def test_loading_reads_and_writes_nothing_else(home: Home) -> None:
    def tree() -> list[tuple[str, int]]:
        return [
            (os.path.join(folder, name), os.stat(os.path.join(folder, name)).st_mtime_ns)
            for folder, _, names in os.walk(os.path.dirname(home.config))
            for name in names
        ]

    before = tree()
    load_profile(home, "billing", NOW_S)
    assert tree() == before
