"""Concepts taught after training: the Gaussian of a new word, in closed form from a few images.

With the visual model fixed, the word's Gaussian is the optimum of SCAN's equation 4 for one symbol,
`scan.grounding.optimal_posterior` (Higgins et al., "SCAN: Learning Hierarchical Compositional Visual
Concepts", ICLR 2018). Where an expression is given as well, its Gaussian q_e takes the prior's place,

    min over q of  beta KL(q || q_e) + grounding E[KL(q_x || q)] ,

which is the same problem for codes in units of q_e: both divergences keep their values when z is replaced by
(z - mean_e) / std_e.

A handful of images agree in some latents by chance. For N draws of the prior 2 N KL(q || prior) in one latent
is, for many images, a chi-squared variable of two degrees of freedom, the likelihood-ratio statistic of a
free Gaussian against it, which exceeds -2 ln(significance) with probability `significance`. Latents below
that are given back to the prior. The more images, the smaller a difference may be and count.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import torch

from scan.grounding import optimal_posterior
from symbols import Expression, ExpressionError, Vocabulary, VocabularyError, parse
from symbols.names import check_name, listing, shortened, spelling
from symbols.phrases import phrases
from symbols.signs import first_sign
from vision.gaussian import Gaussian, kl_from_prior, standard_normal

FEWEST_IMAGES = 5
"""Different images that teach a word without an expression."""
SIGNIFICANCE = 0.05


class TaughtConcept(NamedTuple):
    """A word that was taught after training."""

    name: str
    q: Gaussian
    """Over (1, D)."""
    images: int
    """How many it was taught with."""
    expression: str | None = None
    """The expression that it started from."""


def check_taught_name(name: str, vocabulary: Vocabulary, taught: Sequence[str] = ()) -> None:
    """Refuse a name for a taught word that means something already, or that cannot be read as one name.

    Args:
        name: The name.
        vocabulary: The words of the model.
        taught: The other taught words.

    Raises:
        VocabularyError: Naming it.
    """
    check_name(name, "the name of a concept")
    means: Sequence[Expression] = phrases(vocabulary).read(name)
    with suppress(ExpressionError):
        means = means or [parse(name, vocabulary, taught)]
    quoted = f'"{shortened(name)}"'
    if means:
        raise VocabularyError(f"{quoted} already means {listing([str(one) for one in means])}")
    for attribute in vocabulary.names:
        if f"{spelling(name)}:".startswith(f"{spelling(attribute)}:"):
            raise VocabularyError(f'{quoted} would be read as the attribute "{shortened(attribute)}"')
    if sign := first_sign(name):
        raise VocabularyError(f'{quoted} would be read as an expression, because of "{sign.strip()}"')


def check_new(name: str, vocabulary: Vocabulary, taught: Collection[str]) -> None:
    """Refuse a name for a word that is to be taught where one of that name is taught already.

    Args:
        name: The name.
        vocabulary: The words of the model.
        taught: The taught words.

    Raises:
        VocabularyError: Then, and as `check_taught_name` does.
    """
    if name in taught:
        raise VocabularyError(f'"{shortened(name)}" is taught already: forget it, or choose another name')
    check_taught_name(name, vocabulary, list(taught))


def check_count(name: str, different: int, given: int = 0) -> None:
    """Refuse too few images for a word without an expression.

    Args:
        name: The word.
        different: How many images it has, those that are equal in every pixel as one.
        given: How many it has with those that repeat another, where that is known.

    Raises:
        ValueError: For fewer different ones than FEWEST_IMAGES.
    """
    if different >= FEWEST_IMAGES:
        return
    least, got = f"{FEWEST_IMAGES} images or more", f"got {different}"
    if given > different:
        least = f"{FEWEST_IMAGES} different images or more"
        got += f": {given - different} of {given} repeat another"
    raise ValueError(f'"{name}" is taught by {least}, {got}')


def taught_concept(
    name: str,
    q_x: Gaussian | None,
    prior: Gaussian | None,
    expression: str | None = None,
    *,
    given: int = 0,
    beta: float = 1.0,
    grounding: float = 10.0,
    significance: float = SIGNIFICANCE,
) -> TaughtConcept:
    """Return the word that images, an expression or both teach.

    Args:
        name: One that `check_taught_name` accepts.
        q_x: Posteriors of the images, over (N, D), N at least FEWEST_IMAGES without a prior; None for none.
        prior: The Gaussian of the expression, over (1, D); None for N(0, I).
        expression: The expression as text.
        given: As in `check_count`, for the error.
        beta: As in `taught_posterior`, as the next two.
        grounding: Weight of the grounding KL.
        significance: Probability with which a latent that says nothing is kept.

    Raises:
        ValueError: For too few images, and as `taught_posterior` does.
    """
    count = 0 if q_x is None else len(q_x)
    if prior is None:
        check_count(name, count, given)
    if q_x is None or not count:
        assert prior is not None, "without images there is an expression"
        return TaughtConcept(name, prior, 0, expression)
    if prior is None:
        prior = standard_normal((1, q_x.mean.shape[-1]), q_x.mean.device)
    q = taught_posterior(q_x, prior, beta=beta, grounding=grounding, significance=significance)
    return TaughtConcept(name, q, count, expression)


def renamed(
    taught: Mapping[str, TaughtConcept], name: str, new: str, vocabulary: Vocabulary
) -> dict[str, TaughtConcept]:
    """Return the taught words with one under another name, now the last of them, also in their expressions.

    Args:
        taught: The words by name.
        name: One of them.
        new: Its new name.
        vocabulary: The words of the model.

    Raises:
        KeyError: For a word that was not taught.
        VocabularyError: As `check_new` does.
    """
    found = taught[name]
    check_new(new, vocabulary, [known for known in taught if known != name])
    defined = set(defined_by(taught, name))
    others = {
        known: one._replace(expression=_with_name(one.expression, name, new)) if known in defined else one
        for known, one in taught.items()
        if known != name
    }
    return {**others, new: found._replace(name=new)}


def defined_by(taught: Mapping[str, TaughtConcept], name: str) -> list[str]:
    """Return the taught words whose expressions have a name in them."""
    return [known for known, one in taught.items() if _with_name(one.expression, name, "") != one.expression]


def _with_name(expression: str | None, name: str, new: str) -> str | None:
    """An expression with another name in the place of a taught one.

    It is as `str` writes it: whatever is combined or weighted stands in parentheses, and no name has any. It
    is not parsed, for it may also have names that were forgotten since.
    """
    if expression is None or expression == name:
        return expression and new
    return expression.replace(f"({name})", f"({new})")


def taught_posterior(
    q_x: Gaussian,
    prior: Gaussian,
    *,
    beta: float = 1.0,
    grounding: float = 10.0,
    significance: float = SIGNIFICANCE,
) -> Gaussian:
    """Return the Gaussian (1, D) of a word that N images show.

    Args:
        q_x: Posteriors of the images, over (N, D).
        prior: What the word means before, over (1, D): N(0, I), or an expression's.
        beta: Weight of the KL from `prior`, >= 0.
        grounding: Weight of the grounding KL, > 0.
        significance: Probability in (0, 1] with which a latent that says nothing is kept; 1 keeps all.

    Raises:
        ValueError: For a significance outside (0, 1].
    """
    if not 0 < significance <= 1:
        raise ValueError(f"significance is a probability in (0, 1], got {significance:g}")
    standard = Gaussian((q_x.mean - prior.mean) / prior.std, q_x.logvar - prior.logvar)
    q = optimal_posterior(standard, beta=beta, grounding=grounding)
    kept = len(q_x) * kl_from_prior(q) > -math.log(significance)
    mean, logvar = (torch.where(kept, value, 0.0) for value in (q.mean, q.logvar))
    return Gaussian(prior.mean + prior.std * mean, prior.logvar + logvar)
