"""The keychain: which backend it is, what it costs to hang, and a real Secret Service."""

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked, PasswordDeleteError

from mcp_proxy.edges import keychain as edges_keychain
from mcp_proxy.edges.credentials import Keychain
from mcp_proxy.edges.keychain import SystemKeychain, open_keychain
from mcp_proxy.errors import CredentialError

ROOT = Path(__file__).parents[2]
HOME_ID = "0" * 32
CANARY = "canary-5b1e"


class FakeBackend:
    """A keyring backend in memory; `gate` blocks every call until it is set."""

    def __init__(
        self, *, gate: threading.Event | None = None, error: Exception | None = None
    ) -> None:
        self.items: dict[tuple[str, str], str] = {}
        self.calls = 0
        self._gate = gate
        self._error = error

    def get_password(self, service: str, username: str) -> str | None:
        self._enter()
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, value: str) -> None:
        self._enter()
        self.items[service, username] = value

    def delete_password(self, service: str, username: str) -> None:
        self._enter()
        if self.items.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")

    def _enter(self) -> None:
        self.calls += 1
        if self._gate is not None:
            self._gate.wait()
        if self._error is not None:
            raise self._error


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_items_are_set_read_replaced_and_deleted() -> None:
    keychain = SystemKeychain(FakeBackend(), "mcp-proxy:x")
    assert keychain.get("credential:a") is None
    keychain.set("credential:a", "1")
    keychain.set("credential:a", "2")
    assert keychain.get("credential:a") == "2"
    keychain.delete("credential:a")
    keychain.delete("credential:a")
    assert keychain.get("credential:a") is None


def test_a_keychain_that_hangs_costs_the_deadline_and_no_more(gate: threading.Event) -> None:
    keychain = SystemKeychain(FakeBackend(gate=gate), "mcp-proxy:x", deadline_ms=20)
    with pytest.raises(CredentialError) as caught:
        keychain.get("credential:a")
    assert caught.value.id == "MCPX-C02"
    assert "no answer" in caught.value.why
    assert caught.value.next == "mcp-proxy doctor"


def test_calls_behind_one_that_hangs_start_no_thread(gate: threading.Event) -> None:
    backend = FakeBackend(gate=gate)
    keychain = SystemKeychain(backend, "mcp-proxy:x", deadline_ms=5)
    for _ in range(3):
        with pytest.raises(CredentialError):
            keychain.get("credential:a")
    assert backend.calls == 1


def test_a_keychain_that_answers_late_is_used_again(gate: threading.Event) -> None:
    keychain = SystemKeychain(FakeBackend(gate=gate), "mcp-proxy:x", deadline_ms=20)
    with pytest.raises(CredentialError):
        keychain.get("credential:a")
    gate.set()
    patient = SystemKeychain(FakeBackend(), "mcp-proxy:x")
    assert patient.get("credential:a") is None
    keychain.set("credential:a", "1")
    assert keychain.get("credential:a") == "1"


def test_a_hung_keychain_cannot_keep_the_process_from_ending() -> None:
    code = (
        "import threading\n"
        "from mcp_proxy.edges.keychain import SystemKeychain\n"
        "class Hung:\n"
        "    def get_password(self, *_): threading.Event().wait()\n"
        "try: SystemKeychain(Hung(), 's', deadline_ms=5).get('a')\n"
        "except Exception as error: print(error)\n"
    )
    done = run_python(code)
    assert "no answer" in done.stdout
    assert done.returncode == 0


def test_a_locked_keychain_says_so() -> None:
    keychain = SystemKeychain(FakeBackend(error=KeyringLocked("x")), "mcp-proxy:x")
    with pytest.raises(CredentialError, match="Locked"):
        keychain.get("credential:a")


def test_an_error_of_the_backend_is_named_and_never_quoted() -> None:
    keychain = SystemKeychain(FakeBackend(error=RuntimeError(CANARY)), "mcp-proxy:x")
    with pytest.raises(CredentialError, match="RuntimeError") as caught:
        keychain.set("credential:a", CANARY)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_item_too_large_for_windows_is_refused_before_it_is_written() -> None:
    backend = FakeBackend()
    keychain = SystemKeychain(backend, "mcp-proxy:x", max_characters=1_280)
    keychain.set("credential:a", "x" * 1_280)
    for value in ("x" * 1_281, "\U0001f511" * 641):
        with pytest.raises(CredentialError, match="at most 1280 characters"):
            keychain.set("credential:b", value)
    assert list(backend.items) == [("mcp-proxy:x", "credential:a")]


@pytest.mark.parametrize("home_id", ["", "x", "0" * 31, "0" * 33, "G" * 32, "0" * 32 + "\n"])
def test_s10_a_home_without_an_id_owns_no_items(home_id: str) -> None:
    with pytest.raises(CredentialError):
        open_keychain(home_id)


def test_s10_no_variable_or_file_selects_the_backend(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "stealer.py").write_text(
        "import os\nfrom keyring.backend import KeyringBackend\n"
        "open(os.path.join(os.path.dirname(__file__), 'loaded'), 'w').close()\n"
        "class Keyring(KeyringBackend):\n    priority = 99\n"
    )
    for place in ("config/python_keyring", "share/python_keyring", "home/.config/python_keyring"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / "keyringrc.cfg").write_text(
            f"[backend]\ndefault-keyring=stealer.Keyring\nkeyring-path={hostile}\n"
        )
    done = run_python(
        "from mcp_proxy.edges.keychain import open_keychain\n"
        "from mcp_proxy.errors import CredentialError\n"
        f"keychain = open_keychain('{HOME_ID}')\n"
        "backend = keychain._backend\n"
        "print(type(backend).__module__, vars(backend))\n"
        "try: keychain.get('credential:a')\n"
        "except CredentialError as error: print(error.id)\n",
        PYTHON_KEYRING_BACKEND="stealer.Keyring",
        KEYRING_PROPERTY_PREFERRED_COLLECTION="/org/freedesktop/secrets/collection/evil",
        KEYRING_PROPERTY_SCHEME="KeePassXC",
        KEYRING_PROPERTY_GET_PASSWORD="evil",
        HOME=str(tmp_path / "home"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        XDG_DATA_HOME=str(tmp_path / "share"),
    )
    assert "stealer" not in done.stdout + done.stderr
    assert not (hostile / "loaded").exists()
    if sys.platform == "linux":
        assert done.stdout == "keyring.backends.SecretService {}\nMCPX-C02\n"


@pytest.mark.skipif(sys.platform != "linux", reason="D-Bus is Linux's")
def test_without_a_bus_the_error_says_so_at_once() -> None:
    done = run_python(
        "from mcp_proxy.edges.keychain import open_keychain\n"
        "from mcp_proxy.errors import CredentialError\n"
        f"try: open_keychain('{HOME_ID}').get('credential:a')\n"
        "except CredentialError as error: print(error, error.next)\n"
    )
    assert done.stdout == (
        "There is no session bus (DBUS_SESSION_BUS_ADDRESS), so no Secret Service keychain. "
        "(MCPX-C02) mcp-proxy vault init, or mcp-proxy credential set NAME --from env:VAR\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="D-Bus is Linux's")
def test_a_bus_that_is_not_there_any_more_is_told_apart() -> None:
    done = run_python(
        "from mcp_proxy.edges.keychain import open_keychain\n"
        "from mcp_proxy.errors import CredentialError\n"
        f"try: open_keychain('{HOME_ID}').get('credential:a')\n"
        "except CredentialError as error: print(error)\n",
        DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent/bus",
    )
    assert done.stdout == ("No Secret Service keychain answers on the session bus. (MCPX-C02)\n"), (
        done.stdout
    )


class MacApi:
    """What the macOS backend calls of the Security framework; `status` fails each call."""

    class Error(Exception):
        """As keyring's own: a status and words."""

    class NotFound(Error):
        """errSecItemNotFound."""

    class KeychainDenied(Error):
        """errSecUserCanceled."""

    def __init__(self, status: int | None = None) -> None:
        self.items: dict[tuple[str, str], str] = {}
        self.status = status
        self.keychains: list[object] = []

    def find_generic_password(self, keychain: object, service: str, username: str) -> str:
        self._enter(keychain)
        if (service, username) not in self.items:
            raise self.NotFound(-25300, "Item not found")
        return self.items[service, username]

    def set_generic_password(
        self, keychain: object, service: str, username: str, value: str
    ) -> None:
        self._enter(keychain)
        self.items[service, username] = value

    def delete_generic_password(self, keychain: object, service: str, username: str) -> None:
        self._enter(keychain)
        if self.items.pop((service, username), None) is None:
            raise self.NotFound(-25300, "Item not found")

    def _enter(self, keychain: object) -> None:
        self.keychains.append(keychain)
        if self.status == -128:
            raise self.KeychainDenied(self.status, CANARY)
        if self.status is not None:
            raise self.Error(self.status, CANARY)


def mac_keychain(monkeypatch: pytest.MonkeyPatch, api: MacApi) -> SystemKeychain:
    backends = importlib.import_module("keyring.backends.macOS")
    monkeypatch.setattr(backends, "api", api, raising=False)
    monkeypatch.setattr(edges_keychain, "_Backend", backends.Keyring)
    monkeypatch.setattr(sys, "platform", "darwin")
    return open_keychain(HOME_ID)


def test_the_macos_backend_keeps_replaces_and_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYCHAIN_PATH", "/elsewhere")
    api = MacApi()
    keychain = mac_keychain(monkeypatch, api)
    assert keychain.get("credential:a") is None
    keychain.set("credential:a", "1")
    keychain.set("credential:a", "2")
    assert keychain.get("credential:a") == "2"
    keychain.delete("credential:a")
    keychain.delete("credential:a")
    assert (api.items, set(api.keychains)) == ({}, {None})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-25308, "would have to ask"),
        (-25244, "does not know this program"),
        (-128, "Somebody declined"),
        (-50, "Not available: the"),
    ],
)
def test_a_macos_failure_is_told_by_its_number_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    keychain = mac_keychain(monkeypatch, MacApi(status))
    for act in (
        lambda: keychain.get("credential:a"),
        lambda: keychain.set("credential:a", CANARY),
    ):
        with pytest.raises(CredentialError, match=words) as caught:
            act()
        assert CANARY not in str(caught.value) + caught.value.next


class WindowsCredentials:
    """What the Windows backend calls of win32cred; `code` fails each call."""

    CRED_TYPE_GENERIC = 1
    CRED_PERSIST_ENTERPRISE = 3

    class error(Exception):  # noqa: N801  # pywintypes's own name
        """As pywintypes's."""

        def __init__(self, code: int) -> None:
            super().__init__(code, "CredRead", CANARY)
            self.winerror, self.funcname = code, "CredRead"

    def __init__(self, code: int | None = None) -> None:
        self.items: dict[str, dict[str, object]] = {}
        self.code = code

    def CredRead(self, Type: int, TargetName: str) -> dict[str, object]:  # noqa: N802, N803
        self._enter()
        if TargetName not in self.items:
            raise self.error(1168)
        return self.items[TargetName]

    def CredWrite(self, credential: dict[str, object], flags: int) -> None:  # noqa: N802
        self._enter()
        kept = {**credential, "CredentialBlob": str(credential["CredentialBlob"]).encode("utf-16")}
        self.items[str(credential["TargetName"])] = kept

    def CredDelete(self, Type: int, TargetName: str) -> None:  # noqa: N802, N803
        self._enter()
        del self.items[TargetName]

    def _enter(self) -> None:
        if self.code is not None:
            raise self.error(self.code)


def windows_keychain(
    monkeypatch: pytest.MonkeyPatch, credentials: WindowsCredentials
) -> SystemKeychain:
    backends = importlib.import_module("keyring.backends.Windows")
    monkeypatch.setattr(backends, "win32cred", credentials, raising=False)
    monkeypatch.setattr(backends, "pywintypes", credentials, raising=False)
    monkeypatch.setattr(edges_keychain, "_Backend", backends.WinVaultKeyring)
    monkeypatch.setattr(sys, "platform", "win32")
    return open_keychain(HOME_ID)


def test_the_windows_backend_keeps_replaces_and_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    keychain = windows_keychain(monkeypatch, WindowsCredentials())
    assert keychain.get("credential:a") is None
    keychain.set("credential:a", "1")
    keychain.set("credential:a", "2")
    assert keychain.get("credential:a") == "2"
    keychain.delete("credential:a")
    keychain.delete("credential:a")
    with pytest.raises(CredentialError, match="at most 1280 characters"):
        keychain.set("credential:a", "x" * 1_281)


@pytest.mark.parametrize(
    ("code", "words"),
    [(1312, "logged on over a network"), (1783, "at most 1280 characters"), (5, "Not available")],
)
def test_a_windows_failure_is_told_by_its_number_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    keychain = windows_keychain(monkeypatch, WindowsCredentials(code))
    with pytest.raises(CredentialError, match=words) as caught:
        keychain.get("credential:a")
    assert CANARY not in str(caught.value) + caught.value.next


@pytest.fixture
def real() -> Iterator[Keychain]:
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        pytest.skip("no session bus: run under scripts/with-keychain")
    keychain = open_keychain(os.urandom(16).hex())
    yield keychain
    keychain.delete("credential:a")


@pytest.mark.keychain
def test_the_real_keychain_keeps_what_it_is_given(real: Keychain) -> None:
    assert real.get("credential:a") is None
    value = '{"secret":"päss \U0001f511 ' + "x" * 5_000 + '"}'
    real.set("credential:a", value)
    assert real.get("credential:a") == value
    real.set("credential:a", "2")
    assert real.get("credential:a") == "2"
    real.delete("credential:a")
    real.delete("credential:a")
    assert real.get("credential:a") is None


@pytest.mark.keychain
def test_s10_a_foreign_home_sees_no_item(real: Keychain) -> None:
    real.set("credential:a", "1")
    assert open_keychain(os.urandom(16).hex()).get("credential:a") is None


@pytest.mark.keychain
@pytest.mark.skipif(sys.platform != "linux", reason="starts a Secret Service of its own")
def test_a_locked_real_keychain_says_so() -> None:
    code = (
        "import secretstorage\n"
        "from mcp_proxy.edges.keychain import open_keychain\n"
        "from mcp_proxy.errors import CredentialError\n"
        f"keychain = open_keychain('{HOME_ID}')\n"
        f"keychain.set('credential:a', '{CANARY}')\n"
        "bus = secretstorage.dbus_init()\n"
        "secretstorage.get_default_collection(bus).lock()\n"
        "bus.close()\n"
        "try: keychain.get('credential:a')\n"
        "except CredentialError as error: print(error, error.next)\n"
    )
    done = subprocess.run(
        [str(ROOT / "scripts/with-keychain"), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == (
        "Locked: the Secret Service keychain; nobody could be asked to unlock it. (MCPX-C02) "
        "unlock it, or log in to the desktop, and try again\n"
    )


@pytest.mark.keychain
@pytest.mark.skipif(sys.platform != "linux", reason="starts a Secret Service of its own")
def test_whether_a_real_keychain_is_open_is_known_without_asking_anybody() -> None:
    code = (
        "import secretstorage\n"
        "from mcp_proxy.edges.keychain import open_keychain\n"
        f"keychain = open_keychain('{HOME_ID}')\n"
        f"keychain.set('credential:a', '{CANARY}')\n"
        "print(keychain.is_open())\n"
        "bus = secretstorage.dbus_init()\n"
        "collection = secretstorage.get_default_collection(bus)\n"
        "collection.lock()\n"
        "print(keychain.is_open(), collection.is_locked())\n"
        "bus.close()\n"
    )
    done = subprocess.run(
        [str(ROOT / "scripts/with-keychain"), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "True\nFalse True\n", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="D-Bus is Linux's")
@pytest.mark.parametrize("bus", [{}, {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent/bus"}])
def test_without_a_bus_no_keychain_is_open(bus: dict[str, str]) -> None:
    done = run_python(
        "from mcp_proxy.edges.keychain import open_keychain\n"
        f"print(open_keychain('{HOME_ID}').is_open())\n",
        **bus,
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can tell")
def test_a_keychain_that_hangs_is_not_open(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges_keychain, "_is_unlocked", gate.wait)
    assert not SystemKeychain(FakeBackend(), "mcp-proxy:x", deadline_ms=20).is_open()


def run_python(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A process with no session bus and only these variables."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
