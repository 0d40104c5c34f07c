"""Published codecs give the codes and waves of their publishers' networks; see ``tests/golden``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cases import Golden, cases

from bench.modalities.audio.batch import Audio

CASES = cases("audio")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_publishers_network(case: Golden, tmp_path: Path) -> None:
    tokenizer = case.build(tmp_path)
    clips = Audio(case.clips(), tokenizer.rate, torch.full((2,), case.side))
    tokens = tokenizer.encode(clips)
    tokens.check(tokenizer.codebooks)
    tokens.check_rates(tokenizer.codebooks)
    case.holds_tokens(tokens)
    if tokenizer.decodes:
        case.holds_decoded(tokenizer.decode(tokens).samples)


def test_every_case_says_what_wrote_it() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert all("(" in case.made_by for case in CASES), "package and version, or repository, commit and files; license"
