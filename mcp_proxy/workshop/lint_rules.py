"""Every rule of `profile lint` in one catalog: its id, level, what it finds and what mends it.

Ids are stable: a rule that goes leaves its number unused. `RULES` also makes the README's table.
It is longer than 300 lines because a catalog in two files would be searched twice.
"""

from typing import NamedTuple

LEVELS = ("error", "warning", "note")


class Rule(NamedTuple):
    """One rule: `level` of `LEVELS`, a name in kebab case, what it finds, and what mends that."""

    level: str
    name: str
    what: str
    fix: str


RULES: dict[str, Rule] = {
    "L001": Rule(
        "error", "not-built", "the source cannot be built", "do what it says, then lint again"
    ),
    # what a tool says of itself
    "L101": Rule(
        "error", "description-missing", "a tool says nothing of itself", "say what it does"
    ),
    "L102": Rule(
        "error",
        "description-cut",
        "a description or the instructions have more than 2 KiB, where clients cut",
        "keep what the model needs in order to choose",
    ),
    "L103": Rule(
        "note",
        "description-long",
        "a description has more than 400 characters, read again with every request",
        "keep what the model needs in order to choose",
    ),
    "L104": Rule(
        "error",
        "description-unreviewed",
        "a `# REVIEW` comment stands in the source",
        "read the line, correct it, and take the comment out",
    ),
    "L105": Rule(
        "warning",
        "description-copied",
        "a description is worded for programmers: HTTP words, Markdown, HTML",
        "write for the model what the tool does and when to use it",
    ),
    "L106": Rule(
        "warning",
        "tools-confusable",
        "two tools, resources or prompts read alike",
        "say in each what the other is for, or keep one",
    ),
    # arguments
    "L201": Rule(
        "warning",
        "argument-undocumented",
        "arguments without a description whose names do not say enough",
        "add `description:` below the argument's name",
    ),
    "L202": Rule(
        "note",
        "argument-unbounded",
        "texts, numbers or lists of any length or size",
        "add maxLength, enum, pattern, maximum or maxItems",
    ),
    "L203": Rule(
        "warning",
        "amount-unbounded",
        "a tool that changes something takes an amount without a maximum",
        "add `maximum:`",
    ),
    "L204": Rule(
        "warning",
        "argument-free-form",
        "a description lists the values, the schema takes any text",
        "add `enum:` with these values",
    ),
    # what a tool may do
    "L301": Rule(
        "error",
        "destructive-without-approval",
        "a destructive tool asks nobody",
        "add `approval: always`, or a condition",
    ),
    "L302": Rule(
        "note",
        "threshold-without-sum",
        "many calls below a threshold of approval add up to any sum",
        "add `limits: {sum: {of: ..., per: day, at_most: ...}}` of the same argument",
    ),
    "L303": Rule(
        "note",
        "admin-tool",
        "a tool touches rights, members, keys or settings",
        "take it out unless the profile is for administrators",
    ),
    "L304": Rule(
        "warning",
        "broad-admin-surface",
        "three tools or more, and a fifth of the profile, touch rights, members, keys or settings",
        "move them into a profile of their own, for those who need them",
    ),
    "L305": Rule(
        "warning",
        "effect-too-low",
        "the operation's method or name says more than `effect`",
        "raise the effect, or give an effect_reason",
    ),
    "L306": Rule(
        "warning",
        "all-tools",
        'tools are taken over by `"*"`, also those that nobody has looked at',
        "name each tool",
    ),
    "L307": Rule(
        "note",
        "destructive-without-limit",
        "a destructive tool may be called any number of times",
        "add `limits: {calls: 20/day}`, or a sum",
    ),
    # text that works against the reader
    "L401": Rule(
        "error", "hidden-character", "a text holds characters that nobody sees", "take them out"
    ),
    "L402": Rule(
        "error",
        "model-instructions",
        "a text orders the model about, speaks as its system, or looks like a call",
        "take it out; if you did not write it, ask who did",
    ),
    "L403": Rule(
        "warning",
        "model-steering",
        "a text puts its tool before all others, or tells the model how to behave",
        "say what the tool is for; rules of use go into `instructions`",
    ),
    "L404": Rule(
        "warning",
        "encoded-blob",
        "a text holds a long encoded run that nobody can read",
        "take it out, or write what it says",
    ),
    # names and schemas that clients choke on
    "L501": Rule(
        "warning",
        "name-characters",
        "a tool's name holds more than a-z, 0-9 and _",
        "rename the tool",
    ),
    "L502": Rule(
        "warning", "name-long", "a tool's name has more than 40 characters", "rename the tool"
    ),
    "L503": Rule(
        "error",
        "name-budget",
        "the profile's and the tool's name have more than 57 characters together",
        "rename the tool: clients put the profile's name before it and cut or refuse beyond 64",
    ),
    "L504": Rule(
        "error",
        "schema-reference",
        "a schema that the model reads holds `$ref`, which many clients cannot follow",
        "build the profile with this program, which writes references out",
    ),
    "L505": Rule(
        "error",
        "schema-top",
        "an input schema is no plain object at its top",
        "build the profile with this program, which writes one object",
    ),
    "L506": Rule(
        "note",
        "schema-type-list",
        "arguments have a list of types; some clients take only one",
        "add `type:` with one of them",
    ),
    "L507": Rule(
        "warning",
        "schema-deep",
        "arguments nest more than five levels deep",
        "name fewer arguments, or the inner ones by `from: body#/pointer`",
    ),
    "L508": Rule(
        "error", "schema-large", "an input schema has more than 16 KiB", "name fewer arguments"
    ),
    "L509": Rule(
        "note",
        "schema-open",
        "an input schema allows arguments that it does not name",
        "build the profile with this program, which closes it",
    ),
    "L510": Rule(
        "warning",
        "enum-long",
        "an argument has more than 200 fixed values",
        "write the few that are needed as `enum:`, or drop the argument",
    ),
    "L511": Rule(
        "warning",
        "pattern-not-portable",
        "a pattern uses what not every client's engine knows",
        "add `pattern:` without look-around, named groups or inline flags",
    ),
    "L512": Rule(
        "warning", "default-misfit", "a default does not fit its own schema", "correct the default"
    ),
    "L513": Rule(
        "note",
        "format-unknown",
        "a format that JSON Schema and OpenAPI do not know",
        "add `pattern:`, or describe the form in words",
    ),
    "L514": Rule(
        "note",
        "keyword-unusual",
        "keywords that some clients drop or refuse",
        "name the properties, or describe the form in words",
    ),
    "L515": Rule(
        "note",
        "union-untagged",
        "a union of objects without a property that tells them apart",
        "keep one form: name its properties by `from: body#/pointer`",
    ),
    # answers
    "L601": Rule(
        "warning",
        "result-unbounded",
        "a list can come back whole, up to 1 MiB or more",
        "add `result: {pick: [...], max_bytes: 64KiB}`, or `max_items: 50`",
    ),
    "L602": Rule(
        "note",
        "result-unvalidated",
        "every field that the API answers with, also undocumented ones, reaches the model",
        "add `pick`, or `validate: strip` where the document describes the answer",
    ),
    "L603": Rule(
        "note",
        "result-unmarked",
        "texts of an MCP server reach the model as if nobody else had written them",
        "add `result: {mark: true}`, or `pick` what the model needs",
    ),
    # what must not get out
    "L701": Rule(
        "error",
        "secret",
        "a text or a constant looks like a secret, and whoever gets the profile can read it",
        "take it out, revoke it, and give it by `mcp-proxy credential set`",
    ),
    "L702": Rule(
        "warning",
        "secret-like",
        "a fixed value is as random as a secret",
        "if it is one: take it out, revoke it, and give it by `mcp-proxy credential set`",
    ),
    "L703": Rule(
        "warning",
        "internal-host",
        "a text or a constant names a host or an address of an internal network",
        "take it out: the model may pass it on",
    ),
    "L704": Rule(
        "warning",
        "credential-in-address",
        "a credential goes into the address, which servers and proxies on the way write down",
        "take another way to authorize; kind query is for an API that has none",
    ),
    # the profile as a whole
    "L801": Rule(
        "warning",
        "expiry-missing",
        "without `expires`, an old copy is served for ever",
        "add `expires:` with a day within the next year",
    ),
    "L802": Rule(
        "note",
        "expiry-far",
        "the profile expires more than two years from now",
        "write an earlier day, and renew",
    ),
    "L803": Rule(
        "warning",
        "expiry-soon",
        "the profile has expired or will within 14 days",
        "write a later day, raise `version`, sign again",
    ),
    "L804": Rule(
        "note",
        "grace-missing",
        "from a repository that is out of reach, the profile stops when the timestamp expires",
        "add `grace:` if it shall be served on for a while",
    ),
    "L805": Rule(
        "warning",
        "many-tools",
        "more than 40 tools: models choose badly, and some clients show no more",
        "split the profile by task",
    ),
    "L806": Rule(
        "warning",
        "list-tokens",
        "the tool list costs more than about 10,000 tokens, with every request",
        "drop tools and arguments, shorten descriptions",
    ),
    "L807": Rule(
        "note",
        "tool-tokens",
        "one tool costs more than about 1,500 tokens, with every request",
        "name fewer arguments, shorten descriptions",
    ),
    "L808": Rule(
        "note",
        "sealed-to-home",
        "all arguments are kept, and whoever uses the machine's account can open them",
        "add `audit: {recipient: ...}`, the line that `mcp-proxy audit recipient NAME` prints",
    ),
}
