"""What a concept model is used for: expressions to images, images to symbols, concepts to new ones.

    ground     expression -> q(z|expression)
    sym2img    expression -> q(z|expression) -> z -> p(x|z)
    complete   the same of concepts that leave nothing open, a new one for each image (`scan.completion`)
    img2sym    x -> q(z|x) -> z -> p(y|z)
    recombine  two concepts and an operator -> q_r, to be shown by `sym2img` or described by `describe`
    teach      images -> q(z|name), a new word for every expression (`scan.teaching`)
    edit       x and an expression -> the same image with that changed (`scan.editing`)
    score      x and an expression -> how well the image shows it

(Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, sections 4 and 5.)
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from scan.completion import Completed, complete
from scan.description import Description, check_codes, described
from scan.editing import Edit, edit_images
from scan.expression_grounding import Grounder, operator_named, single
from scan.grounding import k_hot
from scan.joint_model import JointModel, JointModelHolder
from scan.meaning import Meaning, concatenated, meaning, single_words
from scan.mixture import Mixture
from scan.operators import Operators
from scan.pictures import ImagesLike, as_images, different
from scan.teaching import SIGNIFICANCE, TaughtConcept, check_taught_name, renamed, taught_concept
from symbols import Concept, Expression, Operation, TaughtName, Vocabulary, parse
from vision.data.background import BACKGROUND
from vision.data.pictures import Target, target_of
from vision.gaussian import Gaussian

ConceptLike = str | Expression | Gaussian | Mixture
"""What stands for a concept: an expression, as text or parsed, or what it was grounded to already."""


class ConceptModel(JointModelHolder):
    """A joint model of images and symbols, with its vocabulary and the operators that recombine concepts.

    Methods that take an expression raise what `ground` raises, those that take images what `img2sym` raises.

    Args:
        model: The encoders and decoders of images and symbols: SCAN over a visual model
            (`GroundedSCAN(vision, scan)`), or any other that keeps the contract.
        operators: The learned operators; without them expressions with AND, IN COMMON and IGNORE are refused.
        vocabulary: The K words.
        taught: Words that were taught after training, by name.
        background: The colour that transparent pictures are laid over (`vision.data.pictures`).
    """

    def __init__(
        self,
        model: JointModel,
        operators: Operators | None,
        vocabulary: Vocabulary,
        taught: Mapping[str, TaughtConcept] | None = None,
        background: str = BACKGROUND,
    ) -> None:
        super().__init__(model)
        self.operators = operators
        self.vocabulary = vocabulary
        self.taught = dict(taught or {})
        self.background = background

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def picture_target(self) -> Target:
        """What picture files and pictures of Pillow are made."""
        return target_of(self.shape, self.background)

    @torch.no_grad()
    def ground_concepts(self, concepts: Sequence[Concept]) -> Gaussian:
        """Return q(z|y) over (S, D) of S concepts of the vocabulary, S at least 1."""
        return self.encode_symbol(k_hot(self.vocabulary, concepts, self.device))

    def parse(self, text: str) -> Expression:
        """Read an expression in the words of the vocabulary and the taught ones, as `symbols.parse` does."""
        return parse(text, self.vocabulary, self.taught)

    @torch.no_grad()
    def ground(self, concept: ConceptLike) -> Gaussian:
        """Return the Gaussian (1, D) that an expression stands for.

        Concepts go through the symbol encoder, operations through the learned operators. An expression with
        OR or NOT stands for a mixture, of which this is the Gaussian of the same mean and variance.

        Args:
            concept: An expression such as "(wall: red) AND hat", as text or parsed, or a Gaussian (1, D).

        Raises:
            ExpressionError: for a text that is not an expression of the vocabulary.
            ConflictError: for an AND that contradicts itself.
            ValueError: for an operation where the model has no operators, for a NOT that leaves nothing, and
                for a Gaussian that is not over (1, D).
        """
        return self.mixture(concept).moments()

    @torch.no_grad()
    def mixture(self, concept: ConceptLike) -> Mixture:
        """Return the mixture of Gaussians that an expression stands for, a component for each alternative."""
        if isinstance(concept, Mixture):
            return concept
        if isinstance(concept, Gaussian):
            return single(concept, self.latents)
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
        known = operator_named(op)
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
        """
        mixture = self.mixture(concept)
        if mean:
            return self.decode_image(mixture.means_in_turn(n))
        return self.decode_image(mixture.sample(n, generator))

    @torch.no_grad()
    def complete(
        self,
        expression: str | Expression,
        n: int = 16,
        generator: torch.Generator | None = None,
        *,
        mean: bool = False,
    ) -> Completed:
        """Return n images of concepts that an expression denotes and that leave nothing open.

        Images are better than those of `sym2img` where what an attribute looks like depends on others; the
        values of open attributes are drawn, and not learned (`scan.completion`).

        Args:
            expression: In words of the vocabulary; operators, OR and NOT are applied to words.
            n: How many.
            generator: Source of the completions and the latents, on the model's device.
            mean: Decode the mean of each completion: what has no name does not vary.

        Raises:
            ExpressionError: for a text that is not an expression of the vocabulary.
            ValueError: as `scan.completion.completions`.
        """
        parsed = self.parse(expression) if isinstance(expression, str) else expression
        concepts, z = complete(self._grounder, parsed, n, generator, mean=mean)
        return Completed(concepts, z, self.decode_image(z))

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
        """Return descriptions of B Gaussians or codes in symbols; `check_codes` says what is refused.

        Args:
            q: A Gaussian over (B, D), as from `ground`, `recombine` or `encode_image`; or codes z (B, D).
            generator: Source of the latents where they are sampled, on the model's device.
            mean: Describe the mean of a Gaussian; False describes one sample of it.
        """
        check_codes(q, self.latents)
        if isinstance(q, Gaussian):
            q = q.mean if mean else q.sample(generator)
        return described(self, self.vocabulary, q)

    def images(self, x: ImagesLike) -> Tensor:
        """Return images (B, C, H, W) in [0, 1] on the model's device, of tensors, paths or pictures."""
        return as_images(x, self.shape, self.device, self.background)

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
            images: At least FEWEST_IMAGES different ones, as for `img2sym`; fewer with an expression.
            expression: What the word means where the images do not tell otherwise.
            beta: Weight of the KL from the expression, or from the prior.
            grounding: Weight of the grounding KL.
            significance: As in `taught_posterior`.

        Raises:
            VocabularyError: for a name that has a meaning, or cannot be one.
            ValueError: for too few different images, and as `img2sym` and `ground` do.
        """
        check_taught_name(name, self.vocabulary, [known for known in self.taught if known != name])
        parsed = self.parse(expression) if isinstance(expression, str) else expression
        prior = None if parsed is None else self.ground(parsed)
        text = None if parsed is None or isinstance(parsed, Gaussian | Mixture) else str(parsed)
        x = None if images is None else self.images(images)
        q_x, given = (None, 0) if x is None else (self.encode_image(different(x)), len(x))
        self.taught[name] = taught_concept(
            name, q_x, prior, text, given=given, beta=beta, grounding=grounding, significance=significance
        )
        return self.taught[name]

    def rename(self, name: str, new: str) -> None:
        """Give a taught word another name; `scan.teaching.renamed` says what is raised."""
        self.taught = renamed(self.taught, name, new, self.vocabulary)

    def forget(self, name: str) -> None:
        """Remove a taught word; KeyError is raised for one that was not taught."""
        del self.taught[name]

    @torch.no_grad()
    def meaning(self, concept: ConceptLike, most: int = 5) -> Meaning:
        """Return the latents that a concept specifies and the nearest single words: symbols, aliases, taught.

        Args:
            concept: As in `ground`; a taught word is not compared with itself.
            most: How many words.
        """
        parsed = self.parse(concept) if isinstance(concept, str) else concept
        words = single_words(self.vocabulary)
        taught = [one for name, one in self.taught.items() if TaughtName(name) != parsed]
        known = [self.ground_concepts(list(words.values())), *(one.q.to(self.device) for one in taught)]
        return meaning(
            self.ground(parsed), [*words, *(one.name for one in taught)], concatenated(known), most
        )

    @torch.no_grad()
    def edit(self, x: ImagesLike, expression: ConceptLike) -> Edit:
        """Return images with only that changed which an expression says (`scan.editing`).

        Args:
            x: Images, as for `img2sym`.
            expression: What they shall show, such as "wall: red"; the rest stays as it is.
        """
        parsed = self.parse(expression) if isinstance(expression, str) else expression
        named = None if isinstance(parsed, Gaussian | Mixture) else parsed
        return edit_images(self, self.vocabulary, self.images(x), self.mixture(parsed), named)

    @torch.no_grad()
    def score(self, x: ImagesLike, concept: ConceptLike) -> Tensor:
        """Return how well images show a concept, (B,), in nats; 0 is an image that says nothing of it.

        Args:
            x: Images, as for `img2sym`.
            concept: As in `ground`; how it is scored is in `scan.mixture.Mixture.scores`.
        """
        return self.mixture(concept).scores(self.encode_image(self.images(x)))
