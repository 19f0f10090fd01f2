"""OR, NOT, weights, taught words, edits and scores on a model where every answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from scan.concept_model import ConceptModel
from scan.editing import shifted
from scan.teaching import defined_by
from symbols import ExpressionError, VocabularyError, matches
from tests.joint_models import NAMES, VALUES, WORDS, SharedTable, concept, pictures
from vision.gaussian import Gaussian


@pytest.fixture
def model() -> ConceptModel:
    return ConceptModel(SharedTable(), None, WORDS).eval().requires_grad_(False)


def rows(model: ConceptModel, x: Tensor) -> np.ndarray:
    return np.stack([WORDS.factors(found) for found in model.img2sym(x).best()])


def varied(factors: np.ndarray) -> Tensor:
    """Pictures of factors (N, 3) that all differ, with the brightnesses of `pictures`; N at most 50."""
    x = pictures(factors)
    offsets = torch.arange(len(x), dtype=torch.uint8)[:, None, None]
    x[..., 0] += offsets
    x[..., 1] -= offsets
    return x


@pytest.mark.parametrize(
    "text",
    [
        "sky: low OR wall: high",
        "sky: low NOT (wall: high)",
        "NOT (sky: low)",
        "sky: low AND NOT (wall: high OR wall: low)",
        "(sky: low, wall: low) OR (sky: high, wall: high) OR floor: middle",
        "NOT (sky: low, wall: low)",
        "2*(sky: low) OR 0.5*(sky: high)",
    ],
)
def test_images_of_an_expression_lie_in_the_set_that_it_denotes(model: ConceptModel, text: str) -> None:
    x = model.sym2img(text, 300, torch.Generator().manual_seed(0))
    shown = rows(model, x)
    assert matches(model.parse(text), shown, WORDS).mean() > 0.97
    open_attributes = [a for a, name in enumerate(NAMES) if name not in text]
    assert all(len(set(shown[:, a].tolist())) == len(VALUES) for a in open_attributes)


def test_or_draws_its_alternatives_equally_often_and_means_in_turn(model: ConceptModel) -> None:
    x = model.sym2img("sky: low OR sky: high", 400, torch.Generator().manual_seed(0))
    assert 0.4 < (rows(model, x)[:, 0] == 0).mean() < 0.6
    assert rows(model, model.sym2img("sky: low OR sky: high", 4, mean=True))[:, 0].tolist() == [0, 2, 0, 2]
    q = model.ground("sky: low OR sky: high")
    assert q.mean[0, 0].item() == pytest.approx(0.0, abs=1e-6)
    assert q.variance[0, 0].item() == pytest.approx(1.2**2 + np.exp(-6.0), rel=1e-5)


def test_a_word_taught_by_images_means_what_they_share(model: ConceptModel) -> None:
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 3, (40, 3))
    factors[:, 1] = 2
    taught = model.teach("tall", varied(factors))
    assert (taught.name, taught.images, taught.expression) == ("tall", 40, None)
    meaning = model.meaning("tall")
    assert [latent for latent, _ in meaning.specific] == [1]
    assert meaning.nearest[0].name == "wall: high"
    for same in (" tall", "Tall", model.parse("tall")):
        assert model.meaning(same).nearest == meaning.nearest
    both = model.sym2img("Tall OR sky: low", 200, torch.Generator().manual_seed(0))
    assert ((rows(model, both)[:, 1] == 2) | (rows(model, both)[:, 0] == 0)).mean() > 0.95
    without = model.sym2img("NOT tall", 1000, torch.Generator().manual_seed(0))
    z = model.encode_image(without).mean[:, 1]
    inside = ((z - taught.q.mean[0, 1]).abs() < taught.q.std[0, 1]).float().mean()
    assert inside < 0.3 * 2 * taught.q.std[0, 1] * 0.194  # the prior's density at 1.2


def test_more_diverse_images_widen_the_meaning(model: ConceptModel) -> None:
    rng = np.random.default_rng(1)
    factors = np.full((24, 3), 2)
    specific = []
    for attribute in (0, 1, 2):
        model.teach("thing", varied(factors))
        specific.append(len(model.meaning("thing").specific))
        factors[:, attribute] = rng.permutation(np.arange(24) % 3)
    assert specific == [3, 2, 1]


def test_a_word_may_start_from_an_expression(model: ConceptModel) -> None:
    alone = model.teach("dusk", expression="sky: low, wall: low")
    assert torch.equal(alone.q.mean, model.ground("sky: low, wall: low").mean)
    assert alone.expression == "sky: low, wall: low"
    floor = model.teach("dusk", varied(np.array([[0, 0, 2]] * 4)), "sky: low, wall: low")
    assert model.describe(floor.q).best() == (concept(np.array([0, 0, 2])),)
    model.rename("dusk", "evening")
    assert model.taught["evening"].name == "evening"
    model.forget("evening")
    with pytest.raises(ExpressionError, match="unknown name"):
        model.ground("evening")


def test_wrong_lessons_are_refused(model: ConceptModel) -> None:
    with pytest.raises(ValueError, match='"few" is taught by 5 images or more, got 4'):
        model.teach("few", varied(np.zeros((4, 3), dtype=int)))
    with pytest.raises(ValueError, match="got 0"):
        model.teach("nothing")
    with pytest.raises(VocabularyError, match="already means sky: low"):
        model.teach("low sky", pictures(np.zeros((5, 3), dtype=int)))
    model.teach("a", expression="sky: low")
    model.teach("b", expression="sky: high")
    with pytest.raises(VocabularyError, match='"b" is taught already'):
        model.rename("a", "b")
    with pytest.raises(VocabularyError, match="already means b"):
        model.rename("a", "B")
    with pytest.raises(KeyError):
        model.forget("c")


def test_pictures_that_are_equal_are_taken_once(model: ConceptModel) -> None:
    equal = pictures(np.zeros((7, 3), dtype=int))
    too_few = '"same" is taught by 5 different images or more, got 1: 6 of 7 repeat another'
    with pytest.raises(ValueError, match=too_few):
        model.teach("same", equal)
    x = varied(np.zeros((6, 3), dtype=int))
    once = model.teach("once", x)
    twice = model.teach("twice", torch.cat((x, x.flip(0), x[:1])))
    assert (once.images, twice.images) == (6, 6)
    assert torch.equal(once.q.mean, twice.q.mean)
    assert torch.equal(once.q.logvar, twice.q.logvar)
    assert model.teach("same", equal, "sky: low").images == 1


def test_definitions_follow_a_word_that_is_renamed(model: ConceptModel) -> None:
    model.teach("warm", expression="sky: low")
    definitions = {
        "a": "warm",
        "b": "WARM OR wall: high",
        "c": "2*(warm NOT wall: low) OR warm",
        "lukewarm": "sky: high",
    }
    for name, text in definitions.items():
        model.teach(name, expression=text)
    model.teach("e", expression="lukewarm NOT a")
    model.rename("warm", "hot day")
    found = {name: one.expression for name, one in model.taught.items()}
    assert found == {
        "a": "hot day",
        "b": "(hot day) OR (wall: high)",
        "c": "(2*((hot day) NOT (wall: low))) OR (hot day)",
        "lukewarm": "sky: high",
        "e": "(lukewarm) NOT (a)",
        "hot day": "sky: low",
    }
    for name in ("a", "b", "c"):
        model.teach("again", expression=found[name])
        assert torch.equal(model.taught["again"].q.mean, model.taught[name].q.mean)
    assert defined_by(model.taught, "hot day") == ["a", "b", "c", "again"]
    assert defined_by(model.taught, "lukewarm") == ["e"]


@pytest.mark.parametrize("text", ["sky: high", "sky: low, floor: middle", "floor: high"])
def test_an_edit_changes_what_it_says_and_nothing_else(model: ConceptModel, text: str) -> None:
    factors = np.array([[a, b, c] for a in range(3) for b in range(3) for c in range(3)])
    edit = model.edit(pictures(factors), text)
    wanted = WORDS.factors(WORDS.concept(model.parse(text)))  # type: ignore[arg-type]
    expected = np.where(wanted < 0, factors, wanted)
    assert np.array_equal(rows(model, edit.images), expected)
    assert edit.reached == (True,) * len(factors)
    kept = wanted < 0
    torch.testing.assert_close(edit.images[:, :, kept], edit.reconstructions[:, :, kept], atol=5e-3, rtol=0)
    for row, changes in enumerate(edit.changes()):
        for column, change in enumerate(changes):
            assert change.attribute == NAMES[column]
            assert change.asked == (not kept[column])
            assert change.before == VALUES[factors[row, column]]
            assert change.after == VALUES[expected[row, column]]
            assert change.moved == pytest.approx(float(change.before != change.after), abs=0.02)


def test_an_edit_takes_the_nearest_alternative_and_leaves_what_is_excluded(model: ConceptModel) -> None:
    x = pictures(np.array([[0, 1, 2], [2, 1, 0], [1, 1, 1]]))
    either = model.edit(x, "sky: low OR sky: high")
    assert rows(model, either.images)[:2].tolist() == [[0, 1, 2], [2, 1, 0]]
    assert rows(model, either.images)[2, 0] in (0, 2)
    without = model.edit(x, "NOT (wall: middle)")
    assert (rows(model, without.images)[:, 1] != 1).all()
    assert rows(model, without.images)[:, [0, 2]].tolist() == [[0, 2], [2, 0], [1, 1]]
    assert torch.equal(model.edit(x, "NOT (wall: low)").z, model.encode_image(model.images(x)).mean)
    assert without.reached == either.reached == (True, True, True)
    assert model.edit(x, model.ground("sky: low")).reached is None


def test_an_edit_that_did_not_happen_is_no_edit(model: ConceptModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scan.editing.edited", lambda q_x, concept: q_x.mean)
    x = pictures(np.array([[0, 1, 2], [2, 1, 0]]))
    assert model.edit(x, "sky: low").reached == (True, False)
    assert model.edit(x, "(sky: low) OR (wall: middle)").reached == (True, True)
    assert model.edit(x, "NOT (wall: middle)").reached == (False, False)


def test_an_edit_is_the_product_of_the_concepts_expert_and_the_image_as_prior() -> None:
    tau, m = torch.tensor([0.0, 3.0, 500.0]), torch.tensor([9.0, 1.0, -2.0])
    q = Gaussian((tau * m / (1 + tau)).unsqueeze(0), -(1 + tau).log().unsqueeze(0))
    z = torch.tensor([[0.3, -0.7, 1.1], [2.0, 0.0, -1.0]])
    torch.testing.assert_close(shifted(z, q), (z + tau * m) / (1 + tau))


def test_images_score_by_what_they_show(model: ConceptModel) -> None:
    factors = np.array([[a, b, c] for a in range(3) for b in range(3) for c in range(3)])
    for text in ("sky: high", "sky: high, floor: low", "sky: low OR wall: high", "sky: low NOT wall: low"):
        scores = model.score(pictures(factors), text)
        shows = torch.from_numpy(matches(model.parse(text), factors, WORDS))
        assert scores[shows].min() > scores[~shows].max()
    anything = model.score(pictures(factors), "anything")
    torch.testing.assert_close(anything, torch.zeros(27), atol=1e-5, rtol=0)


def test_paths_and_pictures_are_images(model: ConceptModel, tmp_path: Path) -> None:
    pixels = pictures(np.array([[0, 1, 2]]))[0]
    path = tmp_path / "bands.png"
    Image.fromarray(pixels[0].numpy()).save(path)
    with Image.open(path) as opened:
        for x in (path, str(path), opened, [path], pixels):
            assert torch.equal(model.img2sym(x).logits, model.img2sym(pixels).logits)
    assert len(model.img2sym([path, path])) == 2
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        model.img2sym(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.png: not a picture"):
        model.img2sym(tmp_path / "text.png")
    with pytest.raises(ValueError, match="at least one picture"):
        model.img2sym([])
