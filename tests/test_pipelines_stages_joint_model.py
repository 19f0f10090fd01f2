"""The stages know a concept model by its contract: another one than SCAN goes through them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from joint_models import NAMES, VALUES, WORDS, BandJudge, SharedTable, concept, pictures

from pipelines.config import Config
from pipelines.devices import machine
from pipelines.runs.folder import RunFolder
from pipelines.stages import evaluate, operators
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.loading import open_model
from scan.operators import Operators
from symbols import Splits, operator_triples
from vision.data import ImageSet

CONFIG = Config.model_validate(
    {
        "name": "a",
        "data": {"kind": "rooms"},
        "vision": {"training": {"precision": "fp32"}},
        "operators": {"steps": 600, "triples": 2000},
        "evaluate": {"images_per_symbol": 10, "diversity_images": 60},
    }
)


@pytest.fixture(scope="module")
def data() -> Data:
    rng = np.random.default_rng(0)
    factors = rng.integers(3, size=(900, 3))
    images = ImageSet(pictures(factors), factors, NAMES, (VALUES,) * 3)
    rows = np.stack(np.meshgrid(*[np.arange(-1, 3)] * 3), -1).reshape(-1, 3)
    concepts = [concept(row) for row in rng.permutation(rows) if (row >= 0).any()]
    held_out = tuple(c for c in concepts if c.level == 3)[:2]
    train = tuple(c for c in concepts if c not in held_out)
    triples = operator_triples(WORDS, 30, rng, held_out=held_out)
    return Data(images, WORDS, Splits(held_out, np.arange(100), train, train[:10], triples))


@pytest.fixture(scope="module")
def metrics(data: Data, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both stages, run on a joint model in place of what a run would have loaded."""
    path, joint = tmp_path_factory.mktemp("run"), SharedTable().requires_grad_(False)

    def load(run: RunFolder, data: Data, device: torch.device, *, operators: bool = True) -> ConceptModel:
        model = Path(run.stage("operators"), "model.safetensors")
        learned = open_model(model, Operators) if operators else None
        return ConceptModel(joint, learned, data.vocabulary)

    with pytest.MonkeyPatch.context() as patch:
        for stage in (operators, evaluate):
            patch.setattr(stage.datasets, "load", lambda *_, **__: data)
            patch.setattr(stage, "load_concept_model", load)
        patch.setattr(evaluate, "load_judge", lambda *_: BandJudge())
        for stage in (operators, evaluate):
            stage.run(CONFIG, RunFolder(path), machine("cpu", quiet=True))
    return json.loads((path / "evaluate" / "metrics.json").read_text())


def test_its_operators_are_trained_and_scored(metrics: dict[str, Any]) -> None:
    for name in ("train_symbols", "test_symbols", "held_out"):
        assert metrics["splits"][name]["accuracy_top1"] == 1
    learned, analytic = metrics["splits"]["test_operators"], metrics["yardsticks"]["analytic_operators"]
    assert analytic["accuracy_top1"] == 1
    assert learned["accuracy_top1"] > 0.9
    assert set(learned["accuracy_per_operator"]) == {"AND", "IN COMMON", "IGNORE"}


def test_its_codes_and_descriptions_are_measured(data: Data, metrics: dict[str, Any]) -> None:
    assert metrics["img2sym"]["accuracy"] == 1
    assert metrics["vision"]["test_images"]["reconstruction_accuracy"] == 1
    assert metrics["vision"]["test_images"]["active_latents"] == 3
    taught = data.splits.train_symbols
    assert metrics["symbols"]["concepts"] == len(taught)
    mentioned = np.mean([c.level for c in taught])
    assert metrics["symbols"]["specific_latents"] == pytest.approx(mentioned, abs=1e-3)
    assert metrics["disentanglement"]["latents_active"] == 3
    assert metrics["realism"]["test_symbols"]["judge_confidence"] > 0.9
