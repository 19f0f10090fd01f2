"""Pictures in requests: base64 in, the model's pixels out, within limits."""

import base64
import binascii
import io
import re
from typing import NamedTuple

from torch import Tensor

from vision.data import DataError
from vision.data.pictures import Target, decode_picture

MOST_PIXELS = 24_000_000
"""Of a picture in a request; decoding takes up to 8 bytes each."""
_PREFIX = re.compile(r"data:[\w/+.-]*;base64,")


class Upload(NamedTuple):
    """A picture of a request, as the visual model takes it."""

    pixels: Tensor
    """uint8 (C, H, W)."""
    note: str
    """What had to be done to it; empty where nothing."""


def read_upload(encoded: str, target: Target, most_pixels: int = MOST_PIXELS) -> Upload:
    """Read a picture of a request.

    Args:
        encoded: The base64 of a picture file, with or without "data:...;base64," before it.
        target: What to make it.
        most_pixels: Of the file; more are refused before they are decoded.

    Raises:
        DataError: When it is no base64, or no picture that can be read.
    """
    prefix = _PREFIX.match(encoded)
    try:
        content = base64.b64decode(encoded[prefix.end() if prefix else 0 :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError("not the base64 of a picture file") from error
    pixels, (had_height, had_width), _ = decode_picture(io.BytesIO(content), *target, most_pixels=most_pixels)
    height, width = pixels.shape[1:]
    if (had_height, had_width) == (height, width):
        return Upload(pixels, "")
    cropped = "" if had_width * height == had_height * width else ", cropped to the middle"
    return Upload(pixels, f"{had_width}x{had_height} made {width}x{height}{cropped}")
