"""Plain VQ collapses from a bad start on a mixture of well separated clusters, and remedies do not.

The clusters lie in a plane, at distances of 0.6 of the radius to the radius from its origin, one for each codeword.
Codewords that are never the nearest get a gradient of zero, which leaves them where they are to the last bit; so a
codeword that is never the nearest to any latent is lost for good. Two starts make nearly all codewords so:

- ``central``: four codewords are the corners of a square that is tiny against the clusters, and the others lie within.
  Of vectors far away, the nearest codeword is the furthest in their direction, a corner. Each corner goes to the mean
  of the latents in its quadrant, c. A latent z of the quadrant stays nearer to c than to the origin, where the others
  are: |c| < 2 |z| cos 45° holds for |c| up to 0.84 of the radius, and the means lie below 0.75 of it. So 4 codewords
  are used.
- ``distant``: codewords lie on a line that is perpendicular to the plane of the clusters, which is far away. The first
  is the nearest to all latents. It goes along the line to their mean, and comes nearer to all of them. So 1 codeword
  is used.

The encoder is the identity, and the latents are the same in all steps.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from bench import registry
from bench.quantizers.trained.codebook import Codebook, Recipe

SIZE, DIM, RADIUS, STEPS = 32, 4, 8.0, 200
HELPED: dict[str, dict[str, float]] = {
    "none": {},
    "kmeans-start": {"central": 0.8, "distant": 0.8},
    "reset": {"central": 0.9, "distant": 0.9},
    "random-restart": {"central": 0.9, "distant": 0.9},
    "online-clustering": {"central": 0.4, "distant": 0.4},
    "online-clustering@anchor=random": {"central": 0.7, "distant": 0.7},
    # A learned map reaches all codewords by the gradient of those in use. That of four spreads the others; that of one
    # is as well served by a map that leaves the others behind.
    "affine": {"central": 0.4},
    "affine@statistics=true": {"central": 0.4, "distant": 0.4},
    "simvq": {"central": 0.25},
    "vqgan-lc": {"central": 0.55, "distant": 0.2},
    # Directions do not depend on how near to the origin codewords are. From far away, all latents have one direction.
    "low-dim": {"central": 0.55},
    # Soft assignments give a gradient to codewords that are not the nearest, the less, the further away they are.
    "soft": {"central": 0.6},
    "annealed-soft": {"central": 0.4},
    "ibq": {"central": 0.4},
    "sq-vae": {"central": 0.4, "distant": 0.4},
    "uniform-prior": {"central": 0.4},
    "vq-wae": {"central": 0.5},
    # The decoder gets combinations of codewords, which serve it without more of them being the nearest.
    "scq": {},
    # From far away, assignments at the publisher's temperature are certain, and their entropies have no gradient.
    "entropy": {},
    "entropy@temperature=3,weight=3": {"central": 0.25},
}
"""The starts that a remedy overcomes, with the least share of codewords that are then used."""


def mixture(start: str) -> torch.Tensor:
    """Latents of ``SIZE`` clusters, four of each, ``[4 * SIZE, DIM]``."""
    number = torch.arange(SIZE)
    radius = RADIUS * (0.36 + 0.64 * (number + 0.5) / SIZE).sqrt()
    angle = number * math.pi * (3 - math.sqrt(5))  # the seeds of a sunflower, which are evenly apart
    height = torch.full((SIZE,), 2 * RADIUS if start == "distant" else 0.0)
    clusters = torch.stack([radius * angle.cos(), radius * angle.sin(), height, torch.zeros(SIZE)], 1)
    noise = torch.randn(4 * SIZE, DIM, generator=torch.Generator().manual_seed(0))
    return clusters.repeat(4, 1) + 0.05 * noise


def bad(start: str) -> torch.Tensor:
    """The codewords of a start, ``[SIZE, DIM]``."""
    number, codewords = torch.arange(SIZE), torch.zeros(SIZE, DIM)
    if start == "distant":
        codewords[:, 2] = -0.01 * number
        return codewords
    radius, angle = torch.where(number < 4, 0.1, 0.001 * number / SIZE), (number + 0.5) * math.pi / 2
    codewords[:, 0], codewords[:, 1] = radius * angle.cos(), radius * angle.sin()
    return codewords


def trained(remedy: str, start: str) -> tuple[Codebook, torch.Tensor]:
    """A codebook after ``STEPS`` steps from that start, or from the remedy's own, and its codes of all latents."""
    torch.manual_seed(0)
    book, latents = Codebook(SIZE, DIM, Recipe(remedy=remedy)), mixture(start)
    if book.weight.shape[1] == DIM:  # else the remedy's codewords begin about the origin, as those of the center do
        with torch.no_grad():
            book.weight.copy_(bad(start))
    generator = torch.Generator().manual_seed(0)
    book.start(latents, generator)
    weights = [weight for weight in book.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=0.1) if weights else None
    for step in range(STEPS):
        book.progress(step / STEPS)
        looked = book(latents, generator)
        loss = looked.loss + F.mse_loss(looked.vectors, latents)
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        book.upkeep(generator)
    return book, book.encode(latents)


@pytest.mark.parametrize(("start", "used"), [("central", 4), ("distant", 1)])
def test_plain_codewords_are_lost(start, used):
    book, codes = trained("none", start)
    assert codes.unique().tolist() == list(range(used))
    assert torch.equal(book.weight[used:], bad(start)[used:])


@pytest.mark.parametrize("name", registry.entries("remedies"))
def test_every_remedy_says_which_start_it_overcomes(name):
    assert name in HELPED, f"add the starts that {name} overcomes to HELPED"


@pytest.mark.parametrize(
    ("remedy", "start"), [(remedy, start) for remedy, starts in HELPED.items() for start in starts]
)
def test_a_remedy_keeps_codewords_in_use(remedy, start):
    codes = trained(remedy, start)[1]
    assert len(codes.unique()) / SIZE >= HELPED[remedy][start]
