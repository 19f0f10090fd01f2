"""The contract of a concept model: images and symbols that share one latent space.

    q(z|y)  encode_symbol        q(z|x)  encode_image
    p(y|z)  decode_symbol        p(x|z)  decode_image        prior p(z) = N(0, I)

SCAN with the visual model that it is grounded in keeps it (`scan.grounded_scan`), and so can models that
learn both encoders together: JMVAE (Suzuki, Nakayama, Matsuo, "Joint Multimodal Learning with Deep Generative
Models", 2016), and the triple ELBO (Vedantam et al., "Generative Models of Visually Grounded Imagination",
ICLR 2018). The operators, the evaluation, `sym2img` and `img2sym` know nothing else of a model.
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from vision.gaussian import Gaussian


class SymbolModel(Protocol):
    """The half of the contract that needs no image."""

    def encode_symbol(self, y: Tensor) -> Gaussian:
        """Return q(z|y) over (B, D) for k-hot symbols y (B, K), float."""
        ...

    def decode_symbol(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) of p(y|z) for latents z (B, D)."""
        ...


class JointModel(SymbolModel, Protocol):
    """A model of images and symbols with D shared latents."""

    @property
    def latents(self) -> int:
        """D, the number of latents."""
        ...

    @property
    def shape(self) -> Sequence[int]:
        """(C, H, W) of the images."""
        ...

    def encode_image(self, x: Tensor) -> Gaussian:
        """Return q(z|x) over (B, D) for images x (B, C, H, W) in [0, 1]."""
        ...

    def decode_image(self, z: Tensor) -> Tensor:
        """Return the images (B, C, H, W) in [0, 1] that latents z (B, D) decode to."""
        ...


class JointModelHolder(nn.Module):
    """A module with a joint model inside, which keeps the contract by it.

    Args:
        model: The encoders and decoders of images and symbols.
    """

    model: JointModel

    def __init__(self, model: JointModel) -> None:
        super().__init__()
        self.model = model

    @property
    def latents(self) -> int:
        """D, the number of latents."""
        return self.model.latents

    @property
    def shape(self) -> Sequence[int]:
        """(C, H, W) of the images."""
        return self.model.shape

    def encode_symbol(self, y: Tensor) -> Gaussian:
        """Return q(z|y) over (B, D) for k-hot symbols y (B, K), float."""
        return self.model.encode_symbol(y)

    def decode_symbol(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) of p(y|z) for latents z (B, D)."""
        return self.model.decode_symbol(z)

    def encode_image(self, x: Tensor) -> Gaussian:
        """Return q(z|x) over (B, D) for images x (B, C, H, W) in [0, 1]."""
        return self.model.encode_image(x)

    def decode_image(self, z: Tensor) -> Tensor:
        """Return the images (B, C, H, W) in [0, 1] that latents z (B, D) decode to."""
        return self.model.decode_image(z)
