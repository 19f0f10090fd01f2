"""The experiments on SCAN: to their end on a tiny visual model, and their criteria on known numbers."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from scipy import stats

from pipelines import cli
from pipelines.experiments import (
    Asked,
    ablation,
    celeba,
    concept_scores,
    curriculum,
    hierarchy,
    mode_coverage,
    rivals,
    synonyms,
    visual_models,
)
from pipelines.experiments.over_seeds import difference
from pipelines.experiments.variants import Variant
from pipelines.jobs import Job, local
from scan.evaluation import Sizes
from symbols import Concept
from tests import drawn_faces
from vision.randomness import generator


@pytest.fixture
def out(tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of experiments in which the visual model of seed 0 is made, so that no process starts."""

    def call(self: local.Processes, arguments: Sequence[str], log: Path) -> int:
        raise AssertionError(f"a process was started: {arguments}")

    monkeypatch.setattr(local.Processes, "call", call)
    monkeypatch.setattr(visual_models, "CONFIG", str(finished_run.parent / "tiny.yaml"))
    shutil.copytree(finished_run, tmp_path / "visual-models" / "tiny-0")
    return tmp_path


def made(name: str, out: Path) -> dict[str, object]:
    """What an experiment writes, in a trial of 20 steps on seed 0."""
    words = ["experiment", name, "--steps", "20", "--seeds", "0", "--out", str(out), "--device", "cpu"]
    assert cli.main([*words, "--quiet"]) == 0
    for figure in out.glob(f"{name}-*.png"):
        assert figure.read_bytes().startswith(b"\x89PNG")
    content: dict[str, object] = json.loads((out / f"{name}.json").read_text())
    assert content["verdict"] == "undecided"  # a trial
    return content


def tiny(out: Path) -> visual_models.VisualModel:
    return visual_models.loaded(out / "visual-models" / "tiny-0", torch.device("cpu"))


def test_pictures_show_their_concepts_and_nothing_unseen(out: Path) -> None:
    model = tiny(out)
    concepts = [*model.splits.train_symbols[:5], Concept(), model.splits.held_out[0]]
    pictures = model.pictures(concepts, 40, generator(0, "test"))
    for number, concept in enumerate(concepts):
        rows = pictures.factors[number * 40 : (number + 1) * 40]
        assert model.vocabulary.matches(rows, concept).all()
        if number < len(concepts) - 1:
            assert not model.vocabulary.shows_any(rows, model.splits.held_out).any()


def test_the_ablation_compares_variants_with_their_references(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("default", "perceptron", "reverse KL", "reverse KL, perceptron", "exact operators")
    monkeypatch.setattr(ablation, "VARIANTS", {name: ablation.VARIANTS[name] for name in names})
    monkeypatch.setattr(ablation, "SIZES", Sizes(2, 4))
    monkeypatch.setattr(concept_scores, "SIZES", Sizes(2, 4))
    monkeypatch.setattr(concept_scores, "PICTURED", 1)
    found = made("ablation", out)
    exact = found["variants"]["exact operators"]["seeds"]["0"]  # type: ignore[index]
    default = found["variants"]["default"]["seeds"]["0"]  # type: ignore[index]
    assert exact["test_symbols"] == default["test_symbols"]  # only the operators differ
    assert exact["test_operators"] != default["test_operators"]
    answers = found["answers"]
    reverse = answers["reverse KL, perceptron"]["differences"]["test_symbols.diversity"]  # type: ignore[index]
    by_hand = [
        found["variants"][name]["seeds"]["0"]["test_symbols"]["diversity"]  # type: ignore[index]
        for name in ("reverse KL, perceptron", "perceptron")
    ]
    assert reverse["mean"] == pytest.approx(by_hand[0] - by_hand[1])


def test_images_of_a_concept_are_nested_and_counts_are_those_asked_for(out: Path) -> None:
    codes = ablation._Codes(tiny(out))
    ten, three = (codes.of(Variant(images=n)) for n in (10, 3))
    rows = [row for row in range(len(ten.concepts)) if row % 10 < 3]
    assert torch.equal(ten.q_x.mean[rows], three.q_x.mean)
    assert [ten.concepts[row] for row in rows] == three.concepts
    raw = codes.of(Variant(images=3, standardised=False))
    vision = codes.model.vision
    assert torch.allclose(raw.q_x.mean, three.q_x.mean * vision.scale + vision.shift, atol=1e-4)  # type: ignore[attr-defined]


def test_mode_coverage_reaches_the_optimum_of_each_direction(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny(out)
    monkeypatch.setattr(mode_coverage, "SIZES", Sizes(20, 20))
    monkeypatch.setattr(mode_coverage, "IMAGES", 20)
    found = mode_coverage.measure(model, 500)
    for one in found.values():
        assert one["nats_from_optimum"] < 0.1
    assert found["reverse"]["variance_ratio"] < found["forward"]["variance_ratio"]
    assert made("mode-coverage", out)["images"] == 20


def test_the_curriculum_varies_more_from_set_to_set(out: Path) -> None:
    found = made("curriculum", out)
    one = found["by_seed"]["0"]  # type: ignore[index]
    assert one["steps"][-1] == 60
    assert len(one["after"]) == 3
    model = tiny(out)
    images = curriculum.images_of(model)
    assert len(images) == 15
    assert len({tuple(image.flatten().tolist()) for image in images}) == 15
    first = {"specificity": [{"wall": 1.0, "object": 1.0, "floor": 0.9}, {}, {}]}
    last = {"wall": 0.9, "object": 0.3, "floor": 0.3}
    assert curriculum.relaxes({"specificity": [*first["specificity"][:2], last]})
    assert not curriculum.relaxes({"specificity": [*first["specificity"][:2], {**last, "wall": 0.4}]})


def test_the_hierarchy_has_an_edge_for_every_attribute_more(out: Path) -> None:
    found = made("hierarchy", out)["by_seed"]["0"]  # type: ignore[index]
    assert found["edges"] == hierarchy.LATTICES * 28  # 32 of the cube of four attributes, 4 from the root
    assert all(0 <= found[name] <= 1 for name in ("inside", "contained", "narrower"))


def test_a_synonym_is_nearest_to_what_it_means(out: Path) -> None:
    found = made("synonyms", out)["by_seed"]["0"]  # type: ignore[index]
    assert set(found["nearest"].split(", ")[0].split(": ")) >= {"wall"}
    model = tiny(out)
    both, one, none = synonyms.tested(model, model.vocabulary.concept(synonyms.MEANT))
    assert len(both) == synonyms.TESTED
    assert len(one) > 1.5 * synonyms.TESTED
    assert len(none) > synonyms.TESTED
    good = {"is_nearest": True, "shown": 0.95, "auc": 0.99, "near_auc": 0.9}
    assert synonyms.is_synonym(good)
    assert not synonyms.is_synonym({**good, "near_auc": 0.5})


def test_a_difference_has_the_interval_of_the_paired_t_test() -> None:
    ours, theirs = {"0": 0.3, "1": 0.9, "2": 0.4}, {"2": 0.2, "1": 0.6, "0": 0.1, "9": 5.0}
    found = difference(ours, theirs)
    test = stats.ttest_rel([0.3, 0.9, 0.4], [0.1, 0.6, 0.2]).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((test.low, test.high))
    assert found.is_beyond(0.2)
    assert not found.is_beyond(0.3)
    assert math.isinf(difference({"0": 1.0}, {"0": 0.0}).high)


def measures(accuracy: float, diversity: float) -> dict[str, float]:
    return {
        f"{split} {name}": value
        for split in rivals.SPLITS
        for name, value in (("accuracy", accuracy), ("diversity", diversity))
    }


def test_a_rival_is_behind_only_where_it_is_in_both() -> None:
    noise = (0.0, 0.01, -0.01, 0.005, -0.005)

    def seeds(accuracy: float, diversity: float) -> dict[str, dict[str, float]]:
        return {str(seed): measures(accuracy + e, diversity - e) for seed, e in enumerate(noise)}

    def against(accuracy: float, diversity: float, name: str = "JMVAE") -> str:
        exact = {str(seed): measures(0.9, 0.1) for seed in range(5)}
        plain = {str(seed): measures(0.6, 0.6) for seed in range(5)}
        found = {"SCAN": exact, "SCAN, plain VAE": plain, name: seeds(accuracy, diversity)}
        return rivals.standing(found, name)

    assert against(0.7, 0.5) == "behind"
    assert against(0.9, 0.5) == "between"
    assert against(0.9, 0.5, "SCAN_R") == "behind"  # which may be as accurate
    assert against(0.5, 0.9, "SCAN_U") == "behind"
    assert against(0.7, 0.5, "SCAN_U") == "ahead"  # of SCAN on the same networks
    assert against(0.95, 0.5) == "ahead"
    assert against(0.5, 0.02) == "between"  # diverse, and wrong
    assert against(0.91, 0.02) == "ahead"


def test_the_methods_are_configs_that_share_data_and_judge(tmp_path: Path) -> None:
    for full, steps in ((False, None), (True, None), (True, 20)):
        asked = Asked((3,), tmp_path, steps, full)
        methods = rivals.FULL_METHODS if full else rivals.METHODS
        configs = {name: rivals.job_of(asked, name, 3).resolved() for name in methods}
        shared = configs["SCAN"]
        for config in configs.values():
            assert (config.seed, config.data, config.splits, config.judge) == (
                3,
                shared.data,
                shared.splits,
                shared.judge,
            )
        assert configs["SCAN_R"].vision == shared.vision
        assert configs["SCAN_U"].vision.network == configs["SCAN, plain VAE"].vision.network
        assert configs["SCAN_U"].vision.training == configs["SCAN, plain VAE"].vision.training
        assert configs["SCAN_R"].symbols.direction == configs["SCAN_R"].operators.direction == "reverse"


def test_rivals_of_equal_results_are_level(
    tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals, "bring", lambda jobs, asked, machine: None)
    for name in rivals.METHODS:
        folder = tmp_path / "rivals" / "runs" / "short" / name.replace(", ", "-") / "seed-0"
        shutil.copytree(finished_run, folder)
    found = made("rivals", tmp_path)
    assert set(found["standings"].values()) == {"between"}  # type: ignore[attr-defined]
    scores = json.loads((finished_run / "evaluate" / "metrics.json").read_text())["splits"]
    scan = found["methods"]["SCAN"]["0"]  # type: ignore[index]
    assert scan["operators accuracy"] == pytest.approx(scores["test_operators"]["accuracy_top1"])


def test_celeba_sweeps_attributes_of_files_in_the_true_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_faces.write(tmp_path / "set", 40)

    def bring(jobs: list[Job], asked: object, machine: object) -> None:
        for job in jobs:
            assert cli.main([*job.arguments("cpu"), "--quiet"]) == 0

    monkeypatch.setattr(celeba, "bring", bring)
    words = ["experiment", "celeba", "--steps", "2", "--device", "cpu", "--quiet", "--out", str(tmp_path)]
    assert cli.main(words) == 2  # without the set
    assert cli.main([*words, "--data", str(tmp_path / "set")]) == 0
    found = json.loads((tmp_path / "celeba.json").read_text())
    assert found["verdict"] == "undecided"
    assert set(found["by_seed"]["0"]["attributes"]) == set(drawn_faces.ATTRIBUTES)
    known = {
        "a": {"auc": 0.9, "present": {"-6.0": 0.1, "-3.0": 0.2, "0.0": 0.4, "1.0": 0.5, "2.0": 0.8}},
        "b": {"auc": 0.9, "present": {"-6.0": 0.5, "-3.0": 0.2, "0.0": 0.4, "1.0": 0.5, "2.0": 0.5}},
        "c": {"auc": 0.5, "present": dict.fromkeys(("-6.0", "-3.0", "0.0", "1.0", "2.0"), 0.5)},
    }
    one = celeba.followed(known)
    assert (one["counting"], one["follow"]) == (2, 0.5)
    assert one["slope_above_0"] == pytest.approx((0.2 + 0.05) / 2)
