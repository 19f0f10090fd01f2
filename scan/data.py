"""Images, the words for them, and the published lists of what is taught, tested and held out."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symbols import Splits, Unseen, Vocabulary, shows_pair
from vision.data import ImageSet


@dataclass(frozen=True)
class Data:
    """What concepts are learned from and measured on."""

    images: ImageSet
    vocabulary: Vocabulary
    splits: Splits

    def may_be_learned_from(self, factors: np.ndarray) -> np.ndarray:
        """Which of N images (N, A) show neither a held-out combination nor a held-out pair: bool (N,)."""
        held_out = self.vocabulary.shows_any(factors, self.splits.held_out)
        return ~held_out & ~shows_pair(self.vocabulary, factors, self.splits.held_out_pairs)

    @cached_property
    def train(self) -> np.ndarray:
        """Indices of the images that may be trained on: neither of a held-out combination, nor with a
        held-out pair, nor test images."""
        allowed = self.may_be_learned_from(self.images.factors)
        allowed[self.splits.test_images] = False
        return np.flatnonzero(allowed)

    @cached_property
    def held_out(self) -> np.ndarray:
        """Indices of the images of held-out combinations."""
        return np.flatnonzero(self.vocabulary.shows_any(self.images.factors, self.splits.held_out))

    @cached_property
    def held_out_pairs(self) -> np.ndarray:
        """Indices of the images that show both values of a held-out pair."""
        return np.flatnonzero(shows_pair(self.vocabulary, self.images.factors, self.splits.held_out_pairs))

    @cached_property
    def unseen(self) -> Unseen:
        """The concepts that nothing may be trained on, as `symbols` draws around them."""
        splits = self.splits
        shown = self.images.factors[self.train]
        return Unseen(self.vocabulary, splits.held_out, splits.held_out_pairs, shown)
