"""Taught words: the closed form against numerical optimisation, chance agreement, names, the file."""

import json
from pathlib import Path

import pytest
import torch

from scan.run_format import RunError
from scan.taught_file import NAME, load_taught, save_taught
from scan.teaching import TaughtConcept, check_taught_name, taught_posterior
from symbols import VocabularyError
from tests.vocabularies import SMALL
from vision.gaussian import ACTIVE, Gaussian, kl, kl_from_prior, standard_normal

DRAWS = torch.Generator().manual_seed(0)


def codes(n: int, spread: tuple[float, ...], logvar: float = -4.0) -> Gaussian:
    scale = torch.tensor(spread)
    mean = torch.randn(n, len(spread), generator=DRAWS) * scale + 0.8 * (1 - scale)
    return Gaussian(mean, torch.full_like(mean, logvar))


@pytest.mark.parametrize("beta", [0.0, 1.0, 20.0])
def test_the_closed_form_minimises_equation_4_with_the_expression_as_prior(beta: float) -> None:
    q_x = codes(7, (0.1, 0.5, 1.0))
    prior = Gaussian(torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[-1.0, 0.0, -3.0]]))
    found = taught_posterior(q_x, prior, beta=beta, grounding=10.0, significance=1.0)
    mean = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    logvar = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([mean, logvar], max_iter=500, tolerance_change=1e-14)
    optimiser.param_groups[0]["line_search_fn"] = "strong_wolfe"
    exact = Gaussian(q_x.mean.double(), q_x.logvar.double())
    before = Gaussian(prior.mean.double(), prior.logvar.double())

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        q = Gaussian(mean, logvar)
        value = beta * kl(q, before).sum() + 10 * kl(exact, q).sum(-1).mean()
        value.backward()
        return value

    optimiser.step(loss)
    torch.testing.assert_close(found.mean.double(), mean.detach(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.logvar.double(), logvar.detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n", [5, 10, 40])
def test_images_of_anything_specify_few_latents(n: int) -> None:
    latents, significance = 4000, 0.05
    z = torch.randn(n, latents, generator=DRAWS)
    q_x = Gaussian(z, torch.full_like(z, -6.0))
    prior = standard_normal((1, latents))
    q = taught_posterior(q_x, prior, significance=significance)
    assert (kl_from_prior(q) > 0).float().mean() < 2 * significance
    everything = taught_posterior(q_x, prior, significance=1.0)
    assert (kl_from_prior(everything) > 0).all()


def test_the_more_the_images_differ_the_fewer_latents_are_specific() -> None:
    prior = standard_normal((1, 3))
    specific = []
    for spread in ((0.05, 0.05, 0.05), (1.0, 0.05, 0.05), (1.0, 1.0, 0.05)):
        q = taught_posterior(codes(30, spread), prior)
        specific.append(int((kl_from_prior(q) > ACTIVE).sum()))
        latent_0 = q.variance[0, 0]
    assert specific[0] == 3
    assert specific == sorted(specific, reverse=True)
    assert specific[-1] < specific[0]
    assert latent_0 > 0.3


def test_latents_that_say_nothing_are_given_back_to_the_expression() -> None:
    prior = Gaussian(torch.tensor([[2.0, 2.0]]), torch.tensor([[-2.0, -2.0]]))
    mean = prior.mean + prior.std * torch.tensor([[0.9, 30.0], [-0.9, 30.1], [1.3, 29.9], [-1.3, 30.0]])
    q = taught_posterior(Gaussian(mean, torch.full_like(mean, -8.0)), prior)
    assert torch.equal(q.mean[:, 0], prior.mean[:, 0])
    assert torch.equal(q.logvar[:, 0], prior.logvar[:, 0])
    assert q.mean[0, 1] > 2.0 + prior.std[0, 1]


@pytest.mark.parametrize("significance", [0.0, -1.0, 1.5])
def test_a_significance_is_a_probability(significance: float) -> None:
    with pytest.raises(ValueError, match=r"significance is a probability in \(0, 1\]"):
        taught_posterior(codes(5, (1.0,)), standard_normal((1, 1)), significance=significance)


@pytest.mark.parametrize(
    "name", ["hat", "RED", "Wall: Red", "red wall", "zebra", "not hat", "hat OR red", "2*hat"]
)
def test_a_name_that_means_something_is_refused(name: str) -> None:
    with pytest.raises(VocabularyError, match="already means"):
        check_taught_name(name, SMALL, ["Zebra"])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wall", 'the attribute "wall"'),
        ("WALL", 'the attribute "wall"'),
        ("wall: cosy", 'the attribute "wall"'),
        ("Wall = cosy", 'the attribute "wall"'),
        ("a AND b", 'because of "AND"'),
        ("sand or stone", 'because of "or"'),
        ("a in common b", 'because of "in common"'),
        ("NOT x", 'because of "NOT"'),
        ("2*(x)", r'because of "2\*"'),
        ("0.5 *cosy", r'because of "0.5 \*"'),
        ("cosy, warm", 'because of ","'),
        ("cosy (warm)", r'because of "\("'),
        ("cosy)", r'because of "\)"'),
    ],
)
def test_a_name_that_would_be_read_as_an_expression_is_refused(name: str, why: str) -> None:
    with pytest.raises(VocabularyError, match=f"would be read as .*{why}") as error:
        check_taught_name(name, SMALL, ["Zebra"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["wallpaper", "sandstone", "not-so-bright", "warm: cosy", "2 cosy", "my/hat"]
)
def test_a_name_may_hold_what_only_looks_like_a_sign(name: str) -> None:
    check_taught_name(name, SMALL, ["Zebra"])


@pytest.mark.parametrize("name", ["", " zebra", "a\nb"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(VocabularyError, match="name of a concept"):
        check_taught_name(name, SMALL)


def run_folder(path: Path, content: bytes = b"weights") -> Path:
    (path / "vision").mkdir(parents=True, exist_ok=True)
    (path / "vision" / "model.safetensors").write_bytes(content)
    return path


def taught(name: str, images: int = 5, expression: str | None = None) -> TaughtConcept:
    q = Gaussian(torch.randn(1, 4, generator=DRAWS), torch.randn(1, 4, generator=DRAWS))
    return TaughtConcept(name, q, images, expression)


def test_taught_words_are_read_as_they_were_written(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    assert load_taught(run, 4) == {}
    words = [taught("Zebra"), taught("ça va", 0, "(shape: hat) OR (wall: red)")]
    assert save_taught(run, words) == run / NAME
    found = load_taught(run, 4)
    assert list(found) == ["Zebra", "ça va"]
    for one in words:
        read = found[one.name]
        assert torch.equal(read.q.mean, one.q.mean)
        assert torch.equal(read.q.logvar, one.q.logvar)
        assert (read.images, read.expression) == (one.images, one.expression)
    assert [path.name for path in run.iterdir() if path.is_file()] == [NAME]
    save_taught(run, [])
    assert load_taught(run, 4) == {}


def test_words_taught_on_another_visual_model_are_refused(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    save_taught(run, [taught("zebra")])
    run_folder(tmp_path, b"other weights")
    with pytest.raises(RunError, match=r"taught\.json: taught on another visual model than .*vision"):
        load_taught(run, 4)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mean", [0.0] * 3),
        ("mean", [0.0, 0.0, 0.0, float("inf")]),
        ("logvar", "zero"),
        ("name", 3),
        ("images", "many"),
        ("expression", 1),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, key: str, value: object) -> None:
    run = run_folder(tmp_path)
    save_taught(run, [taught("zebra")])
    content = json.loads((run / NAME).read_text())
    content["concepts"][0][key] = value
    (run / NAME).write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"taught\.json: damaged"):
        load_taught(run, 4)
    (run / NAME).write_text("{")
    with pytest.raises(RunError, match=r"taught\.json: damaged"):
        load_taught(run, 4)
    (run / NAME).write_text("{}")
    with pytest.raises(RunError, match=r"not a file of taught concepts"):
        load_taught(run, 4)
