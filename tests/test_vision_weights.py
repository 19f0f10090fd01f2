import errno
import json
import os
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from torch import nn

from vision import weights
from vision.models import build, resolve
from vision.weights import WeightsError, load, rebuild, restore, save, write_atomically

SPEC = resolve({"kind": "convolutional", "shape": [3, 16, 16], "latents": 3, "widths": [4, 8], "hidden": 8})


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build(SPEC)


@pytest.fixture
def path(tmp_path, model):
    path = tmp_path / "model.safetensors"
    save(path, model, SPEC)
    return path


def test_a_model_comes_back_bit_for_bit(path, model):
    state, spec = load(path)
    assert spec == SPEC
    again = build(spec)
    again.load_state_dict(state)
    x, z = torch.rand(2, 3, 16, 16), torch.randn(2, 3)
    assert torch.equal(again.encode(x).mean, model.encode(x).mean)
    assert torch.equal(again.encode(x).logvar, model.encode(x).logvar)
    assert torch.equal(again.decode(z), model.decode(z))
    other = build(SPEC)
    assert not torch.equal(other.decode(z), model.decode(z))
    assert restore(path, other) == SPEC
    assert torch.equal(other.decode(z), model.decode(z))


def test_equal_models_give_equal_files(path, tmp_path, model):
    save(tmp_path / "again", model, dict(reversed(SPEC.items())))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_weights_are_stored_in_float32_and_counters_as_they_are(tmp_path):
    norm = nn.BatchNorm1d(3).to(torch.bfloat16)
    save(tmp_path / "norm", norm, {})
    state, _ = load(tmp_path / "norm")
    assert {name: tensor.dtype for name, tensor in state.items()} == {
        **dict.fromkeys(("weight", "bias", "running_mean", "running_var"), torch.float32),
        "num_batches_tracked": torch.int64,
    }


@pytest.mark.parametrize("kept", [0, 4, 100, 1000, -1])
def test_a_truncated_file_is_refused_by_name(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"model.safetensors: truncated or not a model file") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_anywhere_is_refused_by_name(path):
    data = path.read_bytes()
    for place in [*range(0, 1200, 3), *range(1200, len(data), 997)]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(WeightsError, match=r"model.safetensors: ") as caught:
            load(path)
        assert "\n" not in str(caught.value)


def test_altered_weights_are_told_from_truncated_ones(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"model.safetensors: altered after it was written"):
        load(path)


def test_files_of_others_and_of_other_versions_are_refused(tmp_path):
    foreign, newer = tmp_path / "foreign", tmp_path / "newer"
    state = {"weight": torch.zeros(2)}
    safetensors.torch.save_file(state, foreign)
    with pytest.raises(WeightsError, match=r"foreign: not a model file of scan-concepts"):
        load(foreign)
    metadata = {"scan-concepts": json.dumps({"version": 2, "spec": {}})}
    safetensors.torch.save_file(state, newer, metadata)
    with pytest.raises(WeightsError, match=r"newer: format version 2, this program reads version 1"):
        load(newer)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(path, model, value):
    with torch.no_grad():
        model.encoder.code.bias[1] = value
    save(path, model, SPEC)
    with pytest.raises(
        WeightsError, match=r"model.safetensors: holds weights that are infinite or not .*encoder.code.bias"
    ):
        load(path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_another_precision_are_refused_by_name(path, dtype):
    state, spec = load(path)
    about = json.dumps({"version": 1, "spec": spec, "sha256": ""})
    state = {name: tensor.to(dtype) for name, tensor in state.items()}
    safetensors.torch.save_file(state, path, {"scan-concepts": about})
    with pytest.raises(WeightsError, match=r"model.safetensors: holds weights of .*float(16|64), expected"):
        load(path)


@pytest.mark.parametrize("about", ["[]", "7", "null", "[" * 100_000, '{"version": 1, "spec": 3}'])
def test_an_entry_that_is_none_of_ours_is_refused_by_name(path, about):
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path, {"scan-concepts": about})
    with pytest.raises(WeightsError, match=r"model.safetensors: altered after it was written") as caught:
        load(path)
    assert len(str(caught.value)) < 300 + len(str(path))


@pytest.mark.parametrize(
    "change",
    [
        {"latents": 4},
        {"hidden": 10**9},
        {"widths": [4, 10**12]},
        {"widths": 8},
        {"widths": ["a", "b"]},
        {"shape": [3, 16]},
        {"shape": [3, 0, 0]},
        {"latents": -1},
        {"activation": None},
        {"colour": []},
        {"kind": ["convolutional"]},
        {"kind": "layered"},
        {"latents": {"a": 1}},
    ],
)
def test_a_specification_that_does_not_fit_is_refused_before_it_is_built(path, model, change):
    """Some of these would take the machine's memory if they were built first."""
    save(path, model, {**SPEC, **change})
    with pytest.raises(
        WeightsError, match=r"model.safetensors: (its specification describes no|does not fit)"
    ) as caught:
        rebuild(path, build)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


def test_paths_without_a_model_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere: no such model file"):
        load(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(WeightsError, match=r"folder: cannot be read"):
        load(tmp_path / "folder")


def test_weights_of_another_module_are_refused_in_one_line(path):
    with pytest.raises(WeightsError, match=r"model.safetensors: the weights do not fit Linear") as caught:
        restore(path, nn.Linear(2, 2))
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path, model, monkeypatch):
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(weights.os, "fsync", full)
    nn.init.zeros_(model.encoder.code.weight)
    with pytest.raises(OSError, match=r"No space left on device: '.*model.safetensors'"):
        save(path, model, SPEC)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_file_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    replace, seen = os.replace, []

    def watch(source, target):
        seen.append((path.read_bytes(), source.read_bytes()))
        replace(source, target)

    monkeypatch.setattr(weights.os, "replace", watch)
    write_atomically(path, b"new")
    assert seen == [(b"old", b"new")]
    assert path.read_bytes() == b"new"


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(OSError, match=r"No such file or directory: '.*missing/file'"):
        write_atomically(tmp_path / "missing" / "file", b"")


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(weights.WeightsError, match=r"model\.safetensors: cannot be read"):
        weights.load(tmp_path / "model.safetensors")


def test_a_module_is_planned_without_memory() -> None:
    spec = {"kind": "layered", "shape": [3, 32, 32], "components": 3, "mask_latents": 4, "masks": "additive"}
    planned, built = weights.without_memory(lambda: build(spec)), build(spec)
    assert all(parameter.is_meta for parameter in planned.parameters())
    assert not any(parameter.is_meta for parameter in built.parameters())
    shapes = [{name: tensor.shape for name, tensor in m.state_dict().items()} for m in (planned, built)]
    assert shapes[0] == shapes[1]


def test_planning_imports_nothing_of_torchs_compiler() -> None:
    code = """
import sys
from vision import models, weights
spec = {"kind": "layered", "shape": [3, 32, 32], "components": 3, "mask_latents": 4, "masks": "additive"}
weights.without_memory(lambda: models.build(spec))
print([name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
