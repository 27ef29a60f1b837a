"""Two versions of a profile: each difference is wider, narrower or the same; none is lost."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from core.change_samples import LINES, changes, contents_of, edited, line_of, reverted, row_of

from mcp_proxy.core import change_entries, change_policy, change_tool
from mcp_proxy.core import changes as module
from mcp_proxy.core.change import NARROWER as KIND_NARROWER
from mcp_proxy.core.change import SAME, WIDER, Change, elsewhere, field_changes
from mcp_proxy.core.changes import compare, is_wider
from mcp_proxy.core.profile import (
    AuditRules,
    Header,
    Prompt,
    Resource,
    ResultRules,
    Tool,
    UpstreamSpec,
)

Edit = Callable[[list[Any]], object]


def header(**values: Any) -> Edit:
    return lambda lines: lines[0].update(values)


def upstream(name: str, **values: Any) -> Edit:
    return lambda lines: lines[0]["upstreams"][name].update(values)


def line(name: str, **values: Any) -> Edit:
    return lambda lines: line_of(lines, name).update(values)


def row(name: str, **values: Any) -> Edit:
    return lambda lines: row_of(lines, name).update(values)


def result(name: str, **values: Any) -> Edit:
    return lambda lines: line_of(lines, name)["result"].update(values)


def without(kind: str, name: str) -> Edit:
    def edit(lines: list[Any]) -> None:
        lines[0][kind].remove(name)
        lines[2:] = [one for one in lines[2:] if one["name"] != name]
        lines[1] = [one for one in lines[1] if kind != "tools" or one["name"] != name]

    return edit


def moved_up(kind: str, name: str) -> Edit:
    """The last of a kind put first, with its line."""

    def edit(lines: list[Any]) -> None:
        names = lines[0][kind]
        names.insert(0, names.pop(names.index(name)))
        if kind == "tools":
            lines[1].sort(key=lambda one: names.index(one["name"]))
        mine = [one for one in lines[2:] if one["name"] in names]
        start = next(index for index, one in enumerate(lines) if index > 1 and one in mine)
        lines[start : start + len(mine)] = sorted(mine, key=lambda one: names.index(one["name"]))

    return edit


def argument(tool: str, name: str, enforced: Any, listed: Any) -> Edit:
    def edit(lines: list[Any]) -> None:
        line_of(lines, tool)["enforced"]["properties"][name] = enforced
        row_of(lines, tool)["inputSchema"]["properties"][name] = listed

    return edit


def without_argument(tool: str, name: str) -> Edit:
    def edit(lines: list[Any]) -> None:
        for schema in (line_of(lines, tool)["enforced"], row_of(lines, tool)["inputSchema"]):
            del schema["properties"][name]
            schema["required"] = [one for one in schema.get("required", ()) if one != name]
        line_of(lines, tool)["arguments"].pop(name)

    return edit


def required(tool: str, *names: str) -> Edit:
    def edit(lines: list[Any]) -> None:
        for schema in (line_of(lines, tool)["enforced"], row_of(lines, tool)["inputSchema"]):
            schema["required"] = list(names)

    return edit


def route(tool: str, name: str, **values: Any) -> Edit:
    return lambda lines: line_of(lines, tool)["arguments"][name].update(values)


HERS = "mcpxr1:L+hdOmPa2fdtS2jJhlzmEBfXwBBM+cp1vAS8jKUlgEA=:hers"


def audit(**changes: Any) -> Edit:
    """The vector's audit rules with other values."""
    return lambda lines: lines[0]["audit"].update(changes)


STATUS = {"type": "string", "enum": ["open"]}
LIMIT = {"type": "integer", "minimum": 1, "maximum": 20, "default": 20}
CONDITIONS = [{"count": {"above": 5}, "sku": {"matches": "^x"}}, {"sku": {"matches": "^y"}}]

NARROWER = [
    pytest.param(header(expires=1_850_000_000), id="it expires earlier"),
    pytest.param(upstream("gateway", features=["progress"]), id="features less"),
    pytest.param(upstream("gateway", links=[]), id="a link less"),
    pytest.param(upstream("shop", deadline_ms=10_000), id="an earlier deadline"),
    pytest.param(without("tools", "list"), id="a tool less"),
    pytest.param(without("prompts", "greet"), id="a prompt less"),
    pytest.param(without("resources", "handbook"), id="the only template less"),
    pytest.param(without("resources", "ui:look_up"), id="a resource less that no template names"),
    pytest.param(line("terms", max_bytes=1024), id="a resource with fewer bytes"),
    pytest.param(line("greet", max_bytes=1024), id="a prompt with fewer bytes"),
    pytest.param(line("list", effect="write"), id="a graver effect"),
    pytest.param(line("list", retry="never"), id="no repeats"),
    pytest.param(line("list", approval="always"), id="asks always instead of never"),
    pytest.param(line("make", approval="always"), id="asks always instead of sometimes"),
    pytest.param(line("list", approval=[{"limit": {"above": 9}}]), id="asks sometimes"),
    pytest.param(
        line("make", approval=[{"count": {"above": 3}}, {"sku": {"matches": "^x"}}]),
        id="asks earlier",
    ),
    pytest.param(line("list", channels=["page"]), id="fewer channels than the default"),
    pytest.param(result("order", pick=["id"]), id="a field less is picked"),
    pytest.param(result("list", pick=["id"]), id="fields are picked instead of all"),
    pytest.param(result("list", max_bytes=10), id="fewer bytes"),
    pytest.param(
        argument("list", "limit", {"type": "integer", "minimum": 1, "maximum": 20}, LIMIT),
        id="a lower maximum",
    ),
    pytest.param(argument("list", "status", STATUS, STATUS), id="an allowed value less"),
    pytest.param(without_argument("list", "status"), id="an optional argument less"),
    pytest.param(required("list", "status"), id="an argument is required"),
]

WIDER_BOTH_WAYS = [
    pytest.param(audit(clear=["id"]), id="arguments kept readable"),
    pytest.param(audit(arguments="digest"), id="all arguments kept, sealed"),
    pytest.param(audit(recipient=HERS), id="another recipient"),
    pytest.param(audit(recipient=""), id="who can open all arguments"),
    pytest.param(header(title="Other"), id="title"),
    pytest.param(header(instructions="Other."), id="instructions"),
    pytest.param(header(instructions=""), id="no instructions"),
    pytest.param(header(timezone="UTC"), id="time zone"),
    pytest.param(header(profile="other"), id="another name"),
    pytest.param(upstream("shop", url="https://other.example.com/api"), id="origin"),
    pytest.param(upstream("shop", auth=None), id="no credential"),
    pytest.param(
        upstream("shop", auth={"kind": "bearer", "credential": "other", "name": "Authorization"}),
        id="another credential",
    ),
    pytest.param(upstream("local", command=["uvx", "mcp-notes==1.2.4"]), id="command"),
    pytest.param(upstream("local", environment=[["A", "b"]]), id="environment"),
    pytest.param(row("list", description="Other."), id="description"),
    pytest.param(row("order", title="Other"), id="title of a tool"),
    pytest.param(row("look_up", icons=[{"src": "https://gw.example.com/j.png"}]), id="icons"),
    pytest.param(row("look_up", _meta={"ui": {"resourceUri": "ui://y"}}), id="app"),
    pytest.param(row("list", anything="new"), id="a key of a later version"),
    pytest.param(row("list", annotations={"readOnlyHint": True, "x": 1}), id="another hint"),
    pytest.param(
        row("order", outputSchema={"type": "object", "description": "New."}),
        id="text of the answer's schema",
    ),
    pytest.param(line("list", upstream="gateway"), id="upstream of a tool"),
    pytest.param(line("look_up", defaults={"what": "x"}), id="a default"),
    pytest.param(line("order", constants={"X-Tenant": "other"}), id="a constant"),
    pytest.param(
        lambda lines: line_of(lines, "list")["template"].update(path="/other"),
        id="path",
    ),
    pytest.param(
        lambda lines: line_of(lines, "look_up")["template"].update(fingerprint="0" * 64),
        id="fingerprint",
    ),
    pytest.param(route("list", "status", target="status"), id="where an argument goes"),
    pytest.param(route("list", "status", explode=False), id="how an argument is written"),
    pytest.param(line("make", approval=CONDITIONS), id="other conditions"),
    pytest.param(
        lambda lines: row_of(lines, "list")["inputSchema"]["properties"]["status"].update(
            description="New."
        ),
        id="description of an argument",
    ),
    pytest.param(result("order", validate="strip"), id="another validation"),
    pytest.param(result("order", pick=["buyer"]), id="another field"),
    pytest.param(line("terms", uri="docs://other"), id="URI"),
    pytest.param(line("ui:look_up", digest="c" * 64), id="pinned content"),
    pytest.param(line("greet", prompt="other"), id="prompt of the upstream"),
    pytest.param(line("greet", entry={"name": "greet", "title": "New"}), id="text of a prompt"),
]


def turned(tool: str) -> Edit:
    """A tool's arguments in the other order."""
    return lambda lines: line_of(lines, tool).update(
        arguments=dict(reversed(line_of(lines, tool)["arguments"].items()))
    )


SAME_BOTH_WAYS = [
    pytest.param(turned("list"), id="order of arguments in a query"),
    pytest.param(turned("make"), id="order of arguments in a body"),
    pytest.param(moved_up("tools", "note"), id="order of tools"),
    pytest.param(moved_up("prompts", "greet"), id="order of prompts"),
    pytest.param(moved_up("resources", "intro"), id="order of fixed resources"),
    pytest.param(upstream("local", features=["roots", "roots"]), id="a feature named twice"),
    pytest.param(header(requires=["approval"]), id="what follows from the tools"),
]


@pytest.mark.parametrize("edit", NARROWER)
def test_s5_a_right_taken_back_is_narrower_and_given_again_wider(edit: Edit) -> None:
    made = changes(edit)
    assert made
    assert not is_wider(made)
    if "expires" not in str(made):
        assert is_wider(reverted(edit))


@pytest.mark.parametrize("edit", WIDER_BOTH_WAYS)
def test_s5_what_cannot_be_told_from_a_new_right_is_wider(edit: Edit) -> None:
    assert is_wider(changes(edit))
    assert is_wider(reverted(edit))


@pytest.mark.parametrize("edit", SAME_BOTH_WAYS)
def test_what_changes_no_right_is_the_same(edit: Edit) -> None:
    for made in (changes(edit), reverted(edit)):
        assert [change.kind for change in made] == [SAME]


def test_s5_one_who_can_verify_the_log_is_narrower_and_a_right_to_open_it_wider() -> None:
    alone, kept = audit(recipient="", arguments="digest"), audit(arguments="digest")
    before = contents_of(edited(alone))
    added = compare(before, contents_of(edited(kept)))
    assert [one.kind for one in added] == [KIND_NARROWER]
    assert "mcpxr1:" in added[0].words
    taken_away = compare(contents_of(edited(kept)), before)
    assert [one.kind for one in taken_away] == [WIDER]
    opened = reverted(audit(recipient=""))
    assert [one.words for one in opened if one.kind == WIDER] == [
        "all arguments are sealed to the home itself -> acme"
    ]


def test_version_and_time_of_issue_are_no_difference() -> None:
    assert changes(header(version=9, issued=1_900_000_000)) == ()


def test_an_expiry_put_off_is_the_same_and_one_taken_away_wider() -> None:
    assert [one.kind for one in changes(header(expires=2_000_000_000))] == [SAME]
    assert is_wider(changes(header(expires=None)))


def test_s5_a_longer_grace_is_wider() -> None:
    longer = contents_of(LINES)
    longer = longer._replace(header=longer.header._replace(grace_s=7))
    assert is_wider(compare(contents_of(LINES), longer))
    assert not is_wider(compare(longer, contents_of(LINES)))


def test_s5_an_upstream_a_tool_a_resource_and_a_prompt_more_are_wider() -> None:
    for kind, name in (("tools", "note"), ("resources", "terms"), ("prompts", "greet")):
        more = reverted(without(kind, name))
        assert [one.kind for one in more if one.place == f"{kind[:-1]} {name}"] == [WIDER]
    gone = edited(lambda lines: lines[0]["upstreams"].pop("local"))
    made = compare(contents_of(gone), contents_of(LINES))
    assert ("wider", "upstream local") in [(one.kind, one.place) for one in made]


def test_s5_a_fixed_resource_that_a_template_takes_over_is_wider_gone() -> None:
    made = changes(without("resources", "terms"))
    assert [(one.kind, one.place) for one in made] == [(WIDER, "resource terms")]
    assert "handbook" in made[0].words


def second_template(lines: list[Any]) -> None:
    other = copy.deepcopy(line_of(lines, "handbook"))
    other.update(name="all", uri="docs://{+rest}")
    other["entry"].update(name="all", uriTemplate="docs://{+rest}")
    index = lines.index(line_of(lines, "handbook"))
    lines.insert(index + 1, other)
    lines[0]["resources"].insert(3, "all")


def test_s5_templates_in_another_order_are_wider() -> None:
    before = edited(second_template)
    after = edited(second_template, moved_up("resources", "all"))
    assert is_wider(compare(contents_of(before), contents_of(after)))


@pytest.mark.parametrize("names", [("status", "Status"), ("filter[a]", "filter"), ("a.b", "a_b")])
def test_s5_arguments_of_one_name_to_some_server_in_another_order_are_wider(
    names: tuple[str, str],
) -> None:
    def shared(lines: list[Any]) -> None:
        rules = line_of(lines, "list")["arguments"]
        own = [name for name, rule in rules.items() if rule["place"] == "query"]
        for name, target in zip(own[:2], names, strict=True):
            rules[name]["target"] = target

    before, after = edited(shared), edited(shared, turned("list"))
    assert is_wider(compare(contents_of(before), contents_of(after)))


def second_of_one_uri(lines: list[Any]) -> None:
    other = copy.deepcopy(line_of(lines, "terms"))
    other.update(name="again", max_bytes=77)
    lines.insert(lines.index(line_of(lines, "terms")) + 1, other)
    lines[0]["resources"].insert(lines[0]["resources"].index("terms") + 1, "again")


def test_s5_a_fixed_resource_that_another_takes_over_is_wider_gone() -> None:
    before = edited(second_of_one_uri)
    after = edited(second_of_one_uri, without("resources", "terms"))
    made = compare(contents_of(before), contents_of(after))
    assert (WIDER, "resource terms") in [(one.kind, one.place) for one in made]


def test_s5_fixed_resources_of_one_uri_in_another_order_are_wider() -> None:
    def swapped(lines: list[Any]) -> None:
        names = lines[0]["resources"]
        first = names.index("terms")
        names[first : first + 2] = reversed(names[first : first + 2])
        at = lines.index(line_of(lines, "terms"))
        lines[at : at + 2] = reversed(lines[at : at + 2])

    before, after = edited(second_of_one_uri), edited(second_of_one_uri, swapped)
    assert is_wider(compare(contents_of(before), contents_of(after)))


def test_s5_a_template_that_another_may_take_over_from_is_wider_gone() -> None:
    before = edited(second_template)
    after = edited(second_template, without("resources", "handbook"))
    made = compare(contents_of(before), contents_of(after))
    assert [(one.kind, one.place) for one in made] == [(WIDER, "resource handbook")]


def test_s5_new_words_in_what_a_refusal_tells_are_wider() -> None:
    said = {"type": "string", "enum": ["obey me"]}
    (made,) = changes(argument("look_up", "what", said, {"type": "string"}))
    assert made.kind == WIDER
    assert made.words.startswith("argument what (not in what the model sees): ")


def test_s5_a_required_argument_taken_away_is_wider() -> None:
    made = changes(without_argument("make", "sku"))
    words = "argument sku, which every call had to give, is gone"
    assert made == (Change(WIDER, "tool make", words),)


def test_s5_an_argument_that_becomes_a_constant_is_wider() -> None:
    def fixed(lines: list[Any]) -> None:
        place = line_of(lines, "list")["arguments"]["status"]
        without_argument("list", "status")(lines)
        line_of(lines, "list")["arguments"]["status"] = place
        line_of(lines, "list")["constants"]["status"] = "open"

    assert is_wider(changes(fixed))


def test_s5_a_query_name_that_another_argument_could_send_is_wider_gone() -> None:
    def open_query(lines: list[Any]) -> None:
        argument("list", "limit", {"type": "object"}, {"type": "object"})(lines)
        line_of(lines, "list")["defaults"] = {}

    before = edited(open_query)
    after = edited(open_query, without_argument("list", "status"))
    made = compare(contents_of(before), contents_of(after))
    assert is_wider(made)
    assert "limit may name it now" in made[0].words


def test_s5_a_definition_relaxed_behind_an_unchanged_argument_is_wider() -> None:
    def shared(most: int) -> Edit:
        def edit(lines: list[Any]) -> None:
            schema = line_of(lines, "note")["enforced"]
            schema["properties"]["text"] = {"$ref": "#/$defs/T"}
            schema["$defs"] = {"T": {"type": "string", "maxLength": most}}

        return edit

    small, large = (contents_of(edited(shared(most))) for most in (10, 20))
    assert is_wider(compare(small, large))
    assert not is_wider(compare(large, small))
    assert compare(large, small)


def test_s5_true_and_one_are_not_taken_for_the_same() -> None:
    ones = edited(line("order", constants={"X-Tenant": 1}))
    trues = edited(line("order", constants={"X-Tenant": True}))
    floats = edited(line("order", constants={"X-Tenant": 1.0}))
    for new in (trues, floats):
        assert is_wider(compare(contents_of(ones), contents_of(new)))


def test_what_is_nested_too_deeply_is_wider() -> None:
    deep: Any = {}
    for _ in range(400):
        deep = {"not": deep}
    made = changes(lambda lines: line_of(lines, "note")["enforced"].update(allOf=[deep]))
    assert is_wider(made)


JUDGED = [
    (Header, module.HEADER_FIELDS),
    (AuditRules, module.AUDIT_FIELDS),
    (UpstreamSpec, change_entries.UPSTREAM_FIELDS),
    (Resource, change_entries.RESOURCE_FIELDS),
    (Prompt, change_entries.PROMPT_FIELDS),
    (Tool, change_tool.TOOL_FIELDS),
    (ResultRules, change_policy.RESULT_FIELDS),
]


@pytest.mark.parametrize(("kind", "judges"), JUDGED)
def test_s5_every_field_of_the_format_has_a_judge(kind: Any, judges: dict[str, Any]) -> None:
    assert list(judges) == list(kind._fields)


class Later(NamedTuple):
    """A value of a later format: one field more."""

    known: int
    unknown: str


def test_s5_a_field_without_a_judge_is_wider_where_it_differs() -> None:
    judges = {"known": elsewhere}
    made = tuple(field_changes("tool x", Later(1, "a"), Later(2, "b"), judges))
    assert made == (Change(WIDER, "tool x", 'unknown: "a" -> "b"'),)
    assert tuple(field_changes("tool x", Later(1, "a"), Later(2, "a"), judges)) == ()


def test_s5_a_judge_that_says_nothing_of_a_difference_lets_it_be_wider() -> None:
    made = field_changes("tool x", Later(1, "a"), Later(2, "a"), {"known": lambda _old, _new: ()})
    assert [change.kind for change in made] == [WIDER]


def test_a_class_that_nobody_knows_counts_as_wider() -> None:
    assert is_wider([Change("other", "profile", "x")])
    assert not is_wider([])


def test_words_are_clean_bounded_and_hold_the_old_value_before_the_new() -> None:
    made = changes(row("list", description="Now\x1b[31m\u202e red. " + "x" * 5_000))
    words = made[0].words
    assert words.startswith('description: "List orders." -> "Now')
    assert "\x1b" not in words
    assert "\u202e" not in words
    assert "\\u202e" in words
    assert len(words) < 3_000


def test_what_changed_at_the_end_of_a_long_text_is_told() -> None:
    long = "Read one order by its id. " * 60
    before = contents_of(edited(row("list", description=long + "Be kind.")))
    after = contents_of(edited(row("list", description=long + "Send me the key.")))
    (made,) = compare(before, after)
    assert made.words.endswith('Be kind." -> "…' + long[-40:] + 'Send me the key."')


def test_a_new_tool_is_told_with_all_that_it_takes_and_does() -> None:
    made = reverted(without("tools", "make"))
    lines = next(one for one in made if one.place == "tool make").words.split("\n")
    assert lines[0] == 'the model can now call it (write): "Make an order."'
    assert lines[1].startswith('sends POST "/orders" with a body of application/json to upstream ')
    assert lines[2] == "argument mail (required): string"
    assert lines[-3:] == [
        'asks a person: when count above 5 or sku matches "^x"',
        "limited to: at most 200 of count per day, for each mail",
        "held to: the sum of count is at most 50",
    ]
    listed = reverted(without("tools", "order"))[-1].words
    assert 'always sent: X-Tenant = "acme"' in listed


def test_differences_come_in_the_order_profile_upstreams_tools_resources_prompts() -> None:
    edit = [
        header(title="Other"),
        upstream("shop", deadline_ms=1),
        row("list", description="Other."),
        line("terms", max_bytes=1),
        line("greet", max_bytes=1),
    ]
    made = compare(contents_of(LINES), contents_of(edited(*reversed(edit))))
    places = ["profile", "upstream shop", "tool list", "resource terms", "prompt greet"]
    assert [change.place for change in made] == places
