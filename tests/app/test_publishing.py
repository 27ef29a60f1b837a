"""Signed files into a repository: what is taken, what is refused, two at once, and killed between.

python-tuf's own client judges every state that a developer could read.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publisher_desk import Desk, keys, line
from repository_samples import envelope, serve
from trust_samples import OTHER_SEED, payload
from tuf.api.metadata import Metadata

from mcp_proxy.app import publishing
from mcp_proxy.app import repository_admin as admin
from mcp_proxy.app.repository_signing import Step, show_waiting, sign_waiting
from mcp_proxy.core.envelope import dump_envelope, parse_envelope
from mcp_proxy.edges import clock, repository_files
from mcp_proxy.edges.files import write_given
from mcp_proxy.edges.repository_renewal import Renewed
from mcp_proxy.errors import CredentialError, HomeError, ProfileError, UsageError

DAY_S = 86_400


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A repository in which SIGNER may sign billing and hr."""
    made = Desk(os.fspath(tmp_path), monkeypatch)
    made.init()
    for name in ("billing", "hr"):
        made.delegate(name)
    return made


def root_of(desk: Desk) -> bytes:
    with open(os.path.join(desk.repo, "metadata", "1.root.json"), "rb") as file:
        return file.read()


def version_of(desk: Desk, name: str) -> int:
    path = os.path.join(desk.repo, "metadata", name)
    return int(Metadata.from_file(path).signed.version)


def test_each_version_is_current_then_may_be_pinned(desk: Desk) -> None:
    with serve(desk.repo) as host:
        client = desk.client(root_of(desk), host.url)
        for version in (1, 2):
            assert desk.publish("billing", version) == [
                publishing.Published("billing", version, True)
            ]
            assert client.load() == envelope(version=version)
        assert client.load("billing/1.dsse.json") == envelope()


def test_many_files_are_published_in_one_step(desk: Desk) -> None:
    before = version_of(desk, "timestamp.json")
    files = [desk.file("billing", 1), desk.file("hr", 1), desk.file("billing", 2)]
    done = publishing.publish(files, desk.repo, keys("SIGNER", "ONLINE"))
    assert [(item.name, item.version) for item in done] == [
        ("billing", 1),
        ("hr", 1),
        ("billing", 2),
    ]
    assert version_of(desk, "timestamp.json") == before + 1
    with serve(desk.repo) as host:
        client = desk.client(root_of(desk), host.url)
        assert client.load() == envelope(version=2)
        assert client.load("hr/profile.dsse.json") == envelope("hr")


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    desk.publish("billing", 1)
    before = version_of(desk, "timestamp.json")
    assert not desk.publish("billing", 1)[0].fresh
    assert version_of(desk, "timestamp.json") == before


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda desk: desk.file("billing", 1), "MCPX-P07"),
        (lambda desk: desk.file("billing", 2, title="Other"), "MCPX-P08"),
        (lambda desk: desk.file("billing", 3, "OTHER"), "MCPX-P03"),
        (lambda desk: desk.file("finance", 1), "MCPX-P04"),
        (lambda desk: unsigned(desk, payload("billing", 3)), "MCPX-P01"),
        (lambda desk: unsigned(desk, b"rubbish"), "MCPX-P10"),
        (lambda _desk: "billing.yaml", "MCPX-P01"),
    ],
)
def test_s3_what_no_developer_would_take_is_not_published(
    desk: Desk, make: Callable[[Desk], str], error: str
) -> None:
    desk.publish("billing", 2)
    before = sorted(os.listdir(os.path.join(desk.repo, "metadata")))
    with pytest.raises(ProfileError) as caught:
        publishing.publish([make(desk)], desk.repo, keys("SIGNER", "OTHER", "ONLINE"))
    assert caught.value.id == error
    assert sorted(os.listdir(os.path.join(desk.repo, "metadata"))) == before


def unsigned(desk: Desk, data: bytes) -> str:
    path = os.path.join(desk.folder, "given.json")
    write_given(path, data)
    return path


def test_s3_the_number_of_a_revoked_version_is_not_given_again(desk: Desk) -> None:
    for version in (1, 2):
        desk.publish("billing", version)
    admin.revoke_version(desk.repo, "billing", 2, keys("SIGNER", "ONLINE"))
    with pytest.raises(ProfileError) as caught:
        desk.publish("billing", 2, title="Another second one")
    assert caught.value.id == "MCPX-P07"
    assert desk.publish("billing", 3)[0].fresh


def test_s2_signatures_of_others_are_not_published(desk: Desk) -> None:
    both = parse_envelope(envelope())
    other = parse_envelope(envelope(seed=OTHER_SEED))
    path = desk.file("billing", 1)
    merged = both._replace(signatures=(*other.signatures, *both.signatures))
    write_given(path, dump_envelope(merged))
    publishing.publish([path], desk.repo, keys("SIGNER", "ONLINE"))
    with serve(desk.repo) as host:
        assert desk.client(root_of(desk), host.url).load() == envelope()


@pytest.mark.parametrize("missing", ["SIGNER", "ONLINE"])
def test_a_missing_key_is_told_by_role_and_name(desk: Desk, missing: str) -> None:
    path = desk.file("billing", 1)
    at_hand = [name for name in ("SIGNER", "ONLINE") if name != missing]
    with pytest.raises(CredentialError) as caught:
        publishing.publish([path], desk.repo, keys(*at_hand))
    assert caught.value.id == "MCPX-T02"
    assert ("billing" if missing == "SIGNER" else "snapshot") in caught.value.why
    assert missing in caught.value.why


def two_signers(desk: Desk) -> None:
    lines = [admin.show_key(key).line for key in keys("SIGNER", "OTHER")]
    admin.delegate_name(desk.repo, "billing", lines, 2, keys("TARGETS", "ONLINE"))


def sign(desk: Desk, *names: str) -> list[Step]:
    return sign_waiting(desk.repo, keys(*names), show_waiting(desk.repo).digest, unasked=True)


def test_a_threshold_of_signers_at_one_desk(desk: Desk) -> None:
    two_signers(desk)
    publishing.publish([desk.file("billing", 1)], desk.repo, keys("SIGNER", "OTHER", "ONLINE"))
    with serve(desk.repo) as host:
        assert desk.client(root_of(desk), host.url).load() == envelope()


def test_a_threshold_of_signers_each_at_their_own_desk(desk: Desk) -> None:
    two_signers(desk)
    with serve(desk.repo) as host:
        with pytest.raises(CredentialError, match="needs 2 signatures and has 1") as caught:
            desk.publish("billing", 1)
        assert caught.value.next == f"mcp-proxy repository sign {desk.repo}"
        assert "billing" not in {
            row.role.role for row in admin.show(desk.repo).profiles if row.current
        }
        (first, *_rest) = show_waiting(desk.repo).lines
        assert first == "billing: current version 1; until now none"
        assert sign(desk, "OTHER")[0].lacks is not None
        assert sign(desk, "ONLINE") == [Step(("billing",), None)]
        assert desk.client(root_of(desk), host.url).load() == envelope()
    with pytest.raises(UsageError, match="nothing is waiting"):
        show_waiting(desk.repo)


def test_a_change_that_waits_is_not_overtaken(desk: Desk) -> None:
    two_signers(desk)
    with pytest.raises(CredentialError):
        desk.publish("billing", 1)
    with pytest.raises(UsageError, match="waiting for signatures already"):
        desk.publish("billing", 2)
    desk.publish("hr", 1)
    publishing.renew_timestamp(desk.repo, keys("ONLINE", "SIGNER"), None)
    assert sign(desk, "OTHER", "ONLINE") == [Step(("billing",), None)]


def test_only_what_was_shown_is_signed(desk: Desk) -> None:
    two_signers(desk)
    with pytest.raises(CredentialError):
        desk.publish("billing", 1)
    shown = show_waiting(desk.repo).digest
    os.unlink(os.path.join(desk.repo, "draft", "billing.json"))
    with pytest.raises(CredentialError):
        desk.publish("billing", 2)
    with pytest.raises(UsageError, match="changed since it was shown"):
        sign_waiting(desk.repo, keys("OTHER", "ONLINE"), shown, unasked=True)


def test_a_draft_that_lists_what_no_signer_signed_is_not_signed(desk: Desk) -> None:
    two_signers(desk)
    with pytest.raises(CredentialError):
        desk.publish("billing", 1)
    folder = os.path.join(desk.repo, "targets", "billing")
    place = os.path.join(folder, min(os.listdir(folder)))
    with open(place, "ab") as file:
        file.write(b" ")
    with pytest.raises(HomeError, match="was changed"):
        show_waiting(desk.repo)


def test_the_online_key_may_lie_elsewhere(desk: Desk) -> None:
    path = desk.file("billing", 1)
    with pytest.raises(CredentialError, match="Role snapshot needs 1"):
        publishing.publish([path], desk.repo, keys("SIGNER"))
    assert sign(desk, "ONLINE") == [Step(("billing",), None)]
    with pytest.raises(CredentialError, match="Role snapshot needs 1"):
        admin.delegate_name(desk.repo, "hr", [line("OTHER")], 1, keys("TARGETS"))
    assert any(text.startswith("hr: may be signed by 1 of OTHER") for text in lines_of(desk))
    assert sign(desk, "ONLINE") == [Step(("targets",), None)]
    with serve(desk.repo) as host:
        assert desk.client(root_of(desk), host.url).load() == envelope()


def lines_of(desk: Desk) -> tuple[str, ...]:
    return show_waiting(desk.repo).lines


def test_renew_signs_a_new_timestamp_with_the_online_key_alone(desk: Desk) -> None:
    desk.publish("billing", 1)
    before = version_of(desk, "timestamp.json")
    assert publishing.renew_timestamp(desk.repo, keys("ONLINE"), 3) == Renewed(("timestamp",), ())
    found = Metadata.from_file(os.path.join(desk.repo, "metadata", "timestamp.json")).signed
    assert found.version == before + 1
    assert 2.9 * DAY_S < found.expires.timestamp() - time.time() <= 3 * DAY_S
    with serve(desk.repo) as host:
        assert desk.client(root_of(desk), host.url).load() == envelope()


def test_renew_signs_what_ends_soon_and_names_what_it_cannot(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.publish("billing", 1)
    later = time.time() + 65 * DAY_S
    monkeypatch.setattr(clock, "now_s", lambda: later)
    done = publishing.renew_timestamp(desk.repo, keys("ONLINE", "SIGNER"), None)
    assert done == Renewed(("snapshot", "billing", "timestamp"), ("targets",))
    done = publishing.renew_timestamp(desk.repo, keys("ONLINE", "TARGETS"), None)
    assert done == Renewed(("targets", "timestamp"), ())
    monkeypatch.setattr(clock, "now_s", lambda: later + 200 * DAY_S)
    assert publishing.renew_timestamp(desk.repo, keys("ONLINE"), None).lacking == (
        "targets",
        "billing",
        "root",
    )


def test_renew_mends_an_expired_repository(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish("billing", 1)
    path = os.path.join(desk.repo, "metadata", "timestamp.json")
    past = time.time() - 10 * DAY_S
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now_s", lambda: past)
        publishing.renew_timestamp(desk.repo, keys("ONLINE"), 1)
    assert Metadata.from_file(path).signed.is_expired()
    publishing.renew_timestamp(desk.repo, keys("ONLINE"), None)
    expires = Metadata.from_file(path).signed.expires
    assert expires.timestamp() - time.time() > timedelta(days=6).total_seconds()


# what was written, in which order, whatever happens meanwhile


class Killed(BaseException):
    """The process is gone; nothing after it runs."""


def die_after(monkeypatch: pytest.MonkeyPatch, files: int, action: Callable[[], object]) -> None:
    """The action dies when it has written so many files."""
    write, written = repository_files._write, []

    def dying(folder: str, path: str, data: bytes) -> None:
        if len(written) == files:
            raise Killed
        write(folder, path, data)
        written.append(path)

    with monkeypatch.context() as patched:
        patched.setattr(repository_files, "_write", dying)
        with pytest.raises(Killed):
            action()


@pytest.mark.parametrize("files", range(5))
def test_killed_between_two_files_the_old_state_is_whole_and_the_next_publish_works(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    desk.publish("billing", 1)
    with serve(desk.repo) as host:
        client = desk.client(root_of(desk), host.url)
        die_after(monkeypatch, files, lambda: desk.publish("billing", 2))
        assert client.load() == envelope()
        assert desk.client(root_of(desk), host.url, "fresh").load() == envelope()
        served = contents(desk)
        desk.publish("billing", 3)
        assert client.load() == envelope(version=3)
    changed = {path for path, data in served.items() if contents(desk)[path] != data}
    assert changed == {"metadata/timestamp.json"}


@pytest.mark.parametrize("files", range(3))
def test_killed_while_the_online_key_is_replaced_a_renewal_mends_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    desk.publish("billing", 1)
    replaced = admin.make_edit("online", [admin.show_key("env:OTHER").line], ["ONLINE"], None)
    by = keys("ROOT", "OTHER")
    die_after(monkeypatch, files, lambda: admin.edit_root(desk.repo, replaced, by))
    publishing.renew_timestamp(desk.repo, keys("ONLINE" if files == 0 else "OTHER"), None)
    with serve(desk.repo) as host:
        assert desk.client(root_of(desk), host.url).load() == envelope()


def contents(desk: Desk) -> dict[str, bytes]:
    found = {}
    for place, _folders, names in os.walk(desk.repo):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, desk.repo)] = file.read()
    return found


def test_two_publishers_at_once_both_publish(desk: Desk) -> None:
    files = {
        name: [desk.file(name, version) for version in (1, 2, 3)] for name in ("billing", "hr")
    }

    def publish(name: str) -> None:
        for path in files[name]:
            publishing.publish([path], desk.repo, keys("SIGNER", "ONLINE"))

    threads = [threading.Thread(target=publish, args=(name,)) for name in files]
    with serve(desk.repo) as host:
        for thread in threads:
            thread.start()
        client = desk.client(root_of(desk), host.url)
        while any(thread.is_alive() for thread in threads):
            client.load("none/profile.dsse.json")
        for thread in threads:
            thread.join()
        assert client.load() == envelope(version=3)
        assert client.load("hr/profile.dsse.json") == envelope("hr", 3)


@pytest.mark.slow
def test_a_process_killed_at_any_moment_leaves_what_a_client_takes(desk: Desk) -> None:
    desk.publish("billing", 1)
    with serve(desk.repo) as host:
        client = desk.client(root_of(desk), host.url)
        for version in range(2, 10):
            path = desk.file("billing", version)
            words = [sys.executable, "-m", "mcp_proxy", "profile", "publish", path]
            words += ["--to", desk.repo, "--key", "env:SIGNER", "--key", "env:ONLINE"]
            child = subprocess.Popen(words, stderr=subprocess.DEVNULL)
            time.sleep(0.35 + version * 0.07)
            child.send_signal(signal.SIGKILL)
            child.wait()
            taken = client.load()
            assert taken in [envelope(version=number) for number in range(1, version + 1)]
        desk.publish("billing", 10)
        assert client.load() == envelope(version=10)


@pytest.mark.parametrize(
    "name", ["1.root.json", "timestamp.json", "2.billing.json", "4.targets.json"]
)
def test_nothing_is_built_upon_a_changed_file(desk: Desk, name: str) -> None:
    desk.publish("billing", 1)
    desk.publish("billing", 2)
    path = current(desk, name)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('"expires":"20', '"expires":"30'))
    if ".billing." in name:
        assert admin.show(desk.repo).profiles[0].problem
    else:
        with pytest.raises(HomeError) as caught:
            desk.publish("billing", 3)
        assert caught.value.id == "MCPX-T01"


def current(desk: Desk, name: str) -> str:
    """The newest file of the role that `name` is a file of."""
    folder, end = os.path.join(desk.repo, "metadata"), name.lstrip("0123456789")
    found = [item for item in os.listdir(folder) if item.endswith(end)]
    return os.path.join(folder, max(found))


def test_s23_a_changed_target_is_not_made_current(desk: Desk) -> None:
    for version in (1, 2):
        desk.publish("billing", version)
    folder = os.path.join(desk.repo, "targets", "billing")
    (older,) = (name for name in os.listdir(folder) if name.endswith(".1.dsse.json"))
    with open(os.path.join(folder, older), "ab") as file:
        file.write(b" ")
    with pytest.raises(HomeError):
        admin.revoke_version(desk.repo, "billing", 2, keys("SIGNER", "ONLINE"))


def test_a_folder_that_is_not_there_is_told(desk: Desk) -> None:
    with pytest.raises(HomeError) as caught:
        publishing.publish([desk.file("billing", 1)], os.path.join(desk.folder, "none"), [])
    assert caught.value.id == "MCPX-T01"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 6)),
        st.tuples(st.just("revoke"), st.integers(1, 6)),
        st.tuples(st.just("floor"), st.integers(1, 6)),
    ),
    min_size=4,
    max_size=10,
)


def step(desk: Desk, what: str, version: int, model: dict[str, set[int]]) -> None:
    """Does it, and says in the model what must be so if it was allowed."""
    by = keys("SIGNER", "ONLINE")
    if what == "publish":
        desk.publish("billing", version)
        model["listed"].add(version)
        model["ever"].add(version)
    elif what == "revoke":
        admin.revoke_version(desk.repo, "billing", version, by)
        model["listed"].discard(version)
    else:
        admin.set_floor(desk.repo, "billing", version, by)
        model["listed"] -= set(range(version))


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_s3_whatever_a_publisher_does_the_highest_listed_is_current_and_no_number_comes_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        desk = Desk(os.fspath(tmp_path_factory.mktemp("desk")), monkeypatch)
        root = desk.init()
        desk.delegate("billing")
        model: dict[str, set[int]] = {"listed": set(), "ever": set()}
        for what, version in steps:
            before = max(model["ever"], default=0)
            try:
                step(desk, what, version, model)
            except ProfileError:
                assert what == "publish"
                assert version <= before
            except UsageError:
                assert what != "publish"
        with serve(desk.repo) as host:
            if model["ever"]:
                client = desk.client(root, host.url)
                now = max(model["listed"], default=None)
                assert client.load() == (None if now is None else envelope(version=now))
                for version in model["ever"]:
                    taken = client.load(f"billing/{version}.dsse.json") is not None
                    assert taken == (version in model["listed"])
