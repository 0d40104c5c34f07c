"""TiTok's latents, sizes and configurations, beyond what golden arrays and the contract hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from cases import Golden, cases

from bench.contracts.system import parse
from bench.errors import BenchError

CASES: dict[str, Golden] = {case.name: case for case in cases("image") if case.name.startswith("titok")}


def test_a_sample_of_the_posterior_depends_on_the_image_alone(tmp_path: Path) -> None:
    case = CASES["titok-vae"]
    tokenizer, images = case.build(tmp_path), (case.images() + 1) / 2
    mean, log_variance = tokenizer.model.encoded(images).chunk(2, -1)
    torch.testing.assert_close(tokenizer.encode(images).latents, mean)
    tokenizer.latents = "sample"
    sample = tokenizer.encode(images).latents
    torch.testing.assert_close(sample, torch.cat([tokenizer.encode(image[None]).latents for image in images]))
    noise = (sample - mean) / (log_variance / 2).exp()
    assert abs(noise.mean()) < 0.3 and abs(noise.std() - 1) < 0.2
    tokenizer.seed = 1
    assert not torch.equal(sample, tokenizer.encode(images).latents)


def test_images_of_another_size_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"TiTok takes images of 32x32 pixels only, not 32x48"):
        CASES["titok-vq"].build(tmp_path).encode(torch.rand(1, 3, 32, 48))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantize_mode": "vae"}, "quantize_mode vae; TiTok has vq"),
        ({"finetune_decoder": True}, "of the first stage of training"),
        ({"num_latent_tokens": 13}, r"latent_tokens \[12, 32\], not \[13, 32\]"),
    ],
)
def test_another_model_is_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    case = CASES["titok-vq"]
    inner: Any = case.config["model"]["vq_model"]
    config = {**case.config, "model": {"vq_model": inner | changes}}
    spec = parse(f"titok-l32={case.save(tmp_path)}")
    with pytest.raises(BenchError, match=message):
        spec.build(config=config)
