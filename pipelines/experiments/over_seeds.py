"""Means over seeds, and differences between two variants that were measured on the same seeds.

The seeds are the independent unit: a difference is taken seed by seed, and its interval is that of Student's
t over the seeds, at 95 %.
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from scipy.stats import t

LEVEL = 0.95


class Spread(NamedTuple):
    """A quantity over n seeds."""

    mean: float
    sd: float
    """Standard deviation over the seeds; nan for one."""
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if math.isnan(self.sd) else f"{self.mean:.3f} ± {self.sd:.3f}"


class Difference(NamedTuple):
    """A paired difference over n seeds, with its interval at 95 %; infinite for one seed."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        interval = "" if math.isinf(self.low) else f" [{self.low:+.3f}, {self.high:+.3f}]"
        return f"{self.mean:+.3f}{interval}"

    def is_beyond(self, size: float = 0.0) -> bool:
        """Whether the interval excludes 0 and the mean is at least `size` from it."""
        return (self.low > 0 or self.high < 0) and abs(self.mean) >= size


def spread(by_seed: Mapping[str, float]) -> Spread:
    """Mean and standard deviation of a quantity by seed.

    >>> spread({"0": 0.25, "1": 0.75})
    Spread(mean=0.5, sd=0.3535533905932738, n=2)
    """
    values = list(by_seed.values())
    return Spread(
        statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan, len(values)
    )


def difference(ours: Mapping[str, float], reference: Mapping[str, float]) -> Difference:
    """Mean of ours - reference over the seeds that both have.

    Args:
        ours: A quantity by seed.
        reference: The same quantity of another variant.

    Raises:
        ValueError: When they have no seed in common.

    >>> difference({"0": 1.0, "1": 3.0}, {"0": 0.0, "1": 0.0}).mean
    2.0
    """
    pairs = [ours[seed] - reference[seed] for seed in ours if seed in reference]
    if not pairs:
        raise ValueError("no seed in common")
    mean, n = statistics.fmean(pairs), len(pairs)
    if n < 2:
        return Difference(mean, -math.inf, math.inf, n)
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * statistics.stdev(pairs) / math.sqrt(n)
    return Difference(mean, mean - half, mean + half, n)


def spreads(by_seed: Mapping[str, Mapping[str, float]], names: Iterable[str]) -> list[str]:
    """Cells of a table: mean and standard deviation over the seeds of some measures.

    Args:
        by_seed: Seed -> measures by name.
        names: Of the measures.
    """
    return [str(spread({seed: one[name] for seed, one in by_seed.items()})) for name in names]


def as_json(value: Spread | Difference) -> dict[str, float | int | None]:
    """The fields, with None for what is not finite."""
    return {name: x if math.isfinite(x) else None for name, x in value._asdict().items()}
