"""What a backbone says of tokens: a proper distribution, of the past alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from backbone_parts import CASES, FRAMES, RESIDUAL, SCALES, TINY, all_tokens, backbone, changed, costs, random_tokens

from bench.backbones import layers
from bench.backbones.base import Size, Structure
from bench.backbones.build import build, paradigm_of
from bench.contracts.tokens import TokenError, Tokens
from bench.errors import BenchError


@pytest.mark.parametrize("case", CASES)
def test_an_untrained_backbone_is_exactly_uniform(case):
    structure = CASES[case][1]
    expected = -sum(n * math.log(size) for n, size in zip(structure.positions, structure.sizes, strict=True))
    found = backbone(case, trained=False).log_likelihood(random_tokens(structure, 3))
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx([expected] * 3, rel=1e-14)


@pytest.mark.parametrize(
    ("paradigm", "structure"),
    [
        ("raster", Structure((3,), ((2, 2),))),
        ("randomised", Structure((3,), ((2, 2),))),
        ("depthwise", Structure((3, 2), ((2,),) * 2)),
        ("delay", Structure((2, 3), ((2,),) * 2)),
        ("delay", Structure((2, 2, 2), ((2,),) * 3)),
        ("nextscale", Structure((3, 2), ((1, 1), (2, 2)))),
        ("nextscale", Structure((3, 2, 2), ((1, 1), (1, 2), (1, 3)))),
    ],
)
def test_the_likelihoods_of_all_samples_sum_to_one(paradigm, structure, monkeypatch):
    monkeypatch.setitem(CASES, "small", (paradigm, structure))
    likelihood = backbone("small", classes=2).log_likelihood
    samples = all_tokens(structure)
    sums = [likelihood(samples).exp().sum()]
    sums += [likelihood(samples, torch.full((samples.batch_size,), label)).exp().sum() for label in (0, 1)]
    assert [float(one) for one in sums] == pytest.approx([1.0] * 3, abs=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_future_does_not_reach_the_past(case):
    built, structure = backbone(case), CASES[case][1]
    tokens = random_tokens(structure, 2)
    before = costs(built, tokens)
    for level, (count, size) in enumerate(zip(structure.positions, structure.sizes, strict=True)):
        for position in range(count):
            after = costs(built, changed(tokens, level, position, size))
            reached = []
            for other, (old, new) in enumerate(zip(before, after, strict=True)):
                for place in range(structure.positions[other]):
                    if (place, other) == (position, level):
                        continue
                    if earlier(case, (place, other), (position, level)):
                        assert torch.allclose(old[:, place], new[:, place], atol=1e-5), (place, other, position, level)
                    else:
                        reached.append((old[:, place], new[:, place]))
            if reached:
                assert not torch.allclose(*map(torch.stack, zip(*reached, strict=True)), atol=1e-4)  # type: ignore[arg-type, misc]


def earlier(case: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether code (position, level) is predicted without knowing another."""
    if case == "delay":
        return sum(one) <= sum(other)
    if case.startswith("nextscale"):
        return one[1] <= other[1]
    return one < other


@pytest.mark.parametrize("case", ["raster-sound", "randomised-sound", "depthwise-sound", "delay"])
def test_what_padding_holds_does_not_matter(case):
    built, structure = backbone(case), CASES[case][1]
    whole = random_tokens(structure, 2)
    lengths = torch.tensor([6, 4])
    padded = replace(whole, lengths=(lengths,) * len(whole.codes))
    alone = [
        Tokens(codes=tuple(code[i : i + 1, : lengths[i]] for code in whole.codes), signal_shape=whole.signal_shape)
        for i in range(2)
    ]
    expected = [float(built.log_likelihood(one)) for one in alone]
    assert built.log_likelihood(padded).tolist() == pytest.approx(expected, rel=1e-5)
    assert padded.counts is not None
    assert built.loss(padded).item() == pytest.approx(-sum(expected) / int(padded.counts.sum()), rel=1e-5)


def test_a_large_codebook_in_pieces_costs_the_same(monkeypatch):
    built, tokens = backbone("depthwise"), random_tokens(RESIDUAL, 3)
    whole, gradient = costs_and_gradient(built, tokens)
    monkeypatch.setattr(layers, "LOGITS", 20)
    pieces, other = costs_and_gradient(built, tokens)
    assert pieces == pytest.approx(whole, rel=1e-6)
    assert torch.allclose(gradient, other, atol=1e-6)


def costs_and_gradient(built, tokens: Tokens) -> tuple[float, torch.Tensor]:
    built.zero_grad()
    loss = built.loss(tokens)
    loss.backward()
    return loss.item(), built.conditions.weight.grad.clone()


@pytest.mark.parametrize(
    ("structure", "paradigm"),
    [(CASES["raster"][1], "raster"), (RESIDUAL, "depthwise"), (FRAMES, "depthwise"), (SCALES, "nextscale")],
)
def test_the_paradigm_follows_from_the_structure(structure, paradigm):
    assert paradigm_of(structure) == paradigm


def test_what_does_not_fit_is_refused():
    built = backbone("raster", classes=2)
    tokens = random_tokens(CASES["raster"][1], 2)
    with pytest.raises(BenchError, match="outside the 2 classes"):
        built.log_likelihood(tokens, torch.tensor([0, 2]))
    with pytest.raises(BenchError, match="a class per sample"):
        built.log_likelihood(tokens, torch.tensor([0]))
    with pytest.raises(TokenError, match="do not fit a backbone"):
        built.log_likelihood(random_tokens(RESIDUAL, 2))
    with pytest.raises(BenchError, match="a multiple of twice the heads"):
        Size(width=30, heads=2)
    with pytest.raises(BenchError, match="levels that share one grid"):
        build("depthwise", Structure((4, 4), ((2, 2), (4, 4))), TINY)
    with pytest.raises(BenchError, match="one codebook, not 3"):
        build("raster", RESIDUAL, TINY)
    with pytest.raises(BenchError, match="no backbone is called 'rastr'; did you mean raster"):
        build("rastr", RESIDUAL, TINY)
    with pytest.raises(BenchError, match="models sequences, not grids"):
        build("delay", RESIDUAL, TINY)
    with pytest.raises(BenchError, match="grids of rows and columns"):
        build("nextscale", FRAMES, TINY)
    for grids in (((4,), (8,)), ((4, 4), (2, 2)), ((2, 2), (2, 4, 4))):  # of sound, from fine to coarse, of video
        with pytest.raises(BenchError, match="no backbone models levels of unequal grids"):
            paradigm_of(Structure((4, 4), grids))
    with pytest.raises(BenchError, match="has 6 places, not 7"):
        backbone("randomised-sound").log_likelihood(random_tokens(Structure((5,), ((7,),)), 1))
    with pytest.raises(TokenError, match="a codec emits bytes"):
        Structure.of(Tokens(payload=(b"1",)), ())
