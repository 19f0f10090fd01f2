"""Words for one's own codes (N, D), here factors plus noise, and images of them by one's own decoder."""

from types import SimpleNamespace

import numpy as np
import torch

import scan
from symbols import Attribute, Vocabulary
from vision import Gaussian

words = Vocabulary((Attribute("wall", ("red", "green", "blue")), Attribute("shape", ("hat", "ball", "box"))))
blue_box, rng = words.concept({"wall": "blue", "shape": "box"}), np.random.default_rng(0)
factors = rng.integers(3, size=(600, 3))  # of wall, of shape, and of something without a word
factors = factors[factors[:, :2].sum(1) < 4]  # no image shows a blue box
codes = torch.tensor(1.2 * (factors - 1) + rng.normal(scale=0.1, size=factors.shape))
q_x = Gaussian(codes, torch.full_like(codes, -4.6))
mentioned = rng.random((len(factors), 2, 1)) < 0.7  # a name may leave wall or shape open
y = (np.eye(3)[factors[:, :2]] * mentioned).reshape(-1, words.size)
named = scan.fit(q_x, y, words, steps=400, lr=0.1)
operators = scan.fit_operators(named, q_x, y, words, held_out=[blue_box], steps=300)
stripes = SimpleNamespace(shape=(1, 1, 3), latents=3, decode=lambda z: z[:, None, None].sigmoid())
model = scan.ConceptModel(scan.GroundedSCAN(stripes, named), operators, words)  # `img2sym` needs `encode` too
print(model.describe(model.ground("(wall: blue) AND (shape: box)")).best())
print(model.sym2img(blue_box, n=2))
