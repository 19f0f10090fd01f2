"""What a concept model is used for: expressions to images, images to symbols, concepts to new ones.

    ground     expression -> q(z|expression)
    sym2img    expression -> q(z|expression) -> z -> p(x|z)
    img2sym    x -> q(z|x) -> z -> p(y|z)
    recombine  two concepts and an operator -> q_r, to be shown by `sym2img` or described by `describe`
    teach      images -> q(z|name), a new word for every expression (`scan.teaching`)
    edit       x and an expression -> the same image with that changed (`scan.editing`)
    score      x and an expression -> how well the image shows it

An expression with OR or NOT is a mixture of Gaussians with exclusions (`scan.mixture`), one with weights a
power of its Gaussian (`scan.analytic_operators.power`).

(Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, sections 4 and 5.)
"""

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from scan.description import Description
from scan.editing import Edit, edited
from scan.expression_grounding import Grounder
from scan.grounding import k_hot
from scan.joint_model import JointModel
from scan.meaning import Meaning, meaning
from scan.mixture import Component, Mixture
from scan.operators import Operators
from scan.pictures import ImagesLike, as_images
from scan.teaching import FEWEST_IMAGES, SIGNIFICANCE, TaughtConcept, check_taught_name, taught_posterior
from symbols import (
    OPERATORS,
    Concept,
    Expression,
    Operation,
    Operator,
    Vocabulary,
    attributes_of,
    parse,
)
from vision.gaussian import Gaussian, standard_normal

ConceptLike = str | Expression | Gaussian | Mixture
"""What stands for a concept: an expression, as text or parsed, or what it was grounded to already."""


class ConceptModel(nn.Module):
    """A joint model of images and symbols, with its vocabulary and the operators that recombine concepts.

    It keeps the contract `JointModel` itself.

    Args:
        model: The encoders and decoders of images and symbols: SCAN over a visual model
            (`GroundedSCAN(vision, scan)`), or any other that keeps the contract.
        operators: The learned operators; without them expressions with AND, IN COMMON and IGNORE are refused.
        vocabulary: The K words.
        taught: Words that were taught after training, by name.
    """

    model: JointModel

    def __init__(
        self,
        model: JointModel,
        operators: Operators | None,
        vocabulary: Vocabulary,
        taught: Mapping[str, TaughtConcept] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.operators = operators
        self.vocabulary = vocabulary
        self.taught = dict(taught or {})

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

    def parse(self, text: str) -> Expression:
        """Read an expression in the words of the vocabulary and the taught ones.

        Raises:
            ExpressionError: With the place in the text.
        """
        return parse(text, self.vocabulary, self.taught)

    @torch.no_grad()
    def ground(self, concept: ConceptLike) -> Gaussian:
        """Return the Gaussian (1, D) that an expression stands for.

        Concepts go through the symbol encoder, operations through the learned operators. An expression with
        OR or NOT stands for a mixture, of which this is the Gaussian of the same mean and variance.

        Args:
            concept: An expression such as "(wall: red) AND hat", as text or parsed; a Gaussian (1, D) is
                returned as it is.

        Raises:
            ExpressionError: for a text that is not an expression of the vocabulary.
            ConflictError: for an AND that contradicts itself.
            ValueError: for an operation where the model has no operators, for a NOT that leaves nothing, and
                for a Gaussian that is not over (1, D).
        """
        return self.mixture(concept).moments()

    @torch.no_grad()
    def mixture(self, concept: ConceptLike) -> Mixture:
        """Return the mixture of Gaussians that an expression stands for, a component for each alternative.

        Raises:
            ValueError: as `ground` does.
        """
        if isinstance(concept, Mixture):
            return concept
        if isinstance(concept, Gaussian):
            if tuple(concept.mean.shape) != (1, self.latents):
                raise ValueError(
                    f"expected a Gaussian over (1, {self.latents}), one concept, "
                    f"got one over {tuple(concept.mean.shape)}"
                )
            return Mixture([Component(concept)])
        expression = self.parse(concept) if isinstance(concept, str) else concept
        return self._grounder.mixture(expression)

    @property
    def _grounder(self) -> Grounder:
        return Grounder(self.model, self.operators, self.vocabulary, self.taught, self.device)

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
        if isinstance(left, Gaussian | Mixture) or isinstance(right, Gaussian | Mixture):
            return self._grounder.operate(known, self.ground(left), self.ground(right))
        parsed = [self.parse(side) if isinstance(side, str) else side for side in (left, right)]
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
            mean: Decode the mean of the Gaussian, n equal images, instead of samples; of an OR, the means of
                its alternatives in turn.

        Raises:
            ValueError: as `ground` does.
        """
        mixture = self.mixture(concept)
        if mean:
            means = mixture.means()
            return self.decode_image(means[torch.arange(n, device=means.device) % len(means)])
        return self.decode_image(mixture.sample(n, generator))

    @torch.no_grad()
    def img2sym(
        self, x: ImagesLike, generator: torch.Generator | None = None, *, mean: bool = True
    ) -> Description:
        """Return descriptions of images in symbols.

        Args:
            x: Images (B, C, H, W) or one image (C, H, W), float in [0, 1] or uint8; or the path of a picture
                file, a picture of Pillow, or several of these.
            generator: Source of the latents where they are sampled, on the model's device.
            mean: Describe the mean of q(z|x); False describes one sample of it, as the paper does.

        Raises:
            FileNotFoundError: for a path that does not exist.
            ValueError: for images of another shape or type than the model's, and for files that are no
                pictures.
        """
        return self.describe(self.encode_image(self.images(x)), generator, mean=mean)

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

    def images(self, x: ImagesLike) -> Tensor:
        """Return images (B, C, H, W) in [0, 1] on the model's device, of tensors, paths or pictures.

        Raises:
            FileNotFoundError: for a path that does not exist.
            ValueError: as `img2sym` does.
        """
        return as_images(x, self.shape, self.device)

    @torch.no_grad()
    def teach(
        self,
        name: str,
        images: ImagesLike | None = None,
        expression: ConceptLike | None = None,
        *,
        beta: float = 1.0,
        grounding: float = 10.0,
        significance: float = SIGNIFICANCE,
    ) -> TaughtConcept:
        """Teach a new word for every expression, in the place of a taught one of that name.

        Nothing is trained: see `scan.teaching`. `scan.save_taught` keeps the words with a run.

        Args:
            name: One that means nothing yet.
            images: At least FEWEST_IMAGES that show it, as for `img2sym`; fewer with an expression.
            expression: What the word means where the images do not tell otherwise.
            beta: Weight of the KL from the expression, or from the prior.
            grounding: Weight of the grounding KL.
            significance: As in `taught_posterior`.

        Raises:
            VocabularyError: for a name that has a meaning, or cannot be one.
            ValueError: for too few images, and as `img2sym` and `ground` do.
        """
        others = [known for known in self.taught if known != name]
        check_taught_name(name, self.vocabulary, others)
        prior = standard_normal((1, self.latents), self.device)
        if expression is not None:
            prior = self.ground(expression)
        q, count = prior, 0
        if images is not None:
            x = self.images(images)
            count = len(x)
        if count < (FEWEST_IMAGES if expression is None else 0):
            raise ValueError(f'"{name}" is taught by {FEWEST_IMAGES} images or more, got {count}')
        if count:
            q = taught_posterior(
                self.encode_image(x), prior, beta=beta, grounding=grounding, significance=significance
            )
        text = None if expression is None or isinstance(expression, Gaussian | Mixture) else str(expression)
        self.taught[name] = TaughtConcept(name, q, count, text)
        return self.taught[name]

    def rename(self, name: str, new: str) -> None:
        """Give a taught word another name.

        Raises:
            KeyError: for a word that was not taught.
            VocabularyError: for a new name that has a meaning, or cannot be one.
        """
        check_taught_name(new, self.vocabulary, [known for known in self.taught if known != name])
        self.taught[new] = self.taught.pop(name)._replace(name=new)

    def forget(self, name: str) -> None:
        """Remove a taught word.

        Raises:
            KeyError: for a word that was not taught.
        """
        del self.taught[name]

    @torch.no_grad()
    def meaning(self, concept: ConceptLike, most: int = 5) -> Meaning:
        """Return the latents that a concept specifies and the nearest single words: symbols, aliases, taught.

        Args:
            concept: As in `ground`; a taught word is not compared with itself.
            most: How many words.

        Raises:
            ValueError: as `ground` does.
        """
        symbols = np.eye(self.vocabulary.size, dtype=int)
        words = dict(zip(self.vocabulary.symbols, map(self.vocabulary.decode, symbols), strict=True))
        words |= self.vocabulary.aliases
        taught = [one for name, one in self.taught.items() if name != concept]
        known = [self.ground_concepts(list(words.values())), *(one.q.to(self.device) for one in taught)]
        stacked = Gaussian(torch.cat([q.mean for q in known]), torch.cat([q.logvar for q in known]))
        return meaning(self.ground(concept), [*words, *(one.name for one in taught)], stacked, most)

    @torch.no_grad()
    def edit(self, x: ImagesLike, expression: ConceptLike) -> Edit:
        """Return images with only that changed which an expression says (`scan.editing`).

        Args:
            x: Images, as for `img2sym`.
            expression: What they shall show, such as "wall: red"; the rest stays as it is.

        Raises:
            ValueError: as `img2sym` and `ground` do.
        """
        parsed = self.parse(expression) if isinstance(expression, str) else expression
        q_x = self.encode_image(self.images(x))
        z = edited(q_x, self.mixture(parsed))
        images = self.decode_image(z)
        asked = frozenset() if isinstance(parsed, Gaussian | Mixture) else attributes_of(parsed)
        after = self.describe(self.encode_image(images))
        return Edit(images, self.decode_image(q_x.mean), z, self.describe(q_x), after, asked)

    @torch.no_grad()
    def score(self, x: ImagesLike, concept: ConceptLike) -> Tensor:
        """Return how well images show a concept, (B,), in nats; 0 is an image that says nothing of it.

        It is the expected log-ratio of the concept to the prior under q(z|x),

            E_{q(z|x)}[log q(z|concept) - log p(z)] = KL(q(z|x) || p) - KL(q(z|x) || q(z|concept)) ,

        the best of the alternatives of an OR, with the log-probability that NOT leaves the image.

        Args:
            x: Images, as for `img2sym`.
            concept: As in `ground`.

        Raises:
            ValueError: as `img2sym` and `ground` do.
        """
        return self.mixture(concept).log_ratios(self.encode_image(self.images(x))).amax(-1)
