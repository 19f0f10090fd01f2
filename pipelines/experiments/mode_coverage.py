"""Forward against reverse KL on one symbol: does q(z|y) cover the codes of the symbol's images?

Higgins et al. (2018), section 4: the forward KL, KL(q(z|x) || q(z|y)), fits q(z|y) to all images of a symbol,
so that what varies among them relaxes to the prior; section 5: SCAN_R, with the reverse KL, does not. The
perceptrons of the paper learn one symbol, `CONCEPT`, from 100 images, once in each direction.

Reproduced where for every seed the variance of q(z|y) learned with the forward KL is within a factor of two
of that of the codes (geometric mean over the latents), and with the reverse KL is less than half of what it
is with the forward one; the KL to uniform of the open attributes of its images is larger with the reverse KL
by at least 0.3 nats; and with the forward KL at least 0.9 of the images show the symbol. Refuted where no
seed has all of these; undecided otherwise and in a trial of fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.concept_scores import imagined, named, of_split, reader_of
from pipelines.experiments.visual_models import VisualModel, measured
from pipelines.report import plots
from scan.evaluation import Sizes
from scan.fitting import fit
from scan.grounding import k_hot, optimal_posterior
from vision.gaussian import Gaussian, kl
from vision.randomness import generator

CONCEPT = {"wall": "cyan"}
IMAGES, STEPS, BATCH, LR = 100, 2_000, 64, 1e-3
SIZES = Sizes(200, 200)
SHOWN = 10
DIRECTIONS: tuple[Literal["forward", "reverse"], ...] = ("forward", "reverse")
WITHIN, NARROWER, LESS_DIVERSE, RIGHT = 2.0, 0.5, 0.3, 0.9


def run(asked: Asked, machine: Machine) -> Outcome:
    """Fit one symbol in both directions for each seed."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    rows: dict[str, Tensor] = {}
    for model, one in measured(asked, machine, {"concept": CONCEPT, "images": IMAGES}, measure, line_of):
        found[str(model.seed)] = one
        if not rows:
            rng = generator(model.seed, "experiment shown")
            shown = model.pictures([model.vocabulary.concept(CONCEPT)], SHOWN, rng).images
            rows["images of the symbol"] = shown
            for direction in DIRECTIONS:
                q = gaussian(one[direction]["q"], model.device)
                rows[f"{direction} KL, seed {model.seed}"] = imagined(model, q, SHOWN, "shown")
    holds = {seed: covers(one) for seed, one in found.items()}
    verdict = verdict_of(list(holds.values()), is_trial=asked.steps is not None)
    last = f"the forward KL covers the images, the reverse KL does not: {verdict}"
    return Outcome(
        (
            *(line_of(*item) for item in found.items()),
            f"{last} ({sum(holds.values())} of {len(holds)} seeds)",
        ),
        verdict,
        {"concept": CONCEPT, "images": IMAGES, "by_seed": found},
        {"samples": plots.strips(rows)},
    )


def measure(model: VisualModel, steps: int | None) -> dict[str, dict[str, Any]]:
    """By direction: the Gaussian, how wide it is, and what its images show.

    Args:
        model: Of a seed.
        steps: For a trial; None for `STEPS`.
    """
    concept = model.vocabulary.concept(CONCEPT)
    pairs = named(model, [concept], IMAGES, "taught images")
    spread = pairs.q_x.variance.mean(0) + pairs.q_x.mean.var(0, correction=0)
    found: dict[str, dict[str, Any]] = {}
    for direction in DIRECTIONS:
        scan = fit(
            pairs.q_x,
            pairs.concepts,
            model.vocabulary,
            encoder="mlp",
            steps=STEPS if steps is None else steps,
            batch=BATCH,
            lr=LR,
            direction=direction,
            seed=model.seed,
        )
        with torch.no_grad():
            q = scan.encode_symbol(k_hot(model.vocabulary, [concept], model.device))
        best = optimal_posterior(pairs.q_x, direction=direction)
        found[direction] = {
            "variance_ratio": (q.logvar[0] - spread.log()).mean().exp().item(),
            "nats_from_optimum": kl(q, best).sum().item(),
            **of_split(model, reader_of(model, scan), q, [concept], SIZES, "one symbol"),
            "q": {"mean": q.mean[0].tolist(), "logvar": q.logvar[0].tolist()},
        }
    return found


def gaussian(stored: Mapping[str, Sequence[float]], device: torch.device) -> Gaussian:
    """A Gaussian over (1, D) from its mean and log-variance."""
    mean, logvar = (torch.tensor([list(stored[key])], device=device) for key in ("mean", "logvar"))
    return Gaussian(mean, logvar)


def covers(one: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a seed shows what is claimed, as the module says."""
    forward, reverse = one["forward"], one["reverse"]
    ratio = forward["variance_ratio"]
    return bool(
        1 / WITHIN <= ratio <= WITHIN
        and reverse["variance_ratio"] < NARROWER * ratio
        and reverse["diversity"] - forward["diversity"] >= LESS_DIVERSE
        and forward["accuracy"] >= RIGHT
    )


def verdict_of(holds: Sequence[bool], *, is_trial: bool) -> Verdict:
    """All seeds, none, or something between.

    >>> verdict_of([True, False], is_trial=False)
    'undecided'
    """
    if is_trial:
        return "undecided"
    if all(holds):
        return "reproduced"
    return "undecided" if any(holds) else "refuted"


def line_of(seed: str, one: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for a seed."""
    words = [
        f"{direction} KL: variance {found['variance_ratio']:.2f} of the codes', "
        f"right {found['accuracy']:.3f}, diversity {found['diversity']:.3f} nats from uniform"
        for direction, found in one.items()
    ]
    floor = one["forward"]["floor"]
    return f"seed {seed}: {'; '.join(words)} (a uniform sampler has {floor:.3f})"
