r"""Exact gradient-boosted classification trees, compiled; see `vision.metrics.boosting`.

The greedy tree builder of a boosting stage spends its time sorting each node's points by each latent. Here
every latent is sorted once for all factors, classes and stages; a cut partitions the sorted order of its node
stably, so that the children are sorted too. A node is then scanned in one pass per latent from both ends at
once (two independent running sums, because a single one waits for its own addition). With n points in the
node, residuals of total S, and m points and residual sum s on one side of a cut, the cut's decrease of the
squared error is

    s^2/m + (S - s)^2/(n - m) - S^2/n = (n s - m S)^2 / (n m (n - m))

so candidates are compared through (n s - m S)^2 > best * m (n - m), without a division. All trees of a stage
(one per class) are independent given the residuals and are grown in parallel, by threads of our own: numba's
would change how many threads torch uses, through the OpenMP runtime that they share.

Nodes are numbered as in a heap: 0 the root, 1-2, 3-6; the 8 leaves below them count from 0. A node that is
not cut has an infinite threshold and sends all its points left. `tree` (7, 6) holds a row per node: latent
(-1: not cut), threshold, score, points and residual sum on the left, number of latents whose best cut ties
for the score. One of those, by chance, makes the cut; the importance is shared among them (`rivals` (7, D)
lists them), which is what chance gives on average.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vision.compiling import compiled
from vision.metrics.arrays import Floats, Integers, Single, Unsigned

# values closer than this are not separated: scikit-learn's threshold, in single precision too
GAP = np.float32(1e-7)
LATENT, THRESHOLD, SCORE, COUNT, SUM, TIES = 0, 1, 2, 3, 4, 5
TIE = 1e-12  # relative difference of scores below which only the order of the additions tells them apart
NODES, LEAVES = 7, 8
WORTH_SHARING = 1 << 20  # trees x points x latents of a stage that outweigh waking the other threads
BLOCK = 1024  # points whose class probabilities are computed together: they stay in the cache


@compiled()
def _shuffle(latents, state):  # type: ignore[no-untyped-def]
    """Shuffle the order in which latents are tried, in place: the first of those that tie makes the cut."""
    for last in range(len(latents) - 1, 0, -1):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        chosen = np.int64((state >> np.uint64(33)) % np.uint64(last + 1))
        latents[last], latents[chosen] = latents[chosen], latents[last]
    return state


@compiled()
def _scan(points, residual, x, total, best):  # type: ignore[no-untyped-def]
    """Best cut of points sorted by x: score, size of the left part (0: none beats best), its residual sum."""
    count = len(points)
    n, m = np.float64(count), 0.0
    from_left, from_right = 0.0, 0.0
    best_left, cut_left, sum_left = best, 0, 0.0
    best_right, cut_right, sum_right = best, 0, 0.0
    for k in range(1, (count - 1) // 2 + 1):
        m += 1.0
        room = m * (n - m)
        from_left += residual[points[k - 1]]
        from_right += residual[points[count - k]]
        left = n * from_left - m * total
        right = n * from_right - m * total
        if left * left > best_left * room and x[points[k]] > x[points[k - 1]] + GAP:
            best_left, cut_left, sum_left = left * left / room, k, from_left
        if right * right > best_right * room and x[points[count - k]] > x[points[count - k - 1]] + GAP:
            best_right, cut_right, sum_right = right * right / room, count - k, total - from_right
    if count % 2 == 0:
        k = count // 2
        from_left += residual[points[k - 1]]
        left, room = n * from_left - k * total, 0.25 * n * n
        if left * left > best_left * room and x[points[k]] > x[points[k - 1]] + GAP:
            best_left, cut_left, sum_left = left * left / room, k, from_left
    if cut_right > 0 and best_right > best_left:
        return best_right, cut_right, sum_right
    return best_left, cut_left, sum_left


@compiled()
def _partition(points, right, out, middle):  # type: ignore[no-untyped-def]
    """Stable partition of points into out: those that go left from 0, those that go right from middle."""
    low, high, one = np.uint64(0), np.uint64(middle), np.uint64(1)
    for p in range(len(points)):
        point = points[p]
        side = np.uint64(right[point])
        out[high if side else low] = point
        high += side
        low += one - side


@compiled()
def _try(points, latent, x, residual, total, cut, rivals):  # type: ignore[no-untyped-def]
    """Let a latent, which sorts the points of a node, compete for the node's `cut`, a row of the tree."""
    if len(points) < 2:
        return
    best = cut[SCORE]
    score, left, left_sum = _scan(points, residual, x[latent], total, best - TIE * abs(best))
    if left == 0:
        return
    if cut[LATENT] >= 0 and score <= best + TIE * best:
        rivals[np.int64(cut[TIES])] = latent
        cut[TIES] += 1
        return
    below, above = np.float64(x[latent, points[left - 1]]), np.float64(x[latent, points[left]])
    middle = below / 2.0 + above / 2.0
    cut[LATENT], cut[SCORE] = latent, score
    cut[THRESHOLD] = below if middle == above else middle
    cut[COUNT], cut[SUM] = left, left_sum
    cut[TIES], rivals[0] = 1, latent


@compiled()
def _send(x, tree, first, place, right):  # type: ignore[no-untyped-def]
    """Send every point of the level that begins at node `first` to its child: 2 place + right."""
    for point in range(len(place)):
        cut = tree[first + place[point]]
        side = x[max(0, np.int64(cut[LATENT])), point] > cut[THRESHOLD]
        right[point] = side
        place[point] = 2 * place[point] + side


@compiled()
def _cut_nodes(order, x, residual, state, tree, rivals, place, right, buffer, spare):  # type: ignore[no-untyped-def]
    """Grow one tree of depth 3 and leave each point's leaf in place; returns the random state."""
    points = len(residual)
    tree[:] = 0.0
    tree[:, LATENT], tree[:, THRESHOLD], tree[:, SCORE] = -1.0, np.inf, -1.0
    place[:] = 0
    total = residual.sum()
    latents = np.arange(len(order))
    state = _shuffle(latents, state)
    for latent in latents:
        _try(order[latent], latent, x, residual, total, tree[0], rivals[0])
    _send(x, tree, 0, place, right)
    if tree[0, LATENT] < 0:
        place[:] = 0
        return state
    middle = np.int64(tree[0, COUNT])
    state = _shuffle(latents, state)
    for latent in latents:
        _partition(order[latent], right, buffer[latent], middle)
        _try(buffer[latent, :middle], latent, x, residual, tree[0, SUM], tree[1], rivals[1])
        _try(buffer[latent, middle:], latent, x, residual, total - tree[0, SUM], tree[2], rivals[2])
    _send(x, tree, 1, place, right)
    for parent in range(1, 3):
        if tree[parent, LATENT] >= 0:
            start, stop = (0, middle) if parent == 1 else (middle, points)
            border = np.int64(tree[parent, COUNT])
            whole = tree[0, SUM] if parent == 1 else total - tree[0, SUM]
            state = _shuffle(latents, state)
            for latent in latents:
                _partition(buffer[latent, start:stop], right, spare, border)
                node, left_sum = 2 * parent + 1, tree[parent, SUM]
                _try(spare[:border], latent, x, residual, left_sum, tree[node], rivals[node])
                rest = spare[border : stop - start]
                _try(rest, latent, x, residual, whole - left_sum, tree[node + 1], rivals[node + 1])
    _send(x, tree, 3, place, right)
    return state


@compiled()
def _leaf_values(residual, place, scale):  # type: ignore[no-untyped-def]
    """One Newton step per leaf: scale * sum r / sum p (1 - p), where |r| is p or 1 - p."""
    above, below = np.zeros(LEAVES), np.zeros(LEAVES)
    for point in range(len(place)):
        r = abs(residual[point])
        above[place[point]] += residual[point]
        below[place[point]] += r * (1.0 - r)
    values = np.zeros(LEAVES)
    for leaf in range(LEAVES):
        if below[leaf] > 1e-150:
            values[leaf] = scale * above[leaf] / below[leaf]
    return values


@compiled()
def _predict(x, tree, values, raw):  # type: ignore[no-untyped-def]
    """Add the tree's values to raw (M,) at the points x (D, M)."""
    for point in range(len(raw)):
        node = 0
        for _ in range(3):
            latent = max(0, np.int64(tree[node, LATENT]))
            node = 2 * node + 1 + (x[latent, point] > tree[node, THRESHOLD])
        raw[point] += values[node - NODES]


@compiled()
def _credit(tree, rivals, points, importance):  # type: ignore[no-untyped-def]
    """Add the decrease of squared error at each cut to the importance (D,) of the latents that tie for it."""
    sizes = np.zeros(2 * NODES + 1)
    sizes[0] = points
    for node in range(NODES):
        if tree[node, LATENT] >= 0:
            ties = np.int64(tree[node, TIES])
            for rival in range(ties):
                importance[rivals[node, rival]] += tree[node, SCORE] / (sizes[node] * ties)
            sizes[2 * node + 1] = tree[node, COUNT]
            sizes[2 * node + 2] = sizes[node] - tree[node, COUNT]


@compiled(nogil=True)
def _grow_trees(worker, workers, x, order, x_test, residual, raw, raw_test, states, importance, buffer, rate):  # type: ignore[no-untyped-def]
    """Grow the trees worker, worker + workers, ...; add them to raw scores and importances."""
    trees, points = raw.shape
    scale = rate * (trees - 1) / trees if trees > 1 else rate
    tree, rivals = np.empty((NODES, 6)), np.empty((NODES, len(order)), np.int64)
    place, right = np.empty(points, np.uint8), np.empty(points, np.uint8)
    spare = np.empty(points, np.uint32)
    for k in range(worker, trees, workers):
        states[k] = _cut_nodes(order, x, residual[k], states[k], tree, rivals, place, right, buffer, spare)
        _credit(tree, rivals, points, importance[k])
        values = _leaf_values(residual[k], place, scale)
        for point in range(points):
            raw[k, point] += values[place[point]]
        _predict(x_test, tree, values, raw_test[k])


def _residuals(raw: Floats, labels: Integers, residual: Floats) -> None:
    """residual[k] = 1[label = k] - softmax(raw)[k]; a single row of raw is class 1 against class 0."""
    if len(raw) == 1:
        residual[0] = labels - 1.0 / (1.0 + np.exp(-raw[0]))
        return
    for start in range(0, raw.shape[1], BLOCK):
        part = raw[:, start : start + BLOCK]
        probabilities = np.exp(part - part.max(0))
        probabilities /= -probabilities.sum(0)
        label = labels[start : start + BLOCK]
        probabilities[label, np.arange(len(label))] += 1.0
        residual[:, start : start + BLOCK] = probabilities


def fit(
    x: Single,
    order: Unsigned,
    x_test: Single,
    labels: Integers,
    raw: Floats,
    raw_test: Floats,
    *,
    states: Unsigned,
    stages: int,
    rate: float,
    workers: int,
) -> Floats:
    """Boost the raw scores (trees, N) and (trees, M) in place; returns each latent's error decrease (D,).

    `x` (D, N) and `x_test` (D, M) are single precision, `order` (D, N) unsigned sorts each row of x, `states`
    (trees,) are non-zero random 64-bit seeds. The result does not depend on the number of `workers`; small
    problems are not worth waking them.
    """
    residual, importance = np.empty_like(raw), np.zeros((len(raw), len(x)))
    if raw.size * len(x) < WORTH_SHARING:
        workers = 1
    workers = min(workers, len(raw))
    buffers = np.empty((workers, *order.shape), dtype=np.uint32)
    data = (x, order, x_test, residual, raw, raw_test, states, importance)
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(stages):
            _residuals(raw, labels, residual)
            grown = [pool.submit(_grow_trees, w, workers, *data, buffers[w], rate) for w in range(workers)]
            for trees in grown:
                trees.result()
    return importance.sum(0)
