"""From the config to images, a vocabulary, and the published lists of what is taught, tested and held out.

The lists are drawn once, from the seed, and written to `data.json`; every stage reads them from there. A
held-out combination is unseen by every stage, both as an image and as a symbol; the test images are unseen,
their combinations are not. Rendered images are not stored: the same config and seed render them again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pipelines.config import Config, FolderData, NpzData, RoomsData
from pipelines.devices import Machine
from pipelines.errors import RunError, UsageError
from pipelines.files import read_json
from pipelines.randomness import generator
from pipelines.runs import FORMAT, RunFolder, check_format
from symbols import (
    Attribute,
    Concept,
    Triple,
    Vocabulary,
    VocabularyError,
    held_out_concepts,
    novel_concepts,
    operator_triples,
    training_concepts,
)
from vision.data import DataError, ImageSet, load_folder, load_npz, to_unit
from vision.data.rooms import rooms

MOST_COMBINATIONS = 300_000
"""Vocabularies with more full combinations than this are not enumerated."""

RENDERED_AT_ONCE = 2_000

AnyData = RoomsData | NpzData | FolderData


@dataclass(frozen=True)
class Splits:
    """The published lists."""

    held_out: tuple[Concept, ...]
    test_images: np.ndarray
    """Indices (T,) into the image set."""
    train_symbols: tuple[Concept, ...]
    test_symbols: tuple[Concept, ...]
    test_operators: tuple[Triple, ...]


@dataclass(frozen=True)
class Data:
    """What a stage works on."""

    images: ImageSet
    vocabulary: Vocabulary
    splits: Splits

    @cached_property
    def train(self) -> np.ndarray:
        """Indices of the images that may be trained on: neither of a held-out combination nor test images."""
        allowed = ~self.vocabulary.shows_any(self.images.factors, self.splits.held_out)
        allowed[self.splits.test_images] = False
        return np.flatnonzero(allowed)

    @cached_property
    def held_out(self) -> np.ndarray:
        """Indices of the images of held-out combinations."""
        return np.flatnonzero(self.vocabulary.shows_any(self.images.factors, self.splits.held_out))


def images(config: Config, *, quiet: bool = True) -> ImageSet:
    """The image set that the config asks for; the last one is kept in memory for the next stage.

    Raises:
        UsageError: When a file is not given, missing or not usable.
    """
    key = (config.data.model_copy(update={"aliases": ()}), config.seed)
    if key not in _kept:
        _kept.clear()
        _kept[key] = _images(*key, quiet)
    return _kept[key]


_kept: dict[tuple[AnyData, int], ImageSet] = {}


def _images(data: AnyData, seed: int, quiet: bool) -> ImageSet:
    try:
        match data:
            case RoomsData():
                return _rendered(data, generator(seed, "images"), quiet)
            case NpzData():
                found = load_npz(_path(data), data.names, binary=data.binary)
                return found if data.size is None else found.resized(data.size)
            case FolderData():
                return load_folder(
                    _path(data),
                    data.table,
                    data.size,
                    attributes=data.attributes,
                    binary=data.binary,
                    file_column=data.file_column,
                    resize=data.resize,
                    allow_outside=data.allow_outside,
                )
    except DataError as error:
        raise UsageError(str(error)) from error


def _rendered(data: RoomsData, rng: np.random.Generator, quiet: bool) -> ImageSet:
    """Render in parts, so that there is progress to show."""
    hidden = True if quiet else None
    with tqdm(total=data.images, desc="rendering", unit="image", delay=1, disable=hidden) as bar:
        parts = []
        for start in range(0, data.images, RENDERED_AT_ONCE):
            parts.append(rooms(min(RENDERED_AT_ONCE, data.images - start), size=data.size, rng=rng))
            bar.update(len(parts[-1]))
    return replace(
        parts[0],
        images=torch.cat([part.images for part in parts]),
        factors=np.concatenate([part.factors for part in parts]),
    )


def _path(data: NpzData | FolderData) -> str:
    if data.path is None:
        obtain = f" ({data.obtain})" if data.obtain else ""
        raise UsageError(f"this data set is read from a file: --set data.path=PATH{obtain}")
    return data.path


def vocabulary(config: Config, image_set: ImageSet) -> Vocabulary:
    """The words for an image set, with the config's aliases.

    Raises:
        UsageError: For a name that cannot be one, or an alias that names nothing.
    """
    named = zip(image_set.names, image_set.value_names, strict=True)
    try:
        return Vocabulary(
            tuple(
                Attribute(name, binary=True) if name in image_set.binary else Attribute(name, values)
                for name, values in named
            ),
            {name: Concept(items) for name, items in config.data.aliases.items()},
        )
    except VocabularyError as error:
        raise UsageError(f"data: {error}") from error


def draw(config: Config, image_set: ImageSet, words: Vocabulary) -> Splits:
    """Draw the lists, each from a stream of its own, so that the length of one never changes another.

    Raises:
        UsageError: When the data set is too small for the numbers asked for.
    """
    sizes, seed = config.splits, config.seed
    try:
        held_out = held_out_concepts(words, sizes.held_out, generator(seed, "held_out"))
        seen = np.flatnonzero(~words.shows_any(image_set.factors, held_out))
        if sizes.test_images >= len(seen):
            raise ValueError(f"test_images {sizes.test_images} of {len(seen)} images leave none to train on")
        test_images = np.sort(generator(seed, "test_images").choice(seen, sizes.test_images, replace=False))
        shown = image_set.factors[np.setdiff1d(seen, test_images)]
        hidden = held_out + _without_images(words, shown, held_out)
        train = training_concepts(
            words, sizes.train_symbols, generator(seed, "train_symbols"), held_out=hidden
        )
        novel = novel_concepts(
            words, sizes.test_symbols, generator(seed, "test_symbols"), known=train, held_out=hidden
        )
        triples = operator_triples(
            words, sizes.test_operators, generator(seed, "test_operators"), held_out=hidden, results=novel
        )
    except ValueError as error:
        raise UsageError(f"splits: {error}") from error
    return Splits(held_out, test_images, train, novel, triples)


def _without_images(words: Vocabulary, shown: np.ndarray, held_out: Sequence[Concept]) -> tuple[Concept, ...]:
    """The full combinations, besides the held-out ones, that no training image (N, A) shows.

    A concept that only these fall under cannot be taught by example. None are listed for a vocabulary too
    large for its combinations to be enumerated.
    """
    if math.prod(words.factor_sizes) > MOST_COMBINATIONS:
        return ()
    every = np.stack(np.unravel_index(np.arange(math.prod(words.factor_sizes)), words.factor_sizes), axis=1)
    present = np.zeros(words.factor_sizes, dtype=bool)
    present[tuple(shown.T)] = True
    absent = every[~present[tuple(every.T)]]
    absent = absent[~words.shows_any(absent, held_out)] if len(absent) else absent
    return tuple(words.describe(row) for row in absent)


def record(config: Config, run: RunFolder, machine: Machine) -> dict[str, Any]:
    """The content of `data.json`: what is there when it answers this config and this data, else newly drawn.

    Raises:
        UsageError: When the data cannot be loaded or split.
        RunError: When `data.json` is damaged or of another format.
    """
    asked = config.model_dump(mode="json", include={"data", "splits", "seed"})
    path = run.path / "data.json"
    if path.exists():
        found = read_json(path)
        check_format(found, path)
        rendered = isinstance(config.data, RoomsData)
        if found["asked"] == asked and (rendered or images(config).sha256() == found["sha256"]):
            return found
    if isinstance(config.data, RoomsData):
        machine.say(f"data: rendering {config.data.images:,} images")
    image_set = images(config, quiet=machine.quiet)
    words = vocabulary(config, image_set)
    return _describe(asked, image_set, words, draw(config, image_set, words))


def _describe(
    asked: Mapping[str, Any], image_set: ImageSet, words: Vocabulary, splits: Splits
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": image_set.name,
        "source": image_set.source,
        "licence": image_set.licence,
        "sha256": image_set.sha256(),
        "images": len(image_set),
        "shape": list(image_set.shape),
        "asked": dict(asked),
        "vocabulary": words.to_dict(),
        "splits": {
            "held_out": [dict(concept.items) for concept in splits.held_out],
            "test_images": splits.test_images.tolist(),
            "train_symbols": [dict(concept.items) for concept in splits.train_symbols],
            "test_symbols": [dict(concept.items) for concept in splits.test_symbols],
            "test_operators": [
                {"op": op, "left": dict(left.items), "right": dict(right.items), "result": dict(result.items)}
                for op, left, right, result in splits.test_operators
            ],
        },
    }


def load(config: Config, run: RunFolder, *, quiet: bool = True) -> Data:
    """The data of a run, as its `data.json` says.

    Raises:
        RunError: When the images are not those that the run began with.
    """
    path = run.path / "data.json"
    content = read_json(path)
    check_format(content, path)
    image_set = images(config, quiet=quiet)
    if image_set.sha256() != content["sha256"]:
        raise RunError(f"the images are not those that {path} describes (other data, or rendered elsewhere)")
    words = Vocabulary.from_dict(content["vocabulary"])
    lists = content["splits"]
    return Data(
        image_set,
        words,
        Splits(
            _concepts(words, lists["held_out"]),
            np.array(lists["test_images"], dtype=np.int64),
            _concepts(words, lists["train_symbols"]),
            _concepts(words, lists["test_symbols"]),
            tuple(
                Triple(t["op"], *(words.concept(t[side]) for side in ("left", "right", "result")))
                for t in lists["test_operators"]
            ),
        ),
    )


def _concepts(words: Vocabulary, items: Sequence[Mapping[str, str]]) -> tuple[Concept, ...]:
    return tuple(words.concept(concept) for concept in items)


def resident(image_set: ImageSet, indices: np.ndarray, device: torch.device) -> Tensor:
    """The images at `indices` on a device, uint8 (N, H, W, C): the order in which convolutions are fast."""
    return image_set.images[torch.from_numpy(indices)].permute(0, 2, 3, 1).contiguous().to(device)


def batch(pixels: Tensor, rows: Tensor | slice) -> Tensor:
    """Rows of resident pixels as images (B, C, H, W) in [0, 1], channels last in memory."""
    return to_unit(pixels[rows]).permute(0, 3, 1, 2)
