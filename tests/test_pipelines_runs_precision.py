"""Precision: chosen by the machine when a run starts, written down, and kept wherever the run goes on."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from tiny_set import write_npz

from pipelines import cli, devices
from pipelines.config import Config, config_files
from pipelines.devices import ISA_LIMITS, Machine, autocast, bf16_limit, computes_bf16, cpu_features
from pipelines.errors import RunError
from pipelines.runs import plan, precision

CPU = torch.device("cpu")
PLAIN, FAST = Machine(CPU, bf16=False), Machine(CPU, bf16=True)

TINY = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 5, test_images: 10, train_symbols: 20, test_symbols: 5, test_operators: 5}
vision:
  network: {kind: convolutional, latents: 2, hidden: 4, widths: [4]}
  training: {steps: 2, batch: 4}
judge: {steps: 2, batch: 4, warmup: 1}
"""


class Shell:
    """Runs a config in this process on a machine with or without bf16 arithmetic."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.run_dir, self.capsys, self.patch = folder / "run", capsys, patch
        self.config = folder / "tiny.yaml"
        self.config.write_text(TINY.replace("SET", str(write_npz(folder / "set.npz"))))

    def __call__(self, *words: str, bf16: bool) -> list[str]:
        """The lines on stderr."""
        self.patch.setattr(devices, "computes_bf16", lambda device: bf16)
        self.capsys.readouterr()
        assert (
            cli.main(["run", str(self.config), *words, "--run-dir", str(self.run_dir), "--device", "cpu"])
            == 0
        )
        return self.capsys.readouterr().err.splitlines()

    def written(self, section: str) -> str:
        found = yaml.safe_load((self.run_dir / "config.yaml").read_text())
        for name in section.split("."):
            found = found[name]
        return found["precision"]

    def measured(self, stage: str) -> str:
        return json.loads((self.run_dir / stage / "metrics.json").read_text())["precision"]


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit of oneDNN from outside."""
    for name in ISA_LIMITS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Shell(tmp_path, capsys, monkeypatch)


def config(**sections: dict[str, object]) -> Config:
    return Config.model_validate({"name": "a", "data": {"kind": "rooms"}, **sections})


@pytest.mark.parametrize(
    ("found", "mkldnn", "expected"),
    [
        ({"avx2": True, "avx512_f": True}, True, False),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": True}, True, True),
        ({"amx_bf16": True}, True, True),
        ({"architecture": "aarch64", "neon": True}, True, False),
        ({"architecture": "aarch64", "bf16": True}, True, True),
        ({"avx512_bf16": True}, False, False),
        ({}, True, False),
    ],
)
def test_a_cpu_computes_in_bf16_where_it_has_the_instructions(
    found: dict[str, object], mkldnn: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: mkldnn)
    assert computes_bf16(CPU) is expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ""),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, "ONEDNN_MAX_CPU_ISA=AVX2"),
        ({"ONEDNN_MAX_CPU_ISA": "avx512_core_vnni"}, "ONEDNN_MAX_CPU_ISA=avx512_core_vnni"),
        ({"ONEDNN_MAX_CPU_ISA": "", "DNNL_MAX_CPU_ISA": "SSE41"}, "DNNL_MAX_CPU_ISA=SSE41"),
        ({"ONEDNN_MAX_CPU_ISA": "ALL", "DNNL_MAX_CPU_ISA": "AVX2"}, ""),
        ({"DNNL_MAX_CPU_ISA": "AVX512_CORE_BF16"}, ""),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX"}, ""),
        ({"ONEDNN_MAX_CPU_ISA": "AVX10_2_512"}, ""),
        ({"ONEDNN_MAX_CPU_ISA": "default"}, ""),
        ({"ATEN_CPU_CAPABILITY": "avx2"}, ""),
    ],
)
def test_onednn_held_to_instructions_without_bf16_has_no_bf16(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert bf16_limit() == expected
    assert computes_bf16(CPU) is (expected == "")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert computes_bf16(torch.device("cuda"))


@pytest.mark.parametrize("has", [True, False, None])
def test_an_older_torch_is_asked_in_its_own_way(has: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for name in ("avx2", "avx512", "avx512_bf16"):
        monkeypatch.delattr(torch.cpu, f"_is_{name}_supported", raising=False)
        if has is not None:
            monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda: has, raising=False)
    assert cpu_features()["avx512_bf16"] is bool(has)
    assert computes_bf16(CPU) is (bool(has) and torch.backends.mkldnn.is_available())


def test_emulation_on_a_gpu_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert not computes_bf16(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)  # without the argument
    assert computes_bf16(torch.device("cuda"))


@pytest.mark.parametrize("name", config_files.shipped_names())
def test_no_shipped_config_asks_for_a_precision(name: str) -> None:
    asked = config_files.load(config_files.find(name))
    for machine, expected in ((PLAIN, "fp32"), (FAST, "bf16")):
        settled = precision.settle(asked, machine)
        parts = [part for part in (settled.dae, settled.vision.training, settled.judge) if part is not None]
        assert {part.precision for part in parts} == {expected}


def test_only_auto_is_resolved() -> None:
    settled = precision.settle(config(vision={"training": {"precision": "bf16"}}), PLAIN)
    assert (settled.vision.training.precision, settled.judge.precision) == ("bf16", "fp32")
    assert settled == precision.settle(settled, FAST)


def test_an_unresolved_precision_is_no_precision() -> None:
    with pytest.raises(AssertionError):
        autocast(CPU, "auto")
    with autocast(CPU, "bf16"):
        assert torch.is_autocast_enabled("cpu")
    with autocast(CPU, "fp32"):
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("text", "readable"), [("vision: [", False), ("\x00", False), ("- 1", True), ("", True)]
)
def test_a_damaged_config_of_a_run_is_named(text: str, readable: bool, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    if readable:
        assert precision.settle(config(), PLAIN, tmp_path).vision.training.precision == "fp32"
    else:
        with pytest.raises(RunError, match=r"config\.yaml is damaged"):
            precision.settle(config(), PLAIN, tmp_path)


def test_a_run_keeps_its_precision_on_another_machine(shell: Shell) -> None:
    lines = shell("vision", bf16=True)
    written = shell.written("vision.training"), shell.written("judge")
    assert (*written, shell.measured("vision")) == ("bf16",) * 3
    assert not [line for line in lines if line.startswith("precision")]
    lines = shell("vision", "judge", bf16=False)
    assert lines[0] == "vision: up to date"
    assert [line for line in lines if line.startswith("precision")] == [
        "precision: this run computes vision, judge in bf16 (its config.yaml), for which this CPU has no "
        "arithmetic: about ten times slower than fp32 "
        "(--fresh --set vision.training.precision=fp32 starts over)"
    ]
    assert shell.measured("judge") == "bf16"
    assert shell("vision", "judge", bf16=False) == ["vision: up to date", "judge: up to date"]


def test_the_resolved_precision_is_the_same_input_as_auto(shell: Shell) -> None:
    shell("vision", "judge", bf16=False)
    assert (shell.measured("vision"), shell.measured("judge")) == ("fp32", "fp32")
    up_to_date = ["vision: up to date", "judge: up to date"]
    assert shell("vision", "judge", "--set", "vision.training.precision=fp32", bf16=True) == up_to_date
    assert shell("vision", "judge", bf16=True) == up_to_date
    lines = shell("vision", "--set", "vision.training.precision=bf16", bf16=True)
    assert lines[0] == "vision: made again, since vision.training.precision fp32 -> bf16"


def test_starting_over_chooses_anew(shell: Shell) -> None:
    shell("vision", bf16=True)
    shell("judge", "--fresh", bf16=False)  # a stage of the same run
    assert shell.written("judge") == "bf16"
    shell.patch.setattr(plan, "STAGES", {"vision": plan.STAGES["vision"]})
    shell("--fresh", bf16=False)
    assert shell.measured("vision") == "fp32"


def test_forced_bf16_warns_once_and_goes_on(shell: Shell) -> None:
    forced = ("--set", "vision.training.precision=bf16", "--set", "judge.precision=bf16")
    lines = shell("vision", "judge", *forced, bf16=False)
    assert sum(line.startswith("precision: ") for line in lines) == 1
    assert shell.measured("judge") == "bf16"
