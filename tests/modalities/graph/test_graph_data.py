"""Graphs from files: what is read, what is held back, and what is rejected."""

from __future__ import annotations

import importlib.util

import pytest
from graph_parts import NODES, path_graph, small_graph, write_graph

from bench.datasets.base import Limited
from bench.errors import BenchError, Unavailable
from bench.modalities.graph.datasets.graph_folder import GraphFolder
from bench.modalities.graph.datasets.knowledge_graph import graph_of
from bench.modalities.graph.datasets.pykeen_graphs import PykeenGraph

SIZES = {
    "nations": (14, 55, 1592, 199, 201),
    "kinships": (104, 25, 8544, 1068, 1074),
    "umls": (135, 46, 5216, 652, 661),
}


def test_a_folder_is_read(tmp_path):
    dataset = small_graph(tmp_path)
    assert (len(dataset), dataset.id(3), dataset.load(3).signal.tolist()) == (NODES, "n03", [3])
    assert dataset.graph.relations == ("fifth", "next", "square", "step")
    assert len({tuple(row) for row in dataset.graph.train.tolist()}) == len(dataset.graph.train)


def test_what_is_learned_from_has_no_triple_that_is_held_back(tmp_path):
    dataset = small_graph(tmp_path)
    learned = Limited(dataset, 4).fit_split()
    assert len(learned) == NODES
    assert len(graph_of(learned).train) == len(dataset.graph.train)
    assert not len(graph_of(learned).test) and not len(graph_of(learned).valid)
    assert learned.fit_split() is None
    assert graph_of(Limited(dataset, 4)) is dataset.graph


def test_held_out_triples_of_what_training_lacks_are_counted(tmp_path):
    dataset = path_graph(tmp_path)
    assert dataset.graph.test.tolist() == [[1, 0, 5]]
    assert dataset.remarks == (
        "triples of valid and test left out, since no training triple has their nodes or relation: 1",
    )
    assert not dataset.fit_split().remarks


def test_held_out_triples_that_are_not_held_out_are_counted(tmp_path):
    """One of training, and one that is for validation, too; a line that is there twice is one triple."""
    path_graph(tmp_path)
    (tmp_path / "test.txt").write_text("n1\tbefore\tn5\n" * 2 + "n0\tbefore\tn1\nn0\tbefore\tn5\n")
    dataset = GraphFolder(data=str(tmp_path))
    assert dataset.graph.test.tolist() == [[1, 0, 5]]
    assert dataset.remarks == ("triples of valid and test left out, since they are in train, or in both: 2",)


def test_names_may_hold_what_only_some_programs_break_lines_at(tmp_path):
    path_graph(tmp_path)
    with (tmp_path / "train.txt").open("a", encoding="utf-8", newline="") as stream:
        stream.write("n0\tbefore\ta\u2028b\r\nc\x85d\tbefore\tn0\r\n")
    assert {"a\u2028b", "c\x85d"} < set(GraphFolder(data=str(tmp_path)).graph.nodes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train.txt": "a b c\n"}, "line 1: 'a b c' is not a triple"),
        ({"train.txt": "a\tr\tb\n\na\tr\t\n"}, "line 3"),
        ({"test.txt": None}, "no test file"),
        ({"test.tsv": "n01\tnext\tn02\n"}, "has test.txt and test.tsv; keep one"),
        ({"test.txt": "x\ty\tz\n"}, "test.txt: no triples to use .*no training triple has their nodes"),
        (
            {"test.txt": "n00\tnear\tn01\n"},
            "test.txt: no triples to use .*no training triple has their nodes or relation",
        ),
        ({"train.txt": ""}, "train.txt: no triples; give triples in each of the files"),
        ({"valid.txt": "\n"}, "valid.txt: no triples; give triples in each of the files"),
        ({"train.txt": "a\tr\ta\n", "valid.txt": "a\tr\ta\n"}, "valid.txt: no triples to use .*they are in train"),
        ({"train.txt": b"\xff\xfe\xfd"}, "UTF-8"),
    ],
)
def test_a_file_that_is_no_graph_is_named(tmp_path, change, message):
    write_graph(tmp_path)
    for name, text in change.items():
        if text is None:
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BenchError, match=message):
        GraphFolder(data=str(tmp_path))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    for data in (None, str(tmp_path / "nothing")):
        with pytest.raises(BenchError, match="--data PATH"):
            GraphFolder(data=data)


def test_without_pykeen_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="run: pip install --no-deps pykeen"):
        PykeenGraph(graph="nations")


@pytest.mark.skipif(importlib.util.find_spec("pykeen") is None, reason="needs pip install --no-deps pykeen")
@pytest.mark.parametrize("name", SIZES)
def test_the_graphs_of_pykeen_have_the_sizes_that_it_states(name):
    graph = PykeenGraph(graph=name).graph
    sizes = (len(graph.nodes), len(graph.relations), *(len(part) for part in (graph.train, graph.valid, graph.test)))
    assert (sizes, graph.unknown) == (SIZES[name], 0)
