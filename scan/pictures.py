"""What a user may pass as images: tensors, paths of picture files, pictures of Pillow."""

import os
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from vision.data import DataError
from vision.data.background import BACKGROUND
from vision.data.pictures import Target, convert, read_picture, target_of

PictureLike = str | os.PathLike[str] | Image.Image
"""The path of a picture file, or a picture of Pillow."""

ImagesLike = Tensor | PictureLike | Sequence[PictureLike]
"""Images (B, C, H, W) or one (C, H, W), float in [0, 1] or uint8; a picture; or several pictures."""

TOLERANCE = 1e-3
"""How far a float image may leave [0, 1] by rounding."""


def as_images(
    x: ImagesLike, shape: Sequence[int], device: torch.device, background: str = BACKGROUND
) -> Tensor:
    """Return x as float images (B, C, H, W) in [0, 1].

    Pictures are cropped about their centre to the proportions of the model's images and scaled to their size
    (`vision.data.pictures`); tensors must have it.

    Args:
        x: Images.
        shape: (C, H, W) of the model's images.
        device: Where the result will be.
        background: The colour that transparent pictures are laid over.

    Raises:
        FileNotFoundError: For a path that does not exist.
        ValueError: For a tensor of another shape, type or range, for a file that is not a picture, and for no
            pictures at all.
    """
    if isinstance(x, Tensor):
        return _checked(x, shape, device)
    pictures = [x] if isinstance(x, str | os.PathLike | Image.Image) else list(x)
    if not pictures:
        raise ValueError("expected at least one picture, got none")
    target = target_of(shape, background)
    pixels = torch.stack([_pixels(picture, target) for picture in pictures])
    return pixels.to(device).float() / 255


def different(x: Tensor) -> Tensor:
    """Return the images (B, C, H, W) without those that equal an earlier one in every pixel."""
    first: dict[bytes, int] = {}
    for i, image in enumerate(x.detach().cpu()):
        first.setdefault(image.numpy().tobytes(), i)
    return x[torch.tensor([*first.values()], dtype=torch.long, device=x.device)]


def _pixels(picture: PictureLike, target: Target) -> Tensor:
    """uint8 (C, H, W) of one picture."""
    try:
        if isinstance(picture, Image.Image):
            return convert(picture, *target).pixels
        return read_picture(picture, *target).pixels
    except DataError as error:
        name = "the picture" if isinstance(picture, Image.Image) else os.fspath(picture)
        raise ValueError(f"{name}: {error}") from error


def _checked(x: Tensor, shape: Sequence[int], device: torch.device) -> Tensor:
    batch = x.unsqueeze(0) if x.ndim == 3 else x
    if tuple(batch.shape[1:]) != tuple(shape):
        expected = ", ".join(map(str, shape))
        raise ValueError(f"expected images (B, {expected}) or one ({expected}), got {tuple(x.shape)}")
    batch = batch.to(device)
    if batch.dtype == torch.uint8:
        return batch.float() / 255
    if not batch.is_floating_point():
        raise ValueError(f"expected images as floats in [0, 1] or as uint8, got {batch.dtype}")
    if batch.numel() and not (batch.amin() >= -TOLERANCE and batch.amax() <= 1 + TOLERANCE):
        raise ValueError("expected float images in [0, 1], found values outside")
    return batch.float().clamp(0, 1)
