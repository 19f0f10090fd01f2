"""`scan experiment`: the list, a small capacity experiment, and its verdict."""

import json
from itertools import permutations
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.experiments import EXPERIMENTS, capacity
from pipelines.experiments.parts import part


def test_they_are_listed_each_with_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiment"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == list(EXPERIMENTS)
    for name in EXPERIMENTS:
        assert (Path(capacity.__file__).parent / f"{name.replace('-', '_')}.py").is_file()


def test_a_wrong_request_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for words, message in {
        ("capacty",): "no experiment named 'capacty'; did you mean capacity?",
        ("capacity", "--steps", "0"): "--steps 0: expected 1 or more",
        ("capacity", "--out", str(tmp_path / "file")): "is a file, expected a folder",
    }.items():
        assert cli.main(["experiment", *words]) == 2
        assert message in capsys.readouterr().err


def test_an_option_without_effect_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with_runs = "ablation, rivals, mode-coverage, curriculum, hierarchy, synonyms, celeba"
    for words, message in {
        (
            "capacity",
            "--data",
            str(tmp_path),
        ): "--data: has no effect on capacity; these take it: celeba, mnist-a",
        (
            "rivals",
            "--data",
            str(tmp_path),
        ): "--data: has no effect on rivals; these take it: celeba, mnist-a",
        ("synonyms", "--full"): "--full: has no effect on synonyms; these take it: rivals, celeba, mnist-a",
        ("mnist-a", "--jobs", "2"): f"--jobs: has no effect on mnist-a; these take it: {with_runs}",
        ("latents", "--engine", "ray"): f"--engine: has no effect on latents; these take it: {with_runs}",
        ("latents", "--address", "a:1"): f"--address: has no effect on latents; these take it: {with_runs}",
    }.items():
        assert cli.main(["experiment", *words, "--steps", "1", "--out", str(out)]) == 2
        assert capsys.readouterr().err == f"scan: error: {message}\n"
    assert not out.exists()
    for name in ("mnist-a", "celeba"):
        assert cli.main(["experiment", name, "--data", str(tmp_path / "none"), "--out", str(out)]) == 2
        assert capsys.readouterr().err == f"scan: error: --data {tmp_path / 'none'}: no such folder\n"
    assert not out.exists()
    taken = ["experiment", "mnist-a", "--full", "--data", str(tmp_path), "--out", str(out)]
    assert cli.main(taken) == 2
    assert capsys.readouterr().err.startswith(f"scan: error: {tmp_path}: has no train-images")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_an_experiment_takes_is_what_its_module_reads(name: str) -> None:
    """Runs of the pipeline, and so engines, come from `pipelines.experiments.visual_models`."""
    module = Path(capacity.__file__).parent / f"{name.replace('-', '_')}.py"
    text = module.read_text("utf-8")
    runs = "from pipelines.experiments.visual_models import"
    reads = {"data": "asked.data", "full": "asked.full", "engine": runs}
    assert {option for option, words in reads.items() if words in text} == set(EXPERIMENTS[name].takes)


def test_capacity_writes_curves_and_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant, few in {"BLOCK": 2, "BATCH": 16, "WIDTHS": (4, 4, 4)}.items():
        monkeypatch.setattr(capacity, constant, few)
    words = ["experiment", "capacity", "--steps", "24", "--out", str(tmp_path), "--device", "cpu", "--quiet"]
    assert cli.main(words) == 0
    found = json.loads((tmp_path / "capacity.json").read_text())
    assert found["verdict"] == "undecided"  # nothing is learned in so few steps
    assert "undecided (0 of 2 trainings)" in capsys.readouterr().out
    exact = found["trainings"]["exact capacity, seed 0"]
    for place, nats in enumerate(exact["capacity_nats"]):
        shares = [exact["kl_nats"][name][place] for name in capacity.ORDER]
        assert sum(shares) == pytest.approx(nats, abs=1e-3)
    assert exact["capacity_nats"][-1] == 25
    for name in ("curves", "reconstructions"):
        assert (tmp_path / f"capacity-{name}.png").read_bytes().startswith(b"\x89PNG")


def test_only_one_order_of_the_factors_is_the_claim() -> None:
    ordered = []
    for order in permutations(capacity.ORDER):
        onsets: dict[str, float | None] = {name: float(place) for place, name in enumerate(order)}
        if capacity.is_ordered(onsets):
            ordered.append(order)
    assert ordered == [
        ("x", "y", "scale", "shape", "orientation"),
        ("y", "x", "scale", "shape", "orientation"),
    ]


def test_a_part_is_computed_once_for_its_settings(tmp_path: Path) -> None:
    computed = []

    def compute() -> dict[str, list[int]]:
        computed.append(1)
        return {"calls": list(computed)}

    first = part(tmp_path, "a", {"seed": 0}, compute)
    assert part(tmp_path, "a", {"seed": 0}, compute) == first == {"calls": [1]}
    assert part(tmp_path, "a", {"seed": 1}, compute) == {"calls": [1, 1]}
    (tmp_path / "parts" / "a.json").write_text("{")
    assert part(tmp_path, "a", {"seed": 1}, compute) == {"calls": [1, 1, 1]}


@pytest.mark.parametrize(
    ("ordered", "steps", "expected"),
    [
        ([True, True], 1, "reproduced"),
        ([False, False], 1, "undecided"),
        ([False, False], capacity.STEPS, "refuted"),
        ([True, False], capacity.STEPS, "undecided"),
    ],
)
def test_capacity_is_refuted_where_no_training_has_the_order(
    ordered: list[bool], steps: int, expected: str
) -> None:
    rising = {"x": 1.0, "y": 1.0, "scale": 2.0, "shape": 3.0, "orientation": 4.0}
    falling = {name: 5.0 - onset for name, onset in rising.items()}
    found = {
        str(i): capacity.Found([], {}, [], rising if one else falling, {}) for i, one in enumerate(ordered)
    }
    assert capacity.verdict_of(found, steps) == expected
