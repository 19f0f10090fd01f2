"""The single door to torchvision: nothing else in the project imports it.

The ordinary torchvision wheel is a CUDA build. Beside a CPU-only torch its compiled part does not load, and
its import fails with "operator torchvision::nms does not exist", since it describes operators which that
part would have defined (pytorch/vision issues 9077, 9085, 9086). Nothing of what we use needs them. So on
exactly that error `load` forgets the half-imported modules, defines the two missing operators by their
signatures, notes it in the log (level info), and imports again. With matching wheels the first import
succeeds and none of this happens.

After such a repair `utils`, `transforms`, `datasets` and `models` work; `ops.nms`, `ops.deform_conv2d` and
all of `io` do not: image files are read and written with Pillow.

torchvision takes seconds to import. It is imported by the first call of a function below, never by
importing `vision`.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from types import ModuleType

import torch
from torch import Tensor

MISSING = "operator torchvision::nms does not exist"

_SCHEMAS = ("nms", "qnms")
_definitions: list[torch.library.Library] = []
"""Kept for the life of the process: the operators vanish with the object that defined them."""


@functools.cache
def load() -> ModuleType:
    """The torchvision package, repaired where its compiled part does not fit this torch; imported once.

    Raises ImportError, naming the way out, where it is not installed, and whatever else its import raises.
    """
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise ImportError(
            "torchvision is not installed: pip install -c constraints.txt torchvision"
        ) from error
    except RuntimeError as error:
        if MISSING not in str(error):
            raise
    _forget()
    _define_missing()
    logging.getLogger(__name__).info(
        "torchvision's compiled part does not fit torch %s; going on without its operators", torch.__version__
    )
    return importlib.import_module("torchvision")


def make_grid(images: Tensor, *, columns: int = 8, padding: int = 2, background: float = 0.0) -> Tensor:
    """Images (N, C, H, W) in rows of `columns`, as one image (3, height, width) of the same type.

    `padding` is the width in pixels of the `background` between and around them; grey images become RGB.
    """
    grid: Tensor = load().utils.make_grid(images, nrow=columns, padding=padding, pad_value=background)
    return grid


def _forget() -> None:
    """Drop the half-imported package, so that the next import starts afresh."""
    for name in list(sys.modules):
        if name.partition(".")[0] == "torchvision":
            del sys.modules[name]


def _define_missing() -> None:
    """Define signatures, without implementations, for the operators that torchvision describes on import."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _SCHEMAS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _definitions.append(library)
