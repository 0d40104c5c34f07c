"""SpeechTokenizer gives what its package gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from published_codecs import clips, holds_output

from bench.modalities.audio.tokenizers.speechtokenizer_tokens import SpeechTokenizer, speechtokenizer_class


@torch.no_grad()
@pytest.mark.parametrize("books", [1, 3, 8])
def test_speechtokenizer_equals_the_package(books: int, folders: dict[str, Path]) -> None:
    folder = folders["SpeechTokenizer"]
    model = speechtokenizer_class().load_from_checkpoint(folder / "config.json", folder / "SpeechTokenizer.pt").eval()
    audio = clips(7777, 16000)
    codes = model.encode(audio.samples, n_q=books)
    holds_output(SpeechTokenizer(str(folder), books=books), audio, list(codes), model.decode(codes))
