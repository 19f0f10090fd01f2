"""Encoding many images in batches."""

import torch

from vision.data import to_unit
from vision.encoding import ENCODING_BATCH, encode
from vision.models import build


def test_batches_of_bytes_are_encoded_as_the_images_themselves() -> None:
    vae = build({"kind": "convolutional", "shape": [3, 8, 8], "latents": 3, "widths": [4, 4], "hidden": 8})
    images = torch.randint(0, 256, (ENCODING_BATCH + 3, 3, 8, 8), dtype=torch.uint8)
    q = encode(vae, images, torch.device("cpu"))
    assert q.mean.shape == (len(images), 3)
    assert not q.mean.requires_grad
    with torch.no_grad():
        direct = vae.encode(to_unit(images))
    torch.testing.assert_close(q.mean, direct.mean)
    torch.testing.assert_close(q.logvar, direct.logvar)
