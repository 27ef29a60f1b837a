"""Why a keychain does not serve: each place has its own sentence and next command."""

from itertools import pairwise

import pytest

from mcp_proxy.core.keychain_words import (
    Surroundings,
    hung_words,
    key_mend,
    refusal_words,
    rewrite_words,
)

GONE = "SecretServiceNotAvailableException"
PLAIN = Surroundings("linux", {}, "6.1.0-18-amd64")
WSL = Surroundings("linux", {}, "5.15.153.1-microsoft-standard-WSL2")
SSH = Surroundings("linux", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "6.1.0")
NO_DAEMON = Surroundings("linux", {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/bus"}, "6.1.0")
MAC = Surroundings("darwin", {})
WINDOWS = Surroundings("win32", {})

CASES = {
    "no session bus": (GONE, None, PLAIN, "There is no session bus", "vault init"),
    "WSL": (GONE, None, WSL, "WSL has no", "vault init"),
    "SSH": (GONE, None, SSH, "over SSH has no session bus", "vault init"),
    "no daemon": (GONE, None, NO_DAEMON, "on the session bus", "start gnome-keyring"),
    "locked": ("KeyringLocked", None, NO_DAEMON, "Locked: the Secret Service", "unlock it"),
    "locked over SSH": ("KeyringLocked", None, SSH, "SSH does not unlock it", "vault init"),
    "locked macOS": ("KeyringLocked", None, MAC, "Locked: the macOS", "unlock it"),
    "macOS may not ask": ("KeyringError", -25308, MAC, "would have to ask", "own screen"),
    "macOS's old program": ("KeyringError", -25244, MAC, "does not know", "credential rotate"),
    "macOS's password": ("KeyringError", -25293, MAC, "refused the password", "unlock-keychain"),
    "macOS declined": ("KeyringLocked", -128, MAC, "Somebody declined", "allow it"),
    "Windows by network": ("error", 1312, WINDOWS, "over a network", "log on at the desktop"),
    "Windows's size": ("error", 1783, WINDOWS, "at most 1280 characters", "--from env:VAR"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_place_has_its_sentence_and_next_command(case: str) -> None:
    kind, code, place, why, mend = CASES[case]
    words = refusal_words(kind, code, place)
    assert words is not None
    assert why in words[0]
    assert words[0].endswith(".")
    assert mend in words[1]


def test_no_two_cases_say_the_same() -> None:
    said = sorted(str(refusal_words(*CASES[case][:3])) for case in CASES)
    assert all(one != other for one, other in pairwise(said))


@pytest.mark.parametrize(
    ("kind", "code", "place"),
    [("RuntimeError", None, PLAIN), ("error", -25308, WINDOWS), ("KeyringError", 1783, MAC)],
)
def test_what_is_not_known_is_said_to_be_nothing_else(
    kind: str, code: int | None, place: Surroundings
) -> None:
    assert refusal_words(kind, code, place) is None


def test_only_macos_asks_again_after_an_item_was_rewritten() -> None:
    assert "Always Allow" in rewrite_words("darwin")
    assert {rewrite_words("linux"), rewrite_words("win32")} == {""}


def test_a_keychain_that_hangs_is_named_with_the_time_it_had() -> None:
    why, mend = hung_words(MAC, 0.5)
    assert why.startswith("There was no answer from the macOS keychain within 0.5 s")
    assert mend == "mcp-proxy doctor"


@pytest.mark.parametrize("case", CASES)
def test_of_a_key_no_reference_to_a_credential_is_advised(case: str) -> None:
    words = refusal_words(*CASES[case][:3])
    assert words is not None
    mend = key_mend(words[1], "env:VAR")
    assert "credential set" not in mend
    assert ("vault init, or env:VAR" in mend) is ("vault init" in words[1])
    assert key_mend("mcp-proxy doctor", "env:VAR") == "mcp-proxy doctor"
