"""Published image tokenizers give the codes and images of their publishers' networks; see ``tests/golden``."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import Golden, cases

CASES = cases("image")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_publishers_network(case: Golden, tmp_path: Path) -> None:
    tokenizer = case.build(tmp_path)
    tokens = tokenizer.encode((case.images() + 1) / 2)
    tokens.check(tokenizer.codebooks)
    case.holds_tokens(tokens)
    case.holds_decoded(2 * tokenizer.decode(tokens) - 1)


def test_every_case_says_what_wrote_it() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert all("(" in case.made_by for case in CASES), "package and version, or repository, commit and files; license"
