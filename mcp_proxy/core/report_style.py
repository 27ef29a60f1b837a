"""How the report looks: one style sheet of its own, for light, dark and print."""

_LIGHT = (
    "--back:#f4f6f8;--card:#fff;--text:#1c2127;--quiet:#545d68;--line:#c9d1d9;"
    "--allow:#1a7f5a;--ask:#b26a00;--deny:#b3261e;--bar:#1a5fb4;--rail:#dfe4ea;"
    "--good:#17663f;--bad:#a4262c"
)
_DARK = (
    "--back:#14181c;--card:#1d2228;--text:#e8ebee;--quiet:#aab4be;--line:#3d454e;"
    "--allow:#4fb98a;--ask:#e3a94b;--deny:#f0807a;--bar:#7db4f5;--rail:#333b44;"
    "--good:#7fd49b;--bad:#ff9a94"
)

STYLE = (
    f":root{{color-scheme:light dark;{_LIGHT}}}"
    f"@media(prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    """
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);overflow-wrap:anywhere;
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.7rem;line-height:1.25;margin:.25rem 0 .5rem}
h2{font-size:1.15rem;margin:0 0 .75rem}
p{margin:0 0 .75rem}
.quiet,th,figcaption{color:var(--quiet)}
.lead{font-size:1.1rem}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:1rem 1.1rem;margin:0 0 1rem;break-inside:avoid}
section>:last-child{margin-bottom:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));gap:.75rem;
margin:0 0 1rem;padding:0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.7rem .9rem}
.tile b{display:block;font-size:1.3rem;white-space:nowrap;line-height:1.25;
font-variant-numeric:tabular-nums}
.tile span{color:var(--quiet)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;margin:0 0 .75rem}
th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);
vertical-align:top;overflow-wrap:break-word}
th{font-weight:600;white-space:nowrap}
.number{text-align:right;white-space:nowrap}
code{font:.92em ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",monospace}
svg{display:block}
svg.plot{width:100%;min-width:34rem;height:auto}
svg.meter{width:12.5rem;height:1rem}
svg text{fill:var(--quiet);font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.grid{stroke:var(--line);stroke-width:1}
.bar{fill:var(--bar)}.rail{fill:var(--rail)}
.allow{fill:var(--allow)}.ask{fill:var(--ask)}.deny{fill:var(--deny)}
.key{display:inline-block;width:.8rem;height:.8rem;margin:0 .35rem 0 0;vertical-align:baseline}
.legend span{margin-right:1.25rem;white-space:nowrap}
.good,.proven{color:var(--good);font-weight:600}
.bad,.broken{color:var(--bad);font-weight:600}
@media(forced-colors:active){svg text{fill:CanvasText}}
@media print{body{background:#fff}main{max-width:none;padding:0}}
"""
)
