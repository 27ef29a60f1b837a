"""Whether a tool can be built of a candidate, and what it would cost a model."""

from typing import NamedTuple

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.import_subject import Candidate, Subject
from mcp_proxy.workshop.import_text import Written, write_tool
from mcp_proxy.workshop.tokens import listed_tokens


class Trial(NamedTuple):
    """What building a candidate came to: the block and its tokens in tools/list, or a refusal."""

    written: Written | None
    tokens: int
    refusal: str


def try_candidate(subject: Subject, upstream: str, candidate: Candidate) -> Trial:
    """The candidate built as it would be written; where its arguments do not fit, without them."""
    refusal = ""
    try:
        drafted = subject.arguments(candidate)
        for arguments in (drafted, {}) if drafted else ({},):
            written = write_tool(candidate, arguments)
            try:
                built = subject.build(candidate, written.block(upstream))
            except Wrong as wrong:
                refusal = refusal or str(wrong)
            else:
                return Trial(written, listed_tokens(built.entry), "")
    except SourceError as error:
        refusal = error.why
    return Trial(None, 0, refusal)
