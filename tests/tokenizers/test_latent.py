"""Quantizers in the space of another tokenizer's latents."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from tiny_models import tiny_model

from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.datasets.base import Limited
from bench.errors import BenchError, Unavailable, UnknownName
from bench.measuring.precheck import check_choices
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos
from bench.modalities.image.tokenizers.klt import KLT
from bench.tokenizers import latent
from bench.tokenizers.base import Tokenizer


@cache
def photos() -> torch.Tensor:
    crops = SkimagePhotos()
    return torch.stack([crops.load(index).signal for index in (0, 4, 14, 25)]).float() / 255


@cache
def psnr(text: str) -> float:
    """Mean PSNR in dB of a few photographs."""
    tokenizer = parse(text).build()
    if type(tokenizer).fit is not Tokenizer.fit:
        tokenizer.fit(Limited(SkimagePhotos({}, "fit"), 5), seed=0)
    error = (tokenizer.decode(tokenizer.encode(photos())) - photos()).square().mean((1, 2, 3))
    return float((-10 * error.log10()).mean())


@pytest.mark.parametrize("family", ["vq", "rvq", "pq", "fsq", "lfq", "bsq"])
def test_the_quantized_transform_of_patches_is_one_case(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learned from the same patches, it is the same: the transform of decorrelated coefficients changes nothing.

    Not for aq, whose local search ends elsewhere when the last digit of a coefficient differs.
    """
    monkeypatch.setattr(latent, "_moved", lambda sample, latents: [])
    monkeypatch.setattr(KLT, "fit_stride", 8)
    one, other = psnr(f"latent-{family}@of=klt-continuous,bits=8,levels=2"), psnr(f"klt-{family}@8,levels=2")
    assert one == pytest.approx(other, abs=0.05)


def test_what_a_family_adds_to_another_gains_on_photographs() -> None:
    assert psnr("klt-rvq@8") < psnr("klt-rvq-beam@8") < psnr("klt-ervq@8")
    assert psnr("klt-fsq@8") < psnr("klt-vaq@8")


@pytest.mark.parametrize("family", ["vq", "rvq", "fsq", "msvq"])
def test_more_bits_lose_less_and_never_less_than_the_latents_alone(family: str) -> None:
    few, more = (psnr(f"latent-{family}@klt-continuous,bits={bits}") for bits in (4, 8))
    assert few < more < psnr("klt-continuous")


def test_leading_coefficients_alone_are_coded() -> None:
    tokenizer = parse("latent-rvq@of=klt-continuous,dims=3").build()
    assert isinstance(tokenizer, latent.LatentTokenizer)
    tokenizer.fit(Limited(SkimagePhotos({}, "fit"), 3), seed=0)
    assert tokenizer.basis.shape == (32, 3)
    assert [book.covers for book in tokenizer.codebooks] == ["8x8 pixels"] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latent-vq@of=jpeg", "its tokens are bytes; name a continuous tokenizer"),
        ("latent-vq@of=klt-vq", "its tokens are discrete; name a continuous tokenizer"),
        ("latent-vq@of=klt-continous", "did you mean klt-continuous"),
        ("latent-vq@of=klt-continuous,bits=40", "bits"),
        ("latent-vq@of=klt-continuous,dims=0", "dims"),
        ("latent-msvq@of=mdct-continuous", "the latents of mdct-continuous are sequences"),
    ],
)
def test_what_cannot_be_is_explained(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        parse(text).build()


def test_what_the_tokenizer_is_decides_the_result(tmp_path: Path) -> None:
    """Its weights are part of the identity, its modality decides the suite, what it lacks is lacking."""
    tiny_model("AutoencoderKL").save_pretrained(tmp_path / "kl")
    spec = parse(f"latent-vq@of=autoencoder-kl={tmp_path / 'kl'}")
    before = spec.identity()
    assert spec.inner is not None
    assert before["of"] == spec.inner.identity()
    (weights,) = (tmp_path / "kl").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert spec.identity() != before
    assert "bench fetch sd-vae" in parse("latent-vq@of=sd-vae").lacking()
    with pytest.raises(BenchError, match="is of audio; suite image-recon is of image"):
        check_choices(
            load_suite("image-recon"),
            [parse("latent-vq@of=mdct-continuous")],
            {"protocol": None, "dataset": None, "data": None, "prompts": None, "device": "cpu"},
        )


def test_a_tokenizer_that_is_not_there_is_unavailable() -> None:
    with pytest.raises((Unavailable, UnknownName), match="sd-vae"):
        parse("latent-vq@of=sd-vae").build()
