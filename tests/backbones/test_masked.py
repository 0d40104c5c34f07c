"""Masked prediction: what it may see, the bound, and decoding in parallel."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch
from backbone_parts import CASES, IMAGE, all_tokens, backbone, changed, random_tokens
from draws import DRAWS, assert_frequencies, assert_same, outcomes

from bench.backbones.base import Structure
from bench.backbones.sampling import Sampling
from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError

SMALL = Structure((3,), ((3,),))


@pytest.fixture
def masked(monkeypatch):
    def build(structure: Structure = IMAGE, **chosen):
        monkeypatch.setitem(CASES, "masked", ("masked", structure))
        return backbone("masked", **chosen)

    return build


def ordered(built, codes: torch.Tensor, order: tuple[int, ...]) -> torch.Tensor:
    """Log-probability ``[batch]`` of codes revealed in an order, one at a time."""
    hidden, total = torch.ones_like(codes, dtype=torch.bool), torch.zeros(len(codes), dtype=torch.float64)
    start = built.conditions(torch.zeros(len(codes), dtype=torch.int64))
    for place in order:
        states = built._states(codes, hidden, start)
        total += built.head(states)[:, place].double().log_softmax(-1).gather(1, codes[:, place : place + 1])[:, 0]
        hidden[:, place] = False
    return total


@torch.no_grad()
def test_the_bound_is_the_mean_over_all_orders(masked):
    built = masked(SMALL)
    built.masks = 1500
    tokens = random_tokens(SMALL, 4)
    codes = tokens.codes[0]
    exact = torch.stack([ordered(built, codes, order) for order in permutations(range(3))]).mean(0)
    assert built.log_likelihood(tokens).tolist() == pytest.approx(exact.tolist(), rel=0.05)


@torch.no_grad()
def test_one_code_at_a_time_in_random_order_follows_the_model(masked):
    built = masked(SMALL)
    everything = all_tokens(SMALL)
    orders = [ordered(built, everything.codes[0], order).exp() for order in permutations(range(3))]
    expected = torch.stack(orders).mean(0)
    assert float(expected.sum()) == pytest.approx(1, abs=1e-5)
    built.choice, built.steps = math.inf, 3
    assert_frequencies(outcomes(built.generate(DRAWS, 0), SMALL), expected)


@torch.no_grad()
def test_a_masked_code_is_not_seen_and_every_other_is(masked):
    built, tokens = masked(), random_tokens(IMAGE, 1)
    hidden = torch.zeros(1, 12, dtype=torch.bool)
    hidden[:, [3, 8]] = True
    start = built.conditions(torch.zeros(1, dtype=torch.int64))
    before = built._states(tokens.codes[0].flatten(1), hidden, start)
    for place in range(12):
        after = built._states(changed(tokens, 0, place, 5).codes[0].flatten(1), hidden, start)
        assert torch.equal(before, after) == (place in (3, 8))


def test_an_untrained_model_is_exactly_uniform(masked):
    built, tokens = masked(trained=False), random_tokens(IMAGE, 3)
    assert built.loss(tokens).item() == pytest.approx(math.log(5), rel=1e-6)
    found = built.log_likelihood(tokens)
    # The codes of a mask of k are counted N/k times each, so the bound is exact here.
    assert found.tolist() == pytest.approx([-12 * math.log(5)] * 3, rel=1e-12)


@pytest.mark.parametrize("steps", [1, 5, 12, 40])
def test_decoding_fills_everything_and_depends_on_no_batch(masked, steps):
    built = masked(classes=2)
    built.steps = steps
    labels = torch.tensor([0, 1, 1])
    whole = built.generate(3, 5, labels)
    whole.check((Codebook(5, "a code"),))
    parts = [built.generate(1, 5, labels[:1]), built.generate(2, 5, labels[1:], first=1)]
    assert torch.equal(whole.codes[0], torch.cat([part.codes[0] for part in parts]))
    assert_same(whole, built.generate(3, 5, labels, Sampling(guidance=1 + 1e-12)))


def test_the_schedule_is_the_cosine_and_reveals_something_at_every_step(masked):
    built = masked()
    built.steps, left = 8, 256
    found = [left := built._left(step, 256, left) for step in range(1, 9)]
    assert found == [math.ceil(256 * math.cos(math.pi / 2 * step / 8)) for step in range(1, 8)] + [0]
    built.steps, left = 12, 12
    found = [left := built._left(step, 12, left) for step in range(1, 13)]
    assert found == list(range(11, -1, -1))


def test_clips_of_several_lengths_are_refused(masked):
    built = masked(Structure((5,), ((6,),)))
    codes = torch.zeros(2, 6, dtype=torch.int64)
    with pytest.raises(BenchError, match="sequences of one length"):
        built.log_likelihood(Tokens(codes=(codes,), lengths=(torch.tensor([6, 4]),)))
