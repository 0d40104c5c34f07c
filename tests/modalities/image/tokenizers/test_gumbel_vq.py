"""The Gumbel VQGAN draws codes as torch's Gumbel softmax does, which its publisher's evaluation uses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cases import cases
from torch.nn import functional as F

from bench.errors import BenchError
from bench.modalities.image.tokenizers.gumbel_vq import GumbelVQ

(CASE,) = (case for case in cases("image") if case.name == "gumbel")


def test_drawn_codes_equal_those_of_the_gumbel_softmax(tmp_path: Path) -> None:
    tokenizer = GumbelVQ(str(CASE.save(tmp_path)), config=CASE.config, codes="sample", seed=1)
    images = CASE.images()
    latents = tokenizer.model.encode(images)[:1]
    torch.manual_seed(0)
    drawn = F.gumbel_softmax(tokenizer.model.quantize.proj(latents), hard=True, dim=1).argmax(1)
    assert torch.equal(tokenizer.model.quantize.draw(latents, torch.Generator().manual_seed(0)), drawn)
    (codes,) = tokenizer.encode(images).codes
    assert torch.equal(codes[1:], tokenizer.encode(images[1:]).codes[0])
    tokenizer.seed = 2
    assert not torch.equal(codes, tokenizer.encode(images).codes[0])


def test_other_choices_are_rejected() -> None:
    with pytest.raises(BenchError, match="codes=best: choose mode or sample"):
        GumbelVQ("x", codes="best")
