"""The implicit hierarchy of concepts as a directed acyclic graph.

An edge leads from a concept to each concept directly below it: C1 -> C2 when C1 is superordinate to C2 and
no third concept lies between. In the whole hierarchy of a vocabulary this means one attribute more; the
root is the empty concept ("SCAN", Higgins et al., 2018, section 3). The whole hierarchy grows as prod(1 +
size), so that it is walked lazily (`children`, `parents`, `concepts_at`) and counted by formula.

networkx is imported where a graph is made: most commands make none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING

from symbols.concepts import Concept, Item
from symbols.enumeration import level_counts
from symbols.vocabulary import Vocabulary

if TYPE_CHECKING:
    import networkx as nx


def counts(vocabulary: Vocabulary) -> tuple[int, ...]:
    """The numbers of concepts at levels 1, 2, ..., A, for A attributes."""
    return level_counts(vocabulary.sizes)[1:]


def concepts_at(vocabulary: Vocabulary, level: int) -> Iterator[Concept]:
    """All concepts of `level` attributes, 0 to A, one at a time; level 0 is the root alone."""
    for attributes in combinations(vocabulary.attributes, level):
        names = [attribute.name for attribute in attributes]
        for values in product(*(attribute.values for attribute in attributes)):
            yield vocabulary.concept(zip(names, values, strict=True))


def children(vocabulary: Vocabulary, concept: Concept) -> Iterator[Concept]:
    """The concepts with one attribute more, one at a time."""
    for attribute in vocabulary.attributes:
        if concept.get(attribute.name) is None:
            for value in attribute.values:
                yield vocabulary.concept((*concept.items(), (attribute.name, value)))


def parents(vocabulary: Vocabulary, concept: Concept) -> Iterator[Concept]:
    """The concepts with one attribute less, one at a time; none for the root."""
    for name in concept.attributes:
        yield vocabulary.concept(item for item in concept.items() if item[0] != name)


def hierarchy(concepts: Iterable[Concept]) -> nx.DiGraph:
    """The hierarchy of the given concepts and the root as a graph of concepts, with a `level` at each node.

    The parents of a concept (`graph.predecessors(concept)`) are the most specific of the given concepts that
    are superordinate to it, hence the graph has no edge that a longer path implies: it is the transitive
    reduction.

    >>> hat, red_hat = Concept({"shape": "hat"}), Concept({"shape": "hat", "wall": "red"})
    >>> list(hierarchy([red_hat, hat]).edges)
    [(Concept('anything'), Concept('shape: hat')), (Concept('shape: hat'), Concept('shape: hat, wall: red'))]
    """
    import networkx as nx

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
    having: dict[Item, int] = {}
    for place, concept in enumerate(ordered):
        for item in concept.items():
            having[item] = having.get(item, 0) | 1 << place
    found = []
    for place, concept in enumerate(ordered):
        above = 0
        if 2**concept.level <= len(having):
            for level in range(concept.level):
                for items in combinations(concept.items(), level):
                    above |= 1 << places.get(Concept(items), place)
        else:
            own = set(concept.items())
            for item, others in having.items():
                if item not in own:
                    above |= others
            above = ~above
        found.append(above & ((1 << place) - 1))
    return found


def to_node_link(graph: nx.DiGraph) -> dict[str, object]:
    """A hierarchy as JSON-able node-link data (`networkx.node_link_data`).

    A node is the text of its concept, with its `level` and, as a mapping, its `concept`.

    Raises:
        ValueError: When two concepts have the same text.
    """
    import networkx as nx

    named = nx.relabel_nodes(graph, str)
    if len(named) != len(graph):
        raise ValueError("two concepts of the hierarchy read the same")
    for concept in graph:
        named.nodes[str(concept)]["concept"] = dict(concept.items())
    return nx.node_link_data(named, edges="edges")
