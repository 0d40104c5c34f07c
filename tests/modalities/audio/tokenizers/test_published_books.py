"""Codecs of one checkpoint at several rates: the first codebooks are the same, and rates that it lacks are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from published_codecs import DEFINED, clips
from tiny_audio_models import AUDIO_NAMES

from bench import registry
from bench.contracts.system import parse
from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.modalities.audio.batch import Audio


@pytest.mark.parametrize(
    ("name", "argument", "counts"),
    [
        ("EncodecModel", "bandwidth", {1.5: 4, 3: 8, 6: 16}),
        ("XcodecModel", "bandwidth", {0.25: 1, 0.5: 2, 1: 4}),
        ("DacModel", "books", {1: 1, 3: 3, 4: 4}),
        ("MimiModel", "books", {1: 1, 8: 8, 10: 10}),
        ("SpeechTokenizer", "books", {2: 2, 8: 8}),
    ],
)
def test_rates_of_one_checkpoint_nest(
    name: str, argument: str, counts: dict[float, int], folders: dict[str, Path]
) -> None:
    audio, finest = clips(9600, 24000), max(counts)
    tokens: dict[float, Tokens] = {}
    for value, books in counts.items():
        tokenizer: Any = parse(f"{AUDIO_NAMES[name]}@path={folders[name]},{argument}={value}").build()
        tokens[value] = tokenizer.encode(audio)
        assert len(tokenizer.codebooks) == len(tokens[value].codes) == books
        assert tokenizer.decode(tokens[value]).samples.shape == audio.samples.shape
    for coarse in tokens.values():  # residual codebooks: the first ones do not depend on how many follow
        pairs = zip(coarse.codes, tokens[finest].codes, strict=False)
        assert all(torch.equal(one, other) for one, other in pairs)
    assert registry.get("tokenizers", AUDIO_NAMES[name]).positional == argument


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("EncodecModel", "bandwidth=7", r"bandwidth=7: the model has 1\.5, 3, 6 kbps"),
        ("DacModel", "books=5", r"books=5: the model has 4 codebooks; give 1 to 4"),
        ("DacModel", "books=0", r"give 1 to 4"),
        ("SpeechTokenizer", "books=2.5", r"books=2\.5: the model has 8 codebooks"),
    ],
)
def test_rates_that_a_model_lacks(name: str, arguments: str, message: str, folders: dict[str, Path]) -> None:
    with pytest.raises(BenchError, match=message):
        parse(f"{AUDIO_NAMES[name]}@path={folders[name]},{arguments}").build()


@pytest.mark.parametrize("books", [1, 3])
def test_first_books_of_dualcodec(books: int, tmp_path: Path) -> None:
    case = DEFINED["DualCodec"]
    few = replace(case, arguments={**case.arguments, "books": books}).build(tmp_path / "few")
    clip = Audio(case.clips(), few.rate, torch.full((2,), case.side))
    tokens = few.encode(clip)
    tokens.check(few.codebooks)
    assert len(tokens.codes) == len(few.codebooks) == books
    assert all(torch.equal(code, all_) for code, all_ in zip(tokens.codes, case.codes(), strict=False))
    assert few.decode(tokens).samples.isfinite().all()
    with pytest.raises(BenchError, match=r"books=5: the model has 4 codebooks; give 1 to 4"):
        replace(case, arguments={**case.arguments, "books": 5}).build(tmp_path / "few")
