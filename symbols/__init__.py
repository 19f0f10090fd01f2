"""Words: vocabularies, k-hot symbols, concepts as sets, their hierarchy, expressions, sampling. No torch."""

from symbols.concepts import OPERATORS, Concept, ConflictError, Operator, VocabularyError, apply
from symbols.expressions import Expression, ExpressionError, Operation, evaluate, parse
from symbols.hierarchy import children, concepts_at, counts, hierarchy, parents, to_graphml, to_node_link
from symbols.sampling import Triple, held_out_concepts, novel_concepts, operator_triples, training_concepts
from symbols.vocabulary import Attribute, Vocabulary

__all__ = [
    "OPERATORS",
    "Attribute",
    "Concept",
    "ConflictError",
    "Expression",
    "ExpressionError",
    "Operation",
    "Operator",
    "Triple",
    "Vocabulary",
    "VocabularyError",
    "apply",
    "children",
    "concepts_at",
    "counts",
    "evaluate",
    "held_out_concepts",
    "hierarchy",
    "novel_concepts",
    "operator_triples",
    "parents",
    "parse",
    "to_graphml",
    "to_node_link",
    "training_concepts",
]
