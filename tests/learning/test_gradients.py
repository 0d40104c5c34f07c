"""The gradient through bottlenecks on the toy problem, against closed forms, finite differences and enumeration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
import torch

from bench.learning.gradients import (
    POINTS,
    SMOOTHING,
    Gradients,
    Plane,
    gradient_estimates,
    measure_gradients,
    toy_loss,
)
from bench.quantizers.estimators.base import Annealed
from bench.quantizers.trained.base import Bottleneck, Coded
from bench.quantizers.trained.continuous import Continuous
from bench.quantizers.trained.vector import TrainedVQ

FLAT = Plane(torch.zeros(2), torch.eye(2))
ALONG = torch.linspace(-1, 1, POINTS).double()
AT = torch.cartesian_prod(ALONG, ALONG)
WORDS = torch.randn(16, 2, generator=torch.Generator().manual_seed(3))


def quantizer(words: torch.Tensor, estimator: str = "straight-through", temperature: float | None = None) -> TrainedVQ:
    bottleneck = TrainedVQ(2, bits=int(math.log2(len(words))), estimator=estimator)
    bottleneck.books[0].weight.data.copy_(words)
    inner = bottleneck.books[0].estimator
    if isinstance(inner, Annealed) and temperature is not None:
        inner.temperature = temperature
    return bottleneck


def measured(estimator: str, temperature: float | None = None) -> Gradients:
    return measure_gradients(quantizer(WORDS, estimator, temperature), FLAT, 0)


def off(gradients: Gradients, expected: torch.Tensor) -> float:
    """The error of the true gradients, relative to their size, over the points."""
    return float((gradients.truth.mean(0) - expected).norm() / expected.norm())


def differences(loss: Callable[[torch.Tensor], torch.Tensor], nodes: int) -> torch.Tensor:
    """Finite differences ``[points, 2]`` of a loss of ``[n, 2]``, smoothed on a regular lattice around each point."""
    along = torch.linspace(-4.5, 4.5, nodes).double() * SMOOTHING
    noise = torch.cartesian_prod(along, along)
    weights = (-noise.square().sum(1) / (2 * SMOOTHING**2)).softmax(0)
    step = 0.1 * SMOOTHING
    slopes = [
        [float(weights @ (loss(point + moved + noise) - loss(point - moved + noise))) for moved in step * torch.eye(2)]
        for point in AT
    ]
    return torch.tensor(slopes, dtype=torch.float64) / (2 * step)


def test_two_codewords_have_a_gradient_in_closed_form() -> None:
    """J is L(left) + (L(right) - L(left)) Φ(u₁/s); across, nothing changes."""
    words = torch.tensor([[-1.0, 0.3], [1.0, 0.3]])
    left, right = toy_loss(words[:, None].double())
    density = (-(AT[:, 0] / SMOOTHING).square() / 2).exp() / math.sqrt(2 * math.pi)
    slope = (right - left) * density / SMOOTHING
    expected = torch.stack([slope, torch.zeros_like(slope)], 1)
    assert off(measure_gradients(quantizer(words), FLAT, 0), expected) < 0.02


def test_the_nearest_codeword_agrees_with_finite_differences() -> None:
    bottleneck = quantizer(WORDS)

    def loss(points: torch.Tensor) -> torch.Tensor:
        return toy_loss(bottleneck.decode(bottleneck.encode(points.float()[:, None])).double())

    assert off(measure_gradients(bottleneck, FLAT, 0), differences(loss, 121)) < 0.04


def test_drawn_codewords_agree_with_finite_differences_of_their_enumeration() -> None:
    scale = 0.5

    def loss(points: torch.Tensor) -> torch.Tensor:
        distances = torch.cdist(points, WORDS.double()).square()
        return (-distances / scale).softmax(1) @ toy_loss(WORDS[:, None].double())

    class Fixed(TrainedVQ):
        """Draws with a scale that does not depend on what else is in the step."""

        def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
            logits = -torch.cdist(latents.flatten(0, -2), WORDS).square() / scale
            codes = torch.multinomial(logits.detach().softmax(1), 1, generator=generator)[:, 0]
            drawn = logits.log_softmax(1).gather(1, codes[:, None])[:, 0]
            zero = torch.zeros(())
            return Coded(WORDS[codes].view_as(latents), (), zero, zero, drawn)

    gradients = measure_gradients(Fixed(2, bits=4), FLAT, 0)
    assert off(gradients, differences(loss, 31)) < 0.1
    assert gradients.bias < 0.2 and gradients.variance > 1


@pytest.mark.parametrize("seed", [0, 1])
def test_latents_alone_have_their_own_gradient(seed: int) -> None:
    gradients = measure_gradients(Continuous(2), FLAT, seed)
    assert gradients.bias < 0.01 and gradients.variance == 0
    assert gradients.cosine == pytest.approx(1, abs=1e-3)


def test_estimators_have_the_bias_and_the_variance_that_they_are_known_for() -> None:
    deterministic = [measured("straight-through"), measured("rotation")]
    assert all(each.bias > 0.3 and each.variance == 0 for each in deterministic)
    score, mean = measured("reinforce", 0.5), measured("stochastic", 0.5)
    assert score.bias < 0.2 < 0.4 < mean.bias
    assert score.variance > 3 * mean.variance > 0
    warm, cold = (measured("gumbel@hard=false", temperature) for temperature in (1.0, 0.1))
    assert max(warm.bias, cold.bias) < 0.2
    assert cold.variance > 3 * warm.variance
    assert measured("gumbel", 1.0).bias > warm.bias


class Deaf(Bottleneck):
    """Passes no gradient, or codes everything alike."""

    def __init__(self, alike: bool) -> None:
        super().__init__(3)
        self.alike = alike

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        zero = latents.new_zeros(())
        return Coded(latents.detach() * (0 if self.alike else 1), (), zero, zero)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return ()

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.zeros(())


def test_where_there_is_no_value_the_reason_is_given() -> None:
    latents = torch.randn(40, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    deaf = gradient_estimates(Deaf(alike=False), latents, 0)
    assert deaf["gradient_bias"].value == pytest.approx(1)
    assert deaf["gradient_cosine"].unavailable == "no gradient reaches the encoder"
    collapsed = gradient_estimates(Deaf(alike=True), latents, 0)
    assert {estimate.unavailable for estimate in collapsed.values()} == {
        "codes hardly change between latents, so that the loss has no gradient to compare with"
    }
    for line in (latents * torch.tensor([1.0, 0.0, 0.0]), latents[..., :1], torch.ones_like(latents)):
        assert "to a line or a point" in str(gradient_estimates(Continuous(1), line, 0)["gradient_bias"].unavailable)


def test_the_plane_is_that_of_the_largest_principal_components() -> None:
    random = torch.Generator().manual_seed(0)
    deviations = torch.tensor([0.1, 3.0, 0.5, 1.0])
    latents = torch.randn(500, 3, 4, generator=random) * deviations + 2
    plane = Plane.through(latents, Continuous(4))
    assert plane is not None and plane.grid == (1,)
    torch.testing.assert_close(plane.center, latents.flatten(0, 1).mean(0))
    lengths = plane.axes.norm(dim=0)
    torch.testing.assert_close(lengths, torch.tensor([1.0, 3.0]), rtol=0.1, atol=0)
    assert float(plane.axes[3, 0]) > 0.9 and float(plane.axes[1, 1]) > 2.7
    points = torch.randn(5, 2, generator=random)
    torch.testing.assert_close(plane.coordinates(plane.latents(points))[:, 0], points)


def test_places_that_are_coded_together_stay_together() -> None:
    coarse = Continuous(4)
    coarse.spans = (Fraction(2),)
    plane = Plane.through(torch.randn(50, 2, 3, 4, generator=torch.Generator().manual_seed(0)), coarse)
    assert plane is not None and plane.grid == (2, 3)
    gradients = measure_gradients(coarse, plane, 0)
    assert gradients.bias < 0.02 and gradients.cosine == pytest.approx(1, abs=1e-3)


def test_a_bottleneck_is_left_as_it_is() -> None:
    bottleneck = quantizer(WORDS).eval()
    before = {name: value.clone() for name, value in bottleneck.state_dict().items()}
    first, again = (measure_gradients(bottleneck, FLAT, 5) for _ in range(2))
    assert torch.equal(first.truth, again.truth) and torch.equal(first.mean, again.mean)
    assert not bottleneck.training and all(parameter.grad is None for parameter in bottleneck.parameters())
    assert all(torch.equal(before[name], value) for name, value in bottleneck.state_dict().items())
