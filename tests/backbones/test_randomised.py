"""Randomised orders: what is predicted from what, and that training ends in raster order."""

from __future__ import annotations

import pytest
import torch
from backbone_parts import CASES, IMAGE, TINY, all_tokens, backbone, changed, costs, random_tokens

from bench.backbones.base import Structure
from bench.backbones.build import build
from bench.learning.training import Budget, train

ORDER = torch.tensor([7, 2, 11, 0, 5, 9, 1, 3, 10, 4, 8, 6])


@torch.no_grad()
def test_in_any_order_a_code_is_predicted_from_those_before_it_alone(monkeypatch):
    built, tokens = backbone("randomised"), random_tokens(IMAGE, 1)
    raster = built.log_likelihood(tokens)
    monkeypatch.setattr(built, "_order", lambda own: ORDER.expand(own.shape))
    assert not torch.allclose(built.log_likelihood(tokens), raster, atol=1e-3)
    (before,) = costs(built, tokens)
    for step, place in enumerate(ORDER.tolist()):
        (after,) = costs(built, changed(tokens, 0, place, 5))
        assert torch.allclose(before[:, :step], after[:, :step], atol=1e-5)
        assert step == 11 or not torch.allclose(before[:, step + 1 :], after[:, step + 1 :], atol=1e-4)


@torch.no_grad()
def test_it_knows_whose_turn_it_is(monkeypatch):
    structure = Structure((3,), ((3,),))
    monkeypatch.setitem(CASES, "small", ("randomised", structure))
    built, everything = backbone("small"), all_tokens(structure)
    chances = []
    for order in ([0, 1, 2], [1, 2, 0], [1, 0, 2]):
        monkeypatch.setattr(built, "_order", lambda own, order=order: torch.tensor(order).expand(own.shape))
        found = built.log_likelihood(everything).exp()
        assert float(found.sum()) == pytest.approx(1, abs=1e-5)
        chances.append(found.view(3, 3, 3))
    # The first code drawn is the second of the grid, whatever comes next; as the first of the grid it is another.
    first = [one.sum((0, 2)) for one in chances]
    assert torch.allclose(first[1], first[2], atol=1e-6)
    assert not torch.allclose(chances[0].sum((1, 2)), first[1], atol=1e-3)


def test_orders_are_random_as_the_chance_has_it_and_padding_comes_last():
    built = backbone("randomised-sound").train()
    own = torch.arange(6) < torch.tensor([6, 4]).repeat(500)[:, None]
    built.chance = 0.5  # type: ignore[assignment]
    order = built._order(own)  # type: ignore[operator]
    raster = (order == torch.arange(6)).all(1)
    assert float(raster.float().mean()) == pytest.approx(0.5, abs=0.06)
    assert torch.equal(order.sort(1).values, torch.arange(6).expand_as(order))
    assert torch.equal(order[1::2] >= 4, ~own[1::2])
    # Of the permuted ones every place comes first equally often.
    firsts = torch.bincount(order[0::2][~raster[0::2]][:, 0], minlength=6)
    assert (firsts > 20).all()
    built.chance = 0.0  # type: ignore[assignment]
    assert (built._order(own) == torch.arange(6)).all()  # type: ignore[operator]


def test_the_trainer_tells_it_how_far_it_is():
    built, seen = build("randomised", IMAGE, TINY), []
    tokens = random_tokens(IMAGE, 2)

    def loss(generator: torch.Generator) -> torch.Tensor:
        seen.append(built.chance)
        return built.loss(tokens)

    train(built, loss, Budget(steps=8), 0)
    assert seen == [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0]
