"""SCAN and its operators from codes in memory: a call each, without a run folder.

    model = fit(q_x, symbols, vocabulary)
    operators = fit_operators(model, q_x, symbols, vocabulary)

The codes q_x = q(z|x) may come from any encoder. SCAN takes N(0, 1) for a latent that a concept leaves open:
over all images, each latent should have mean 0 and variance 1 or so (`VAE.standardise`). Both trainings are
those of a run, by AdamW. The global random state is left alone.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from scan import models
from scan.grounding import SCAN, Direction, attribute_blocks, k_hot, training_loss
from scan.grounding import expert_penalty as penalty_schedule
from scan.joint_model import SymbolModel
from scan.operators import Operators, draw_triples, recombination_loss, recombinations
from symbols import Concept, Unseen, Vocabulary
from vision.data import batches
from vision.gaussian import Gaussian

M = TypeVar("M", bound=nn.Module)

Symbols = Sequence[Concept] | Tensor | np.ndarray
"""What N images were named: N concepts, or k-hot symbols (N, K)."""


class Training(NamedTuple):
    """How a kind of symbol networks is trained."""

    steps: int
    """Gradient steps."""
    batch: int
    """Images in a step."""
    lr: float
    """The learning rate at first."""
    decay: Literal["constant", "cosine"]
    """Whether the rate stays, or falls to 0 along half a cosine."""


TRAININGS = {
    "experts": Training(4_000, 64, 1e-2, "cosine"),
    "mlp": Training(60_000, 16, 1e-4, "constant"),
}
"""The defaults of `fit` for each kind of symbol networks; for "mlp", lr and batch of SCAN's public ports."""


def fit(
    q_x: Gaussian,
    symbols: Symbols,
    vocabulary: Vocabulary,
    *,
    encoder: Literal["experts", "mlp"] = "experts",
    hidden: Sequence[int] = (100,),
    steps: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    weight_decay: float = 0.0,
    beta: float = 1.0,
    grounding: float = 10.0,
    direction: Direction = "forward",
    expert_penalty: float = 0.0,
    pair_penalty: float | None = None,
    completion: float | None = None,
    seed: int = 0,
) -> SCAN:
    """Return SCAN, grounded in the codes of named images, frozen and on their device.

    Args:
        q_x: Codes of N images, over (N, D).
        symbols: What each image was named: N concepts, or k-hot symbols (N, K).
        vocabulary: The K words.
        encoder: Kind of the symbol encoder and decoder (`scan.symbol_networks`).
        hidden: Widths of the hidden layers of "mlp".
        steps: The number of gradient steps; by default 4,000 for "experts" and 60,000 for "mlp".
        batch: Images in a step; by default 64 for "experts" and 16 for "mlp".
        lr: The learning rate; by default 1e-2 for "experts", whose rate falls to 0 along half a cosine, and
            1e-4 for "mlp", whose rate is constant.
        weight_decay: That of AdamW.
        beta: Weight of the KL from the prior.
        grounding: Weight of the grounding KL, the paper's lambda.
        direction: "forward" is the method, KL(q_x || q_y); "reverse" is SCAN_R.
        expert_penalty: Weight of the expert penalty, in nats over all images
            (`scan.grounding.expert_penalty`). A few nats help where a concept has few images, which agree in
            other latents by chance.
        pair_penalty: The same of experts of pairs of values, which there are where it is given; without
            `completion` they learn mostly what the few images of a concept share by chance.
        completion: The probability above which a value of an open attribute that p(y|z) reads is added to a
            symbol (`scan.grounding.completed`), from 0.5 to below 1; None for symbols as they are.
        seed: The same seed gives the same model.

    Raises:
        ValueError: For codes and symbols of different numbers, symbols that the vocabulary does not have,
            codes that are not finite, an unknown encoder, a penalty without experts, a completion out of
            range, and steps or a batch below 1.
    """
    if completion is not None and not 0.5 <= completion < 1:
        raise ValueError(f"completion is a probability from 0.5 to below 1, got {completion}")
    if (expert_penalty or pair_penalty is not None) and encoder != "experts":
        raise ValueError(f"a penalty of experts needs the encoder 'experts', not {encoder!r}")
    models.check_encoder(encoder)
    training = _training(encoder, steps, batch, lr)
    codes = _checked(q_x)
    concepts, named = _concepts(symbols, vocabulary, len(codes))
    device, latents = codes.mean.device, codes.mean.shape[1]
    y = k_hot(vocabulary, concepts, device)[torch.from_numpy(named)]
    sizes = () if pair_penalty is None else vocabulary.sizes
    model = _built(
        lambda: models.scan(vocabulary.size, latents, encoder=encoder, hidden=hidden, attributes=sizes), seed
    )
    model.to(device)
    penalty = penalty_schedule(expert_penalty, grounding, len(y), training.steps)
    pairs = penalty_schedule(pair_penalty or 0.0, grounding, len(y), training.steps)
    attributes = attribute_blocks(vocabulary, device)
    generator = torch.Generator(device).manual_seed(seed)

    def loss(step: int) -> Tensor:
        rows = batches.plain(seed, step, len(y), training.batch, device)
        return training_loss(
            model,
            y[rows],
            codes[rows],
            penalty=penalty(step),
            pair_penalty=pairs(step),
            completion=completion,
            attributes=attributes,
            beta=beta,
            grounding=grounding,
            direction=direction,
            generator=generator,
        )[0]

    _minimise(loss, model, training, weight_decay)
    return model


def fit_operators(
    model: SymbolModel,
    q_x: Gaussian,
    symbols: Symbols,
    vocabulary: Vocabulary,
    *,
    held_out: Collection[Concept] | Unseen = (),
    hidden: Sequence[int] = (64, 64),
    triples: int = 4_000,
    steps: int = 2_000,
    batch: int = 256,
    lr: float = 5e-3,
    direction: Direction = "forward",
    seed: int = 0,
) -> Operators:
    """Return AND, IN COMMON and IGNORE, learned from the codes of named images, frozen and on their device.

    The results of the triples (operator, left, right, result) are the named concepts; their inputs are any
    concepts of the vocabulary.

    Args:
        model: SCAN, or any other `SymbolModel`, on the device of the codes and over the same D latents.
        q_x: Codes of N images, over (N, D).
        symbols: What each image was named: N concepts, or k-hot symbols (N, K).
        vocabulary: The K words.
        held_out: Full combinations that no triple mentions; or what `symbols.Unseen` says.
        hidden: Widths of the hidden layers.
        triples: How many triples to learn from, at most.
        steps: The number of gradient steps.
        batch: Triples in a step.
        lr: The learning rate at first.
        direction: "forward" is the method, KL(q_x || q_r); "reverse" is SCAN_R.
        seed: The same seed gives the same operators.

    Raises:
        ShortageError: When no triple reaches a named concept; a ValueError.
        ValueError: As `fit` does, for codes of another number of latents than the model's, for a vocabulary
            of one attribute, and for a named concept that is held out.
    """
    _check_positive(triples=triples, steps=steps, batch=batch)
    training = Training(steps, batch, lr, "cosine")
    codes = _checked(q_x)
    concepts, named = _concepts(symbols, vocabulary, len(codes))
    device = codes.mean.device
    results = [concept for concept in concepts if concept.level]
    drawn = draw_triples(vocabulary, results, triples, seed, held_out=held_out)
    counts = np.bincount(named, minlength=len(concepts)).tolist()
    examples = recombinations(model, vocabulary, drawn, concepts, counts, device)
    found, expected = codes.mean.shape[1], examples.q_left.mean.shape[1]
    if found != expected:
        raise ValueError(f"expected codes over (N, {expected}), the latents of the model, got (N, {found})")
    grouped = codes[torch.from_numpy(np.argsort(named, kind="stable")).to(device)]
    operators = _built(lambda: Operators(hidden), seed).to(device)
    generator = torch.Generator(device).manual_seed(seed)

    def loss(step: int) -> Tensor:
        rows = batches.plain(seed, step, len(drawn), batch, device)
        return recombination_loss(operators, examples, rows, grouped, direction, generator)

    _minimise(loss, operators, training)
    return operators


def _training(encoder: str, steps: int | None, batch: int | None, lr: float | None) -> Training:
    """What was asked for, and the defaults of the encoder for what was not."""
    default = TRAININGS[encoder]
    training = Training(
        steps=default.steps if steps is None else steps,
        batch=default.batch if batch is None else batch,
        lr=default.lr if lr is None else lr,
        decay=default.decay,
    )
    _check_positive(steps=training.steps, batch=training.batch)
    return training


def _check_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is a positive integer, got {size}")


def _checked(q_x: Gaussian) -> Gaussian:
    """The codes (N, D) in float32, cut from the graph."""
    if q_x.mean.ndim != 2 or not q_x.mean.numel():
        raise ValueError(f"expected codes over (N, D), got a Gaussian over {tuple(q_x.mean.shape)}")
    if not (q_x.mean.isfinite().all() and q_x.logvar.isfinite().all()):
        raise ValueError("expected codes whose means and log-variances are finite")
    return Gaussian(q_x.mean.detach().float(), q_x.logvar.detach().float())


def _concepts(symbols: Symbols, vocabulary: Vocabulary, n: int) -> tuple[list[Concept], np.ndarray]:
    """The S distinct concepts among n symbols, and which of them each image was named, (n,) int64."""
    if len(symbols) != n:
        raise ValueError(f"expected a symbol for each of the {n} codes, got {len(symbols)} symbols")
    if isinstance(symbols, Tensor | np.ndarray):
        y = np.asarray(symbols.detach().cpu() if isinstance(symbols, Tensor) else symbols)
        distinct, named = np.unique(y, axis=0, return_inverse=True)
        return [vocabulary.decode(row) for row in distinct], named.reshape(n)
    given = [vocabulary.concept(concept) for concept in symbols]
    number = {concept: place for place, concept in enumerate(dict.fromkeys(given))}
    return list(number), np.array([number[concept] for concept in given])


def _built(build: Callable[[], M], seed: int) -> M:
    """A module whose first weights are a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def _minimise(
    loss: Callable[[int], Tensor], module: nn.Module, training: Training, weight_decay: float = 0.0
) -> None:
    """Minimise a loss of the step, then freeze the module."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=training.lr, weight_decay=weight_decay, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
    for step in range(training.steps):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()
        if training.decay == "cosine":
            decay.step()
    module.eval().requires_grad_(False)
