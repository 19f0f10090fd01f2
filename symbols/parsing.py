"""Read expressions as people write them.

    expression := operand {operator operand}                           from left to right, no precedence
    operator   := AND | IN COMMON | IGNORE | OR | NOT | AND NOT        AND NOT is NOT
    operand    := leaf | weight "*" term | NOT operand | term          NOT x is anything NOT x
    term       := "(" expression ")" | name
    leaf       := name {"," name}                                      the union of what the names say
    name       := attribute [":"] value | value attribute | value | binary attribute | alias | "anything"
                  | a taught name, which stands alone
    weight     := a number such as 2 or 0.5

"anything" is the empty concept. Case does not matter, and an underscore equals a space. A value alone must
belong to one attribute only. Names are looked up before the text is cut at words and signs, the longest
first, so that a value may be called "salt and pepper" or "hat (red)". What expressions mean is in
`symbols.expressions` and `symbols.alternatives`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from symbols.concepts import OPERATORS, Concept, ConflictError
from symbols.expression_error import ExpressionError as ExpressionError
from symbols.expressions import (
    LEAST_WEIGHT,
    MOST_WEIGHT,
    Disjunction,
    Exclusion,
    Expression,
    Operation,
    TaughtName,
    Weighted,
    excludes,
)
from symbols.names import did_you_mean, listing, shortened, spelling
from symbols.phrases import phrases
from symbols.signs import DELIMITER, JOINING, OPERATOR, WEIGHT
from symbols.vocabulary import Vocabulary

MAX_OPERATORS = 100
"""Operators, weights and parentheses of an expression, hence also its depth."""
MAX_LENGTH = 50_000
"""Characters of an expression."""
MOST_STOPS = 4
"""Words such as "and" that a misspelt name may run past."""

_SPACE = re.compile(" *")


def parse(text: str, vocabulary: Vocabulary, taught: Iterable[str] = ()) -> Expression:
    """Read an expression in the words of a vocabulary.

    >>> from symbols.attributes import Attribute
    >>> words = Vocabulary((Attribute("wall", ("red", "blue")), Attribute("shape", ("hat", "ice lolly"))))
    >>> parse("Hat, wall: red", words)
    Concept('wall: red, shape: hat')
    >>> str(parse("(red wall AND ice lolly) IGNORE red", words))
    '((wall: red) AND (shape: ice lolly)) IGNORE (wall: red)'
    >>> str(parse("2*hat OR ice lolly AND NOT blue", words))
    '((2*(shape: hat)) OR (shape: ice lolly)) NOT (wall: blue)'

    Args:
        text: At most MAX_LENGTH characters and MAX_OPERATORS operators, weights and parentheses; see the
            module.
        vocabulary: The words.
        taught: Names of taught concepts.

    Raises:
        ExpressionError: With the place in the text, and the nearest name where there is one.
    """
    return _Parser(text, vocabulary, taught).parse()


class _Parser:
    """One reading of one text, by recursive descent; `position` is the next sign that is not white space."""

    def __init__(self, text: str, vocabulary: Vocabulary, taught: Iterable[str] = ()) -> None:
        self.text, self.vocabulary = re.sub(r"\s", " ", text), vocabulary
        self.taught = {spelling(name): TaughtName(name) for name in taught}
        if len(text) > MAX_LENGTH:
            message = f"an expression has at most {MAX_LENGTH:,} characters, not {len(text):,}"
            raise ExpressionError(message, self.text, MAX_LENGTH, MAX_LENGTH + 1)
        self.phrases = phrases(vocabulary)
        self.longest = max(self.phrases.longest, *map(len, self.taught), 0)
        self.known = (*self.phrases.names, *(one.name for one in self.taught.values()))
        self.operators = 0
        self.advance(0)

    def parse(self) -> Expression:
        expression = self.expression()
        if self.position < len(self.text):
            raise self.misplaced()
        return expression

    def expression(self) -> Expression:
        left = self.operand()
        while operator := OPERATOR.match(self.text, self.position):
            self.count(operator[0])
            self.advance(operator.end())
            op = JOINING[(operator.lastindex or 1) - 1]
            if op == "AND" and self.negation():
                op = "NOT"
            left = self.joined(op, left, self.operand(), operator)
        return left

    def joined(self, op: str, left: Expression, right: Expression, operator: re.Match[str]) -> Expression:
        if op == "OR":
            return Disjunction(left, right)
        if op == "NOT":
            return Exclusion(left, right)
        known = OPERATORS[OPERATORS.index(op)]
        if known != "AND" and (excludes(left) or excludes(right)):
            message = f"{known} takes concepts, and what NOT leaves is none: apply NOT last"
            raise self.error(message, operator.start(), operator[0])
        return Operation(known, left, right)

    def negation(self) -> bool:
        """Whether a NOT that is no name stands here; it is then passed over."""
        operator = OPERATOR.match(self.text, self.position)
        if not operator or JOINING[(operator.lastindex or 1) - 1] != "NOT" or self.longest_name():
            return False
        self.count(operator[0])
        self.advance(operator.end())
        return True

    def operand(self) -> Expression:
        if self.longest_name():
            return self.leaf()
        if weight := WEIGHT.match(self.text, self.position):
            return self.weighted(weight)
        if self.negation():
            return Exclusion(self.vocabulary.concept(), self.operand())
        return self.term()

    def weighted(self, written: re.Match[str]) -> Weighted:
        weight = float(written[1])
        if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
            message = f"a weight is a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
            hint = "; NOT excludes" if weight <= 0 else ""
            raise self.error(message + hint, self.position, written[1])
        self.count(written[0])
        self.advance(written.end())
        return Weighted(weight, self.term())

    def term(self) -> Expression:
        opening = self.position
        if self.sign() != "(" or self.longest_name():
            return self.name()
        self.count("(")
        self.advance(opening + 1)
        inner = self.expression()
        if self.position == len(self.text):
            raise self.error('"(" is never closed', opening, "(")
        if self.sign() != ")":
            raise self.misplaced()
        self.advance(self.position + 1)
        return inner

    def leaf(self) -> Concept | TaughtName:
        concept = self.name()
        while isinstance(concept, Concept) and self.sign() == ",":
            self.advance(self.position + 1)
            start = self.position
            more = self.name()
            if isinstance(more, TaughtName):
                written = self.text[start : self.position]
                raise self.error(f'"{shortened(more.name)}" was taught: write AND to join it', start, written)
            try:
                concept &= more
            except ConflictError as conflict:
                raise self.error(str(conflict), start, self.text[start : self.position]) from None
        return concept

    def name(self) -> Concept | TaughtName:
        found = self.longest_name()
        if found is None:
            raise self.unknown()
        written, concepts = found
        if len(concepts) > 1:
            candidates = listing([str(concept) for concept in concepts])
            message = f'"{shortened(written.rstrip())}" is ambiguous, it may mean {candidates}'
            raise self.error(message, self.position, written)
        self.advance(self.position + len(written))
        return concepts[0]

    def longest_name(self) -> tuple[str, Sequence[Concept | TaughtName]] | None:
        """The longest name that starts here and ends before a delimiter, and what it may mean."""
        found: tuple[str, Sequence[Concept | TaughtName]] | None = None
        for stop in DELIMITER.finditer(self.text, self.position):
            written = self.text[self.position : stop.start()]
            if len(spelling(written)) > self.longest:
                break
            if spelling(written) in self.taught:
                found = written, [self.taught[spelling(written)]]
            elif concepts := self.phrases.read(written):
                found = written, concepts
        return found

    def sign(self) -> str:
        return self.text[self.position : self.position + 1]

    def advance(self, position: int) -> None:
        match = _SPACE.match(self.text, position)
        self.position = match.end() if match else position

    def count(self, sign: str) -> None:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            raise self.error(f"more than {MAX_OPERATORS} operators and parentheses", self.position, sign)

    def error(self, message: str, start: int, written: str) -> ExpressionError:
        return ExpressionError(message, self.text, start, start + len(written.rstrip()))

    def misplaced(self) -> ExpressionError:
        """The error for anything but an operator after an operand."""
        found = re.compile(r"\w+|.").match(self.text, self.position)
        assert found is not None, "nothing is misplaced at the end"
        hint = (
            "write AND to join what is in parentheses, weighted or taught"
            if found[0] == ","
            else _expected(found[0])
        )
        return self.error(f'"{shortened(found[0])}" is out of place: {hint}', self.position, found[0])

    def unknown(self) -> ExpressionError:
        """The error for no name at this place: the most specific reason that applies."""
        start, stops = self.position, list(DELIMITER.finditer(self.text, self.position))
        written = self.text[start : stops[0].start()].rstrip()
        if not written:
            found = f'"{stops[0][0]}"' if stops[0][0] else "the end"
            return self.error(f"expected a name, found {found}", start, stops[0][0])
        return (
            self.wrong_value(written)
            or self.misspelt(stops, cutoff=0.85)
            or self.no_operator(written)
            or self.misspelt(stops, cutoff=0.6)
            or self.error(f'unknown name "{shortened(written)}"', start, written)
        )

    def wrong_value(self, written: str) -> ExpressionError | None:
        """The error for a misspelt attribute, one without a value, or one with a value it does not have."""
        head, *rest = (part.strip() for part in re.split("[:=]", written, maxsplit=1))
        value = "".join(rest)
        known = {spelling(attribute.name): attribute for attribute in self.vocabulary.attributes}
        attribute = known.get(spelling(head))
        if attribute is None:
            near = did_you_mean(head, self.vocabulary.names) if rest else ""
            if not near:
                return None
            return self.error(f'unknown attribute "{shortened(head)}"{near}', self.position, head)
        if not value:
            example = f"{attribute.name}: {attribute.values[0]}"
            return self.error(
                f'"{shortened(head)}" needs a value, such as "{shortened(example)}"', self.position, head
            )
        near = did_you_mean(value, attribute.values) or f": it has {listing(attribute.values)}"
        message = f'attribute "{shortened(attribute.name)}" has no value "{shortened(value)}"{near}'
        return self.error(message, self.position + written.rindex(value), value)

    def misspelt(self, stops: list[re.Match[str]], cutoff: float) -> ExpressionError | None:
        """The error for a name that is near a known one; the name may run past words such as "and"."""
        for stop in stops[:MOST_STOPS]:
            written = self.text[self.position : stop.start()].rstrip()
            if near := did_you_mean(written, self.known, cutoff):
                return self.error(f'unknown name "{shortened(written)}"{near}', self.position, written)
            if len(written) > 2 * self.longest:
                break
        return None

    def no_operator(self, written: str) -> ExpressionError | None:
        """The error for a known name with a word after it that is no operator."""
        spaces = list(islice(re.finditer(r"\s+", written), self.longest))  # no name has as many
        for space in reversed(spaces):
            before = written[: space.start()]
            if self.phrases.read(before) or spelling(before) in self.taught:
                rest = written[space.end() :]
                word = rest.split()[0]
                message = f'"{shortened(word)}" is out of place: {_expected(rest)}'
                return self.error(message, self.position + space.end(), word)
        return None


def _expected(rest: str) -> str:
    """What may follow an operand, and the operator that is probably meant by the words that do."""
    words = rest.split()
    near = did_you_mean(" ".join(words[:2]), JOINING) or did_you_mean(words[0], JOINING)
    return f"expected {', '.join(JOINING)} or a comma{near}"
