"""The time of this machine, and randomness from its system; core takes both as arguments."""

import os
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def now_s() -> float:
    """Seconds since the epoch."""
    return time.time()


def now_ns() -> int:
    """Nanoseconds since the epoch."""
    return time.time_ns()


def new_ulid() -> str:
    """A ULID: 26 characters, sortable by the millisecond of their making."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))
