"""The published lists of a run, and what a user should know of them."""

from functools import partial

from pipelines.config import Config
from pipelines.errors import UsageError
from symbols import SplitError, Splits, SplitSizes, Vocabulary, draw_splits, draw_test_images
from vision.data import ImageSet
from vision.randomness import generator

LISTED = 5
"""Values that a note names at most."""


def draw(config: Config, image_set: ImageSet, words: Vocabulary) -> Splits:
    """Draw the lists, each from a stream of its own.

    Args:
        config: The sizes that are asked for, and the seed.
        image_set: The images.
        words: Their vocabulary.

    Raises:
        UsageError: When the data set is too small for the numbers that are set, or for any: one message with
            all problems and with numbers that would work.
    """
    if len(words.attributes) == 1:
        raise UsageError(
            f'data: "{words.names[0]}" is the only attribute: every value of it must be taught, and no '
            "concept is left to test or to recombine; a run needs two attributes at least"
        )
    sizes = SplitSizes(config.splits.model_dump(), config.splits.model_fields_set)
    streams, rendered = partial(generator, config.seed), image_set.render is not None
    try:
        if not words.attributes:
            return draw_test_images(image_set.factors, sizes, streams)
        return draw_splits(words, image_set.factors, sizes, streams, rendered=rendered)
    except SplitError as error:
        works = " ".join(f"--set splits.{name}={n}" for name, n in error.works.items())
        raise UsageError(f"splits: {error}" + (f"; e.g. {works}" if works else "")) from error


def notes(config: Config, splits: Splits, image_set: ImageSet, words: Vocabulary) -> list[str]:
    """What the user should know of the lists, a line each: defaults that were changed, values never shown.

    Args:
        config: What is asked for.
        splits: What was drawn.
        image_set: The images.
        words: Their vocabulary.
    """
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
        more = f" and {len(never) - LISTED} more" if len(never) > LISTED else ""
        lines.append(f"data: no image shows {', '.join(never[:LISTED])}{more}: these are not taught")
    return lines
