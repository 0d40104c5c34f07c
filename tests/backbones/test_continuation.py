"""What is drawn after a prompt."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from backbone_parts import CASES, FRAMES, TINY, all_tokens, backbone, costs, random_tokens
from draws import DRAWS, assert_frequencies, assert_same, outcomes

from bench.backbones.base import Structure
from bench.backbones.build import build
from bench.backbones.corpus import Corpus
from bench.backbones.sampling import Sampling
from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.errors import BenchError
from bench.learning.training import Budget, train

SEQUENCES = ["raster-sound", "randomised-sound", "depthwise-sound", "delay"]
GREEDY = Sampling(temperature=0)


def cut(tokens: Tokens, positions: int, samples: slice = slice(None)) -> Tokens:
    """The first positions of every level."""
    return Tokens(codes=tuple(code[samples, :positions] for code in tokens.codes))


@pytest.mark.parametrize(("case", "positions"), [(case, 2 if "randomised" in case else 7) for case in SEQUENCES])
def test_the_prompt_is_kept_and_the_rest_depends_on_its_sample_alone(case, positions):
    built, prompt = backbone(case, classes=3), cut(random_tokens(CASES[case][1], 5), 4)
    labels = torch.tensor([0, 2, 1, 1, 0])
    guided = Sampling(guidance=3.0, top_k=3, temperature=0.8)
    whole = built.extend(prompt, positions, 3, labels, guided)
    assert_same(cut(whole, 4), prompt)
    assert {tuple(code.shape) for code in whole.codes} == {(5, 4 + positions)}
    # Six positions are sixty samples of signal.
    assert whole.signal_shape == (1, 10 * (4 + positions))
    assert whole.signal_lengths.tolist() == [10 * (4 + positions)] * 5
    parts = [
        built.extend(cut(prompt, 4, part), positions, 3, labels[part], guided, part.start)
        for part in (slice(0, 2), slice(2, 5))
    ]
    for level, codes in enumerate(whole.codes):
        assert torch.equal(codes, torch.cat([part.codes[level] for part in parts]))
    built.cached = False  # type: ignore[assignment]
    assert_same(whole, built.extend(prompt, positions, 3, labels, guided))
    assert not torch.equal(whole.codes[0], built.extend(prompt, positions, 4, labels, guided).codes[0])


@pytest.mark.parametrize("case", SEQUENCES)
def test_nothing_continued_is_what_is_generated(case):
    built, structure = backbone(case), CASES[case][1]
    empty = cut(random_tokens(structure, 4), 0)
    one, other = built.extend(empty, structure.positions[0], 7), built.generate(4, 7)
    assert_same(one, other)
    assert (one.signal_shape, one.signal_lengths.tolist()) == (other.signal_shape, other.signal_lengths.tolist())


@pytest.mark.parametrize(
    ("paradigm", "structure"),
    [
        ("raster", Structure((3,), ((4,),))),
        ("randomised", Structure((3,), ((4,),))),
        ("depthwise", Structure((3, 2), ((3,),) * 2)),
        ("delay", Structure((2, 3), ((3,),) * 2)),
        ("delay", Structure((2, 2, 2), ((3,),) * 3)),
    ],
)
@pytest.mark.parametrize("known", [1, 2])
def test_continuations_follow_the_backbone_given_the_prompt(paradigm, structure, known, monkeypatch):
    """Each code that is drawn follows its head's distribution given what the pattern has before it."""
    monkeypatch.setitem(CASES, "small", (paradigm, structure))
    built = backbone("small")
    prompt = cut(random_tokens(structure, 1, seed=1), known)
    everything = all_tokens(structure)
    begins = torch.stack(
        [(code[:, :known] == mine).all(1) for code, mine in zip(everything.codes, prompt.codes, strict=True)]
    ).all(0)
    nats = sum(level[:, known:].sum(1) for level in costs(built, everything))
    expected = torch.where(begins, (-nats).exp(), 0.0)  # type: ignore[union-attr]
    assert float(expected.sum()) == pytest.approx(1, abs=1e-5)
    many = Tokens(codes=tuple(code.expand(DRAWS, -1) for code in prompt.codes))
    drawn = built.extend(many, structure.positions[0] - known, 1)
    assert_frequencies(outcomes(drawn, structure), expected)


@pytest.mark.parametrize(("paradigm", "levels"), [("raster", 1), ("randomised", 1), ("depthwise", 2), ("delay", 2)])
def test_a_melody_known_by_heart_goes_on(paradigm, levels):
    generator = torch.Generator().manual_seed(0)
    melody = tuple(torch.randint(8, (1, 20), generator=generator) for _ in range(levels))
    corpus = Corpus((Codebook(8, "a code"),) * levels, 20)
    corpus.add(Tokens(codes=melody))
    torch.manual_seed(0)
    built = build(paradigm, corpus.structure, TINY)
    train(built, lambda step: built.loss_of(corpus.random(1, step)), Budget(steps=60, learning_rate=1e-2), seed=0)
    assert_same(built.extend(cut(Tokens(codes=melody), 6), 14, 0, sampling=GREEDY), Tokens(codes=melody))


def test_padding_after_a_prompt_is_no_part_of_it():
    built, tokens = backbone("delay"), random_tokens(FRAMES, 2)
    padded = replace(tokens, lengths=(torch.tensor([4, 4]),) * 3)
    assert_same(built.extend(padded, 3, 0), built.extend(cut(tokens, 4), 3, 0))


def test_what_cannot_be_continued_is_refused():
    built, tokens = backbone("raster-sound", classes=2), random_tokens(CASES["raster-sound"][1], 2)
    with pytest.raises(BenchError, match="draw at least one after the prompt"):
        built.extend(tokens, 0, 0)
    with pytest.raises(BenchError, match="guidance needs conditions"):
        built.extend(tokens, 2, 0, sampling=Sampling(guidance=2))
    with pytest.raises(TokenError, match="need one length"):
        built.extend(replace(tokens, lengths=(torch.tensor([6, 4]),)), 2, 0)
    with pytest.raises(TokenError, match=r"codes 5\.\.5 outside the codebook 0\.\.4"):
        built.extend(Tokens(codes=(torch.full((1, 2), 5),)), 2, 0)
    with pytest.raises(TokenError, match="do not fit a backbone"):
        built.extend(random_tokens(FRAMES, 2), 2, 0)
    with pytest.raises(BenchError, match="at least one sample"):
        built.extend(cut(tokens, 3, slice(0, 0)), 2, 0)
    with pytest.raises(BenchError, match="only sequences can be continued, not grids"):
        backbone("raster").extend(random_tokens(CASES["raster"][1], 1), 2, 0)
    with pytest.raises(BenchError, match="randomised order has 6 places, not 8"):
        backbone("randomised-sound").extend(tokens, 2, 0)
    masked = build("masked", CASES["raster-sound"][1], TINY)
    with pytest.raises(BenchError, match="masked does not draw in order"):
        masked.extend(tokens, 2, 0)
