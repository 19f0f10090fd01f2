"""Picture files of any common kind as 8-bit pixels, for folders of images and single images.

    orientation   as the EXIF tag says
    transparency  laid over a background, black unless another is asked for
    16 bits       65535 becomes 255; 32-bit integers too where their largest is from 256 to 65535
    floats        0 to 1 becomes 0 to 255; any other range is refused, for nothing says what white is
    palettes, CMYK, YCbCr, 1 bit, grey    converted to RGB, or to grey (ITU-R 601 luma)
    several frames or pages               the first
    other proportions                     cropped about the centre
    other sizes                           the average of the area downwards, bicubic upwards

Colour profiles are not applied.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError
from torch import Tensor

from vision.data.background import BACKGROUND
from vision.data.images import DataError
from vision.data.paths import regular

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Raster formats; other formats, such as EPS, are programs, which Pillow would execute."""
MOST_PIXELS = 100_000_000
QUOTED = 200
"""Characters that an error quotes of a decoder's own message, at most."""


class Picture(NamedTuple):
    """A picture, and what it was before it was scaled."""

    pixels: Tensor
    """uint8 (C, H, W)."""
    found: tuple[int, int]
    """(height, width) in the file, upright."""
    has_transparency: bool
    """Whether the background may show."""


class Target(NamedTuple):
    """What a picture is made, as further arguments of `read_picture`: `read_picture(path, *target)`."""

    channels: Literal[1, 3]
    size: tuple[int, int]
    background: str


def target_of(shape: Sequence[int], background: str = BACKGROUND) -> Target:
    """What pictures are made for a model of images of the shape (C, H, W)."""
    channels, height, width = shape
    return Target(1 if channels == 1 else 3, (height, width), background)


def read_picture(
    path: str | os.PathLike[str],
    channels: Literal[1, 3] = 3,
    size: tuple[int, int] | None = None,
    background: str = BACKGROUND,
) -> Picture:
    """Read a picture file as the module describes.

    Args:
        path: A file in one of `FORMATS`, whatever its name ends in; "~" is expanded.
        channels: 3 for RGB, 1 for grey.
        size: (height, width) to crop and scale to; by default the picture keeps its own.
        background: What transparent pixels are laid over, a colour as `vision.data.background` takes it.

    Raises:
        FileNotFoundError: When there is no such file.
        DataError: When it is not a picture, is damaged, larger than `MOST_PIXELS`, or has no defined white;
            the message does not name the path.
    """
    path = regular(path)
    try:
        with open(path, "rb") as stream:
            return decode_picture(stream, channels, size, background)
    except OSError as error:
        raise DataError(_damaged(error)) from error


def decode_picture(
    stream: BinaryIO,
    channels: Literal[1, 3] = 3,
    size: tuple[int, int] | None = None,
    background: str = BACKGROUND,
    *,
    most_pixels: int = MOST_PIXELS,
) -> Picture:
    """Read a picture from an open file, as `read_picture`.

    Args:
        stream: The content of a file, open for reading bytes.
        channels: 3 for RGB, 1 for grey.
        size: (height, width) to crop and scale to; by default the picture keeps its own.
        background: As in `read_picture`.
        most_pixels: Of the file; more are refused before they are decoded.

    Raises:
        DataError: As `read_picture`.
    """
    try:
        # Pillow warns of metadata that is not used here, and of sizes, which are checked below.
        # It is given a stream, for it does not turn grey TIFF files that it maps into memory by their name.
        with warnings.catch_warnings(action="ignore"), Image.open(stream, formats=FORMATS) as file:
            if file.width * file.height > most_pixels:
                raise DataError(_too_large(f"{file.width}x{file.height} pixels", most_pixels))
            return convert(file, channels, size, background)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"not a picture in one of the formats {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise DataError(_too_large("too many pixels", most_pixels)) from error
    except Exception as error:  # what a decoder meets in damaged bytes is of any type
        raise DataError(_damaged(error)) from error


def convert(
    image: Image.Image,
    channels: Literal[1, 3] = 3,
    size: tuple[int, int] | None = None,
    background: str = BACKGROUND,
) -> Picture:
    """Convert a picture of Pillow as `read_picture` does one in a file.

    Args:
        image: Of any mode.
        channels: As in `read_picture`.
        size: As in `read_picture`.
        background: As in `read_picture`.

    Raises:
        DataError: When it has no defined white.
    """
    image.load()
    upright = _upright(image)
    opaque = _eight_bits(upright, image.format or "", background).convert("RGB" if channels == 3 else "L")
    found = opaque.height, opaque.width
    pixels = torch.from_numpy(np.array(opaque if size is None else _fitted(opaque, size)))
    pixels = pixels.permute(2, 0, 1) if channels == 3 else pixels[None]
    return Picture(pixels, found, _has_transparency(upright))


def _has_transparency(image: Image.Image) -> bool:
    return image.has_transparency_data or image.mode in ("La", "RGBa")


def _damaged(error: Exception) -> str:
    what = " ".join(str(error).split())[:QUOTED] or type(error).__name__
    return f"damaged, or of an unknown kind: {what}"


def _too_large(what: str, most: int) -> str:
    return f"{what}: at most {most / 1_000_000:g} million are read"


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF tag says; as stored where the EXIF data, which are not pixels, are damaged."""
    try:
        image.getexif()
    except Exception:  # as in decoders, of any type
        return image
    return ImageOps.exif_transpose(image)


def _eight_bits(image: Image.Image, file_format: str, background: str) -> Image.Image:
    """An opaque image whose pixels have 8 bits a channel."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _scaled(image, file_format, background)
    if _has_transparency(image):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    return image


def _scaled(image: Image.Image, file_format: str, background: str) -> Image.Image:
    """A grey image of 16 bits, 32 bits or floats, so that its white is 255."""
    values = np.asarray(image)
    least, most = values.min(), values.max()
    white = 1 if image.mode == "F" else 65535
    if image.mode == "F" and not 0 <= least <= most <= white:  # also where a pixel is not a number
        raise DataError(f"pixels are floats from {least:g} to {most:g}: expected 0 to 1")
    is_long = image.mode == "I" and file_format not in ("PNG", "PPM")  # of these, 16 bits are read as "I"
    if is_long and not (least >= 0 and 255 < most <= white):
        raise DataError(
            f"pixels are 32-bit integers from {least} to {most}, which do not say what white is: "
            "save it with 8 or 16 bits"
        )
    scaled = np.rint(values * (255 / white)).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        scaled[values == transparent] = ImageColor.getcolor(background, "L")
    return Image.fromarray(scaled)


def _fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cropped about the centre to the proportions of `size` (H, W) and scaled to it."""
    height, width = size
    if (image.height, image.width) == size:
        return image
    shrinks = image.height >= height and image.width >= width
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return ImageOps.fit(image, (width, height), method)
