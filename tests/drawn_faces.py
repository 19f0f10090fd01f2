"""Drawn faces in the format of CelebA's files, to check what reads them: `python tests/drawn_faces.py DIR N`.

They say nothing about CelebA. Each of `ATTRIBUTES` is present with probability 1/2, independently; position,
width and background vary beside them.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ATTRIBUTES = ("Bangs", "Blond_Hair", "Eyeglasses", "Goatee", "Pale_Skin", "Smiling")
"""Names of CelebA."""
SIZE = (178, 218)
"""Width and height of CelebA's aligned pictures."""


def write(folder: Path, n: int, seed: int = 0) -> None:
    """Write img_align_celeba/000001.jpg to N.jpg and list_attr_celeba.txt.

    Args:
        folder: Where to.
        n: How many faces.
        seed: Of attributes and all that varies beside them.
    """
    rng = np.random.default_rng(seed)
    pictures = folder / "img_align_celeba"
    pictures.mkdir(parents=True, exist_ok=True)
    lines = [str(n), " ".join(ATTRIBUTES)]
    for number, present in enumerate(rng.integers(0, 2, (n, len(ATTRIBUTES))), start=1):
        name = f"{number:06}.jpg"
        face(dict(zip(ATTRIBUTES, present.astype(bool).tolist(), strict=True)), rng).save(pictures / name)
        lines.append(f"{name} " + " ".join(f"{2 * value - 1:2d}" for value in present))
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def face(present: dict[str, bool], rng: np.random.Generator) -> Image.Image:
    """A picture of 178x218 pixels.

    Args:
        present: Which of `ATTRIBUTES` it shows.
        rng: Source of position, width and background.
    """
    image = Image.new("RGB", SIZE, tuple(rng.integers(40, 160, 3).tolist()))
    draw = ImageDraw.Draw(image)
    x, y = (np.array((89, 112)) + rng.integers(-8, 9, 2)).tolist()
    half = int(rng.integers(40, 52))
    hair = (225, 190, 90) if present["Blond_Hair"] else (60, 35, 20)
    skin = (250, 225, 205) if present["Pale_Skin"] else (200, 140, 105)

    def oval(cx: int, cy: int, rx: int, ry: int, colour: tuple[int, int, int]) -> None:
        draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=colour)

    oval(x, y - 20, half + 14, 70, hair)
    oval(x, y, half, 62, skin)
    if present["Bangs"]:
        draw.pieslice((x - half, y - 62, x + half, y + 10), 180, 360, fill=hair)
    for side in (-1, 1):
        oval(x + side * 19, y - 10, 5, 5, (30, 30, 40))
        if present["Eyeglasses"]:
            box = (x + side * 19 - 14, y - 22, x + side * 19 + 14, y + 2)
            draw.ellipse(box, outline=(10, 10, 10), width=4)
    if present["Goatee"]:
        oval(x, y + 50, 17, 12, hair)
    if present["Smiling"]:
        teeth, lips = (250, 250, 250), (150, 40, 50)
        draw.chord((x - 22, y + 5, x + 22, y + 40), 10, 170, fill=teeth, outline=lips, width=4)
    else:
        draw.line((x - 16, y + 28, x + 16, y + 28), fill=(150, 40, 50), width=5)
    return image


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
