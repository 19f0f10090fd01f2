"""SCAN and the visual model that its symbols are grounded in, as one `JointModel`."""

from torch import Tensor, nn

from scan.joint_model import SymbolModel
from vision.gaussian import Gaussian
from vision.models import VisionModel


class GroundedSCAN(nn.Module):
    """A visual model q(z|x), p(x|z), and a symbol model q(z|y), p(y|z) on the same latents.

    Args:
        vision: The visual model: any object with `encode`, `decode`, `shape` (C, H, W) and `latents`, D.
            `encode` and `shape` may be missing where no image is encoded.
        scan: The symbol encoder and decoder, on the same D latents.
    """

    vision: VisionModel
    scan: SymbolModel

    def __init__(self, vision: VisionModel, scan: SymbolModel) -> None:
        super().__init__()
        self.vision = vision
        self.scan = scan

    @property
    def latents(self) -> int:
        """D, the number of latents of the visual model."""
        return self.vision.latents

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of the images of the visual model."""
        return tuple(self.vision.shape)

    def encode_symbol(self, y: Tensor) -> Gaussian:
        """Return q(z|y) over (B, D) for k-hot symbols y (B, K), float."""
        return self.scan.encode_symbol(y)

    def decode_symbol(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) of p(y|z) for latents z (B, D)."""
        return self.scan.decode_symbol(z)

    def encode_image(self, x: Tensor) -> Gaussian:
        """Return q(z|x) over (B, D) for images x (B, C, H, W) in [0, 1]."""
        return self.vision.encode(x)

    def decode_image(self, z: Tensor) -> Tensor:
        """Return the images (B, C, H, W) in [0, 1] that latents z (B, D) decode to."""
        return self.vision.decode(z)
