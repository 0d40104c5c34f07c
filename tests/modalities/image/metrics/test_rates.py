from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from tester import batch_of

from bench.contracts.stats import Estimate
from bench.contracts.tokens import Codebook, Tokens
from bench.modalities.image.metrics.rates import BitsPerPixel, BitsPerPixelEntropy, TokensPerImage

KINDS = (TokensPerImage, BitsPerPixel, BitsPerPixelEntropy)


def rates(tokens: Tokens, *sizes: int, shape: tuple[int, int] = (8, 8)) -> list[Estimate]:
    """The three rates of tokens of images of a shape."""
    found: list[Any] = []
    for kind in KINDS:
        metric = kind(codebooks=tuple(Codebook(size, "everything") for size in sizes))
        image = torch.zeros(tokens.batch_size, 3, *shape)
        metric.update(batch_of(image, image, tokens))
        found += metric.compute().values()
    return found


def test_codes_by_hand() -> None:
    """Four images of 64 pixels, 2 x 2 codes of 16 entries and one of 5; the first level has 1 bit, the second none."""
    first = torch.tensor([3, 3, 9, 9]).view(1, 2, 2).expand(4, 2, 2)
    count, nominal, coded = rates(Tokens(codes=(first, torch.full((4, 1), 2))), 16, 5)
    assert (count.value, count.stderr, count.interval, count.unit) == (5.0, 0.0, (5.0, 5.0), "tokens")
    bits = (4 * 4 + math.log2(5)) / 64
    assert (nominal.value, nominal.stderr, nominal.unit) == (pytest.approx(bits, rel=1e-12), 0.0, "bit/px")
    assert (coded.value, coded.stderr) == (pytest.approx(4 * 1 / 64), pytest.approx(0.0, abs=1e-12))
    assert "fewer than 10 per codebook entry" in coded.note


def test_uniform_codes_cannot_be_coded_shorter() -> None:
    codes = torch.stack([torch.arange(16).roll(i).view(4, 4) for i in range(10)])
    _, nominal, coded = rates(Tokens(codes=(codes,)), 16)
    assert coded.value == pytest.approx(nominal.value)
    assert coded.note == "160 tokens"


def test_entropy_interval_covers_independent_codes() -> None:
    """Codes from a known distribution: the rate is its entropy, the error that of a mean of -log p."""
    share = np.array([0.5, 0.25, 0.125, 0.125])
    codes = torch.from_numpy(np.random.default_rng(0).choice(4, (400, 16), p=share))
    coded = rates(Tokens(codes=(codes,)), 4)[2]
    assert coded.interval is not None
    assert coded.interval[0] <= 1.75 * 16 / 64 <= coded.interval[1]
    spread = math.sqrt((share * np.log2(share) ** 2).sum() - 1.75**2)
    assert coded.stderr == pytest.approx(spread / math.sqrt(codes.numel()) * 16 / 64, rel=0.5)


def test_a_codec_is_measured_by_its_bytes() -> None:
    payload = []
    for photograph in (skimage.data.astronaut(), skimage.data.coffee()):
        file = io.BytesIO()
        Image.fromarray(photograph[:64, :96]).save(file, "JPEG", quality=50)
        payload.append(file.getvalue())
    count, nominal, coded = rates(Tokens(payload=tuple(payload)), shape=(64, 96))
    each = [8 * len(data) / (64 * 96) for data in payload]
    assert nominal.value == pytest.approx(np.mean(each), rel=1e-12)
    assert nominal.stderr == pytest.approx(np.std(each, ddof=1) / math.sqrt(2))
    assert (count.value, count.unavailable) == (None, "a codec emits bytes, not tokens; see bits_per_pixel")
    assert str(coded.unavailable).startswith("a codec's bytes are already entropy-coded")


def test_continuous_tokens_have_a_number_but_no_bits() -> None:
    count, nominal, coded = rates(Tokens(latents=torch.zeros(3, 4, 4, 16)))
    assert (count.value, count.stderr) == (16.0, 0.0)
    assert nominal.value is coded.value is None
    assert nominal.unavailable == coded.unavailable == "continuous tokens have no bits until they are quantized"


@pytest.mark.parametrize("kind", KINDS)
def test_undefined_rates_have_no_samples(kind: type[TokensPerImage]) -> None:
    metric = kind()
    image = torch.zeros(1, 3, 8, 8)
    metric.update(batch_of(image, image, Tokens(payload=(b"\0",))))
    assert set(metric.samples()) == ({"bits_per_pixel"} if kind is BitsPerPixel else set())
    metric.reset()
    metric.update(batch_of(image, image, Tokens(latents=torch.zeros(1, 1, 1))))
    assert set(metric.samples()) == ({"tokens_per_image"} if kind is TokensPerImage else set())


def test_images_of_several_sizes() -> None:
    """16 codes for 64 pixels, 64 for 1024: a mean of images' rates, and one entropy over all pixels."""
    nominal, coded = (kind(codebooks=(Codebook(4, "everything"),)) for kind in KINDS[1:])
    for first, (codes, side) in enumerate(((torch.arange(16) % 4, 8), (torch.arange(64) % 4, 32))):
        image = torch.zeros(1, 3, side, side)
        for metric in (nominal, coded):
            metric.update(batch_of(image, image, Tokens(codes=(codes[None],)), first))
    (mean,), (pooled,) = nominal.compute().values(), coded.compute().values()
    assert mean.value == pytest.approx((2 * 16 / 64 + 2 * 64 / 1024) / 2)
    assert mean.stderr > 0
    assert pooled.value == pytest.approx(2 * 80 / (64 + 1024))
