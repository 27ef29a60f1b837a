"""What masks an answer, as the result rules see it; `core.redact` fills it where a profile redacts.

Apart from it, so that a sidecar whose profile redacts nothing loads no detector.
"""

from typing import Any, Protocol


class Mask(Protocol):
    """Masks by the fields and detectors of one tool; what holds nothing comes back as it is."""

    def value(self, value: Any) -> Any:
        """A JSON answer: its fields masked, and whatever the detectors find."""

    def found(self, value: Any) -> Any:
        """Any other JSON value: only what the detectors find, in strings, keys and integers."""

    def text(self, text: str) -> str:
        """A text: what the detectors find in it."""
