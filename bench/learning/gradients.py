"""The gradient that reaches an encoder through a bottleneck, against the exact one, on a toy problem.

The encoder of the toy has two numbers u for each sample: its latents are the point u of a plane, the same at every
place of the grid. The decoder is known, too: its loss L is that of :func:`toy_loss` on the coordinates, in the same
plane, of what the bottleneck gives. So any bottleneck can be measured, whatever its width and however it codes.

The loss of codes is flat between jumps, and where the choice is not drawn its gradient is zero almost everywhere. What
an encoder can follow is the loss of its neighborhood, and the truth is therefore the gradient of the expected loss of a
training step at latents that Gaussian noise moves::

    J(u) = E L(u + s e),  e ~ N(0, 1),     ∇J(u) = E L(u + s e) e / s

with s = ``SMOOTHING`` standard deviations of the latents; the mean is over e and over everything random in the step. The
estimate g is what reaches u in such a step, on the mean over the same neighborhood, E g(u + s e). It equals ∇J exactly,
whatever s is, for an estimator without bias, such as the score function, for the relaxed mixture of Gumbel-softmax, and
where nothing is quantized.

Both means are integrals over the plane: sums over a lattice of nodes, moved at random within their cells, with Gaussian
weights. There are two lattices, and two steps on each. Squares and products of means take one factor from either
lattice, so that the noise of the sums does not add to them; the difference of the steps on one lattice is the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch

from bench.machine.spectra import eigenvectors
from bench.quantizers.trained.base import Bottleneck

SMOOTHING = 0.5
"""Standard deviation of the noise, in those of the latents along the axes of the plane."""
POINTS = 5
"""Points along each axis at which gradients are compared, evenly from -1 to 1 standard deviations."""
NODES = 48
"""Nodes of a lattice along each axis, from 4 standard deviations of the noise before the points to 4 behind them."""
TARGET = (1.5, -0.5)
"""What the decoder of the toy is to give."""
AT_ONCE = 2048
"""Latents of a step, about as many as in a step of the training."""
LEAST = 1e-3
"""Mean square of the true gradient, relative to that without a quantizer, below which there is nothing to estimate."""


@dataclass(frozen=True)
class Plane:
    """The plane of a toy problem in the space of latents.

    Attributes:
        center: the latent at (0, 0), ``[width]``.
        axes: what a coordinate of 1 adds, ``[width, 2]``; at right angles to each other.
        grid: places of a sample along each axis, whose latents are equal.
    """

    center: torch.Tensor
    axes: torch.Tensor
    grid: tuple[int, ...] = (1, 1)

    @classmethod
    def through(cls, latents: torch.Tensor, bottleneck: Bottleneck) -> Plane | None:
        """The plane of the two largest principal components of latents ``[n, *grid, width]``, in standard deviations.

        None if they do not extend in two dimensions. The grid is a single place where the bottleneck codes each place
        by itself.
        """
        vectors = latents.detach().flatten(0, -2).double()
        center = vectors.mean(0)
        covariance = torch.cov(vectors.T, correction=0).view(len(center), -1)
        axes = eigenvectors(covariance)[:, -2:]
        largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
        variances = (axes * (covariance @ axes)).sum(0)
        if axes.shape[1] < 2 or float(variances.min()) <= torch.finfo(latents.dtype).eps * float(vectors.square().sum(1).mean()):
            return None
        grid = tuple(latents.shape[1:-1]) if bottleneck.spans else (1,) * (latents.ndim - 2)
        return cls(center.to(latents), (axes * largest.sign() * variances.sqrt()).to(latents), grid)

    def latents(self, points: torch.Tensor) -> torch.Tensor:
        """Latents ``[n, *grid, width]`` of points ``[n, 2]``."""
        vectors = self.center + points @ self.axes.T
        return vectors.view(-1, *(1 for _ in self.grid), len(self.center)).expand(-1, *self.grid, -1)

    def coordinates(self, latents: torch.Tensor) -> torch.Tensor:
        """Coordinates ``[n, *grid, 2]`` of latents ``[n, *grid, width]``, which may lie beside the plane."""
        return (latents - self.center) @ (self.axes / self.axes.square().sum(0))


@dataclass(frozen=True)
class Gradients:
    """An estimator's gradient g against the true one; sums are over the points.

    Attributes:
        bias: √(Σ |E g - ∇J|² / Σ |∇J|²).
        variance: Σ E |g - E g|² / Σ |∇J|², of steps that differ in nothing but what they draw.
        cosine: Σ E g · ∇J / √(Σ |E g|² Σ |∇J|²); None where no gradient reaches the encoder.
    """

    bias: float
    variance: float
    cosine: float | None


def toy_loss(coordinates: torch.Tensor) -> torch.Tensor:
    """The loss ``[n]`` of coordinates ``[n, *grid, 2]``: ½ |v + ½ sin v - target|², on average over places."""
    decoded = coordinates + coordinates.sin() / 2
    losses: torch.Tensor = (decoded - decoded.new_tensor(TARGET)).square().sum(-1) / 2
    return losses.flatten(1).mean(1)


def measure_gradients(bottleneck: Bottleneck, plane: Plane, seed: int) -> Gradients | None:
    """The bias and the variance of the gradient through a bottleneck, which is left as it is.

    Args:
        seed: decides the lattices and everything that is drawn.

    Returns:
        None where the true gradient vanishes, because codes hardly change in the plane.
    """
    generator = torch.Generator().manual_seed(seed)
    points = _lattice(POINTS, 2 / (POINTS - 1))
    side = 2 * (1 + 4 * SMOOTHING) / NODES
    before = {name: value.clone() for name, value in bottleneck.state_dict().items()}
    training = bottleneck.training
    bottleneck.train()
    truths, means, spreads, powers = [], [], [], []
    try:
        for _ in range(2):
            nodes = _lattice(NODES, side) + side * (torch.rand(NODES**2, 2, generator=generator).double() - 0.5)
            losses, gradients = zip(*(_step(bottleneck, plane, nodes, generator) for _ in range(2)), strict=True)
            weights = (-torch.cdist(points, nodes).square() / (2 * SMOOTHING**2)).exp()
            weights /= weights.sum(1, keepdim=True)
            truths.append(_slope(torch.stack(losses).mean(0), weights, points, nodes))
            means.append(weights @ torch.stack(gradients).mean(0))
            spreads.append((weights @ (gradients[0] - gradients[1]).square().sum(1) / 2).sum())
            powers.append(_slope(toy_loss(nodes[:, None]), weights, points, nodes).square().sum())
    finally:
        bottleneck.load_state_dict(before)
        bottleneck.train(training)
    power = float((truths[0] * truths[1]).sum())
    if power <= LEAST * float(powers[0]):
        return None
    wrong = float(((means[0] - truths[0]) * (means[1] - truths[1])).sum())
    own = float((means[0] * means[1]).sum())
    along = float((means[0] * truths[1] + means[1] * truths[0]).sum()) / 2
    cosine = min(1.0, max(-1.0, along / (own * power) ** 0.5)) if own > 0 else None
    return Gradients((max(0.0, wrong) / power) ** 0.5, float(sum(spreads)) / 2 / power, cosine)


def _lattice(count: int, side: float) -> torch.Tensor:
    """The points ``[count², 2]`` of a square lattice around zero, a distance ``side`` apart."""
    along = (torch.arange(count, dtype=torch.float64) - (count - 1) / 2) * side
    return torch.cartesian_prod(along, along)


def _slope(losses: torch.Tensor, weights: torch.Tensor, points: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
    """The gradient ``[points, 2]`` of smoothed losses, given those of the nodes: E (L - E L) e / s."""
    centered = weights * (losses - (weights @ losses)[:, None])
    return (centered @ nodes - centered.sum(1, keepdim=True) * points) / SMOOTHING**2


def _step(
    bottleneck: Bottleneck, plane: Plane, nodes: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses ``[nodes]`` of a training step at nodes ``[nodes, 2]``, and the gradients ``[nodes, 2]`` that reach them.

    It is taken in parts, each with nodes from the whole plane. Where codes are drawn with a score function, the baseline
    is the mean loss of a part, weighted by the density of the latents.
    """
    parts = max(1, len(nodes) * prod(plane.grid) // AT_ONCE)
    losses, gradients = nodes.new_empty(len(nodes)), nodes.new_empty(nodes.shape)
    for part in range(parts):
        some = nodes[part::parts].to(plane.center).requires_grad_()
        coded = bottleneck(plane.latents(some), generator)
        lost = toy_loss(plane.coordinates(coded.latents))
        total = lost.sum()
        if coded.drawn is not None:
            density = (-some.detach().square().sum(1) / 2).exp()
            baseline = (density * lost.detach()).sum() / density.sum()
            total = total + ((lost.detach() - baseline) * coded.drawn).sum()
        losses[part::parts] = lost.detach().to(losses)
        if total.requires_grad:
            (reached,) = torch.autograd.grad(total, some, allow_unused=True, materialize_grads=True)
            gradients[part::parts] = reached.to(gradients)
        else:
            gradients[part::parts] = 0.0
    return losses, gradients
