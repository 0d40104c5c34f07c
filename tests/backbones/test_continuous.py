"""Models of continuous tokens: proper densities of the past alone, that are learned and drawn from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from backbone_parts import TINY
from scipy.integrate import quad
from scipy.stats import kstest, multivariate_normal, norm

from bench.backbones.base import Structure
from bench.backbones.build import build, paradigm_of
from bench.backbones.corpus import Corpus
from bench.backbones.denoising import Schedule
from bench.backbones.sampling import Sampling
from bench.contracts.tokens import TokenError, Tokens
from bench.errors import BenchError
from bench.learning.training import Budget, train

IMAGE = Structure((), ((3, 4),), (3, 24, 32), dim=3)
SOUND = Structure((), ((6,),), (1, 60), 10, dim=2)
BOTH = pytest.mark.parametrize("paradigm", ["mixture", "diffusion"])


def backbone(paradigm: str, structure: Structure = IMAGE, classes: int = 0):
    """One with random heads, as if trained, of latents with another mean and scale in each dimension."""
    torch.manual_seed(0)
    built = build(paradigm, structure, TINY, classes)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        built.standard.mean.copy_(torch.arange(structure.dim) - 0.5)  # type: ignore[operator, union-attr]
        built.standard.deviation.copy_(0.5 + torch.arange(structure.dim))  # type: ignore[operator, union-attr]
    built.diffusion_steps = 5  # type: ignore[assignment]
    return built.eval()


def latents(structure: Structure, batch: int) -> Tokens:
    generator = torch.Generator().manual_seed(0)
    return structure.continuous(torch.randn(batch, structure.positions[0], structure.dim, generator=generator))


def changed(tokens: Tokens, position: int) -> Tokens:
    moved = tokens.latents.clone()
    moved.flatten(1, -2)[:, position] += 1
    return Tokens(latents=moved)


@torch.no_grad()
def test_a_mixture_is_the_density_that_scipy_knows():
    built = backbone("mixture", Structure((), ((1,),), dim=2))
    logits, means, scales = (one[0, 0] for one in built.head(built.trunk(built.conditions.weight[None])))
    # In the latents' own units, by the rule of changed variables.
    means, scales = built.standard.undo(means), scales * built.standard.deviation
    points = np.random.default_rng(0).normal(size=(5, 2))
    expected = sum(
        float(weight) * multivariate_normal(mean.numpy(), np.diag(scale.numpy() ** 2)).pdf(points)
        for weight, mean, scale in zip(logits.softmax(-1), means, scales, strict=True)
    )
    tokens = Tokens(latents=torch.from_numpy(points).float()[:, None])
    assert built.log_likelihood(tokens).tolist() == pytest.approx(np.log(expected).tolist(), rel=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_follow_the_density(temperature):
    built = backbone("mixture", Structure((), ((1,),), dim=1))
    drawn = built.generate(3000, 0, sampling=Sampling(temperature=temperature)).latents.flatten()
    with torch.no_grad():
        logits, means, scales = (one[0, 0] for one in built.head(built.trunk(built.conditions.weight[None])))
        # The temperature narrows each component and leaves its chance and its mean.
        means, scales = built.standard.undo(means), temperature * scales * built.standard.deviation

    def cumulative(x):
        return sum(
            float(weight) * norm(float(mean), float(scale)).cdf(x)
            for weight, mean, scale in zip(logits.softmax(-1), means[:, 0], scales[:, 0], strict=True)
        )

    assert kstest(drawn.numpy(), cumulative).pvalue > 1e-3


@torch.no_grad()
def test_the_future_does_not_reach_the_past():
    built, tokens = backbone("mixture"), latents(IMAGE, 2)

    def hidden(of: Tokens) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        hook = built.head.register_forward_hook(lambda module, given, found: seen.append(given[0]))
        built.log_likelihood(of)
        hook.remove()
        return seen[0]

    before = hidden(tokens)
    for position in range(12):
        after = hidden(changed(tokens, position))
        assert torch.allclose(before[:, : position + 1], after[:, : position + 1], atol=1e-5)
        assert position == 11 or not torch.allclose(before[:, position + 1 :], after[:, position + 1 :], atol=1e-4)


@torch.no_grad()
def test_a_masked_token_is_not_seen_and_every_other_is():
    built, tokens = backbone("diffusion"), latents(IMAGE, 1)
    hidden = torch.zeros(1, 12, dtype=torch.bool)
    hidden[:, [3, 8]] = True
    start = built.conditions(torch.zeros(1, dtype=torch.int64))
    before = built._states(built.standard(tokens), hidden, start)
    for place in range(12):
        after = built._states(built.standard(changed(tokens, place)), hidden, start)
        assert torch.equal(before, after) == (place in (3, 8))


def close(one: Tokens, other: Tokens) -> bool:
    """The same but for rounding, which depends on the batch."""
    return float((one.latents - other.latents).abs().max()) < 1e-4 * float(one.latents.std())


@BOTH
def test_a_sample_depends_on_its_seed_and_number_alone(paradigm):
    built, labels = backbone(paradigm, classes=3), torch.tensor([0, 2, 1])
    built.steps = 5
    whole = built.generate(3, 7, labels)
    assert whole.latents.shape == (3, 3, 4, 3)
    assert whole.signal_shape == (3, 24, 32)
    parts = [built.generate(1, 7, labels[:1]), built.generate(2, 7, labels[1:], first=1)]
    assert close(whole, Tokens(latents=torch.cat([part.latents for part in parts])))
    assert not close(whole, built.generate(3, 8, labels))
    assert Structure.of(backbone(paradigm, SOUND).generate(2, 0), ()) == SOUND


def test_the_cache_changes_nothing():
    built = backbone("mixture")
    cached = built.generate(3, 7)
    built.cached = False
    assert close(cached, built.generate(3, 7))


def test_guidance_moves_what_is_drawn_and_one_is_none():
    built, labels = backbone("diffusion", classes=3), torch.tensor([0, 2, 1])
    built.steps = 5
    plain, *guided = (built.generate(3, 7, labels, Sampling(guidance=s)) for s in (1, 1 + 1e-9, 3))
    # A hair's breadth from 1 the samples go through the guided path, both halves of it.
    assert close(plain, guided[0])
    assert not close(plain, guided[1])


@BOTH
def test_latents_ten_times_as_large_cost_ln_10_more_a_number(paradigm):
    structure = Structure((), ((2, 3),), dim=3)
    found = []
    for scale in (1, 10):
        tokens = latents(structure, 4)
        tokens = Tokens(latents=scale * (tokens.latents + torch.tensor([5.0, 0.0, -1.0])))
        corpus = Corpus((), 8)
        corpus.add(tokens)
        torch.manual_seed(0)
        built = build(paradigm, structure, TINY)
        built.prepare(corpus)
        found.append(built.log_likelihood(tokens))
    assert (found[0] - found[1]).tolist() == pytest.approx([6 * 3 * math.log(10)] * 4, rel=1e-4)


def source(samples: int, length: int, seed: int, centres: tuple[float, float]) -> Tokens:
    """Sequences in two dimensions: half the token before, and noise around one of two centres, in each alike."""
    generator = np.random.default_rng(seed)
    state, steps = np.zeros((samples, 2)), []
    for _ in range(length):
        centre = np.where(generator.random((samples, 1)) < 0.3, *centres)
        state = state / 2 + centre + generator.normal(size=(samples, 2)) * [0.5, 1.0]
        steps.append(state)
    return Tokens(latents=torch.from_numpy(np.stack(steps, 1)).float())


def entropy(centres: tuple[float, float]) -> float:
    """Nats of a token given the one before: those of noise along the line between the centres, and across it.

    In coordinates where the noise is a standard normal, the mixture's two centres differ along one line alone.
    """
    apart = abs(centres[0] - centres[1]) * math.hypot(1 / 0.5, 1 / 1.0)

    def density(x: float) -> float:
        return 0.3 * norm.pdf(x) + 0.7 * norm.pdf(x - apart)

    along = quad(lambda x: -density(x) * math.log(density(x)), -10, apart + 10, limit=200)[0]
    return along + math.log(2 * math.pi * math.e) / 2 + math.log(0.5 * 1.0)


@pytest.mark.parametrize(
    ("paradigm", "length", "centres", "budget", "above", "off"),
    [
        ("mixture", 8, (-3, 3), Budget(steps=150, learning_rate=1e-2), 0.06, 0.1),
        ("diffusion", 3, (0, 0), Budget(steps=300, learning_rate=3e-3), 0.12, 0.2),
    ],
)
def test_a_source_is_learned_to_its_entropy_and_drawn_from(paradigm, length, centres, budget, above, off):
    corpus = Corpus((), length)
    corpus.add(source(1024, length, 0, centres))
    torch.manual_seed(0)
    built = build(paradigm, corpus.structure, TINY)
    built.prepare(corpus)
    built.ratios = (1e-3, 10.0)  # type: ignore[assignment]  # masks of all sizes alike, which the bound asks of
    train(built, lambda generator: built.loss_of(corpus.random(64, generator)), budget, seed=0)
    held_out = source(1024, length, 1, centres)
    costs = -built.log_likelihood(held_out) / length
    error = float(costs.std()) / math.sqrt(len(costs))
    assert -3 * error < float(costs.mean()) - entropy(centres) < above
    built.diffusion_steps = 50  # type: ignore[assignment]
    drawn, known = built.generate(500, 0).latents, held_out.latents
    spread = known.std(0)
    assert ((drawn.mean(0) - known.mean(0)).abs() < off * spread).all()
    assert torch.allclose(drawn.std(0), spread, rtol=off)
    # Of the last two tokens, in both dimensions: what each says of the other three.
    one, other = (torch.corrcoef(tokens[:, -2:].flatten(1).T) for tokens in (drawn, known))
    assert torch.allclose(one, other, atol=off)


@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_the_bound_of_a_perfect_denoiser_is_the_entropy(variance):
    schedule, generator = Schedule(), torch.Generator().manual_seed(0)

    def normal() -> torch.Tensor:
        return torch.randn(40000, 2, generator=generator, dtype=torch.float64)

    def predict(noisy: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        kept = schedule.kept[levels][..., None]
        return (1 - kept).sqrt() * noisy / (kept * variance + 1 - kept)

    levels = schedule.drawn((torch.arange(40000) + 0.5) / 40000)
    clean = math.sqrt(variance) * normal()
    costs = schedule.bound(predict, clean, levels[torch.randperm(40000, generator=generator)], normal())
    # What the sample itself costs, whose chance the bound shares.
    exact = math.log(2 * math.pi * variance) + (clean**2).sum(1) / variance / 2
    gap, error = float((costs - exact).mean()), float((costs - exact).std()) / 200
    assert -3 * error < gap < 0.05 + 3 * error
    drawn = schedule.sample(predict, 100, normal)
    assert float(drawn.var()) == pytest.approx(variance, rel=0.06)
    assert float(schedule.sample(predict, 100, normal, temperature=0.5).var()) < 0.5 * variance


def test_the_diffusion_is_that_of_diffusers():
    from diffusers import DDPMScheduler

    schedule = Schedule()
    trusted = DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False, variance_type="fixed_large")
    levels = torch.tensor([0, 10, 500, len(schedule.kept) - 1])
    clean, noise = torch.randn(2, 4, 3)
    assert torch.allclose(schedule.noisy(clean, noise, levels), trusted.add_noise(clean, noise, levels), atol=1e-5)

    def predict(noisy: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        return torch.sin(noisy + levels[:, None] / 300)

    generator = torch.Generator().manual_seed(3)
    found = schedule.sample(predict, 20, lambda: torch.randn(4, 3, generator=generator))
    generator.manual_seed(3)
    trusted.set_timesteps(timesteps=torch.linspace(len(schedule.kept) - 1, 0, 20).round().long().tolist())
    token = torch.randn(4, 3, generator=generator)
    for level in trusted.timesteps:
        token = trusted.step(predict(token, level.expand(4)), level, token, generator=generator).prev_sample
    assert torch.allclose(found, token, rtol=1e-3, atol=1e-3)


def test_a_corpus_of_latents_gives_them_back_in_windows():
    corpus, lengths = Corpus((), 4), torch.tensor([6, 3])
    whole = latents(SOUND, 2).latents
    corpus.add(Tokens(latents=whole, lengths=(lengths,), signal_shape=(1, 60), signal_rate=10))
    assert (corpus.structure.grids, corpus.structure.dim, corpus.tokens) == (((4,),), 2, 9)
    (examples,) = corpus.windows(100)
    windows = examples.tokens
    assert examples.numbers == [0, 0, 1]
    assert windows.lengths[0].tolist() == [4, 2, 3]
    expected = [whole[0, :4], whole[0, 4:], whole[1, :3]]
    assert all(torch.equal(a, b) for a, b in zip(windows.rows(0), expected, strict=True))
    built = backbone("mixture", corpus.structure)
    alone = [float(built.log_likelihood(Tokens(latents=one[None]))) for one in expected]
    assert built.log_likelihood(windows).tolist() == pytest.approx(alone, rel=1e-4)
    grids = Corpus((), 4)
    grids.add(latents(IMAGE, 3))
    assert torch.equal(next(grids.windows(100)).tokens.latents, latents(IMAGE, 3).latents)
    with pytest.raises(BenchError, match="latents of 2 dimensions after samples of 3"):
        grids.add(latents(Structure((), ((3, 4),), dim=2), 1))


def test_what_does_not_fit_is_refused():
    assert paradigm_of(IMAGE) == "mixture"
    for paradigm in ("mixture", "diffusion"):
        with pytest.raises(BenchError, match="models continuous tokens, not codes"):
            build(paradigm, Structure((4,), ((2, 2),)), TINY)
        with pytest.raises(BenchError, match="use the temperature"):
            backbone(paradigm).generate(1, 0, sampling=Sampling(top_k=3))
        with pytest.raises(TokenError, match="do not fit a backbone"):
            backbone(paradigm).log_likelihood(latents(Structure((), ((3, 4),), dim=2), 1))
    with pytest.raises(
        BenchError, match="raster models codes, but these tokens are continuous; use mixture or diffusion"
    ):
        build("raster", IMAGE, TINY)
    with pytest.raises(BenchError, match="mixture has no guidance"):
        backbone("mixture", classes=2).generate(1, 0, torch.tensor([1]), Sampling(guidance=2))
    with pytest.raises(BenchError, match="sequences of one length"):
        backbone("diffusion", SOUND).log_likelihood(
            Tokens(latents=latents(SOUND, 2).latents, lengths=(torch.tensor([6, 4]),))
        )
    flat = Corpus((), 4)
    flat.add(Tokens(latents=torch.tensor([[[1.0, 2.0], [3.0, 2.0]]])))
    with pytest.raises(BenchError, match="dimension 1 of the latents is 2 in all training tokens"):
        build("mixture", flat.structure, TINY).prepare(flat)


def test_a_codebook_too_large_for_embeddings_is_named() -> None:
    with pytest.raises(BenchError, match=r"raster has an embedding for each entry .* 68719476736 entries") as raised:
        build("raster", Structure((2**36,), ((2, 2),)), TINY)
    assert "several smaller codes" in raised.value.remedy
