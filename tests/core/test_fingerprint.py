"""A tool's fingerprint: the same for the same declaration, another for any other."""

from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.fingerprint import canonical, fingerprint

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def test_the_canonical_form_is_fixed() -> None:
    tool = {"name": "é", "n": 1.0, "f": 0.5, "inputSchema": {"required": ["b", "a"], "type": "x"}}
    assert canonical(tool) == (
        '{"f":0.5,"inputSchema":{"required":["a","b"],"type":"x"},"n":1,"name":"é"}'.encode()
    )
    assert fingerprint(tool) == ("eeab49e836ac81c7e1e49dce2d25730a8ff6913c4e8b818f9b7cd790833d29ee")


def test_order_of_keys_and_of_required_does_not_matter() -> None:
    one = {"name": "a", "inputSchema": {"type": "object", "required": ["x", "y"]}}
    other = {"inputSchema": {"required": ["y", "x"], "type": "object"}, "name": "a"}
    assert fingerprint(one) == fingerprint(other)


def test_a_property_named_required_that_is_no_list_of_names_is_left_alone() -> None:
    tool = {"properties": {"required": [2, 1]}, "enum": ["b", "a"]}
    assert canonical(tool) == b'{"enum":["b","a"],"properties":{"required":[2,1]}}'


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_any_changed_word_changes_it(tool: dict[str, object]) -> None:
    assert fingerprint({**tool, "description": "a"}) != fingerprint({**tool, "description": "b"})
