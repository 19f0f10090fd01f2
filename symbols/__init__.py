"""Words: vocabularies, k-hot symbols, concepts as sets, their hierarchy, expressions, sampling. No torch."""

from symbols.attributes import Attribute
from symbols.concepts import OPERATORS, Concept, ConflictError, Operator, apply
from symbols.enumeration import ShortageError
from symbols.expressions import Expression, ExpressionError, Operation, evaluate, parse
from symbols.hierarchy import children, concepts_at, counts, hierarchy, parents, to_node_link
from symbols.holding_out import held_out_concepts, held_out_pairs
from symbols.names import VocabularyError
from symbols.sampling import novel_concepts, training_concepts
from symbols.split_sizes import SplitError, SplitSizes
from symbols.splits import Splits, shows_pair
from symbols.splitting import draw_splits
from symbols.triples import Triple, operator_triples
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary

__all__ = [
    "OPERATORS",
    "Attribute",
    "Concept",
    "ConflictError",
    "Expression",
    "ExpressionError",
    "Images",
    "Operation",
    "Operator",
    "ShortageError",
    "SplitError",
    "SplitSizes",
    "Splits",
    "Triple",
    "Unseen",
    "Vocabulary",
    "VocabularyError",
    "apply",
    "children",
    "concepts_at",
    "counts",
    "draw_splits",
    "evaluate",
    "held_out_concepts",
    "held_out_pairs",
    "hierarchy",
    "novel_concepts",
    "operator_triples",
    "parents",
    "parse",
    "shows_pair",
    "to_node_link",
    "training_concepts",
]
