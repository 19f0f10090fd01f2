"""The concept model on a world where every answer is known: three latents that decode to three grey bands."""

import re

import pytest
import torch
from torch import Tensor, nn

from scan import analytic_operators
from scan.concept_model import ConceptModel
from scan.grounded_scan import GroundedSCAN
from scan.grounding import SCAN
from scan.operators import Operators
from symbols import OPERATORS, Attribute, Concept, ConflictError, ExpressionError, Operation, Vocabulary
from vision.gaussian import Gaussian

VALUES = ("low", "middle", "high")
NAMES = ("sky", "wall", "floor")
WORDS = Vocabulary(
    tuple(Attribute(name, VALUES) for name in NAMES),
    aliases={"night": Concept({"sky": "low", "wall": "low"})},
)
PLACES = torch.tensor([-1.2, 0.0, 1.2])
NARROW = -8.0


class Bands(nn.Module):
    """A perfect visual model: latent k is the brightness of band k, squashed into (0, 1)."""

    shape = (1, 3, 4)
    latents = 3

    def encode(self, x: Tensor) -> Gaussian:
        mean = torch.logit(x.mean((1, 3)), eps=1e-4)
        return Gaussian(mean, torch.full_like(mean, NARROW))

    def decode(self, z: Tensor) -> Tensor:
        return z.sigmoid()[:, None, :, None].expand(-1, 1, 3, 4)


class PerfectEncoder(nn.Module):
    """Grounds each attribute in its latent, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(PLACES.clone())

    def forward(self, y: Tensor) -> Gaussian:
        blocks = y.unflatten(-1, (3, 3))
        chosen = blocks.sum(-1) > 0
        return Gaussian(blocks @ self.places, torch.where(chosen, NARROW, 0.0))


class PerfectDecoder(nn.Module):
    """The nearest value of each latent."""

    def forward(self, z: Tensor) -> Tensor:
        return (-20 * (z.unsqueeze(-1) - PLACES) ** 2).flatten(1)


class ExactOperators(Operators):
    """The analytic operators behind the interface of the learned ones."""

    def forward(self, q_1: Gaussian, q_2: Gaussian, op: Tensor) -> Gaussian:
        return analytic_operators.OPERATORS[OPERATORS[int(op)]](q_1, q_2)


def grounded() -> GroundedSCAN:
    return GroundedSCAN(Bands(), SCAN(PerfectEncoder(), PerfectDecoder()))


@pytest.fixture
def model() -> ConceptModel:
    return ConceptModel(grounded(), ExactOperators(), WORDS)


def read(images: Tensor) -> list[tuple[str, ...]]:
    """The values of the three bands of each image."""
    brightness = torch.logit(images.mean((1, 3)), eps=1e-4)
    nearest = (brightness.unsqueeze(-1) - PLACES).abs().argmin(-1)
    return [tuple(VALUES[v] for v in row) for row in nearest.tolist()]


def test_images_of_a_concept_show_it_and_vary_in_the_rest(model: ConceptModel) -> None:
    images = model.sym2img("sky: high, floor: low", 64, torch.Generator().manual_seed(0))
    assert images.shape == (64, 1, 3, 4)
    seen = read(images)
    assert {(sky, floor) for sky, _, floor in seen} == {("high", "low")}
    assert {wall for _, wall, _ in seen} == set(VALUES)


def test_the_mean_of_a_concept_is_one_image_and_a_generator_repeats_its_samples(model: ConceptModel) -> None:
    images = model.sym2img("sky: high", 3, mean=True)
    assert torch.equal(images[0], images[1])
    assert read(images)[0] == ("high", "middle", "middle")
    one, two = (model.sym2img("sky: high", 3, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one[0], one[1])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(sky: high) AND (floor: low)", {"sky": "high", "floor": "low"}),
        ("(sky: high, wall: low) IN COMMON (sky: high, wall: high)", {"sky": "high"}),
        ("(sky: high, wall: low) IGNORE (wall: low)", {"sky": "high"}),
        ("((sky: high) AND (floor: low)) IGNORE (sky: high)", {"floor": "low"}),
        ("night AND floor: high", {"sky": "low", "wall": "low", "floor": "high"}),
        ("night", {"sky": "low", "wall": "low"}),
    ],
)
def test_expressions_ground_where_the_set_operators_say(
    model: ConceptModel, expression: str, expected: dict[str, str]
) -> None:
    grounded, direct = model.ground(expression), model.ground(WORDS.concept(expected))
    torch.testing.assert_close(grounded.mean, direct.mean)
    torch.testing.assert_close(grounded.logvar, direct.logvar)


def test_recombine_takes_text_concepts_and_gaussians_alike(model: ConceptModel) -> None:
    left, right = WORDS.concept({"sky": "high", "wall": "low"}), WORDS.concept({"wall": "low"})
    results = [
        model.recombine("IGNORE", left, right),
        model.recombine("ignore", "sky: high, wall: low", right),
        model.recombine("IGNORE", model.ground(left), "wall: low"),
        model.ground(Operation("IGNORE", left, right)),
    ]
    for result in results:
        torch.testing.assert_close(result.mean, torch.tensor([[1.2, 0.0, 0.0]]))
    assert read(model.sym2img(results[0], 2, mean=True))[0][0] == "high"
    assert model.describe(results[0]).best()[0].get("sky") == "high"
    assert model.recombine("in_common", left, right).mean.tolist() == [[0.0, pytest.approx(-1.2), 0.0]]


def test_images_are_described_by_what_they_show(model: ConceptModel) -> None:
    concepts = [
        dict(zip(NAMES, row, strict=True)) for row in (("low", "low", "high"), ("high", "middle", "low"))
    ]
    images = torch.cat([model.sym2img(WORDS.concept(c), 1, mean=True) for c in concepts])
    description = model.img2sym(images)
    assert description.best() == tuple(WORDS.concept(c) for c in concepts)
    held = [{found.name for found in one} for one in description.concepts()]
    assert "night" in held[0]
    assert "night" not in held[1]
    # One image, bytes, and a sample of the posterior say the same.
    assert model.img2sym(images[0]).best() == description.best()[:1]
    assert model.img2sym((images * 255).round().to(torch.uint8)).best() == description.best()
    for dtype in (torch.float64, torch.float16):
        assert model.images(images.to(dtype) * 1.0005).dtype == torch.float32
        assert model.images(images.to(dtype) * 1.0005).amax() <= 1
        assert model.img2sym(images.to(dtype)).best() == description.best()
    assert model.img2sym(images, torch.Generator().manual_seed(0), mean=False).best() == description.best()


def test_describing_a_posterior_sample_adds_its_noise(model: ConceptModel) -> None:
    q = Gaussian(torch.zeros(1, 3), torch.zeros(1, 3))
    generator = torch.Generator().manual_seed(0)
    described = {model.describe(q, generator, mean=False).best() for _ in range(20)}
    assert len(described) > 3
    assert model.describe(q).best() == model.describe(q).best()


def test_nothing_is_recorded_for_gradients(model: ConceptModel) -> None:
    learned = ConceptModel(grounded(), Operators(), WORDS)
    assert not learned.recombine("AND", "sky: low", "wall: low").mean.requires_grad
    assert not model.sym2img("night", 1).requires_grad


def test_what_follows_the_images_can_be_differentiated(model: ConceptModel) -> None:
    weight = torch.ones(4, requires_grad=True)
    images = model.sym2img("night", 2)
    (images * weight).sum().backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, images.sum((0, 1, 2)))
    images.requires_grad_().square().sum().backward()
    assert images.grad is not None
    torch.testing.assert_close(images.grad, 2 * images.detach())


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (3,), (1, 4)])
def test_a_gaussian_that_is_not_one_concept_is_refused(model: ConceptModel, shape: tuple[int, ...]) -> None:
    q = Gaussian(torch.zeros(shape), torch.zeros(shape))
    message = re.escape(f"expected a Gaussian over (1, 3), one concept, got one over {shape}")
    with pytest.raises(ValueError, match=message):
        model.sym2img(q)
    with pytest.raises(ValueError, match=message):
        model.recombine("AND", q, "sky: low")


def test_several_gaussians_or_codes_are_described_one_by_one(model: ConceptModel) -> None:
    concepts = [WORDS.concept(dict.fromkeys(NAMES, value)) for value in VALUES]
    q = model.ground_concepts(concepts)
    assert model.describe(q).best() == model.describe(q.mean).best() == tuple(concepts)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 2, 3)])
def test_what_is_not_over_the_latents_is_not_described(model: ConceptModel, shape: tuple[int, ...]) -> None:
    zeros = torch.zeros(shape)
    for what, q in {"codes": zeros, "a Gaussian": Gaussian(zeros, zeros)}.items():
        with pytest.raises(ValueError, match=re.escape(f"expected {what} over (B, 3), got {shape}")):
            model.describe(q)


def test_an_expression_is_grounded_before_it_is_described(model: ConceptModel) -> None:
    with pytest.raises(TypeError, match="got 'night': ground an expression first"):
        model.describe("night")  # type: ignore[arg-type]
    assert model.describe(model.ground("night")).best()[0].get("sky") == "low"


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("sky: hihg", ExpressionError, "high"),
        ("(sky: high) AND (sky: low)", ConflictError, "sky"),
    ],
)
def test_wrong_requests_are_refused(
    model: ConceptModel, expression: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        model.sym2img(expression, 1)


def test_wrong_operators_and_images_are_refused(model: ConceptModel) -> None:
    with pytest.raises(ValueError, match=r"'OR'.*AND, IN COMMON, IGNORE"):
        model.recombine("OR", "sky: high", "wall: low")
    with pytest.raises(ValueError, match=r"\(B, 1, 3, 4\).*got \(2, 3, 3, 4\)"):
        model.img2sym(torch.zeros(2, 3, 3, 4))
    with pytest.raises(ValueError, match="outside"):
        model.img2sym(torch.full((1, 3, 4), 255.0))
    with pytest.raises(ValueError, match="int64"):
        model.img2sym(torch.ones(1, 3, 4, dtype=torch.int64))


def test_without_operators_only_operations_are_refused() -> None:
    model = ConceptModel(grounded(), None, WORDS)
    assert model.sym2img("night", 2).shape == (2, 1, 3, 4)
    with pytest.raises(ValueError, match="AND needs the learned operators"):
        model.ground("(sky: high) AND (floor: low)")
