"""The experiments on visual models and metrics: each makes a small trial, and its verdict can go each way."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines import cli
from pipelines.experiments import (
    beta_map,
    causal_graph,
    controllable_factors,
    correlated_factors,
    first_stages,
    info_wgan,
    latents,
    metric_failure,
    over_seeds,
    reconstruction,
    rotation_planes,
    total_correlation,
    training_steps,
    transfer,
)
from vision.data import dsprites
from vision.data.dsprites import SIZES

FIGURES = {
    "metric-failure": "scores",
    "total-correlation": "estimates",
    "controllable-factors": "policies",
    "rotation-planes": "starts",
    "causal-graph": "edges",
    "info-wgan": "scores",
    "training-steps": "scores",
    "latents": "scores",
    "beta-map": "scores",
    "reconstruction": "scores",
    "correlated-factors": "scores",
    "transfer": "scores",
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_trial_writes_numbers_and_a_figure_and_does_not_decide(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant, few in {"POINTS": 120, "FOREST_POINTS": 60, "BETA_VOTES": 20, "BETA_BATCH": 2}.items():
        monkeypatch.setattr(first_stages, constant, few)
    monkeypatch.setattr(first_stages, "SPRITES", {**first_stages.SPRITES, "images": 200})
    monkeypatch.setattr(first_stages, "NETWORK", {"kind": "mlp", "hidden": 8})
    small = {"hidden": 8, "layers": 1, "lr": 1e-3}
    monkeypatch.setattr(first_stages, "DISCRIMINATOR", small)
    monkeypatch.setattr(latents, "LATENTS", (2, 4))
    monkeypatch.setattr(transfer, "POINTS", 60)
    monkeypatch.setattr(rotation_planes, "STARTS", 2)
    for constant, few in {"HIDDEN": 8, "LAYERS": 1, "BATCH": 8, "FRESH": 100}.items():
        monkeypatch.setattr(total_correlation, constant, few)
    words = ["experiment", name, "--steps", "4", "--seeds", "0", "--out", str(tmp_path)]
    assert cli.main([*words, "--device", "cpu", "--quiet"]) == 0
    found = json.loads((tmp_path / f"{name}.json").read_text())
    assert found["verdict"] == "undecided"
    assert (tmp_path / f"{name}-{FIGURES[name]}.png").read_bytes().startswith(b"\x89PNG")


def test_a_code_without_a_factor_keeps_the_others() -> None:
    grid = np.random.default_rng(1).integers(0, SIZES, (200, len(SIZES)))
    whole = metric_failure.code_without("none", np.random.default_rng(0))(grid)
    less = metric_failure.code_without("scale", np.random.default_rng(0))(grid)
    assert (whole.shape, less.shape) == ((200, 5), (200, 4))
    assert abs(np.corrcoef(less[:, 0], grid[:, 0])[0, 1]) > 0.9
    assert np.abs([np.corrcoef(column, grid[:, 2])[0, 1] for column in less.T]).argmax() == 1


def test_metric_failure_is_refuted_where_no_seed_shows_it() -> None:
    def scores(beta_vae: float, whole: float = 1.0) -> metric_failure.Scores:
        missing = {name: {"beta_vae": beta_vae, "factor_vae": 0.8} for name in dsprites.FACTORS}
        return missing | {metric_failure.WHOLE: {"beta_vae": whole, "factor_vae": whole}}

    verdicts = {
        "reproduced": [scores(1.0), scores(1.0)],
        "refuted": [scores(0.9), scores(0.9)],
        "undecided": [scores(1.0), scores(0.9)],
    }
    for expected, seeds in verdicts.items():
        assert metric_failure.verdict_of(seeds, metric_failure.VOTES) == expected
    assert metric_failure.verdict_of([scores(0.9, whole=0.9)], metric_failure.VOTES) == "undecided"
    assert metric_failure.verdict_of(verdicts["refuted"], 10) == "undecided"


def test_samples_have_the_total_correlation_that_is_asked_for() -> None:
    z = total_correlation.samples(2.0, 40_000, torch.Generator().manual_seed(0))
    r = np.corrcoef(z.numpy().T)
    assert -0.5 * np.linalg.slogdet(r)[1] == pytest.approx(2.0, abs=0.05)


def test_an_estimate_above_the_truth_is_not_reproduced() -> None:
    below = {level: {"estimate": 0.9 * float(level), "error": 0.01} for level in ("0", "1", "2")}
    above = {level: {"estimate": 1.3 * float(level) + 0.1, "error": 0.01} for level in ("0", "1", "2")}
    assert total_correlation.verdict_of([below, below], 10_000) == "reproduced"
    assert total_correlation.verdict_of([above, above], 10_000) == "refuted"
    assert total_correlation.verdict_of([below, above], 10_000) == "undecided"


def test_the_square_moves_and_stops_at_a_wall() -> None:
    x = controllable_factors.images(torch.tensor([[0, 0], [10, 3]]))
    assert x.sum((1, 2)).tolist() == [4, 4]
    assert (x[0, :2, :2].sum(), x[1, 10:, 3:5].sum()) == (4, 4)
    moved = torch.tensor([[0, 0]])[:, None] + controllable_factors.ACTIONS
    assert moved.clamp(0, controllable_factors.PLACES - 1)[0].tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]


def test_selectivity_is_the_share_of_the_change() -> None:
    before, after = torch.zeros(1, 2), torch.tensor([[[3.0, 1.0], [0.0, 0.0]]])
    found = controllable_factors.selectivity(before, after)
    torch.testing.assert_close(found[0, :, 0], torch.tensor([0.75, 0.25]), atol=1e-4, rtol=0)
    assert found[0, :, 1].tolist() == [0, 0]


def test_the_fourier_planes_hold_all_the_energy_of_a_shift() -> None:
    t = torch.arange(16) * 2 * math.pi / 16
    columns = [torch.ones(16), torch.cos(8 * t)]
    for frequency in range(1, 8):
        columns += [torch.cos(frequency * t), torch.sin(frequency * t)]
    w = torch.stack([column / column.norm() for column in columns], dim=1)
    assert rotation_planes.energy_outside(w) == pytest.approx(0, abs=1e-5)
    assert rotation_planes.energy_outside(torch.eye(16)) > 0.4


def test_h_is_zero_of_graphs_without_cycles_alone() -> None:
    assert causal_graph.acyclicity(causal_graph.EDGES).item() == pytest.approx(0, abs=1e-6)
    assert causal_graph.acyclicity(causal_graph.EDGES + causal_graph.EDGES.T).item() > 0.1


def test_the_domains_share_no_combination_of_place_and_colour() -> None:
    config = first_stages.config_of({"kind": "beta_vae"}, 0, 1, data={**transfer.DATA, "images": 400})
    images = first_stages.independent(config).sample(500, np.random.default_rng(0))
    source = transfer.in_source(images)
    pairs = images.factors[:, [images.names.index("x"), images.names.index("colour")]]
    inside, outside = ({tuple(pair) for pair in pairs[rows].tolist()} for rows in (source, ~source))
    assert (len(inside), len(outside), len(inside & outside)) == (6, 3, 0)


def _ones(**values: float) -> dict[str, dict[str, Any]]:
    return {"0": values}


def test_verdicts_of_trends_follow_the_scores() -> None:
    low, high = {"dci": 0.1, "mig": 0.1}, {"dci": 0.2, "mig": 0.3}
    assert training_steps.verdict_of([[low, high]], 10**6) == "reproduced"
    assert training_steps.verdict_of([[high, low]], 10**6) == "refuted"
    few, many = (
        _ones(factor_vae=0.1, dci=0.1, sap=0.3, mig=0.3),
        _ones(factor_vae=0.2, dci=0.2, sap=0.1, mig=0.1),
    )
    assert latents.verdict_of({8: few, 32: few, 128: many}, 10**6) == "reproduced"
    assert latents.verdict_of({8: many, 32: few, 128: few}, 10**6) == "refuted"
    curve = {0.1: (0.5, 1.0), 1.0: (0.9, 2.0), 4.0: (0.4, 3.0)}
    peaked = {b: _ones(beta_vae=score, reconstruction=error) for b, (score, error) in curve.items()}
    falling = {b: _ones(beta_vae=1 / b, reconstruction=b) for b in curve}
    assert beta_map.verdict_of({5: peaked}, 10**6) == "reproduced"
    assert beta_map.verdict_of({5: falling}, 10**6) == "refuted"
    better, worse = over_seeds.Difference(0.1, 0.05, 0.15, 3), over_seeds.Difference(-0.1, -0.2, -0.05, 3)
    for module in (reconstruction, correlated_factors):
        assert module.verdict_of(better, 10**6) == "reproduced"
        assert module.verdict_of(worse, 10**6) == "refuted"
        assert module.verdict_of(better._replace(low=-0.1), 10**6) == "undecided"


def test_transfer_is_judged_by_the_rank_correlation_over_models() -> None:
    rising = {f"model {i}": _ones(dci=0.1 * i, ratio=0.5 + 0.05 * i) for i in range(6)}
    falling = {f"model {i}": _ones(dci=0.1 * i, ratio=0.9 - 0.05 * i) for i in range(6)}
    few = {name: rising[name] for name in list(rising)[:2]}
    verdicts = [transfer.verdict_of(transfer.correlation_of(some), 10**6) for some in (rising, falling, few)]
    assert verdicts == ["reproduced", "refuted", "undecided"]
    mixed = {**rising, "model 0": _ones(dci=0.0, ratio=0.9), "model 5": _ones(dci=0.5, ratio=0.4)}
    assert transfer.verdict_of(transfer.correlation_of(mixed), 10**6) == "undecided"


def test_factor_vae_is_compared_at_the_same_reconstruction() -> None:
    found = {
        "beta-VAE, a": _ones(reconstruction=10.0, factor_vae=0.4),
        "beta-VAE, b": _ones(reconstruction=20.0, factor_vae=0.6),
        "FactorVAE, c": _ones(reconstruction=15.0, factor_vae=0.7),
    }
    assert reconstruction.advantage(found).mean == pytest.approx(0.2)


def test_adversarial_codes_that_are_not_used_do_not_decide() -> None:
    found = {
        info_wgan.FACTOR_VAE: _ones(factor_vae=0.8),
        "InfoWGAN-GP, lambda 1": _ones(factor_vae=0.3, information=2.0),
    }
    assert info_wgan.verdict_of(found, 10**6) == "reproduced"
    found["InfoWGAN-GP, lambda 1"]["0"]["information"] = 0.1
    assert info_wgan.verdict_of(found, 10**6) == "undecided"
    found["InfoWGAN-GP, lambda 1"]["0"]["factor_vae"] = 0.9
    assert info_wgan.verdict_of(found, 10**6) == "refuted"
