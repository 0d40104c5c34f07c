"""One tester for every bottleneck, every gradient estimator and every remedy against collapse."""

from __future__ import annotations

import math

import pytest
import torch

from bench import registry
from bench.contracts.system import BottleneckSpec, parse
from bench.errors import BenchError
from bench.learning.gradients import gradient_estimates
from bench.quantizers.trained.base import Bottleneck, Coded
from bench.quantizers.trained.codebook import Codebook, Recipe

WIDTH = 16
GRIDS = [(4, 4), (6,)]
SMALL: dict[str, str] = {"trained-continuous": ""}
"""Arguments that make a bottleneck small, where they are not ``bits=6``."""


def built(name: str, arguments: str | None = None) -> Bottleneck:
    arguments = SMALL.get(name, "bits=6") if arguments is None else arguments
    spec = parse(f"{name}@{arguments}" if arguments else name)
    assert isinstance(spec, BottleneckSpec)
    torch.manual_seed(0)
    return spec.bottleneck(WIDTH)


def latents(grid: tuple[int, ...], batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, *grid, WIDTH, generator=torch.Generator().manual_seed(1)).requires_grad_()


def step(bottleneck: Bottleneck, given: torch.Tensor, seed: int = 2) -> Coded:
    generator = torch.Generator().manual_seed(seed)
    bottleneck.progress(0.5)
    coded: Coded = bottleneck(given, generator)
    return coded


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("name", registry.entries("bottlenecks"))
def test_a_bottleneck_keeps_its_contract(name, grid):
    bottleneck, given = built(name), latents(grid)
    bottleneck.start(given.detach(), torch.Generator().manual_seed(0))
    coded = step(bottleneck, given)
    assert coded.latents.shape == given.shape
    assert coded.loss.shape == coded.commitment.shape == ()
    assert not coded.commitment.requires_grad
    (coded.latents.square().sum() + coded.loss).backward()
    assert given.grad is not None and given.grad.isfinite().all() and given.grad.abs().sum() > 0
    assert [len(level) for level in coded.codes] == [3] * len(bottleneck.sizes)
    bottleneck.upkeep(torch.Generator().manual_seed(3))
    if not bottleneck.sizes:
        return
    bottleneck.eval()
    codes = bottleneck.encode(given.detach())
    for level, seen, size in zip(codes, coded.codes, bottleneck.sizes, strict=True):
        assert level.dtype == seen.dtype == torch.int64 and level.shape == seen.shape
        assert int(level.min()) >= 0 and int(level.max()) < size
    decoded = bottleneck.decode(codes)
    assert decoded.shape == given.shape and decoded.isfinite().all()
    # Each sample by itself.
    alone = [bottleneck.encode(one[None].detach()) for one in given]
    for number, level in enumerate(codes):
        assert torch.equal(level, torch.cat([one[number] for one in alone]))


@pytest.mark.parametrize("name", registry.entries("bottlenecks"))
def test_equal_seeds_give_equal_steps(name):
    states = []
    for _ in range(2):
        bottleneck, given = built(name), latents((4, 4))
        bottleneck.start(given.detach(), torch.Generator().manual_seed(0))
        coded = step(bottleneck, given)
        (coded.latents.sum() + coded.loss).backward()
        bottleneck.upkeep(torch.Generator().manual_seed(3))
        states.append([coded.latents, given.grad, *bottleneck.state_dict().values()])
    assert all(torch.equal(one, other) for one, other in zip(*states, strict=True))


RECIPES = [
    *({"estimator": name} for name in registry.entries("estimators")),
    *({"remedy": name} for name in registry.entries("remedies")),
    {"update": "ema"},
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: "-".join(recipe.values()))
def test_a_codebook_keeps_its_contract(recipe):
    torch.manual_seed(0)
    book = Codebook(8, WIDTH, Recipe(**recipe))
    generator = torch.Generator().manual_seed(0)
    vectors = latents((64,), 1)
    book.start(vectors[0].detach(), generator)
    for share in (0.0, 0.5):
        book.progress(share)
        looked = book(vectors[0], generator)
        assert looked.vectors.shape == (64, WIDTH) and looked.codes.shape == (64,)
        assert looked.loss.isfinite()
        (looked.vectors.square().sum() + looked.loss).backward()
        book.upkeep(generator)
    assert vectors.grad is not None and vectors.grad.isfinite().all()
    codes = book.encode(vectors[0].detach())
    assert int(codes.min()) >= 0 and int(codes.max()) < 8
    assert book.decode(codes).shape == (64, WIDTH)


def test_names_that_do_not_exist_are_named():
    with pytest.raises(BenchError, match="kmeans-start"):
        built("trained-vq", "remedy=kmeans")
    with pytest.raises(BenchError, match="straight-through"):
        built("trained-vq", "estimator=straight")
    with pytest.raises(BenchError, match="loss or ema"):
        built("trained-vq", "update=average")


def test_codewords_follow_running_averages():
    """Worked out by hand: one codeword, decay 0.99, from count 1 at its start."""
    torch.manual_seed(0)
    book = Codebook(1, 2, Recipe(update="ema"))
    begin = book.weight.clone()
    vectors = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    book(vectors, torch.Generator())
    book.upkeep(torch.Generator())
    expected = (0.99 * begin + 0.01 * vectors.sum(0)) / (0.99 + 0.02 + 1e-5)
    assert torch.allclose(book.weight, expected)


@pytest.mark.parametrize("name", registry.entries("bottlenecks"))
def test_the_gradient_through_it_is_measured(name):
    bottleneck, given = built(name), latents((4, 4), batch=40).detach()
    bottleneck.start(given, torch.Generator().manual_seed(0))
    for estimate in gradient_estimates(bottleneck, given, 0).values():
        assert math.isfinite(estimate.value) if estimate.value is not None else estimate.unavailable
