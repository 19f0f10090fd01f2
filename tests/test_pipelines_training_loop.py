"""The loop: whatever happens to a training, it ends with the weights of one to which nothing happened."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipelines.config import VisionTraining
from pipelines.errors import InterruptedRun, RunError
from pipelines.training.loop import TrainResult, train
from pipelines.training.schedules import learning_rate
from pipelines.training.updates import descend
from vision.data import batches
from vision.randomness import derive_seed, step_generator

CPU = torch.device("cpu")
STEPS = 60


class Killed(BaseException):
    """Stands for a process that ends here."""


def fit(
    folder: Path, *, at: int = -1, event: Callable[[], object] = lambda: None, every: float = 0.0
) -> nn.Module:
    """Train a small regression in `folder`; `event` happens in step `at`."""
    torch.manual_seed(0)
    x = torch.randn(50, 3)
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        if step == at:
            event()
        rows = batches.plain(1, step, len(x), 16, CPU)
        target = x[rows].sum(1, keepdim=True) + 0.1 * torch.randn(
            16, 1, generator=step_generator(2, step, CPU)
        )
        value = (module(x[rows]) - target).square().mean()
        return value, {"loss": value, "twice": 2 * value}

    run(module, loss, folder, every=every)
    return module


def run(
    module: nn.Module, loss: object, folder: Path, *, steps: int = STEPS, every: float = 0.0
) -> TrainResult:
    folder.mkdir(exist_ok=True)
    settings = VisionTraining(steps=steps, lr=1e-2, decay="cosine", warmup=5)
    optimiser = torch.optim.Adam(module.parameters(), fused=True)
    return train(
        descend(optimiser, loss, learning_rate(settings)),  # type: ignore[arg-type]
        {"model": module},
        {"model": optimiser},
        steps=steps,
        folder=folder,
        label="vision",
        quiet=True,
        log_every=7,
        checkpoint_seconds=every,
    )


def lines(folder: Path) -> list[dict[str, float]]:
    """The log without the times, which differ."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def kill() -> None:
    raise Killed


class Whole(NamedTuple):
    """A training to which nothing happened."""

    module: nn.Module
    lines: list[dict[str, float]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    return Whole(fit(folder), lines(folder))


@pytest.mark.parametrize("every", [0.0, 1e9])
@pytest.mark.parametrize("steps", [(0,), (1,), (7, 8), (13, 30, 31, 59)])
def test_a_killed_training_resumes_bit_for_bit(
    tmp_path: Path, steps: tuple[int, ...], every: float, whole: Whole
) -> None:
    for step in steps:
        with pytest.raises(Killed):
            fit(tmp_path / "killed", at=step, event=kill, every=every)
    assert same(fit(tmp_path / "killed"), whole.module)
    assert lines(tmp_path / "killed") == whole.lines
    assert [line["step"] for line in whole.lines] == [7, 14, 21, 28, 35, 42, 49, 56, 60]


@pytest.mark.usefixtures("hangup_not_ignored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_after_a_checkpoint(tmp_path: Path, number: signal.Signals, whole: Whole) -> None:
    before = signal.getsignal(number)
    with pytest.raises(InterruptedRun, match="stopped at step 21 of 60"):
        fit(tmp_path / "a", at=20, event=lambda: os.kill(os.getpid(), number), every=1e9)
    assert signal.getsignal(number) is before
    assert torch.load(tmp_path / "a" / "state", weights_only=True)["step"] == 21
    assert same(fit(tmp_path / "a"), whole.module)


def test_a_second_interrupt_does_not_wait_for_the_step(tmp_path: Path) -> None:
    def twice() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second interrupt did not interrupt")

    # A shell starts background jobs with SIGINT ignored; the tests may be one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path, at=20, event=twice)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_finished_training_does_no_step(tmp_path: Path) -> None:
    first = fit(tmp_path)
    assert same(fit(tmp_path, at=STEPS - 1, event=kill), first)


def test_logged_terms_are_means_of_their_interval(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        return module.weight.square().sum(), {"step": torch.tensor(float(step)), "one": torch.tensor(1)}

    trained = run(module, loss, tmp_path, steps=10)
    assert trained.last == {"step": 8.0, "one": 1.0}
    found = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["one"] for line in found] == [1.0, 1.0]


@pytest.mark.parametrize("broken", ["loss", "weight"])
def test_a_number_that_is_not_finite_stops_with_the_last_good_state(tmp_path: Path, broken: str) -> None:
    module = nn.Linear(1, 1)

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        value = module(torch.ones(1, 1)).square().sum()
        shown = value.detach() * (float("nan") if broken == "loss" and step >= 18 else 1.0)
        if step == 18:
            value = value * float("nan")
        return value, {"loss": shown}

    with pytest.raises(
        RunError, match=r"vision: .* at step (19|21); the state of step 18 is kept.*vision.training.lr"
    ):
        run(module, loss, tmp_path, every=0.0)
    kept = torch.load(tmp_path / "state", weights_only=True)
    assert kept["step"] == 18
    assert all(value.isfinite().all() for value in kept["modules"]["model"].values())


@pytest.mark.parametrize("damage", ["truncated", "altered", "foreign"])
def test_a_damaged_state_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    fit(tmp_path)
    state = tmp_path / "state"
    content = bytearray(state.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "foreign":
        torch.save({"something": 1}, state)
        content = bytearray(state.read_bytes())
    else:
        weights = torch.load(state, weights_only=True)["modules"]["model"]["0.weight"].numpy().tobytes()
        content[content.index(weights)] ^= 1
    state.write_bytes(content)
    with pytest.raises(RunError, match=r"state is not a state of this stage"):
        fit(tmp_path)


def spoil(content: dict[str, Any], what: str) -> Any:
    """A state as another program, other widths or another configuration would have written it."""
    optimiser, module = content["optimisers"]["model"], content["modules"]["model"]
    moments, group = optimiser["state"], optimiser["param_groups"][0]
    match what:
        case "wider moments":
            moments[0]["exp_avg"] = torch.zeros(500, 500)
        case "no moments":
            moments[0] = {"step": torch.tensor(1.0)}
        case "moments of nothing":
            moments[99] = moments[0]
        case "other group":
            group["betas"] = ("a", "b")
        case "other kernel":
            group["fused"] = None
        case "fewer groups":
            optimiser["param_groups"] = []
        case "other weights":
            module["0.weight"] = torch.zeros(9, 3)
        case "weights that are none":
            module["0.weight"] = "weights"
        case "negative step":
            content["step"] = -1
        case "step in words":
            content["step"] = "ten"
        case "sums of other shapes":
            content["sums"] = {"loss": torch.zeros(3)}
        case "no number of seconds":
            content["seconds"] = None
        case "a list":
            return [1, 2]
    return content


@pytest.mark.parametrize(
    "what",
    [
        "wider moments",
        "no moments",
        "moments of nothing",
        "other group",
        "other kernel",
        "fewer groups",
        "other weights",
        "weights that are none",
        "negative step",
        "step in words",
        "sums of other shapes",
        "no number of seconds",
        "a list",
    ],
)
def test_a_state_of_another_training_is_refused_by_name(tmp_path: Path, what: str) -> None:
    with pytest.raises(Killed):
        fit(tmp_path, at=30, event=kill)
    state = tmp_path / "state"
    torch.save(spoil(torch.load(state, weights_only=True), what), state)
    with pytest.raises(RunError, match=r"state is not a state of this stage .*--fresh"):
        fit(tmp_path)


@pytest.mark.parametrize(
    "line", ["{", "[1]", "{}", '{"step": 1, "loss": "x"}', '{"step": 1, "loss": null}', "\xff"]
)
def test_a_damaged_log_is_refused_by_name(tmp_path: Path, line: str) -> None:
    fit(tmp_path)
    log = tmp_path / "log.jsonl"
    spoilt = log.read_bytes().splitlines(keepends=True)
    spoilt[-1] = line.encode("latin-1").ljust(len(spoilt[-1]) - 1) + b"\n"
    log.write_bytes(b"".join(spoilt))
    with pytest.raises(RunError, match=r"log.jsonl is damaged"):
        fit(tmp_path)


def test_a_log_that_lost_lines_is_refused(tmp_path: Path) -> None:
    fit(tmp_path)
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(RunError, match=r"log.jsonl is shorter"):
        fit(tmp_path)


def test_randomness_is_a_function_of_seed_step_and_purpose() -> None:
    def draw(seed: int, step: int) -> Tensor:
        return torch.rand(4, generator=step_generator(seed, step, CPU))

    assert torch.equal(draw(1, 5), draw(1, 5))
    assert len({tuple(draw(seed, step).tolist()) for seed in range(5) for step in range(50)}) == 250
    seeds = {
        derive_seed(seed, purpose) for seed in range(100) for purpose in ("vision noise", "vision batches")
    }
    assert len(seeds) == 200
    # Neighbouring steps are uncorrelated: their seeds are mixed, not counted.
    samples = np.stack([draw(1, step).numpy() for step in range(2000)])
    assert abs(np.corrcoef(samples[:-1, 0], samples[1:, 0])[0, 1]) < 0.08


@pytest.mark.parametrize(
    ("decay", "middle", "end"), [("constant", 2.0, 2.0), ("linear", 1.0, 0.0), ("cosine", 1.0, 0.0)]
)
def test_learning_rates(decay: str, middle: float, end: float) -> None:
    at = learning_rate(VisionTraining(steps=110, lr=2.0, decay=decay, warmup=10))  # type: ignore[arg-type]
    assert at(0) == pytest.approx(2.0 / 11)
    assert at(10) == pytest.approx(2.0)
    assert at(60) == pytest.approx(middle)
    assert at(110) == pytest.approx(end)
    assert all(at(step) < at(step + 1) for step in range(9))


def test_no_log_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("text")
    (tmp_path / "vision").mkdir()
    (tmp_path / "vision" / "log.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(RunError, match="is a link"):
        fit(tmp_path / "vision")
    assert (tmp_path / "precious").read_text() == "text"
