"""Words: vocabularies, k-hot symbols, concepts as sets, their hierarchy, expressions, sampling. No torch."""

from symbols.alternatives import Alternative, EmptyError, alternatives, matches
from symbols.attributes import Attribute
from symbols.concepts import OPERATORS, Concept, ConflictError, Operator, apply
from symbols.enumeration import ShortageError
from symbols.expressions import (
    Disjunction,
    Exclusion,
    Expression,
    Operation,
    TaughtName,
    Weighted,
    attributes_of,
    evaluate,
    is_weighted,
    taught_names,
)
from symbols.hierarchy import children, concepts_at, counts, hierarchy, parents, to_node_link
from symbols.holding_out import held_out_concepts, held_out_pairs
from symbols.names import VocabularyError
from symbols.parsing import ExpressionError, parse
from symbols.sampling import novel_concepts, training_concepts
from symbols.split_sizes import SplitError, SplitSizes
from symbols.splits import Splits, shows_pair
from symbols.splitting import draw_splits, draw_test_images
from symbols.triples import Triple, operator_triples
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary

__all__ = [
    "OPERATORS",
    "Alternative",
    "Attribute",
    "Concept",
    "ConflictError",
    "Disjunction",
    "EmptyError",
    "Exclusion",
    "Expression",
    "ExpressionError",
    "Images",
    "Operation",
    "Operator",
    "ShortageError",
    "SplitError",
    "SplitSizes",
    "Splits",
    "TaughtName",
    "Triple",
    "Unseen",
    "Vocabulary",
    "VocabularyError",
    "Weighted",
    "alternatives",
    "apply",
    "attributes_of",
    "children",
    "concepts_at",
    "counts",
    "draw_splits",
    "draw_test_images",
    "evaluate",
    "held_out_concepts",
    "held_out_pairs",
    "hierarchy",
    "is_weighted",
    "matches",
    "novel_concepts",
    "operator_triples",
    "parents",
    "parse",
    "shows_pair",
    "taught_names",
    "to_node_link",
    "training_concepts",
]
