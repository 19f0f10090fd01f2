"""Updates: what one step does, with one optimiser and with two, and that two survive a kill as one does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipelines.errors import RunError
from pipelines.training.loop import train
from pipelines.training.updates import StepLoss, Update, alternate, descend, repeat
from vision.randomness import step_generator

CPU = torch.device("cpu")
STEPS, CRITIC_STEPS = 20, 3


class Killed(BaseException):
    """Stands for a process that ends here."""


def stop() -> None:
    """End as a killed process does, without the process."""
    raise Killed


def kill_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Game:
    """A generator against a critic that learns several times a step, each with an optimiser of its own."""

    def __init__(self, kill_at: int = -1, kill: Callable[[], None] = stop) -> None:
        torch.manual_seed(0)
        self.generator = nn.Linear(2, 2)
        self.critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        self.modules: dict[str, nn.Module] = {"generator": self.generator, "critic": self.critic}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.AdamW(self.generator.parameters(), fused=True),
            "critic": torch.optim.RMSprop(self.critic.parameters()),
        }
        self.kill_at, self.kill = kill_at, kill
        self.critic_steps: list[int] = []

    def critic_loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        self.critic_steps.append(step)
        if step == self.kill_at:
            self.kill()
        random = step_generator(1, step, CPU)
        real, z = 1 + torch.randn(8, 2, generator=random), torch.randn(8, 2, generator=random)
        value = self.critic(self.generator(z)).mean() - self.critic(real).mean()
        return value, {"critic": value}

    def generator_loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        value = -self.critic(self.generator(torch.randn(8, 2, generator=step_generator(2, step, CPU)))).mean()
        return value, {"generator": value}

    def update(self) -> Update:
        critic = descend(self.optimisers["critic"], self.critic_loss, lambda step: 1e-3 * (1 + step))
        generator = descend(self.optimisers["generator"], self.generator_loss, lambda step: 1e-2)
        return alternate(repeat(critic, CRITIC_STEPS), generator)

    def train(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        train(
            self.update(),
            self.modules,
            self.optimisers,
            steps=STEPS,
            folder=folder,
            label="vision",
            quiet=True,
            log_every=4,
            checkpoint_seconds=0,
        )

    def states(self) -> list[Tensor]:
        """All weights and all moments."""
        found = [value for module in self.modules.values() for value in module.state_dict().values()]
        for optimiser in self.optimisers.values():
            for moments in optimiser.state_dict()["state"].values():
                found += moments.values()
        return found


@pytest.mark.parametrize("kills", [(0,), (1,), (4,), (10, 33, 59)])
def test_two_optimisers_resume_bit_for_bit(tmp_path: Path, kills: tuple[int, ...]) -> None:
    whole = Game()
    whole.train(tmp_path / "whole")
    for step in kills:  # of the critic: before, between and after the steps of the generator
        with pytest.raises(Killed):
            Game(kill_at=step).train(tmp_path / "killed")
    resumed = Game()
    resumed.train(tmp_path / "killed")
    assert len(resumed.critic_steps) < STEPS * CRITIC_STEPS or kills[0] < CRITIC_STEPS
    pairs = list(zip(resumed.states(), whole.states(), strict=True))
    assert len(pairs) > 12
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_two_optimisers_resume_bit_for_bit_after_a_kill(tmp_path: Path) -> None:
    whole = Game()
    whole.train(tmp_path / "whole")
    folder = tmp_path / "killed"
    script = (
        "import sys, pathlib, test_pipelines_training_updates as updates\n"
        "game = updates.Game(kill_at=31, kill=updates.kill_process)\n"
        "game.train(pathlib.Path(sys.argv[1]))"
    )
    paths = os.pathsep.join((str(Path(__file__).parent), str(Path(__file__).parent.parent)))
    command = [sys.executable, "-c", script, str(folder)]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert ended.returncode == -signal.SIGKILL
    resumed = Game()
    resumed.train(folder)
    assert resumed.critic_steps[0] == 30, "the step that was cut is done again, and no earlier one"
    pairs = zip(resumed.states(), whole.states(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert _terms(folder) == _terms(tmp_path / "whole")


def _terms(folder: Path) -> list[dict[str, float]]:
    """The lines of a log, but for their times."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def test_an_alternating_update_is_its_parts_in_turn() -> None:
    game, by_hand = Game(), Game()
    update = game.update()
    for step in range(5):
        terms = update(step)
        for inner in range(CRITIC_STEPS):
            number = CRITIC_STEPS * step + inner
            critic = _step(by_hand, "critic", by_hand.critic_loss, number, 1e-3 * (1 + number))
        generator = _step(by_hand, "generator", by_hand.generator_loss, step, 1e-2)
        assert terms.keys() == {"critic", "generator"}
        assert torch.equal(terms["critic"], critic)
        assert torch.equal(terms["generator"], generator)
    assert game.critic_steps == list(range(5 * CRITIC_STEPS))
    assert all(torch.equal(one, other) for one, other in zip(game.states(), by_hand.states(), strict=True))


def _step(game: Game, name: str, loss: StepLoss, step: int, rate: float) -> Tensor:
    """One step of one network, whose gradient is taken of its own weights only."""
    weights = list(game.modules[name].parameters())
    value, _ = loss(step)
    for weight, gradient in zip(weights, torch.autograd.grad(value, weights), strict=True):
        weight.grad = gradient
    game.optimisers[name].param_groups[0]["lr"] = rate
    game.optimisers[name].step()
    return value


def test_terms_of_one_name_would_hide_each_other_and_are_refused() -> None:
    def update(step: int) -> dict[str, Tensor]:
        return {"loss": torch.zeros(())}

    with pytest.raises(ValueError, match="two updates have a term 'loss'"):
        alternate(update, update)(0)
    with pytest.raises(ValueError, match="at least once, got 0"):
        repeat(update, 0)


def drop(content: dict, part: str) -> dict:
    del content[part]["critic"]
    return content


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda content: drop(content, "modules"), "truncated or altered"),
        (lambda content: drop(content, "optimisers"), "truncated or altered"),
        (lambda content: {"step": 3, "module": {}, "optimiser": {}}, "layout 1, this program reads 2"),
        (lambda content: {**content, "layout": 3}, "layout 3, this program reads 2"),
    ],
)
def test_a_state_of_other_networks_or_another_layout_is_refused(
    tmp_path: Path, spoil: Callable[[dict], dict], why: str
) -> None:
    Game().train(tmp_path)
    state = tmp_path / "state"
    torch.save(spoil(torch.load(state, weights_only=True)), state)
    with pytest.raises(RunError, match=rf"state is not a state of this stage \({why}\); redo with --fresh"):
        Game().train(tmp_path)


def test_weights_that_no_checkpoint_would_hold_are_refused(tmp_path: Path) -> None:
    game = Game()
    del game.modules["critic"]
    with pytest.raises(AssertionError, match="critic changes weights of no listed module"):
        game.train(tmp_path)
