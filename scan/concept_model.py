"""What a concept model is used for: expressions to images, images to symbols, concepts to new ones.

    ground     expression -> q(z|expression)
    sym2img    expression -> q(z|expression) -> z -> p(x|z)
    img2sym    x -> q(z|x) -> z -> p(y|z)
    recombine  two concepts and an operator -> q_r, to be shown by `sym2img` or described by `describe`

(Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, sections 4 and 5.)
"""

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from scan.description import Description
from scan.grounding import k_hot
from scan.joint_model import JointModel
from scan.operators import Operators
from symbols import OPERATORS, Concept, Expression, Operation, Operator, Vocabulary, evaluate, parse
from vision.gaussian import Gaussian

ConceptLike = str | Expression | Gaussian
"""What stands for a concept: an expression, as text or parsed, or a Gaussian (1, D) already grounded."""

TOLERANCE = 1e-3
"""How far a float image may leave [0, 1] by rounding."""


class ConceptModel(nn.Module):
    """A joint model of images and symbols, with its vocabulary and the operators that recombine concepts.

    It keeps the contract `JointModel` itself.

    Args:
        model: The encoders and decoders of images and symbols: SCAN over a visual model
            (`GroundedSCAN(vision, scan)`), or any other that keeps the contract.
        operators: The learned operators; without them expressions with AND, IN COMMON and IGNORE are refused.
        vocabulary: The K words.
    """

    model: JointModel

    def __init__(self, model: JointModel, operators: Operators | None, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.model = model
        self.operators = operators
        self.vocabulary = vocabulary

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def latents(self) -> int:
        """D, the number of latents."""
        return self.model.latents

    @property
    def shape(self) -> Sequence[int]:
        """(C, H, W) of the images."""
        return self.model.shape

    def encode_symbol(self, y: Tensor) -> Gaussian:
        """Return q(z|y) over (B, D) for k-hot symbols y (B, K)."""
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

    @torch.no_grad()
    def ground_concepts(self, concepts: Sequence[Concept]) -> Gaussian:
        """Return q(z|y) over (S, D) of S concepts of the vocabulary, S at least 1."""
        return self.encode_symbol(k_hot(self.vocabulary, concepts, self.device))

    @torch.no_grad()
    def ground(self, concept: ConceptLike) -> Gaussian:
        """Return the Gaussian (1, D) that an expression stands for.

        Concepts go through the symbol encoder, operations through the learned operators.

        Args:
            concept: An expression such as "(wall: red) AND hat", as text or parsed; a Gaussian (1, D) is
                returned as it is.

        Raises:
            ExpressionError: for a text that is not an expression of the vocabulary.
            ConflictError: for an AND that contradicts itself.
            ValueError: for an operation where the model has no operators, and for a Gaussian that is not
                over (1, D).
        """
        if isinstance(concept, Gaussian):
            if tuple(concept.mean.shape) != (1, self.latents):
                raise ValueError(
                    f"expected a Gaussian over (1, {self.latents}), one concept, "
                    f"got one over {tuple(concept.mean.shape)}"
                )
            return concept
        expression = parse(concept, self.vocabulary) if isinstance(concept, str) else concept
        evaluate(expression)  # refuses a contradiction, of which there are no images
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
    def recombine(self, op: str, left: ConceptLike, right: ConceptLike) -> Gaussian:
        """Return q_r over (1, D), two concepts recombined by a learned operator.

        Args:
            op: "AND", "IN COMMON" or "IGNORE", in any case, with spaces or underscores.
            left: The first concept, as in `ground`.
            right: The second concept.

        Raises:
            ValueError: for an unknown operator, and as `ground` does.
        """
        name = " ".join(op.upper().replace("_", " ").split())
        if name not in OPERATORS:
            raise ValueError(f"unknown operator {op!r}: expected one of {', '.join(get_args(Operator))}")
        known = OPERATORS[OPERATORS.index(name)]
        if isinstance(left, Gaussian) or isinstance(right, Gaussian):
            return self._operate(known, self.ground(left), self.ground(right))
        parsed = [parse(side, self.vocabulary) if isinstance(side, str) else side for side in (left, right)]
        return self.ground(Operation(known, *parsed))

    @torch.no_grad()
    def sym2img(
        self,
        concept: ConceptLike,
        n: int = 16,
        generator: torch.Generator | None = None,
        *,
        mean: bool = False,
    ) -> Tensor:
        """Return n images (n, C, H, W) in [0, 1] of a concept, straight from the decoder.

        Args:
            concept: An expression such as "wall: red AND hat", or a Gaussian (1, D) from `ground` or
                `recombine`.
            n: The number of images; attributes that the concept leaves open vary among them.
            generator: Source of the latents, on the model's device.
            mean: Decode the mean of the Gaussian, n equal images, instead of samples.

        Raises:
            ValueError: as `ground` does.
        """
        q = self.ground(concept)
        q = Gaussian(q.mean.expand(n, -1), q.logvar.expand(n, -1))
        return self.decode_image(q.mean if mean else q.sample(generator))

    @torch.no_grad()
    def img2sym(
        self, x: Tensor, generator: torch.Generator | None = None, *, mean: bool = True
    ) -> Description:
        """Return descriptions of images in symbols.

        Args:
            x: Images (B, C, H, W) or one image (C, H, W), float in [0, 1] or uint8.
            generator: Source of the latents where they are sampled, on the model's device.
            mean: Describe the mean of q(z|x); False describes one sample of it, as the paper does.

        Raises:
            ValueError: for images of another shape or type than the model's.
        """
        return self.describe(self.encode_image(self._images(x)), generator, mean=mean)

    @torch.no_grad()
    def describe(
        self, q: Gaussian | Tensor, generator: torch.Generator | None = None, *, mean: bool = True
    ) -> Description:
        """Return descriptions of B Gaussians or codes in symbols.

        Args:
            q: A Gaussian over (B, D), as from `ground`, `recombine` or `encode_image`; or codes z (B, D).
            generator: Source of the latents where they are sampled, on the model's device.
            mean: Describe the mean of a Gaussian; False describes one sample of it.

        Raises:
            TypeError: for an expression, which `ground` turns into a Gaussian.
            ValueError: for a Gaussian or codes that are not over (B, D).
        """
        if not isinstance(q, Gaussian | Tensor):
            raise TypeError(f"expected a Gaussian or codes, got {q!r}: ground an expression first")
        shape = tuple(q.shape if isinstance(q, Tensor) else q.mean.shape)
        if len(shape) != 2 or shape[1] != self.latents:
            what = "codes" if isinstance(q, Tensor) else "a Gaussian"
            raise ValueError(f"expected {what} over (B, {self.latents}), got {shape}")
        if isinstance(q, Gaussian):
            q = q.mean if mean else q.sample(generator)
        return Description(self.vocabulary, self.decode_symbol(q).float().cpu())

    def _images(self, x: Tensor) -> Tensor:
        """Return x as float images (B, C, H, W) in [0, 1] on the model's device."""
        batch = x.unsqueeze(0) if x.ndim == 3 else x
        if tuple(batch.shape[1:]) != tuple(self.shape):
            expected = ", ".join(map(str, self.shape))
            raise ValueError(f"expected images (B, {expected}) or one ({expected}), got {tuple(x.shape)}")
        batch = batch.to(self.device)
        if batch.dtype == torch.uint8:
            return batch.float() / 255
        if not batch.is_floating_point():
            raise ValueError(f"expected images as floats in [0, 1] or as uint8, got {batch.dtype}")
        if batch.numel() and not (batch.amin() >= -TOLERANCE and batch.amax() <= 1 + TOLERANCE):
            raise ValueError("expected float images in [0, 1], found values outside")
        return batch
