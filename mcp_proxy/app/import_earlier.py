"""The source and the record that an earlier import left, and what a later one reads for them."""

import os
from typing import NamedTuple

from mcp_proxy.app.capture import MayStart
from mcp_proxy.app.import_origin import (
    Origin,
    Read,
    Wanted,
    is_url,
    read_file,
    read_server,
    read_url,
)
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.files import read_given
from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.import_moves import resolve
from mcp_proxy.workshop.import_record import Record, parse_record
from mcp_proxy.workshop.import_subject import Candidate
from mcp_proxy.workshop.source import Source, parse_source
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.upstream_source import McpSource, RestSource, StdioSource
from mcp_proxy.workshop.upstreams import pinned_files

_NAMES_CHARS = 300


class Earlier(NamedTuple):
    """A source that stands; `record` is None where no import told of it, `upstream` its name."""

    data: bytes
    source: Source
    record: Record | None
    upstream: str

    @property
    def is_blank(self) -> bool:
        """Whether nobody has chosen anything yet: no tool, and no import that listed any."""
        return self.record is None and not self.source.profile.tools

    def tools(self, candidates: list[Candidate]) -> dict[str, tuple[str, ...]]:
        """The names of the upstream's tools by operation, as candidates call it where they do."""
        found: dict[str, tuple[str, ...]] = {}
        for name, block in self.source.profile.tools.items():
            if block.upstream != self.upstream:
                continue
            if isinstance(block, ToolSource):
                operations = [self._selector(block.operation, candidates)]
            else:
                operations = [one.selector for one in candidates]
            for operation in operations:
                found[operation] = (*found.get(operation, ()), name)
        return found

    def notes(self, read: Read) -> tuple[str, ...]:
        """What the source does not say as this import found it."""
        upstream = self.source.profile.upstreams[self.upstream]
        if isinstance(upstream, RestSource) and not _is_same(upstream.openapi, read.file):
            text = f"{self.source.file} still names {upstream.openapi} as its document"
            return (f"{text}; to build from this one, write `openapi: {read.file}`.",)
        return ()

    def _selector(self, operation: str, candidates: list[Candidate]) -> str:
        """One that there is no more is called as the record calls it."""
        now = resolve(operation, candidates)
        if now or self.record is None or operation in self.record.operations:
            return now or operation
        method, _, path = operation.partition(" ")
        place = (method.upper(), path.strip())
        rows = self.record.operations.items()
        return next((key for key, then in rows if (then.method, then.path) == place), operation)


def read_earlier(name: str, path: str) -> Earlier | None:
    """What stands at `path` and beside it; None where there is no source.

    Raises:
        UsageError: MCPX-W01 not readable, or of another profile.
        SourceError: the source is wrong, or what stands where its record would is none.
    """
    record = _read_record(record_path(path))
    if not os.path.lexists(path):
        return None
    data = read_given(path, LIMITS.small_file_bytes)
    source = parse_source(data, path)
    if source.profile.profile != name:
        why = f"{path} is the source of the profile {source.profile.profile}, not of {name}."
        raise UsageError("MCPX-W01", why, "write into another file with -o FILE.yaml")
    return Earlier(data, source, record, "" if record is None else record.upstream)


def _read_record(path: str) -> Record | None:
    if not os.path.lexists(path):
        return None
    return parse_record(read_given(path, LIMITS.document_bytes), path)


def refreshed(origin: Origin, earlier: Earlier, may_start: MayStart) -> tuple[Earlier, Read]:
    """What a later import reads: what it is told, else what the one before did, else the source's.

    Also the earlier with its upstream's name known.

    Raises:
        UsageError: MCPX-W01, it does not fit the source. Others as what reads it.
    """
    if origin.url is not None:
        why = f"{earlier.source.file} has its address already; change `url:` there."
        raise UsageError("MCPX-W01", why)
    found = earlier._replace(upstream=_upstream(origin, earlier))
    return found, _reread(origin, found, may_start)


def refuse_other_api(
    origin: Origin, read: Read, earlier: Earlier, candidates: list[Candidate]
) -> None:
    """Raises UsageError where everything that the source's tools name would be lost.

    That is the document or the listing of something else, unless most of what the record tells of
    is still there, or it is the source's own and no record tells otherwise.
    """
    selectors = {one.selector for one in candidates}
    places = {(one.method, one.path) for one in candidates if one.method}
    old = {} if earlier.record is None else earlier.record.operations

    def stands(operation: str) -> bool:
        then = old.get(operation)
        return operation in selectors or (then is not None and (then.method, then.path) in places)

    named = list(earlier.tools(candidates))
    # A gateway or a server that an import may name is the source's own.
    is_known = 2 * sum(map(stands, old)) >= len(old) if old else origin.openapi is None
    if not named or is_known or any(map(stands, named)):
        return
    names = one_sentence(", ".join(named), _NAMES_CHARS)
    why = f"None of the operations that {earlier.source.file}'s tools name is in {read.file}"
    raise UsageError(
        "MCPX-W01",
        f"{why}, so it tells of something else; nothing was written. They name: {names}.",
        "import the right document, or this one into another source with -o FILE.yaml",
    )


def refuse_foreign(path: str, read: Read, earlier: Earlier | None) -> None:
    """Raises UsageError where what was read would replace a file that no import wrote."""
    target = os.path.join(os.path.dirname(os.path.abspath(path)), read.file)
    is_captured = earlier is not None and read.subject.kind != "rest"
    if read.data is None or is_captured or not os.path.lexists(target):
        return
    record = None if earlier is None else earlier.record
    own = {read.sha256} if record is None else {read.sha256, record.sha256}
    if sha256_hex(read_given(target, LIMITS.document_bytes)) not in own:
        why = f"{target} is there already, and it is not what an earlier import wrote."
        raise UsageError("MCPX-W01", why, "move it away, then repeat the command")


def record_path(path: str) -> str:
    """STEM.import.json beside the source."""
    return f"{os.path.splitext(path)[0]}.import.json"


def _reread(origin: Origin, earlier: Earlier, may_start: MayStart) -> Read:
    source, record = earlier.source, earlier.record
    upstream = source.profile.upstreams[earlier.upstream]
    if not isinstance(upstream, RestSource):
        return read_server(source, earlier.upstream, may_start)
    name, stem = source.profile.profile, os.path.splitext(source.file)[0]
    given = origin.openapi or ("" if record is None else record.url)
    wanted = Wanted(name, source.folder, pinned=pinned_files(upstream), is_new=False)
    if is_url(given):
        return read_url(wanted, given, stem)
    return read_file(wanted, given or os.path.join(source.folder, upstream.openapi))


def _upstream(origin: Origin, earlier: Earlier) -> str:
    """Which of the source's upstreams is imported."""
    upstreams = earlier.source.profile.upstreams
    fitting = [name for name, one in upstreams.items() if _fits(origin, one)]
    if earlier.upstream in fitting:
        return earlier.upstream
    own = earlier.source.profile.profile
    if own in fitting or len(fitting) == 1:
        return own if own in fitting else fitting[0]
    why = f"{earlier.source.file} has {len(fitting)} upstreams that this could be; one is imported."
    elsewhere = "import it into a source of its own with -o FILE.yaml"
    if fitting:
        raise UsageError("MCPX-W01", why, elsewhere)
    given, there = _told(origin, earlier)
    why = f"{earlier.source.file} names {there}, and not {given}."
    again = f"to read again what it names: mcp-proxy profile import {own}"
    if earlier.source.file != f"{own}.yaml":
        again += f" -o {earlier.source.file}"
    mend = f"{again}; if that has moved, change it in {earlier.source.file} first; else {elsewhere}"
    raise UsageError("MCPX-W01", why, mend)


def _told(origin: Origin, earlier: Earlier) -> tuple[str, str]:
    """What the import was told to read, and what the source reads, in words."""
    given = "an API's document"
    if origin.mcp is not None:
        given = f"the MCP server at {origin.mcp}"
    elif origin.command:
        given = f"the server `{' '.join(origin.command)}`"
    rows = []
    for one in earlier.source.profile.upstreams.values():
        if isinstance(one, McpSource):
            rows.append(f"the MCP server at {one.url}")
        elif isinstance(one, RestSource):
            rows.append(f"the API at {one.url}")
        else:
            rows.append(f"the server `{' '.join(one.command)}`")
    there = ", ".join(rows) or "no upstream"
    return one_sentence(given, _NAMES_CHARS), one_sentence(there, _NAMES_CHARS)


def _fits(origin: Origin, upstream: RestSource | McpSource | StdioSource) -> bool:
    if origin.openapi is not None:
        return isinstance(upstream, RestSource)
    if origin.mcp is not None:
        return isinstance(upstream, McpSource) and upstream.url == origin.mcp
    if origin.command:
        return isinstance(upstream, StdioSource) and tuple(upstream.command) == origin.command
    return True


def _is_same(one: str, other: str) -> bool:
    return os.path.normpath(one) == os.path.normpath(other)
