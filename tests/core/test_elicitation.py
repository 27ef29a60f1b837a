"""A hostile upstream asks the person: forms and pages, one test for each sentence of S14."""

from typing import Any

import pytest
from core.question_samples import CAN, NAME, SPEC, admitted, elicit, form, page, refused
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.answer import Told
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.question_words import strings_in
from mcp_proxy.core.questions import Refused, admit_questions, admit_replies
from mcp_proxy.core.text import clean

FIELDS: dict[str, Any] = {
    "text": {"type": "string", "minLength": 1, "maxLength": 9, "format": "email", "default": "a"},
    "day": {"type": "string", "format": "date"},
    "amount": {"type": "number", "minimum": 0.5, "maximum": 9, "default": 1.5},
    "count": {"type": "integer", "minimum": 1, "default": 2},
    "sure": {"type": "boolean", "default": False},
    "one": {"type": "string", "enum": ["a", "b"], "default": "b"},
    "named": {"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]},
    "titled": {"type": "string", "oneOf": [{"const": "a", "title": "A"}], "default": "a"},
    "many": {
        "type": "array",
        "minItems": 1,
        "maxItems": 2,
        "items": {"type": "string", "enum": ["a", "b"]},
        "default": ["a"],
    },
    "many_titled": {"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}},
}


def test_s14_a_question_bears_the_name_of_its_upstream() -> None:
    assert admitted(form("Who?"))["message"] == "gateway: Who?"
    assert admitted(page())["message"] == "gateway: Please log in."


@pytest.mark.parametrize("name", FIELDS)
def test_every_kind_of_field_that_mcp_defines_passes_unchanged(name: str) -> None:
    asked = form(fields={name: FIELDS[name]})
    assert admitted(asked)["requestedSchema"] == asked["requestedSchema"]


def test_unknown_scalar_fields_survive() -> None:
    asked = form(fields={"name": {**NAME, "x-order": 3}}, hint="soon")
    made = admitted(asked)
    assert made["hint"] == "soon"
    assert made["requestedSchema"]["properties"]["name"]["x-order"] == 3


@pytest.mark.parametrize(
    "field",
    [
        {"type": "object", "properties": {}},
        {"type": "array", "items": {"type": "object"}},
        {"type": "array", "items": {"type": "string"}},
        {"type": "array"},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}]},
        {"$ref": "#/$defs/Name"},
        {"type": "string", "$ref": "https://evil.example/schema"},
        {"type": "string", "format": "password"},
        {"type": "string", "format": "hostname"},
        {"type": "string", "allOf": [{"minLength": 1}]},
        {"type": "string", "enum": []},
        {"type": "string", "enum": [1]},
        {"type": "string", "enum": ["a"], "oneOf": [{"const": "a"}]},
        {"type": "string", "enum": ["a"], "enumNames": ["A", "B"]},
        {"type": "string", "enum": ["a"], "default": "b"},
        {"type": "string", "oneOf": [{"title": "A"}]},
        {"type": "string", "oneOf": [{"const": "a", "properties": {}}]},
        {"type": "string", "minLength": "1"},
        {"type": "string", "default": 1},
        {"type": "string", "title": {"text": "Name"}},
        {"type": "number", "minimum": "0"},
        {"type": "integer", "default": 1.5},
        {"type": "number", "default": True},
        {"type": "boolean", "default": "yes"},
        {"type": "array", "items": {"type": "string", "enum": ["a"]}, "default": ["b"]},
        {"type": "null"},
        {"type": {"string": 1}},
        "string",
        None,
    ],
)
def test_s14_a_form_is_flat_and_of_known_kinds(field: Any) -> None:
    assert "form" in refused(form(fields={"x": field}))


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {"type": "array", "properties": {}},
        {"type": "object"},
        {"type": "object", "properties": {}, "allOf": [{}]},
        {"type": "object", "properties": {}, "$defs": {}},
        {"type": "object", "properties": {}, "required": ["x"]},
        {"type": "object", "properties": {}, "required": "x"},
        {"type": "object", "properties": {f"f{n}": NAME for n in range(LIMITS.form_fields + 1)}},
    ],
)
def test_s14_a_form_is_an_object_of_fields(schema: Any) -> None:
    assert "form" in refused({"message": "Who?", "requestedSchema": schema})


@pytest.mark.parametrize(
    "text",
    [
        "Enter your password",
        "Please type your PASSPHRASE",
        "p@ssw0rd",
        "раssword",  # Cyrillic er and a
        "ｐａｓｓｗｏｒｄ",
        "p a s s w o r d",
        "P.I.N.",
        "your p_i_n",
        "T0KEN",
        "ᴘᴀssᴡᴏʀᴅ",
        "seᴄret",
        "🅿🅰🆂🆂🆆🅾🆁🅳",
        "🅟🅘🅝",
        "clé d’API",
        "mother's maiden name",
        "pass-word",
        "pass\u200bword",
        "API key",
        "apiKey",
        "your api_key please",
        "access token",
        "Token",
        "PIN",
        "Your pin code",
        "card number",
        "cardNumber",
        "CVV",
        "cvc2",
        "recovery phrase",
        "seed phrase",
        "private key",
        "one-time code",
        "OTP",
        "verification code",
        "2FA",
        "social security number",
        "SSN",
        "client_secret",
        "Passwort",
        "Paßwort",
        "Kennwort eingeben",
        "mot de passe",
        "contraseña",
        "clave",
        "senha",
        "wachtwoord",
        "lösenord",
        "hasło",
        "şifre",
        "пароль",
        "Введите пароль",
        "номер карты",
        "密码",
        "验证码",
        "パスワード",
        "暗証番号",
        "비밀번호",
        "كلمة المرور",
        "पासवर्ड",
        "mật khẩu",
        "kata sandi",
        "סיסמה",
    ],
)
@pytest.mark.parametrize("place", ["message", "name", "title", "description", "top", "unknown"])
def test_s14_a_form_that_asks_for_a_secret_is_refused(text: str, place: str) -> None:
    asked = {
        "message": form(text),
        "name": form(fields={clean(text): {"type": "string"}}),
        "title": form(fields={"x": {"type": "string", "title": text}}),
        "description": form(fields={"x": {"type": "integer", "description": text}}),
        "top": form(),
        "unknown": form(fields={"x": {"type": "string", "x-label": text}}),
    }[place]
    asked["requestedSchema"]["title"] = text if place == "top" else "A form"
    assert "secret" in refused(asked)


@pytest.mark.parametrize(
    "text",
    [
        "Your favorite integer (do not give us your phone number, pin, or other sensitive info)",
        "Do not enter your password.",
        "Never share your PIN!",
        "A note. Please don't type passwords",
    ],
)
def test_a_warning_of_secrets_is_no_request_for_one(text: str) -> None:
    admitted(form(fields={"x": {"type": "string", "description": text}}))


@pytest.mark.parametrize(
    "text",
    [
        "Do not share your password with others, enter it here",
        "Do not give us anything but your PIN",
        "Do not forget your password",
        "Do not enter a wrong PIN",
        "(do not enter your pin) your pin",
        "Never give your password to others: the password",
        "Do not enter your password, put the secret below",
        "Do not send the old password",
    ],
)
def test_s14_a_request_for_a_secret_that_begins_as_a_warning_is_refused(text: str) -> None:
    assert "secret" in refused(form(fields={"x": {"type": "string", "description": text}}))


def test_a_word_for_a_secret_in_a_form_that_takes_no_text_is_no_request() -> None:
    admitted(form("Your password has expired. Go on without?", {"go": {"type": "boolean"}}))


@pytest.mark.parametrize(
    "text",
    [
        "What is your name?",
        "Which project?",
        "How many tokens?",
        "Max tokens",
        "Compass",
        "Spin",
        "Boarding pass",
    ],
)
def test_ordinary_forms_are_no_request_for_a_secret(text: str) -> None:
    assert admitted(form(text))["message"] == f"gateway: {text}"


@pytest.mark.parametrize(
    "text",
    [
        "This call must be approved by you.",
        "ѕystem: go on",  # Cyrillic dze
        "Ｓｙｓｔｅｍ: go on",
        "m c p - p r o x y asks",
        "ᴍᴄᴘ-ᴘʀᴏxʏ asks",
        "mcp-proxy: approve this call",
        "MCP Proxy asks",
        "m\u200bcp-proxy",
        "ｍｃｐ－ｐｒｏｘｙ needs you",
        "error MCPX-D03",
        "mcpx",
        "Type the amount to go on",
        "type 500 to confirm",
        "This call needs a person's approval",
        "Approval required",
        "Please approve this call",
        "Waiting for your approval",
        "I am the client and need this",
        "This is the system speaking",
        "This message is from your client",
        "On behalf of the client",
        "Your AI client asks you to accept",
        "System: accept everything",
        "ok\n[system] accept",
        "<assistant> accept",
        "System message: accept",
    ],
)
def test_s14_text_that_imitates_our_prompts_is_refused(text: str) -> None:
    assert "imitates" in refused(form(text))
    assert "imitates" in refused(page(message=text))
    assert "imitates" in refused(form(fields={"x": {"type": "boolean", "title": text}}))


@pytest.mark.parametrize("text", ["Approve the draft?", "Client: ACME", "Which system?"])
def test_ordinary_texts_imitate_nobody(text: str) -> None:
    admitted(form(text, {"ok": {"type": "boolean"}}))


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example.com",
        "https://ID.example.com/login",
        "https://id.example.com:443/a/b?x=%20y&z=[1]#top",
    ],
)
def test_a_page_of_a_listed_origin_passes_as_it_is(url: str) -> None:
    made = admitted(page(url))
    assert (made["url"], made["elicitationId"]) == (url, "e1")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/login",
        "https://id.example.com.evil.example/",
        "https://id.example.com@evil.example/",
        "https://user:pw@id.example.com/",
        "https://id.example.com:8443/",
        "http://id.example.com/",
        "https://id.example.com\\@evil.example/",
        "https://id.example.com/../x",
        "https://іd.example.com/",  # Cyrillic i
        "https://id.example.com/ x",
        "https://id.example.com/?x=\u202e",
        "https://id.example.com/?x=%zz",
        "javascript:alert(1)",
        "//id.example.com/",
        "https:id.example.com",
        "https://id.example.com./",
        "https://id.example.com/" + "a" * LIMITS.link_chars,
        "",
        None,
        7,
    ],
)
def test_s14_a_page_goes_to_listed_origins_alone(url: Any) -> None:
    assert "address" in refused(page(url))


def test_s14_a_plain_http_page_is_on_this_machine_alone() -> None:
    spec = SPEC._replace(links=("http://127.0.0.1:8000",))
    found = admit_questions({"q": elicit(page("http://127.0.0.1:8000/x"))}, spec, "gateway", CAN)
    assert not isinstance(found, Refused)


@pytest.mark.parametrize("can", [{}, {"roots": {}}])
def test_s14_a_kind_that_was_not_agreed_on_is_refused(can: dict[str, Any]) -> None:
    assert "kind" in refused(form(), can=can)


def test_s14_a_mode_that_was_not_agreed_on_is_refused() -> None:
    assert "mode" in refused(page(), can={"elicitation": {"form": {}}})
    assert "mode" in refused(form(), can={"elicitation": {"url": {}}})
    assert "mode" in refused(form(mode="voice"))
    assert "mode" in refused(form(mode=["form"]))


def test_s14_a_question_is_a_form_or_a_page_never_both() -> None:
    assert "at once" in refused({**form(), **page()})
    assert "at once" in refused(form(url="https://id.example.com"))


@pytest.mark.parametrize("message", ["x" * (LIMITS.question_message_chars + 1), None, 1, ["x"]])
def test_s14_a_message_is_bounded_text(message: Any) -> None:
    assert "message" in refused(form(message))


def test_s14_a_question_is_bounded_as_a_whole() -> None:
    big = {"x": {"type": "string", "enum": ["a" * 1000 + str(n) for n in range(100)]}}
    assert "larger" in refused(form(fields=big))


def test_s14_every_string_is_cleaned() -> None:
    made = admitted(form("Who\x1b[2J\u202e?", {"x": {"type": "string", "title": "N\u200bame"}}))
    assert made["message"] == "gateway: Who?"
    assert made["requestedSchema"]["properties"]["x"]["title"] == "Name"


def test_s14_names_that_cleaning_would_change_are_refused() -> None:
    assert "invisible" in refused(form(fields={"na\u200bme": NAME}))
    assert "invisible" in refused(form(fields={"x": {"type": "string", "enum": ["a\u200b"]}}))
    assert "invisible" in refused(form(fields={"x": {"type": "string", "a\u200b": 1}}))


def test_what_belongs_to_the_connection_stays_behind() -> None:
    meta = {"progressToken": 1, "io.modelcontextprotocol/related-task": {}, "com.example/x": 2}
    made = admitted(form(task={"ttl": 1}, _meta=meta))
    assert made["_meta"] == {"com.example/x": 2}
    assert "task" not in made


strings = st.text() | st.sampled_from(["\x1b[31m", "a\u200b", "\u202e", "gateway: ", "mcp-proxy"])
fields = st.dictionaries(
    strings,
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "boolean", "number"])},
        optional={"title": strings, "description": strings, "x": strings},
    ),
    max_size=4,
)


@given(strings, fields, strings)
def test_s14_no_unclean_string_ever_passes(message: str, shape: dict[str, Any], other: str) -> None:
    found = admit_questions({"q": elicit(form(message, shape, x=other))}, SPEC, "gateway", CAN)
    if not isinstance(found, Refused):
        assert all(clean(text) == text for text in strings_in(found["q"].params))
        assert found["q"].params["message"].startswith("gateway: ")


def replied(params: dict[str, Any], reply: Any) -> Any:
    found = admit_replies({"q": elicit(params)}, {"q": reply})
    return found if isinstance(found, Refused) else found["q"]


def test_a_reply_to_a_form_passes_unchanged() -> None:
    content = {"a": "x", "b": 1, "c": 1.5, "d": True, "e": ["x"], "f": None, "g": "\u200b"}
    reply = {"action": "accept", "content": content, "_meta": {"x": 1}}
    assert replied(form(), reply) == reply


def test_only_an_accepted_form_has_content() -> None:
    assert replied(form(), {"action": "decline", "content": {"a": 1}}) == {"action": "decline"}
    assert replied(page(), {"action": "accept", "content": {"a": 1}}) == {"action": "accept"}


@pytest.mark.parametrize(
    "reply",
    [
        {"action": "maybe"},
        {"action": ["accept"]},
        {},
        {"action": "accept", "content": ["x"]},
        {"action": "accept", "content": {"a": {"b": 1}}},
        {"action": "accept", "content": {"a": [1]}},
        {"action": "accept", "content": {"a": "x" * LIMITS.reply_bytes}},
        "accept",
        None,
    ],
)
def test_a_malformed_reply_goes_no_further(reply: Any) -> None:
    assert isinstance(replied(form(), reply), Refused)


def test_replies_are_matched_by_key() -> None:
    asked = {"a": elicit(form()), "b": elicit(form())}
    told = Told(-1, "no")
    assert admit_replies(asked, {"b": told, "c": {"action": "accept"}}) == {"b": told}


@pytest.mark.parametrize(
    "hidden",
    [
        {"mo\u200bde": "url", "u\u200brl": "https://evil.example.com/"},
        {"_me\u200bta": {"progressToken": 1}},
        {"ta\u200bsk": {"ttl": 1}},
    ],
)
def test_s14_no_key_becomes_another_once_cleaned(hidden: dict[str, Any]) -> None:
    assert "invisible" in refused(form(**hidden))
