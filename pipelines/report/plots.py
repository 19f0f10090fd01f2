"""Drawings with axes, as PNG files: training curves, confusion tables, matrices, a piece of the
hierarchy."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import networkx as nx
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from torch import Tensor

from pipelines.report import lettering
from symbols import Concept

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.edgecolor": "#888888",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "lines.linewidth": 1.2,
    **lettering.PLAIN,
}
INK = "#1f4e79"
NOT_TERMS = ("step", "lr", "seconds")
COLUMNS = 4
LATENTS = 48
"""Drawn at most, of one matrix."""


def curves(lines: Sequence[Mapping[str, float]]) -> bytes:
    """The terms of a training's log against the step, one small plot each."""
    terms = [name for name in lines[0] if name not in NOT_TERMS]
    rows = math.ceil(len(terms) / COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 1.9 * rows), layout="constrained")
        for place, name in enumerate(terms):
            axes = figure.add_subplot(rows, min(COLUMNS, max(len(terms), 3)), place + 1)
            steps = [line["step"] for line in lines if name in line]
            axes.plot(steps, [line[name] for line in lines if name in line], color=INK)
            axes.set_title(name.replace("_", " "), loc="left")
            axes.ticklabel_format(axis="x", style="sci", scilimits=(0, 4))
        return _png(figure)


def confusions(tables: Mapping[str, Mapping[str, Any]]) -> bytes:
    """One heat map for each attribute: the value asked for (row) against the value read (column)."""
    names = list(tables)
    with mpl.rc_context(STYLE):
        columns = min(2, len(names))
        rows = math.ceil(len(names) / columns)
        figure = Figure(figsize=(4.6 * columns, 4.3 * rows), layout="constrained")
        for place, name in enumerate(names):
            counts = np.array(tables[name]["counts"], dtype=float)
            share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            axes = figure.add_subplot(rows, columns, place + 1)
            axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
            axes.set_title(name, loc="left", fontweight="bold")
            labels = tables[name]["values"]
            axes.set_xticks(range(len(labels)), labels, rotation=90)
            axes.set_yticks(range(len(labels)), labels)
            axes.set_xlabel("read")
            axes.set_ylabel("asked for")
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
            if len(labels) <= 8:
                for (r, c), value in np.ndenumerate(share):
                    ink = "white" if value > 0.5 else "black"
                    axes.text(c, r, f"{value:.2f}", ha="center", va="center", color=ink)
        return _png(figure)


def heat_maps(
    maps: Mapping[str, np.ndarray], factors: Sequence[str], latents: Sequence[int], most: int = LATENTS
) -> bytes:
    """Matrices (D, K) with entries in 0..1 below each other: a factor a row, a latent a column.

    `latents` says in which order, and which, of D; at most `most` are drawn.
    """
    shown = list(latents)[:most]
    with mpl.rc_context(STYLE):
        height = 0.9 + 0.24 * len(factors)
        figure = Figure(figsize=(max(4.5, 2 + 0.24 * len(shown)), height * len(maps)), layout="constrained")
        for place, (title, matrix) in enumerate(maps.items()):
            axes = figure.add_subplot(len(maps), 1, place + 1)
            image = axes.imshow(matrix[shown].T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set_xticks(range(len(shown)), [f"z{latent}" for latent in shown], rotation=90)
            axes.set_yticks(range(len(factors)), factors)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
            figure.colorbar(image, ax=axes, ticks=(0, 1), pad=0.01)
        return _png(figure)


def dots(names: Sequence[str], panels: Mapping[str, Sequence[Sequence[float]]]) -> bytes:
    """Values of things by name, a panel for each measure: a dot for each value, a line at the mean.

    Args:
        names: Of the things, from the top.
        panels: By title, the values of each of them; some may have none.
    """
    columns = min(COLUMNS + 1, len(panels))
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context(STYLE):
        size = (2.2 * columns + 1.2, (0.7 + 0.24 * len(names)) * rows)
        figure = Figure(figsize=size, layout="constrained")
        for place, (title, values) in enumerate(panels.items()):
            axes = figure.add_subplot(rows, columns, place + 1)
            for row, some in enumerate(values):
                axes.axhline(row, color="#eeeeee", linewidth=0.8, zorder=0)
                axes.scatter(some, [row] * len(some), color=INK, s=14, alpha=0.6, linewidths=0)
                if some:
                    axes.plot([np.mean(some)] * 2, [row - 0.3, row + 0.3], color=INK)
            axes.set_yticks(range(len(names)), names if place % columns == 0 else [""] * len(names))
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_title(title, loc="left")
            axes.tick_params(axis="y", length=0)
        return _png(figure)


class Lines(NamedTuple):
    """Quantities along one axis."""

    x: Sequence[float]
    y: Mapping[str, Sequence[float]]
    """By name; no legend for the only one without a name."""


def against(panels: Mapping[str, Lines], label: str, marks: Sequence[float] = ()) -> bytes:
    """Lines over a quantity that the panels share, two panels a row, with dotted lines at `marks`.

    Args:
        panels: By title.
        label: Of the quantity.
        marks: Values of it.
    """
    rows = math.ceil(len(panels) / 2)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.5, 2.9 * rows), layout="constrained")
        for place, (title, lines) in enumerate(panels.items()):
            axes = figure.add_subplot(rows, 2, place + 1)
            for mark in marks:
                axes.axvline(mark, color="#bbbbbb", linestyle=":", linewidth=0.8)
            for name, values in lines.y.items():
                axes.plot(lines.x, values, label=name, color=None if name else INK)
            if any(lines.y):
                axes.legend(frameon=False)
            axes.set_title(title, loc="left")
            axes.set_xlabel(label)
        return _png(figure)


def strips(rows: Mapping[str, Tensor]) -> bytes:
    """Images uint8 (N, C, H, W) as one strip a row, below each other, with their names."""
    with mpl.rc_context(STYLE):
        widest = max(len(images) for images in rows.values())
        figure = Figure(figsize=(2.6 + 0.55 * widest, 0.58 * len(rows)), layout="constrained")
        for place, (name, images) in enumerate(rows.items()):
            axes = figure.add_subplot(len(rows), 1, place + 1)
            strip = torch.cat(list(images), dim=2).permute(1, 2, 0).expand(-1, -1, 3)
            axes.imshow(strip.numpy(), interpolation="nearest")
            axes.set_ylabel(name, rotation=0, ha="right", va="center")
            axes.set_anchor("W")  # a name is placed beside the row before the row is narrowed
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        return _png(figure)


def lattice(graph: nx.DiGraph, pictures: Mapping[Concept, Tensor]) -> bytes:
    """A small hierarchy, the root on top: each concept with a picture uint8 (3, H, W) of it."""
    generations = [sorted(level, key=str) for level in nx.topological_generations(graph)]
    widest = max(len(level) for level in generations)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(5.0, 1.75 * widest), 1.95 * len(generations)))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, widest), ylim=(-len(generations), 0))
        axes.axis("off")
        place = {
            concept: (widest / 2 + column - (len(level) - 1) / 2, -0.45 - depth)
            for depth, level in enumerate(generations)
            for column, concept in enumerate(level)
        }
        for above, below in graph.edges:
            (x_1, y_1), (x_2, y_2) = place[above], place[below]
            axes.plot([x_1, x_2], [y_1 - 0.1, y_2 + 0.1], color="#c4c4c4", linewidth=0.8, zorder=0)
        for concept, (x, y) in place.items():
            picture = pictures[concept].permute(1, 2, 0).numpy()
            zoom = 62 / max(picture.shape[:2])
            box = OffsetImage(picture, zoom=zoom, interpolation="nearest", resample=False)
            axes.add_artist(AnnotationBbox(box, (x, y), frameon=False, pad=0))
            label = "\n".join(f"{name}: {value}" for name, value in concept.items()) or "anything"
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            axes.text(x, y - 0.26, label, ha="center", va="top", fontsize=7, linespacing=1.2, bbox=behind)
        return _png(figure)


def _png(figure: Figure) -> bytes:
    return lettering.png(figure, dpi=130)
