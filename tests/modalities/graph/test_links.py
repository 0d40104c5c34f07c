"""Link prediction: ranks and their summaries against pykeen's and by hand, scorers, and the model that is trained."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from graph_parts import RELATIONS, path_graph, small_graph, stated_scores

from bench.learning.probe import per_unit
from bench.learning.training import train
from bench.modalities.graph.links.model import SCORERS, LinkBudget, LinkModel, LinkSettings
from bench.modalities.graph.links.ranks import Filter, Ranking, queries_of, realistic_ranks
from bench.modalities.graph.links.totals import totals_of

GOLDEN = json.loads((Path(__file__).parent / "ranks_golden.json").read_text())


def summary(ranking: Ranking, nodes: int) -> dict[str, float]:
    """The values of one training."""
    totals = totals_of([ranking], np.arange(nodes))
    return {name: per_unit(total.values, total.amounts, np.arange(nodes)).value for name, total in totals.items()}


def _loss(model: LinkModel, queries: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return model.loss(queries)


def ranked(graph, scores: torch.Tensor) -> Ranking:
    """The ranking of a graph's test queries under these scores."""
    queries = queries_of(graph.test, len(graph.relations))
    answers = torch.from_numpy(queries[:, 2])
    return Ranking(queries[:, 2], *realistic_ranks(scores, answers, *Filter(graph).others(queries)))


def test_ranks_and_what_is_made_of_them_are_those_of_pykeen(tmp_path):
    graph = small_graph(tmp_path).graph
    ranking = ranked(graph, stated_scores(queries_of(graph.test, RELATIONS)))
    assert ranking.ranks.tolist() == GOLDEN["ranks"]
    assert ranking.candidates.tolist() == GOLDEN["candidates"]
    values = summary(ranking, len(graph.nodes))
    # pykeen takes means of reciprocal ranks in float32.
    assert values == pytest.approx({name: GOLDEN[name] for name in values}, abs=1e-7)


def test_a_constant_scorer_has_the_rank_of_chance(tmp_path):
    graph = small_graph(tmp_path).graph
    ranking = ranked(graph, torch.zeros(2 * len(graph.test), len(graph.nodes)))
    assert ranking.ranks == pytest.approx((ranking.candidates + 1) / 2)
    values = summary(ranking, len(graph.nodes))
    assert values["link_amri"] == pytest.approx(0, abs=1e-15)
    assert values["link_hits_at_1"] == 0


def test_values_by_hand():
    """Ranks 1, 2 and 4 of 4, 4 and 7 candidates; the first two ask for one node."""
    values = summary(Ranking(np.array([1, 1, 0]), np.array([1.0, 2.0, 4.0]), np.array([4, 4, 7])), 3)
    assert values["link_mrr"] == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert values["link_hits_at_1"] == pytest.approx(1 / 3)
    assert values["link_hits_at_3"] == pytest.approx(2 / 3)
    assert values["link_mean_rank"] == pytest.approx(7 / 3)
    # By chance 2.5, 2.5 and 4, so 3 in the mean.
    assert values["link_amri"] == pytest.approx(1 - (7 / 3 - 1) / (3 - 1))
    chance = (2 * (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4 + sum(1 / n for n in range(1, 8)) / 7) / 3
    assert values["link_adjusted_mrr"] == pytest.approx((7 / 12 - chance) / (1 - chance))


def test_other_answers_are_no_candidates(tmp_path):
    """n0 - ... - n5, n0 before n5 for validation and n1 before n5 in the test: n0 and n4 are known before n5, too."""
    graph = path_graph(tmp_path).graph
    queries = queries_of(graph.test, len(graph.relations))
    assert queries.tolist() == [[1, 0, 5], [5, 1, 1]]
    rows, nodes = Filter(graph).others(queries)
    assert list(zip(rows.tolist(), nodes.tolist(), strict=True)) == [(0, 2), (1, 0), (1, 4)]
    scores = torch.tensor([[0.0, 0, 9, 1, 1, 1], [9.0, 5, 6, 4, 9, 5]])
    ranks, candidates = realistic_ranks(scores, torch.tensor([5, 1]), rows, nodes)
    # The first: equal to two others at the top, ranks 1 to 3. The second: behind n2, equal to n5.
    assert (ranks.tolist(), candidates.tolist()) == ([2.0, 2.5], [5, 4])
    with pytest.raises(FloatingPointError, match="not a number"):
        realistic_ranks(scores * float("nan"), torch.tensor([5, 1]), rows, nodes)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_by_complex_numbers(name):
    given, relation, nodes = (torch.randn(n, 6, dtype=torch.float64) for n in (2, 2, 4))
    h, r, t = (torch.complex(*part.chunk(2, dim=1)) for part in (given, relation, nodes))
    expected = {
        "distmult": torch.einsum("qc,qc,nc->qn", given, relation, nodes),
        "complex": torch.einsum("qc,qc,nc->qn", h, r, t.conj()).real,
        "rotate": -((h * r / r.abs())[:, None] - t[None]).abs().square().sum(2).sqrt(),
    }[name]
    torch.testing.assert_close(SCORERS[name](given, relation, nodes), expected)


def test_a_model_learns_what_it_can_tell_apart(tmp_path, one_thread):
    """Nodes that share all tokens share all scores; those with tokens of their own are learned by heart."""
    graph = small_graph(tmp_path).graph
    settings = LinkSettings(code_width=16, hidden=32, width=16, dropout=0, budget=LinkBudget(steps=150, queries=94))
    queries = torch.from_numpy(queries_of(graph.train, RELATIONS))
    losses = {}
    for name, codes in (("own", torch.arange(12)), ("shared", torch.arange(12) // 2)):
        torch.manual_seed(0)
        model = LinkModel([12], [codes[:, None]], RELATIONS, settings)
        train(model, partial(_loss, model, queries), settings.budget, 0)
        with torch.no_grad():
            scores = model.scores(queries)
            losses[name] = torch.nn.functional.cross_entropy(scores, queries[:, 2]).item()
    assert torch.equal(scores[:, ::2], scores[:, 1::2])
    assert losses["own"] < 0.8 < losses["shared"]
