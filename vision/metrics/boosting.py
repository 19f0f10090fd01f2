"""Gradient-boosted trees with the definition of scikit-learn's `GradientBoostingClassifier()`, for all
factors of a code at once.

The learner behind DCI: 100 stages, learning rate 0.1, depth 3, all points and latents, log loss, exact greedy
cuts. The compiled builder needs numba (the extra `metrics`) and is some tens of times faster; without it
scikit-learn's own learner runs. Both give the same trees except where latents tie for a cut (a duplicated
latent always does). Then chance decides, seeded here; the compiled builder shares the cut's importance among
the tied latents, which is scikit-learn's expectation over its seeds.
"""

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch

from vision.metrics.arrays import Floats, Integers, Single, Unsigned, standardised
from vision.metrics.linear import many_values

STAGES, RATE = 100, 0.1


class Boosted(NamedTuple):
    """What the boosted trees of each factor say: importances (D, K) and predicted values (N, K), (M, K)."""

    importance: Floats
    predicted: Integers
    predicted_test: Integers


def compiled() -> bool:
    """Whether the compiled tree builder is available, that is, numba is installed."""
    return find_spec("numba") is not None


def boost(codes: Floats, factors: Integers, codes_test: Floats, *, seed: int = 0) -> Boosted:
    """Fit one boosted classifier per column of `factors` (N, K) on `codes` (N, D); predict `codes_test`.

    Importances are the decreases of squared error by latent, each column summing to 1, or 0 where no tree
    could cut. Trees work in single precision and make no cuts between values closer than 1e-7, so latents are
    standardised first: an offset or a unit would decide which values are told apart.
    """
    largest = float(np.finfo(np.float32).max)
    codes, codes_test = (np.clip(part, -largest, largest) for part in standardised(codes, codes_test))
    if not compiled():
        return _with_sklearn(codes, factors, codes_test, seed)
    x = np.ascontiguousarray(codes.T, dtype=np.float32)
    x_test = np.ascontiguousarray(codes_test.T, dtype=np.float32)
    order = np.argsort(x, axis=1, kind="stable").astype(np.uint32)
    rng = np.random.default_rng(seed)
    columns = [_one_factor(x, order, x_test, values, rng) for values in factors.T]
    return Boosted(*(np.stack(part, axis=1) for part in zip(*columns, strict=True)))


def _one_factor(
    x: Single, order: Unsigned, x_test: Single, values: Integers, rng: np.random.Generator
) -> tuple[Floats, Integers, Integers]:
    """Importances (D,) and predictions (N,), (M,) for one factor, by the compiled builder."""
    from vision.metrics.boosting_kernels import fit

    classes, labels, counts = np.unique(values, return_inverse=True, return_counts=True)
    prior = np.log(np.clip(counts / len(values), np.finfo(np.float32).eps, 1 - np.finfo(np.float32).eps))
    start = prior if len(classes) > 2 else prior[1:] - prior[:1]
    raw = np.repeat(start[:, None], x.shape[1], axis=1)
    raw_test = np.repeat(start[:, None], x_test.shape[1], axis=1)
    states = rng.integers(1, 2**63, size=len(start), dtype=np.uint64)
    decrease = fit(
        x,
        order,
        x_test,
        labels.astype(np.int64),
        raw,
        raw_test,
        states=states,
        stages=STAGES,
        rate=RATE,
        workers=torch.get_num_threads(),
    )
    total = decrease.sum()
    importance = decrease / total if total > 0 else decrease
    return importance, classes[_winners(raw)], classes[_winners(raw_test)]


def _winners(raw: Floats) -> Integers:
    return raw.argmax(0) if len(raw) > 1 else (raw[0] >= 0).astype(np.int64)


def _with_sklearn(codes: Floats, factors: Integers, codes_test: Floats, seed: int) -> Boosted:
    """The same learner by scikit-learn: minutes where the compiled builder takes seconds."""
    from sklearn.ensemble import GradientBoostingClassifier

    random = np.random.RandomState(seed)
    importance, predicted, predicted_test = [], [], []
    for values in factors.T:
        with many_values():
            model = GradientBoostingClassifier(random_state=random).fit(codes, values)
        importance.append(model.feature_importances_)
        predicted.append(model.predict(codes))
        predicted_test.append(model.predict(codes_test))
    return Boosted(np.stack(importance, 1), np.stack(predicted, 1), np.stack(predicted_test, 1))
