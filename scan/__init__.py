"""Words grounded in images: SCAN, its recombination operators, sym2img and img2sym, and how well they do.

>>> import scan
>>> model = scan.load("runs/rooms")  # doctest: +SKIP
>>> images = model.sym2img("wall: red AND shape: hat", n=16)  # doctest: +SKIP
>>> print(model.img2sym(images[0]))  # doctest: +SKIP
"""

from scan.concept_model import ConceptModel
from scan.description import Description, Said
from scan.grounding import SCAN, closed_form, grounding_loss
from scan.judge import Judge, augment, judge_loss
from scan.loading import RunError, load
from scan.operators import Operators, operator_loss
from scan.symbol_networks import ExpertSymbolDecoder, ExpertSymbolEncoder, MLPSymbolEncoder, SymbolDecoder

__all__ = [
    "SCAN",
    "ConceptModel",
    "Description",
    "ExpertSymbolDecoder",
    "ExpertSymbolEncoder",
    "Judge",
    "MLPSymbolEncoder",
    "Operators",
    "RunError",
    "Said",
    "SymbolDecoder",
    "augment",
    "closed_form",
    "grounding_loss",
    "judge_loss",
    "load",
    "operator_loss",
]
