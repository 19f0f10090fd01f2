"""Batches: which images are drawn together, each as often as it should be, as a function of seed and step."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from vision.data import DataError, batches, contexts

SIZES = (3, 4, 2)
FULL = np.array(list(itertools.product(*map(range, SIZES))))


def gaps(n: int = 400) -> np.ndarray:
    """Factors of a set with repeated and with missing combinations, in no order."""
    rng = np.random.default_rng(0)
    kept = FULL[rng.permutation(len(FULL))[:15]]
    return kept[rng.integers(len(kept), size=n)]


def partners(factors: np.ndarray, k: int) -> dict[tuple[int, ...], np.ndarray]:
    """By brute force: for each set of k factors, which images (N, N) differ in exactly these."""
    differ = factors[:, None] != factors[None]
    found = {}
    for changed in itertools.combinations(range(factors.shape[1]), k):
        expected = np.isin(np.arange(factors.shape[1]), changed)
        found[changed] = (differ == expected).all(-1)
    return found


def frequencies_agree(counts: Counter, expected: dict, draws: int) -> bool:
    """Whether each outcome is as frequent as expected, to five standard deviations, and no other occurs."""
    assert set(counts) <= {outcome for outcome, share in expected.items() if share > 0}
    return all(
        abs(counts[outcome] - draws * share) < 5 * max(1.0, np.sqrt(draws * share))
        for outcome, share in expected.items()
    )


@pytest.mark.parametrize(("n", "batch"), [(10, 3), (10, 10), (7, 20), (5, 1)])
def test_batches_are_cut_from_permutations(n: int, batch: int) -> None:
    stream = torch.cat([batches.plain(3, step, n, batch) for step in range(30)])
    assert len(stream) == 30 * batch
    epochs = stream[: len(stream) // n * n].reshape(-1, n)
    assert torch.equal(epochs.sort(1).values, torch.arange(n).expand_as(epochs))
    if n > 5:
        assert not torch.equal(epochs[0], epochs[1])


@pytest.mark.parametrize("factors", [FULL, gaps()], ids=["full", "gaps"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_pairs_differ_in_exactly_k_factors(factors: np.ndarray, k: int) -> None:
    draw = batches.Pairs(factors, k)
    for step in range(10):
        one, other, changed = draw(1, step, 64)
        assert one.shape == other.shape == (64,)
        assert one.dtype == other.dtype == torch.int64
        assert (changed.numpy() == (factors[one] != factors[other])).all()
        assert (changed.sum(1) == k).all()


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("rounds", [0, 1, 8])
def test_sets_images_and_partners_are_uniform(k: int, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where partners are found by comparing all candidates, which `rounds` 0 forces."""
    monkeypatch.setattr(contexts, "ROUNDS", rounds)
    factors = gaps(30)
    expected: dict[tuple[int, int], float] = {}
    table = partners(factors, k)
    for allowed in table.values():
        first = np.flatnonzero(allowed.any(1))
        for one in first:
            for other in np.flatnonzero(allowed[one]):
                share = 1 / len(table) / len(first) / allowed[one].sum()
                expected[int(one), int(other)] = expected.get((int(one), int(other)), 0) + share
    assert sum(expected.values()) == pytest.approx(1)
    one, other, _ = batches.Pairs(factors, k)(3, 0, 200_000)
    assert frequencies_agree(Counter(zip(one.tolist(), other.tolist(), strict=True)), expected, 200_000)


def test_how_many_factors_differ_is_drawn_for_every_pair_below_their_number() -> None:
    four = np.array(list(itertools.product(range(2), range(3), range(2), range(2))))
    one, other, changed = batches.Pairs(four, None)(2, 0, 6000)
    assert (changed.numpy() == (four[one] != four[other])).all()
    counts = Counter(tuple(row) for row in changed.tolist())
    shares = {
        subset: 1 / 3 / (4, 6, 4)[sum(subset) - 1]
        for subset in itertools.product((False, True), repeat=4)
        if 0 < sum(subset) < 4
    }
    assert frequencies_agree(counts, shares, 6000)
    _, _, some = batches.Pairs(four, None, changing=(0, 2))(2, 0, 100)
    assert (some.sum(1) == 1).all()
    assert not some[:, [1, 3]].any()


def test_only_the_factors_that_may_change_do() -> None:
    _, _, changed = batches.Pairs(FULL, 1, changing=(0, 2))(1, 0, 500)
    assert not changed[:, 1].any()
    assert changed[:, 0].any()
    assert changed[:, 2].any()


def singles(factors: np.ndarray) -> batches.FactorGroups:
    """Batches in which one of three factors varies."""
    return batches.FactorGroups(factors, [(0,), (1,), (2,)])


@pytest.mark.parametrize("factors", [FULL, gaps()], ids=["full", "gaps"])
def test_one_factor_varies_and_its_values_are_balanced(factors: np.ndarray) -> None:
    draw, seen = singles(factors), set()
    for step in range(60):
        indices, factor = draw(1, step, 10)
        seen.add(factor)
        shown = factors[indices]
        others = np.delete(shown, factor, axis=1)
        assert (others == others[0]).all()
        alike = (np.delete(factors, factor, axis=1) == others[0]).all(1)
        counts = Counter(shown[:, factor].tolist())
        assert counts.keys() == set(factors[alike, factor].tolist())
        assert len(counts) > 1
        assert max(counts.values()) - min(counts.values()) <= 1
    assert seen == {0, 1, 2}


def test_factors_contexts_and_images_of_a_single_factor_are_uniform() -> None:
    factors = gaps(40)
    draw, steps = singles(factors), 6000
    expected: dict[tuple[int, int], float] = {}
    for factor in range(3):
        others = np.delete(factors, factor, axis=1)
        contexts = [np.flatnonzero((others == context).all(1)) for context in np.unique(others, axis=0)]
        contexts = [images for images in contexts if len(set(factors[images, factor])) > 1]
        for images in contexts:
            values = Counter(factors[images, factor].tolist())
            for image in images:
                share = 1 / 3 / len(contexts) / len(values) / values[factors[image, factor]]
                expected[factor, int(image)] = share
    counts: Counter = Counter()
    for step in range(steps):
        indices, factor = draw(5, step, 2)
        counts[factor, int(indices[0])] += 1
    assert frequencies_agree(counts, expected, steps)


GROUPS = ((0,), (2,), (1, 3))
FOUR = np.array(list(itertools.product(range(3), range(3), range(4), range(2))))


def test_in_a_batch_exactly_the_factors_of_one_group_vary() -> None:
    draw, seen = batches.FactorGroups(FOUR, GROUPS), set()
    for step in range(60):
        indices, group = draw(1, step, 24)
        seen.add(group)
        varies = (FOUR[indices] != FOUR[indices[0]]).any(0)
        assert set(np.flatnonzero(varies)) == set(GROUPS[group])
        if len(GROUPS[group]) == 1:
            assert len(set(Counter(FOUR[indices][:, GROUPS[group][0]].tolist()).values())) == 1  # balanced
    assert seen == {0, 1, 2}


def test_groups_are_drawn_by_their_ratio() -> None:
    draw, steps = batches.FactorGroups(FOUR, GROUPS, (1, 1, 10)), 4_000
    counts = Counter(draw(4, step, 2).group for step in range(steps))
    for group, share in enumerate((1 / 12, 1 / 12, 10 / 12)):
        deviation = np.sqrt(steps * share * (1 - share))
        assert abs(counts[group] - steps * share) < 3 * deviation


def test_groups_that_cannot_vary_alone_and_ratios_of_other_lengths_are_refused() -> None:
    tied = np.concatenate((FOUR, FOUR[:, :1]), axis=1)
    with pytest.raises(DataError, match=r"no two images differ in exactly the factors \[0\]"):
        batches.FactorGroups(tied, [(0,)])
    for ratio in ((1, 1), (1, 1, 0)):
        with pytest.raises(ValueError, match="one positive number for each of 3 groups"):
            batches.FactorGroups(FOUR, GROUPS, ratio)
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        batches.FactorGroups(FOUR, GROUPS)(0, 0, 1)


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    pairs, single = batches.Pairs(FULL, 2), singles(FULL)
    again, single_again = batches.Pairs(FULL, 2), singles(FULL)
    again(1, 0, 8), single_again(1, 0, 8)  # what was drawn before does not matter
    assert torch.equal(pairs(1, 7, 8).one, again(1, 7, 8).one)
    assert torch.equal(single(1, 7, 8).indices, single_again(1, 7, 8).indices)
    for seed, step in ((2, 7), (1, 8)):
        assert not torch.equal(pairs(1, 7, 8).one, pairs(seed, step, 8).one)
        assert not torch.equal(single(1, 7, 20).indices, single(seed, step, 20).indices)


def test_many_binary_attributes_do_not_overflow() -> None:
    attributes = np.random.default_rng(0).integers(0, 2, (50, 100))
    mirrored = np.concatenate((attributes, attributes))
    mirrored[50:, 70] ^= 1
    one, other, _ = batches.Pairs(mirrored, 1, changing=(70,))(0, 0, 100)
    assert ((one - other).abs() == 50).all()


def test_sets_without_such_pairs_are_refused_by_the_factors() -> None:
    constant = np.concatenate((FULL, np.zeros((len(FULL), 1), dtype=int)), axis=1)
    with pytest.raises(DataError, match=r"no two images differ in exactly the factors \[3\]"):
        batches.Pairs(constant)
    tied = np.stack((np.arange(6), np.arange(6)), axis=1)
    with pytest.raises(DataError, match=r"factors \[0\]"):
        batches.Pairs(tied, 1)
    assert batches.Pairs(tied, 2)(0, 0, 4).changed.all()
    for wrong in (np.zeros((0, 2), dtype=int), np.zeros((5, 2)), np.zeros(5, dtype=int)):
        with pytest.raises(DataError, match=r"integers \(N, K\), got"):
            batches.Pairs(wrong)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in 1 to 3 factors, got 4"):
        batches.Pairs(FULL, 4)
    with pytest.raises(ValueError, match="can be drawn where 2 at least may, got 1"):
        batches.Pairs(FULL, None, changing=(1,))
    with pytest.raises(ValueError, match="more than 200 sets among 12 factors"):
        batches.Pairs(np.zeros((2, 12), dtype=int), None)
    with pytest.raises(ValueError, match=r"columns 0 to 2, got \(0, 3\)"):
        batches.Pairs(FULL, 1, changing=(0, 3))
    with pytest.raises(ValueError, match="more than 200 sets of 5 among 12 factors"):
        batches.Pairs(np.zeros((2, 12), dtype=int), 5)
