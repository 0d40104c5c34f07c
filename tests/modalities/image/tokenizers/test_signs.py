"""Tokenizers whose codes are signs, and DALL-E's: their configurations, their bits, and files that are not theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench import registry
from bench.errors import BenchError
from bench.modalities.image.networks.magvit2 import AdaptiveNorm
from bench.modalities.image.networks.signs import codes_of_signs, signs_of_codes
from bench.modalities.image.tokenizers.bsqvit import BSQViT
from bench.modalities.image.tokenizers.dalle import DVAE
from bench.modalities.image.tokenizers.magvit2 import MAGVIT2
from bench.modalities.image.tokenizers.showo import ShowO


@pytest.mark.parametrize("lowest_first", [True, False])
@pytest.mark.parametrize("bits", [(36,), (9, 9, 9, 9), (6, 30)], ids=str)
def test_codes_of_signs_and_back(bits: tuple[int, ...], lowest_first: bool) -> None:
    latents = torch.randn(2, 36, 3, 5, generator=torch.Generator().manual_seed(0))
    codes = codes_of_signs(latents, bits, lowest_first)
    assert [int(code.max()).bit_length() for code in codes] == list(bits)
    assert torch.equal(signs_of_codes(codes, bits, lowest_first), torch.where(latents > 0, 1.0, -1.0))


def test_the_order_of_bits_and_the_sign_of_zero() -> None:
    latents = torch.tensor([2.0, 0.0, -1.0]).view(1, 3, 1)
    assert codes_of_signs(latents, [3])[0].item() == 1
    assert codes_of_signs(latents, [3], lowest_first=False)[0].item() == 4


def test_a_single_position_has_no_deviation() -> None:
    assert AdaptiveNorm(6, 32)(torch.ones(2, 32, 1, 1), torch.ones(2, 6, 1, 1)).isfinite().all()


@pytest.mark.parametrize(
    ("name", "bits", "codes"),
    [
        ("open-magvit2-256", [18], 256),
        ("open-magvit2-256-factorized", [6, 12], 256),
        ("open-magvit2-128", [18], 1024),
        ("open-magvit2-pretrain-16384", [14], 256),
        ("showo-magvit2", [13], 256),
        ("dalle-dvae", [13], 1024),
        ("wetok-imagenet-f16", [8] * 4, 256),
        ("wetok-24", [8] * 8, 1024),
        ("wetok-768", [8] * 4, 64),
        ("bsq-vit-18bit", [18], 1024),
        ("bsq-vit-36bit", [36], 1024),
        ("bsq-vit-36bit-grouped", [9] * 4, 1024),
    ],
)
def test_bits_and_codes_of_the_published_configurations(name: str, bits: list[int], codes: int) -> None:
    entry = registry.entries("tokenizers")[name]
    books = registry.load(entry.target).codebooks_of(entry.args["config"])
    assert [book.bits for book in books] == bits
    side = int(books[0].covers.partition("x")[0])
    assert (256 // side) ** 2 == codes


NETWORK = {"ch": 32, "ch_mult": [1, 2], "num_res_blocks": 1, "z_channels": 6, "in_channels": 3, "out_ch": 3}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (MAGVIT2, {"ddconfig": NETWORK | {"attn_resolutions": [16]}, "n_embed": 64}),
        (MAGVIT2, {"ddconfig": NETWORK, "n_embed": 64, "target": "src.IBQ.models.ibqgan.IBQ"}),
        (ShowO, {"_class_name": "VQModel"}),
        (ShowO, {"model_type": "chameleon"}),
        (DVAE, {"_class_name": "VQModel"}),
        (BSQViT, {"model": {"target": "transcoder.models.bsqvit.VITVQModel"}}),
    ],
)
def test_a_configuration_of_another_model_is_not_theirs(kind: Any, config: dict[str, Any]) -> None:
    assert kind.layout(config) is None


@pytest.mark.parametrize(
    ("kind", "config", "reason"),
    [
        (MAGVIT2, {"ddconfig": NETWORK, "n_embed": 32}, "codes of 5 bits for 6 channels"),
        (MAGVIT2, {"ddconfig": NETWORK, "n_embed": 63}, "n_embed is 63, not a power of 2"),
        (
            BSQViT,
            {"embed_dim": 18, "vitconfig": {"num_frames": 16}},
            r"another network than is known here \(num_frames",
        ),
        (BSQViT, {"embed_dim": 18, "vitconfig": {}, "code_bits": [9]}, "codes of 9 bits for 18 channels"),
    ],
)
def test_a_configuration_that_cannot_be_is_rejected(kind: Any, config: dict[str, Any], reason: str) -> None:
    with pytest.raises(BenchError, match=reason):
        kind.layout(config)


def test_a_whole_configuration_is_read_as_the_model_within_it() -> None:
    config = registry.entries("tokenizers")["bsq-vit-36bit"].args["config"]
    whole = {"model": {"target": "transcoder.models.bsqvit.VITBSQModel", "params": config}, "data": {"image_size": 256}}
    assert BSQViT.layout(whole) == BSQViT.layout(config)


def test_a_folder_without_both_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "encoder.pkl").touch()
    with pytest.raises(BenchError, match=r"no decoder\.pkl in it") as raised:
        DVAE(str(tmp_path))
    assert raised.value.remedy == "give a folder with encoder.pkl and decoder.pkl"
