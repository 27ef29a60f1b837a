"""For all tests: hypothesis looks for wrong values, and a busy machine is none."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """A folder on a disk, for what is measured: `tmp_path` may be in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)
