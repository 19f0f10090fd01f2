"""The hierarchy against brute force: counts, levels, parents and children, and what is exported."""

import itertools
import json

import networkx as nx
import numpy as np
import pytest
from vocabularies import ROOMS

from symbols import (
    Attribute,
    Concept,
    Vocabulary,
    children,
    concepts_at,
    counts,
    hierarchy,
    parents,
    to_node_link,
)

SMALL = Vocabulary(
    (
        Attribute("wall", ("red", "blue", "green")),
        Attribute("shape", ("hat", "lolly")),
        Attribute("size", ("big", "small")),
        Attribute("shiny", binary=True),
    )
)


def every_concept(vocabulary: Vocabulary) -> list[Concept]:
    choices = [[None, *((a.name, value) for value in a.values)] for a in vocabulary.attributes]
    return [Concept([item for item in row if item]) for row in itertools.product(*choices)]


def test_counts_of_rooms_are_those_of_the_paper() -> None:
    assert counts(ROOMS) == (51, 912, 6400, 12288)
    assert sum(counts(ROOMS)) == 17**3 * 4 - 1 == 19651


def test_counts_agree_with_enumeration() -> None:
    levels = [concept.level for concept in every_concept(SMALL)]
    assert counts(SMALL) == tuple(levels.count(level) for level in (1, 2, 3, 4))


def test_counts_of_forty_binary_attributes_are_binomial_coefficients() -> None:
    faces = Vocabulary(tuple(Attribute(f"attribute {i}", binary=True) for i in range(40)))
    assert sum(counts(faces)) == 2**40 - 1
    assert counts(faces)[19] == 137846528820


@pytest.mark.parametrize("level", [0, 1, 2, 3, 4, 5])
def test_levels_list_each_concept_once(level: int) -> None:
    listed = list(concepts_at(SMALL, level))
    assert len(listed) == len(set(listed))
    assert set(listed) == {concept for concept in every_concept(SMALL) if concept.level == level}


def test_children_and_parents_differ_by_one_attribute() -> None:
    everything = every_concept(SMALL)
    for concept in everything:
        below = [c for c in everything if concept.is_superordinate_to(c) and c.level == concept.level + 1]
        above = [c for c in everything if concept.is_subordinate_to(c) and c.level == concept.level - 1]
        for found, expected in ((children(SMALL, concept), below), (parents(SMALL, concept), above)):
            listed = list(found)
            assert len(listed) == len(expected)
            assert set(listed) == set(expected)


def test_children_are_lazy() -> None:
    faces = Vocabulary(tuple(Attribute(f"attribute {i}", binary=True) for i in range(40)))
    deep = next(iter(concepts_at(faces, 20)))
    assert len(list(children(faces, deep))) == len(list(parents(faces, deep))) == 20


def test_the_whole_hierarchy_has_the_edges_of_its_definition() -> None:
    everything = every_concept(SMALL)
    graph = hierarchy(everything)
    assert set(graph) == set(everything)
    assert set(graph.edges) == {
        (a, b) for a in everything for b in everything if a.is_superordinate_to(b) and b.level == a.level + 1
    }
    assert dict(graph.nodes(data="level")) == {concept: concept.level for concept in everything}


@pytest.mark.parametrize("seed", range(20))
def test_any_concepts_give_the_transitive_reduction_under_the_root(seed: int) -> None:
    rng = np.random.default_rng(seed)
    everything = every_concept(SMALL)
    given = [everything[i] for i in rng.permutation(len(everything))[: rng.integers(1, 30)]]
    graph = hierarchy(given)
    full = nx.DiGraph((a, b) for a in {*given, Concept()} for b in given if a.is_superordinate_to(b))
    full.add_node(Concept())
    assert set(graph.edges) == set(nx.transitive_reduction(full).edges)
    assert set(graph) == {*given, Concept()}


def test_few_deep_concepts_need_no_list_of_their_subsets() -> None:
    names = [f"attribute {i}" for i in range(40)]
    chain = [Concept(dict.fromkeys(names[:k], "yes")) for k in (5, 40, 20, 39)]
    edges = [(a.level, b.level) for a, b in hierarchy(chain).edges]
    assert sorted(edges) == [(0, 5), (5, 20), (20, 39), (39, 40)]


def test_node_link_json_can_be_read_back() -> None:
    graph = hierarchy(every_concept(SMALL))
    data = json.loads(json.dumps(to_node_link(graph)))
    read = nx.node_link_graph(data, edges="edges")
    assert len(read) == len(graph)
    by_text = {text: SMALL.concept(node["concept"]) for text, node in read.nodes.items()}
    assert {(by_text[a], by_text[b]) for a, b in read.edges} == set(graph.edges)
    assert all(node["level"] == by_text[text].level for text, node in read.nodes.items())


def test_concepts_that_read_the_same_are_not_merged_in_an_export() -> None:
    graph = hierarchy([Concept({"a": "b, c: d"}), Concept({"a": "b", "c": "d"})])
    with pytest.raises(ValueError, match="read the same"):
        to_node_link(graph)
