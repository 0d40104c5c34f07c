"""What training reaches, and that it can be interrupted."""

from __future__ import annotations

import itertools
import math
import os
import time

import pytest
import torch
from backbone_parts import IMAGE, TINY, random_tokens

from bench.backbones.base import Structure
from bench.backbones.build import build, paradigm_of
from bench.backbones.corpus import Corpus, Examples
from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError
from bench.learning import training
from bench.learning.training import Budget, Checkpoint, train

# Each row: chances of the next code, given this one.
CHAIN = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0], [0.2, 0.0, 0.0, 0.8], [0.25, 0.25, 0.25, 0.25]])
LENGTH = 32


def markov(samples: int, seed: int, levels: int = 1) -> Tokens:
    """Sequences of the chain, each begun at a code drawn uniformly; several levels take turns in it."""
    generator = torch.Generator().manual_seed(seed)
    codes = [torch.randint(4, (samples,), generator=generator)]
    for _ in range(LENGTH * levels - 1):
        codes.append(torch.multinomial(CHAIN[codes[-1]], 1, generator=generator)[:, 0])
    table = torch.stack(codes, 1).view(samples, LENGTH, levels)
    return Tokens(codes=table.unbind(-1))


def entropy(steps: int) -> float:
    """Nats of a sequence of so many codes: ln 4, then those of the row that each code before it chooses."""
    rows = -(CHAIN * CHAIN.clamp(min=1e-30).log()).sum(1).double()
    state, total = torch.full((4,), 0.25, dtype=torch.float64), math.log(4)
    for _ in range(steps - 1):
        total += float(state @ rows)
        state = state @ CHAIN.double()
    return total


# In random orders the chain is hard to see, and those are half of the training.
@pytest.mark.parametrize(
    ("paradigm", "levels", "steps"),
    [("raster", 1, 120), ("randomised", 1, 400), ("depthwise", 2, 120), ("delay", 1, 120)],
)
def test_a_markov_source_is_learned_to_its_entropy(paradigm, levels, steps):
    corpus = Corpus((Codebook(4, "a code"),) * levels, LENGTH)
    corpus.add(markov(256, 0, levels))
    torch.manual_seed(0)
    backbone = build(paradigm, corpus.structure, TINY)
    train(
        backbone,
        lambda generator: backbone.loss_of(corpus.random(16, generator)),
        Budget(steps=steps, learning_rate=1e-2),
        seed=0,
    )
    known = entropy(LENGTH * levels)
    found = -float(backbone.log_likelihood(markov(256, 1, levels)).mean())
    assert found == pytest.approx(known, rel=0.03)


def pyramids(samples: int, seed: int) -> Tokens:
    """A code drawn uniformly; at each scale after it, each code is that of its quadrant, or by chance any."""
    generator = torch.Generator().manual_seed(seed)
    codes = [torch.randint(4, (samples, 1, 1), generator=generator)]
    for _ in range(2):
        above = codes[-1].repeat_interleave(2, 1).repeat_interleave(2, 2)
        other = torch.rand(above.shape, generator=generator) < 0.2
        codes.append(torch.where(other, torch.randint(4, above.shape, generator=generator), above))
    return Tokens(codes=tuple(codes))


def test_a_pyramid_is_learned_to_its_entropy():
    corpus = Corpus((Codebook(4, "a code"),) * 3, LENGTH)
    corpus.add(pyramids(256, 0))
    assert corpus.structure.grids == ((1, 1), (2, 2), (4, 4))
    assert corpus.batch_of(320) == 20  # of the finest grid
    torch.manual_seed(0)
    backbone = build(paradigm_of(corpus.structure), corpus.structure, TINY)
    train(
        backbone,
        lambda generator: backbone.loss_of(corpus.random(20, generator)),
        Budget(steps=120, learning_rate=1e-2),
        seed=0,
    )
    code = -(0.85 * math.log(0.85) + 3 * 0.05 * math.log(0.05))
    windows, *more = corpus.windows(256 * 16)
    assert not more and len(windows.numbers) == 256
    assert [tuple(level.shape) for level in windows.tokens.codes] == [(256, 1, 1), (256, 2, 2), (256, 4, 4)]
    found = -float(backbone.log_likelihood(pyramids(512, 1)).mean())
    assert found == pytest.approx(math.log(4) + 20 * code, rel=0.03)


def test_unequal_levels_of_a_sequence_are_refused():
    corpus = Corpus((Codebook(4, "a code"),) * 2, LENGTH)
    with pytest.raises(BenchError, match="levels of a sequence differ in length"):
        corpus.add(Tokens(codes=(torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, 8, dtype=torch.int64))))


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path, monkeypatch):
    corpus = Corpus((Codebook(4, "a code"),), 16)
    corpus.add(markov(8, 0))
    budget = Budget(steps=6, positions=32)

    def trained(checkpoint: Checkpoint | None, stop: int | None = None) -> dict[str, torch.Tensor]:
        torch.manual_seed(1)
        backbone = build("raster", corpus.structure, TINY)
        calls = itertools.count()

        def batches(generator: torch.Generator) -> Examples:
            if next(calls) == stop:
                raise KeyboardInterrupt
            return corpus.random(2, generator)

        try:
            train(backbone, lambda generator: backbone.loss_of(batches(generator)), budget, 3, checkpoint)
        except KeyboardInterrupt:
            return {}
        assert checkpoint is None or next(calls) < budget.steps
        return backbone.state_dict()

    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    trained(Checkpoint(tmp_path / "state.pt", "key"), stop=4)
    whole, resumed = trained(None), trained(Checkpoint(tmp_path / "state.pt", "key"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    # What another key or a damaged file holds is not gone on from.
    cpu = torch.device("cpu")
    assert Checkpoint(tmp_path / "state.pt", "other").read(cpu) is None
    (tmp_path / "state.pt").write_bytes((tmp_path / "state.pt").read_bytes()[:-100])
    assert Checkpoint(tmp_path / "state.pt", "key").read(cpu) is None


def test_the_rate_rises_and_falls_as_a_cosine():
    budget = Budget(steps=100, warmup=0.1, learning_rate=1.0, floor=0.2)
    rates = [budget.rate(step) for step in range(100)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert rates[10] == max(rates) == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.6)
    assert rates[99] == pytest.approx(0.2, abs=1e-3)


def test_a_loss_that_is_no_number_is_an_error():
    backbone = build("raster", Structure((4,), ((8,),)), TINY)
    with torch.no_grad():
        backbone.conditions.weight.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="training step 0"):
        train(backbone, lambda _: backbone.loss(Tokens(codes=(torch.zeros(1, 8, dtype=torch.int64),))), Budget(), 0)


def test_checkpoints_of_trainings_given_up_are_removed(tmp_path):
    files = [tmp_path / name for name in ("abandoned.pt", "young.pt", "other.rows")]
    for file, days in zip(files, (31, 29, 31), strict=True):
        file.touch()
        os.utime(file, (time.time() - days * 86400,) * 2)
    tokens = random_tokens(IMAGE, 2)
    backbone, checkpoint = build("raster", IMAGE, TINY), Checkpoint(tmp_path / "mine.pt", "key")
    train(backbone, lambda _: backbone.loss(tokens), Budget(steps=0), 0, checkpoint)
    assert [file.exists() for file in files] == [False, True, True]
