"""A joint model that is not SCAN and has no separate visual model, and the world that it knows by heart."""

import numpy as np
import torch
from torch import Tensor, nn

from symbols import Attribute, Concept, Vocabulary
from vision.gaussian import Gaussian

NAMES, VALUES = ("sky", "wall", "floor"), ("low", "middle", "high")
WORDS = Vocabulary(tuple(Attribute(name, VALUES) for name in NAMES))
NARROW = -6.0


class SharedTable(nn.Module):
    """One table of brightnesses (V,) behind both encoders and both decoders; latent k is band k."""

    shape = (1, 3, 4)
    latents = 3

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.tensor([-1.2, 0.0, 1.2]))

    def encode_symbol(self, y: Tensor) -> Gaussian:
        blocks = y.unflatten(-1, (3, 3))
        return Gaussian(blocks @ self.table, NARROW * blocks.sum(-1))

    def decode_symbol(self, z: Tensor) -> Tensor:
        return (-20 * (z.unsqueeze(-1) - self.table) ** 2).flatten(1)

    def encode_image(self, x: Tensor) -> Gaussian:
        mean = torch.logit(x.mean((1, 3)), eps=1e-4)
        return Gaussian(mean, torch.full_like(mean, NARROW))

    def decode_image(self, z: Tensor) -> Tensor:
        return z.sigmoid()[:, None, :, None].expand(-1, 1, 3, 4)


class BandJudge(nn.Module):
    """Reads the brightness of each band as the nearest of the table."""

    sizes = (3, 3, 3)

    def probabilities(self, x: Tensor) -> tuple[Tensor, ...]:
        table = SharedTable()
        logits = table.decode_symbol(table.encode_image(x).mean)
        return tuple(block.softmax(-1) for block in logits.detach().split(3, dim=-1))


def concept(row: np.ndarray) -> Concept:
    """The concept of the values (3,), where -1 leaves one open."""
    return WORDS.concept({name: VALUES[v] for name, v in zip(NAMES, row, strict=True) if v >= 0})


def pictures(factors: np.ndarray) -> Tensor:
    """Images uint8 (N, 1, 3, 4) of factors (N, 3)."""
    with torch.no_grad():
        x = SharedTable().decode_image(SharedTable().table[torch.from_numpy(factors)])
    return (255 * x).round().to(torch.uint8)
