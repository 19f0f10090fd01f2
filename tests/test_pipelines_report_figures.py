"""The figures: what a row and a column of a sheet really are."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pipelines.report import figures, plots
from pipelines.report.figures import Sampler
from pipelines.report.sheets import WRONG, Sheet, save, strips
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.grounded_scan import GroundedSCAN
from symbols import Attribute, Concept, Splits, Triple, Vocabulary, hierarchy
from vision.data import ImageSet
from vision.gaussian import Gaussian

WORDS = Vocabulary((Attribute("a", ("x", "y", "z")), Attribute("b", ("p", "q"))))


class Glass(nn.Module):
    """A vision model that one sees through: latent k is pixel k, from -2.5 (black) to 2.5 (white)."""

    shape = (1, 2, 2)
    latents = 4

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def encode(self, x: Tensor) -> Gaussian:
        return Gaussian((x.flatten(1) - 0.5) * 5, torch.full((len(x), 4), -9.0))

    def decode(self, z: Tensor) -> Tensor:
        return (z / 5 + 0.5).clamp(0, 1).reshape(-1, 1, 2, 2)


class Names(nn.Module):
    """Symbols that ask for latents 0 (attribute a: -2, 0, 2) and 1 (attribute b: -2, 2), without doubt."""

    def encode_symbol(self, y: Tensor) -> Gaussian:
        asked = torch.stack(
            (y[:, :3] @ torch.tensor([-1.5, 0, 1.5]), y[:, 3:] @ torch.tensor([-1.5, 1.5])), 1
        )
        mentioned = torch.stack((y[:, :3].sum(1), y[:, 3:].sum(1)), 1)
        mean = torch.cat((asked, torch.zeros(len(y), 2)), 1)
        return Gaussian(mean, torch.cat((-20 * mentioned, torch.zeros(len(y), 2)), 1))

    def decode_symbol(self, z: Tensor) -> Tensor:
        return -torch.cat(
            (z[:, :1] - torch.tensor([-1.5, 0, 1.5]), z[:, 1:2] - torch.tensor([-1.5, 1.5])), 1
        ).abs()


class First(nn.Module):
    """An operator that returns its first input, but for AND, which adds them."""

    def forward(self, q_1: Gaussian, q_2: Gaussian, op: Tensor) -> Gaussian:
        added = Gaussian(q_1.mean + q_2.mean, torch.minimum(q_1.logvar, q_2.logvar))
        return added if int(op) == 0 else q_1


def read(z: Tensor) -> list[Tensor]:
    a = -(z[:, :1] - torch.tensor([-1.5, 0, 1.5])).abs()
    b = -(z[:, 1:2] - torch.tensor([-1.5, 1.5])).abs()
    return [a.softmax(-1), b.softmax(-1)]


@pytest.fixture
def sampler() -> Sampler:
    model = ConceptModel(GroundedSCAN(Glass(), Names()), First(), WORDS)  # type: ignore[arg-type]
    return Sampler(model, read, torch.Generator().manual_seed(0))


@pytest.fixture
def data() -> Data:
    factors = np.array([[0, 0], [1, 1], [2, 0], [2, 1]])
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor([51, 128, 204, 51])  # the last one is not what its factors say
    images[:, 0, 0, 1] = torch.tensor([51, 204, 51, 204])
    image_set = ImageSet(images, factors, ("a", "b"), (("x", "y", "z"), ("p", "q")))
    return Data(image_set, WORDS, Splits((), np.array([3]), (), (), ()))


def test_traversal_rows_are_sorted_by_kl_and_move_one_latent_each() -> None:
    start = torch.tensor([1.0, -1.0, 0.5, 0.0])
    sheet = figures.traversals(Glass(), torch.tensor([0.5, 0.06, 2.0, 0.2]), start, columns=5)
    assert sheet.about["latents"] == [2, 0, 3]  # latent 1 is not active
    assert sheet.rows[0] == "z2: 2.00 nats"
    assert sheet.columns == ("-2.5", "-1.2", "+0.0", "+1.2", "+2.5")
    pixels = sheet.images.flatten(2)
    for row, latent in enumerate([2, 0, 3]):
        assert pixels[row, :, latent].tolist() == [0, 64, 128, 191, 255]
        rest = [k for k in range(4) if k != latent]
        assert (pixels[row][:, rest] == (start[rest] * 51 + 127.5).round().to(torch.uint8)).all()


def test_kl_from_the_prior_is_that_of_the_images() -> None:
    images = torch.full((3, 1, 2, 2), 255, dtype=torch.uint8)
    nats = figures.kl_per_latent(Glass(), images)
    assert nats.tolist() == pytest.approx([0.5 * (2.5**2 + np.exp(-9) + 9 - 1)] * 4, rel=1e-5)


def test_originals_lie_above_their_reconstructions(data: Data) -> None:
    sheet = figures.reconstructions(Glass(), data, np.array([2, 1]), "r", "title")
    assert torch.equal(sheet.images[0], data.images.images[[2, 1]])
    assert torch.equal(sheet.images[0], sheet.images[1])
    assert sheet.columns == ("a: z, b: p", "a: y, b: q")


def test_samples_are_training_images_and_say_what_they_show(data: Data) -> None:
    sheet = figures.samples(data, np.random.default_rng(0), rows=2, columns=6)
    for row in range(2):
        for image, words in zip(sheet.images[row], sheet.about["images"][row], strict=True):
            index = [str(WORDS.describe(f)) for f in data.images.factors].index(words)
            assert index != 3
            assert torch.equal(image, data.images.images[index])


def test_imagined_rows_are_their_concepts_and_wrong_ones_are_marked(sampler: Sampler) -> None:
    concepts = [WORDS.concept({"a": "z"}), WORDS.concept({"b": "p"})]
    sheet = figures.concept_images(sampler, concepts, "name", "title", columns=6)
    assert sheet.rows == ("a: z", "b: p")
    assert sheet.images[0, :, 0, 0, 0].tolist() == [204] * 6
    assert sheet.images[0, :, 0, 0, 1].unique().numel() > 1
    assert sheet.images[1, :, 0, 0, 1].tolist() == [51] * 6
    assert sheet.right(0) == "6 of 6"
    fooled = sampler._replace(read=lambda z: [p.flip(-1) for p in read(z)])
    assert figures.concept_images(fooled, concepts, "name", "title", columns=6).right(0) == "0 of 6"
    alone = figures.concept_images(sampler._replace(read=None), concepts, "name", "title")
    assert alone.wrong is None
    assert alone.right(0) == ""


def test_completed_rows_show_what_their_file_says(sampler: Sampler) -> None:
    concepts = [WORDS.concept({"a": "z"}), WORDS.concept({"b": "p"})]
    sheet = figures.completed_images(sampler, concepts, "name", "title", columns=6)
    assert sheet.rows == ("a: z", "b: p")
    assert sheet.right(0) == sheet.right(1) == "6 of 6"
    for row, (concept, drawn) in enumerate(zip(concepts, sheet.about["completions"], strict=True)):
        assert all(words.count(":") == 2 and str(concept) in words for words in drawn)
        full = [WORDS.concept(dict(part.split(": ") for part in words.split(", "))) for words in drawn]
        expected = figures.concept_images(sampler, full, "name", "title", columns=1).images
        named = sheet.images[row, :, 0, 0].int() - expected[:, 0, 0, 0].int()  # other pixels have no name
        assert named.abs().max() <= 1  # deviations are e^-10


def test_a_recombination_shows_both_inputs_and_the_result(sampler: Sampler) -> None:
    left, right = WORDS.concept({"a": "z"}), WORDS.concept({"b": "q"})
    triples = [Triple("AND", left, right, left & right), Triple("IGNORE", left & right, right, left)]
    sheet = figures.recombinations(sampler, triples, "name", "title", inputs=2, columns=3)
    assert sheet.parts == (2, 2, 3)
    assert sheet.rows[0] == "(a: z) AND (b: q) = a: z, b: q"
    pixels = sheet.images[0].flatten(1)
    assert pixels[:2, 0].tolist() == [204, 204]
    assert pixels[2:4, 1].tolist() == [204, 204]
    assert pixels[4:, :2].tolist() == [[204, 204]] * 3
    assert sheet.right(0) == "3 of 3"
    assert len(strips(sheet, 0)) == 3


def test_descriptions_are_right_where_they_are(sampler: Sampler, data: Data) -> None:
    words = figures.predictions(sampler.model, data, np.arange(4))
    assert [[w.right for w in row] for row in words] == [[True, True]] * 3 + [[False, True]]
    assert (words[3][0].value, words[3][0].truth) == ("x", "z")
    sheet = figures.descriptions(data, np.arange(4), words, "title")
    assert sheet.about["descriptions"][3]["a"]["right"] is False


def test_what_is_wrong_is_underlined(tmp_path: object) -> None:
    images = torch.full((1, 2, 1, 3, 3), 7, dtype=torch.uint8)
    sheet = Sheet("s", "title", images, ("row",), ("1", "2"), np.array([[False, True]]))
    with Image.open(io.BytesIO(strips(sheet, 0)[0])) as image:
        pixels = np.array(image)
    assert pixels.shape == (7, 9, 3)
    assert (pixels[5, 1:4] == 255).all()
    assert (pixels[5, 5:8] == WRONG).all()
    assert (pixels[1:4, 1:4] == 7).all()


def test_a_saved_sheet_is_its_images_in_order(tmp_path) -> None:  # type: ignore[no-untyped-def]
    images = torch.arange(6, dtype=torch.uint8).view(2, 3, 1, 1, 1).expand(2, 3, 3, 4, 4) * 40
    files = save(Sheet("s", "title", images, ("r", "s"), ("1", "2", "3")), tmp_path)
    assert files == ("s.png", "s.json")
    with Image.open(tmp_path / "s.png") as image:
        pixels = np.array(image)
    assert pixels[2::6, 2::6, 0].tolist() == [[0, 40, 80], [120, 160, 200]]


def drawn(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("RGB")).astype(int)


def test_a_curve_goes_where_its_numbers_go() -> None:
    falling, rising = (
        drawn(plots.curves([{"step": s, "loss": f(s), "lr": 1, "seconds": 1} for s in range(1, 9)]))
        for f in (lambda s: 9 - s, lambda s: s)
    )
    ink = [picture.max(2) - picture.min(2) > 60 for picture in (falling, rising)]  # the coloured line
    left = [np.nonzero(i)[0][np.nonzero(i)[1] <= np.quantile(np.nonzero(i)[1], 0.1)].mean() for i in ink]
    right = [np.nonzero(i)[0][np.nonzero(i)[1] >= np.quantile(np.nonzero(i)[1], 0.9)].mean() for i in ink]
    assert left[0] < right[0]  # rows count from the top
    assert left[1] > right[1]


def test_a_confusion_table_is_drawn_as_it_counts() -> None:
    right, wrong = (
        drawn(plots.confusions({"a": {"values": ["x", "y"], "counts": counts}}))
        for counts in ([[9, 0], [0, 9]], [[0, 9], [9, 0]])
    )
    assert right.shape == wrong.shape
    assert (right != wrong).any()
    again = drawn(plots.confusions({"a": {"values": ["x", "y"], "counts": [[9, 0], [0, 9]]}}))
    assert (right == again).all()


def test_the_lattice_shows_every_concept_s_picture() -> None:
    graph = hierarchy([Concept({"a": "x"}), Concept({"a": "x", "b": "p"})])
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = {
        concept: torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1).expand(3, 8, 8)
        for concept, colour in zip(graph, colours, strict=False)
    }
    picture = drawn(plots.lattice(graph, pictures))
    for _, colour in zip(graph, colours, strict=False):
        assert (np.abs(picture - colour).max(2) < 10).any(), colour


@pytest.mark.parametrize("name", ["a", "23.8 nats, exact capacity, seed 0", "n" * 60])
def test_the_names_of_strips_are_within_the_figure(name: str) -> None:
    rows = {name + " " * i: torch.zeros(12, 1, 32, 32, dtype=torch.uint8) for i in range(5)}
    picture = drawn(plots.strips(rows))
    for edge in (picture[:, 0], picture[:, -1], picture[0], picture[-1]):
        assert edge.min() > 250
