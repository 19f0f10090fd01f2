import dataclasses

import numpy as np
import pytest
import torch

from vision.data.images import DataError, ImageSet, to_bytes, to_unit


def image_set(**changes) -> ImageSet:
    n = 6
    fields = {
        "images": torch.arange(n * 12, dtype=torch.uint8).view(n, 3, 2, 2),
        "factors": np.stack([np.arange(n) % 3, np.arange(n) % 2], axis=1).astype(np.int64),
        "names": ("colour", "hat"),
        "value_names": (("red", "green", "blue"), ("no", "yes")),
        "binary": ("hat",),
    }
    return ImageSet(**{**fields, **changes})


def test_what_it_holds():
    data = image_set()
    assert (len(data), data.shape, data.sizes) == (6, (3, 2, 2), (3, 2))


def test_a_subset_keeps_images_and_factors_together():
    data = image_set()
    green = data.subset(data.factors[:, 0] == 1)
    assert torch.equal(green.images, data.images[[1, 4]])
    assert green.factors.tolist() == [[1, 1], [1, 0]]
    assert green.value_names == data.value_names
    backwards = data.subset(np.array([5, 0]))
    assert torch.equal(backwards.images, data.images[[5, 0]])
    assert backwards.factors.tolist() == [[2, 1], [0, 0]]
    assert len(data.subset(np.zeros(6, dtype=bool))) == 0


def test_the_digest_is_of_the_content():
    data = image_set()
    assert data.sha256() == image_set(source="elsewhere").sha256()
    transposed = data.images.transpose(2, 3).contiguous().transpose(2, 3)
    assert data.sha256() == image_set(images=transposed).sha256()
    pixel, factor = data.images.clone(), data.factors.copy()
    pixel[5, 2, 1, 1] += 1
    factor[0, 0] = 2
    changed = [
        image_set(images=pixel),
        image_set(factors=factor),
        image_set(value_names=(("red", "lime", "blue"), ("no", "yes"))),
        data.subset(np.arange(5)),
    ]
    assert len({data.sha256(), *(other.sha256() for other in changed)}) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": torch.zeros(6, 3, 2, 2)}, r"must be uint8 \(N, C, H, W\), got torch.float32"),
        ({"images": torch.zeros(6, 2, 2, dtype=torch.uint8)}, r"got torch.uint8 \(6, 2, 2\)"),
        ({"factors": np.zeros((5, 2), dtype=np.int64)}, r"\(6, 2\) for 6 images and 2 names.*\(5, 2\)"),
        ({"factors": np.zeros((6, 2))}, "must be int64 .* got float64"),
        ({"factors": np.full((6, 2), 2, dtype=np.int64)}, "'hat' has 2 values but indices 2 to 2"),
        ({"factors": np.full((6, 2), -1, dtype=np.int64)}, "'colour' has 3 values but indices -1 to -1"),
        ({"names": ("hat", "hat")}, "2 lists of values for the names hat, hat"),
        ({"value_names": (("red", "green", "blue"),)}, "1 lists of values"),
        ({"binary": ("colour",)}, "'colour' is not a factor with two values"),
        ({"binary": ("shoe",)}, "'shoe' is not a factor"),
    ],
)
def test_contradictions_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        image_set(**changes)


def test_bytes_come_back_from_the_unit_interval():
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    unit = to_unit(every)
    assert unit.dtype == torch.float32
    assert (unit.min(), unit.max()) == (0, 1)
    assert torch.equal(to_bytes(unit), every)
    assert to_bytes(torch.tensor([-1.0, 0.5, 0.499, 2.0])).tolist() == [0, 128, 127, 255]


def test_resizing_averages_areas_and_keeps_the_rest():
    images = torch.randint(0, 256, (3, 3, 12, 12), dtype=torch.uint8)
    whole = ImageSet(images, np.zeros((3, 1), dtype=np.int64), ("a",), (("b",),), name="set")
    small = whole.resized(4)
    expected = images.float().unflatten(3, (4, 3)).unflatten(2, (4, 3)).mean((3, 5))
    assert (small.images.float() - expected).abs().max() <= 0.5
    assert small.shape == (3, 4, 4)
    assert (small.name, small.names) == ("set", ("a",))
    assert torch.equal(whole.resized(12).images, images)


def test_resizing_to_other_proportions_keeps_the_middle():
    images = torch.randint(0, 256, (3, 3, 12, 10), dtype=torch.uint8)
    whole = ImageSet(images, np.zeros((3, 1), dtype=np.int64), ("a",), (("b",),))
    assert torch.equal(whole.resized((12, 6)).images, images[:, :, :, 2:8])
    assert torch.equal(whole.resized((4, 10)).images, images[:, :, 4:8])
    halved = ImageSet(images[:, :, :, 2:8], whole.factors, ("a",), (("b",),)).resized((6, 3))
    assert torch.equal(whole.resized((6, 3)).images, halved.images)


def test_a_rendered_set_is_sampled_evenly_and_without_what_is_not_allowed() -> None:
    def render(factors: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(factors.sum(1).astype(np.uint8)).reshape(-1, 1, 1, 1)

    images = torch.zeros(2, 1, 1, 1, dtype=torch.uint8)
    stored = ImageSet(images, np.zeros((2, 2), dtype=np.int64), ("a", "b"), (("x", "y", "z"), ("p", "q")))
    rendered = dataclasses.replace(stored, render=render)
    rng = np.random.default_rng(0)
    _, counts = np.unique(rendered.sample(6000, rng).factors, axis=0, return_counts=True)
    assert len(counts) == 6
    assert (abs(counts - 1000) < 150).all()
    some = rendered.sample(300, rng, lambda factors: factors.sum(1) > 0)
    assert len(some) == 300
    assert some.factors.sum(1).min() == 1
    assert some.images.flatten().tolist() == some.factors.sum(1).tolist()
    with pytest.raises(DataError, match="only a rendered one"):
        stored.sample(1, rng)
    bare = dataclasses.replace(rendered, factors=np.zeros((2, 0), np.int64), names=(), value_names=())
    assert bare.sample(3, rng).factors.shape == (3, 0)
