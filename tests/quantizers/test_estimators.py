"""Gradient estimators against their equations, the exact gradient, torch and vector-quantize-pytorch."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional as F

from bench.errors import BenchError
from bench.quantizers.estimators import gumbel
from bench.quantizers.estimators.base import Annealed, Estimator, estimator_of, spread
from bench.quantizers.estimators.rotation import turned

DRAWN = ["gumbel", "stochastic", "reinforce"]


def tensor(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def logits_of(vectors: torch.Tensor, codewords: torch.Tensor) -> torch.Tensor:
    """As remedies give them: minus squared distances."""
    return -(vectors[:, None] - codewords).square().sum(2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def problem(n: int, size: int, dim: int = 2, spread_out: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random vectors, which need a gradient, and codewords, in float64."""
    random = generator(7)
    codewords = spread_out * torch.randn(size, dim, generator=random, dtype=torch.float64)
    return torch.randn(n, dim, generator=random, dtype=torch.float64).requires_grad_(), codewords


def annealed(text: str, temperature: float) -> Annealed:
    estimator = estimator_of(text)
    assert isinstance(estimator, Annealed)
    estimator.temperature = temperature
    return estimator


def test_straight_through_is_the_identity() -> None:
    vectors, codewords = problem(50, 8)
    logits = logits_of(vectors, codewords)
    carried = estimator_of("straight-through")(vectors, codewords, logits, generator())
    assert torch.equal(carried.codes, torch.cdist(vectors, codewords).argmin(1))
    torch.testing.assert_close(carried.vectors, codewords[carried.codes])
    gradient = torch.randn_like(vectors)
    (reached,) = torch.autograd.grad(carried.vectors, vectors, gradient)
    assert torch.equal(reached, gradient)


# Fifty et al. 2024, section 4.2: q = (|q|/|e|) R e, where R is a rotation in the plane of e and q.
UNIT = torch.randn(16, generator=generator(1), dtype=torch.float64)
PAIRS = {
    "plane": (tensor([1.0, 2.0])[0], tensor([-0.5, 0.25])[0]),
    "space": (UNIT, torch.randn(16, generator=generator(2), dtype=torch.float64)),
    "equal": (UNIT, UNIT),
    "near": (UNIT, UNIT + 1e-9),
    "longer": (UNIT, 3 * UNIT),
    "opposite": (UNIT, -2 * UNIT),
    "nearly opposite": (UNIT, -UNIT + 1e-7 * UNIT.flip(0)),
    "short": (1e-4 * UNIT, UNIT.flip(0)),
}


@pytest.mark.parametrize(("e", "q"), PAIRS.values(), ids=PAIRS.keys())
def test_the_rotation_trick_turns_and_scales(e: torch.Tensor, q: torch.Tensor) -> None:
    assert torch.equal(turned(e[None], q[None])[0], q)  # to the last bit
    jacobian = torch.autograd.functional.jacobian(lambda vector: turned(vector[None], q[None])[0], e)  # type: ignore[no-untyped-call]
    rotation = jacobian * e.norm() / q.norm()
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(len(e), dtype=e.dtype))
    torch.testing.assert_close(rotation @ e / e.norm(), q / q.norm(), atol=1e-6, rtol=0)
    assert float(torch.linalg.det(rotation)) == pytest.approx(1)
    cosine = float(e @ q / e.norm() / q.norm())
    assert float(rotation.trace()) == pytest.approx(len(e) - 2 + 2 * cosine, abs=1e-6)  # nothing else is turned
    # The gradient's angle to the vector is that of the decoder's gradient to the codeword.
    gradient = torch.randn(len(e), generator=generator(3), dtype=e.dtype)
    reached = jacobian.T @ gradient
    assert float(reached.norm() / gradient.norm()) == pytest.approx(float(q.norm() / e.norm()))
    assert float(F.cosine_similarity(reached, e, 0)) == pytest.approx(
        float(F.cosine_similarity(gradient, q, 0)), abs=1e-6
    )


def test_the_rotation_trick_is_finite_at_zero() -> None:
    zero, some = torch.zeros(1, 4), torch.ones(1, 4)
    for e, q in [
        (zero, some),
        (some, zero),
        (zero, zero),
        (torch.full((1, 4), 1e-30), some),
        (some[:, :1], -some[:, :1]),
    ]:
        e = e.clone().requires_grad_()
        (reached,) = torch.autograd.grad(turned(e, q), e, torch.ones_like(e))
        assert reached.isfinite().all()


def test_the_rotation_trick_equals_vector_quantize_pytorch() -> None:
    """Gradients of ``rotate_to`` of vector-quantize-pytorch 1.32.0 (MIT), on rows of float64."""
    e = tensor([1.0, 2.0, -1.0, 0.5], [0.25, -0.5, 1.0, 2.0]).requires_grad_()
    q = tensor([0.5, 1.0, 1.0, -2.0], [-1.0, 0.25, 0.5, 0.0])
    gradient = tensor([1.0, 0.0, -1.0, 2.0], [0.5, 1.0, 0.0, -0.25])
    (reached,) = torch.autograd.grad(turned(e, q), e, gradient)
    expected = tensor(
        [-0.10666666666666685, -2.213333333333334, 0.44000000000000017, 0.9466666666666665],
        [0.008111895013118098, 0.5444742263640436, 0.15281020625597913, -0.06630053341361841],
    )
    torch.testing.assert_close(reached, expected)


@pytest.mark.parametrize("hard", [True, False])
def test_gumbel_equals_torch(hard: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the noise that ``torch.nn.functional.gumbel_softmax`` draws."""
    vectors, codewords = problem(40, 6)
    logits = logits_of(vectors, codewords)
    torch.manual_seed(0)
    expected = F.gumbel_softmax(logits / (0.3 * spread(logits)), tau=0.7, hard=hard) @ codewords
    torch.manual_seed(0)
    noise = -torch.empty_like(logits).exponential_().log()
    monkeypatch.setattr(gumbel, "gumbel_noise", lambda *_: noise)
    estimator = annealed(f"gumbel@width=0.3,hard={str(hard).lower()}", 0.7)
    carried = estimator(vectors, codewords, logits, generator())
    torch.testing.assert_close(carried.vectors, expected)
    gradient = torch.randn_like(vectors)
    reached, wanted = (
        torch.autograd.grad(out, vectors, gradient, retain_graph=True)[0] for out in (carried.vectors, expected)
    )
    torch.testing.assert_close(reached, wanted)


def test_gumbel_becomes_the_largest_noisy_logit() -> None:
    """Survey eq. 8, as the temperature goes to zero."""
    vectors, codewords = problem(200, 6)
    estimator = annealed("gumbel@hard=false", 1e-6)
    carried = estimator(vectors, codewords, logits_of(vectors, codewords), generator())
    torch.testing.assert_close(carried.vectors, codewords[carried.codes])
    warm = annealed("gumbel@hard=false", 5.0)(vectors, codewords, logits_of(vectors, codewords), generator())
    assert torch.equal(warm.codes, carried.codes)  # the temperature leaves the draws as they are


def log_chances(estimator: Estimator, logits: torch.Tensor) -> torch.Tensor:
    """What codes are drawn with, from the equations: log_softmax(logits / width)."""
    width = estimator.width if isinstance(estimator, gumbel.Gumbel) else estimator.temperature
    return (logits / (width * spread(logits))).log_softmax(1)  # type: ignore[operator]


@pytest.mark.parametrize("name", DRAWN)
def test_codes_are_drawn_as_often_as_softmax_says(name: str) -> None:
    n = 20000
    vectors, codewords = problem(1, 8)
    estimator = estimator_of(f"{name}@width=0.7" if name == "gumbel" else name)
    logits = logits_of(vectors, codewords).expand(n, -1)
    carried = estimator(vectors.expand(n, -1), codewords, logits, generator())
    seen = torch.bincount(carried.codes, minlength=8)
    expected = n * log_chances(estimator, logits)[0].detach().exp()
    assert float(expected.min()) > 5
    assert chisquare(seen.numpy(), expected.numpy()).pvalue > 0.001
    if name != "gumbel":  # its relaxation is a sum in another order
        torch.testing.assert_close(carried.vectors, codewords[carried.codes])


@pytest.mark.parametrize("baseline", [0.0, 0.9])
def test_the_score_function_gives_the_exact_gradient_on_average(baseline: float) -> None:
    """That of E L by enumeration of four codewords, within four standard errors of 20000 draws."""
    n = 20000
    vectors, codewords = problem(1, 4)
    losses = tensor([1.0, 0.2, 2.0, 0.7])[0]
    estimator = estimator_of("reinforce")
    copies = vectors.detach().expand(n, -1).clone().requires_grad_()
    carried = estimator(copies, codewords, logits_of(copies, codewords), generator())
    assert carried.drawn is not None and not carried.vectors.requires_grad
    (each,) = torch.autograd.grad(((losses[carried.codes] - baseline) * carried.drawn).sum(), copies)
    expected_loss = (log_chances(estimator, logits_of(vectors, codewords)).exp() * losses).sum()
    (exact,) = torch.autograd.grad(expected_loss, vectors)
    assert float(exact.norm()) > 0.1
    assert ((each.mean(0) - exact[0]).abs() < 4 * each.std(0) / math.sqrt(n)).all()


def test_the_mean_of_draws_carries_the_gradient_of_stochastic_choice() -> None:
    """It is the same whatever is drawn, and exact for a linear decoder."""
    vectors, codewords = problem(30, 5)
    estimator, linear = estimator_of("stochastic"), tensor([0.3, -1.2])[0]
    logits = logits_of(vectors, codewords)
    exact = torch.autograd.grad((log_chances(estimator, logits).exp() @ (codewords @ linear)).sum(), vectors)[0]
    codes = []
    for seed in range(2):
        carried = estimator(vectors, codewords, logits_of(vectors, codewords), generator(seed))
        (reached,) = torch.autograd.grad((carried.vectors @ linear).sum(), vectors)
        torch.testing.assert_close(reached, exact)
        codes.append(carried.codes)
    assert not torch.equal(*codes)


def test_stochastic_choice_equals_vector_quantize_pytorch() -> None:
    """The gradient of ``gumbel_sample(temperature=0.5, stochastic=True, straight_through=True)``, 1.32.0 (MIT)."""
    logits = tensor([0.5, 1.0, -1.0, 2.0], [-1.0, 0.25, 0.5, 0.0]).requires_grad_()
    codewords = tensor([1.0, 0.0], [0.5, -1.0], [2.0, 1.0], [-1.0, 0.25])
    estimator = annealed("stochastic", 0.5 / float(spread(logits)))
    carried = estimator(torch.zeros(2, 2), codewords, logits, generator())
    (reached,) = torch.autograd.grad(carried.vectors, logits, tensor([1.0, -2.0], [0.5, 1.0]))
    expected = tensor(
        [0.16234324153178684, 0.7831652394744344, 0.003908208964391023, -0.9494166899706121],
        [-0.011322931754943758, -0.8870418193334246, 1.2546418981888234, -0.35627714710045505],
    )
    torch.testing.assert_close(reached, expected)


@pytest.mark.parametrize("name", DRAWN)
def test_temperatures_fall_geometrically(name: str) -> None:
    estimator = estimator_of(f"{name}@start=2,end=0.02")
    assert isinstance(estimator, Annealed)
    seen = []
    for share in (0.0, 0.5, 0.75):
        estimator.progress(share)
        seen.append(estimator.temperature)
    assert seen == pytest.approx([2, 0.2, 0.2 * math.sqrt(0.1)])


@pytest.mark.parametrize(
    "text",
    [
        "gumbel@start=0",
        "stochastic@end=-1",
        "reinforce@start=0",
        "gumbel@width=0",
        "gumbel@end=.nan",
        "gumbel@start=true",
    ],
)
def test_wrong_temperatures_are_named(text: str) -> None:
    with pytest.raises(BenchError, match="above zero"):
        estimator_of(text)
