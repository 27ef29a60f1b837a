"""The bounds are one frozen value."""

import pytest

from mcp_proxy.core.limits import LIMITS, Limits


def test_a_bound_cannot_be_moved() -> None:
    for limits in (LIMITS, LIMITS._replace(tools=3)):
        with pytest.raises(AttributeError):
            limits.tools = 5
        with pytest.raises(AttributeError):
            limits.of_tomorrow = 5


def test_other_bounds_leave_the_first_as_they_are() -> None:
    fewer = LIMITS._replace(tools=3)._replace(roots=1)
    assert (fewer.tools, fewer.roots, fewer.frame_bytes) == (3, 1, LIMITS.frame_bytes)
    assert isinstance(fewer, Limits)
    assert LIMITS.tools == Limits.tools > 3
    with pytest.raises(ValueError, match="of_tomorrow"):
        LIMITS._replace(of_tomorrow=1)
