"""Trained bottlenecks give what vector-quantize-pytorch gives with the same weights, where that is installed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import bench.quantizers.fsq
from bench.quantizers.trained.base import Bottleneck, Coded
from bench.quantizers.trained.bsq import TrainedBSQ
from bench.quantizers.trained.fsq import TrainedFSQ
from bench.quantizers.trained.grouped_residual import TrainedGroupedRVQ
from bench.quantizers.trained.lfq import TrainedLFQ
from bench.quantizers.trained.product import TrainedPQ
from bench.quantizers.trained.residual import TrainedRVQ

WIDTH, BATCH, PLACES = 8, 3, 7


@pytest.fixture(scope="module")
def package() -> Any:
    return pytest.importorskip("vector_quantize_pytorch")


def latents() -> torch.Tensor:
    return torch.randn(BATCH, PLACES, WIDTH, generator=torch.Generator().manual_seed(1)).requires_grad_()


WANTED = torch.randn(BATCH, PLACES, WIDTH, generator=torch.Generator().manual_seed(2))
"""The gradient at the output."""


def step(bottleneck: Bottleneck) -> tuple[Coded, torch.Tensor, torch.Tensor]:
    """What was coded, and the gradients of its output and of its loss to the latents."""
    torch.manual_seed(0)
    given = latents()
    coded: Coded = bottleneck(given, torch.Generator())
    (output,) = torch.autograd.grad((coded.latents * WANTED).sum(), given, retain_graph=True)
    if not coded.loss.requires_grad:
        return coded, output, torch.zeros_like(output)
    return coded, output, torch.autograd.grad(coded.loss, given, retain_graph=True)[0]


STACKS: list[tuple[type[TrainedGroupedRVQ], dict[str, Any], int, int]] = [
    (TrainedRVQ, {"bits": 9, "levels": 3}, 1, 3),
    (TrainedPQ, {"bits": 8, "parts": 4}, 4, 1),
    (TrainedGroupedRVQ, {"bits": 12}, 2, 2),
]


@pytest.mark.parametrize(("made", "arguments", "groups", "levels"), STACKS)
def test_a_stack_of_codebooks(package, made, arguments, groups, levels):
    """The package has the distance of codewords once where the bench has it twice, weighted; the gradients are equal.

    Of how a level's gradient goes on to the next it has two ways: that of the bench for the output is its
    ``quant_grad_frac=1``, and that for the losses ``quant_grad_frac=0``.
    """
    torch.manual_seed(0)
    ours = made(WIDTH, commitment=1.0, **arguments)
    coded, output, of_loss = step(ours)
    books_of_ours = [book.weight for book in ours.books]
    of_books = torch.autograd.grad(coded.loss, books_of_ours)
    for fraction in (0.0, 1.0):
        theirs = package.GroupedResidualVQ(
            dim=WIDTH,
            groups=groups,
            num_quantizers=levels,
            codebook_size=ours.sizes[0],
            learnable_codebook=True,
            ema_update=False,
            rotation_trick=False,
            commitment_weight=1.0,
            quant_grad_frac=fraction,
        )
        books = [theirs.rvqs[group].layers[level]._codebook.embed for level in range(levels) for group in range(groups)]
        for book, weight in zip(books, books_of_ours, strict=True):
            book.data = weight.detach()[None].clone()
        given = latents()
        quantized, indices, losses = theirs(given)
        codes = [indices[group, ..., level] for level in range(levels) for group in range(groups)]
        assert all(torch.equal(one, other) for one, other in zip(codes, coded.codes, strict=True))
        assert torch.allclose(quantized, coded.latents, atol=1e-6)
        assert torch.allclose(2 * losses.mean(), coded.loss, atol=1e-6)
        if fraction:
            assert torch.allclose(torch.autograd.grad((quantized * WANTED).sum(), given)[0], output, atol=1e-6)
            continue
        gradients = torch.autograd.grad(losses.mean(), [given, *books])
        assert torch.allclose(gradients[0], of_loss, atol=1e-6)
        for gradient, expected in zip(gradients[1:], of_books, strict=True):
            assert torch.allclose(gradient[0], expected, atol=1e-6)


def with_projections_of(theirs: Any, ours: Any) -> None:
    for one, other in ((theirs.project_in, ours.into), (theirs.project_out, ours.back)):
        one.load_state_dict(other.state_dict())


@pytest.mark.parametrize("levels", ["8-5-5-5", "8-8-4-4"])
def test_fsq(package, levels, monkeypatch):
    """The package widens the interval by a thousandth, where the paper's code narrows it."""
    monkeypatch.setattr(bench.quantizers.fsq, "EPSILON", -bench.quantizers.fsq.EPSILON)
    torch.manual_seed(0)
    ours = TrainedFSQ(WIDTH, levels=levels)
    coded, output, _ = step(ours)
    theirs = package.FSQ(levels=[int(level) for level in levels.split("-")], dim=WIDTH)
    with_projections_of(theirs, ours)
    given = latents()
    quantized, indices = theirs(given)
    assert torch.equal(indices.long(), coded.codes[0])
    assert torch.allclose(quantized, coded.latents, atol=1e-6)
    assert torch.allclose(torch.autograd.grad((quantized * WANTED).sum(), given)[0], output, atol=1e-6)
    assert torch.allclose(theirs.indices_to_codes(indices), ours.decode(coded.codes), atol=1e-6)


@pytest.mark.parametrize(
    ("made", "spherical", "diversity"), [(TrainedLFQ, False, 0.7), (TrainedBSQ, True, 0.0)], ids=["lfq", "bsq"]
)
def test_signs(package, made, spherical, diversity, monkeypatch):
    """The first coordinate is the highest bit of the package's indices, and its logarithm goes on below 1e-5 here.

    The mean assignment of BSQ has no part in it: the package has its exact entropy, BSQ the factorized one.
    """
    monkeypatch.setattr(f"{package.__name__}.lookup_free_quantization.log", torch.log)
    torch.manual_seed(0)
    bits = 5
    ours = made(WIDTH, bits, entropy=0.3, diversity=diversity, temperature=0.5, commitment=0.25)
    coded, output, of_loss = step(ours)
    theirs = package.LFQ(
        dim=WIDTH,
        codebook_size=2**bits,
        entropy_loss_weight=0.3,
        diversity_gamma=diversity,
        commitment_loss_weight=0.25,
        spherical=spherical,
    )
    with_projections_of(theirs, ours)
    given = latents()
    (quantized, indices, loss), parts = theirs(given, inv_temperature=1 / 0.5, return_loss_breakdown=True)
    flipped = sum((indices.long() >> bit & 1) << (bits - 1 - bit) for bit in range(bits))
    assert torch.equal(flipped, coded.codes[0])
    assert torch.allclose(quantized, coded.latents, atol=1e-6)
    assert torch.allclose(parts.commitment, coded.commitment, atol=1e-6)
    assert torch.allclose(loss, coded.loss, atol=1e-6)
    gradients = [
        torch.autograd.grad(value, given, retain_graph=True)[0] for value in ((quantized * WANTED).sum(), loss)
    ]
    assert torch.allclose(gradients[0], output, atol=1e-6)
    assert torch.allclose(gradients[1], of_loss, atol=1e-6)
