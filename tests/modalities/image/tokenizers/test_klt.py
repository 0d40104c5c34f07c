"""The transform of patches: its sums are exact, and nothing is lost where every coefficient is kept."""

from __future__ import annotations

import pytest
import torch

from bench.datasets.base import Limited
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos
from bench.modalities.image.tokenizers.klt import KLT, summable


def fitted(patch: int, dims: int) -> KLT:
    tokenizer = KLT(patch=patch, dims=dims)
    tokenizer.fit(Limited(SkimagePhotos({}, "fit"), 3), seed=0)
    return tokenizer


@pytest.mark.parametrize("patch", [4, 8, 16])
def test_sums_of_levels_are_exact_in_any_order(patch: int) -> None:
    """Patches of eight-bit levels, the extremes that a basis can be given among them."""
    basis = fitted(patch, 32).basis
    levels = torch.randint(0, 256, (500, len(basis)), generator=torch.Generator().manual_seed(0)).float()
    levels = torch.cat([levels, 255 * (basis.T > 0).float(), 255 * (basis.T < 0).float()])
    exact = (levels.double() @ basis.double()).float()
    order = torch.randperm(len(basis), generator=torch.Generator().manual_seed(1))
    assert torch.equal(levels @ basis, exact)
    assert torch.equal(levels[:, order] @ basis[order], exact)


def test_noise_of_eigenvectors_is_rounded_away() -> None:
    basis, _ = torch.linalg.qr(torch.randn(192, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(summable(basis), summable(basis * (1 + 1e-13)))


@pytest.mark.parametrize("patch", [4, 8])
def test_all_coefficients_give_the_image_back(patch: int, photos: torch.Tensor) -> None:
    tokenizer = fitted(patch, 3 * patch * patch)
    torch.testing.assert_close(tokenizer.decode(tokenizer.encode(photos)), photos, atol=1e-5, rtol=0)
