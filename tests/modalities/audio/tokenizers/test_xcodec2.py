"""X-codec2 and NeuCodec give what transformers gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from published_codecs import Load, clips, holds_output, same


@torch.no_grad()
@pytest.mark.parametrize("name", ["Xcodec2", "NeuCodec"])
def test_xcodec2_equals_transformers(name: str, load: Load, folders: dict[str, Path]) -> None:
    tokenizer = load(f"{name}Model")
    model = getattr(transformers, f"{name}Model").from_pretrained(folders[f"{name}Model"]).eval()
    extract = getattr(transformers, f"{name}FeatureExtractor")()
    audio = clips(7000, 16000)
    seen = extract([wave[0].numpy() for wave in audio.samples], sampling_rate=16000, return_tensors="pt")
    output = model(seen["input_values"], seen["input_features"], input_features_mask=seen["input_features_mask"])
    if name == "Xcodec2":
        holds_output(tokenizer, audio, list(output.audio_codes.long().unbind(1)), output.audio_values)
    codes = tokenizer.codes_of(audio.samples)
    assert torch.equal(codes[0].long(), output.audio_codes[:, 0].long())
    waves = tokenizer.waves_of(list(codes))[..., : output.audio_values.shape[-1]]
    same(waves, output.audio_values[..., : waves.shape[-1]])
