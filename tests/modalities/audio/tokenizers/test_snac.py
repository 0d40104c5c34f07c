"""SNAC gives what its package gives, with noise that follows from the seed and the codes."""

from __future__ import annotations

from pathlib import Path

import torch
from published_codecs import clips, holds_output
from snac import SNAC

from bench.modalities.audio.tokenizers.snac_tokens import Snac


@torch.no_grad()
def test_snac_equals_the_package(folders: dict[str, Path]) -> None:
    tokenizer, model = Snac(str(folders["SNAC"])), SNAC.from_pretrained(str(folders["SNAC"]))
    for module in (*model.modules(), *tokenizer.model.modules()):
        if type(module).__name__ == "NoiseBlock":
            module.linear.parametrizations.weight.original0.zero_()  # without its noise
    audio = clips(7777, 24000)
    output, codes = model(audio.samples)
    holds_output(tokenizer, audio, codes, output)


def test_noise_of_snac_depends_on_the_seed_and_the_codes(folders: dict[str, Path]) -> None:
    audio, path = clips(9600, 24000), str(folders["SNAC"])
    tokenizer = Snac(path)
    tokens = tokenizer.encode(audio)
    torch.manual_seed(3)
    first, after = tokenizer.decode(tokens).samples, torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))
    assert torch.equal(first, tokenizer.decode(tokens).samples)
    assert not torch.equal(first, Snac(path, seed=1).decode(tokens).samples)
