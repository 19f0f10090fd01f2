"""Synonyms: a word that is taught by images alone comes to mean what another description means.

Higgins et al. (2018), section 5, describe images with all learned words that hold, synonyms among them, such
as "dub" for {ice lolly, white wall}. Here "dub" is a symbol of its own, beside the words of `rooms`: it is
taught with `EACH` images of ice lollies before white walls, named "dub" and nothing else, together with the
run's own concepts. Four things are measured:

    nearest   whether, of all 48 concepts {wall, shape}, {white, ice lolly} is the nearest to "dub" by the
              symmetrised KL of q(z|y)
    shown     the share of the images imagined for "dub" that show both
    auc       how well p("dub"|z) of real images separates those that show both from others (ROC)
    near_auc  the same against images that show one of both

Reproduced where for every seed it is the nearest, shown and auc are at least 0.9, and near_auc at least 0.8.
Refuted where no seed has these; undecided otherwise and in a trial of fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome
from pipelines.experiments.concept_scores import (
    Named,
    ground,
    imagined,
    named,
    of_split,
    reader_of,
)
from pipelines.experiments.mode_coverage import gaussian, verdict_of
from pipelines.experiments.visual_models import VisualModel, measured
from pipelines.report import plots
from scan.evaluation import Sizes
from scan.grounding import k_hot
from symbols import Attribute, Concept, Vocabulary
from vision.encoding import encode
from vision.gaussian import Gaussian, kl
from vision.randomness import generator

WORD = "dub"
MEANT = {"wall": "white", "shape": "ice lolly"}
EACH = 10
TESTED = 200
"""Images that show both, as many that show one, and as many of any others."""
SHOWN = 10
FEWEST, FEWEST_NEAR = 0.9, 0.8


def run(asked: Asked, machine: Machine) -> Outcome:
    """Teach the word for each seed."""
    found: dict[str, dict[str, Any]] = {}
    rows: dict[str, Tensor] = {}
    for model, one in measured(asked, machine, {"word": WORD, "each": EACH}, measure, line_of):
        found[str(model.seed)] = one
        for name in () if rows else (WORD, "white wall, ice lolly"):
            stored = one["word"] if name == WORD else one["meant"]
            rows[f"{name}, seed {model.seed}"] = imagined(
                model, gaussian(stored, model.device), SHOWN, "shown"
            )
    holds = [is_synonym(one) for one in found.values()]
    verdict = verdict_of(holds, is_trial=asked.steps is not None)
    last = f'"{WORD}" becomes a synonym: {verdict} ({sum(holds)} of {len(holds)} seeds)'
    return Outcome(
        (*(line_of(*item) for item in found.items()), last),
        verdict,
        {"word": WORD, "meant": MEANT, "images": EACH, "by_seed": found},
        {"samples": plots.strips(rows)},
    )


def with_word(words: Vocabulary) -> Vocabulary:
    """The vocabulary with the word as a symbol of its own."""
    return Vocabulary((*words.attributes, Attribute(WORD, binary=True)))


@torch.no_grad()
def measure(model: VisualModel, steps: int | None) -> dict[str, Any]:
    """Ground the run's concepts and the word, and compare.

    Args:
        model: Of a seed.
        steps: Of the grounding, for a trial.
    """
    words, meant = with_word(model.vocabulary), model.vocabulary.concept(MEANT)
    word = words.concept({WORD: "yes"})
    own = named(model, model.splits.train_symbols, model.config.symbols.examples, "taught images")
    images = model.pictures([meant], EACH, generator(model.seed, "synonym images")).images
    q_word = model.codes(images)
    q_x = Gaussian(torch.cat([own.q_x.mean, q_word.mean]), torch.cat([own.q_x.logvar, q_word.logvar]))
    with torch.enable_grad():
        scan = ground(model, Named(q_x, [*own.concepts, *[word] * EACH]), steps, words)
    pairs = [
        Concept({"wall": wall, "shape": shape})
        for wall in words.attributes[words.column("wall")].values
        for shape in words.attributes[words.column("shape")].values
    ]
    q = scan.encode_symbol(k_hot(words, [word], model.device))
    others = scan.encode_symbol(k_hot(words, pairs, model.device))
    same = Gaussian(q.mean.expand_as(others.mean), q.logvar.expand_as(others.logvar))
    distance = (kl(same, others) + kl(others, same)).sum(-1)
    nearest = pairs[int(distance.argmin())]
    q_meant = others[[pairs.index(words.concept(MEANT))]]
    scores = of_split(model, reader_of(model, scan), q, [meant], Sizes(TESTED, TESTED), "synonym")
    both, one, none = tested(model, meant)
    symbol = words.block(WORD).start
    logit = [
        scan.decode_symbol(encode(model.vision, x, model.device).mean)[:, symbol] for x in (both, one, none)
    ]
    return {
        "nearest": str(nearest),
        "is_nearest": nearest == words.concept(MEANT),
        "nats": float(distance.min()),
        "shown": scores["strict"],
        "auc": _auc(logit[0], logit[2]),
        "near_auc": _auc(logit[0], logit[1]),
        "word": {"mean": q.mean[0].tolist(), "logvar": q.logvar[0].tolist()},
        "meant": {"mean": q_meant.mean[0].tolist(), "logvar": q_meant.logvar[0].tolist()},
    }


def tested(model: VisualModel, meant: Concept) -> tuple[Tensor, Tensor, Tensor]:
    """Images that show all of a concept, exactly one of its two values, and neither."""
    rng = generator(model.seed, "synonym tests")
    both = model.pictures([meant], TESTED, rng).images
    halves = [Concept([item]) for item in meant.items()]
    near = model.pictures(halves, TESTED, rng)
    any_ = model.pictures([Concept()], TESTED * 2, rng)
    is_both = model.vocabulary.matches(near.factors, meant)
    shows_one = np.stack([model.vocabulary.matches(any_.factors, half) for half in halves]).any(axis=0)
    return both, near.images[torch.from_numpy(~is_both)], any_.images[torch.from_numpy(~shows_one)]


def is_synonym(one: Mapping[str, Any]) -> bool:
    """Whether a seed shows what is claimed, as the module says."""
    separates = one["auc"] >= FEWEST and one["near_auc"] >= FEWEST_NEAR
    return bool(one["is_nearest"] and one["shown"] >= FEWEST and separates)


def line_of(seed: str, one: Mapping[str, Any]) -> str:
    """A line for a seed."""
    return (
        f'seed {seed}: nearest to "{WORD}" is {{{one["nearest"]}}} ({one["nats"]:.1f} nats), '
        f"{one['shown']:.3f} of its images show both, AUC {one['auc']:.3f} against others, "
        f"{one['near_auc']:.3f} against those that show one"
    )


def _auc(positive: Tensor, negative: Tensor) -> float:
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    return float(roc_auc_score(truth, torch.cat([positive, negative]).cpu().numpy()))
