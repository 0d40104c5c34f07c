"""Implicit neural codebooks: their definition by brute force, by hand and by faiss, and what training gains."""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np
import pytest
import torch

from bench.quantizers import qinco
from bench.quantizers.base import build
from bench.quantizers.implicit import ImplicitCodebook, ImplicitCodebooks
from bench.quantizers.one_thread import one_thread
from bench.quantizers.qinco import ImplicitQuantizer, share

FAMILIES = ("qinco", "qinco2")


def vectors(n: int = 2000, dim: int = 8, seed: int = 0) -> torch.Tensor:
    """Decorrelated coefficients of falling variance, like those of a KLT."""
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)) * 2.0 ** -torch.arange(dim).float()


def fitted(family: str, bits: int = 6, levels: int = 2) -> ImplicitQuantizer:
    quantizer = build(family, bits, levels)
    assert isinstance(quantizer, ImplicitQuantizer)
    quantizer.fit(vectors(), seed=0)
    return quantizer


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """As tokenizers fit them: networks this small only wait for one another on several threads."""
    with one_thread():
        yield


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qinco, "MOST_STEPS", 0)


@pytest.fixture
def hardly_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qinco, "MOST_STEPS", 20)


def networks(levels: int, blocks: int = 2) -> ImplicitCodebooks:
    """Codebooks of eight codes for three dimensions, with weights that are drawn for all parts."""
    made = ImplicitCodebooks([torch.zeros(8, 3)] * levels, blocks, width=5, seed=0)
    generator = torch.Generator().manual_seed(1)
    for weights in made.parameters():
        weights.data = torch.randn(weights.shape, generator=generator) / 2
    return made


def codeword(level: ImplicitCodebook, code: int, decoded: torch.Tensor) -> torch.Tensor:
    """The codeword of one code for one vector decoded so far, by the paper: the two side by side, one linear map."""
    base = level.codewords[code]
    made = base + torch.cat([base, decoded]) @ torch.cat([level.of_codeword, level.of_decoded]) + level.bias
    for hidden, end in zip(level.hidden, level.ends, strict=True):
        made = made + (made @ hidden).clamp(min=0) @ end
    return made


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_training_starts_from_the_codes_of_rvq(levels: int) -> None:
    rvq, start, sample = build("rvq", 6, levels), fitted("qinco", 6, levels), vectors(300, seed=1)
    rvq.fit(vectors(), seed=0)
    codes = start.encode(sample)
    assert torch.equal(codes, rvq.encode(sample))
    assert torch.equal(start.decode(codes), rvq.decode(codes))


@torch.no_grad()
def test_two_levels_of_eight_codes_are_searched_as_they_are_defined() -> None:
    books, sample = networks(levels=2), torch.randn(50, 3, generator=torch.Generator().manual_seed(2))
    (level,) = books.levels
    assert isinstance(level, ImplicitCodebook)
    sums = torch.stack(
        [torch.stack([first + codeword(level, code, first) for code in range(8)]) for first in books.first]
    )
    for vector, greedy, widest in zip(sample, books.search(sample), books.search(sample, paths=8), strict=True):
        errors = (sums - vector).square().sum(2)
        first = int((books.first - vector).square().sum(1).argmin())
        assert greedy.tolist() == [first, int(errors[first].argmin())]
        assert widest.tolist() == list(divmod(int(errors.argmin()), 8))


@torch.no_grad()
def test_few_candidates_are_those_nearest_by_fixed_codewords() -> None:
    books, sample = networks(levels=2), torch.randn(50, 3, generator=torch.Generator().manual_seed(3))
    (level,) = books.levels
    assert isinstance(level, ImplicitCodebook)
    for vector, codes in zip(sample, books.search(sample, candidates=2), strict=True):
        first = books.first[codes[0]]
        tried = (vector - first - level.ranked).square().sum(1).topk(2, largest=False).indices.tolist()
        left = [float((first + codeword(level, code, first) - vector).square().sum()) for code in tried]
        assert int(codes[1]) == tried[left.index(min(left))]


def test_a_vector_is_decoded_by_hand() -> None:
    books = ImplicitCodebooks([torch.tensor([[1.0], [3.0]]), torch.tensor([[0.5], [-2.0]])], 1, 1, seed=0)
    (level,) = books.levels
    assert isinstance(level, ImplicitCodebook)
    with torch.no_grad():
        for weight, value in zip(
            (level.of_codeword, level.of_decoded, level.bias, level.hidden, level.ends),
            (0.25, -0.5, 1.0, 2.0, 3.0),
            strict=True,
        ):
            weight.fill_(value)
    *_, decoded = books.sums(torch.tensor([[0, 0], [1, 1]]))
    # 0.5 + 0.25·0.5 - 0.5·1 + 1 = 1.125, and 3·max(0, 2·1.125) more; -2 - 0.5 - 1.5 + 1 = -3, which leaves no unit on.
    assert decoded.tolist() == [[1 + 1.125 + 6.75], [3 - 3]]


@torch.no_grad()
def test_faiss_makes_the_same_codes_and_vectors_of_the_same_weights() -> None:
    books, sample = networks(levels=3), torch.randn(400, 3, generator=torch.Generator().manual_seed(4))
    other = faiss.QINCo(3, 8, 2, 3, 5)
    other.codebook0.from_array(books.first.numpy())
    for index, level in enumerate(books.levels):
        assert isinstance(level, ImplicitCodebook)
        step = other.get_step(index)
        step.codebook.from_array(level.codewords.numpy())
        both = torch.cat([level.of_codeword, level.of_decoded])
        step.MLPconcat.from_array(both.T.contiguous().numpy(), level.bias.numpy())
        for block in range(2):
            step.get_residual_block(block).linear1.from_array(level.hidden[block].T.contiguous().numpy())
            step.get_residual_block(block).linear2.from_array(level.ends[block].T.contiguous().numpy())
    codes = books.search(sample)
    theirs = other.encode(faiss.Tensor2D(sample.numpy()))
    assert np.array_equal(theirs.numpy(), codes.numpy())
    *_, decoded = books.sums(codes)
    torch.testing.assert_close(torch.from_numpy(other.decode(theirs).numpy()), decoded)


def test_a_level_learns_codewords_that_depend_on_the_level_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs of points, one eight times as wide as the other: two fixed codewords cannot serve both."""
    monkeypatch.setattr(qinco, "EPOCHS", 200)
    points = torch.tensor([[4.0, 2.0], [4.0, -2.0], [-4.0, 0.25], [-4.0, -0.25]]).repeat(50, 1)
    points = points + torch.randn(points.shape, generator=torch.Generator().manual_seed(0)) / 100
    lost = {}
    for family in ("rvq", "qinco"):
        quantizer = build(family, 2, 2)
        quantizer.fit(points, seed=0)
        lost[family] = float((quantizer.decode(quantizer.encode(points)) - points).square().sum(1).mean())
    assert lost["rvq"] > 0.5
    assert lost["qinco"] < lost["rvq"] / 10, lost


@pytest.mark.parametrize("family", FAMILIES)
def test_training_gains_and_its_result_is_the_same_every_time(family: str) -> None:
    rvq, quantizer, sample = build("rvq", 6, 2), fitted(family), vectors(200, seed=1)
    rvq.fit(vectors(), seed=0)
    greedy, trained = (
        float((made.decode(made.encode(vectors())) - vectors()).square().sum()) for made in (rvq, quantizer)
    )
    assert trained < 0.99 * greedy
    codes, twin = quantizer.encode(sample), fitted(family)
    assert codes.dtype == torch.int64
    assert torch.equal(codes, twin.encode(sample))
    assert torch.equal(quantizer.decode(codes), twin.decode(codes))
    assert torch.equal(codes, torch.cat([quantizer.encode(row[None]) for row in sample]))


@pytest.mark.usefixtures("hardly_trained")
@pytest.mark.parametrize("family", FAMILIES)
def test_more_bits_lose_less(family: str) -> None:
    sample = vectors(500, seed=3)
    lost = [
        float((quantizer.decode(quantizer.encode(sample)) - sample).square().sum(1).mean())
        for quantizer in (fitted(family, bits) for bits in (2, 4, 8))
    ]
    assert lost[0] > lost[1] > lost[2]


def test_training_that_makes_codes_worse_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qinco, "RATE", 1e3)
    monkeypatch.setattr(qinco, "MOST_STEPS", 3)
    rvq, quantizer, sample = build("rvq", 6, 2), fitted("qinco"), vectors(300, seed=1)
    rvq.fit(vectors(), seed=0)
    assert torch.equal(quantizer.encode(sample), rvq.encode(sample))


def test_the_learning_rate_rises_and_falls() -> None:
    shares = [share(step, 100) for step in range(100)]
    assert shares[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert shares[55] == pytest.approx(0.5)
    assert 0 < shares[99] < 0.001
