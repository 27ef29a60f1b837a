"""Documents put together from arguments: outer places first, fixed ones last."""

import pytest

from mcp_proxy.core.body import Misplaced, Part, build_document


def part(target: str, value: object, *, fixed: bool = False) -> Part:
    return Part("argument " + target, target, value, fixed)


def test_parents_are_created_and_pointers_unescaped() -> None:
    parts = [part("/a/b", 1), part("/a/c", 2), part("/x~1y/~0", 3), part("plain", 4)]
    assert build_document(parts) == {"a": {"b": 1, "c": 2}, "x/y": {"~": 3}, "plain": 4}


def test_the_order_of_arguments_does_not_matter() -> None:
    parts = [part("/a/b", 1), part("/a", {"c": 2}), part("", {"d": 3})]
    assert build_document(parts) == build_document(parts[::-1]) == {"a": {"b": 1, "c": 2}, "d": 3}


def test_what_the_profile_fixes_comes_last() -> None:
    assert build_document([part("/a/b", 1), part("/a", {"b": 2}, fixed=True)]) == {"a": {"b": 2}}


@pytest.mark.parametrize("outer", [[{}], "text", None, 5])
def test_no_place_within_a_value_that_is_no_object(outer: object) -> None:
    with pytest.raises(Misplaced) as caught:
        build_document([part("/a", outer), part("/a/0", 1)])
    assert caught.value.argument == "argument /a/0"
