"""Documents as their makers published them, large and odd: every operation of each is tried.

An operation is built or refused in a sentence of ours; what share is built is held here, so that a
change which loses operations is seen.
"""

import os
import time
from collections import Counter

import published
import pytest

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.document_auth import guess_auth
from mcp_proxy.workshop.operation import OperationName

pytestmark = [pytest.mark.slow, pytest.mark.beside]

# What is refused in these: bodies that are no JSON, paths that hold a query, styles not sent.
_LEAST_SHARE = {
    "azure-urls-2": 0.85,
    "foursquare-2": 0.8,
    "okta-2": 0.9,
    "slack": 0.7,
    "stripe": 0.8,
}
_LEAST_SHARE_OF_OTHERS = 0.95
# Twelve times what a quiet machine needs for the slowest of them.
_DEADLINE_S = 30


def opened(name: str) -> Document:
    path = published.document(name)
    return read_document(path, os.path.dirname(path))


def selectors(operations: list[OperationName]) -> list[str]:
    ids = Counter(one.id for one in operations)
    return [
        one.id if one.id and ids[one.id] == 1 else f"{one.method} {one.path}" for one in operations
    ]


@pytest.mark.parametrize("name", sorted(published.DOCUMENTS))
def test_every_operation_is_built_or_refused_in_a_sentence(name: str) -> None:
    start = time.process_time()
    document = opened(name)
    chosen = selectors(document.operations())
    refused = {}
    for selector in chosen:
        try:
            document.operation(selector)
        except SourceError as error:
            refused[selector] = error
    assert time.process_time() - start < _DEADLINE_S
    assert all(error.id in ("MCPX-B02", "MCPX-B03") and error.why for error in refused.values())
    share = 1 - len(refused) / len(chosen)
    assert share >= _LEAST_SHARE.get(name, _LEAST_SHARE_OF_OTHERS), refused


@pytest.mark.parametrize("name", ["github", "stripe", "kubernetes-2", "okta-2"])
def test_every_operation_has_a_digest_and_a_summary_in_time(name: str) -> None:
    document = opened(name)
    chosen = selectors(document.operations())
    start = time.process_time()
    digests = [document.digest_of(selector) for selector in chosen]
    told = [document.described(selector) for selector in chosen]
    assert time.process_time() - start < _DEADLINE_S
    assert len(set(digests)) == len(chosen)
    assert all(row["refused"] or isinstance(row["arguments"], dict) for row in told)


def test_githubs_operations_are_all_built_and_say_what_they_are() -> None:
    document = opened("github")
    operations = document.operations()
    assert len(operations) > 1000
    assert all(one.id and one.summary and one.tags for one in operations)
    assert not [one.id for one in operations if document.described(one.id)["refused"]]


@pytest.mark.parametrize(
    ("name", "server", "kind"),
    [
        ("youtube-2", "https://www.googleapis.com/youtube/v3", "bearer"),
        ("okta-2", "https://your-subdomain.okta.com", "header"),
        ("github", "https://api.github.com", ""),
    ],
)
def test_the_address_and_the_credential_are_guessed(name: str, server: str, kind: str) -> None:
    document = opened(name)
    assert document.servers[0] == server
    assert guess_auth(document.references, "billing").kind == kind
