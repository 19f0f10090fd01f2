"""Completions against the sets that expressions denote, and the images of a model that knows its world."""

import numpy as np
import pytest
import torch
from joint_models import NAMES, VALUES, WORDS, BandJudge, SharedTable, pictures
from scipy.stats import chisquare

from scan.completion import completions, has_completions
from scan.completion_accuracy import _scores, completed_metrics
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.evaluation import reader
from scan.imagined_images import measure_real
from symbols import Attribute, Concept, EmptyError, Splits, Vocabulary, matches, parse
from vision.data import ImageSet
from vision.gaussian import Gaussian

FACES = Vocabulary(
    (
        Attribute("hair", ("red", "brown", "grey")),
        Attribute("glasses", binary=True),
        Attribute("sex", ("man", "woman")),
    )
)


@pytest.fixture
def model() -> ConceptModel:
    return ConceptModel(SharedTable(), None, WORDS).eval()


def rows_of(concepts: tuple[Concept, ...], words: Vocabulary) -> np.ndarray:
    return np.stack([words.factors(one) for one in concepts])


@pytest.mark.parametrize(
    "text",
    [
        "wall: low",
        "wall: low OR (wall: high, sky: low)",
        "(wall: low) NOT (sky: low)",
        "((wall: low) NOT (sky: low)) OR (sky: low)",
        "(sky: low, wall: low) IN COMMON (sky: high, wall: low)",
        "(wall: low, sky: low) IGNORE (sky: high)",
        "(sky: middle) AND (wall: high OR floor: low)",
        "(wall: low) NOT (floor: low, sky: low) NOT (floor: high)",
    ],
)
def test_completions_are_what_the_expression_denotes_and_all_of_it(text: str) -> None:
    expression = parse(text, WORDS)
    concepts = completions(expression, WORDS, 600, torch.Generator().manual_seed(0))
    rows = rows_of(concepts, WORDS)
    assert (rows >= 0).all()
    assert matches(expression, rows, WORDS).all()
    every = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=1)
    assert len(np.unique(rows, axis=0)) == matches(expression, every, WORDS).sum()


def test_open_values_are_uniform_and_independent() -> None:
    concepts = completions(parse("wall: low", WORDS), WORDS, 9000, torch.Generator().manual_seed(1))
    rows = rows_of(concepts, WORDS)
    assert (rows[:, 1] == 0).all()
    assert chisquare(np.bincount(3 * rows[:, 0] + rows[:, 2], minlength=9)).pvalue > 1e-3


def test_alternatives_are_equally_likely_whatever_not_excludes_from_them() -> None:
    text = "((wall: low) NOT (sky: low) NOT (sky: middle)) OR (wall: high)"
    concepts = completions(parse(text, WORDS), WORDS, 4000, torch.Generator().manual_seed(2))
    assert np.mean([one.get("wall") == "low" for one in concepts]) == pytest.approx(0.5, abs=0.04)
    assert {one.get("sky") for one in concepts if one.get("wall") == "low"} == {"high"}


def leaving_two(attributes: str) -> tuple[Vocabulary, str]:
    """Words of six values an attribute, and an expression that leaves one of each, and two of the last."""
    values = tuple("012345")
    words = Vocabulary((*(Attribute(name, values) for name in attributes), Attribute("z", ("x", "y"))))
    excluded = [f" NOT ({name}: {value})" for name in attributes for value in values[1:]]
    return words, "(z: x)" + "".join(excluded[:-1])


def test_what_not_leaves_is_found_however_little() -> None:
    """Two of 1,296 completions; and two of 1.7 million, of which no draw is one."""
    words, text = leaving_two("abcd")
    rows = rows_of(completions(parse(text, words), words, 100, torch.Generator().manual_seed(0)), words)
    found, counts = np.unique(rows, axis=0, return_counts=True)
    assert found.tolist() == [[0, 0, 0, 0, 0], [0, 0, 0, 5, 0]]
    assert counts.min() > 10
    words, text = leaving_two("abcdefgh")
    with pytest.raises(ValueError, match="NOT leaves nothing of 16,384 random completions"):
        completions(parse(text, words), words, 4, torch.Generator().manual_seed(0))


def test_binary_attributes_stay_open() -> None:
    concepts = completions(parse("hair: red", FACES), FACES, 50, torch.Generator().manual_seed(0))
    assert {one.get("glasses") for one in concepts} == {None}
    assert {one.get("sex") for one in concepts} == {"man", "woman"}
    assert has_completions(FACES)
    assert not has_completions(Vocabulary(FACES.attributes[1:2]))
    named = completions(parse("glasses", FACES), FACES, 50, torch.Generator().manual_seed(0))
    assert all(one.get("glasses") for one in named)


def test_what_has_no_completions_is_refused() -> None:
    with pytest.raises(ValueError, match="taught word"):
        completions(parse("cosy OR wall: low", WORDS, {"cosy"}), WORDS, 2)
    for text in ("2*(wall: low)", "(2*(wall: low)) NOT (sky: low)"):
        with pytest.raises(ValueError, match="weights"):
            completions(parse(text, WORDS), WORDS, 2)
    with pytest.raises(EmptyError):
        completions(parse("(wall: low) NOT (wall: low)", WORDS), WORDS, 2)


def test_images_show_their_concepts_and_means_do_not_vary(model: ConceptModel) -> None:
    found = model.complete("wall: low OR sky: high", 200, torch.Generator().manual_seed(0))
    read = np.stack([p.argmax(-1) for p in BandJudge().probabilities(found.images)], axis=1)
    assert np.array_equal(read, rows_of(found.concepts, WORDS))
    means = model.complete("wall: low", 200, torch.Generator().manual_seed(0), mean=True)
    expected = model.ground_concepts(means.concepts)
    assert torch.equal(means.z, expected.mean)
    assert torch.equal(means.images, model.decode_image(expected.mean))


def test_a_binary_attribute_that_not_excludes_is_excluded_in_latents() -> None:
    class Table(SharedTable):
        """Latents: hair, glasses, sex; a concept without glasses leaves them at the prior."""

        def encode_symbol(self, y: torch.Tensor) -> Gaussian:
            hair, sex = y[:, :3] @ self.table, y[:, 4:] @ self.table[:2]
            mean = torch.stack((hair, 2 * y[:, 3], sex), dim=-1)
            logvar = torch.stack((torch.full_like(hair, -6), -6 * y[:, 3], torch.full_like(hair, -6)), dim=-1)
            return Gaussian(mean, logvar)

        def decode_symbol(self, z: torch.Tensor) -> torch.Tensor:
            logits = z.new_zeros(len(z), 6)
            logits[:, 3] = 20 * (z[:, 1] - 1)
            return logits

    model = ConceptModel(Table(), None, FACES)
    without = model.complete("(hair: red) NOT glasses", 200, torch.Generator().manual_seed(0))
    assert without.z[:, 1].max() < 1.3
    named = [0, 2]  # hair and sex, in which each image is near its own completion
    assert (without.z - model.ground_concepts(without.concepts).mean)[:, named].abs().max() < 0.3
    plain = model.complete("hair: red", 200, torch.Generator().manual_seed(0))
    assert plain.z[:, 1].max() > 1.3
    either = model.complete(
        "((hair: red) NOT glasses) OR (hair: grey)", 400, torch.Generator().manual_seed(0)
    )
    is_red = torch.tensor([one.get("hair") == "red" for one in either.concepts])
    assert either.z[is_red, 1].max() < 1.3 < either.z[~is_red, 1].max()


def test_what_is_excluded_in_words_is_not_excluded_in_latents_again(model: ConceptModel) -> None:
    calls: list[int] = []
    decode = SharedTable.decode_symbol

    class Counting(SharedTable):
        def decode_symbol(self, z: torch.Tensor) -> torch.Tensor:
            calls.append(len(z))
            return decode(self, z)

    counting = ConceptModel(Counting(), None, WORDS).eval()
    found = counting.complete("(wall: low) NOT (sky: low)", 60, torch.Generator().manual_seed(0), mean=True)
    assert torch.equal(found.z, model.ground_concepts(found.concepts).mean)
    assert calls == []


def test_diversity_of_completions_is_that_of_attributes_of_several_values() -> None:
    binary, several = np.zeros((1, 8, 2)), np.zeros((1, 8, 2))
    binary[..., 0] = 1  # a binary attribute that is left open, absent in all images
    several[0, ::2, 0] = several[0, 1::2, 1] = 1
    found = _scores([binary, several], np.array([[-1, -1]]), Vocabulary(FACES.attributes[1:]))
    assert found["diversity_nats"] == pytest.approx(0)


def test_the_measures_of_a_model_that_knows_its_world(model: ConceptModel) -> None:
    factors = np.random.default_rng(0).integers(3, size=(400, 3))
    images = ImageSet(pictures(factors), factors, NAMES, (VALUES,) * 3)
    data = Data(images, WORDS, Splits((), np.arange(300, 400), (), (), ()))
    beside = measure_real(BandJudge(), data, 0, torch.device("cpu"))
    concepts = [WORDS.concept({"wall": "low"}), WORDS.concept({"wall": "high", "sky": "middle"})]
    found = completed_metrics(model, data, concepts, reader(model, BandJudge()), 400, beside, 0)
    assert (found["concepts"], found["images_per_concept"]) == (2, 400)
    for way in ("samples", "means"):
        assert found[way]["accuracy_top1"] == found[way]["accuracy_strict"] == 1
        assert found[way]["diversity_nats"] < 4 * found[way]["diversity_uniform_nats"]
        assert found[way]["off_palette"] is None
