"""The illustrated sections of the report: each draws its figures, keeps them in the album, and returns HTML.

A section that needs a stage which is not done returns nothing.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import torch

from pipelines.config import Config
from pipelines.report import figures, page, plots
from pipelines.report.figures import Imagination
from pipelines.report.sheets import Sheet, png, save
from pipelines.runs.datasets import Data
from pipelines.runs.files import write_bytes, write_json
from pipelines.runs.randomness import generator
from symbols import OPERATORS, Concept, counts, hierarchy
from vision.models import VisionModel
from vision.torchvision_gate import make_grid

RECONSTRUCTED = 10
PER_LEVEL = 3
HELD_OUT = 8
PER_OPERATOR = 4
DESCRIBED = 18
TRAVERSED = 1024
PAIRS = 4
LATTICE = 4
"""Attributes of the concept whose hierarchy is drawn."""


class Album:
    """The figures folder of the report, and what was put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[str] = []

    def sheet(self, sheet: Sheet) -> Sheet:
        """Keep a sheet; hands it back."""
        self.files += [f"{self.folder.name}/{name}" for name in save(sheet, self.folder)]
        return sheet

    def plot(self, name: str, content: bytes, about: Mapping[str, Any]) -> bytes:
        """Keep a drawing, with what it shows; hands it back."""
        write_bytes(self.folder / f"{name}.png", content)
        write_json(self.folder / f"{name}.json", dict(about))
        self.files += [f"{self.folder.name}/{name}.png", f"{self.folder.name}/{name}.json"]
        return content


class Story(NamedTuple):
    """What there is to show of a run."""

    config: Config
    data: Data
    vision: VisionModel | None
    by: Imagination | None
    """None before the symbols are grounded."""
    album: Album


def data(story: Story) -> str:
    """What the images are, and what of them is taught, tested and held out."""
    found, words = story.data, story.data.vocabulary
    shape = " × ".join(map(str, found.images.shape[1:]))
    sheet = story.album.sheet(figures.samples(found, generator(story.config.seed, "report samples")))
    rows = [[a.name, "yes or not mentioned" if a.binary else ", ".join(a.values)] for a in words.attributes]
    splits = found.splits
    levels = ", ".join(f"{n:,}" for n in counts(words))
    return "\n".join(
        [
            page.paragraph(
                f"{len(found.images):,} images of {shape} ({found.images.source or found.images.name}), "
                f"{len(found.train):,} of them to train on, {len(splits.test_images):,} to test. "
                f"{len(splits.held_out):,} combinations are held out: no stage learns from an image or a "
                f"symbol of them. {_pairs(splits.held_out_pairs)}{words.size} symbols make {levels} concepts "
                f"of 1 to {len(words.attributes)} attributes; {len(splits.train_symbols)} are taught."
            ),
            page.sheet(dataclasses.replace(sheet, rows=("",) * len(sheet.rows)), wide=True),
            page.words(("attribute", "values"), rows),
        ]
    )


def _pairs(pairs: Sequence[Concept]) -> str:
    if not pairs:
        return ""
    listed = "; ".join(map(str, pairs[:PAIRS])) + ("; ..." if len(pairs) > PAIRS else "")
    return f"{len(pairs)} pairs of values never come together in what is learned from ({listed}). "


def seeing(story: Story) -> str:
    """Reconstructions and traversals of the visual model."""
    if story.vision is None:
        return ""
    found, rng = story.data, generator(story.config.seed, "report images")
    sets = {"test images": found.splits.test_images, "images of held-out combinations": found.held_out}
    parts = []
    for title, indices in sets.items():
        if not len(indices):
            continue
        chosen = rng.permutation(indices)[:RECONSTRUCTED]
        name = "reconstructions" if title == "test images" else "reconstructions_held_out"
        sheet = figures.reconstructions(story.vision, found, chosen, name, f"Reconstructions of {title}")
        parts += [
            page.heading(f"Reconstructions of {title}, originals above"),
            page.sheet(story.album.sheet(sheet)),
        ]
    images = found.images.images[torch.from_numpy(found.splits.test_images[:TRAVERSED])]
    nats = figures.nats_from_prior(story.vision, images)
    start = figures.code(story.vision, images[:1])[0]
    sheet = story.album.sheet(figures.traversals(story.vision, nats, start))
    parts += [
        page.heading("Traversals: one latent a row, from −2.5 to 2.5 standard deviations, sorted by KL"),
        page.sheet(sheet),
    ]
    return "\n".join(parts)


def imagining(story: Story) -> str:
    """sym2img at every level of the hierarchy, trained concepts and new ones."""
    if story.by is None:
        return ""
    parts = [
        page.paragraph(
            "Samples straight from the decoder. What a concept leaves open should vary. New concepts were "
            "never taught. A red line marks an image of which the judge reads something else than asked.",
            soft=True,
        )
    ]
    for level in range(1, len(story.data.vocabulary.attributes) + 1):
        splits = story.data.splits
        taught = [c for c in splits.train_symbols if c.level == level][:PER_LEVEL]
        new = [c for c in splits.test_symbols if c.level == level][:PER_LEVEL]
        if not taught + new:
            continue
        title = f"{level} attribute{'s' if level > 1 else ''}"
        sheet = figures.imagined(story.by, taught + new, f"sym2img_{level}", f"sym2img, {title}")
        rows = tuple(f"{name}{' (new)' if row >= len(taught) else ''}" for row, name in enumerate(sheet.rows))
        sheet = story.album.sheet(dataclasses.replace(sheet, rows=rows))
        parts += [page.heading(title), page.sheet(sheet)]
    return "\n".join(parts)


def ordering(story: Story) -> str:
    """A concept and everything superordinate to it, as a graph of imagined images."""
    if story.by is None:
        return ""
    concepts = sorted(story.data.splits.train_symbols, key=lambda c: abs(c.level - LATTICE))
    top = Concept(concepts[0].items()[:LATTICE], order=story.data.vocabulary.names)
    subsets = [
        Concept([item for place, item in enumerate(top.items()) if mask >> place & 1], order=top.attributes)
        for mask in range(2**top.level)
    ]
    graph = hierarchy(subsets)
    sheet = figures.imagined(story.by, list(graph), "hierarchy_images", "The concepts of the hierarchy", 4)
    pictures = {
        concept: make_grid(images, columns=2, padding=1, background=255)
        for concept, images in zip(graph, sheet.images, strict=True)
    }
    named = nx.relabel_nodes(graph, str)
    drawn = story.album.plot(
        "hierarchy",
        plots.lattice(graph, pictures),
        {
            "title": f"{top} and all that is superordinate to it",
            "nodes": list(named),
            "edges": [list(e) for e in named.edges],
        },
    )
    return page.paragraph(
        f"“{top}” and every concept above it, four samples each: the further up, the more is left open."
    ) + page.plot(drawn, f"The hierarchy of {top}")


def unseen(story: Story) -> str:
    """sym2img of combinations that no stage learned from."""
    held_out = story.data.splits.held_out
    if story.by is None or not held_out:
        return ""
    sheet = figures.imagined(story.by, held_out[:HELD_OUT], "held_out", "Held-out combinations")
    return page.paragraph(
        "Full combinations that were never shown and never named. Every image of a row should show the same."
    ) + page.sheet(story.album.sheet(sheet))


def recombining(story: Story) -> str:
    """The operators: images of both inputs, and of the result."""
    if story.by is None or story.by.model.operators is None:
        return ""
    parts = [
        page.paragraph(
            "Each row: samples of the two inputs, and of what the learned operator makes of them in latent "
            "space. The counts are of the results.",
            soft=True,
        )
    ]
    for op in OPERATORS:
        triples = [t for t in story.data.splits.test_operators if t.op == op][:PER_OPERATOR]
        if triples:
            name = f"operator_{op.lower().replace(' ', '_')}"
            sheet = story.album.sheet(figures.recombined(story.by, triples, name, f"The operator {op}"))
            parts += [page.heading(op), page.sheet(sheet, joints=[(op, "=")] * len(triples), wide=True)]
    return "\n".join(parts)


def describing(story: Story) -> str:
    """img2sym: real images and their descriptions, wrong words struck out."""
    if story.by is None:
        return ""
    found = story.data
    unseen, kind = found.held_out, "held-out combinations"
    if not len(unseen):
        unseen, kind = found.splits.test_images, "the test images"
    chosen = generator(story.config.seed, "report descriptions").permutation(unseen)[:DESCRIBED]
    words = figures.described(story.by.model, found, chosen)
    story.album.sheet(figures.described_sheet(found, chosen, words, f"img2sym on {kind}"))
    scale = max(1, round(page.SHOWN_PIXELS / max(found.images.shape[1:])))
    made = [
        page.card(png(found.images.images[int(index)]), map(_line, said), "", scale=scale)
        for index, said in zip(chosen, words, strict=True)
    ]
    right = sum(word.right for said in words for word in said)
    return page.paragraph(
        f"Images of {kind}, each with its most likely description and the probability of every word. "
        f"{right} of {sum(map(len, words))} words are right; "
        "the others are struck out, followed by the truth."
    ) + page.cards(made)


def _line(word: figures.Word) -> str:
    said = page.escape(word.said)
    value = said if word.right else f'<span class="bad"><s>{said}</s> {page.escape(word.truth)}</span>'
    return f'{page.escape(word.attribute)}: {value} <span class="soft">{word.probability:.2f}</span>'
