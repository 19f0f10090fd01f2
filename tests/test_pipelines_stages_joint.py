"""JMVAE and the triple ELBO carry the whole pipeline, by their kinds in the config, in place of SCAN."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_set import write_npz
from torch import Tensor

import scan
from pipelines import cli
from pipelines.config import Config
from pipelines.runs.plan import plan
from pipelines.stages import joint as stage
from pipelines.training import budget
from scan import models
from scan.loading import load_model
from scan.multimodal import MultimodalVAE
from symbols import Concept

STEPS = 6
CONFIG = f"""
name: tiny
data: {{kind: npz, path: SET}}
splits: {{held_out: 4, test_images: 20, train_symbols: 12, validation_symbols: 0, test_symbols: 6,
         test_operators: 6}}
vision:
  network: NETWORK
  training: {{precision: fp32}}
symbols: {{examples: 3, hidden: [8]}}
joint: {{JOINT, steps: {STEPS}, batch: 8, hidden: [16], checkpoint_seconds: 0}}
operators: {{steps: 4, triples: 20, hidden: [4]}}
judge: {{steps: 4, batch: 16, warmup: 1, images: 60, precision: fp32}}
evaluate: {{images_per_symbol: 2, diversity_images: 4}}
"""
CONVOLUTIONAL = "{kind: convolutional, latents: 4, hidden: 16, widths: [8, 8]}"
LAYERED = "{kind: layered, mask_latents: 2, components: 2, hidden: 16, widths: [8, 8]}"
KINDS = {"jmvae": "kind: jmvae", "trelbo": "kind: trelbo", "unlabelled": "kind: trelbo, unlabelled: true"}
TERMS = {
    "jmvae": {"kl_image_encoder", "kl_symbol_encoder"},
    "unlabelled": {"image_alone", "symbols_alone", "unlabelled"},
}
"""Of the loss of each kind, beside those that all have."""


def run(folder: Path, joint: str, *more: str, network: str = CONVOLUTIONAL) -> int:
    folder.mkdir(exist_ok=True)
    images = write_npz(folder / "set.npz", size=8)
    config = folder / "tiny.yaml"
    text = CONFIG.replace("SET", str(images)).replace("NETWORK", network).replace("JOINT", joint)
    config.write_text(text, encoding="utf-8")
    return cli.main(
        ["run", str(config), *more, "--run-dir", str(folder / "run"), "--device", "cpu", "--quiet"]
    )


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / "run" / name).read_text(encoding="utf-8"))


def log_of(folder: Path) -> list[dict[str, float]]:
    """The lines of the log, without times."""
    lines = (folder / "run" / "joint" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [{name: x for name, x in json.loads(line).items() if name != "seconds"} for line in lines]


@pytest.mark.parametrize(("kind", "network"), [("jmvae", LAYERED), ("trelbo", CONVOLUTIONAL)])
def test_a_joint_model_carries_the_whole_pipeline(kind: str, network: str, tmp_path: Path) -> None:
    assert run(tmp_path, KINDS[kind], network=network) == 0
    metrics = read(tmp_path, "evaluate/metrics.json")
    assert metrics["splits"].keys() >= {"train_symbols", "test_symbols", "test_operators", "held_out"}
    assert metrics["img2sym"]["accuracy"] is not None
    assert {"joint", "vision", "symbols", "operators"} <= metrics["seconds"].keys()
    assert (tmp_path / "run" / "report.html").is_file()
    assert not (tmp_path / "run" / "vision" / "log.jsonl").exists()
    whole = load_model(tmp_path / "run" / "joint", MultimodalVAE)
    model = scan.load(tmp_path / "run")
    y = torch.eye(model.vocabulary.size)
    x = torch.rand(2, *model.shape)
    assert torch.equal(model.encode_symbol(y).mean, whole.encode_symbol(y).mean)
    assert torch.equal(model.encode_image(x).logvar, whole.encode_image(x).logvar)
    z = torch.randn(2, model.latents)
    assert torch.equal(model.decode_symbol(z), whole.decode_symbol(z))
    assert torch.equal(model.decode_image(z), whole.decode_image(z))
    picture = tmp_path / "imagined.png"
    assert cli.main(["sym2img", str(tmp_path / "run"), "a: a1 AND b: b2", "-n", "2", "-o", str(picture)]) == 0
    assert picture.is_file()
    (concept,) = model.img2sym(x[0]).best()
    assert isinstance(concept, Concept)


def test_first_images_have_the_mean_colour_of_the_pairs_where_that_is_asked_for(tmp_path: Path) -> None:
    bias = {}
    for given in ("random", "mean"):
        still = [f"vision.training.output_bias={given}", "joint.steps=1", "joint.lr=1e-9"]
        options = [word for one in still for word in ("--set", one)]
        assert run(tmp_path / given, KINDS["jmvae"], "joint", *options) == 0
        model = load_model(tmp_path / given / "run" / "joint", MultimodalVAE)
        bias[given] = model.vision.decoder.output_layer().bias[1:].abs().max()
    assert bias["mean"] < 0.01 < bias["random"], "green and blue are noise around 0.5"


class Killed(BaseException):
    """Stands for a process that ends here."""


@pytest.mark.parametrize("kind", TERMS)
def test_a_killed_training_ends_with_the_same_bits(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(whole, KINDS[kind], "joint") == 0
    loss_of = stage.loss_of

    def ends(*arguments: Any) -> Any:
        loss = loss_of(*arguments)

        def at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
            if step == STEPS // 2:
                raise Killed
            return loss(step)

        return at

    with monkeypatch.context() as patched:
        patched.setattr(stage, "loss_of", ends)
        with pytest.raises(Killed):
            run(killed, KINDS[kind], "joint")
    assert (killed / "run" / "joint" / "state").exists()
    assert run(killed, KINDS[kind], "joint") == 0
    assert log_of(killed) == log_of(whole)
    one, other = (folder / "run" / "joint" / "model.safetensors" for folder in (whole, killed))
    assert one.read_bytes() == other.read_bytes()
    terms = log_of(whole)[-1].keys() - {"step", "lr", "loss", "reconstruction", "symbols", "kl"}
    assert terms == TERMS[kind]


def test_it_sees_the_pairs_that_scan_would_see(tmp_path: Path) -> None:
    assert run(tmp_path / "jmvae", KINDS["jmvae"], "joint") == 0
    brief = ("vision.training.steps=1", "vision.training.restarts=1", "symbols.steps=1")
    settings = [part for one in ("joint=null", *brief) for part in ("--set", one)]
    assert run(tmp_path / "scan", KINDS["jmvae"], *settings, "vision", "symbols") == 0
    pairs = read(tmp_path / "jmvae", "joint/examples.json")
    assert pairs == read(tmp_path / "scan", "symbols/examples.json")
    data = read(tmp_path / "jmvae", "data.json")
    metrics = read(tmp_path / "jmvae", "joint/metrics.json")
    assert metrics["pairs"] == 3 * len(data["splits"]["train_symbols"])
    assert metrics["unlabelled_images"] == 0


@pytest.mark.parametrize(
    ("joint", "more", "message"),
    [
        (KINDS["trelbo"], "symbols.encoder=mlp", "joint.kind trelbo is a product of experts"),
        (KINDS["jmvae"], "vision.objective.kind=factor_vae", "leave out vision.objective.kind factor_vae"),
        (KINDS["jmvae"], "data.attributes=[]", "joint.kind jmvae learns words"),
        ("kind: jmvae, symbol_weight_alone: 2", "seed=0", "joint.symbol_weight_alone: unknown key"),
        ("kind: telbo", "seed=0", "joint: kind 'telbo' is none of jmvae, trelbo"),
        (KINDS["jmvae"], "vision.network.widths=[8,8,8,8]", "vision.network.widths: each of the 4 halves"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    joint: str, more: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, joint, "--set", more) == 2
    stderr = capsys.readouterr().err
    assert message in stderr
    assert stderr.count("\n") == 1


def config(**sections: object) -> Config:
    return Config.model_validate({"name": "a", "data": {"kind": "rooms"}, **sections})


def test_it_takes_the_place_of_two_trainings() -> None:
    without, together = config(), config(joint={"kind": "jmvae"})
    assert list(plan(together)) == ["joint", *plan(without)]
    assert plan(together)["vision"].reads == plan(together)["symbols"].reads == ("joint",)
    assert plan(without)["symbols"].reads == ("vision",)
    assert together.training("vision") is together.training("symbols") is None
    assert together.training("joint") is together.joint
    assert without.training("joint") is None


def test_experts_have_a_learning_rate_of_their_own() -> None:
    """The first step of Adam is as long as the learning rate, whatever the gradient."""
    settings = config(joint={"kind": "trelbo", "lr": 1e-3, "expert_lr": 0.02}).joint
    assert settings is not None
    model = models.build(
        {
            "kind": "multimodal",
            "vision": {"shape": [3, 8, 8], "kind": "convolutional", "latents": 4, "hidden": 8, "widths": [4]},
            "symbols": {"symbols": 5, "encoder": "experts"},
        }
    )
    assert isinstance(model, MultimodalVAE)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        return torch.stack([weight.sum() for weight in model.parameters()]).sum(), {}

    stage.method_of(settings, model, loss).update(0)
    for name, weight in model.named_parameters():
        length = 0.02 if "experts" in name else 1e-3
        assert torch.allclose(before[name] - weight, torch.tensor(length), rtol=1e-3), name


def test_a_budget_scales_its_steps() -> None:
    steps = {"joint": 0.1, "operators": 0.0, "judge": 0.0}
    costs = budget.Costs(steps, rest=0.0)
    fitted = budget.fitted(config(joint={"kind": "jmvae"}), costs, 500.0)
    assert fitted.joint is not None
    assert fitted.joint.steps == pytest.approx(5_000, rel=0.01)
    assert fitted.vision == config().vision
