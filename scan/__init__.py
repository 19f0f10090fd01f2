"""Words grounded in images: SCAN, its recombination operators, sym2img and img2sym, and how well they do.

>>> import scan
>>> model = scan.load("runs/rooms")  # doctest: +SKIP
>>> images = model.sym2img("wall: red AND shape: hat", n=16)  # doctest: +SKIP
>>> print(model.img2sym(images[0]))  # doctest: +SKIP

Names are imported when they are first used, so that the format of a run folder can be read without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scan.completion import Completed
    from scan.concept_model import ConceptModel
    from scan.description import Description, Prediction
    from scan.editing import Edit
    from scan.fitting import fit, fit_operators
    from scan.grounded_scan import GroundedSCAN
    from scan.grounding import SCAN, grounding_loss, optimal_posterior
    from scan.joint_model import JointModel, SymbolModel
    from scan.judge import Judge, augment, judge_loss
    from scan.loading import load
    from scan.meaning import Meaning
    from scan.mixture import Mixture
    from scan.operators import Operators, operator_loss
    from scan.run_format import RunError
    from scan.symbol_networks import (
        ExpertSymbolDecoder,
        ExpertSymbolEncoder,
        MLPSymbolEncoder,
        SymbolDecoder,
    )
    from scan.taught_file import save_taught
    from scan.teaching import TaughtConcept

_MODULES = {
    "SCAN": "grounding",
    "Completed": "completion",
    "ConceptModel": "concept_model",
    "Description": "description",
    "Edit": "editing",
    "ExpertSymbolDecoder": "symbol_networks",
    "ExpertSymbolEncoder": "symbol_networks",
    "GroundedSCAN": "grounded_scan",
    "JointModel": "joint_model",
    "Judge": "judge",
    "MLPSymbolEncoder": "symbol_networks",
    "Meaning": "meaning",
    "Mixture": "mixture",
    "Operators": "operators",
    "RunError": "run_format",
    "Prediction": "description",
    "SymbolDecoder": "symbol_networks",
    "SymbolModel": "joint_model",
    "TaughtConcept": "teaching",
    "augment": "judge",
    "optimal_posterior": "grounding",
    "fit": "fitting",
    "fit_operators": "fitting",
    "grounding_loss": "grounding",
    "judge_loss": "judge",
    "load": "loading",
    "operator_loss": "operators",
    "save_taught": "taught_file",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"scan.{_MODULES[name]}"), name)


__all__ = [
    "SCAN",
    "Completed",
    "ConceptModel",
    "Description",
    "Edit",
    "ExpertSymbolDecoder",
    "ExpertSymbolEncoder",
    "GroundedSCAN",
    "JointModel",
    "Judge",
    "MLPSymbolEncoder",
    "Meaning",
    "Mixture",
    "Operators",
    "Prediction",
    "RunError",
    "SymbolDecoder",
    "SymbolModel",
    "TaughtConcept",
    "augment",
    "fit",
    "fit_operators",
    "grounding_loss",
    "judge_loss",
    "load",
    "operator_loss",
    "optimal_posterior",
    "save_taught",
]
