"""The model file: safetensors, with the specification that rebuilds the module in its metadata.

A file has float32 weights, a format version, a JSON specification and a digest of all of it, so that a
truncated, altered or foreign file is refused by name instead of being misread. Nothing in it is executed on
loading, and it is written atomically (`vision.files`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vision.files import write_bytes

FORMAT = "scan-concepts"
VERSION = 1
DTYPES = (torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool)
"""Of the tensors in a file."""
LONGEST_SPEC = 100_000
LONGEST_REASON = 200
"""Characters of a specification, and of what an error quotes of the file."""

M = TypeVar("M", bound=nn.Module)


class WeightsError(ValueError):
    """A model file that cannot be used; the message is one line that begins with its path."""


def save(path: str | os.PathLike[str], module: nn.Module, spec: Mapping[str, Any]) -> None:
    """Write a model file.

    Args:
        path: The file, in a folder that exists; an old one is replaced.
        module: Its state is stored, floating-point weights as float32.
        spec: What `rebuild` builds the module from, JSON-able.

    Raises:
        OSError: Naming the path, where it cannot be written.
        TypeError: For a specification that is not JSON-able.
    """
    state = {name: _stored(tensor) for name, tensor in module.state_dict().items()}
    about = {"version": VERSION, "spec": dict(spec), "sha256": _digest(state, spec)}
    # One entry only: safetensors writes several in random order, and equal models should give equal files.
    metadata = {FORMAT: json.dumps(about, sort_keys=True)}
    write_bytes(path, safetensors.torch.save(state, metadata))


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state (tensors by name, on the CPU) and the specification in a file that `save` wrote.

    Raises:
        WeightsError: For a file that is missing, truncated, altered, of another format version or of another
            program, and for weights that are not finite.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise WeightsError(f"{path}: cannot be read (a folder, a pipe or a device)")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = _about(path, file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such model file") from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{path}: truncated or not a model file ({str(error)[:LONGEST_REASON]})"
        ) from error
    for name, tensor in state.items():
        if tensor.dtype not in DTYPES:
            raise WeightsError(f"{path}: holds weights of {tensor.dtype}, expected float32 ({name})")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise WeightsError(f"{path}: holds weights that are infinite or not a number ({name})")
    if _digest(state, about["spec"]) != about["sha256"]:
        raise WeightsError(f"{path}: altered after it was written (it does not match its digest)")
    return state, about["spec"]


class _Unfilled(TorchFunctionMode):
    """Leaves tensors as they are where they would be filled with random numbers."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in (Tensor.normal_, Tensor.uniform_):
            return args[0]
        return function(*args, **(kwargs or {}))


def without_memory(build: Callable[[], M]) -> M:
    """A module whose weights have shapes and no values, on torch's "meta" device.

    Args:
        build: Makes the module. Weights are not drawn: the first normal variates on that device would import
            torch's compiler, which takes seconds.
    """
    with torch.device("meta"), _Unfilled():
        return build()


def rebuild(
    path: str | os.PathLike[str], build: Callable[[Mapping[str, Any]], M]
) -> tuple[M, dict[str, Any]]:
    """The module in a file that `save` wrote, on the CPU, and its specification.

    The module is first built without memory, and the shapes are compared, so that a specification of other or
    of enormous sizes is refused before memory for it is used.

    Args:
        path: The file.
        build: Makes the module of a specification.

    Raises:
        WeightsError: As `load`, and for a specification that describes no module, or another than these
            weights.
    """
    state, spec = load(path)
    try:
        planned = without_memory(lambda: build(spec))
    except Exception as error:  # whatever a foreign specification leads to
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise WeightsError(
            f"{path}: its specification describes no model of this version ({reason})"
        ) from error
    shapes = {name: tuple(tensor.shape) for name, tensor in planned.state_dict().items()}
    for name in (*shapes, *state):
        found = tuple(state[name].shape) if name in state else "not there"
        expected = shapes.get(name, "none")
        if found != expected:
            raise WeightsError(
                f"{path}: does not fit its specification "
                f"({name[:LONGEST_REASON]} is {found}, expected {expected})"
            )
    module = build(spec)
    module.load_state_dict(state)
    return module, spec


def _stored(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.to(torch.float32)
    return tensor.clone(memory_format=torch.contiguous_format)


def _about(path: str | os.PathLike[str], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Our entry in the metadata: version, spec and sha256."""
    if FORMAT not in metadata:
        raise WeightsError(f"{path}: not a model file of {FORMAT}")
    try:
        about: Any = json.loads(metadata[FORMAT])
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: altered after it was written ({error})") from error
    if not isinstance(about, dict):
        raise WeightsError(f"{path}: altered after it was written (no specification)")
    if len(metadata[FORMAT]) > LONGEST_SPEC:
        raise WeightsError(f"{path}: has a specification of more than {LONGEST_SPEC:,} characters")
    if about.get("version") != VERSION:
        found = str(about.get("version"))[:LONGEST_REASON]
        raise WeightsError(f"{path}: format version {found}, this program reads version {VERSION}")
    if not isinstance(about.get("spec"), dict) or "sha256" not in about:
        raise WeightsError(f"{path}: altered after it was written (it lacks a specification or a digest)")
    return dict(about)


def _digest(state: Mapping[str, Tensor], spec: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(dict(spec), sort_keys=True).encode())
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
