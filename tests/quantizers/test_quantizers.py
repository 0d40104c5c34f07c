"""Each quantizer family against its definition, worked out by brute force or by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from bench.errors import BenchError, UnknownName
from bench.quantizers.base import build
from bench.quantizers.composite import CompositeQuantizer
from bench.quantizers.decorrelation import klt
from bench.quantizers.fsq import FiniteScalarQuantizer, levels_of
from bench.quantizers.lfq import LookupFreeQuantizer
from bench.quantizers.progressive import _extended
from bench.quantizers.refined import refined
from bench.quantizers.transformed import TransformedResidualQuantizer, turned
from bench.quantizers.variance import allotted
from bench.quantizers.vector import drawn, recentered

FAMILIES = (
    "vq",
    "rvq",
    "rvq-beam",
    "ervq",
    "irvq",
    "sq",
    "prvq",
    "grvq",
    "trq",
    "pq",
    "rvpq",
    "opq",
    "aq",
    "apq",
    "ockm",
    "cq",
    "vaq",
    "fsq",
    "lfq",
    "bsq",
)


def vectors(n: int = 4000, dim: int = 8, seed: int = 0) -> torch.Tensor:
    """Decorrelated coefficients of falling variance, like those of a KLT."""
    scale = 2.0 ** -torch.arange(dim).float()
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)) * scale


def fitted(family: str, bits: int = 6, levels: int = 2):
    quantizer = build(family, bits, levels)
    quantizer.fit(vectors(), seed=0)
    return quantizer


@pytest.mark.parametrize("family", FAMILIES)
def test_codes_fit_the_codebooks_and_spend_the_bits(family):
    quantizer = fitted(family)
    codes = quantizer.encode(vectors(500, seed=1))
    assert codes.dtype == torch.int64
    assert codes.shape == (500, len(quantizer.sizes))
    assert sum(math.log2(size) for size in quantizer.sizes) == 6
    for level, size in enumerate(quantizer.sizes):
        assert 0 <= int(codes[:, level].min()) <= int(codes[:, level].max()) < size


@pytest.mark.parametrize("family", FAMILIES)
def test_a_vector_is_coded_alike_in_any_company_and_every_time(family):
    sample = vectors(200, seed=2)
    quantizer, twin = fitted(family), fitted(family)
    codes = quantizer.encode(sample)
    assert torch.equal(codes, quantizer.encode(sample))
    assert torch.equal(codes, twin.encode(sample))
    if family != "aq":  # local search draws its perturbations in turn: the sample is its unit
        assert torch.equal(codes, torch.cat([quantizer.encode(row[None]) for row in sample]))


@pytest.mark.parametrize("family", FAMILIES)
def test_more_bits_lose_less(family):
    sample = vectors(1000, seed=3)
    errors = []
    for bits in (2, 4, 8):
        quantizer = fitted(family, bits)
        errors.append(float(((quantizer.decode(quantizer.encode(sample)) - sample) ** 2).sum(1).mean()))
    assert float((sample**2).sum(1).mean()) > errors[0] > errors[1] > errors[2]


def nearest(rows: torch.Tensor, book: torch.Tensor) -> torch.Tensor:
    return ((rows[:, None] - book[None]) ** 2).sum(2).argmin(1)


def test_vq_takes_the_nearest_codeword():
    quantizer, sample = fitted("vq"), vectors(300, seed=4)
    assert torch.equal(quantizer.encode(sample)[:, 0], nearest(sample, quantizer.codewords))


@pytest.mark.parametrize("family", ["rvq", "sq", "prvq"])
def test_a_level_quantizes_what_the_stage_before_left(family):
    quantizer, rest = fitted(family), vectors(300, seed=5)
    for level, code in enumerate(quantizer.encode(rest).T):
        best = nearest(rest, quantizer.codewords[level])
        assert torch.equal(code, best)
        rest = rest - quantizer.codewords[level][best]


def errors(quantizer, sample: torch.Tensor) -> torch.Tensor:
    return ((quantizer.decode(quantizer.encode(sample)) - sample) ** 2).sum(1)


def best_errors(books: list[torch.Tensor], sample: torch.Tensor) -> torch.Tensor:
    """Squared error of each vector under the best of all pairs of codewords."""
    first, second = books
    sums = (first[:, None] + second[None]).flatten(0, 1)
    return ((sums[nearest(sample, sums)] - sample) ** 2).sum(1)


@pytest.mark.parametrize("family", ["rvq-beam", "irvq", "grvq"])
def test_beam_search_finds_the_best_of_all_pairs_of_small_codebooks(family):
    quantizer, sample = fitted(family), vectors(500, seed=5)
    torch.testing.assert_close(errors(quantizer, sample), best_errors(quantizer.codewords, sample))


def test_beam_search_codes_no_vector_worse_than_the_greedy_search():
    greedy, beam, sample = fitted("rvq", bits=12), fitted("rvq-beam", bits=12), vectors(500, seed=5)
    assert all(torch.equal(one, other) for one, other in zip(greedy.codewords, beam.codewords, strict=True))
    assert (errors(beam, sample) <= errors(greedy, sample) + 1e-6).all()
    assert errors(beam, sample).mean() < 0.97 * errors(greedy, sample).mean()


def test_pq_quantizes_each_part_by_itself():
    quantizer, sample = fitted("pq"), vectors(300, seed=6)
    assert sorted(quantizer.order.tolist()) == list(range(8))
    parts = sample[:, quantizer.order].split(4, dim=1)
    for code, part, book in zip(quantizer.encode(sample).T, parts, quantizer.codewords, strict=True):
        assert torch.equal(code, nearest(part, book))


@pytest.mark.parametrize("family", ["rvpq", "apq", "ockm"])
def test_the_best_of_all_pairs_is_found_in_each_part(family):
    quantizer, sample = fitted(family, bits=12), vectors(300, seed=6)
    assert quantizer.sizes == (8, 8, 8, 8)
    parts = (sample.double() @ quantizer.rotation.double()).float().split(4, dim=1)
    best = [best_errors(own.codewords, part) for own, part in zip(quantizer.quantizers, parts, strict=True)]
    torch.testing.assert_close(errors(quantizer, sample), sum(best))


@pytest.mark.parametrize("levels", [2, 3])
def test_refined_codebooks_are_the_least_squares_of_all_levels(levels):
    """Against the pseudoinverse; a codeword without vectors stays, which the pseudoinverse would move."""
    sample = vectors(400)
    codes = torch.randint(7, (400, levels), generator=torch.Generator().manual_seed(1))
    books = [vectors(8, seed=20 + level) for level in range(levels)]
    new = refined(books, codes, sample)
    design = torch.cat([F.one_hot(level, 8) for level in codes.T], 1).double()
    expected = design @ (torch.linalg.pinv(design) @ sample.double())
    sums = torch.stack([book[code] for book, code in zip(new, codes.T, strict=True)]).sum(0)
    torch.testing.assert_close(sums.double(), expected, atol=1e-3, rtol=0)
    assert all(torch.equal(book[7], old[7]) for book, old in zip(new, books, strict=True))


def test_refining_is_encoded_as_well_as_all_pairs_can_be_and_loses_less():
    beam, ervq, sample = fitted("rvq-beam"), fitted("ervq"), vectors(4000)
    assert errors(ervq, sample).mean() < 0.98 * errors(beam, sample).mean()
    torch.testing.assert_close(errors(ervq, sample), best_errors(ervq.codewords, sample))


@pytest.mark.parametrize(("family", "start"), [("sq", "rvq"), ("grvq", "irvq")])
def test_codebooks_learned_again_lose_less_in_the_end(family, start):
    before, after, sample = fitted(start), fitted(family), vectors()
    assert all(later <= earlier for earlier, later in itertools.pairwise(after.losses))
    assert after.losses[0] == pytest.approx(float(errors(before, drawn(sample, 8, 0)).mean()), rel=1e-4)
    assert errors(after, sample).mean() < 0.99 * errors(before, sample).mean()


def test_recentered_codewords_are_the_means_of_what_the_others_leave():
    sample, book = vectors(400), vectors(8, seed=2)
    codes = torch.randint(7, (400,), generator=torch.Generator().manual_seed(1))
    new = recentered(book, codes, sample - book[codes])
    means = torch.stack([sample[codes == code].mean(0) for code in range(7)])
    torch.testing.assert_close(new, torch.cat([means, book[7:]]))


def test_prvq_codes_half_of_the_principal_components_of_each_residual():
    quantizer, rest = fitted("prvq"), vectors()
    for book in quantizer.codewords:
        _, basis = klt(rest)
        assert (((book - rest.mean(0)) @ basis)[:, 4:].abs() < 1e-5).all()
        rest = rest - book[nearest(rest, book)]
    assert torch.linalg.matrix_rank(quantizer.codewords[0] - quantizer.codewords[0].mean(0)) == 4


def test_codewords_grow_from_fewer_dimensions_to_more():
    """In one dimension it is k-means; with more, the new ones start as means of the vectors of a codeword."""
    sample = vectors(500)
    book = _extended(torch.tensor([[-1.0], [1.0], [99.0]]), sample[:, :3].contiguous())
    signs = [(sample[:, 0] < 0), (sample[:, 0] >= 0)]
    expected = torch.stack([sample[sign, 1:3].mean(0) for sign in signs])
    torch.testing.assert_close(
        book, torch.tensor([[-1.0, 0, 0], [1, 0, 0], [99, 0, 0]]) + F.pad(expected, (1, 0, 0, 1))
    )


def test_trq_codes_the_rotated_residual_and_turns_it_back():
    quantizer, sample = fitted("trq"), vectors(300, seed=5)
    codes, decoded = quantizer.encode(sample), quantizer.decode(quantizer.encode(sample))
    first, second = (book.codewords for book in quantizer.books)
    torch.testing.assert_close(
        quantizer.rotations[0] @ quantizer.rotations[0].transpose(1, 2), torch.eye(8).repeat(8, 1, 1), atol=1e-5, rtol=0
    )
    for vector, (one, other), back in zip(sample, codes.tolist(), decoded, strict=True):
        assert one == int(nearest(vector[None], first))
        rotated = (vector - first[one])[None] @ quantizer.rotations[0][one]
        assert other == int(nearest(rotated, second))
        torch.testing.assert_close(back, first[one] + quantizer.rotations[0][one] @ second[other])


def test_trq_learns_downhill_and_finds_the_rotations_that_clusters_have():
    (losses,) = fitted("trq").losses
    assert all(after <= before * (1 + 1e-6) for before, after in itertools.pairwise(losses))
    turns = torch.linalg.qr(torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(3)))[0]
    clusters = torch.arange(4000) % 4
    sample, unturned = (vectors()[:, None] @ turns[clusters])[:, 0], build("vq", 3, 1)
    book, rotations = TransformedResidualQuantizer((2, 3))._aligned(sample, clusters, 4, 8, seed=0)
    unturned.fit(sample, seed=0)
    lost = errors(book, turned(sample, clusters, rotations)).mean()
    assert lost < 0.6 * errors(unturned, sample).mean()
    torch.testing.assert_close(lost, errors(fitted("vq", bits=3), vectors()).mean(), rtol=0.05, atol=0)


@pytest.mark.parametrize(("bits", "sizes"), [(2, (2, 2)), (6, (4, 2, 4, 2)), (10, (8, 4, 8, 4))])
def test_the_codebooks_of_a_part_share_its_bits(bits, sizes):
    assert build("rvpq", bits, 2).sizes == sizes


def test_opq_quantizes_each_part_of_the_rotated_vector():
    quantizer, sample = fitted("opq"), vectors(300, seed=6)
    torch.testing.assert_close(quantizer.rotation @ quantizer.rotation.T, torch.eye(8), atol=1e-5, rtol=0)
    parts = (sample.double() @ quantizer.rotation.double()).float().split(4, dim=1)
    for code, part, own in zip(quantizer.encode(sample).T, parts, quantizer.quantizers, strict=True):
        assert torch.equal(code, nearest(part, own.codewords))


def test_opq_finds_the_rotation_that_pq_lacks():
    turn, _ = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)))
    sample, lost = vectors() @ turn, {}
    for family in ("pq", "opq"):
        quantizer = build(family, 6, 2)
        quantizer.fit(sample, seed=0)
        lost[family] = float(errors(quantizer, sample).mean())
    assert lost["opq"] < 0.8 * lost["pq"], lost


def test_ockm_learns_downhill_from_apq():
    apq, ockm, sample = fitted("apq", bits=12), fitted("ockm", bits=12), vectors()
    assert ockm.losses[0] == pytest.approx(float(errors(apq, drawn(sample, 8, 0)).mean()), rel=1e-4)
    assert all(after <= before for before, after in itertools.pairwise(ockm.losses))
    torch.testing.assert_close(ockm.rotation @ ockm.rotation.T, torch.eye(8), atol=1e-5, rtol=0)
    assert errors(ockm, sample).mean() < 0.97 * errors(apq, sample).mean()


def test_vaq_allots_bits_as_reverse_water_filling_does():
    # A water level of 1 leaves log2(σ²)/2 bits to each coefficient above it, whole numbers here.
    assert allotted([4.0**3, 4.0**2, 4.0, 1.0, 0.2], 6) == [3, 2, 1, 0, 0]
    variances = [9.0, 5.0, 1.3, 0.4]
    lost = {
        given: sum(variance / 4**bits for variance, bits in zip(variances, given, strict=True))
        for given in itertools.product(range(8), repeat=4)
        if sum(given) == 7
    }
    assert tuple(allotted(variances, 7)) == min(lost, key=lambda given: lost[given])


@pytest.mark.parametrize("bits", [6, 12, 20])
def test_vaq_is_within_a_bit_of_reverse_water_filling(bits):
    """A coefficient above the water level θ earns log2(σ²/θ)/2 bits (Cover & Thomas 2006, §10.3.3)."""
    quantizer, variances = fitted("vaq", bits), vectors().double().var(0)
    low, high = 0.0, float(variances.max())
    for _ in range(60):
        level = (low + high) / 2
        earned = (variances / level).log2().clamp(min=0) / 2
        low, high = (low, level) if earned.sum() < bits else (level, high)
    assert earned.sum() == pytest.approx(bits)
    assert (torch.tensor(quantizer.allotted) - earned).abs().max() < 1


def test_vaq_codes_each_coefficient_by_its_nearest_value():
    quantizer, sample = fitted("vaq", bits=8), vectors(300, seed=6)
    decoded = quantizer.decode(quantizer.encode(sample))
    assert quantizer.allotted == allotted(vectors().double().var(0).tolist(), 8)
    for index, own in quantizer.quantizers.items():
        column = sample[:, index : index + 1]
        assert torch.equal(decoded[:, index : index + 1], own.codewords[nearest(column, own.codewords)])
    unspent = [index for index, bits in enumerate(quantizer.allotted) if not bits]
    assert unspent and not decoded[:, unspent].any()


def test_aq_is_a_sum_chosen_jointly():
    quantizer, sample = fitted("aq", bits=4), vectors(300, seed=7)
    first, second = quantizer.codewords
    sums = (first[:, None] + second[None]).flatten(0, 1)
    got = ((quantizer.decode(quantizer.encode(sample)) - sample) ** 2).sum(1)
    best = ((sums[nearest(sample, sums)] - sample) ** 2).sum(1)
    assert float((got - best).mean()) < 0.02 * float(best.mean())


def test_cq_finds_the_best_of_all_pairs_under_its_objective():
    quantizer, sample = fitted("cq"), vectors(300, seed=6)
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8)).repeat(300, 1)
    every = quantizer.objective(sample.repeat_interleave(64, 0), pairs).view(300, 64)
    torch.testing.assert_close(quantizer.objective(sample, quantizer.encode(sample)), every.min(1).values)


def test_cq_learns_downhill_from_opq_and_keeps_the_inner_products_constant():
    quantizer, sample = fitted("cq"), vectors()
    assert all(after <= before for before, after in itertools.pairwise(quantizer.losses))
    assert errors(quantizer, sample).mean() <= errors(fitted("opq"), sample).mean()
    scale = sample.square().sum(1).mean()
    products = 2 * (quantizer.codewords[0] @ quantizer.codewords[1].T)
    codes = quantizer.encode(sample)
    torch.testing.assert_close(quantizer.products(codes), products[codes[:, 0], codes[:, 1]])
    loose = torch.stack([book[code] for book, code in zip(fitted("ervq").codewords, codes.T, strict=True)])
    assert quantizer.products(codes).std() < 0.01 * scale < 0.1 * (2 * loose.prod(0).sum(1)).std()


def test_cq_codewords_are_best_given_all_else():
    """Against automatic differentiation: nothing is left to gain in any direction."""
    quantizer, sample = CompositeQuantizer(9, 3), vectors(400, dim=9)
    quantizer.fit(sample, seed=0)
    codes = torch.randint(8, (400, 3), generator=torch.Generator().manual_seed(1))
    book = quantizer._updated(1, sample.double(), codes).requires_grad_()
    quantizer.codewords[1] = book
    (slope,) = torch.autograd.grad(quantizer.objective(sample, codes).sum(), book)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-6, rtol=0)


def test_fsq_rounds_the_bounded_coefficient():
    quantizer = FiniteScalarQuantizer((5, 4))
    quantizer.fit(vectors(), seed=0)
    quantizer.scale = torch.ones(2)
    sample = torch.tensor([[0.0, 0.0], [9.0, 9.0], [-9.0, -9.0], [0.4, -0.4]])
    # Odd: round(2·tanh z) + 2. Even: the interval is shifted, round(1.5·tanh(z + atanh(1/3)) - 0.5) + 2.
    odd = [2, 4, 0, 2 + round(2 * math.tanh(0.4))]
    even = [2, 3, 0, 2 + round(1.5 * math.tanh(-0.4 + math.atanh(1 / 3)) - 0.5)]
    assert quantizer.digits(sample).tolist() == [list(pair) for pair in zip(odd, even, strict=True)]
    assert quantizer.encode(sample)[:, 0].tolist() == [a + 5 * b for a, b in zip(odd, even, strict=True)]
    used = quantizer.digits(torch.linspace(-9, 9, 10_000)[:, None].expand(-1, 2))
    assert [used[:, i].unique().numel() for i in range(2)] == [5, 4]


@pytest.mark.parametrize("bits", [1, 2, 3, 7, 12])
def test_fsq_levels_spend_exactly_the_bits(bits):
    assert math.prod(levels_of(bits)) == 2**bits


def test_lfq_index_counts_the_positive_signs():
    quantizer = LookupFreeQuantizer(3)
    quantizer.fit(vectors(), seed=0)
    sample = torch.tensor([[1.0, -1, 1, 9], [-1, 1, -1, 9], [0, 0, 0, 9]])
    assert quantizer.encode(sample)[:, 0].tolist() == [1 + 4, 2, 0]  # zero counts as -1 (eq. 18)
    back = quantizer.decode(torch.tensor([[5]]))[0]
    assert (back[:3] > 0).tolist() == [True, False, True]
    assert back[3] == 0


def test_bsq_codewords_lie_on_the_unit_sphere():
    quantizer, sample = fitted("bsq"), vectors(300, seed=8)
    codes = quantizer.encode(sample)
    projected = sample @ quantizer.linear.T
    unit = projected / projected.norm(dim=1, keepdim=True)
    corners = quantizer.corners(codes)
    assert torch.allclose(corners.norm(dim=1), torch.ones(300))
    assert torch.equal(corners > 0, unit > 0)
    assert codes[:, 0].tolist() == [sum(2**i for i, v in enumerate(row) if v > 0) for row in projected.tolist()]


@pytest.mark.parametrize("family", ["irvq", "grvq", "prvq", "trq"])
def test_vectors_of_one_coefficient_have_principal_axes_too(family):
    quantizer, sample = build(family, 4, 2), vectors(300, 1)
    quantizer.fit(sample, 0)
    assert errors(quantizer, sample).mean() < 0.1 * sample.square().mean()


def test_wrong_settings_are_named():
    with pytest.raises(UnknownName, match="did you mean rvq"):
        build("rrvq", 6, 2)
    with pytest.raises(BenchError, match="7 bits per token do not divide into 2"):
        build("rvq", 7, 2)


@pytest.mark.parametrize(
    ("family", "most"),
    [
        *[("vq", 20), ("rvq", 20), ("pq", 20), ("opq", 20), ("rvpq", 24), ("apq", 20), ("ockm", 20), ("aq", 12)],
        *[("rvq-beam", 12), ("irvq", 12), ("grvq", 12), ("sq", 12), ("prvq", 12), ("ervq", 10), ("trq", 10)],
        *[("cq", 8), ("qinco", 8), ("qinco2", 8), ("vaq", 62), ("fsq", 62), ("lfq", 62), ("bsq", 62)],
    ],
)
def test_more_bits_than_a_codebook_may_have_are_rejected(family, most):
    assert sum(math.log2(size) for size in build(family, most, 1).sizes) == most
    with pytest.raises(BenchError, match=f"from 1 to {most}, not {most + 1}"):
        build(family, most + 1, 1)


@pytest.mark.parametrize("family", ["vq", "rvq", "rvq-beam", "ervq", "pq", "opq", "aq"])
def test_fewer_vectors_than_codewords_are_told(family):
    with pytest.raises(BenchError, match="7 vectors to learn 8 codewords from"):
        build(family, 3 if family == "vq" else 6, 2).fit(vectors(7), seed=0)


@pytest.mark.parametrize("family", ["opq", "apq", "ockm"])
def test_fewer_vectors_than_dimensions_are_told(family):
    with pytest.raises(BenchError, match="20 vectors to learn a rotation of 32 coefficients from"):
        build(family, 6, 2).fit(vectors(20, dim=32), seed=0)


@pytest.mark.parametrize("family", ["fsq", "lfq", "bsq"])
def test_the_longest_codes_are_decoded_to_the_coefficients_they_are_of(family):
    quantizer, sample = build(family, 62, 1), vectors(200, dim=64)
    quantizer.fit(sample, seed=0)
    codes = quantizer.encode(sample)
    assert codes.min() >= 0
    assert torch.equal(quantizer.encode(quantizer.decode(codes)), codes) or family == "bsq"
