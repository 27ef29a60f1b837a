"""Stages for end-to-end tests: one shared by a module, one for a test that breaks things."""

import secrets
from collections.abc import Iterator

import pytest
from e2e.stage import Gate, Stage, build_stage, servers


def raise_stage(folder: str) -> Iterator[Stage]:
    tokens = (f"canary-{secrets.token_hex(16)}", f"canary-{secrets.token_hex(16)}")
    gate = Gate()
    api, gateway = servers(tokens, gate)
    with api, gateway:
        yield build_stage(folder, api, gateway, tokens, gate)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Tests of one module share it: they may call and read, never change trust or files."""
    yield from raise_stage(str(tmp_path_factory.mktemp("stage")))


@pytest.fixture
def own_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """For a test that changes trust, profile or files."""
    yield from raise_stage(str(tmp_path_factory.mktemp("own")))
