"""The multi-scale quantizer against its algorithm, step by step and by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.tokenizers.klt import KLT
from bench.quantizers import multiscale
from bench.quantizers.multiscale import MultiScaleQuantizer

SIZES = ((8, 8), (5, 7), (1, 3), (16, 4))


def smooth(height: int, width: int, seed: int, dim: int = 4) -> torch.Tensor:
    """A map with structure at every scale, of falling variance in its coefficients."""
    generator = torch.Generator().manual_seed(seed)
    noise = [torch.randn(1, dim, side, side, generator=generator) for side in (1, 2, 4, 8)]
    layers = [F.interpolate(one, (height, width), mode="bilinear") for one in noise]
    return torch.stack(layers).sum(0)[0].permute(1, 2, 0) * 2.0 ** -torch.arange(dim)


def maps(count: int = 60, seed: int = 0) -> list[torch.Tensor]:
    return [smooth(8, 8, seed + index) for index in range(count)]


def fitted(bits: int = 6, scales: tuple[int, ...] = ()) -> MultiScaleQuantizer:
    quantizer = MultiScaleQuantizer(bits, scales)
    quantizer.fit(maps(), seed=0)
    return quantizer


def error(quantizer: MultiScaleQuantizer, latents: list[torch.Tensor]) -> float:
    return sum(float((quantizer.decode(quantizer.encode(one)) - one).square().sum()) for one in latents)


def test_a_case_worked_out_by_hand():
    quantizer = MultiScaleQuantizer(3, (2, 4))
    quantizer.book.use(torch.tensor([0.0, 64, 5, -5, 12, -12, 500, -500])[:, None])
    latents = torch.tensor([-2.0, 2, 62, 66])[None, :, None]
    # The averages are 0 and 64. Cubic convolution with a = -3/4 makes -6.75, 14.5, 49.5, 70.75 of them, and what is
    # left is 4.75, -12.5, 12.5, -4.75.
    coarse, fine = quantizer.encode(latents)
    assert coarse.tolist() == [[0, 1]]
    assert fine.tolist() == [[2, 5, 4, 3]]
    assert quantizer.decode((coarse, fine)).flatten().tolist() == [-6.75 + 5, 14.5 - 12, 49.5 + 12, 70.75 - 5]


@pytest.mark.parametrize("size", SIZES)
def test_each_scale_quantizes_what_the_scales_before_left(size):
    quantizer, rest = fitted(), smooth(*size, seed=900).permute(2, 0, 1)[None]  # type: ignore[misc]
    codes = quantizer.encode(rest[0].permute(1, 2, 0))
    for code in codes:
        averages = F.adaptive_avg_pool2d(rest, tuple(code.shape))[0].flatten(1).T  # type: ignore[arg-type]
        nearest = ((averages[:, None] - quantizer.book.codewords) ** 2).sum(2).argmin(1)
        assert torch.equal(code.flatten(), nearest)
        found = quantizer.book.codewords[nearest].T.unflatten(1, code.shape)[None]
        rest = rest - F.interpolate(found, size, mode="bicubic", align_corners=False)
    assert torch.allclose(quantizer.decode(codes), (smooth(*size, seed=900) - rest[0].permute(1, 2, 0)), atol=1e-5)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("scales", "height", "width", "grids"),
    [
        ((), 8, 8, [(1, 1), (2, 2), (4, 4), (8, 8)]),
        ((), 5, 7, [(1, 1), (2, 2), (3, 4), (5, 7)]),
        ((1, 2, 4, 8, 16, 32), 32, 32, [(1, 1), (2, 2), (4, 4), (8, 8), (16, 16), (32, 32)]),
        ((1, 2, 3, 4, 5, 6, 8, 10, 13, 16), 16, 16, [(n, n) for n in (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)]),
        ((1, 2, 4), 16, 4, [(4, 1), (8, 2), (16, 4)]),
    ],
)
def test_scales_become_grids_of_any_map(scales, height, width, grids):
    quantizer = fitted(bits=2, scales=scales)
    assert quantizer.grids(height, width) == grids
    assert quantizer.sizes == (4,) * len(grids)
    codes = quantizer.encode(smooth(height, width, seed=5))
    assert [tuple(code.shape) for code in codes] == grids
    assert all(code.dtype == torch.int64 and 0 <= int(code.min()) <= int(code.max()) < 4 for code in codes)


def test_the_error_falls_with_every_scale():
    quantizer, unseen = fitted(), maps(20, seed=1000)
    left = torch.zeros(len(quantizer.scales) + 1)
    for latents in unseen:
        sum_of_scales = torch.zeros(1, 4, 8, 8)
        left[0] += latents.square().sum()
        for scale, code in enumerate(quantizer.encode(latents)):
            vectors = quantizer.book.decode(code.view(-1, 1))
            sum_of_scales += multiscale.enlarged(vectors, tuple(code.shape), (8, 8))
            left[scale + 1] += (sum_of_scales[0].permute(1, 2, 0) - latents).square().sum()
    assert (left.diff() < -0.05 * left[0]).all(), left


def test_more_bits_lose_less():
    unseen = maps(20, seed=1000)
    errors = [error(fitted(bits), unseen) for bits in (2, 4, 8)]
    assert errors[0] > errors[1] > errors[2]


def test_learning_goes_on_from_exact_averages_and_never_for_the_worse(monkeypatch):
    learned = error(fitted(), maps())
    monkeypatch.setattr(multiscale, "ROUNDS", 1)
    first = error(fitted(), maps())
    assert learned < 0.98 * first
    monkeypatch.setattr(multiscale, "ROUNDS", 12)
    monkeypatch.setattr(multiscale, "DECAY", 3.0)  # away from the means, so that every round is worse
    assert error(fitted(), maps()) == pytest.approx(first)


def test_a_map_is_coded_alike_every_time():
    one, other, latents = fitted(), fitted(), smooth(8, 8, seed=3)
    for code, again, twin in zip(one.encode(latents), one.encode(latents), other.encode(latents), strict=True):
        assert torch.equal(code, again) and torch.equal(code, twin)


@pytest.mark.parametrize("scales", [(2, 1), (1, 1, 2), (0, 4)])
def test_wrong_scales_are_named(scales):
    with pytest.raises(BenchError, match=f"scales {'-'.join(map(str, scales))}: they must be positive and rise"):
        MultiScaleQuantizer(4, scales)


def test_only_msvq_has_scales_and_they_are_written_with_hyphens():
    assert KLT("msvq", bits=4, scales="1-2-4").codebooks[0] == Codebook(16, "32x32 pixels")
    with pytest.raises(BenchError, match="only the quantizer msvq has scales"):
        KLT("vq", scales="1-2-4")
    with pytest.raises(BenchError, match="numbers with a hyphen between them"):
        KLT("msvq", scales="1/2/4")
