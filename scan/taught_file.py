"""RUN/taught.json: the words that were taught after training, beside the stages of a run.

    {"taught_format": 1, "vision": sha256 of RUN/vision/model.safetensors,
     "concepts": [{"name", "mean": [D numbers], "logvar": [D numbers], "images", "expression"}, ...]}

They are Gaussians over the latents of one visual model and mean nothing on another, hence the digest.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scan.run_format import MODEL, RunError
from scan.teaching import TaughtConcept
from vision.files import write_bytes
from vision.gaussian import Gaussian

NAME = "taught.json"
FORMAT = 1


def save_taught(run: str | PathLike[str], taught: Iterable[TaughtConcept]) -> Path:
    """Write the taught words of a run, whole or not at all; returns the path of the file.

    Args:
        run: The run folder.
        taught: All of them; those in the file before are replaced.

    Raises:
        OSError: Where it cannot be written.
        RunError: Where the run has no visual model.
    """
    path = Path(run) / NAME
    content = {
        "taught_format": FORMAT,
        "vision": _digest(Path(run)),
        "concepts": [
            {
                "name": one.name,
                "mean": one.q.mean[0].tolist(),
                "logvar": one.q.logvar[0].tolist(),
                "images": one.images,
                "expression": one.expression,
            }
            for one in taught
        ],
    }
    write_bytes(path, (json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n").encode())
    return path


def load_taught(run: str | PathLike[str], latents: int) -> dict[str, TaughtConcept]:
    """Return the taught words of a run by name, on the CPU; none where there is no file.

    Args:
        run: The run folder.
        latents: D of its visual model.

    Raises:
        RunError: For a damaged file, and for one that was written for another visual model.
    """
    path = Path(run) / NAME
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged, it is not JSON ({error})") from error
    if not isinstance(content, dict) or content.get("taught_format") != FORMAT:
        raise RunError(f"{path}: not a file of taught concepts of format {FORMAT}")
    if content.get("vision") != _digest(Path(run)):
        raise RunError(
            f"{path}: taught on another visual model than {Path(run) / 'vision' / MODEL}: "
            "remove this file, then teach the words again"
        )
    try:
        concepts = [_concept(entry, latents) for entry in content["concepts"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: damaged ({error})") from error
    return {one.name: one for one in concepts}


def _concept(entry: Mapping[str, Any], latents: int) -> TaughtConcept:
    name, images, expression = entry["name"], entry["images"], entry["expression"]
    if not isinstance(name, str) or not isinstance(images, int) or not isinstance(expression, str | None):
        raise TypeError("a concept has a name, a number of images and an expression or null")
    return TaughtConcept(
        name, Gaussian(_row(entry["mean"], latents), _row(entry["logvar"], latents)), images, expression
    )


def _row(numbers: Any, latents: int) -> Tensor:
    if not isinstance(numbers, list) or len(numbers) != latents:
        raise ValueError(f"a concept has {latents} means and log-variances")
    if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        raise ValueError("means and log-variances are finite numbers")
    return torch.tensor([numbers], dtype=torch.float32)


def _digest(run: Path) -> str:
    path = run / "vision" / MODEL
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error})") from error
