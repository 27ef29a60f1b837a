"""What built templates send, judged by independent libraries on the document as published."""

from collections import Counter

import pytest
from roundtrip import judge_swagger
from roundtrip.built import built_tools
from roundtrip.judge import complaints
from roundtrip.values import requests_of

OPERATIONS = 120
REQUESTS_EACH = 4
JUDGED_SHARE = 0.9
DOCUMENTS = (
    "github",
    "digitalocean",
    "zoom",
    "kubernetes",
    "box",
    "bitbucket",
    "netbox",
    "square",
    "vercel",
)
SWAGGER_DOCUMENTS = (
    "kubernetes-2",
    "okta-2",
    "youtube-2",
    "facebook-2",
    "azure-arrays-2",
    "azure-urls-2",
)


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_requests_for_random_arguments_are_valid_against_the_published_document(name: str) -> None:
    built = built_tools(name, OPERATIONS)
    judged: Counter[str] = Counter()
    wrong = []
    for one in built.tools:
        if "#" in one.selector:
            # Operations that a fragment tells apart are one to a server, and to the judge.
            continue
        for arguments, request in requests_of(one, built.upstream, REQUESTS_EACH):
            found = complaints(name, request)
            judged["excused" if found and all(row.excuse for row in found) else "judged"] += 1
            wrong.extend((one.selector, arguments, row.text) for row in found if not row.excuse)
    assert wrong == []
    assert judged["judged"] >= JUDGED_SHARE * judged.total() >= len(built.tools), judged


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.parametrize("name", SWAGGER_DOCUMENTS)
def test_requests_for_random_arguments_are_valid_against_a_document_of_swagger_2(name: str) -> None:
    built = built_tools(name, OPERATIONS)
    arguments, requests = [], []
    for one in built.tools:
        for chosen, request in requests_of(one, built.upstream, REQUESTS_EACH):
            arguments.append(chosen)
            requests.append((one.selector, request))
    told = judge_swagger.complaints(name, requests)
    assert [row for row in zip(told, requests, arguments, strict=True) if row[0]] == []
    assert len(requests) >= len(built.tools)
