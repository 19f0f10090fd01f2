"""The implicit hierarchy of concepts as a directed acyclic graph.

An edge leads from a concept to each concept directly below it: C1 -> C2 when C1 is superordinate to C2 and
no third concept lies between. In the whole hierarchy of a vocabulary this means one attribute more; the
root is the empty concept ("SCAN", Higgins et al., 2018, section 3). The whole hierarchy grows as prod(1 +
size), so that it is walked lazily (`children`, `parents`, `concepts_at`) and counted by formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product

import networkx as nx

from symbols.concepts import Concept, Item
from symbols.ranks import level_counts
from symbols.vocabulary import Vocabulary


def counts(vocabulary: Vocabulary) -> tuple[int, ...]:
    """The numbers of concepts that mention 1, 2, ..., A attributes."""
    return level_counts(vocabulary.sizes)[1:]


def concepts_at(vocabulary: Vocabulary, level: int) -> Iterator[Concept]:
    """All concepts that mention exactly `level` attributes, one at a time; level 0 is the root alone."""
    for attributes in combinations(vocabulary.attributes, level):
        for values in product(*(attribute.values for attribute in attributes)):
            yield vocabulary.concept(zip((a.name for a in attributes), values, strict=True))


def children(vocabulary: Vocabulary, concept: Concept) -> Iterator[Concept]:
    """The concepts that say one thing more."""
    for attribute in vocabulary.attributes:
        if concept.get(attribute.name) is None:
            for value in attribute.values:
                yield vocabulary.concept((*concept.items, (attribute.name, value)))


def parents(vocabulary: Vocabulary, concept: Concept) -> Iterator[Concept]:
    """The concepts that say one thing less; none for the root."""
    for item in concept.items:
        yield vocabulary.concept(other for other in concept.items if other != item)


def hierarchy(concepts: Iterable[Concept]) -> nx.DiGraph:
    """The hierarchy of the given concepts and the root, with a `level` at each node.

    The parents of a concept are the most specific of the given concepts that are superordinate to it, hence
    the graph has no edge that a longer path implies. Read it with networkx: `graph.predecessors(concept)`,
    `graph.successors(concept)`.

    >>> hat, red_hat = Concept({"shape": "hat"}), Concept({"shape": "hat", "wall": "red"})
    >>> list(hierarchy([red_hat, hat]).edges)
    [(Concept('anything'), Concept('shape: hat')), (Concept('shape: hat'), Concept('shape: hat, wall: red'))]
    """
    ordered = sorted({Concept(): None, **dict.fromkeys(concepts)}, key=lambda concept: concept.level)
    graph = nx.DiGraph()
    for concept in ordered:
        graph.add_node(concept, level=concept.level)
    above = _above(ordered)
    for place, concept in enumerate(ordered):
        left = above[place]
        while left:  # the last of them is one of the most specific; those above it are implied
            parent = left.bit_length() - 1
            graph.add_edge(ordered[parent], concept)
            left &= ~(above[parent] | 1 << parent)
    return graph


def _above(ordered: Sequence[Concept]) -> list[int]:
    """Of each concept, given by level, the set of those that are superordinate to it: a bit for each."""
    places = {concept: place for place, concept in enumerate(ordered)}
    saying: dict[Item, int] = {}
    for place, concept in enumerate(ordered):
        for item in concept.items:
            saying[item] = saying.get(item, 0) | 1 << place
    found = []
    for place, concept in enumerate(ordered):
        above = 0
        if 2**concept.level <= len(saying):
            for level in range(concept.level):
                for items in combinations(concept.items, level):
                    above |= 1 << places.get(Concept(items), place)
        else:
            said = set(concept.items)
            for item, others in saying.items():
                if item not in said:
                    above |= others
            above = ~above
        found.append(above & ((1 << place) - 1))
    return found


def to_node_link(graph: nx.DiGraph) -> dict[str, object]:
    """A hierarchy as node-link JSON of networkx; a node is its text, with `level` and `concept`."""
    named = _named(graph)
    for concept in graph:
        named.nodes[str(concept)]["concept"] = dict(concept.items)
    return nx.node_link_data(named, edges="edges")


def to_graphml(graph: nx.DiGraph) -> str:
    """A hierarchy as the text of a GraphML file; nodes are named by their text and carry `level`."""
    return "\n".join(nx.generate_graphml(_named(graph)))


def _named(graph: nx.DiGraph) -> nx.DiGraph:
    named = nx.relabel_nodes(graph, str)
    if len(named) != len(graph):
        raise ValueError("two concepts of the hierarchy read the same")
    return named
