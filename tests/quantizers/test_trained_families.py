"""Trained bottlenecks, worked out by hand: codes, gradients and losses of each family."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from bench.errors import BenchError
from bench.quantizers.remedies.base import Remedy
from bench.quantizers.trained.additive import TrainedAQ
from bench.quantizers.trained.base import Bottleneck, Coded
from bench.quantizers.trained.bit_entropy import entropy_of_bits, entropy_of_codes, entropy_of_mean_bits
from bench.quantizers.trained.bsq import TrainedBSQ
from bench.quantizers.trained.fsq import TrainedFSQ, levels_of
from bench.quantizers.trained.grouped_residual import TrainedGroupedRVQ
from bench.quantizers.trained.implicit import ImplicitBottleneck
from bench.quantizers.trained.learned import LearnedBottleneck
from bench.quantizers.trained.lfq import TrainedLFQ
from bench.quantizers.trained.multiscale import TrainedMultiscale
from bench.quantizers.trained.product import TrainedPQ
from bench.quantizers.trained.residual import TrainedRVQ


def step(bottleneck: Bottleneck, latents: torch.Tensor, seed: int = 0) -> Coded:
    coded: Coded = bottleneck(latents, torch.Generator().manual_seed(seed))
    return coded


def with_codewords(bottleneck: LearnedBottleneck, *books: list[Any]) -> None:
    """Set the codewords of each codebook, a list of numbers where they have one dimension."""
    for book, words in zip(bottleneck.books, books, strict=True):
        book.weight.data = torch.tensor(words).view(book.weight.shape)


def without_projections(bottleneck: ImplicitBottleneck) -> None:
    """Replace the linear maps by the identity."""
    bottleneck.into = bottleneck.back = nn.Identity()  # type: ignore[assignment]


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


STACKS: list[tuple[type[LearnedBottleneck], dict[str, Any]]] = [
    (TrainedRVQ, {"levels": 3}),
    (TrainedRVQ, {"levels": 3, "dropout": 1.0}),
    (TrainedPQ, {"parts": 4}),
    (TrainedGroupedRVQ, {}),
    (TrainedAQ, {"books": 3}),
    (TrainedMultiscale, {"bits": 3, "scales": "1-2-3"}),
]


@pytest.mark.parametrize("grid", [(5, 6), (7,)], ids=str)
@pytest.mark.parametrize(("made", "arguments"), STACKS)
def test_straight_through_is_the_identity_of_a_whole_stack(made, arguments, grid):
    torch.manual_seed(0)
    bottleneck = made(8, **{"bits": 9, **arguments})
    given, wanted = random(4, *grid, 8).requires_grad_(), random(4, *grid, 8, seed=2)
    bottleneck.start(given.detach(), torch.Generator().manual_seed(0))
    (step(bottleneck, given).latents * wanted).sum().backward()
    assert torch.allclose(given.grad, wanted, atol=1e-6)
    if not arguments.get("dropout"):
        decoded = bottleneck.decode(bottleneck.encode(given.detach()))
        assert torch.allclose(step(bottleneck, given).latents, decoded, atol=1e-6)


def test_two_levels_by_hand():
    """The latent 1 is 0.8, which leaves 0.2, and 0.3, which is 0.1 too much."""
    bottleneck = TrainedRVQ(1, bits=2, levels=2)
    with_codewords(bottleneck, [0.0, 0.8], [-0.1, 0.3])
    given = torch.ones(1, 1, 1, requires_grad=True)
    coded = step(bottleneck, given)
    assert [int(code) for code in coded.codes] == [1, 1]
    assert coded.latents.flatten().tolist() == pytest.approx([1.1])
    assert float(coded.commitment) == pytest.approx((0.2**2 + 0.1**2) / 2)
    assert float(coded.loss.detach()) == pytest.approx(1.25 * (0.2**2 + 0.1**2) / 2)
    coded.loss.backward()
    # Of the commitment, at a quarter: the encoder is drawn up to 1.1 by the second level and down to 0.8 by the first.
    assert float(given.grad) == pytest.approx(0.25 * (2 * 0.2 - 2 * 0.1) / 2)
    gradients = [book.weight.grad.flatten().tolist() for book in bottleneck.books]
    assert gradients == [pytest.approx([0, -0.2]), pytest.approx([0, 0.1])]


def test_dropout_leaves_out_the_last_levels_of_some_samples(monkeypatch):
    bottleneck = TrainedRVQ(1, bits=2, levels=2, dropout=1.0)
    with_codewords(bottleneck, [0.0, 0.8], [-0.1, 0.3])
    monkeypatch.setattr(bottleneck, "_kept", lambda batch, generator: torch.tensor([1, 2]))
    given = torch.tensor([1.0, 0.0])[:, None, None].requires_grad_()
    coded = step(bottleneck, given)
    assert [code.flatten().tolist() for code in coded.codes] == [[1, 0], [-1, 0]]
    assert coded.latents.flatten().tolist() == pytest.approx([0.8, -0.1])
    # Three codewords were looked up: 0.2, 0 and 0.1 off.
    assert float(coded.commitment) == pytest.approx((0.2**2 + 0 + 0.1**2) / 3)
    assert float(coded.loss.detach()) == pytest.approx(1.25 * (0.2**2 + 0.1**2) / 3)
    coded.loss.backward()
    assert given.grad.flatten().tolist() == pytest.approx([0.25 * 2 * 0.2 / 3, 0.25 * 2 * 0.1 / 3])
    bottleneck.upkeep(torch.Generator())
    assert [code.flatten().tolist() for code in bottleneck.encode(given.detach())] == [[1, 0], [1, 0]]


def test_dropout_keeps_each_number_of_levels_as_often():
    bottleneck = TrainedRVQ(1, bits=3, levels=3, dropout=0.6)
    kept = bottleneck._kept(6000, torch.Generator().manual_seed(0)).bincount()[1:] / 6000
    assert kept.tolist() == pytest.approx([0.2, 0.2, 0.6], abs=0.02)
    bottleneck.eval()
    assert bottleneck._kept(4, torch.Generator()).tolist() == [3] * 4


def test_parts_by_hand():
    bottleneck = TrainedPQ(4, bits=3, parts=2)
    assert bottleneck.sizes == (4, 2)
    with_codewords(bottleneck, [[0, 0], [0, 1], [1, 0], [1.0, 1]], [[5, 5], [6.0, 6]])
    codes = bottleneck.encode(torch.tensor([[[0.9, 0.2, 9.0, 1.0], [0.1, 0.8, 5.7, 5.7]]]))
    assert [code.tolist() for code in codes] == [[[2, 1]], [[0, 1]]]
    assert bottleneck.decode(codes).tolist() == [[[1, 0, 5, 5], [0, 1, 6, 6]]]


def test_levels_of_groups_go_from_coarse_to_fine():
    bottleneck = TrainedGroupedRVQ(2, bits=4)
    with_codewords(bottleneck, [0.0, 1.0], [0.0, 10.0], [0.0, 0.1], [0.0, 2.0])
    codes = bottleneck.encode(torch.tensor([[[1.1, 12.0]]]))
    assert [int(code) for code in codes] == [1, 1, 1, 1]
    assert bottleneck.decode(codes).flatten().tolist() == pytest.approx([1.1, 12])
    assert bottleneck.decode(codes[:2]).flatten().tolist() == pytest.approx([1, 10])


def test_sums_of_codewords_by_hand():
    """Of 1, the nearest codeword 0.8 leaves 0.2, of which 0.7 is worse than nothing; but 0.3 + 0.7 is exact."""
    bottleneck = TrainedAQ(1, bits=3, books=2, rounds=1)
    with_codewords(bottleneck, [0.0, 0.3, 0.8, 9.0], [-0.5, 0.7])
    given = torch.ones(1, 1, 1, requires_grad=True)
    assert [int(code) for code in bottleneck.encode(given)] == [1, 1]
    coded = step(bottleneck, given)
    assert [int(code) for code in coded.codes] == [1, 1]
    assert coded.latents.flatten().tolist() == pytest.approx([1])
    assert float(coded.commitment) == pytest.approx(0, abs=1e-12)


def test_penalties_of_deeper_levels_reach_the_encoder():
    class Nearness(Remedy):
        def loss(self, loss, vectors, codewords, logits, codes):
            return logits.sum()

    bottleneck = TrainedRVQ(1, bits=2, levels=2)
    with_codewords(bottleneck, [0.0, 0.8], [-0.1, 0.3])
    bottleneck.books[1].remedy = Nearness(2, 1)
    given = torch.ones(1, 1, 1, requires_grad=True)
    step(bottleneck, given).loss.backward()
    # Half of -(0.2 + 0.1)² - (0.2 - 0.3)², and of a quarter of 0.2² from the first level.
    assert float(given.grad) == pytest.approx((-2 * 0.3 + 2 * 0.1) / 2 + 0.25 * 2 * 0.2 / 2)


def test_scales_by_hand():
    """A row of two places: the mean 2 is coded at the coarse scale, the differences at the fine one."""
    bottleneck = TrainedMultiscale(1, bits=2, scales="1-2")
    with_codewords(bottleneck, [-1.0, 0.0, 1.0, 2.2])
    coded = step(bottleneck, torch.tensor([[[1.0], [3.0]]]))
    assert [code.tolist() for code in coded.codes] == [[[3]], [[0, 2]]]
    assert coded.latents.flatten().tolist() == pytest.approx([1.2, 3.2])
    assert float(coded.commitment) == pytest.approx((0.2**2 + 0.2**2) / 2)
    assert bottleneck.spans == (2, 1)


def test_running_averages_follow_all_scales_of_a_step():
    bottleneck = TrainedMultiscale(1, bits=1, scales="1-2", update="ema")
    with_codewords(bottleneck, [-9.0, 0.0])
    bottleneck.start(torch.zeros(1, 2, 1), torch.Generator())
    step(bottleneck, torch.tensor([[[1.0], [3.0]]]))
    bottleneck.upkeep(torch.Generator())
    counts, sums = bottleneck.books[0].counts, bottleneck.books[0].sums
    assert counts.tolist() == pytest.approx([0.99, 0.99 + 0.01 * 3])
    assert sums.flatten().tolist() == pytest.approx([-9 * 0.99, 0.01 * (2 + 1 + 3)])


def test_fsq_rounds_the_bounded_coordinate():
    bottleneck = TrainedFSQ(2, levels="5-4")
    without_projections(bottleneck)
    given = torch.tensor([[[0.0, 0.0], [9.0, 9.0], [-9.0, -9.0], [0.4, -0.4]]], requires_grad=True)
    # Odd: round(2·tanh z). Even: the interval is shifted, round(1.5·tanh(z + atanh(1/3)) - 0.5).
    odd = [0, 2, -2, round(2 * math.tanh(0.4))]
    even = [0, 1, -2, round(1.5 * math.tanh(-0.4 + math.atanh(1 / 3)) - 0.5)]
    coded = step(bottleneck, given)
    assert coded.codes[0].tolist() == [[a + 2 + 5 * (b + 2) for a, b in zip(odd, even, strict=True)]]
    assert coded.latents[0].tolist() == [pytest.approx([a / 2, b / 2]) for a, b in zip(odd, even, strict=True)]
    assert torch.equal(bottleneck.decode(bottleneck.encode(given)), coded.latents)
    coded.latents[0, 0].sum().backward()
    slope = 0.999  # of the interval, a thousandth narrower
    shifted = 1 - (0.5 / (1.5 * slope)) ** 2  # tanh' at the shift
    assert given.grad[0, 0].tolist() == pytest.approx([slope, 1.5 * slope * shifted / 2])
    assert float(coded.loss.detach()) == 0


@pytest.mark.parametrize(("bits", "levels"), [(2, (4,)), (4, (4, 4)), (6, (8, 8)), (8, (8, 8, 4)), (10, (8, 8, 4, 4))])
def test_fsq_levels_spend_exactly_the_bits(bits, levels):
    assert levels_of(bits) == levels and math.prod(levels) == 2**bits


def test_lfq_counts_the_positive_signs():
    bottleneck = TrainedLFQ(3, bits=3)
    without_projections(bottleneck)
    given = torch.tensor([[[1.0, -1.0, 0.5], [-1, 2, -1], [0, 0, 0]]], requires_grad=True)
    coded = step(bottleneck, given)
    assert coded.codes[0].tolist() == [[1 + 4, 2, 0]]  # the first is the lowest bit, and zero counts as -1
    assert coded.latents[0].tolist() == [[1, -1, 1], [-1, 1, -1], [-1, -1, -1]]
    assert float(coded.commitment) == pytest.approx((0.5**2 + 1 + 3) / 9)
    coded.latents.sum().backward()
    assert torch.equal(given.grad, torch.ones_like(given))


def test_bsq_codewords_lie_on_the_unit_sphere():
    bottleneck = TrainedBSQ(4, bits=4)
    without_projections(bottleneck)
    given = torch.tensor([[[3.0, -4, 0, 0], [-1, -1, -1, 1]]], requires_grad=True)
    coded = step(bottleneck, given)
    assert coded.codes[0].tolist() == [[1, 8]]
    assert coded.latents[0].tolist() == [[0.5, -0.5, -0.5, -0.5], [-0.5, -0.5, -0.5, 0.5]]
    coded.latents[0, 0, 0].backward()
    # Of x/|x| at (3, -4): (1 - 0.6², 0.6·0.8) / 5.
    assert given.grad[0, 0].tolist() == pytest.approx([0.64 / 5, 0.48 / 5, 0, 0])


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_entropies_are_those_of_a_softmax_over_all_codewords(bits):
    corners = torch.tensor(list(product((-1.0, 1.0), repeat=bits)), dtype=torch.float64)
    given, temperature = random(20, bits).double(), 0.7
    soft = (-torch.cdist(given, corners).square() / temperature).softmax(1)
    logits = 4 / temperature * given
    assert torch.allclose(entropy_of_bits(logits), torch.special.entr(soft).sum(1))
    mean = soft.mean(0)
    assert torch.allclose(entropy_of_codes(logits), torch.special.entr(mean).sum())
    ones = [float(mean[corners[:, bit] > 0].sum()) for bit in range(bits)]
    apart = sum(-p * math.log(p) - (1 - p) * math.log(1 - p) for p in ones)
    assert float(entropy_of_mean_bits(logits)) == pytest.approx(apart)


@pytest.mark.parametrize(("made", "scale"), [(TrainedLFQ, 1), (TrainedBSQ, math.sqrt(3))])
def test_the_entropy_penalty_is_of_squared_distances_to_codewords(made, scale):
    torch.manual_seed(0)
    bottleneck = made(8, bits=3, entropy=0.2, diversity=0.5, temperature=0.3, commitment=0.0)
    given = random(2, 5, 8)
    bounded = bottleneck.bounded(bottleneck.into(given)).flatten(0, 1)
    corners = torch.tensor(list(product((-1.0, 1.0), repeat=3))) / scale
    soft = (-torch.cdist(bounded, corners).square() / 0.3).softmax(1)
    mean = soft.mean(0)
    ones = torch.stack([mean[corners[:, bit] > 0].sum() for bit in range(3)])
    whole = torch.special.entr(mean) if made is TrainedLFQ else torch.special.entr(torch.stack([ones, 1 - ones]))
    expected = 0.2 * (torch.special.entr(soft).sum(1).mean() - 0.5 * whole.sum())
    assert torch.allclose(step(bottleneck, given).loss, expected, atol=1e-6)


def test_certain_assignments_have_finite_gradients():
    for entropy in (lambda logits: entropy_of_bits(logits).mean(), entropy_of_codes, entropy_of_mean_bits):
        logits = torch.full((4, 6), 1e4, requires_grad=True)
        entropy(logits).backward()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("made", "arguments", "message"),
    [
        (TrainedRVQ, {"bits": 3, "levels": 4}, "bits of a token must be a whole number from 4"),
        (TrainedRVQ, {"dropout": 1.5}, "dropout=1.5: write a number from zero to 1"),
        (TrainedPQ, {"parts": 3}, "into 3 equal parts"),
        (TrainedMultiscale, {"scales": "1-x"}, "as scales=1-2-4-8"),
        (TrainedMultiscale, {"scales": "2-1"}, "must be positive and rise"),
        (TrainedFSQ, {"levels": "8-2"}, "each from 3 on"),
        (TrainedFSQ, {"bits": 1}, "from 2 to"),
        (TrainedLFQ, {"temperature": 0}, "temperature=0"),
        (TrainedLFQ, {"entropy": "much"}, "entropy=much: write a number from zero on"),
        (TrainedBSQ, {"bits": 99}, "bits of a token"),
    ],
)
def test_wrong_arguments_are_named(made, arguments, message):
    with pytest.raises(BenchError, match=message):
        made(8, **arguments)
