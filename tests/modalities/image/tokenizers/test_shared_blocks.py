"""What tokenizers of several publishers share: nearest entries, patches, turned queries, checks of configurations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from bench.errors import BenchError
from bench.modalities.image.networks.attention import turned
from bench.modalities.image.networks.nearest_entry import nearest
from bench.modalities.image.networks.patches import image_of_patches, patches_of_image
from bench.modalities.image.tokenizers.hart import HART
from bench.modalities.image.tokenizers.ibq import LargestProduct
from bench.modalities.image.tokenizers.maskbit import Signs
from bench.modalities.image.tokenizers.soft_vq import MAETok


def _normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_codes_of_half_precision_are_chosen_in_float32() -> None:
    vectors, entries = _normal(300, 8).bfloat16(), _normal(500, 8).bfloat16()
    distances = torch.cdist(vectors.double(), entries.double())
    assert torch.equal(nearest(vectors, entries), distances.argmin(1))
    quantizer = LargestProduct(500, 8).to(torch.bfloat16)
    quantizer.embedding.weight.data = entries
    (codes,) = quantizer.encode(vectors.view(1, 20, 15, 8).movedim(-1, 1))
    assert torch.equal(codes.flatten(), (vectors.double() @ entries.double().T).argmax(1))


def test_patches_have_the_colors_last() -> None:
    images = _normal(2, 3, 8, 12)
    patches = patches_of_image(images, 4)
    assert patches.shape == (2, 2, 3, 48)
    assert torch.equal(patches[0, 1, 2].view(4, 4, 3), images[0, :, 4:, 8:].movedim(0, -1))
    assert torch.equal(image_of_patches(patches, 4), images)


def test_turning_keeps_lengths_and_turns_by_angles() -> None:
    vectors, angles = _normal(1, 2, 5, 6), _normal(5, 3)
    out = turned(vectors, torch.polar(torch.ones_like(angles), angles))
    pairs, before = out.unflatten(-1, (3, 2)), vectors.unflatten(-1, (3, 2))
    torch.testing.assert_close(F.cosine_similarity(pairs, before, dim=-1), angles.cos().expand(1, 2, 5, 3))
    torch.testing.assert_close(pairs.norm(dim=-1), before.norm(dim=-1))


def test_signs_stay_on_the_device_of_the_codes() -> None:
    codes = torch.zeros(2, 3, 3, dtype=torch.int64, device="meta")
    vectors = Signs(6).decode(codes)
    assert vectors.device.type == "meta" and vectors.shape == (2, 3, 3, 6)


@pytest.mark.parametrize(
    ("kind", "config", "stated"),
    [
        (HART, {"model_type": "hart_autoencoder_with_disc", "ch_mult": [1, 2]}, r"ch_mult: \[1, 2\]"),
        (MAETok, {"num_latent_tokens": 4, "codebook_embed_dim": 8, "use_rope": True}, "rope_mixed: False"),
        (MAETok, {"num_latent_tokens": 4, "codebook_embed_dim": 8, "to_pixel": "conv"}, "to_pixel: conv"),
    ],
)
def test_choices_that_no_published_network_has_are_named(kind: Any, config: dict[str, Any], stated: str) -> None:
    with pytest.raises(BenchError, match=rf"describes another network than is known here \({stated}\)"):
        kind.layout(config)
