"""Tiny checkpoints of every class of published codecs, and what their tests compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cases import Golden, cases
from tiny_audio_models import AUDIO_NAMES, TINY_AUDIO, save_audio

from bench import registry
from bench.contracts.system import parse
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer
from bench.modalities.audio.tokenizers.published import PublishedCodec

Load = Callable[[str], PretrainedAudioTokenizer]

DEFINED: dict[str, Golden] = {
    case.target.partition(":")[2]: case
    for case in reversed(cases("audio"))
    if issubclass(registry.load(case.target), PublishedCodec)
}
"""The first golden case of each codec that is defined here, by its class."""

CODECS = (*TINY_AUDIO, *sorted(DEFINED))
"""Classes of libraries, by the library's name, and those that are defined here."""

TARGETS = {
    *(registry.get("tokenizers", name).target for name in AUDIO_NAMES.values()),
    *(case.target for case in DEFINED.values()),
}
"""The adapter of each."""


class Folders(dict[str, Path]):
    """A folder for each class, with a tiny checkpoint of a library's; of those defined here, once they are built."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def __missing__(self, name: str) -> Path:
        self[name] = self.root / name
        if name not in DEFINED:
            save_audio(name, self[name])
        return self[name]

    def build(self, name: str) -> Any:
        """The tokenizer on its tiny checkpoint."""
        if name in DEFINED:
            return DEFINED[name].build(self[name])
        return parse(f"{AUDIO_NAMES[name]}={self[name]}").build()


def clips(samples: int, rate: int, count: int = 3) -> Audio:
    """Noise under slow envelopes, no two clips alike."""
    noise = torch.randn(count, 1, samples, generator=torch.Generator().manual_seed(1))
    slow = torch.sin(torch.arange(1, count + 1)[:, None, None] * 9.0 * torch.arange(samples) / rate)
    return Audio(0.2 * noise * slow, rate, torch.full((count,), samples))


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    """Equal to a hundred thousandth of the loudest sample."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * max(1e-3, float(other.abs().max())))


def holds_output(tokenizer: Any, audio: Audio, codes: list[torch.Tensor], waves: torch.Tensor) -> None:
    """Assert that a tokenizer has these codes and waves for clips, and zeros past the end of the waves."""
    tokens = tokenizer.encode(audio)
    assert len(tokens.codes) == len(codes)
    assert all(torch.equal(one, other) for one, other in zip(tokens.codes, codes, strict=True))
    back = tokenizer.decode(tokens).samples
    count = min(back.shape[2], waves.shape[2])
    same(back[..., :count], waves[..., :count])
    assert not back[..., count:].any()
