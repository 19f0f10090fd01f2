r"""Unsupervised disentanglement ranking (Duan et al. 2020): do models trained alike agree, latent by latent?

For every ordered pair of models a similarity matrix R >= 0 of their latents on the same images, and of it

    UDR_ab = 1/2 ( mean over columns of max^2 / sum  +  mean over rows of max^2 / sum )        (0/0 = 0)

over the informative latents, those that vary and have a mean KL from the prior above a threshold. A model's
score is the median over the other models. The paper pools rows and columns over d_a + d_b instead, which
differs where unlike numbers are informative.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.linear_model import Lasso

from vision.metrics.arrays import Floats, Integers, MetricError, numbers, standardised, varies
from vision.metrics.checks import check_codes

Method = Literal["spearman", "lasso"]
Pooling = Literal["reference", "paper"]


class Ranking(NamedTuple):
    """Score (M,) of each model in 0..1, pairwise values (M, M), number of informative latents (M,)."""

    scores: Floats
    pairwise: Floats
    num_informative: Integers


def relative_strength(similarity: Floats, pooling: Pooling = "reference") -> float:
    """How close a similarity matrix (A, B) is to a permutation: 1 if it is one, 1/n for n x n equal entries.

    >>> relative_strength(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    0.6666666666666666
    """
    if similarity.size == 0:
        return 0.0
    shares = []
    for axis in (0, 1):
        total = similarity.sum(axis)
        top = similarity.max(axis)
        shares.append(top**2 / np.where(total > 0, total, 1.0))
    if pooling == "paper":
        return float(np.concatenate(shares).mean())
    return float(0.5 * (shares[0].mean() + shares[1].mean()))


def udr(
    codes: Sequence[ArrayLike],
    kl: Sequence[ArrayLike],
    *,
    method: Method = "spearman",
    pooling: Pooling = "reference",
    threshold: float = 0.01,
    alpha: float = 0.1,
) -> Ranking:
    """Rank M >= 2 models by their agreement; no factors are needed.

    `codes`: for each model the posterior means (N, D_m) on the same N images; `kl`: for each model the mean
    KL (D_m,) of every latent from the prior, in nats. "spearman" compares by absolute rank correlation,
    "lasso" by the absolute weights of a regression of one standardised code on the other with penalty
    `alpha`. Score 0: no agreement, or no informative latent; 1: same latents up to order, sign and (Spearman)
    monotone warping.
    Fails: the lasso shrinks, so identical models reach 1 - alpha = 0.9 and not 1; Spearman reaches 1 only as
    N grows (0.96 at 10,000 points, 5 latents); models with one informative latent score high, so read
    `num_informative` beside it; models that fail in the same way agree.

    >>> x = np.stack(np.meshgrid(range(9), range(9)), -1).reshape(-1, 2)
    >>> udr([x, -x[:, ::-1]], [[1.0, 1.0], [1.0, 1.0]]).scores.round(6).tolist()
    [1.0, 1.0]
    """
    if len(codes) < 2 or len(codes) != len(kl):
        raise MetricError(
            f"udr compares models: {len(codes)} codes and {len(kl)} kl were given, at least 2 each are needed"
        )
    if method not in ("spearman", "lasso") or pooling not in ("reference", "paper"):
        raise MetricError(
            f"method={method!r} must be spearman or lasso, pooling={pooling!r} reference or paper"
        )
    checked = [check_codes(code, f"codes[{index}]") for index, code in enumerate(codes)]
    informative = []
    for index, (code, nats) in enumerate(zip(checked, kl, strict=True)):
        mean_kl = numbers(nats, f"kl[{index}]").astype(np.float64)
        if mean_kl.shape != (code.shape[1],) or len(code) != len(checked[0]) or np.isnan(mean_kl).any():
            raise MetricError(
                f"model {index}: codes {code.shape} and kl {mean_kl.shape} must be (N, D) and (D,), "
                f"N={len(checked[0])}"
            )
        informative.append((mean_kl > threshold) & varies(code))
    kept = [standardised(code[:, keep])[0] for code, keep in zip(checked, informative, strict=True)]
    pairwise = np.zeros((len(kept), len(kept)))
    ranks = [standardised(rankdata(code, axis=0))[0] for code in kept] if method == "spearman" else kept
    for a, first in enumerate(ranks):
        for b, second in enumerate(ranks):
            if a == b or first.shape[1] == 0 or second.shape[1] == 0:
                continue
            if method == "spearman":
                similarity = np.abs(first.T @ second) / len(first) if b > a else None
            else:
                similarity = np.abs(np.atleast_2d(Lasso(alpha=alpha).fit(first, second).coef_)).T
            pairwise[a, b] = pairwise[b, a] if similarity is None else relative_strength(similarity, pooling)
    others = ~np.eye(len(kept), dtype=bool)
    scores = np.array([np.median(pairwise[others[:, index], index]) for index in range(len(kept))])
    return Ranking(scores, pairwise, np.array([keep.sum() for keep in informative]))
