"""Numbers of the log in words: durations, sizes and moments, for screen and page."""

from datetime import UTC, datetime


def seconds(ms: int) -> str:
    """`38 ms`, `1.2 s` or `230 s`."""
    if ms < 1_000:
        return f"{ms} ms"
    return f"{ms / 1_000:.3g} s" if ms < 100_000 else f"{ms / 1_000:,.0f} s"


def size(count: int) -> str:
    """`512 B`, `3.1 KiB` and so on."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 call`, `1,000 calls`; `many` where that is more than an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def minute(moment_s: float) -> str:
    """`2026-11-22 14:05 UTC`."""
    return f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%d %H:%M} UTC"
