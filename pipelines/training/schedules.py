"""Schedules by name: from a section of the config to a function of the step."""

import math
from collections.abc import Callable

from pipelines.config import Constant, Geometric, Linear, Training
from vision.schedules import Schedule, constant, geometric, linear


def of(section: Constant | Linear | Geometric, steps: int) -> Schedule:
    """The schedule of a weight over a training of `steps` steps.

    Args:
        section: The section of the config.
        steps: Of the whole training.
    """
    match section:
        case Constant():
            return constant(section.value)
        case Linear():
            return linear(section.start, section.end, 0, _end(section.until, steps))
        case Geometric():
            return geometric(section.start, section.end, 0, _end(section.until, steps))


def _end(share: float, steps: int) -> int:
    return max(1, round(share * steps))


def learning_rate(section: Training) -> Callable[[int], float]:
    """The learning rate: a linear rise over `warmup` steps, then the decay from `lr` to zero."""
    peak, decay, steps, warmup = section.lr, section.decay, section.steps, section.warmup

    def at(step: int) -> float:
        rise = min(1.0, (step + 1) / (warmup + 1))
        done = max(0.0, (step - warmup) / max(1, steps - warmup))
        fall = {"constant": 1.0, "linear": 1.0 - done, "cosine": 0.5 * (1.0 + math.cos(math.pi * done))}
        return peak * rise * fall[decay]

    return at
