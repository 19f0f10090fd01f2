"""What is true of real images, by which their descriptions are scored."""

import numpy as np

from scan.real_images import true_symbols
from symbols import Attribute, Vocabulary


def test_the_true_symbols_of_images_are_those_of_their_concepts() -> None:
    words = Vocabulary(
        (Attribute("a", ("x", "y", "z")), Attribute("b", binary=True), Attribute("c", ("p", "q")))
    )
    factors = np.array([[2, 1, 0], [0, 0, 1]])
    expected = np.stack([words.encode(words.describe(row)) for row in factors]).astype(bool)
    assert np.array_equal(true_symbols(words, factors).numpy(), expected)
