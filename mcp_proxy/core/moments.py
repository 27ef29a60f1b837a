"""The times of audit entries as numbers. Pure."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS = (1 << 63) - 1  # what others count in, up to the year 2262


def epoch_ns(time: str) -> int:
    """Nanoseconds since the epoch of an entry's time, in 63 bits; 0 for a text that is none."""
    try:
        moment = datetime.fromisoformat(time)
        span = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return min(max(0, (span - _EPOCH) // timedelta(microseconds=1) * 1_000), _LAST_NS)
    except (ValueError, OverflowError):
        return 0


def epoch_ms(time: str) -> int:
    """Milliseconds since the epoch, rounded down."""
    return epoch_ns(time) // 1_000_000
