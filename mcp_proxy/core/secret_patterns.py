"""Secrets that tell themselves by how they begin, as their issuers write them.

One expression of ours, tried only where a long run of token characters or a key block stands, so
that a text costs what its longest runs cost. Every part is anchored by its prefix and bounded.
"""

import re
from functools import lru_cache

from mcp_proxy.core.text_runs import kind_of_characters, runs

_T = "[A-Za-z0-9_-]"  # what a token in base64url is made of
_A = "[A-Za-z0-9]"
_H = "[0-9a-f]"

_FORMS = (
    rf"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{{16}}(?!{_A})",  # AWS
    rf"gh[pousr]_{_A}{{36,255}}|github_pat_[A-Za-z0-9_]{{40,255}}",
    rf"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|oas)-{_T}{{20,255}}",
    r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,512}|xapp-[0-9]-[A-Za-z0-9-]{20,255}",
    rf"hooks\.slack\.com/services/T{_A}{{6,16}}/B{_A}{{6,16}}/{_A}{{16,64}}",
    rf"(?:sk|rk)_(?:live|test)_{_A}{{16,255}}|whsec_[A-Za-z0-9+/=]{{24,128}}",  # Stripe
    rf"AIza{_T}{{35}}(?!{_A})|ya29\.{_T}{{20,2048}}|GOCSPX-{_T}{{20,64}}|1//0{_T}{{30,255}}",
    rf"sk-ant-[a-z0-9]{{3,12}}-{_T}{{20,255}}|sk-(?:proj|svcacct|admin|or-v1)-{_T}{{20,255}}",
    # OpenAI's first form says so little that words with dashes must not pass for it.
    rf"sk-(?=[A-Za-z_-]{{0,40}}[0-9])(?=[a-z0-9_-]{{0,40}}[A-Z]){_T}{{32,255}}",
    rf"hf_{_A}{{30,64}}|npm_{_A}{{36}}(?!{_A})|pypi-{_T}{{50,512}}|dckr_pat_{_T}{{20,64}}",
    rf"SG\.{_T}{{16,32}}\.{_T}{{16,64}}|SK{_H}{{32}}(?!{_A})|key-{_H}{{32}}(?!{_A})",
    rf"do[opr]_v1_{_H}{{64}}|dapi{_H}{{32}}(?!{_A})|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}",
    rf"sq0(?:atp|csp|idp)-{_T}{{22,64}}|ATATT3[A-Za-z0-9_=-]{{50,512}}|lin_api_{_A}{{32,64}}",
    rf"ntn_{_A}{{40,64}}|hv[sbr]\.{_T}{{24,255}}|gl(?:sa|c)_[A-Za-z0-9_=+/]{{30,512}}",
    rf"sntry[su]_[A-Za-z0-9_=+/]{{30,512}}|NRAK-[A-Z0-9]{{27}}|PMAK-{_H}{{24}}-{_H}{{34}}",
    rf"AGE-SECRET-KEY-1[0-9A-Z]{{58}}|[0-9]{{8,10}}:AA{_T}{{33}}(?!{_A})",  # age, Telegram
    rf"[MNO]{_T}{{23,27}}\.{_T}{{6}}\.{_T}{{27,40}}(?!{_A})",  # Discord
    rf"{_A}{{14}}\.atlasv1\.{_T}{{60,128}}|{_A}{{3}}8Q~[A-Za-z0-9_~.-]{{31,34}}",
    rf"AccountKey=[A-Za-z0-9+/]{{86}}==|tskey-[a-z]{{3,8}}-{_A}{{10,32}}-{_A}{{16,64}}",
    # JWT, JWE: begun at the left end alone of what they are made of, or each part is read often.
    rf"(?<![_-])eyJ{_T}{{10,4096}}\.eyJ{_T}{{10,8192}}\.{_T}{{10,2048}}",
    rf"(?<![_-])eyJ{_T}{{10,4096}}\.{_T}{{0,1024}}\.{_T}{{8,64}}\.{_T}{{8,8192}}\.{_T}{{10,64}}",
)
_KEY_WORDS = "PRIVATE KEY"
# Up to its end, or as far as it goes: a block that was cut is a key all the same. Not possessive:
# Python 3.11.2 loses its place where the last round of a possessive group fails half way.
_KEY_BLOCK = (
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[A-Za-z0-9+/=\s\\,:]|-(?!----)){24,20000}(?:-----END [A-Z0-9 ]{1,48}-----)?"
)

# No known secret is shorter after its prefix, so that no secret is without such a run.
SHORTEST_CHARS = 16
# How far left of a run its secret may begin: at a character that runs are not made of.
_LEFT_CHARS = 16
# A word or a hash is no secret; one prefix alone is made of the same.
_PLAIN, _HEX_PREFIX = re.compile("[a-z0-9]*+"), "dapi"
_TOKEN = kind_of_characters(b"_-+/=.~:")


def known_secrets(text: str) -> list[tuple[int, int]]:
    """Where secrets stand, start and end, in order and apart."""
    found = [match.span() for match in _key_blocks(text)]
    for start, end in runs(text, _TOKEN, SHORTEST_CHARS):
        if _PLAIN.fullmatch(text, start, end) and text.find(_HEX_PREFIX, start, end) < 0:
            continue
        left = max(0, start - _LEFT_CHARS)
        found.extend(match.span() for match in _known().finditer(text, left, end))
    return _apart(found)


def _key_blocks(text: str) -> list[re.Match[str]]:
    return list(_blocks().finditer(text)) if _KEY_WORDS in text else []


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


# Compiled at the first need: every start imports this module, and few calls need it.
@lru_cache(maxsize=1)
def _known() -> re.Pattern[str]:
    return re.compile(f"(?<![A-Za-z0-9])(?:{'|'.join(_FORMS)})")


@lru_cache(maxsize=1)
def _blocks() -> re.Pattern[str]:
    return re.compile(_KEY_BLOCK)
