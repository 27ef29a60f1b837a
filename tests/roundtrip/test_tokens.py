"""The estimate of tokens, against a published tokenizer on curated lists."""

import pytest
from roundtrip.token_counts import CURATED, count_tokens, curated_list

from mcp_proxy.workshop.tokens import listed_tokens

OFF_SHARE = 0.2


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.parametrize("name", CURATED)
def test_the_estimate_of_a_list_is_within_a_fifth_of_what_a_tokenizer_counts(name: str) -> None:
    listed = curated_list(name)
    counted = count_tokens([listed.text])[0]
    estimated = sum(map(listed_tokens, listed.entries))
    assert listed.tools == 10
    assert estimated == pytest.approx(counted, rel=OFF_SHARE)
