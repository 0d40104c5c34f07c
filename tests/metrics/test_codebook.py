from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from tester import batch_of

from bench.contracts.stats import Estimate, assign_blocks, block_jackknife
from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.metrics import counts
from bench.metrics.codebook import CodebookUse

NAMES = list(CodebookUse.outputs)


def measured(codes: Sequence[torch.Tensor], sizes: Sequence[int], size: int = 4) -> dict[str, Estimate]:
    """Estimates for codes of all samples, ``[samples, *grid]`` a level, so many samples a batch."""
    metric = CodebookUse(codebooks=tuple(Codebook(each, "everything") for each in sizes))
    for first in range(0, len(codes[0]), size):
        part = tuple(code[first : first + size] for code in codes)
        image = torch.zeros(len(part[0]), 3, 8, 8)
        metric.update(batch_of(image, image, Tokens(codes=part), first))
    found: dict[str, Estimate] = metric.compute()
    return found


def values(estimates: dict[str, Estimate], suffix: str = "") -> list[float | None]:
    return [estimates[name + suffix].value for name in NAMES]


def random_codes(sizes: Sequence[int], samples: int = 60, grid: tuple[int, ...] = (3, 5)) -> list[torch.Tensor]:
    """Codes crowded at the lower end of each codebook."""
    generator = torch.Generator().manual_seed(0)
    shape = (samples, *grid)
    return [(torch.rand(shape, generator=generator, dtype=torch.float64) ** 3 * size).long() for size in sizes]


@pytest.mark.parametrize(
    ("codes", "size", "utilization", "bits"),
    [
        ([0, 0, 1, 1], 4, 0.5, 1.0),
        ([2, 2, 2, 2], 4, 0.25, 0.0),
        ([0, 1, 2, 3], 4, 1.0, 2.0),
        ([0, 0, 0, 1], 2, 1.0, 2 - 0.75 * math.log2(3)),
        ([0, 0, 0, 2**40], 2**41, 2**-40, 2 - 0.75 * math.log2(3)),
    ],
)
def test_by_hand(codes: list[int], size: int, utilization: float, bits: float) -> None:
    estimates = measured([torch.tensor(codes)[:, None]], [size])
    assert list(estimates) == NAMES
    assert values(estimates) == pytest.approx([utilization, 2**bits, bits])
    assert estimates["codebook_entropy"].note.startswith("4 tokens; fewer than 10 per codebook entry")


def test_levels_and_tuples_by_hand() -> None:
    estimates = measured([torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, 2, 2]])], [2, 4])
    assert values(estimates, "_level_0") == pytest.approx([1.0, 2.0, 1.0])
    assert values(estimates, "_level_1") == pytest.approx([0.75, 2**1.5, 1.5])
    assert values(estimates, "_joint") == pytest.approx([3 / 8, 2**1.5, 1.5])
    assert values(estimates) == pytest.approx([0.875, 2**1.25, 1.25])
    assert len(estimates) == 4 * len(NAMES)
    assert {CodebookUse.declared(name).unit == estimate.unit for name, estimate in estimates.items()} == {True}


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize(
    "sizes", [(7,), (4, 9), (1000,) * 3, (1024,) * 8, (2**31, 2**31, 2), (2**62, 5)], ids=lambda s: f"{len(s)}x{s[0]}"
)
def test_equals_a_count_of_the_tuples(sizes: tuple[int, ...], dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight levels of 1024 make 2^80 tuples, which one word does not hold."""
    if not dense:
        monkeypatch.setattr(counts, "DENSE_CELLS", 0)
        monkeypatch.setattr(counts, "PENDING_ROWS", 50)
    codes = random_codes(sizes)
    estimates = measured(codes, sizes)
    table = torch.stack(codes, -1).flatten(0, -2).numpy()
    tuples = np.unique(table, axis=0, return_counts=True)[1]
    bits = [entropy(np.unique(column, return_counts=True)[1], base=2) for column in table.T]
    assert estimates["codebook_entropy"].value == pytest.approx(np.mean(bits))
    joint = "_joint" if len(sizes) > 1 else ""
    assert values(estimates, joint) == pytest.approx(
        [len(tuples) / math.prod(sizes), math.exp(entropy(tuples)), entropy(tuples, base=2)], rel=1e-12
    )


def test_interval_is_the_jackknife_over_blocks_of_samples() -> None:
    sizes = (5, 300)
    codes = random_codes(sizes)
    blocks = assign_blocks(np.arange(len(codes[0])))
    whole = measured(codes, sizes)
    without = [measured([code[blocks != block] for code in codes], sizes) for block in range(blocks.max() + 1)]
    for name, estimate in whole.items():
        assert estimate.value is not None
        trusted = block_jackknife(estimate.value, np.bincount(blocks), lambda j, name=name: without[j][name].value)  # type: ignore[misc]
        assert estimate.stderr == pytest.approx(trusted.stderr, rel=1e-9)
        assert (estimate.n, estimate.method) == (trusted.n, trusted.method)


@pytest.mark.parametrize(("tokens_an_entry", "biased"), [(9, True), (10, False)])
def test_too_few_tokens_are_noted(tokens_an_entry: int, biased: bool) -> None:
    estimate = measured([torch.arange(8).repeat(tokens_an_entry)[:, None]], [8])["codebook_utilization"]
    assert estimate.note.startswith(f"{8 * tokens_an_entry} tokens")
    assert ("biased low" in estimate.note) == biased


def test_unequal_grids_have_levels_but_no_tuples() -> None:
    codes = [torch.tensor([[[0, 1], [2, 3]]]), torch.tensor([[[1]]])]
    estimates = measured(codes, [4, 4])
    assert values(estimates, "_level_0") == pytest.approx([1.0, 4.0, 2.0])
    assert values(estimates, "_level_1") == pytest.approx([0.25, 1.0, 0.0])
    assert {estimates[f"{name}_joint"].unavailable for name in NAMES} == {
        "the levels do not share one grid, so their codes form no tuples"
    }


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        (Tokens(latents=torch.zeros(1, 2, 2, 4)), "continuous tokens have no codebook"),
        (Tokens(payload=(b"\xff\xd8",)), "a codec's bytes have no codebook"),
        (None, "no samples"),
    ],
)
def test_without_codes_there_is_a_reason(tokens: Tokens | None, reason: str) -> None:
    metric = CodebookUse()
    if tokens:
        metric.update(batch_of(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), tokens))
    estimates = metric.compute()
    assert list(estimates) == NAMES
    assert {(e.value, e.unavailable) for e in estimates.values()} == {(None, reason)}


@pytest.mark.parametrize("code", [-1, 4])
def test_codes_outside_the_codebook_are_refused(code: int) -> None:
    with pytest.raises(TokenError, match="outside the codebook"):
        measured([torch.tensor([[code]])], [4])


@pytest.mark.parametrize("sizes", [(64,), (2**40,), (8, 8)])
def test_memory_follows_the_codes_and_not_the_samples(sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "PENDING_ROWS", 1000)
    metric = CodebookUse(codebooks=tuple(Codebook(size, "everything") for size in sizes))
    image = torch.zeros(50, 3, 8, 8)
    held = []
    for step in range(60):
        codes = tuple(code % 8 for code in random_codes(sizes, 50))
        metric.update(batch_of(image, image, Tokens(codes=codes), 50 * step))
        states = [value for name, value in metric.metric_state.items() if name.startswith("codes")]
        held.append(sum(piece.numel() for state in states for piece in state))
    assert max(held[30:]) <= max(held[:30])
