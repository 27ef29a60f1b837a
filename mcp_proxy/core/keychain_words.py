"""Why a keychain does not serve, and the next command, by what is known of the place."""

from collections.abc import Mapping
from typing import NamedTuple

_REFERENCE = "mcp-proxy credential set NAME --from env:VAR"
_BY_REFERENCE = f"mcp-proxy vault init, or {_REFERENCE}"

# OSStatus values of Apple's Security framework.
_MAC = {
    -25308: (
        "The macOS keychain would have to ask, and nobody can answer here",
        "run the command once in Terminal on the Mac's own screen, and choose Always Allow",
    ),
    -25244: (
        "The macOS keychain does not know this program any more, as after an update of Python",
        "mcp-proxy credential rotate NAME, in Terminal on the Mac's own screen",
    ),
    -25293: (
        "The macOS keychain refused the password that was typed",
        "unlock it: security unlock-keychain",
    ),
    -128: ("Somebody declined when the macOS keychain asked", "repeat the command, and allow it"),
}
# System error codes of Windows.
_WINDOWS = {
    1312: (
        "The Windows credential store is not there in a session that was logged on over a network",
        f"log on at the desktop, or {_BY_REFERENCE}",
    ),
    1783: (
        "The Windows credential store takes at most 1280 characters in one item",
        f"{_REFERENCE}, or mcp-proxy vault init",
    ),
}
# The library's own error, and the system's where the bus that a variable names is not there.
_NO_SERVICE = ("SecretServiceNotAvailableException", "FileNotFoundError", "ConnectionRefusedError")


class Surroundings(NamedTuple):
    """What is known of the place: sys.platform, some variables, and the kernel's release."""

    platform: str
    environ: Mapping[str, str]
    kernel: str = ""


def keychain_name(platform: str) -> str:
    """What people call the keychain of a platform."""
    names = {"darwin": "the macOS keychain", "win32": "the Windows credential store"}
    return names.get(platform, "the Secret Service keychain")


def refusal_words(kind: str, code: int | None, place: Surroundings) -> tuple[str, str] | None:
    """A sentence and the next command for an error of a keychain's library, None if it is unknown.

    `kind` is the error's class and `code` the system's number for it, if it has one.
    """
    if place.platform == "darwin" and code in _MAC:
        return _sentence(*_MAC[code])
    if place.platform == "win32" and code in _WINDOWS:
        return _sentence(*_WINDOWS[code])
    if kind in ("KeyringLocked", "LockedException"):
        return locked_words(place)
    if kind in _NO_SERVICE and place.platform not in ("darwin", "win32"):
        return _no_service(place)
    return None


def locked_words(place: Surroundings) -> tuple[str, str]:
    """A keychain that is there and locked."""
    if "SSH_CONNECTION" in place.environ:
        return _sentence(
            f"Locked: {keychain_name(place.platform)}; a session over SSH does not unlock it",
            f"unlock it at the desktop, or {_BY_REFERENCE}",
        )
    return _sentence(
        f"Locked: {keychain_name(place.platform)}; nobody could be asked to unlock it",
        "unlock it, or log in to the desktop, and try again",
    )


def hung_words(place: Surroundings, deadline_s: float) -> tuple[str, str]:
    """A keychain that did not answer in time."""
    return _sentence(
        f"There was no answer from {keychain_name(place.platform)} within {deadline_s:g} s; it may "
        "be waiting for a prompt to unlock it",
        "mcp-proxy doctor",
    )


def rewrite_words(platform: str) -> str:
    """What a person meets after an item was written anew; "" for nothing."""
    if platform != "darwin":
        return ""
    return "macOS takes it for a new item and asks once more at the next use: choose Always Allow."


def key_mend(mend: str, instead: str = "") -> str:
    """The next command where not a credential but a key is to be kept: no reference stands for it.

    `instead` is what can be done in the place of keeping it here.
    """
    kept = mend.replace(f", or {_REFERENCE}", "").replace(f"{_REFERENCE}, or ", "")
    return f"{kept}, or {instead}" if instead and kept != mend else kept


def _no_service(place: Surroundings) -> tuple[str, str]:
    if "microsoft" in place.kernel.lower():
        return _sentence("WSL has no Secret Service keychain of its own", _BY_REFERENCE)
    if "DBUS_SESSION_BUS_ADDRESS" in place.environ:
        return _sentence(
            "No Secret Service keychain answers on the session bus",
            f"start gnome-keyring or KWallet, or {_BY_REFERENCE}",
        )
    if "SSH_CONNECTION" in place.environ:
        return _sentence(
            "A session over SSH has no session bus, so no Secret Service keychain", _BY_REFERENCE
        )
    return _sentence(
        "There is no session bus (DBUS_SESSION_BUS_ADDRESS), so no Secret Service keychain",
        _BY_REFERENCE,
    )


def _sentence(why: str, mend: str) -> tuple[str, str]:
    return f"{why}.", mend
