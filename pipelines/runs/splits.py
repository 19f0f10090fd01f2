"""How the published lists are drawn, and how many of each a data set allows.

A default that the data do not allow is lowered to what they do; a number that the user set is kept or
refused, with all that is refused in one message. Each list is drawn from a stream of its own, so that the
length of one never changes another.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pipelines.config import Config
from pipelines.errors import UsageError
from pipelines.runs.randomness import generator
from symbols import (
    Concept,
    Images,
    ShortageError,
    Triple,
    Unseen,
    Vocabulary,
    held_out_concepts,
    held_out_pairs,
    novel_concepts,
    operator_triples,
    training_concepts,
)
from vision.data import ImageSet

T = TypeVar("T")

HELD_OUT_SHARE = 10
"""By default at most one in so many of the combinations that images show is held out."""
TEST_SHARE = 5
"""By default at most one in so many images is a test image."""
TRIPLES_EACH = 3
"""By default at most so many examples of operators lead to one test symbol."""
SYMBOLS = ("train_symbols", "test_symbols", "validation_symbols")


@dataclass(frozen=True)
class Splits:
    """The published lists."""

    held_out: tuple[Concept, ...]
    test_images: np.ndarray
    """Indices (T,) into the image set."""
    train_symbols: tuple[Concept, ...]
    test_symbols: tuple[Concept, ...]
    test_operators: tuple[Triple, ...]
    """Results are test symbols; both operands are training symbols in about half of them, where possible."""
    validation_symbols: tuple[Concept, ...] = ()
    """Neither training nor test symbols: what settings may be chosen by."""
    held_out_pairs: tuple[Concept, ...] = ()
    """Two values of different attributes each, never seen together."""


class _Sizes:
    """The sizes asked for, and the problems found with them."""

    def __init__(self, config: Config) -> None:
        self.asked: dict[str, int] = config.splits.model_dump()
        self.explicit = config.splits.model_fields_set
        self.problems: dict[str, str] = {}

    def draw(self, name: str, usual: int, draw: Callable[[int], T], of: str, *, needed: bool = True) -> T:
        """What `draw` makes of the size asked for, or of the most that there is.

        That is a problem if the user set the size, or if it is 0 though `needed`. A default, and what stands
        in for a size that was refused, are at most `usual`.
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
        """Note a problem, if it is the user who set the number."""
        if name in self.explicit and self.problems.get(name) != "":
            self.problems[name] = f"{name} {self.asked[name]}: {why}"

    def check(self, splits: Splits) -> None:
        """Raise all problems as one UsageError, with sizes that would work."""
        if self.problems:
            works = " ".join(f"--set splits.{name}={len(getattr(splits, name))}" for name in self.problems)
            raise UsageError(f"splits: {'; '.join(filter(None, self.problems.values()))}; e.g. {works}")

    def too_small(self, why: str) -> UsageError:
        earlier = "".join(f"{problem}; " for problem in self.problems.values() if problem)
        return UsageError(f"splits: {earlier}the data set is too small: {why}")

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


def draw(config: Config, image_set: ImageSet, words: Vocabulary) -> Splits:
    """Draw the lists, each from a stream of its own.

    Raises:
        UsageError: When the data set is too small for the numbers that are set, or for any: one message with
            all problems and with numbers that would work.
    """
    if not words.attributes:
        return _images_alone(config, image_set)
    if len(words.attributes) < 2:
        raise UsageError(
            f'data: "{words.names[0]}" is the only attribute: every value of it must be taught, and no '
            "concept is left to test or to recombine; a run needs two attributes at least"
        )
    sizes, seed, factors = _Sizes(config), config.seed, image_set.factors
    pairs: tuple[Concept, ...] = ()
    if sizes.asked["held_out_pairs"]:
        pairs = sizes.draw(
            "held_out_pairs",
            1,
            lambda n: held_out_pairs(words, n, generator(seed, "held_out_pairs"), Images(words, factors)),
            "pairs, so that each value stays visible",
            needed=False,
        )
    allowed = ~shows_pair(words, factors, pairs)
    images = Images(words, factors[allowed])
    drawable = math.prod(words.factor_sizes) if image_set.render is not None else len(images.rows)
    held_out = sizes.draw(
        "held_out",
        drawable // HELD_OUT_SHARE,
        lambda n: held_out_concepts(
            words,
            n,
            generator(seed, "held_out"),
            images=images,
            pairs=pairs,
            rendered=image_set.render is not None,
        ),
        "combinations, so that the values stay visible",
        needed=False,
    )
    seen = np.flatnonzero(allowed & ~words.shows_any(factors, held_out))
    test_images = sizes.draw(
        "test_images",
        max(1, len(seen) // TEST_SHARE),
        lambda n: _test_images(factors, seen, n, generator(seed, "test_images")),
        f"of {len(seen)} images, so that training images show each value",
    )
    unseen = Unseen(words, held_out, pairs, factors[np.setdiff1d(seen, test_images)])
    train, numbers = _taught(sizes, seed, words, unseen)

    def novel(name: str, known: Sequence[Concept], *, needed: bool = True) -> tuple[Concept, ...]:
        return sizes.draw(
            name,
            numbers[name],
            lambda n: novel_concepts(words, n, generator(seed, name), known=known, held_out=unseen),
            "concepts that training images show and no other list holds",
            needed=needed,
        )

    test = novel("test_symbols", train)
    validation = novel("validation_symbols", train + test, needed=False)
    triples = sizes.draw(
        "test_operators",
        len(test) * TRIPLES_EACH,
        lambda n: operator_triples(
            words, n, generator(seed, "test_operators"), held_out=unseen, results=test, taught=train
        ),
        "examples of operators with a test symbol as result",
    )
    splits = Splits(held_out, test_images, train, test, triples, validation, pairs)
    sizes.check(splits)
    return splits


def _images_alone(config: Config, image_set: ImageSet) -> Splits:
    """Test images of a set without words, and no concepts."""
    sizes, every = _Sizes(config), np.arange(len(image_set))
    if len(every) < 2:
        raise sizes.too_small(f"it has {len(every)} image, one to learn from and one to test are needed")
    test_images = sizes.draw(
        "test_images",
        max(1, len(every) // TEST_SHARE),
        lambda n: _test_images(image_set.factors, every, n, generator(config.seed, "test_images")),
        f"of {len(every)} images, so that one is left to learn from",
    )
    splits = Splits((), test_images, (), (), ())
    sizes.check(splits)
    return splits


def shows_pair(words: Vocabulary, factors: np.ndarray, pairs: Sequence[Concept]) -> np.ndarray:
    """Which of N images (N, A) show both values of one of the pairs: bool (N,)."""
    shown = np.zeros(len(factors), dtype=bool)
    for pair in pairs:
        shown |= words.matches(factors, pair)
    return shown


def notes(config: Config, splits: Splits, image_set: ImageSet, words: Vocabulary) -> list[str]:
    """What the user should know of the lists, a line each: defaults that were changed, values never shown."""
    changed = [
        f"{name} {asked} -> {len(getattr(splits, name))}"
        for name, asked in config.splits.model_dump().items()
        if len(getattr(splits, name)) != asked and (config.has_words or name == "test_images")
    ]
    lines = [f"splits: defaults fitted to the data: {', '.join(changed)}"] if changed else []
    never = [
        f'"{name}"' if name in image_set.binary else f'"{name}: {value}"'
        for name, values, column in zip(words.names, image_set.value_names, image_set.factors.T, strict=True)
        for index, value in enumerate(values)
        if (index or name not in image_set.binary) and not (column == index).any()
    ]
    if never:
        more = f" and {len(never) - 5} more" if len(never) > 5 else ""
        lines.append(f"data: no image shows {', '.join(never[:5])}{more}: these are not taught")
    return lines


def _test_images(factors: np.ndarray, seen: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n of the images `seen`, so that the others still show every value that these show.

    Where the last images of a value were drawn, one of them is given back, and another taken if it can be.
    """
    drawn = rng.choice(seen, min(n, len(seen)), replace=False)
    kept = np.setdiff1d(seen, drawn)
    columns = range(factors.shape[1])
    given_back = []
    for place in columns:
        for value in np.setdiff1d(factors[seen, place], factors[kept, place]).tolist():
            if not (factors[kept, place] == value).any():
                last = drawn[factors[drawn, place] == value][0]
                drawn, kept = drawn[drawn != last], np.append(kept, last)
                given_back.append(last)
    if given_back:
        left = [
            dict(zip(*np.unique(factors[kept, place], return_counts=True), strict=True)) for place in columns
        ]
        for image in rng.permutation(np.setdiff1d(kept, given_back)):
            if len(drawn) < n and all(left[place][factors[image, place]] > 1 for place in columns):
                drawn = np.append(drawn, image)
                for place in columns:
                    left[place][factors[image, place]] -= 1
    if len(drawn) == len(seen):
        drawn = drawn[1:]
    if len(drawn) < n:
        raise ShortageError(f"{n} test images", len(drawn))
    return np.sort(drawn)


def _taught(
    sizes: _Sizes, seed: int, words: Vocabulary, unseen: Unseen
) -> tuple[tuple[Concept, ...], dict[str, int]]:
    """The training concepts, and how many concepts each list of symbols gets.

    Where so few concepts cannot mention every symbol that is shown, more are taught.
    """
    most = sum(sizes.asked[name] for name in SYMBOLS) + words.size
    pool = 0 if unseen.images is None else len(unseen.images.rows) - 1  # one may show nothing that has a name
    if pool < most:
        try:
            pool = len(novel_concepts(words, most, generator(seed, "concepts"), known=(), held_out=unseen))
        except ShortageError as shortage:
            pool = shortage.most
    numbers = sizes.symbols(pool, None)
    while True:
        n = numbers["train_symbols"]
        try:
            return training_concepts(words, n, generator(seed, "train_symbols"), held_out=unseen), numbers
        except ShortageError as shortage:  # chance found fewer than for the pool
            pool = shortage.most
            numbers = sizes.symbols(pool, None)
        except ValueError:
            more = min(max(n + n // 4, 3 * words.size // (2 * len(words.attributes))) + 1, pool - 1)
            sizes.refuse("train_symbols", f"at least {more}, to mention every symbol")
            numbers = sizes.symbols(pool, more)
            if numbers["train_symbols"] <= n:
                raise sizes.too_small(f"{n} concepts cannot mention every symbol") from None
