"""`scan bench`: operations as counted by hand, rates that fit together, and nothing written."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_set import write_npz

from pipelines import cli
from pipelines.commands import benchmark, speed
from pipelines.config import Config, config_files
from pipelines.devices import Machine
from pipelines.runs import precision
from pipelines.training import fitting

CPU = torch.device("cpu")
BATCH, LATENTS, HIDDEN, WIDTH, SYMBOLS = 4, 2, 5, 3, 3 + 4 + 5

TINY = f"""
name: tiny
data: {{kind: npz, path: SET}}
vision:
  network: {{kind: convolutional, latents: {LATENTS}, hidden: {HIDDEN}, widths: [{WIDTH}]}}
  training: {{steps: 30, batch: {BATCH}}}
symbols: {{steps: 20, batch: {BATCH}, examples: 1, hidden: [{HIDDEN}], encoder: mlp}}
operators: {{steps: 10, batch: {BATCH}, triples: 20, hidden: [{HIDDEN}]}}
judge: {{steps: 40, batch: {BATCH}, warmup: 1}}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.replace("SET", str(write_npz(tmp_path / "set.npz"))))
    return path


def config(path: Path, *assignments: str) -> Config:
    return precision.settle(config_files.load(path, assignments), Machine(CPU))


def bench(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    code = cli.main(["bench", "--device", "cpu", "--seconds", "0.01", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def costs(path: Path, *assignments: str) -> dict[str, benchmark.Cost]:
    rates = {"fp32": 1e10, "bf16": 2e10}
    trainings = benchmark.prepare(config(path, *assignments), CPU).trainings
    return {one.stage: benchmark.cost(one, CPU, rates, 0.01) for one in trainings}  # type: ignore[arg-type]


def dense(ins: int, outs: int, times: int) -> int:
    """A layer on a batch: `times` products, 1 forward, 1 for the weights' gradient, 1 for the input's."""
    return times * 2 * BATCH * ins * outs


def test_the_operations_of_a_step_are_those_counted_by_hand(tiny: Path) -> None:
    features = WIDTH * 4 * 4
    convolution = 2 * BATCH * 4 * 4 * WIDTH * 3 * 4 * 4  # 3 channels, kernel 4, from 8x8 to 4x4
    vision = (
        2 * convolution  # images have no gradient
        + dense(features, HIDDEN, 3)
        + dense(HIDDEN, 2 * LATENTS, 3)
        + dense(LATENTS, HIDDEN, 3)
        + dense(HIDDEN, features, 3)
        + 3 * convolution
    )
    symbols = (
        dense(SYMBOLS, HIDDEN, 2)
        + dense(HIDDEN, 2 * LATENTS, 3)
        + dense(LATENTS, HIDDEN, 3)
        + dense(HIDDEN, SYMBOLS, 3)
    )
    operators = LATENTS * (dense(4, HIDDEN, 2) + dense(HIDDEN, 2 * 3, 3))
    found = costs(tiny)
    assert found["vision"].gflop_per_step * 1e9 == pytest.approx(vision)
    assert found["symbols"].gflop_per_step * 1e9 == pytest.approx(symbols)
    assert found["operators"].gflop_per_step * 1e9 == pytest.approx(operators)


def test_a_penalty_with_a_second_pass_through_the_decoder_is_counted(tiny: Path) -> None:
    plain = costs(tiny)["vision"].gflop_per_step
    more = costs(tiny, "vision.penalties.jacobian_l1=1")["vision"].gflop_per_step - plain
    features = WIDTH * 4 * 4
    decoder = (
        3 * 2 * BATCH * 4 * 4 * WIDTH * 3 * 4 * 4 + dense(LATENTS, HIDDEN, 3) + dense(HIDDEN, features, 3)
    )
    assert more * 1e9 == pytest.approx(decoder / 4)  # of a quarter of the batch


def test_the_time_of_a_step_is_that_of_loss_gradient_and_update(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    class Noted(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            assert all(weight.grad is not None for weight in self.param_groups[0]["params"])
            done.append("update")
            super().step(closure)

    monkeypatch.setattr(fitting, "optimiser", lambda module, decay: Noted(module.parameters(), lr=1.0))
    (training,) = [one for one in benchmark.prepare(config(tiny), CPU).trainings if one.stage == "vision"]
    before = [weight.detach().clone() for weight in training.module.parameters()]
    found = benchmark.cost(training, CPU, {"fp32": 1e10}, 0.01)
    assert len(done) == found.measured_steps + 2  # one to count operations, one to warm up
    after = training.module.parameters()
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_a_dae_is_measured_and_frozen_for_the_vision_model(tiny: Path) -> None:
    found = costs(
        tiny,
        "dae.steps=7",
        "dae.batch=4",
        "dae.widths=[3]",
        "dae.code=4",
        "vision.likelihood.kind=perceptual",
    )
    assert list(found) == ["dae", "vision", "symbols", "operators", "judge"]
    assert found["dae"].steps == 7


def test_all_restarts_of_a_vision_model_count(tiny: Path) -> None:
    assert (
        costs(tiny, "vision.training.restarts=4", "vision.training.restart_steps=5")["vision"].steps
        == 4 * 5 + 2 * 5 + 20
    )


def test_data_without_words_have_networks_of_images_alone(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, stdout, _ = bench(capsys, str(tiny), "--set", "data.attributes=[]", "--json")
    assert code == 0
    (found,) = json.loads(stdout)["configs"]
    assert [one["stage"] for one in found["networks"]] == ["vision"]
    assert found["sym2img"] is None
    code, stdout, _ = bench(capsys, str(tiny), "--set", "data.attributes=[]")
    assert (code, "sym2img" in stdout, "vision" in stdout) == (0, False, True)


def test_json_holds_every_number_with_its_unit(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, stdout, stderr = bench(capsys, str(tiny), "--json")
    assert (code, stderr) == (0, "")
    found = json.loads(stdout)
    assert set(found) == {"machine", "matrix_product", "configs", "peak_memory_mib"}
    assert {"processor", "vector_extensions", "threads", "torch", "precision_auto"} <= set(found["machine"])
    (only,) = found["configs"]
    assert (only["name"], only["image_shape"]) == ("tiny", [3, 8, 8])
    assert only["sym2img"]["batch_images"] == 64
    # Which of the two is longer is not asked: on a busy machine it may be either.
    assert min(only["sym2img"]["batch_milliseconds"], only["sym2img"]["one_image_milliseconds"]) > 0
    stages = {one["stage"]: one for one in only["networks"]}
    assert {name: one["steps"] for name, one in stages.items()} == {
        "vision": 30,
        "symbols": 20,
        "operators": 10,
        "judge": 40,
    }
    for one in only["networks"]:
        assert set(one) == set(benchmark.Cost._fields)
        rate = found["matrix_product"][f"{one['precision']}_gflop_per_second"]
        assert one["ratio_to_matrix_product"] == pytest.approx(one["gflop_per_second"] / rate)
        achieved = one["gflop_per_step"] / one["milliseconds_per_step"] * 1e3
        assert one["gflop_per_second"] == pytest.approx(achieved)
        estimated = one["steps"] * one["milliseconds_per_step"] / 1e3
        assert one["estimated_seconds"] == pytest.approx(estimated)
    assert only["estimated_seconds"] == pytest.approx(
        sum(one["estimated_seconds"] for one in only["networks"])
    )
    assert found["peak_memory_mib"] is None or found["peak_memory_mib"] > 50


def test_the_matrix_product_is_timed_by_its_median(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 0.0, 2.0, 2.0, 5.0, 5.0, 14.0, 14.0])  # durations 2, 3, 9
    monkeypatch.setitem(speed.SIDES, "cpu", 10)
    assert speed.matrix_product_rate(CPU, "fp32", 1.0, lambda: next(ticks)) == pytest.approx(2 * 10**3 / 3)


def test_it_prints_the_machine_and_a_row_for_each_network_and_writes_nothing(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    before = sorted(Path().rglob("*"))
    code, stdout, _ = bench(capsys, str(tiny), str(tiny), "--set", "vision.training.batch=8")
    assert code == 0
    lines = stdout.splitlines()
    starts = ("processor: ", "vector extensions: ", f"torch {torch.__version__}, ", "precision auto: ")
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=False))
    rows = [line.split()[0] for line in lines if line.strip()]
    assert [row for row in rows if row in ("vision", "symbols", "operators", "judge")] == 2 * [
        "vision",
        "symbols",
        "operators",
        "judge",
    ]
    assert sum("estimated" in line and "steps of all networks" in line for line in lines) == 2
    assert sorted(Path().rglob("*")) == before


def test_a_rendered_set_is_measured_on_few_images(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(
        "name: many\ndata: {kind: rooms, size: 16, images: 1000000}\nsplits: {held_out: 4000}\n"
        "vision: {network: {kind: convolutional, widths: [4]}}\njudge: {batch: 8}\n"
    )
    few = benchmark.few_images(config(path))
    assert few.data.images == benchmark.IMAGES  # type: ignore[union-attr]
    assert few.vision == config(path).vision
    assert math.isfinite(costs(path)["judge"].gflop_per_second)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rooom"], "did you mean rooms?"),
        (["--set", "vision.training.stepps=1"], "vision.training.steps"),
        (["--seconds", "0"], "--seconds 0: expected more than 0"),
        (["--seconds", "1e9"], "at most 600"),
        (["sprites"], "--set data.path=PATH"),
        (["--set", "vision.network.widths=[4,4,4,4,4,4]"], "vision: 6 halving layers"),
    ],
)
def test_a_wrong_request_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, stderr = bench(capsys, *words)
    assert code == 2
    (line,) = stderr.splitlines()
    assert message in line
