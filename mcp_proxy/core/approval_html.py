"""The approval page as HTML: all of a call that a person decides on, and the forms to answer.

No script, no address but its own, nothing fetched. Whatever comes from outside is escaped, what
cannot be seen stands as a mark, and letters that run from right to left are kept to themselves, so
that they move nothing beside them.
"""

import html
import json
import re
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from mcp_proxy.core.approval_request import Argument, View
from mcp_proxy.core.approval_style import STYLE, policy_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.visible import Piece, marked, visible

_RIGHT_TO_LEFT = (
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_BACKWARDS = re.compile(f"({_RIGHT_TO_LEFT}+(?: +{_RIGHT_TO_LEFT}+)*)")
_ORIGINS = {"default": "the profile's default", "constant": "always, by the profile"}
_LINE_END = "U+000A"
_EFFECTS = ("read", "write", "destructive")


class Shown(NamedTuple):
    """An open request as the page shows it; `before` are summaries of what was approved before."""

    view: View
    code: str
    expires_s: float
    before: tuple[str, ...]


class Forms(NamedTuple):
    """The token of each form. `times` is "" where a call is approved singly alone."""

    once: str
    times: str
    deny: str


class Problem(NamedTuple):
    """Why an answer was not taken; `field` names the input to mend, "" where there is none."""

    text: str
    field: str = ""


class Markup(NamedTuple):
    """A page's bytes, and the Content-Security-Policy that it is shown under."""

    body: bytes
    policy: str


def page(
    shown: Shown, forms: Forms, now_s: float, zone: tzinfo = UTC, problem: Problem | None = None
) -> Markup:
    """The page of one request at `now_s`, times told in `zone`."""
    view = shown.view
    parts = (
        '<a class="skip" href="#answer">Go to your answer</a>',
        '<p class="quiet">mcp-proxy on this computer</p><h1>Approve this call?</h1>',
        "" if problem is None else _problem(problem),
        _effect(view),
        _section("What it is", _facts(shown, zone)),
        _section("In words", _list(view.words[1:]) or "<p>It takes no arguments.</p>"),
        _section("Why you are asked", _list(view.rule_words)),
        _section("Limits", _list(view.limits)) if view.limits else "",
        _section("Arguments in full", _arguments(view.arguments)),
        _section("Exactly this is sent", _request(view)),
        _section("Approved before", _list(shown.before) or "<p>Nothing by this tool yet.</p>"),
        _answers(view, forms, problem),
    )
    error = "Not taken: " if problem else ""
    title = f"{error}Approve {marked(view.tool)}? mcp-proxy {shown.code}"
    left = f":root{{--open:{max(0, round(shown.expires_s - now_s))}s}}"
    return _document(title, "\n".join(parts), (STYLE, left))


def ended(heading: str, text: str) -> Markup:
    """The page that stands where a request stood: what became of it."""
    parts = (
        '<p class="quiet">mcp-proxy on this computer</p>',
        f"<h1>{_escaped(heading)}</h1>",
        f'<div class="card"><p>{_escaped(text)}</p><p>You can close this window.</p></div>',
    )
    return _document(f"{marked(heading)}: mcp-proxy", "\n".join(parts), (STYLE,))


def _document(title: str, content: str, styles: tuple[str, ...]) -> Markup:
    sheets = "".join(f"<style>{style}</style>" for style in styles)
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title>{sheets}</head>\n"
        f'<body><main class="page">\n{content}\n</main></body></html>\n'
    )
    return Markup(text.encode(), policy_of(*styles))


def _effect(view: View) -> str:
    kind = view.effect if view.effect in _EFFECTS else "destructive"
    return f'<div class="card effect {kind}"><p>{_escaped("".join(view.words[:1]))}</p></div>'


def _facts(shown: Shown, zone: tzinfo) -> str:
    view = shown.view
    name = f"<code>{_escaped(view.tool)}</code>"
    tool = f"{_escaped(view.title)} ({name})" if view.title else name
    until = datetime.fromtimestamp(shown.expires_s, zone)
    rows = (
        ("Tool", tool),
        ("Profile", f"<code>{_escaped(view.profile)}</code>"),
        ("Open until", f"{until:%H:%M:%S} ({until:%Z})"),
        ("Code", f"<code>{_escaped(shown.code)}</code>"),
    )
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in rows)}</dl>"


def _arguments(arguments: tuple[Argument, ...]) -> str:
    if not arguments:
        return "<p>None.</p>"
    return f"<dl>{''.join(map(_argument, arguments))}</dl>"


def _argument(argument: Argument) -> str:
    value = json.loads(argument.value)
    origin = _ORIGINS.get(argument.origin, "")
    told = f"{_kind(value)}, {origin}" if origin else _kind(value)
    text = value if isinstance(value, str) else argument.value
    return (
        f"<dt>{_escaped(argument.name)} <small>{told}</small></dt>"
        f'<dd class="value">{_escaped(text, breaks=True)}</dd>'
    )


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else "yes or no"
    if isinstance(value, str):
        return "text" if value else "text, empty"
    if isinstance(value, (int, float)):
        return "number"
    return "list" if isinstance(value, list) else "object"


def _request(view: View) -> str:
    lines = "\n".join(_escaped(line) for line in view.request_lines)
    return (
        '<p class="quiet">The approval holds for these bytes alone. A frame as '
        f"{_piece(Piece('U+200B', is_mark=True))} stands for a character that cannot be seen.</p>"
        f"<pre>{lines}</pre>"
    )


def _answers(view: View, forms: Forms, problem: Problem | None) -> str:
    several = "" if view.effect == "destructive" or not forms.times else _times(forms.times)
    return (
        '<div class="card over" role="status"><h2>This request has expired</h2>'
        "<p>It can be answered no more. Made again, the call is asked for again.</p>"
        '</div><section class="card open" aria-labelledby="answer">'
        '<h2 id="answer" tabindex="-1">Your answer</h2>'
        f"{_once(view, forms.once, problem)}{several}{_deny(forms.deny)}</section>"
    )


def _once(view: View, token: str, problem: Problem | None) -> str:
    says = "One call, exactly as shown here, within the next ten minutes."
    typed = _typed(view, problem) if view.effect == "destructive" else ""
    return _form(
        token,
        f'<h3>Approve it once</h3><p id="once-says">{says}</p>{typed}'
        '<button class="yes" aria-describedby="once-says">Approve once</button>',
    )


def _typed(view: View, problem: Problem | None) -> str:
    is_wrong = problem is not None and problem.field == "typed"
    why = _escaped(problem.text) if problem is not None and is_wrong else ""
    wrong = f'<p class="wrong" id="typed-wrong">{why}</p>' if is_wrong else ""
    state = ' aria-invalid="true" aria-describedby="typed-wrong" autofocus' if is_wrong else ""
    return (
        f'<label for="typed">To approve, type the {_escaped(view.confirm_label)}: '
        f"<code>{_escaped(view.confirm_value)}</code></label>{wrong}"
        '<input id="typed" name="typed" required maxlength="200" autocomplete="off" '
        f'autocapitalize="off" spellcheck="false"{state}>'
    )


def _times(token: str) -> str:
    most, longest = LIMITS.approval_uses, LIMITS.approval_minutes
    return _form(
        token,
        "<details><summary>Approve exactly this call several times</summary>"
        '<p id="times-says">The same bytes each time. Limits of the profile still hold.</p>'
        '<label for="times">How many times</label><input id="times" name="times" type="number" '
        f'min="1" max="{most}" value="2" required>'
        '<label for="minutes">Within how many minutes</label><input id="minutes" name="minutes" '
        f'type="number" min="1" max="{longest}" value="10" required>'
        '<button class="yes" aria-describedby="times-says">Approve several times</button>'
        "</details>",
    )


def _deny(token: str) -> str:
    return _form(
        token,
        "<h3>Deny it</h3><p>The call is not made.</p>"
        '<label for="word">A word to the model, if you like</label>'
        f'<input id="word" name="word" maxlength="{LIMITS.approval_word_chars}" '
        'autocomplete="off"><button>Deny</button>',
    )


def _form(token: str, content: str) -> str:
    hidden = f'<input type="hidden" name="form" value="{html.escape(token)}">'
    return f'<form method="post" autocomplete="off">{hidden}{content}</form>'


def _problem(problem: Problem) -> str:
    # The field that is to be mended takes the focus; where there is none, the sentence does.
    focus = "" if problem.field else ' tabindex="-1" autofocus'
    return (
        f'<div class="card problem" role="alert"{focus}><h2>Your answer was not taken</h2>'
        f"<p>{_escaped(problem.text)}</p></div>"
    )


def _section(heading: str, content: str) -> str:
    return f'<section class="card"><h2>{heading}</h2>{content}</section>'


def _list(items: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{_escaped(item)}</li>' for item in items)}</ul>" if items else ""


def _escaped(text: str, *, breaks: bool = False) -> str:
    """Text of anybody's as HTML; with `breaks` it also goes on a new line where one ends."""
    pieces = []
    for piece in visible(text):
        pieces.append(_piece(piece))
        if breaks and piece == Piece(_LINE_END, is_mark=True):
            pieces.append("<br>")
    return "".join(pieces)


def _piece(piece: Piece) -> str:
    if piece.is_mark:
        return f'<span class="mark"><span class="unseen">unseen </span>{piece.text}</span>'
    parts = _BACKWARDS.split(piece.text)
    runs = (html.escape(part) for part in parts)
    return "".join(f"<bdi>{run}</bdi>" if odd % 2 else run for odd, run in enumerate(runs))
