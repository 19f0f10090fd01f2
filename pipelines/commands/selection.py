"""A choice among finished runs without labels, beside what labels would say of it.

By UDR (Duan et al. 2020, "Unsupervised model selection for variational disentangled representation
learning"): the runs of one setting, which differ in their seed alone, are compared with each other, since
disentangled models resemble each other and others do not. By loss: the negative ELBO of test images, i.e.
reconstruction + KL in nats, without the weights of the objective.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from scipy.stats import spearmanr

from pipelines.config import config_files
from pipelines.errors import UsageError
from pipelines.report.comparison import aligned
from pipelines.report.tables import Table
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder, config_of
from pipelines.runs.models import load_vision
from vision.encoding import encode
from vision.gaussian import kl_from_prior
from vision.metrics import udr

IMAGES = 2000
"""That all models of a setting encode."""
TRUE_SCORES = {
    "mig": "MIG",
    "dci_disentanglement": "DCI D",
    "infom": "InfoM",
    "factor_vae": "FactorVAE",
    "accuracy_test": "test",
    "accuracy_operators": "operators",
}
"""Measures that need labels; higher is better."""
Criterion = Literal["udr", "loss"]
Row = dict[str, Any]


def add_udr(rows: Sequence[Row], out: Path, device: torch.device) -> None:
    """Put the UDR of each finished run of a setting with two at least into its measures.

    Args:
        rows: Of a sweep.
        out: Its folder.
        device: Where to compute.

    Raises:
        RunError: When a model cannot be read.
    """
    for row in rows:
        done = _done([row])
        if len(done) < 2:
            continue
        runs = [RunFolder(out / one["run"]) for one in done]
        data = datasets.load(config_files.load(config_of(runs[0].path), quiet=True), runs[0])
        images = data.images.images[torch.from_numpy(data.train[:IMAGES])]
        codes, kl = [], []
        for run in runs:
            q = encode(load_vision(run, data, device), images, device)
            codes.append(q.mean.double().cpu().numpy())
            kl.append(kl_from_prior(q).mean(0).double().cpu().numpy())
        ranking = udr(codes, kl)
        for one, score in zip(done, ranking.scores, strict=True):
            one["measures"]["udr"] = float(score)


def add_loss(rows: Sequence[Row]) -> None:
    """Put the loss of each finished run into its measures."""
    for one in _done(rows):
        nats, kl = one["measures"].get("reconstruction_nats"), one["measures"].get("kl")
        one["measures"]["loss"] = None if nats is None or kl is None else nats + kl


def choose(rows: Sequence[Row], criterion: Criterion) -> tuple[dict[str, Any], list[str]]:
    """The chosen run, and lines that show it beside the choices by other criteria.

    Args:
        rows: With UDR and loss in the measures.
        criterion: What chooses.

    Returns:
        For sweep.json: `by`, `run`, `seed`, `setting`, and the rank correlation of both criteria with each
        true score; and lines for the terminal.

    Raises:
        UsageError: When no run has a value of the criterion.
    """
    chosen: dict[str, tuple[Row, Row]] = {}
    for name in ("udr", "loss", *TRUE_SCORES):
        scored = [(row, one) for row in rows for one in _done([row]) if _value(one, name) is not None]
        if scored:
            chosen[name] = max(scored, key=lambda pair: _quality(pair[1], name))
    if criterion not in chosen:
        needed = "two finished runs of one setting" if criterion == "udr" else "a finished run"
        raise UsageError(f"--select {criterion}: needs {needed}")
    shown = ["udr", "loss", *(name for name in TRUE_SCORES if name in chosen)]
    lines = [
        [f"{name if name in ('udr', 'loss') else TRUE_SCORES[name]}", f"{row['label']}, seed {one['seed']}"]
        + [_shown(one, measure) for measure in shown]
        for name, (row, one) in chosen.items()
    ]
    head = ("chosen by", "run", *(TRUE_SCORES.get(name, name) for name in shown))
    row, one = chosen[criterion]
    correlations = {
        by: _correlations(rows, by, [n for n in TRUE_SCORES if n in chosen]) for by in ("udr", "loss")
    }
    choices = [
        f"rank correlation of {by} with "
        + ", ".join(f"{TRUE_SCORES[name]} {value:.2f}" for name, value in found.items())
        for by, found in correlations.items()
        if found
    ]
    content = {
        "by": criterion,
        "run": one["run"],
        "seed": one["seed"],
        "setting": row["setting"],
        "rank_correlations": correlations,
    }
    return content, [*aligned(Table(head, lines)), *choices]


def _done(rows: Sequence[Row]) -> list[Row]:
    return [one for row in rows for one in row["cells"] if one["status"] == "done"]


def _value(one: Mapping[str, Any], name: str) -> float | None:
    value: float | None = one["measures"].get(name)
    return value


def _quality(one: Mapping[str, Any], name: str) -> float:
    """Higher is better; -inf for what was not measured."""
    value = _value(one, name)
    if value is None:
        return -math.inf
    return -value if name == "loss" else value


def _shown(one: Mapping[str, Any], name: str) -> str:
    value = _value(one, name)
    return "–" if value is None else f"{value:.{1 if name == 'loss' else 3}f}"


def _correlations(rows: Sequence[Row], by: str, names: Sequence[str]) -> dict[str, float]:
    """Spearman's, over all runs that have both, of the quality that a criterion sees with true scores."""
    found = {}
    for name in names:
        both = [one for one in _done(rows) if None not in (_value(one, by), _value(one, name))]
        pairs = np.array([(_quality(one, by), _quality(one, name)) for one in both])
        if len(pairs) > 2 and (pairs != pairs[0]).any(axis=0).all():
            found[name] = round(float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic), 3)
    return found
