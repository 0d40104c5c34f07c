"""Remedies that move codewords or give them another form: worked out by hand, and equal to their authors' code."""

from __future__ import annotations

import math

import pytest
import torch
from cases import numbers
from remedies_reference import COUNT, DIM, DIMS, RATE, SIZE, STEPS, codewords, golden, vectors

from bench.errors import BenchError
from bench.quantizers.remedies.affine import Affine
from bench.quantizers.remedies.base import Remedy, remedy_of
from bench.quantizers.remedies.online_clustering import OnlineClustering
from bench.quantizers.remedies.random_restart import RandomRestart
from bench.quantizers.remedies.reset import NOISE, Reset
from bench.quantizers.trained.codebook import Codebook, Recipe

FROZEN = ("simvq", "vqgan-lc")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def close(left: torch.Tensor, right: torch.Tensor) -> None:
    torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-5)


def nearest(remedy: Remedy, given: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return remedy.logits(given, weight).argmax(1)


def moments(weight: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    return torch.stack([weight.mean(0), weight.var(0, correction=0), given.mean(0), given.var(0, correction=0)])


@pytest.mark.parametrize(("at_once", "pairs"), [(None, {3: 0, 4: 1, 2: 0}), (1, {3: 0})])
def test_the_rarest_codewords_go_beside_the_most_used(at_once, pairs):
    """Six uses, three, one and none: 0.2 of the most is 1.2, so that two of five codewords are in use."""
    remedy = Reset(5, 2, threshold=0.2, every=2, at_once=at_once)
    weight = torch.eye(5, 2) * 100 + torch.arange(5)[:, None] * 10
    before, given = weight.clone(), torch.tensor([[0.0, 0.0], [2.0, 4.0]])
    assert remedy.upkeep(weight, given, torch.tensor([0, 0, 0, 1, 1]), generator()) is None
    assert torch.equal(weight, before)
    moved = remedy.upkeep(weight, given, torch.tensor([0, 0, 0, 1, 2]), generator())
    assert moved is not None and sorted(moved.tolist()) == sorted(pairs)
    scale = NOISE * math.sqrt((1 + 4) / 2)
    for rare, used in pairs.items():
        assert 0 < float((weight[rare] - before[used]).norm()) < 6 * scale
    untouched = [index for index in range(5) if index not in pairs]
    assert torch.equal(weight[untouched], before[untouched])
    assert remedy.upkeep(weight, given, torch.tensor([0, 1, 2, 3, 4]), generator()) is None
    assert remedy.upkeep(weight, given, torch.tensor([0, 1, 2, 3, 4]), generator()) is None


def test_unused_codewords_begin_again_where_the_package_has_them_do_so():
    """Its threshold of one vector per step, of ``COUNT`` for ``SIZE`` codewords; which latents they get is random."""
    kept, even = golden(), COUNT / SIZE
    remedy, weight = RandomRestart(SIZE, DIM, threshold=1 / even), codewords()
    remedy.uses.copy_(kept["restart_before"] / even)
    codes = nearest(remedy, vectors(0), weight)
    assert torch.equal(codes, kept["restart_codes"])
    moved = remedy.upkeep(weight, vectors(0), codes, generator())
    assert moved is not None and moved.tolist() == kept["restart_moved"].nonzero()[:, 0].tolist()
    close(remedy.uses * even, kept["restart_after"])
    places = (weight[moved][:, None] == vectors(0)).all(2).nonzero()
    assert places[:, 0].tolist() == list(range(len(moved))) and len(places[:, 1].unique()) == len(moved)


def test_no_two_codewords_begin_again_at_one_latent():
    remedy, weight = RandomRestart(8, 1), torch.zeros(8, 1)
    given = torch.tensor([[1.0], [2.0], [3.0]])
    moved = remedy.upkeep(weight, given, torch.zeros(3, dtype=torch.int64), generator())
    assert moved is not None and len(moved) == 3 and 0 not in moved
    assert sorted(weight[moved][:, 0].tolist()) == [1, 2, 3]


def test_online_clustering_moves_codewords_as_its_authors_do():
    kept, remedy, weight = golden(), OnlineClustering(SIZE, DIM, anchor="closest"), codewords()
    for step in range(STEPS):
        codes = nearest(remedy, vectors(step), weight)
        assert torch.equal(codes, kept[f"online_codes_{step}"])
        remedy.upkeep(weight, vectors(step), codes, generator())
        close(weight, kept[f"online_codewords_{step}"])


def test_anchors_are_drawn_by_their_distance():
    """A codeword at 0 and latents at 1 and at 2: probabilities as exp(-1) to exp(-4)."""
    size = 4000
    remedy, weight = OnlineClustering(size, 1), torch.zeros(size, 1)
    given = torch.tensor([[1.0], [2.0]])
    moved = remedy.upkeep(weight, given, torch.zeros(2, dtype=torch.int64), generator())
    assert moved is not None and moved.tolist() == list(range(1, size))
    first = (weight[1:, 0] < 1.5).double().mean()
    expected = 1 / (1 + math.exp(-3))
    assert abs(float(first) - expected) < 4 * math.sqrt(expected * (1 - expected) / size)
    close(weight[1:].unique(), given[:, 0] * math.exp(-1e-3))
    at_random = OnlineClustering(size, 1, anchor="random")
    weight.zero_()
    at_random.upkeep(weight, given, torch.zeros(2, dtype=torch.int64), generator())
    assert abs(float((weight[1:, 0] < 1.5).double().mean()) - 0.5) < 4 * math.sqrt(0.25 / size)


def test_affine_codewords_are_those_of_their_authors():
    kept, learned, running = golden(), Affine(SIZE, DIM, rate=RATE), Affine(SIZE, DIM, statistics=True)
    with torch.no_grad():
        learned.scaling.copy_(numbers("scale", (DIM,)) / RATE)
        learned.shifting.copy_(numbers("bias", (DIM,)) / RATE)
    # The names of shapes (1, DIM) and (DIM,) give the same numbers.
    close(learned.codewords(codewords()).detach(), kept["affine_learned"])
    for step in range(STEPS):
        codes = torch.zeros(COUNT, dtype=torch.int64)
        if step == 0:  # the authors take the first statistics as they are
            running.moments.copy_(moments(codewords(), vectors(0)))
        else:
            running.upkeep(codewords() * (1 + step), vectors(step), codes, generator())
        close(running.codewords(codewords()), kept[f"affine_running_{step}"])


def test_affine_codewords_have_the_moments_of_the_vectors_at_first():
    remedy, weight = Affine(64, 3, statistics=True), torch.empty(64, 3)
    given = torch.randn(500, 3, generator=generator()) * torch.tensor([1.0, 5.0, 0.1]) + 7
    remedy.start(weight, given, generator())
    made = remedy.codewords(weight)
    close(made.mean(0), given.mean(0))
    close(made.std(0, correction=0), given.std(0, correction=0))


def test_an_affine_codebook_looks_up_what_the_package_does():
    kept, book = golden(), Codebook(SIZE, DIM, Recipe(remedy="affine@statistics=true"))
    with torch.no_grad():
        book.weight.copy_(codewords())
        assert isinstance(book.remedy, Affine)
        book.remedy.moments.copy_(moments(codewords(), vectors(0)))
    looked = book(vectors(0), generator())
    assert torch.equal(looked.codes, kept["package_affine_codes"])
    close(looked.vectors.detach(), kept["package_affine_out"])


@pytest.mark.parametrize("prefix", ["", "package_"])
def test_simvq_gives_the_codes_losses_and_gradients_of_others(prefix):
    kept, book = golden(), Codebook(SIZE, DIM, Recipe(remedy="simvq"))
    layer = book.remedy.layer
    assert isinstance(layer, torch.nn.Linear)
    with torch.no_grad():
        book.weight.copy_(codewords())
        layer.weight.copy_(numbers("matrix", (DIM, DIM)))
        layer.bias.copy_(torch.zeros(DIM) if prefix else numbers("bias", (DIM,)))
    given = vectors(0).requires_grad_()
    looked = book(given, generator())
    (looked.loss + looked.vectors.square().mean()).backward()
    assert torch.equal(looked.codes, kept[f"{prefix}simvq_codes"])
    close(looked.loss.detach(), kept[f"{prefix}simvq_loss"])
    assert given.grad is not None and layer.weight.grad is not None and layer.bias.grad is not None
    close(given.grad, kept["package_simvq_grad" if prefix else "simvq_vectors_grad"])
    close(layer.weight.grad, kept[f"{prefix}simvq_matrix_grad"])
    if not prefix:
        close(layer.bias.grad, kept["simvq_bias_grad"])


def test_codes_of_few_dimensions_are_those_of_cosine_similarity():
    """As vector-quantize-pytorch has them with ``use_cosine_sim`` and ``codebook_dim``."""
    kept = golden()
    book = Codebook(SIZE, DIM, Recipe(remedy=f"low-dim@dims={DIMS}", update="ema", commitment=1.0))
    into, back = book.remedy.into, book.remedy.back
    assert isinstance(into, torch.nn.Linear) and isinstance(back, torch.nn.Linear)
    with torch.no_grad():
        book.weight.copy_(codewords(DIMS))
        for layer, name in ((into, "project_in"), (back, "project_out")):
            layer.weight.copy_(numbers(name, layer.weight.shape))
            layer.bias.copy_(numbers(f"{name} bias", layer.bias.shape))
    given = vectors(0).requires_grad_()
    looked = book(given, generator())
    (looked.loss + looked.vectors.square().mean()).backward()
    assert torch.equal(looked.codes, kept["cosine_codes"])
    close(looked.vectors.detach(), kept["cosine_out"])
    close(looked.loss.detach(), kept["cosine_loss"])
    assert given.grad is not None and into.weight.grad is not None
    close(given.grad, kept["cosine_vectors_grad"])
    close(into.weight.grad, kept["cosine_into_grad"])
    close(book.codewords.norm(dim=1), torch.ones(SIZE))


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_codebook_gets_no_gradient_while_all_its_codewords_move(name):
    torch.manual_seed(0)
    book, given = Codebook(SIZE, DIM, Recipe(remedy=name)), vectors(0)
    book.start(given, generator())
    stored, before = book.weight.clone(), book.codewords.detach()
    looked = book(given[:1], generator())
    looked.loss.backward()
    assert book.weight.grad is None and not book.weight.requires_grad
    learned = [parameter for parameter in book.parameters() if parameter.requires_grad]
    torch.optim.SGD(learned, lr=0.1).step()
    book.upkeep(generator())
    assert torch.equal(book.weight, stored)
    assert bool((book.codewords != before).any(1).all())


def test_vqgan_lc_begins_with_the_means_of_kmeans():
    books = [Codebook(SIZE, DIM, Recipe(remedy=name)) for name in ("kmeans-start", "vqgan-lc")]
    for book in books:
        book.start(vectors(0), generator())
    assert torch.equal(*(book.weight for book in books))


def test_codewords_of_simvq_begin_random_with_the_variance_of_their_paper():
    book = Codebook(4096, 16, Recipe(remedy="simvq"))
    book.start(torch.zeros(1, 16), generator())
    assert float(book.weight.var()) == pytest.approx(1 / 16, rel=0.03)


@pytest.mark.parametrize("name", ["reset@every=1", "random-restart", "online-clustering"])
def test_moved_codewords_have_averages_that_begin_where_they_are(name):
    torch.manual_seed(0)
    book = Codebook(SIZE, DIM, Recipe(remedy=name, update="ema"))
    with torch.no_grad():
        book.weight.copy_(codewords())
    book.start(vectors(0), generator())
    book(vectors(0), generator())
    book.upkeep(generator())
    moved = (book.weight - codewords()).norm(dim=1) > 0.2
    assert bool(moved.any())
    close(book.sums[moved] / book.counts[moved, None], book.weight[moved])
    close(book.counts[moved], torch.ones(int(moved.sum())))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("reset@threshold=2", "threshold=2"),
        ("reset@every=0", "every"),
        ("reset@at_once=99", "at_once"),
        ("random-restart@threshold=1", "threshold=1"),
        ("online-clustering@anchor=near", "anchor=near"),
        ("affine@statistics=1", "statistics=1"),
        ("affine@rate=-1", "rate=-1"),
        ("low-dim@dims=99", "dims"),
    ],
)
def test_arguments_that_mean_nothing_are_named(text, named):
    with pytest.raises(BenchError, match=named):
        remedy_of(text, SIZE, DIM)


def test_few_dimensions_are_half_of_those_of_the_vectors():
    assert [remedy_of("low-dim", 4, dim).dim for dim in (1, 2, 5, 16)] == [1, 1, 3, 8]


def test_a_frozen_codebook_is_not_averaged():
    with pytest.raises(BenchError, match="update=ema"):
        Codebook(4, 2, Recipe(remedy="simvq", update="ema"))
