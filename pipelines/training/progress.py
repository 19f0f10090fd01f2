"""How far a training is: a bar in a terminal, else a line now and then, with the time that is left."""

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from tqdm import tqdm

FIRST, EVERY = 10.0, 30.0
"""Seconds until the first line, and between lines."""
SHOWN = 3
"""Terms that are shown at most."""


class ProgressDisplay:
    """Shows the steps of a training on stderr; a context manager.

    Args:
        label: Name of the stage.
        steps: In total.
        done: How many of them earlier processes did.
        quiet: Show nothing.
    """

    def __init__(self, label: str, steps: int, done: int, *, quiet: bool) -> None:
        self.label, self.steps, self.done = label, steps, done
        self.bar = tqdm(total=steps, initial=done, desc=label, unit="step", disable=True if quiet else None)
        self.lines = self.bar.disable and not quiet
        self.began = time.monotonic()
        self.next = self.began + FIRST

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def update(self, step: int, terms: Mapping[str, float]) -> None:
        """Show that a step is done.

        Args:
            step: How many are done in total.
            terms: The last means of the logged terms.
        """
        self.bar.update()
        now = time.monotonic()
        if self.lines and now >= self.next and step < self.steps:
            self.next = now + EVERY
            left = (now - self.began) / (step - self.done) * (self.steps - step)
            with suppress(OSError):  # whoever read the lines may be gone
                print(line(self.label, step, self.steps, terms, left), file=sys.stderr, flush=True)

    def show(self, terms: Mapping[str, float]) -> None:
        """Show terms beside the bar."""
        self.bar.set_postfix(
            {name: f"{mean:.4g}" for name, mean in list(terms.items())[:SHOWN]}, refresh=False
        )


def line(label: str, step: int, steps: int, terms: Mapping[str, float], left: float) -> str:
    """A line of progress; `left` in seconds.

    >>> line("vision", 1200, 3000, {"loss": 12.345}, 100.0)
    'vision: step 1,200 of 3,000, loss 12.35, about 2 min left'
    """
    shown = "".join(f", {name} {value:.4g}" for name, value in list(terms.items())[:SHOWN])
    return f"{label}: step {step:,} of {steps:,}{shown}, about {spelled(left)} left"


def spelled(seconds: float) -> str:
    """A duration in words.

    >>> spelled(42.4), spelled(95.0), spelled(7300.0)
    ('42 s', '2 min', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
