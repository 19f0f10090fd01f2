"""The section of the hierarchy: a concept and all that is superordinate to it, as a graph of images."""

from collections.abc import Mapping
from typing import Any

import networkx as nx

from pipelines.report import figures, plots
from pipelines.report.context import ReportContext
from symbols import Concept, hierarchy
from vision.grids import make_grid

LATTICE = 4
"""Attributes of the concept whose hierarchy is drawn."""


def concept_hierarchy(context: ReportContext) -> Mapping[str, Any] | None:
    """A concept and everything superordinate to it, as a graph of images."""
    if context.sampler is None:
        return None
    concepts = sorted(context.splits.train_symbols, key=lambda c: abs(c.level - LATTICE))
    top = Concept(concepts[0].items()[:LATTICE], order=context.data.vocabulary.names)
    graph = hierarchy(_superordinate(top))
    title = "The concepts of the hierarchy"
    sheet = figures.concept_images(context.sampler, list(graph), "hierarchy_images", title, 4)
    pictures = {
        concept: make_grid(images, columns=2, padding=1, background=255)
        for concept, images in zip(graph, sheet.images, strict=True)
    }
    named = nx.relabel_nodes(graph, str)
    about = {
        "title": f"{top} and all that is superordinate to it",
        "nodes": list(named),
        "edges": [list(edge) for edge in named.edges],
    }
    drawn = context.figures.add_plot("hierarchy", plots.lattice(graph, pictures), about)
    return {"concept": top, "plot": drawn}


def _superordinate(concept: Concept) -> list[Concept]:
    """A concept and all that are superordinate to it."""
    found = []
    for mask in range(2**concept.level):
        items = [item for place, item in enumerate(concept.items()) if mask >> place & 1]
        found.append(Concept(items, order=concept.attributes))
    return found
