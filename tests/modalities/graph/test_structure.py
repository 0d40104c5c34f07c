"""Anchors, distances and relations: by hand on a path, and against what users trust."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from graph_parts import path_graph, small_graph

from bench.errors import BenchError
from bench.modalities.graph import structure
from bench.modalities.graph.triples import KnowledgeGraph


def graph_of_pairs(pairs: list[tuple[str, str]]) -> KnowledgeGraph:
    return KnowledgeGraph.of([(head, "r", tail) for head, tail in pairs], [], [])


def test_a_path_by_hand(tmp_path):
    """n0 - n1 - n2 - n3 - n4 - n5, with n1 and n4 as anchors."""
    graph = path_graph(tmp_path).graph
    assert structure.degrees(graph).tolist() == [1, 2, 2, 2, 2, 1]
    found = structure.distances(graph, np.array([1, 4]))
    assert found.tolist() == [[1, 4], [0, 3], [1, 2], [2, 1], [3, 0], [4, 1]]
    chosen, away = structure.nearest_anchors(found, 1)
    assert chosen.ravel().tolist() == [0, 0, 0, 1, 1, 1]
    assert away.ravel().tolist() == [1, 0, 1, 1, 0, 1]
    # ``before`` is 0 and leads to the right; its inverse is 1 and leads to the left.
    assert [context.tolist() for context in structure.relations_at(graph)] == [[0], *[[0, 1]] * 4, [1]]


def test_equally_near_anchors_go_in_the_order_of_their_choice_or_in_any():
    star = graph_of_pairs([("hub", name) for name in "abcdefgh"])
    anchors = np.arange(6)  # leaves, all two edges apart
    found = structure.distances(star, anchors)
    assert structure.nearest_anchors(found, 3)[0][6:8].tolist() == [[0, 1, 2]] * 2
    drawn = structure.nearest_anchors(found, 3, np.random.default_rng(0))
    assert len(np.unique(drawn[0][6:8], axis=0)) == 2
    assert drawn[1][6:8].tolist() == [[2, 2, 2]] * 2
    assert drawn[0][:6, 0].tolist() == list(range(6)), "an anchor is its own nearest"


def test_what_no_anchor_reaches_is_marked():
    parts = graph_of_pairs([("a", "b"), ("c", "d")])
    chosen, away = structure.nearest_anchors(structure.distances(parts, np.array([1])), 2)
    assert chosen.tolist() == [[0], [0], [-1], [-1]]
    assert away[:, 0].tolist() == [1, 0, -1, -1]


def test_ranks_and_distances_are_those_of_networkx(tmp_path):
    graph = small_graph(tmp_path).graph
    walked = networkx.MultiDiGraph(graph.with_inverses[:, [0, 2]].tolist())
    expected = networkx.pagerank(walked, alpha=structure.DAMPING, tol=1e-14, max_iter=5000)
    assert structure.pagerank(graph) == pytest.approx([expected[node] for node in range(12)], abs=1e-12)
    assert structure.degrees(graph).tolist() == [walked.degree(node) // 2 for node in range(12)]
    paths = dict(networkx.all_pairs_shortest_path_length(walked))
    expected = [[paths[node][anchor] for anchor in range(12)] for node in range(12)]
    assert structure.distances(graph, np.arange(12)).tolist() == expected


def test_anchors_are_chosen_by_each_strategy_in_turn(tmp_path):
    graph = small_graph(tmp_path).graph
    mix = structure.parsed_mix("degree:40+pagerank:40+random:20")
    assert mix == pytest.approx({"degree": 0.4, "pagerank": 0.4, "random": 0.2})
    one, again = (structure.choose_anchors(graph, 10, mix, np.random.default_rng(seed)) for seed in (3, 3))
    assert one.tolist() == again.tolist()
    assert len(set(one.tolist())) == 10
    by_degree = np.argsort(-structure.degrees(graph), kind="stable")
    assert one[:4].tolist() == by_degree[:4].tolist()
    rest = [node for node in np.argsort(-np.round(structure.pagerank(graph), 10), kind="stable") if node not in one[:4]]
    assert one[4:8].tolist() == rest[:4]
    assert sorted(structure.choose_anchors(graph, 12, mix, np.random.default_rng(0)).tolist()) == list(range(12))


@pytest.mark.parametrize("mix", ["betweenness", "degree+degree", "degree:0+random:1", "degree:x", ""])
def test_a_strategy_that_does_not_exist_is_named(mix):
    with pytest.raises(BenchError, match="degree, pagerank or random"):
        structure.parsed_mix(mix)
