"""What one step of a training does: an update is a function of the step that returns named scalars.

    descend(optimiser, loss, rate)         one optimiser: rate, loss, gradient, step
    repeat(critic, 5)                      an update several times a step
    alternate(discriminator, encoder)      several networks in turn, each with an optimiser of its own

Whatever is random in an update is a function of its step, so that the modules and the optimisers are its
whole state. An update knows no file, and the loop (`pipelines.training.loop`) no loss.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Update = Callable[[int], dict[str, Tensor]]
"""step -> named scalars for the log; the weights have changed."""

StepLoss = Callable[[int], tuple[Tensor, dict[str, Tensor]]]
"""step -> (scalar to minimise, named scalars for the log)."""


def descend(
    optimiser: torch.optim.Optimizer, loss: StepLoss, learning_rate: Callable[[int], float]
) -> Update:
    """Minimise `loss` by `optimiser`, whose every parameter group gets the rate of the step, times its own
    `relative_lr` where it has one.

    A loss may pass gradients to weights of other optimisers: each clears its own before its gradient.

    Args:
        optimiser: Of the weights that are changed.
        loss: Step -> (scalar to minimise, named scalars for the log).
        learning_rate: Step -> rate.
    """

    def update(step: int) -> dict[str, Tensor]:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step) * group.get("relative_lr", 1.0)
        value, terms = loss(step)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        return terms

    return update


def repeat(update: Update, times: int) -> Update:
    """The steps times * step, ..., times * step + times - 1 of an update in one; the terms of the last.

    Args:
        update: The update.
        times: How often, at least 1.

    Raises:
        ValueError: Unless `times` is positive.
    """
    if times < 1:
        raise ValueError(f"an update is repeated at least once, got {times}")

    def repeated(step: int) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        for number in range(times * step, times * (step + 1)):
            terms = update(number)
        return terms

    return repeated


def alternate(*updates: Update) -> Update:
    """One step of each update, in this order; the terms of all.

    Raises:
        ValueError: In a step in which two updates return a term of the same name.
    """

    def alternating(step: int) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        for update in updates:
            found = update(step)
            twice = terms.keys() & found.keys()
            if twice:
                raise ValueError(f"two updates have a term {min(twice)!r}")
            terms |= found
        return terms

    return alternating
