"""Edit an image by an expression: replace what the concept specifies, keep the rest.

A concept is a Gaussian N(mu, s^2), the product of the prior N(0, 1) and an expert of precision
tau = 1/s^2 - 1 and mean m, mu = s^2 tau m. With the image's own code z_x in the place of the prior's mean the
product has the mean

    z = (z_x + tau m) / (1 + tau) = s^2 z_x + mu ,

so that a latent without an expert, s = 1 and mu = 0, keeps its code, one that the concept specifies takes the
concept's, and between the two 1 - s^2 says how far. Concepts wider than the prior count as s = 1.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from torch import Tensor

from scan.description import Description, described
from scan.joint_model import JointModel
from scan.mixture import Mixture
from symbols import Expression, Vocabulary, attributes_of, matches, taught_names
from vision.gaussian import Gaussian


class Change(NamedTuple):
    """What became of one attribute of an image."""

    attribute: str
    before: str
    """The most likely value before; "yes" or "no" of a binary attribute."""
    after: str
    moved: float
    """Total variation in [0, 1] between the probabilities of its values before and after."""
    asked: bool
    """Whether the expression names the attribute."""


class Edit(NamedTuple):
    """Edited images, and what was measured on them."""

    images: Tensor
    """(B, C, H, W) in [0, 1]."""
    reconstructions: Tensor
    """The images before, as the model decodes them from their codes: same shape."""
    z: Tensor
    """The codes of `images`, (B, D)."""
    before: Description
    """`img2sym` of the images before."""
    after: Description
    """`img2sym` of the edited images."""
    asked: frozenset[str]
    """The attributes that the expression names."""
    reached: tuple[bool, ...] | None
    """Whether `after` describes each image as the expression says; None for Gaussians and taught words."""

    def changes(self) -> tuple[tuple[Change, ...], ...]:
        """For each image what became of each attribute, in the order of the vocabulary."""
        return changes(self.before, self.after, self.asked)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a JSON-able record of each image: what became of each attribute."""
        return [
            {
                one.attribute: {
                    "before": one.before,
                    "after": one.after,
                    "moved": round(one.moved, 4),
                    "asked": one.asked,
                }
                for one in row
            }
            for row in self.changes()
        ]


def edit_images(
    model: JointModel,
    vocabulary: Vocabulary,
    x: Tensor,
    concept: Mixture,
    expression: Expression | None = None,
) -> Edit:
    """Return images with only that changed which a concept says.

    Args:
        model: What encodes and decodes.
        vocabulary: The K words.
        x: Images (B, C, H, W) in [0, 1].
        concept: What they shall show.
        expression: That stands for the concept, where there is one.
    """
    q_x = model.encode_image(x)
    z = edited(q_x, concept)
    images = model.decode_image(z)
    before = described(model, vocabulary, q_x.mean)
    after = described(model, vocabulary, model.encode_image(images).mean)
    asked = frozenset[str]() if expression is None else attributes_of(expression)
    reached = None
    if expression is not None and not taught_names(expression):
        reached = tuple(matches(expression, after.factors, vocabulary).tolist())
    return Edit(images, model.decode_image(q_x.mean), z, before, after, asked, reached)


def edited(q_x: Gaussian, concept: Mixture) -> Tensor:
    """Return the codes (B, D) of images after an edit.

    Of an OR the alternative is taken whose log-ratio to the prior is the largest for the image; what NOT
    excludes is left by the shortest way.

    Args:
        q_x: The codes of B images, over (B, D).
        concept: What they shall show.
    """
    chosen = concept.log_ratios(q_x).argmax(-1)
    z = q_x.mean.clone()
    for number, component in enumerate(concept.components):
        rows = chosen == number
        z[rows] = component.nearest(shifted(z[rows], component.q))
    return z


def shifted(z: Tensor, q: Gaussian) -> Tensor:
    """Return s^2 z + mu, (B, D), for codes z (B, D) and a concept q over (1, D)."""
    return q.variance.clamp(max=1.0) * z + q.mean


def changes(
    before: Description, after: Description, asked: Collection[str]
) -> tuple[tuple[Change, ...], ...]:
    """Return for each of B images what became of each attribute.

    Args:
        before: Descriptions of the B images.
        after: Of the same after the edit.
        asked: The attributes that were to change.
    """
    columns = []
    for attribute in before.vocabulary.attributes:
        p, r = before.probabilities[attribute.name], after.probabilities[attribute.name]
        moved = (0.5 * (p - r).abs().sum(-1)).tolist()
        names = ("no", "yes") if attribute.binary else attribute.values
        values = zip(p.argmax(-1).tolist(), r.argmax(-1).tolist(), moved, strict=True)
        columns.append(
            [Change(attribute.name, names[a], names[b], m, attribute.name in asked) for a, b, m in values]
        )
    return tuple(zip(*columns, strict=True))
