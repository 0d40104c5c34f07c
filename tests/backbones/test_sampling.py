"""What is drawn follows the distribution it should, and nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from backbone_parts import CASES, all_tokens, backbone
from draws import DRAWS, assert_frequencies, assert_same, outcomes

from bench.backbones.base import Structure
from bench.backbones.sampling import Noise, Sampling, draw, probabilities, sample
from bench.errors import BenchError

KNOWN = torch.tensor([0.4, 0.25, 0.2, 0.1, 0.05, 0.0])
SMALL = {
    "raster": Structure((3,), ((2, 2),)),
    "randomised": Structure((3,), ((2, 2),)),
    "depthwise": Structure((3, 2), ((2,),) * 2),
    "delay": Structure((2, 3), ((2,),) * 2),
    "nextscale": Structure((3, 2), ((1, 1), (2, 2))),
}


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), [0.4, 0.25, 0.2, 0.1, 0.05, 0]),
        (Sampling(top_k=2), [0.4 / 0.65, 0.25 / 0.65, 0, 0, 0, 0]),
        (Sampling(top_p=0.6), [0.4 / 0.65, 0.25 / 0.65, 0, 0, 0, 0]),
        (Sampling(top_p=0.7), [0.4 / 0.85, 0.25 / 0.85, 0.2 / 0.85, 0, 0, 0]),
        (Sampling(temperature=0.5), [p * p / 0.275 for p in (0.4, 0.25, 0.2, 0.1, 0.05, 0)]),
        (Sampling(temperature=0), [1, 0, 0, 0, 0, 0]),
        # The temperature comes before top-p: at 0.5 the first code alone has 0.16/0.275 = 0.58.
        (Sampling(temperature=0.5, top_p=0.58), [1, 0, 0, 0, 0, 0]),
    ],
)
def test_frequencies_match_a_known_distribution(sampling, expected):
    logits = KNOWN.log().expand(DRAWS, -1)
    assert probabilities(logits, sampling)[0].tolist() == pytest.approx(expected, abs=1e-6)
    codes = sample(logits, sampling, Noise(0, 0, DRAWS, torch.device("cpu")).uniform())
    assert_frequencies(codes, torch.tensor(expected, dtype=torch.float64))


def test_the_ends_of_a_distribution_are_never_left():
    chances = torch.tensor([0.0, 0.3, 0.7, 0.0], dtype=torch.float64)
    uniform = torch.tensor([0.0, 0.3 - 1e-9, 0.3, math.nextafter(1, 0)], dtype=torch.float64)
    assert draw(chances.expand(4, -1), uniform).tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize("paradigm", SMALL)
def test_samples_follow_the_likelihood_of_the_backbone(paradigm, monkeypatch):
    monkeypatch.setitem(CASES, "small", (paradigm, SMALL[paradigm]))
    built = backbone("small", classes=2)
    everything = all_tokens(SMALL[paradigm])
    label = torch.ones(DRAWS, dtype=torch.int64)
    expected = built.log_likelihood(everything, label[: everything.batch_size]).exp()
    assert_frequencies(outcomes(built.generate(DRAWS, 1, label), SMALL[paradigm]), expected)


def test_guidance_moves_the_log_odds_by_its_scale(monkeypatch):
    structure = Structure((4,), ((1,),))
    monkeypatch.setitem(CASES, "small", ("raster", structure))
    built, label = backbone("small", classes=3), torch.full((DRAWS,), 2)
    everything = all_tokens(structure)
    guided = 2.5 * built.log_likelihood(everything, label[:4]) - 1.5 * built.log_likelihood(everything)
    drawn = built.generate(DRAWS, 0, label, Sampling(guidance=2.5)).codes[0].flatten()
    assert_frequencies(drawn, guided.softmax(0))


@pytest.mark.parametrize("case", CASES)
def test_guidance_of_one_is_no_guidance_and_the_cache_changes_nothing(case):
    built = backbone(case, classes=3)
    labels = torch.tensor([0, 2, 1])
    plain = built.generate(3, 7, labels)
    # A hair's breadth from 1 the samples go through the guided path, both halves of it.
    assert_same(plain, built.generate(3, 7, labels, Sampling(guidance=1 + 1e-12)))
    guided = built.generate(3, 7, labels, Sampling(guidance=3.0, top_k=3, temperature=0.8))
    built.cached = False  # type: ignore[assignment]
    assert_same(plain, built.generate(3, 7, labels))
    assert_same(guided, built.generate(3, 7, labels, Sampling(guidance=3.0, top_k=3, temperature=0.8)))


@pytest.mark.parametrize("case", CASES)
def test_a_sample_depends_on_its_seed_and_number_alone(case):
    built, structure = backbone(case), CASES[case][1]
    whole = built.generate(5, 3)
    assert_same(whole, built.train().generate(5, 3))
    assert built.training
    parts = [built.generate(2, 3), built.generate(3, 3, first=2)]
    for level, codes in enumerate(whole.codes):
        assert torch.equal(codes, torch.cat([part.codes[level] for part in parts]))
    assert not all(torch.equal(a, b) for a, b in zip(whole.codes, built.generate(5, 4).codes, strict=True))
    assert Structure.of(whole, ()).grids == structure.grids
    assert (whole.signal_lengths is not None) == bool(structure.signal_rate)


def test_wrong_wishes_are_refused():
    built = backbone("raster", classes=2)
    with pytest.raises(BenchError, match="guidance needs conditions"):
        built.generate(2, 0, sampling=Sampling(guidance=2))
    with pytest.raises(BenchError, match="at least one sample"):
        built.generate(0, 0)
    with pytest.raises(BenchError, match="top_p above 0"):
        Sampling(top_p=0)
