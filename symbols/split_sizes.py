"""How many of each list a data set allows.

A default that the data do not allow is lowered to what they do; a size that is asked for explicitly is kept
or refused, with all that is refused in one message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from symbols.enumeration import ShortageError
from symbols.splits import Splits

T = TypeVar("T")

SYMBOLS = ("train_symbols", "test_symbols", "validation_symbols")
"""The lists that share the concepts which training images show."""


class SplitError(ValueError):
    """Lists of the sizes asked for cannot be drawn.

    Args:
        message: All problems in one line.
        works: Sizes that would work, by the names of the lists; empty where none would.
    """

    def __init__(self, message: str, works: Mapping[str, int] | None = None) -> None:
        self.works = dict(works or {})
        super().__init__(message)


class SplitSizes:
    """The sizes asked for, and the problems found with them.

    Args:
        asked: The size of each list of `Splits`, by its name.
        explicit: Names of the sizes that are kept or refused; the others are lowered where they must be.
    """

    def __init__(self, asked: Mapping[str, int], explicit: Collection[str] = ()) -> None:
        self.asked, self.explicit = dict(asked), set(explicit)
        self.problems: dict[str, str] = {}

    def draw(self, name: str, usual: int, draw: Callable[[int], T], of: str, *, needed: bool = True) -> T:
        """What `draw` makes of the size asked for, or of the most that there is.

        A default, and what stands in for a size that was refused, are at most `usual`.

        Args:
            name: Of the list.
            usual: The most that a default is.
            draw: Size -> the list; ShortageError where there are fewer.
            of: What is drawn, for the message.
            needed: Whether an empty list is a problem.

        Raises:
            SplitError: Where the list is empty though `needed`.
        """
        kept = name in self.explicit and name not in self.problems
        n = self.asked[name] if kept else min(self.asked[name], usual)
        while True:
            try:
                return draw(n)
            except ShortageError as shortage:
                n = min(shortage.most, n - 1)
                if needed and n < 1:
                    raise self.too_small(f"no {name} can be drawn ({of})") from None
                self.refuse(name, f"at most {n} {of}")
                n = min(n, usual)

    def refuse(self, name: str, why: str) -> None:
        """Note a problem, if the size was asked for explicitly."""
        if name in self.explicit and self.problems.get(name) != "":
            self.problems[name] = f"{name} {self.asked[name]}: {why}"

    def check(self, splits: Splits) -> None:
        """Raise all problems as one `SplitError`, with the sizes of the lists that were drawn instead."""
        if self.problems:
            works = {name: len(getattr(splits, name)) for name in self.problems}
            raise SplitError("; ".join(filter(None, self.problems.values())), works)

    def too_small(self, why: str) -> SplitError:
        """The error for data of which no list can be drawn, with the problems so far."""
        earlier = "".join(f"{problem}; " for problem in self.problems.values() if problem)
        return SplitError(f"{earlier}the data set is too small: {why}")

    def symbols(self, pool: int, train: int | None) -> dict[str, int]:
        """How many of `pool` concepts each of SYMBOLS gets: what is set, and the rest by their defaults.

        Args:
            pool: How many concepts the training images show.
            train: How many are taught, if not what is asked for and half of what there is.
        """
        asked = {name: self.asked[name] for name in SYMBOLS}
        if train is not None:
            asked["train_symbols"] = train
        if sum(asked.values()) <= pool:
            return asked
        if pool < 2:
            raise self.too_small(
                f"training images show {pool} concepts, one to teach and one to test are needed"
            )
        fixed = {name: n for name, n in asked.items() if name in self.explicit and name not in self.problems}
        least = sum(name not in fixed for name in ("train_symbols", "test_symbols"))
        if sum(fixed.values()) + least > pool:
            names = " + ".join(f"{name} {n}" for name, n in fixed.items())
            self.problems |= dict.fromkeys(fixed, "")
            self.problems[next(iter(fixed))] = (
                f"{names}: training images show {pool} concepts, for all lists of symbols together"
            )
            fixed = {}
        shares = dict(fixed)
        left = pool - sum(fixed.values())
        if "train_symbols" not in fixed:
            shares["train_symbols"] = max(
                1, min(asked["train_symbols"], left // 2 if train is None else left - 1)
            )
            left -= shares["train_symbols"]
        rest = {name: asked[name] for name in SYMBOLS if name not in shares}
        for name, n in rest.items():
            share = n * left // max(1, sum(rest.values()))
            shares[name] = max(1, share) if name == "test_symbols" else share
        return shares
