"""Images side by side in one, and an image as the content of a PNG file."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torch.nn import functional as F


def make_grid(images: Tensor, *, columns: int = 8, padding: int = 2, background: float = 0) -> Tensor:
    """Images (N, C, H, W), C of 1 or 3, in rows of `columns`, as one image (3, height, width) of their type.

    Equal to `torchvision.utils.make_grid`, without the import of torchvision: it takes 1.7 s of the 6 s in
    which `scan sym2img` starts.

    Args:
        images: At least one; a single one is returned as it is.
        columns: Images in a row; the last row is filled with the background.
        padding: Width in pixels of the background between and around the images.
        background: The value of its pixels.
    """
    images = images.expand(-1, 3, -1, -1)
    n = len(images)
    if n == 1:
        return images[0]
    columns = min(columns, n)
    missing = -n % columns
    cells = F.pad(images, (padding, 0, padding, 0, 0, 0, 0, missing), value=background)
    rows = cells.unflatten(0, (-1, columns)).permute(2, 0, 3, 1, 4)
    grid = rows.flatten(3, 4).flatten(1, 2)
    return F.pad(grid, (0, padding, 0, padding), value=background)


def png(image: Tensor, software: str = "") -> bytes:
    """An image as the content of a PNG file.

    It is compressed at Pillow's default level: `optimize=True` takes 4.7 times as long (20 figures of a
    report: 3.2 s against 0.67 s) for files that are 3 % smaller.

    Args:
        image: uint8 (channels, H, W), grey or RGB.
        software: What the text chunk Software says, the first after the header; the file has none where it is
            empty.
    """
    text = PngInfo()
    if software:
        text.add_text("Software", software)
    pixels = image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()
