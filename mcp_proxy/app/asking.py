"""Who may be asked for a vault's passphrase: the person at a command's terminal, nobody in serve.

Serve's streams are the client's, so that nobody would see the question.
"""

from collections.abc import Callable

_ASKERS: list[Callable[[], str]] = []


def ask_by(asker: Callable[[], str]) -> None:
    """Lets this process ask a person, by `asker`."""
    _ASKERS[:] = [asker]


def asker() -> Callable[[], str] | None:
    """What asks the person, or None where nobody may be asked."""
    return _ASKERS[0] if _ASKERS else None
