"""The concept model: images and words that meet in one latent space.

    sym2img    expression -> q(z|expression) -> z -> p(x|z)
    img2sym    x -> q(z|x) -> z -> p(y|z)
    recombine  two concepts and an operator -> q_r, to be seen with sym2img or read with `describe`

(Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, sections 4 and 5.)
"""

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from scan.description import Description
from scan.grounding import SCAN, k_hot
from scan.operators import Operators
from symbols import OPERATORS, Concept, Expression, Operation, Operator, Vocabulary, evaluate, parse
from vision.gaussian import Gaussian
from vision.models import VisionModel

Meaning = str | Expression | Gaussian
"""What stands for a concept: an expression, as text or parsed, or a Gaussian (1, D) already grounded."""

TOLERANCE = 1e-3
"""How far a float image may leave [0, 1] by rounding."""


class ConceptModel(nn.Module):
    """A visual model, symbols grounded in its latents, and operators that recombine them.

    Args:
        vision: The visual model: any object with `encode`, `decode`, `shape` (C, H, W) and `latents`, D. Only
            `img2sym` encodes and asks for the shape, only `sym2img` decodes.
        scan: The symbol encoder and decoder, on the same D latents.
        operators: The learned operators; without them expressions with AND, IN COMMON and IGNORE are refused.
        vocabulary: The K words.
    """

    vision: VisionModel

    def __init__(
        self, vision: VisionModel, scan: SCAN, operators: Operators | None, vocabulary: Vocabulary
    ) -> None:
        super().__init__()
        self.vision = vision
        self.scan = scan
        self.operators = operators
        self.vocabulary = vocabulary

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def encode_symbol(self, y: Tensor) -> Gaussian:
        """Return q(z|y) over (B, D) for k-hot symbols y (B, K)."""
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

    @torch.no_grad()
    def ground_concepts(self, concepts: Sequence[Concept]) -> Gaussian:
        """Return q(z|y) over (S, D) of S concepts."""
        return self.encode_symbol(k_hot(self.vocabulary, concepts, self.device))

    @torch.no_grad()
    def ground(self, meaning: Meaning) -> Gaussian:
        """Return the Gaussian (1, D) that an expression stands for.

        Concepts go through the symbol encoder, operations through the learned operators.

        Raises:
            ExpressionError: for a text that is not an expression of the vocabulary.
            ConflictError: for an AND that contradicts itself.
            ValueError: for an operation where the model has no operators, and for a Gaussian that is not
                over (1, D).
        """
        if isinstance(meaning, Gaussian):
            if tuple(meaning.mean.shape) != (1, self.vision.latents):
                raise ValueError(
                    f"expected a Gaussian over (1, {self.vision.latents}), one concept, "
                    f"got one over {tuple(meaning.mean.shape)}"
                )
            return meaning
        expression = parse(meaning, self.vocabulary) if isinstance(meaning, str) else meaning
        evaluate(expression)  # a contradiction has no images; say so rather than imagine something
        return self._ground(expression)

    def _ground(self, expression: Expression) -> Gaussian:
        if isinstance(expression, Concept):
            return self.ground_concepts([expression])
        left, right = self._ground(expression.left), self._ground(expression.right)
        return self._operate(expression.op, left, right)

    def _operate(self, op: Operator, left: Gaussian, right: Gaussian) -> Gaussian:
        if self.operators is None:
            raise ValueError(f"{op} needs the learned operators, and this model has none: train them first")
        return self.operators(left, right, torch.tensor([OPERATORS.index(op)], device=self.device))

    @torch.no_grad()
    def recombine(self, op: str, left: Meaning, right: Meaning) -> Gaussian:
        """Return q_r (1, D), what the learned operator `op` makes of two concepts.

        Raises:
            ValueError: for an unknown operator, and as `ground` does.
        """
        name = " ".join(op.upper().replace("_", " ").split())
        if name not in OPERATORS:
            raise ValueError(f"unknown operator {op!r}: expected one of {', '.join(get_args(Operator))}")
        known = OPERATORS[OPERATORS.index(name)]
        if isinstance(left, Gaussian) or isinstance(right, Gaussian):
            return self._operate(known, self.ground(left), self.ground(right))
        parsed = [parse(m, self.vocabulary) if isinstance(m, str) else m for m in (left, right)]
        return self.ground(Operation(known, *parsed))

    @torch.no_grad()
    def sym2img(
        self, meaning: Meaning, n: int = 16, generator: torch.Generator | None = None, *, mean: bool = False
    ) -> Tensor:
        """Return n images (n, C, H, W) in [0, 1] of a concept, straight from the decoder.

        Args:
            meaning: An expression such as "wall: red AND hat", or a Gaussian (1, D) from `ground` or
                `recombine`.
            n: The number of images; what the concept leaves open varies among them.
            generator: Source of the latents, on the model's device.
            mean: Decode the mean of the Gaussian, n equal images, instead of samples.

        Raises:
            ValueError: as `ground` does.
        """
        q = self.ground(meaning)
        q = Gaussian(q.mean.expand(n, -1), q.logvar.expand(n, -1))
        return self.decode_image(q.mean if mean else q.sample(generator))

    @torch.no_grad()
    def img2sym(
        self, x: Tensor, generator: torch.Generator | None = None, *, mean: bool = True
    ) -> Description:
        """Describe images in symbols.

        Args:
            x: Images (B, C, H, W) or one image (C, H, W), float in [0, 1] or uint8.
            generator: Source of the latents where they are sampled, on the model's device.
            mean: Describe the mean of q(z|x); False describes one sample of it, as the paper does.

        Raises:
            ValueError: for images of another shape or type than the visual model's.
        """
        return self.describe(self.encode_image(self._images(x)), generator, mean=mean)

    @torch.no_grad()
    def describe(
        self, meaning: Meaning, generator: torch.Generator | None = None, *, mean: bool = True
    ) -> Description:
        """Describe concepts in symbols: whatever `ground` accepts, or Gaussians (B, D)."""
        q = meaning if isinstance(meaning, Gaussian) else self.ground(meaning)
        z = q.mean if mean else q.sample(generator)
        return Description(self.vocabulary, self.decode_symbol(z).float().cpu())

    def _images(self, x: Tensor) -> Tensor:
        """x as float images (B, C, H, W) on the model's device."""
        batch = x.unsqueeze(0) if x.ndim == 3 else x
        if tuple(batch.shape[1:]) != tuple(self.vision.shape):
            expected = ", ".join(map(str, self.vision.shape))
            raise ValueError(f"expected images (B, {expected}) or one ({expected}), got {tuple(x.shape)}")
        batch = batch.to(self.device)
        if batch.dtype == torch.uint8:
            return batch.float() / 255
        if not batch.is_floating_point():
            raise ValueError(f"expected images as floats in [0, 1] or as uint8, got {batch.dtype}")
        if batch.numel() and not (batch.amin() >= -TOLERANCE and batch.amax() <= 1 + TOLERANCE):
            raise ValueError("expected float images in [0, 1], found values outside")
        return batch
