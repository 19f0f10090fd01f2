"""The disentanglement scores of a run, as the evaluation publishes them."""

import json
from pathlib import Path

import numpy as np
import pytest

from vision.disentanglement import by_kl


def test_the_evaluation_publishes_the_model_beside_its_ceiling_and_floor(finished_run: Path) -> None:
    folder = finished_run / "evaluate"
    measured = json.loads((folder / "metrics.json").read_text())["disentanglement"]
    matrices = json.loads((folder / measured["matrices"]).read_text())
    assert measured["matrices"] in json.loads((folder / "done.json").read_text())["files"]
    for scores in (measured, measured["perfect"], measured["random"]):
        assert {"mig", "modularity", "modularity_active", "sap"} < scores.keys()
        assert scores["dci"].keys() > {"disentanglement", "completeness", "informativeness_test", "estimator"}
    for name in ("mig", "modularity"):
        assert measured["random"][name] < measured["perfect"][name] >= 0.9
    assert measured["random"]["dci"]["disentanglement"] < measured["perfect"]["dci"]["disentanglement"]
    assert (measured["points"], measured["points_test"]) == (500, 250)
    assert {"bins", "seed", "versions", "factors", "images"} < measured.keys()
    for name in ("mutual_information", "dci_importance", "sap"):
        assert np.shape(matrices[name]) == (5, 4)
    ordered = np.array(matrices["mutual_information"]) / np.array(matrices["factor_entropy"])
    assert np.diff(np.sort(ordered, axis=0)[-2:], axis=0).mean() == pytest.approx(measured["mig"], abs=1e-3)
    nats = np.array(matrices["kl_per_latent"])[by_kl(matrices)]
    assert (np.diff(nats) <= 0).all()
