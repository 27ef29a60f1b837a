"""What is wrong and what is odd about one source, gathered so that a publisher sees it at once."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.source import Source
from mcp_proxy.workshop.yaml_reader import Path, Problem, source_error

Made = TypeVar("Made")

_TOLD_CHARS = 2_000


class Problems:
    """Keeps problems and warnings of one build with their lines."""

    def __init__(self, source: Source) -> None:
        self.warnings: list[str] = []
        self._source = source
        self._found: list[Problem] = []
        self._ids: set[str] = set()

    def attempt(self, path: Path, make: Callable[[], Made]) -> Made | None:
        """What `make` makes; None where it raises Wrong or SourceError, which is kept."""
        try:
            return make()
        except Wrong as wrong:
            self.add((*path, *wrong.path), str(wrong))
        except SourceError as error:
            self._found.append(Problem(self._line(path), f"{_dotted(path)}: {error.why}"))
            self._ids.add(error.id)
        return None

    def add(self, path: Path, text: str) -> None:
        """Keeps a problem of the source itself."""
        self._found.append(Problem(self._line(path), _told(path, text)))
        self._ids.add("MCPX-B01")

    def warn(self, path: Path, texts: Iterable[str]) -> None:
        """Keeps what may be right, but probably is not."""
        where = f"{self._source.file}:{self._line(path)}"
        self.warnings.extend(f"{where}: {_told(path, text)}" for text in texts)

    def finish(self) -> None:
        """Raises SourceError with every problem kept; its id is B01 where they are of several."""
        if self._found:
            found = "MCPX-B01" if len(self._ids) > 1 else next(iter(self._ids))
            raise source_error(self._source.file, self._found, found)

    def _line(self, path: Path) -> int:
        return self._source.text.line(path)


def _told(path: Path, text: str) -> str:
    """One line (S25): the text may quote a listing or a document."""
    return one_sentence(f"{_dotted(path)}: {text}", _TOLD_CHARS)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "the profile"
