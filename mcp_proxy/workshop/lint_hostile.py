"""Lint rules L401 to L404: texts that work against the model or against the person."""

import re
from collections.abc import Iterator

from mcp_proxy.core.text import hidden_character
from mcp_proxy.workshop.lint_subject import Hit, Subject, Text, bits_per_character, texts

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.\n]{0,20}\b(?:previous|prior|above|earlier|preceding|your)\b"
    r"[^.\n]{0,20}\b(?:instructions?|prompts?|rules|guidelines|directives|context)\b"
    r"|\b(?:ignore|disregard|forget) all (?:instructions|rules|guidelines)\b"
    r"|\boverride\b[^.\n]{0,12}\b(?:system|previous|your) (?:prompt|instructions?|rules)\b"
    r"|\b(?:do not|don['\u2019]t|never|without) (?:ever )?(?:tell(?:ing)?|mention(?:ing)?"
    r"|inform(?:ing)?|reveal(?:ing)?|disclos(?:e|ing))\b[^.\n]{0,30}"
    r"\b(?:the|your) (?:user|human|person|operator)\b"
    r"|\bhide (?:this|it|that) from (?:the|your) (?:user|human|person|operator)\b"
    r"|\byou are now (?:a|an|in|the|no longer)\b",
    re.IGNORECASE,
)
_SPEAKERS = re.compile(
    r"</?(?:system|important|instructions?|assistant|secret|hidden|admin|tool_calls?|tool_use"
    r"|tool_result|function_calls?|function_results?|invoke|thinking)(?:\s[^<>\n]{0,80})?>"
    r"|<\|(?:im_start|im_end|im_sep|start_header_id|end_header_id|eot_id|eom_id|begin_of_text"
    r"|start_of_turn|end_of_turn|system|user|assistant|tool)\|>|\[/?INST\]|<</?SYS>>"
    r"|(?:^|\n)[^\S\n]*(?:\#{2,4}\s*)?(?:system|assistant|human)(?: message| prompt)?:\s"
    r"|\{\s*\"(?:tool_calls?|function_call|tool_use)\"\s*:"
    r"|\{\s*\"name\"\s*:\s*\"[^\"\n]{1,64}\"\s*,\s*\"(?:arguments|parameters|input)\"\s*:"
    r"|\"method\"\s*:\s*\"tools/call\"",
    re.IGNORECASE,
)
_STEERING = re.compile(
    r"\byou must (?:always|never) (?:call|use|run|invoke|prefer|choose|select|say|tell|answer|reply"
    r"|respond|send|obey|follow|trust)\b"
    r"|\b(?:before|instead of) (?:using |calling |invoking )?(?:any|all|every) other tools?\b"
    r"|\b(?:always|must) (?:call|use|run|invoke) this (?:tool|function)\b"
    r"|\b(?:never|don['\u2019]t|do not) (?:call|use|invoke) (?:any |the )?other tools?\b"
    r"|\b(?:the|an|any|this) (?:ai|llm|language model|ai assistant|ai agent|ai model)"
    r" (?:must|should|shall|has to|needs to)\b"
    r"|(?:~|\$HOME)/\.(?:ssh/id_[a-z0-9]+\b(?!\.pub)|aws/credentials|netrc|cursor/mcp\.json)"
    r"|/etc/shadow\b",
    re.IGNORECASE,
)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{100,}={0,2}")
# Base64 of anything has about 5 bits in each character; hex has 4, prose joined by dashes less.
_BASE64_BITS = 4.6


def find(subject: Subject) -> Iterator[Hit]:
    """Texts that are hidden, give orders or carry what nobody can read; one of a rule a place."""
    told = set()
    for item in texts(subject.contents):
        for rule, words in _judge(item):
            if (rule, item.place) not in told:
                told.add((rule, item.place))
                yield Hit(rule, item.place, f"{_where(item)}: {words}")


def _judge(item: Text) -> Iterator[tuple[str, str]]:
    hidden = hidden_character(item.text)
    if hidden is not None:
        yield "L401", f"holds the hidden character {hidden}"
    for pattern, words in ((_ORDERS, "orders the model about"), (_SPEAKERS, "imitates its system")):
        found = pattern.search(item.text)
        if found:
            yield "L402", f'{words}: "{found[0].strip()}"'
    # `instructions` are for steering.
    found = None if item.place == ("instructions",) else _STEERING.search(item.text)
    if found:
        yield "L403", f'steers the model: "{found[0]}"'
    if any(bits_per_character(run) > _BASE64_BITS for run in _RUN.findall(item.text)):
        yield "L404", "holds a long encoded run"


def _where(item: Text) -> str:
    return ".".join(map(str, item.place[1:])) or str(item.place[0])
