"""The signs of expressions: operators, weights, and where a name ends."""

import re

from symbols.concepts import OPERATORS

OPERATOR = re.compile(r"(?<![\w-])(?:(and)|(in[\s_]+common)|(ignore)|(or)|(not))(?![\w-])", re.IGNORECASE)
JOINING = (*OPERATORS, "OR", "NOT")
"""The operators in the order of the groups of OPERATOR."""
WEIGHT = re.compile(r"([-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?|nan|inf)) ?\*", re.IGNORECASE)
DELIMITER = re.compile(rf"[(),]|{OPERATOR.pattern}|\Z", re.IGNORECASE)


def first_sign(text: str) -> str:
    """Return the first sign for which a text is read as an expression, or "" where it can be one name.

    >>> first_sign("cosy AND warm"), first_sign("2*cosy"), first_sign("sand castle")
    ('AND', '2*', '')
    """
    found = WEIGHT.match(text) or DELIMITER.search(text)
    return found[0] if found else ""
