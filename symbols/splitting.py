"""Draw the published lists from a vocabulary and the factors of the images.

Each list is drawn from a stream of its own, so that the length of one never changes another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from symbols.concepts import Concept
from symbols.enumeration import ShortageError
from symbols.holding_out import held_out_concepts, held_out_pairs
from symbols.sampling import novel_concepts, training_concepts
from symbols.split_sizes import SYMBOLS, SplitSizes
from symbols.splits import Splits, shows_pair
from symbols.triples import operator_triples
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary

HELD_OUT_SHARE = 10
"""By default at most one in so many of the combinations that images show is held out."""
TEST_SHARE = 5
"""By default at most one in so many images is a test image."""
TRIPLES_EACH = 3
"""By default at most so many examples of operators lead to one test symbol."""

Streams = Callable[[str], np.random.Generator]
"""Name of a list -> the generator that it is drawn from, always in the same state."""


def draw_splits(
    words: Vocabulary, factors: np.ndarray, sizes: SplitSizes, rng: Streams, *, rendered: bool = False
) -> Splits:
    """Draw the lists, each from a stream of its own.

    Args:
        words: The vocabulary, of two attributes at least.
        factors: The value of each attribute in each image, (N, A).
        sizes: How many of each are asked for.
        rng: The generator of each list.
        rendered: Whether images of any combination can be rendered.

    Raises:
        SplitError: When the data set is too small for the sizes that are asked for, or for any.
    """
    pairs: tuple[Concept, ...] = ()
    if sizes.asked["held_out_pairs"]:
        pairs = sizes.draw(
            "held_out_pairs",
            1,
            lambda n: held_out_pairs(words, n, rng("held_out_pairs"), Images(words, factors)),
            "pairs, so that each value stays visible",
            needed=False,
        )
    allowed = ~shows_pair(words, factors, pairs)
    images = Images(words, factors[allowed])
    drawable = math.prod(words.factor_sizes) if rendered else len(images.rows)
    held_out = sizes.draw(
        "held_out",
        drawable // HELD_OUT_SHARE,
        lambda n: held_out_concepts(
            words,
            n,
            rng("held_out"),
            images=images,
            pairs=pairs,
            rendered=rendered,
        ),
        "combinations, so that the values stay visible",
        needed=False,
    )
    seen = np.flatnonzero(allowed & ~words.shows_any(factors, held_out))
    test_images = sizes.draw(
        "test_images",
        max(1, len(seen) // TEST_SHARE),
        lambda n: _test_images(factors, seen, n, rng("test_images")),
        f"of {len(seen)} images, so that training images show each value",
    )
    unseen = Unseen(words, held_out, pairs, factors[np.setdiff1d(seen, test_images)])
    train, numbers = _taught(sizes, rng, words, unseen)

    def novel(name: str, known: Sequence[Concept], *, needed: bool = True) -> tuple[Concept, ...]:
        return sizes.draw(
            name,
            numbers[name],
            lambda n: novel_concepts(words, n, rng(name), known=known, held_out=unseen),
            "concepts that training images show and no other list holds",
            needed=needed,
        )

    test = novel("test_symbols", train)
    validation = novel("validation_symbols", train + test, needed=False)
    triples = sizes.draw(
        "test_operators",
        len(test) * TRIPLES_EACH,
        lambda n: operator_triples(
            words, n, rng("test_operators"), held_out=unseen, results=test, taught=train
        ),
        "examples of operators with a test symbol as result",
    )
    splits = Splits(held_out, test_images, train, test, triples, validation, pairs)
    sizes.check(splits)
    return splits


def draw_test_images(factors: np.ndarray, sizes: SplitSizes, rng: Streams) -> Splits:
    """Draw the test images of a set without words; all other lists are empty.

    Args:
        factors: Of N images, (N, A); A may be 0.
        sizes: How many test images are asked for.
        rng: The generator of each list.

    Raises:
        SplitError: For fewer than two images, and when the number asked for leaves none to learn from.
    """
    every = np.arange(len(factors))
    if len(every) < 2:
        raise sizes.too_small(f"it has {len(every)} image, one to learn from and one to test are needed")
    test_images = sizes.draw(
        "test_images",
        max(1, len(every) // TEST_SHARE),
        lambda n: _test_images(factors, every, n, rng("test_images")),
        f"of {len(every)} images, so that one is left to learn from",
    )
    splits = Splits((), test_images, (), (), ())
    sizes.check(splits)
    return splits


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
    sizes: SplitSizes, rng: Streams, words: Vocabulary, unseen: Unseen
) -> tuple[tuple[Concept, ...], dict[str, int]]:
    """The training concepts, and how many concepts each list of symbols gets.

    Where so few concepts cannot mention every symbol that is shown, more are taught.
    """
    most = sum(sizes.asked[name] for name in SYMBOLS) + words.size
    pool = 0 if unseen.images is None else len(unseen.images.rows) - 1  # one may show nothing that has a name
    if pool < most:
        try:
            pool = len(novel_concepts(words, most, rng("concepts"), known=(), held_out=unseen))
        except ShortageError as shortage:
            pool = shortage.most
    numbers = sizes.symbols(pool, None)
    while True:
        n = numbers["train_symbols"]
        try:
            return training_concepts(words, n, rng("train_symbols"), held_out=unseen), numbers
        except ShortageError as shortage:  # chance found fewer than for the pool
            pool = shortage.most
            numbers = sizes.symbols(pool, None)
        except ValueError:
            more = min(max(n + n // 4, 3 * words.size // (2 * len(words.attributes))) + 1, pool - 1)
            sizes.refuse("train_symbols", f"at least {more}, to mention every symbol")
            numbers = sizes.symbols(pool, more)
            if numbers["train_symbols"] <= n:
                raise sizes.too_small(f"{n} concepts cannot mention every symbol") from None
