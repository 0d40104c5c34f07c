"""Published image tokenizers give the codes and images of their publishers' networks; see ``tests/golden``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cases import Golden, cases

CASES = cases("image")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_publishers_network(case: Golden, tmp_path: Path) -> None:
    tokenizer, expected = case.build(tmp_path), case.arrays()
    tokens = tokenizer.encode((case.images() + 1) / 2)
    tokens.check(tokenizer.codebooks)
    assert len(tokens.codes) == len(case.codes())
    for code, published in zip(tokens.codes, case.codes(), strict=True):
        assert torch.equal(code, published)
        assert len(published.unique()) > 1
    if tokens.latents is not None:
        latents = torch.from_numpy(expected["latents"])
        torch.testing.assert_close(tokens.latents, latents, atol=1e-5 * float(latents.abs().max()), rtol=0)
    decoded = tokenizer.decode(tokens)[-1:]
    published = torch.from_numpy(expected["decoded"])
    torch.testing.assert_close(2 * decoded - 1, published, atol=1e-5 * max(1.0, float(published.abs().max())), rtol=0)


def test_every_case_says_what_wrote_it() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert all("(" in case.made_by for case in CASES), "package and version, or repository, commit and files; license"
