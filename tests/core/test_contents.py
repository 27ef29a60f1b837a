"""A profile wholly parsed: every line as its value, and a tool list that is the header's."""

import json

import pytest
from trust_samples import payload

from mcp_proxy.core.contents import parse_contents
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import ProfileError


def profile() -> Profile:
    return parse_payload(payload(), "d" * 64, "")


def test_every_line_becomes_its_value_under_its_name() -> None:
    contents = parse_contents(profile())
    assert contents.header.profile == "billing"
    assert contents.digest == "d" * 64
    assert list(contents.tools) == list(contents.rows) == ["find_invoices"]
    assert contents.tools["find_invoices"].retry == "safe"
    assert contents.rows["find_invoices"]["description"] == "Find invoices."
    assert contents.resources == contents.prompts == {}


@pytest.mark.parametrize(
    "listed", [[], {}, ["find_invoices"], [{"name": "other"}], [{"title": "x"}], 7]
)
def test_a_tool_list_that_is_not_the_headers_is_malformed(listed: object) -> None:
    broken = profile()._replace(tools_json=json.dumps(listed).encode())
    with pytest.raises(ProfileError, match="tool list"):
        parse_contents(broken)


def test_a_tool_list_that_two_parsers_could_read_differently_is_malformed() -> None:
    row = b'[{"name":"find_invoices","description":"a","description":"b"}]'
    with pytest.raises(ProfileError, match="tool list"):
        parse_contents(profile()._replace(tools_json=row))
