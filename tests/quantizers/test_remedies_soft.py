"""Soft quantization and regularization against publishers' code, by hand and by brute force, and on a toy."""

from __future__ import annotations

import itertools
import math

import pytest
import soft_remedies as golden
import torch

from bench.errors import BenchError
from bench.quantizers.estimators.base import drawn_codes
from bench.quantizers.remedies import assignments, convex, self_annealed, transport
from bench.quantizers.remedies.base import remedy_of
from bench.quantizers.trained.codebook import Codebook, Recipe


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def book_of(remedy: str, size: int = golden.SIZE, dim: int = golden.WIDTH, **recipe) -> Codebook:
    """A codebook with golden codewords, if it has their shape."""
    torch.manual_seed(0)
    book = Codebook(size, dim, Recipe(remedy=remedy, **recipe))
    if (size, dim) == (golden.SIZE, golden.WIDTH):
        with torch.no_grad():
            book.weight.copy_(golden.codewords())
    return book


def close(ours: torch.Tensor | None, published: torch.Tensor, scale: float = 1.0) -> None:
    assert ours is not None
    torch.testing.assert_close(ours.detach() * scale, published, atol=2e-4, rtol=1e-4)


def test_sq_vae_is_the_publishers(monkeypatch):
    published, count = golden.published("sq-vae"), golden.SIDE**2
    monkeypatch.setattr(self_annealed, "gumbel_noise", lambda like, generator: golden.noise())
    book, vectors = book_of(f"sq-vae@weight={count},first={golden.RELAXATION}"), golden.vectors()
    remedy = book.remedy
    assert isinstance(remedy, self_annealed.SelfAnnealed)
    with torch.no_grad():
        remedy.scaled_log_variance.fill_(golden.LOG_VARIANCE / self_annealed.RATE)
    looked = book(vectors, random())
    (looked.loss + golden.probe(looked.vectors)).backward()
    close(looked.vectors, published["decoded"])
    close(looked.loss, published["loss"])
    close(vectors.grad, published["vectors"])
    close(book.weight.grad, published["codewords"])
    close(remedy.scaled_log_variance.grad, published["log_variance"], 1 / self_annealed.RATE)


def test_ibq_is_the_publishers():
    published = golden.published("ibq")
    remedy = f"ibq@weight={golden.IBQ_WEIGHT},temperature={golden.IBQ_TEMPERATURE}"
    book, vectors = book_of(remedy, commitment=1.0), golden.vectors()
    looked = book(vectors, random())
    (looked.loss + golden.probe(looked.vectors)).backward()
    assert torch.equal(looked.codes, published["codes"])
    assert len(looked.codes.unique()) > 2
    close(looked.vectors, published["decoded"])
    close(looked.loss, published["loss"])
    close(vectors.grad, published["vectors"])
    close(book.weight.grad, published["codewords"])


def test_the_entropy_penalty_is_that_of_lookup_free_quantization():
    published, vectors = golden.published("entropy"), golden.vectors()
    remedy = remedy_of(f"entropy@weight=1,temperature={golden.LFQ_TEMPERATURE}", golden.SIZE, golden.WIDTH)
    logits = remedy.logits(vectors, golden.corners())
    loss = remedy.loss(torch.zeros(()), vectors, golden.corners(), logits, None)
    loss.backward()
    close(loss, published["loss"])
    close(vectors.grad, published["vectors"])


def test_ibq_gives_both_of_two_codewords_the_gradient_worked_out_by_hand():
    """z c = (0.6, 0.2), p = σ(0.4) of the chosen; its codeword gets g, both ± g (c₁ - c₂) p (1-p) z."""
    codewords = torch.tensor([[0.3], [0.1]], requires_grad=True)
    remedy = remedy_of("ibq", 2, 1)
    vectors = torch.tensor([[2.0]])
    carried = remedy.carry(vectors, codewords, remedy.logits(vectors, codewords), random())
    assert carried.codes.tolist() == [0] and carried.vectors.item() == pytest.approx(0.3)
    carried.vectors.backward(torch.tensor([[5.0]]))
    share = 1 / (1 + math.exp(-0.4))
    through = 5 * (0.3 - 0.1) * share * (1 - share) * 2
    assert codewords.grad is not None
    assert codewords.grad.flatten().tolist() == pytest.approx([5 + through, -through])
    # and each of many codewords, though one is chosen
    book = book_of("ibq")
    book(golden.vectors()[:1], random()).vectors.sum().backward()
    assert book.weight.grad is not None and (book.weight.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("remedy", ["soft@temperature=0.001", "annealed-soft@last=0.0001", "scq@weight=1000000"])
def test_soft_quantization_has_the_hard_one_as_its_limit(remedy):
    book, vectors = book_of(remedy), golden.vectors()
    book.progress(0.999)
    looked = book(vectors, random())
    assert torch.equal(looked.codes, book.encode(vectors))
    torch.testing.assert_close(looked.vectors, book.decode(looked.codes), atol=1e-4, rtol=0)
    hard = torch.nn.functional.mse_loss(vectors, looked.vectors)
    if remedy.startswith("scq"):
        hard = 1.25 * hard
    assert looked.loss.item() == pytest.approx(hard.item(), rel=1e-3)


def test_a_wide_mixture_is_the_mean_of_the_codewords():
    looked = book_of("soft@temperature=1000000")(golden.vectors(), random())
    torch.testing.assert_close(looked.vectors, golden.codewords().mean(0).expand(9, 3), atol=1e-5, rtol=0)


def test_an_annealed_mixture_hardens_geometrically():
    remedy = remedy_of("annealed-soft@first=4,last=0.04", 8, 3)
    temperatures = []
    for share in (0.0, 0.5, 1.0):
        remedy.progress(share)
        temperatures.append(remedy.temperature)
    assert temperatures == pytest.approx([4, 0.4, 0.04])


def test_entropies_of_certain_uniform_and_opposite_assignments():
    uniform = assignments.entropies(torch.zeros(5, 8))
    assert [float(value) for value in uniform] == pytest.approx([math.log(8)] * 2)
    certain = assignments.entropies(100.0 * torch.eye(8)[:1].repeat(5, 1))
    assert [float(value) for value in certain] == pytest.approx([0, 0], abs=1e-6)
    opposite = assignments.entropies(100.0 * torch.eye(8))
    assert [float(value) for value in opposite] == pytest.approx([0, math.log(8)], abs=1e-6)


def test_a_codeword_that_nothing_is_assigned_to_has_a_finite_gradient():
    logits = torch.tensor([[0.0, -1e4], [0.0, -1e4]], requires_grad=True)
    of_vector, of_batch = assignments.entropies(logits)
    (of_vector - of_batch).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_the_divergence_to_the_prior_is_zero_for_a_uniform_batch_and_log_k_for_one_code():
    remedy = remedy_of("uniform-prior@weight=1,temperature=0.001", 8, 3)
    for logits, expected in ((torch.eye(8), 0.0), (torch.eye(8)[:1].repeat(8, 1), math.log(8))):
        loss = remedy.loss(torch.zeros(()), torch.zeros(8, 3), torch.zeros(8, 3), logits, None)
        assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_the_stated_share_of_codes_is_drawn_and_the_others_are_the_nearest():
    vectors = golden.vectors().detach().repeat(200, 1)
    for share, low, high in ((0.0, 0.0, 0.0), (0.5, 0.3, 0.5), (1.0, 0.6, 1.0)):
        book = book_of(f"uniform-prior@drawn={share},temperature=100")
        other = (book(vectors, random()).codes != book.encode(vectors)).double().mean()
        assert low <= other <= high


def test_drawn_codes_follow_their_chances():
    chances = torch.tensor([0.1, 0.2, 0.7]).expand(20000, 3)
    counts = torch.bincount(drawn_codes(chances, random()), minlength=3) / 20000
    torch.testing.assert_close(counts, chances[0], atol=0.015, rtol=0)


def test_the_nearest_point_of_the_simplex_is_found_with_its_gradient():
    """Against the threshold found by sorting (Held et al. 1974), and finite differences."""
    points = 2 * torch.rand(40, 9, generator=random(), dtype=torch.float64) - 0.8
    falling = points.sort(1, descending=True).values
    thresholds = (falling.cumsum(1) - 1) / torch.arange(1, 10)
    last = (falling > thresholds).sum(1, keepdim=True) - 1
    expected = (points - thresholds.gather(1, last)).relu()
    torch.testing.assert_close(convex.on_simplex(points), expected)
    torch.testing.assert_close(convex.on_simplex(expected), expected)
    assert torch.autograd.gradcheck(convex.on_simplex, points[:4].requires_grad_())


def test_a_convex_combination_is_that_of_the_linear_system_of_all_codewords():
    """The paper's system has as many unknowns as codewords; ours has as many as dimensions."""
    weight, vectors, words = 0.5, golden.vectors().detach(), golden.codewords().detach()
    remedy = remedy_of(f"scq@weight={weight}", golden.SIZE, golden.WIDTH)
    logits = remedy.logits(vectors, words)
    penalty = weight * (words.T @ words).diagonal().mean()
    nearest = torch.eye(golden.SIZE)[logits.argmax(1)]
    system = words @ words.T + penalty * torch.eye(golden.SIZE)
    weights = torch.linalg.solve(system, (vectors @ words.T + penalty * nearest).T).T
    expected = convex.on_simplex(weights) @ words
    torch.testing.assert_close(remedy.carry(vectors, words, logits, random()).vectors, expected)


def test_a_vector_between_two_codewords_is_their_combination():
    words, vectors = torch.tensor([[-1.0], [1.0]]), torch.tensor([[0.5]])
    remedy = remedy_of("scq@weight=0.000001", 2, 1)
    carried = remedy.carry(vectors, words, remedy.logits(vectors, words), random())
    assert carried.vectors.item() == pytest.approx(0.5, abs=1e-4) and carried.codes.tolist() == [1]


def test_transport_approaches_the_best_assignment():
    """Brute force over the 24 assignments of four vectors to four codewords of equal weight."""
    costs = torch.rand(4, 4, generator=random())
    best = min(sum(float(costs[i, j]) for i, j in enumerate(to)) for to in itertools.permutations(range(4)))
    potentials, uniform = torch.zeros(4), torch.full((4,), -math.log(4))
    for _ in range(200):
        plan, potentials = transport.sinkhorn(-costs / 0.02, uniform, potentials)
    assert best / 4 <= float((plan * costs).sum()) <= best / 4 + 0.02


def test_transport_fills_codewords_as_their_shares_say():
    shares = torch.tensor([0.5, 0.3, 0.2])
    plan, potentials = transport.sinkhorn(torch.randn(20, 3, generator=random()), shares.log(), torch.zeros(3))
    torch.testing.assert_close(plan.sum(0), shares)
    torch.testing.assert_close(plan.sum(1), torch.full((20,), 1 / 20), atol=5e-3, rtol=0)
    assert potentials.mean().item() == pytest.approx(0, abs=1e-6)


def test_what_a_remedy_has_no_use_for_is_rejected():
    with pytest.raises(BenchError, match=r"leave out commitment=1\.0"):
        book_of("sq-vae", commitment=1.0)
    with pytest.raises(BenchError, match="leave out update=ema"):
        book_of("scq", update="ema")
    with pytest.raises(BenchError, match="leave out estimator=rotation"):
        book_of("ibq", estimator="rotation")
    with pytest.raises(BenchError, match="temperature=0: write a number above zero"):
        remedy_of("soft@temperature=0", 8, 3)
    with pytest.raises(BenchError, match="drawn=2: write a number from zero to 1"):
        remedy_of("uniform-prior@drawn=2", 8, 3)


CLUSTERS, DIM = 8, 4


def used_on_clusters(remedy: str, steps: int = 60) -> int:
    """Codewords in use after a training on a mixture of as many clusters, far to one side of which they begin.

    Vectors are given, rather than those of an encoder, and the decoder is the identity.
    """
    torch.manual_seed(0)
    generator = random()
    centers = torch.randn(CLUSTERS, DIM, generator=generator)
    book = Codebook(CLUSTERS, DIM, Recipe(remedy=remedy))
    with torch.no_grad():
        book.weight.sub_(3)
    book.start(centers.repeat(16, 1), generator)
    optimizer = torch.optim.Adam(book.parameters(), lr=0.1)
    for step in range(steps):
        book.progress(step / steps)
        vectors = centers.repeat(16, 1) + 0.05 * torch.randn(16 * CLUSTERS, DIM, generator=generator)
        looked = book(vectors, generator)
        optimizer.zero_grad()
        (looked.loss + torch.nn.functional.mse_loss(looked.vectors, vectors)).backward()
        optimizer.step()
    return len(book.encode(centers).unique())


def test_the_nearest_codeword_takes_all():
    assert used_on_clusters("none") == 1


@pytest.mark.parametrize(
    "remedy", ["soft", "annealed-soft", "scq", "ibq", "sq-vae", "entropy@temperature=1", "uniform-prior", "vq-wae"]
)
def test_a_remedy_brings_more_codewords_into_use(remedy):
    assert used_on_clusters(remedy) > 1
