"""`scan doctor`: what the machine has, and no word on what was not looked at."""

import json
import platform

import pytest
import torch

from pipelines import cli, devices


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    capsys.readouterr()
    assert cli.main(["doctor", "--json"]) == 0
    return {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_doctor_reports_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    found = findings(capsys)
    assert {"torch", "cores", "torch threads", "GPU", "free disk here"} <= found.keys()
    assert {"symbols", "vision", "scan", "pipelines"} <= found.keys()
    for name in ("symbols", "vision", "scan", "pipelines"):
        assert found[name]["value"].startswith(("owned by scan-concepts", "used from ")), found[name]
    assert found["processor"]["value"].endswith(f" ({platform.machine()})")


@pytest.mark.parametrize(
    ("architecture", "capabilities", "limit", "extensions", "precision"),
    [
        (
            "x86_64",
            {"avx2": True},
            "",
            "avx2; not avx512, avx512_bf16, amx_bf16",
            "fp32 (no bf16 arithmetic on this CPU)",
        ),
        (
            "x86_64",
            {"avx2": True, "avx512_f": True, "avx512_bf16": True, "amx_bf16": True},
            "",
            "avx2, avx512, avx512_bf16, amx_bf16",
            "bf16 (bf16 arithmetic on this CPU)",
        ),
        (
            "x86_64",
            {"avx2": True, "avx512_f": True, "avx512_bf16": True, "amx_bf16": True},
            "AVX2",
            "avx2, avx512, avx512_bf16, amx_bf16",
            "fp32 (no bf16 arithmetic on this CPU with ONEDNN_MAX_CPU_ISA=AVX2)",
        ),
        ("aarch64", {"bf16": True}, "", "arm_bf16", "bf16 (bf16 arithmetic on this CPU)"),
        ("arm64", {}, "", "none; not arm_bf16", "fp32 (no bf16 arithmetic on this CPU)"),
    ],
)
def test_doctor_says_what_auto_means_here(
    architecture: str,
    capabilities: dict[str, bool],
    limit: str,
    extensions: str,
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    found = findings(capsys)
    assert found["vector extensions"]["value"] == extensions
    assert found["precision auto"]["value"] == precision
    assert not found["precision auto"]["verdict"]


def test_the_last_line_claims_no_more_than_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices, "usable_cores", lambda: torch.get_num_threads())
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    marked = sum(line.startswith("!!") for line in lines)
    assert lines[-1] == (f"{marked} to look at" if marked else "no fault found in what is listed here")
