"""Change a picture, and teach a concept: the simplest forms of both."""

import torch
from torch import Tensor

from scan.analytic_operators import specific
from scan.concept_model import ConceptModel
from symbols import Expression, Vocabulary, VocabularyError


def edit(model: ConceptModel, x: Tensor, expression: Expression) -> Tensor:
    """The code (1, D) of an image (1, C, H, W), with the latents that an expression specifies set to it."""
    q_x, q_y = model.encode_image(x), model.ground(expression)
    return torch.where(specific(q_y), q_y.mean, q_x.mean)


def teach(model: ConceptModel, name: str, x: Tensor) -> ConceptModel:
    """The model, with a name for what img2sym says of all of the images (B, C, H, W)."""
    common, *others = model.img2sym(x).best()
    for other in others:
        common = common.in_common(other)
    if not common.level:
        raise VocabularyError(f'the pictures of "{name}" have nothing in common')
    words = Vocabulary(model.vocabulary.attributes, {**model.vocabulary.aliases, name: common})
    return ConceptModel(model.model, model.operators, words)
