"""Masks: the same for the same thing, everywhere in an answer, and nothing else is touched."""

import json
import re
from typing import Any

import pytest
from core.question_samples import SPEC
from core.tool_samples import PLAIN, REST, rest_tool
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core import arrival
from mcp_proxy.core.answer import Failure, HttpAnswer, McpAnswer
from mcp_proxy.core.detection import detect
from mcp_proxy.core.detectors import NAMES, parse_detectors
from mcp_proxy.core.plan import Going, Label
from mcp_proxy.core.policy import Allow
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.ready import ready_tool
from mcp_proxy.core.redact import Masker, mask_key, masker
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected, admit
from mcp_proxy.core.tasks import Owner, Task, admit_created, admit_task
from mcp_proxy.errors import ProfileError

KEY = mask_key("0" * 32, "billing")
EVERY = masker(NAMES, (), KEY)
TOKEN = re.compile(r"\[[a-z_.]+:[0-9a-f]{6}\]")
PERSONAL = (
    *("bob@example.com", "+49 30 1234567", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"),
    *("078-05-1120", "ghp_" + "aB3" * 12, 4111111111111111),
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    SCALARS | st.text(max_size=30) | st.sampled_from(PERSONAL),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9) | st.just("bob@example.com"), inner, max_size=4)
    ),
    max_leaves=12,
)


def rules(*names: str, fields: tuple[str, ...] = (), **other: Any) -> ResultRules:
    return PLAIN._replace(redact=names, redact_fields=fields, **other)


def judged(answer: HttpAnswer | McpAnswer, by: ResultRules) -> Admitted | Rejected:
    return admit(answer, by, None, masker(by.redact, by.redact_fields, KEY))


def admitted(answer: HttpAnswer | McpAnswer, by: ResultRules) -> dict[str, Any]:
    verdict = judged(answer, by)
    assert isinstance(verdict, Admitted), verdict
    return verdict.result


def http(value: Any) -> HttpAnswer:
    return HttpAnswer(200, "application/json", json.dumps(value).encode())


def test_equal_values_have_equal_masks_and_others_have_others() -> None:
    value = {"a": "bob@example.com", "b": ["Bob@Example.com", "eve@example.com"]}
    made = EVERY.value(value)
    assert made["a"] == made["b"][0] != made["b"][1]
    assert TOKEN.fullmatch(made["a"])
    assert masker(NAMES, (), KEY).value(value) == made


def test_masks_differ_by_home_and_by_profile_so_that_none_tells_of_another() -> None:
    keys = [mask_key(home, name) for home in ("1" * 32, "2" * 32) for name in ("a", "b")]
    made = {masker(("email",), (), key).text("bob@example.com") for key in keys}
    assert len(made) == 4


def test_keys_and_numbers_are_masked_like_strings() -> None:
    made = EVERY.value({"bob@example.com": {"card": 4111111111111111}, "n": 4111111111111111.0})
    ((key, inner), (_, number)) = made.items()
    assert TOKEN.fullmatch(key)
    assert inner["card"] == number == EVERY.text("4111 1111 1111 1111")


def test_two_keys_with_one_mask_keep_both_entries() -> None:
    made = EVERY.value({"bob@example.com": 1, "BOB@example.com": 2})
    assert sorted(made.values()) == [1, 2]
    assert "bob" not in json.dumps(made).lower()


def test_a_key_tells_what_its_value_is() -> None:
    value = {"phone": "4155552671", "order": "4155552672", "phones": ["5551234567", 5551234568]}
    made = EVERY.value(value)
    assert made["order"] == "4155552672"
    assert [TOKEN.fullmatch(item) is not None for item in made["phones"]] == [True, True]
    assert TOKEN.fullmatch(made["phone"])


def test_a_word_in_another_value_tells_nothing() -> None:
    assert EVERY.value(["call the phone", "4155552671"])[1] == "4155552671"


@given(JSON)
def test_what_holds_nothing_comes_back_as_it_is_and_masking_twice_changes_nothing(
    value: Any,
) -> None:
    once = EVERY.value(value)
    assert EVERY.value(once) == once
    if once == value:
        assert once is value


@given(JSON, st.sampled_from(PERSONAL))
def test_no_value_that_is_personal_is_left_anywhere(value: Any, personal: str | int) -> None:
    made = json.dumps(EVERY.value({"a": [value, {"b": personal}], str(personal): 1}))
    assert json.dumps(personal).strip('"') not in made


@given(JSON)
def test_the_shape_of_an_answer_is_kept(value: Any) -> None:
    def shape(item: Any) -> Any:
        if isinstance(item, list):
            return [shape(one) for one in item]
        return [shape(one) for one in item.values()] if isinstance(item, dict) else None

    assert shape(EVERY.value(value)) == shape(value)


@given(st.lists(st.text(max_size=20) | st.sampled_from(PERSONAL[:6]), max_size=6))
def test_a_string_among_many_is_masked_as_it_is_alone(texts: list[str]) -> None:
    assert EVERY.value(texts) == [EVERY.text(text) for text in texts]


def test_fields_are_masked_whatever_they_hold_and_lists_are_walked_through() -> None:
    by = masker((), ("data.note", "top", "map.*.x"), KEY)
    value = {
        "data": [{"note": "a", "id": 1}, {"note": None}, {"note": ["a", 5, {"b": 1}]}],
        "top": 7,
        "map": {"k": {"x": True, "y": True}},
    }
    made = by.value(value)
    notes = [row["note"] for row in made["data"]]
    assert notes[0] == notes[2][0] != notes[2][1]
    assert notes[1] is None
    assert all(TOKEN.fullmatch(item) for item in (*notes[2], made["top"], made["map"]["k"]["x"]))
    assert made["data"][0]["id"] == 1
    assert made["map"]["k"]["y"] is True


def test_a_rest_answer_says_the_same_in_its_text_and_its_structure() -> None:
    result = admitted(http({"note": "bob@example.com, 078-05-1120"}), rules(*NAMES))
    ((block),) = result["content"]
    assert json.loads(block["text"]) == result["structuredContent"]
    assert TOKEN.sub("", result["structuredContent"]["note"]) == ", "


@pytest.mark.parametrize("invisible", ["\u200b", "\u00ad", "\x1b[31m", "\u202e"])
def test_s25_an_invisible_character_hides_nothing_from_a_detector(invisible: str) -> None:
    note = f"bob{invisible}@example.com and 4111{invisible}111111111111"
    made = admitted(http({"note": note}), rules(*NAMES))["structuredContent"]["note"]
    assert TOKEN.sub("", made) == " and "
    text = HttpAnswer(200, "text/plain", note.encode())
    assert TOKEN.sub("", admitted(text, rules(*NAMES))["content"][0]["text"]) == " and "


def test_a_text_where_fields_are_named_is_withheld() -> None:
    verdict = judged(HttpAnswer(200, "text/plain", b"note: x"), rules(fields=("note",)))
    assert isinstance(verdict, Rejected)
    assert verdict.id == "MCPX-R02"


def test_an_answer_that_nothing_here_can_mask_is_withheld() -> None:
    for by in (rules("email"), rules(fields=("note",))):
        verdict = admit(http({"note": "x"}), by, None)
        assert isinstance(verdict, Rejected)


def test_every_part_of_a_gateways_answer_is_masked_but_its_bytes() -> None:
    mail = "bob@example.com"
    result = {
        "content": [
            {"type": "text", "text": f"to {mail}"},
            {"type": "text", "text": json.dumps({"card": 4111111111111111, "m": mail})},
            {"type": "resource", "resource": {"uri": f"x://{mail}", "text": mail, "blob": "AAAA"}},
            {"type": "image", "data": "Ym9iQGV4YW1wbGUuY29t", "mimeType": "image/png"},
        ],
        "structuredContent": {"m": mail},
        "_meta": {"by": mail},
    }
    made = admitted(McpAnswer(result), rules(*NAMES))
    assert mail not in json.dumps(made)
    assert isinstance(json.loads(made["content"][1]["text"])["card"], str)
    assert made["content"][2]["resource"]["blob"] == "AAAA"
    assert made["content"][3] == result["content"][3]


def test_fields_hide_a_gateways_answer_in_texts_and_structure_alike() -> None:
    value = {"note": "private", "id": 1}
    by = rules(fields=("note",))
    alone = {"content": [{"type": "text", "text": json.dumps(value)}]}
    beside = {**alone, "structuredContent": value, "_meta": {"note": "private"}}
    worded = {"content": [{"type": "text", "text": "it is private"}], "structuredContent": value}
    for result in (alone, beside, worded):
        made = admitted(McpAnswer(result), by)
        assert "private" not in json.dumps(made)
        assert json.loads(made["content"][0]["text"])["id"] == 1
    prose = {"content": [{"type": "text", "text": "it is private"}]}
    assert isinstance(judged(McpAnswer(prose), by), Rejected)


def test_an_error_of_a_tool_is_masked_too() -> None:
    result = {
        "content": [{"type": "text", "text": "no such user bob@example.com"}],
        "isError": True,
    }
    made = admitted(McpAnswer(result), rules("email"))
    assert made["isError"] is True
    assert "bob" not in made["content"][0]["text"]


def test_the_size_is_that_of_what_the_model_gets() -> None:
    verdict = judged(http({"note": "bob@example.com"}), rules("email"))
    assert isinstance(verdict, Admitted)
    assert verdict.size_bytes == len(verdict.result["content"][0]["text"])


def test_a_masker_says_nothing_of_its_key() -> None:
    assert KEY.hex() not in repr(Masker(frozenset(), {}, KEY))


@given(st.text(max_size=80))
def test_a_text_without_finds_is_left_alone(text: str) -> None:
    if not detect(text, frozenset(NAMES)):
        assert EVERY.text(text) is text


def test_a_detector_of_a_later_version_is_refused() -> None:
    assert parse_detectors(["email", "national_id.de"]) == ("email", "national_id.de")
    with pytest.raises(ProfileError) as refused:
        parse_detectors(["email", "heartbeat"])
    assert refused.value.id == "MCPX-P09"


def test_what_an_upstream_says_of_its_failure_is_masked_too() -> None:
    tool = rest_tool({}, result=rules("email"))
    ready = ready_tool(tool, REST, None, None, masker(("email",), (), KEY))
    label = Label("tool", "api", "read", is_tool=True)
    request = McpRequest("tools/call", {}, "tool", (), retry_safe=False)
    going = Going(label, {}, Allow("allow", request, {}), REST, "api", lambda _: None, ready)
    failure = Failure("MCPX-U03", "404: no user bob@example.com", "yes", 404)
    met = arrival.admit(failure, going, 1, 5, capabilities={}, waits=True)
    assert "bob" not in json.dumps(met.end.value["content"])
    assert "[email:" in json.dumps(met.end.value["content"])


MAIL, IBAN = "bob@example.com", "DE89370400440532013000"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "x", "data": MAIL, "mimeType": MAIL},
        {"type": MAIL},
        {"type": "image", "data": MAIL, "mimeType": MAIL},
        {"type": "image", "data": {"a": MAIL}, "mimeType": [MAIL]},
        {"type": "resource", "resource": {"uri": "x:y", "blob": {"a": MAIL}, MAIL: 1}},
        {"type": "resource", "resource": {"uri": "x:y", "text": '{"a":"bob\\u0040example.com"}'}},
        {"type": "odd", "resource": {"blob": MAIL}},
    ],
)
def test_no_part_of_a_block_is_beyond_the_masks(block: dict[str, Any]) -> None:
    told = json.dumps(admitted(McpAnswer({"content": [block], MAIL: 1}), rules("email")))

    assert MAIL not in told
    assert "u0040" not in told
    assert TOKEN.search(told)


def test_bytes_in_base64_stay_as_they_are() -> None:
    data = "QUJDMTIzNDU2Nzg5MDEyMzQ1Njc4OTA=" * 3
    blocks = [
        {"type": "image", "data": "4111111111111111", "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "x:y", "blob": data[:28]}},
    ]

    assert admitted(McpAnswer({"content": blocks}), rules("card", "iban"))["content"] == blocks


@pytest.mark.parametrize("by", [rules("iban", max_items=1), rules(fields=("data",), max_items=1)])
def test_what_was_left_out_is_told_by_no_key_that_is_masked(by: ResultRules) -> None:
    value = {"data": {IBAN: [1, 2, 3]}}

    for answer in (http(value), McpAnswer({"content": [], "structuredContent": value})):
        verdict = judged(answer, by)
        assert isinstance(verdict, Admitted)
        assert IBAN not in json.dumps([verdict.result, dict(verdict.left_out)])


def test_no_part_of_a_task_s_state_is_beyond_the_masks() -> None:
    state = {"taskId": "t1", "status": "failed", "x": MAIL, "createdAt": MAIL, "_meta": {MAIL: 1}}
    message = "y" * 286 + " 4111111111111111 of a customer"
    error = {"code": 1, "message": message, "data": [MAIL]}
    by = rules("email", "card")
    owner = Owner("t", "u", SPEC, by, None, {}, masker(by.redact, (), KEY))

    found = admit_task({**state, "error": error}, "t1", owner)

    assert isinstance(found, Task)
    told = json.dumps([found.result, admit_created(state, owner.mask)])
    assert MAIL not in told
    assert "411111" not in told
    assert found.result["taskId"] == "t1"


def test_json_that_calls_itself_a_listed_text_is_masked_and_picked_as_json() -> None:
    answer = HttpAnswer(200, "text/plain", b'{"note": "hush", "id": 1}')
    masked = admitted(answer, rules(fields=("note",), types=("text/plain",)))
    picked = admitted(answer, PLAIN._replace(pick=("id",), types=("text/plain",)))

    assert "hush" not in json.dumps([masked, picked])
    assert picked["structuredContent"] == {"id": 1}


@pytest.mark.parametrize("half", ["411111111111", "4111 1111 11", "bob@exam"])
def test_half_a_number_at_the_end_of_a_cut_failure_is_not_told(half: str) -> None:
    failure = Failure("MCPX-U03", f"It answered 422: refused for {half}…", "yes", 422)
    ready = ready_tool(rest_tool({}), REST, None, None, EVERY)
    going = Going(
        Label("t", "u", "read", is_tool=True),
        {},
        Allow("allow", McpRequest("tools/call", {}, "t", (), retry_safe=True), {}),
        REST,
        "u",
        lambda answer: Rejected("MCPX-U05", "x"),
        ready,
    )

    met = arrival.admit(failure, going, 0, 1, capabilities={}, waits=False)

    assert "refused for …" in json.dumps(met.end, ensure_ascii=False)
    assert half[:4] not in json.dumps(met.end)


def test_no_quoted_address_reaches_over_its_own_value() -> None:
    value = {"e": 'say "', "f": '"@example.com is', "g": '"a b"@example.com'}
    masked = EVERY.value(value)
    assert {key: masked[key] for key in "ef"} == {key: value[key] for key in "ef"}
    assert TOKEN.fullmatch(masked["g"])


def test_a_field_within_a_text_that_may_be_json_is_not_let_through() -> None:
    by = masker((), ("data.ssn",), KEY)
    inner = json.dumps({"data": {"ssn": "secret"}})
    for value in ({"data": inner}, inner, json.dumps(inner), {"data": [f" {inner}"]}):
        assert "secret" not in json.dumps(by.value(value))
    assert by.value({"data": "cus_1"}) == {"data": "cus_1"}


@pytest.mark.parametrize("by", [rules(pick=("data.id",)), rules(fields=("data.ssn",))])
def test_an_error_says_no_more_of_the_fields_than_an_answer(by: ResultRules) -> None:
    inner = {"data": {"id": 1, "ssn": "secret"}}
    texts = [json.dumps(inner), f"Failed: {json.dumps(inner)}", "Failed <ssn>secret</ssn>", "Gone."]
    blocks = [{"type": "text", "text": text} for text in texts]
    mask = masker(by.redact, by.redact_fields, KEY) if by.redact_fields else None
    verdict = admit(McpAnswer({"content": blocks, "isError": True}), by, None, mask)
    assert isinstance(verdict, Admitted)
    assert "secret" not in json.dumps(verdict.result)
    told = [block["text"] for block in verdict.result["content"]]
    assert told[1:] == ["Failed: …", "Failed …", "Gone."]
    assert json.loads(told[0])["data"]["id"] == 1
