"""HTML as text: what a person reads on the page, nothing of what is hidden, in linear time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.html_text import text_of_html

PAGE = """<!DOCTYPE html><html><head><title>Invoice &amp; terms</title>
<style>p { color: red }</style><script>alert("</p>hidden")</script></head>
<body><h1>Invoice 7</h1><p>Due   on
<b>Monday</b>.<br>See <a href="https://example.com/i/7?a=1&amp;b=2">the invoice</a>.</p>
<ul><li>one<li>two</ul><table><tr><th>id<th>total</tr><tr><td>a</td><td>5</td></tr></table>
<pre>  if a:
      b</pre><img src="https://evil.example/?q=1" alt="a chart"></body></html>"""


def test_a_page_reads_as_it_is_seen() -> None:
    assert text_of_html(PAGE).split("\n") == [
        "Invoice & terms",
        "",
        "Invoice 7",
        "",
        "Due on Monday.",
        "See the invoice (https://example.com/i/7?a=1&b=2).",
        "",
        "- one",
        "- two",
        "",
        "id\ttotal",
        "",
        "a\t5",
        "",
        "  if a:",
        "      b",
        "[image: a chart]",
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- secret -->",
        "<!-- secret ",
        "<!secret>",
        "<?secret?>",
        "<script>secret</script>",
        "<SCRIPT>a</p>secret</Script >",
        "<style>secret",
        "<template>secret</template>",
        "<noscript>secret</noscript>",
        "<div hidden>a<div>b</div>secret</div>",
        "<div HIDDEN=''>secret</div>",
        "<span style='display:none'>secret</span>",
        '<span style="color:red; DISPLAY : None">secret</span>',
        "<span style='visibility:hidden'>secret</span>",
        "<span style='font-size:0'>secret</span>",
        "<span style='font-size:0.0px'>secret</span>",
        "<span style='opacity: 0;'>secret</span>",
        "<span style='position:absolute;left:-9999px'>secret</span>",
        "<span style='&#100;isplay:none'>secret</span>",
        "<span style='display:/* seen? */none'>secret</span>",
        "<div style='height:0;overflow:hidden'>secret</div>",
        "<span style='transform: scale(0)'>secret</span>",
        "<span style='left:-99em'>secret</span>",
        "<span style='opacity:.001'>secret</span>",
        "<span style='color:rgba(0,0,0,0)'>secret</span>",
        "<span style='color:rgb(0 0 0 / 0%)'>secret</span>",
        "<p hidden>secret<p>",
        "<svg><text>secret</text></svg>",
        "<input type=hidden value=secret>",
        "<p title='secret'>",
        "<p data-x=\"a > b\" title='secret > x'>",
        "<a href='javascript:secret'></a>",
        "<img src='https://evil.example/?secret' alt=''>",
        "<iframe src=x>secret</iframe>",
    ],
)
def test_what_is_hidden_on_the_page_is_left_out(hidden: str) -> None:
    text = text_of_html(f"before {hidden}")
    assert text.strip() == "before"
    if not hidden.endswith(("secret ", "secret")):
        assert text_of_html(f"before {hidden} <p>after").split() == ["before", "after"]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("1<2", "1<2"),
        ("<svg/>after", "after"),
        ("<p style='opacity:0.5'>seen</p>", "seen"),
        ("<p style='color:rgb(0,0,0);height:0;top:-10px'>seen</p>", "seen"),
        ("<p style='color:rgba(0,0,0,0.5);transform:scale(0.9)'>seen</p>", "seen"),
        ("<p style='height:20px;overflow:hidden'>seen</p>", "seen"),
        ("<p class=hidden-xs>seen</p>", "seen"),
        ("&lt;b&gt; &#65; &#x1F600; &nbsp;x &notanything; &", "<b> A 😀 x ¬anything; &"),
        ("&#" + "9" * 5_000 + ";", "\ufffd"),
        (
            "<a href=https://e.example>https://e.example</a>",
            "https://e.example (https://e.example)",
        ),
        ("<a href=/rel>relative</a>", "relative"),
        ("<textarea><b>raw</textarea>", "<b>raw"),
        ("plain text", "plain text"),
        ("", ""),
    ],
)
def test_odd_markup(markup: str, text: str) -> None:
    assert text_of_html(markup) == text


MARKS = ["<", ">", "<!--", "-->", "</", "<a ", "<a href='", '"', "'", "=", "&", "&#", "<![CDATA["]


@pytest.mark.parametrize(
    "piece", [*MARKS, "<p hidden>", "<script>", "<li>", "\n", " ", "<b x=", "\t"]
)
def test_time_grows_with_the_size_alone(piece: str) -> None:
    began = time.perf_counter()
    text_of_html(piece * (300_000 // len(piece)))
    text_of_html("<b style='opacity:" + piece * (100_000 // len(piece)))
    assert time.perf_counter() - began < 2.0


@given(
    st.lists(st.sampled_from([*MARKS, "<div>", "</div>", "<b hidden>", "text", " "])).map("".join)
)
def test_no_markup_breaks_it_and_no_comment_is_shown(markup: str) -> None:
    assert "SECRET" not in text_of_html(f"<!--SECRET-->{markup}")
