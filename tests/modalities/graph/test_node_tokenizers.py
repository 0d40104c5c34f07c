"""Every tokenizer of nodes keeps the contract, and NodePiece's tokens are those of a path by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from graph_parts import path_graph, small_graph

from bench import registry
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.modalities.graph import structure
from bench.modalities.graph.datasets.graph_folder import GraphFolder

NAMES = [name for name, entry in registry.entries("tokenizers").items() if entry.serves("graph")]


def fitted(text, dataset, seed=0):
    tokenizer = parse(text).build()
    tokenizer.fit(dataset.fit_split(), seed)
    return tokenizer


@pytest.mark.parametrize("name", NAMES)
def test_contract(name, tmp_path):
    """Codes fit the declared codebooks, follow from the seed, and do not depend on the batch."""
    dataset = small_graph(tmp_path)
    tokenizer, again = fitted(name, dataset), fitted(name, dataset)
    assert not tokenizer.decodes
    nodes = torch.arange(len(dataset))
    tokens = tokenizer.encode(nodes)
    assert tokens.kind == registry.get("tokenizers", name).tokens
    tokens.check(tokenizer.codebooks)
    tokens.require_some(tokenizer)
    for order in (nodes.flip(0), torch.tensor([5]), torch.tensor([5, 5, 2])):
        some = tokenizer.encode(order)
        assert all(torch.equal(code, whole[order]) for code, whole in zip(some.codes, tokens.codes, strict=True))
    assert all(map(torch.equal, again.encode(nodes).codes, tokens.codes))
    with pytest.raises(BenchError, match="encodes only"):
        tokenizer.decode(tokens)
    with pytest.raises(BenchError, match="call fit first"):
        parse(name).build().encode(nodes)


def test_a_path_by_hand(tmp_path):
    """Anchors n1 and n2 are those of the highest degree that come first; a last code of each level stands for none."""
    tokens = fitted("nodepiece@2,mix=degree,nearest=3", path_graph(tmp_path)).encode(torch.arange(6))
    anchors, distances, relations = (code.tolist() for code in tokens.codes)
    assert anchors == [[0, 1], [0, 1], [1, 0], [1, 0], [1, 0], [1, 0]]
    assert distances == [[1, 2], [0, 1], [0, 1], [1, 2], [2, 3], [3, 4]]
    assert relations == [[0, 2], *[[0, 1]] * 4, [1, 2]]


def test_what_an_anchor_does_not_reach_has_a_code(tmp_path):
    write = "a\tr\tb\nb\tr\tc\nd\ts\te\n"
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text(write if name == "train" else f"a\t{'r' if name == 'test' else 's'}\tc\n")
    tokenizer = fitted("nodepiece-anchors@2,mix=degree,nearest=2", GraphFolder(data=str(tmp_path)))
    anchors, distances = (code.tolist() for code in tokenizer.encode(torch.arange(5)).codes)
    # Of degree 2 is b, then a of degree 1, the first in order; d and e are in another part.
    assert anchors == [[1, 0], [0, 1], [0, 1], [2, 2], [2, 2]]
    assert distances == [[0, 1], [0, 1], [1, 2], [3, 3], [3, 3]]
    assert [book.size for book in tokenizer.codebooks] == [3, 4]


def test_random_parts_follow_from_the_seed(tmp_path):
    dataset = small_graph(tmp_path)
    nodes = torch.arange(len(dataset))
    for text in ("nodepiece@5,mix=random", "nodepiece-relations@1", "nodepiece-anchors@6,ties=random", "random-codes"):
        one, other = (fitted(text, dataset, seed).encode(nodes).codes for seed in (1, 2))
        assert not all(map(torch.equal, one, other)), text


def test_random_codes_of_a_node_are_distinct(tmp_path):
    (codes,) = fitted("random-codes@4,size=5", small_graph(tmp_path)).encode(torch.arange(12)).codes
    assert all(len(set(row)) == 4 for row in codes.tolist())


@pytest.mark.parametrize(
    "text",
    [
        "nodepiece@0",
        "nodepiece@2.5",
        "nodepiece@nan",
        "nodepiece@nearest=-1",
        "nodepiece@nearest=2.5",
        "nodepiece@relations=1.5",
        "nodepiece@relations=100000000",
        "random-codes@2.5",
        "random-codes@0",
        "random-codes@size=99999999999999",
        "nodepiece-anchors@nearest=0",
        "nodepiece@ties=last",
        "nodepiece@mix=betweenness",
        "random-codes@9,size=8",
    ],
)
def test_arguments_that_make_no_tokens_are_rejected(text):
    with pytest.raises(BenchError):
        parse(text).build()


def test_more_anchors_than_nodes_are_rejected(tmp_path):
    with pytest.raises(BenchError, match="the graph has 12 nodes"):
        fitted("nodepiece@13", small_graph(tmp_path))


def test_anchors_and_distances_are_those_of_the_authors(tmp_path):
    """Where their search by paths finds any: of the first anchor, which is 0 edges from itself, it finds none."""
    golden = json.loads((Path(__file__).parent / "nodepiece_golden.json").read_text())
    dataset = small_graph(tmp_path)
    chosen = structure.choose_anchors(
        dataset.graph, 6, structure.parsed_mix("degree+pagerank"), np.random.default_rng()
    )
    assert chosen.tolist() == golden["chosen"]
    tokens = fitted("nodepiece-anchors@6,nearest=4,mix=degree+pagerank", dataset).encode(torch.arange(12))
    anchors, distances = (code.tolist() for code in tokens.codes)
    compared = [node for node in range(12) if golden["anchors"][node][1] >= 0]
    assert len(compared) == 11
    assert [anchors[node] for node in compared] == [golden["anchors"][node] for node in compared]
    assert [distances[node] for node in compared] == [golden["distances"][node] for node in compared]
