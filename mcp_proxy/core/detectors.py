"""The names of the detectors that a profile may redact by; light, as every start reads it.

`core.detection` finds what they stand for.
"""

from typing import Any

from mcp_proxy.core.fields import as_strings, newer

# The countries whose national id numbers are known, by ISO 3166-1 code.
LOCALES = (
    *("at", "au", "be", "br", "ca", "ch", "cn", "de", "dk", "es", "fi", "fr", "gb", "ie", "in"),
    *("it", "kr", "mx", "nl", "no", "pl", "pt", "se", "sg", "us", "za"),
)

NATIONAL_ID = "national_id"
NAMES = (
    *("email", "phone", "card", "iban", "secret"),
    *(f"{NATIONAL_ID}.{locale}" for locale in LOCALES),
)


def parse_detectors(value: Any) -> tuple[str, ...]:
    """The detectors that a payload names. Raises ProfileError P09 one that is unknown, P10."""
    names = as_strings(value, "redact")
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise newer(f"it redacts by {unknown[0][:40]}")
    return names
