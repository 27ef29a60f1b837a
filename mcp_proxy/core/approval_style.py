"""How the approval page looks: one style sheet, of the page itself, for light, dark and print.

Nothing is fetched and nothing runs, so the page's policy can forbid both. When the request's time
is over, an animation takes the answers away: it only saves a vain click, for the server decides.
"""

import base64
import hashlib

_LIGHT = (
    "--back:#f4f6f8;--card:#fff;--text:#1c2127;--quiet:#545d68;--line:#c9d1d9;--field:#6e7781;"
    "--yes:#1a5fb4;--on-yes:#fff;--no:#a4262c;--mark:#7a4100;--mark-back:#fff1cc;"
    "--read:#1d6b39;--write:#1a5fb4;--destructive:#a4262c"
)
_DARK = (
    "--back:#14181c;--card:#1d2228;--text:#e8ebee;--quiet:#aab4be;--line:#3d454e;--field:#8b949e;"
    "--yes:#7db4f5;--on-yes:#0b1320;--no:#ff9a94;--mark:#ffd27a;--mark-back:#3a2c0c;"
    "--read:#7fd49b;--write:#7db4f5;--destructive:#ff9a94"
)

STYLE = (
    f":root{{color-scheme:light dark;{_LIGHT}}}"
    f"@media(prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    """
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
overflow-wrap:anywhere}
.page{max-width:46rem;margin:0 auto;padding:1.25rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:.25rem 0 1rem}
h2{font-size:1.1rem;margin:0 0 .6rem}
h3{font-size:1rem;margin:0 0 .25rem}
p,ul,dl,pre{margin:0 0 .75rem}
ul{padding-left:1.25rem}
.quiet,dt small{color:var(--quiet)}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:1rem 1.1rem;margin:0 0 1rem}
.card>:last-child,form>:last-child{margin-bottom:0}
.effect{border-left:.35rem solid var(--write)}
.effect p:first-child{font-weight:600;font-size:1.1rem}
.effect.read{border-left-color:var(--read)}
.effect.destructive{border-left-color:var(--destructive)}
.effect.destructive p:first-child{color:var(--destructive)}
dl{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.45rem 1rem}
dt{color:var(--quiet);max-width:14rem}
dt small{display:block}
dd{margin:0;min-width:0}
code,pre,dd.value{font:.92rem/1.5 ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",monospace}
pre,dd.value,li{white-space:pre-wrap}
pre{background:var(--back);border:1px solid var(--line);border-radius:.4rem;padding:.7rem .8rem}
.mark{color:var(--mark);background:var(--mark-back);border:1px solid;border-radius:.25rem;
font:.8em ui-monospace,Consolas,"Liberation Mono",monospace;padding:0 .2em;margin:0 .1em;
white-space:nowrap}
.unseen,.skip:not(:focus){position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%);white-space:nowrap}
.skip:focus{display:inline-block;padding:.4rem .6rem}
a{color:var(--yes)}
form{border-top:1px solid var(--line);padding-top:1rem;margin-top:1rem}
h2+form{border-top:0;padding-top:0;margin-top:0}
label{display:block;font-weight:600}
input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--field);
border-radius:.4rem;padding:.5rem .6rem;width:100%;max-width:24rem;min-height:2.75rem;
margin:.25rem 0 .75rem;display:block}
input[type=number]{width:8rem}
input[aria-invalid=true]{border:2px solid var(--no)}
button{font:inherit;font-weight:600;border-radius:.4rem;padding:.6rem 1.2rem;min-height:2.75rem;
cursor:pointer;border:2px solid var(--no);color:var(--no);background:transparent}
button.yes{border-color:var(--yes);background:var(--yes);color:var(--on-yes)}
summary{cursor:pointer;font-weight:600;padding:.4rem 0}
:focus-visible{outline:3px solid var(--yes);outline-offset:2px}
.problem{border:2px solid var(--no)}
.wrong{color:var(--no);font-weight:600}
.over{visibility:hidden;height:0;margin:0;padding:0;border:0;overflow:hidden;
animation:come 1ms step-start var(--open,0s) forwards}
.open{animation:go 1ms step-start var(--open,0s) forwards}
@keyframes come{to{visibility:visible;height:auto;margin-bottom:1rem;padding:1rem 1.1rem;
border:1px solid var(--line)}}
@keyframes go{to{visibility:hidden;height:0;margin:0;padding:0;border:0;overflow:hidden}}
@media(max-width:30rem){dl{grid-template-columns:1fr;gap:.1rem}dd{margin-bottom:.6rem}
dt{max-width:none}dt small{display:inline}button{width:100%}}
@media(forced-colors:active){.mark,button{border:1px solid}}
"""
)


def policy_of(*styles: str) -> str:
    """The Content-Security-Policy under which these style elements and nothing else hold."""
    sources = " ".join(f"'sha256-{_digest(style)}'" for style in styles)
    return (
        f"default-src 'none'; style-src {sources}; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
