"""From the config to images, a vocabulary, and the published lists of what is taught, tested and held out.

The lists are drawn once, from the seed, and written to `data.json`; every stage reads them from there. A
held-out combination or pair of values is unseen by every stage that learns to name, both as an image and as
a symbol; the test images are unseen, their combinations are not. Rendered images are not stored: the same
config and seed render them again.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import isclose, nan
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from pipelines.config import Config, FolderData, NpzData, PublishedData, RoomsData
from pipelines.config.recorded import completed, flat
from pipelines.config.values import SIDES
from pipelines.devices import Machine
from pipelines.errors import RunError, UsageError, shortened
from pipelines.runs.files import read_json
from pipelines.runs.folder import RunFolder, check_format
from pipelines.runs.splits import draw, notes
from scan.data import Data
from scan.run_format import FORMAT
from symbols import Attribute, Concept, Splits, Vocabulary, VocabularyError
from vision.data import DataError, ImageSet, load_folder, load_npz
from vision.data.background import BACKGROUND
from vision.data.contrast import total_variance
from vision.data.rooms import rooms
from vision.randomness import generator

RENDERED_AT_ONCE = 2_000
ROUNDING = 1e-6
"""Of the total variance, relative: more than some pixels of another level change it by."""
ASKED = {"data", "splits", "seed"}
"""What of a config decides the content of `data.json`."""
LISTED = 5
"""Attributes that an error names at most."""

AnyData = RoomsData | NpzData | FolderData | PublishedData


def images(config: Config, *, quiet: bool = True) -> ImageSet:
    """The image set that the config asks for; the last one is kept in memory for the next stage.

    Args:
        config: The data set, and the seed of rendered ones.
        quiet: Without a progress bar.

    Raises:
        UsageError: When a file is not given, missing or not usable.
    """
    key = (config.data.model_dump_json(exclude={"aliases"}), config.seed)
    if key not in _kept:
        _kept.clear()
        _kept[key] = _images(config.data, config.seed, quiet)
    return _kept[key]


_kept: dict[tuple[str, int], ImageSet] = {}


def _images(data: AnyData, seed: int, quiet: bool) -> ImageSet:
    try:
        match data:
            case RoomsData():
                return _rendered(data, generator(seed, "images"), quiet)
            case NpzData():
                found = load_npz(
                    _path(data),
                    data.names,
                    attributes=data.attributes,
                    binary=data.binary,
                    bins=data.bins,
                )
                return found if data.size is None else found.resized(data.size)
            case FolderData():
                return load_folder(
                    _path(data),
                    data.table,
                    data.size,
                    attributes=data.attributes,
                    binary=data.binary,
                    bins=data.bins,
                    file_column=data.file_column,
                    resize=data.resize,
                    allow_outside=data.allow_outside,
                    background=data.background,
                )
            case _:
                from pipelines.runs import published_sets  # numba, which other sets do without

                return published_sets.load(data, generator(seed, "images"))
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


def record(config: Config, run: RunFolder, machine: Machine, *, fresh: bool = False) -> dict[str, Any]:
    """The content of `data.json`: what is there when it answers this config and this data, else newly drawn.

    With `fresh` it is newly drawn whatever is there.

    Args:
        config: Data set, sizes of the lists and the seed.
        run: The run folder.
        machine: Whether there is progress to show.
        fresh: Draw anew, whatever is there.

    Raises:
        UsageError: When the data cannot be loaded or split.
        RunError: When `data.json` is damaged or of another format.
    """
    asked = config.model_dump(mode="json", include=ASKED)
    path = run.path / "data.json"
    if path.exists() and not fresh:
        found = read_json(path)
        check_format(found, path)
        rendered = isinstance(config.data, RoomsData)
        same = completed(flat(found["asked"]), flat(asked), config) == flat(asked)
        if same and (rendered or images(config).sha256() == found["sha256"]):
            return found
    if isinstance(config.data, RoomsData):
        machine.say(f"data: rendering {config.data.images:,} images")
    image_set = images(config, quiet=machine.quiet)
    check_images(config, image_set)
    words = vocabulary(config, image_set)
    splits = draw(config, image_set, words)
    for note in notes(config, splits, image_set, words):
        machine.say(note)
    return _describe(config, image_set, words, splits)


def check_images(config: Config, image_set: ImageSet) -> None:
    """Refuse images that no network takes, and attributes that are the same in all images of a stored set.

    Raises:
        UsageError: With what would work.
    """
    _, height, width = image_set.shape
    if min(height, width) < SIDES[0]:
        raise UsageError(
            f"data: the images have {height}x{width} pixels, a side is at least {SIDES[0]}: "
            "set data.size to scale them"
        )
    constant = (image_set.factors == image_set.factors[:1]).all(axis=0).tolist()
    same = [name for name, is_constant in zip(image_set.names, constant, strict=True) if is_constant]
    if same and image_set.render is None:
        named = ", ".join(f'"{shortened(name)}"' for name in same[:LISTED])
        more = f" and {len(same) - LISTED} more" if len(same) > LISTED else ""
        raise UsageError(
            f"data: all images have the same value of {named}{more}: nothing can be learned of an attribute "
            "with one value, leave it out of the data, by data.attributes"
        )


def with_sizes(config: Config, record: Mapping[str, Any]) -> Config:
    """The config with the sizes that the lists of `data.json` have, where defaults were too large.

    Args:
        config: What is asked for.
        record: The content of data.json.
    """
    sizes = {name: len(found) for name, found in record["splits"].items()}
    if not config.has_words:
        sizes = {**config.splits.model_dump(), "test_images": sizes["test_images"]}
    if sizes == config.splits.model_dump():
        return config
    return config.model_copy(update={"splits": type(config.splits)(**sizes)})


def _describe(config: Config, image_set: ImageSet, words: Vocabulary, splits: Splits) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": image_set.name,
        "source": image_set.source,
        "licence": image_set.licence,
        "sha256": image_set.sha256(),
        "images": len(image_set),
        "shape": list(image_set.shape),
        "total_variance": round(total_variance(image_set.images), 6),
        "background": getattr(config.data, "background", BACKGROUND),
        "asked": config.model_dump(mode="json", include=ASKED),
        "vocabulary": words.to_dict(),
        "splits": splits.to_dict(),
    }


def load(config: Config, run: RunFolder, *, quiet: bool = True) -> Data:
    """The data of a run, as its `data.json` says.

    Args:
        config: Of the run.
        run: The run folder, with its data.json.
        quiet: Without a progress bar.

    Raises:
        RunError: When the images are not those that the run began with.
    """
    path = run.path / "data.json"
    content = read_json(path)
    check_format(content, path)
    image_set = images(config, quiet=quiet)
    if image_set.sha256() != content["sha256"] and not _differs_in_rounding(image_set, content):
        raise RunError(f"the images are not those that {path} describes (other data, or another renderer)")
    try:
        return recorded(content, image_set)
    except (ValueError, TypeError, IndexError) as error:
        raise RunError(f"{path} is damaged ({shortened(str(error))})") from error


def _differs_in_rounding(image_set: ImageSet, content: Mapping[str, Any]) -> bool:
    """Whether a rendered set is the recorded one up to rounding.

    Another processor rounds a pixel of some millions the other way. The factors and nuisances, drawn from the
    config's seed, are the same everywhere.
    """
    return (
        image_set.render is not None
        and [len(image_set), *image_set.shape] == [content["images"], *content["shape"]]
        and isclose(total_variance(image_set.images), content.get("total_variance", nan), rel_tol=ROUNDING)
    )


def recorded(content: Mapping[str, Any], image_set: ImageSet) -> Data:
    """What a `data.json` says of its images.

    Args:
        content: Of `data.json`.
        image_set: The images that it describes.

    Raises:
        ValueError: For lists that do not fit its vocabulary.
    """
    words = Vocabulary.from_dict(content["vocabulary"])
    splits = Splits.from_dict(content["splits"], words)
    if max(splits.test_images, default=0) >= len(image_set):
        raise ValueError(f"test_images: there are {len(image_set)} images")
    return Data(image_set, words, splits)
