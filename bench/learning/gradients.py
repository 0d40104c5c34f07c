"""The gradient that reaches an encoder through a bottleneck, against the exact one, on a toy problem.

The encoder of the toy has two numbers u for each sample: its latents are the point u of a plane, the same at every
place of the grid. The decoder is known, too: its loss L is that of :func:`toy_loss` on the coordinates, in the same
plane, of what the bottleneck gives. So any bottleneck can be measured, whatever its width and however it codes.

The loss of codes is flat between jumps: where the choice is not drawn, its gradient is zero almost everywhere. What an
encoder can follow is the loss of a neighborhood. The truth is therefore the gradient of the expected loss of a training
step at latents that Gaussian noise moves::

    J(u) = E L(u + s e),  e ~ N(0, 1),     ∇J(u) = E L(u + s e) e / s

with s = ``SMOOTHING`` standard deviations of the latents; the mean is over e and over everything random in the step.
The estimate g is what reaches u in such a step, on average over the same neighborhood: E g(u + s e). Whatever s is, it
equals ∇J exactly for an estimator without bias, such as the score function; for the relaxed mixture of Gumbel-softmax;
and where nothing is quantized.

Both means are integrals over the plane: sums over a lattice of nodes, moved at random within their cells, with Gaussian
weights. There are two lattices, and two steps on each. Squares and products of means take one factor from each lattice,
so that the noise of the sums does not add to them; the difference between the steps on a lattice is the variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from bench.contracts.stats import Estimate
from bench.lines.bottleneck_values import GRADIENT_BIAS, GRADIENT_COSINE, GRADIENT_VARIANCE
from bench.machine.spectra import eigenvectors
from bench.quantizers.trained.base import Bottleneck
from bench.values import Value

SMOOTHING = 0.5
"""Standard deviation of the noise, in those of the latents along the axes of the plane."""
POINTS = 5
"""Points along each axis at which gradients are compared, evenly from -1 to 1 standard deviations."""
NODES = 48
"""Nodes of a lattice along each axis, from 4 standard deviations of the noise before the points to 4 behind them.

Half as many where a sample has several places, all of which take time.
"""
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
        negligible = torch.finfo(latents.dtype).eps * vectors.square().sum(1).mean()
        if axes.shape[1] < 2 or bool((variances <= negligible).any()):
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
    """Gradients at the points, from either lattice.

    Attributes:
        truth: the gradients ∇J, ``[lattices, points, 2]``.
        mean: what the encoder gets on average, E g, ``[lattices, points, 2]``.
        scatter: E |g - E g|² of steps that differ in nothing but what they draw, summed over points.
        unquantized: Σ |∇J|² without a quantizer.
    """

    truth: torch.Tensor
    mean: torch.Tensor
    scatter: float
    unquantized: float

    @property
    def power(self) -> float:
        """Σ |∇J|² over the points."""
        return float((self.truth[0] * self.truth[1]).sum())

    @property
    def vanishes(self) -> bool:
        """Whether there is no true gradient, because codes hardly change in the plane."""
        return self.power <= LEAST * self.unquantized

    @property
    def bias(self) -> float:
        """√(Σ |E g - ∇J|² / Σ |∇J|²); zero where the noise of the sums hides it."""
        first, second = self.mean - self.truth
        return math.sqrt(max(0.0, float((first * second).sum())) / self.power)

    @property
    def variance(self) -> float:
        """Σ E |g - E g|² / Σ |∇J|²."""
        return self.scatter / self.power

    @property
    def cosine(self) -> float | None:
        """Σ E g · ∇J / √(Σ |E g|² Σ |∇J|²); None where no gradient reaches the encoder."""
        reached = float((self.mean[0] * self.mean[1]).sum())
        if reached <= 0:
            return None
        along = float((self.mean * self.truth.flip(0)).sum()) / 2
        return min(1.0, max(-1.0, along / math.sqrt(reached * self.power)))


def gradient_estimates(bottleneck: Bottleneck, latents: torch.Tensor, seed: int) -> dict[str, Estimate]:
    """The estimates of bias, variance and cosine in the plane of latents ``[n, *grid, width]``, by their names."""
    plane = Plane.through(latents, bottleneck)
    values: dict[Value, float | None] = dict.fromkeys((GRADIENT_BIAS, GRADIENT_VARIANCE, GRADIENT_COSINE))
    if plane is None:
        lacking = "the latents have collapsed to a line or a point"
    elif (measured := measure_gradients(bottleneck, plane, seed)).vanishes:
        lacking = "codes hardly change between latents, so that the loss has no gradient to compare with"
    else:
        lacking = "no gradient reaches the encoder"
        values = dict(zip(values, (measured.bias, measured.variance, measured.cosine), strict=True))
    return {
        line.name: Estimate(value=value, unavailable=lacking if value is None else None).described_by(line)
        for line, value in values.items()
    }


def toy_loss(coordinates: torch.Tensor) -> torch.Tensor:
    """The loss ``[n]`` of coordinates ``[n, *grid, 2]``: ½ |v + ½ sin v - target|², on average over places."""
    decoded = coordinates + coordinates.sin() / 2
    losses: torch.Tensor = (decoded - decoded.new_tensor(TARGET)).square().sum(-1) / 2
    return losses.flatten(1).mean(1)


def measure_gradients(bottleneck: Bottleneck, plane: Plane, seed: int) -> Gradients:
    """The gradient through a bottleneck and the true one; the bottleneck is left as it is.

    Args:
        seed: decides the lattices and everything that is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    points = _lattice(POINTS, 2 / (POINTS - 1))
    count = NODES if math.prod(plane.grid) == 1 else NODES // 2
    side = 2 * (1 + 4 * SMOOTHING) / count
    before = {name: value.clone() for name, value in bottleneck.state_dict().items()}
    training = bottleneck.training
    bottleneck.train()
    truth, mean, scatter, unquantized = [], [], 0.0, 0.0
    try:
        for _ in range(2):
            nodes = _lattice(count, side) + side * (torch.rand(count**2, 2, generator=generator).double() - 0.5)
            losses, gradients = zip(*(_step(bottleneck, plane, nodes, generator) for _ in range(2)), strict=True)
            weights = (-torch.cdist(points, nodes).square() / (2 * SMOOTHING**2)).softmax(1)
            truth.append(_slope(torch.stack(losses).mean(0), weights, points, nodes))
            mean.append(weights @ torch.stack(gradients).mean(0))
            scatter += float((weights @ (gradients[0] - gradients[1]).square().sum(1)).sum()) / 4
            unquantized += float(_slope(toy_loss(nodes[:, None]), weights, points, nodes).square().sum()) / 2
    finally:
        bottleneck.load_state_dict(before)
        bottleneck.train(training)
    return Gradients(torch.stack(truth), torch.stack(mean), scatter, unquantized)


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
    """A training step at nodes ``[nodes, 2]``: their losses ``[nodes]`` and the gradients that reach them.

    It is taken in parts, each with nodes from the whole plane. The baseline of a score function is the mean loss of a
    part, weighted by the density of the latents.
    """
    parts = max(1, len(nodes) * math.prod(plane.grid) // AT_ONCE)
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
