"""Expressions: concepts and operators as people write them.

    expression := operand {(AND | IN COMMON | IGNORE) operand}          from left to right, no precedence
    operand    := "(" expression ")" | leaf
    leaf       := name {"," name}                                      the union of what the names say
    name       := attribute ":" value | value attribute | value | binary attribute | alias | "anything"

Case does not matter, and an underscore equals a space. A value alone must belong to one attribute only.
Names are looked up before the text is cut at words and signs, the longest first, so that a value may be
called "salt and pepper" or "hat (red)".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from symbols.concepts import OPERATORS, Concept, ConflictError, Operator, apply
from symbols.vocabulary import Vocabulary, did_you_mean, listing, spelling

MAX_OPERATORS = 100

_OPERATOR = re.compile(r"(?<![\w-])(?:(and)|(in[\s_]+common)|(ignore))(?![\w-])", re.IGNORECASE)
_DELIMITER = re.compile(rf"[(),]|{_OPERATOR.pattern}|\Z", re.IGNORECASE)


class ExpressionError(ValueError):
    """A text that is not an expression of the vocabulary: str() is one line, `caret` shows the place."""

    def __init__(self, message: str, text: str, start: int, end: int) -> None:
        self.text, self.start, self.end = text, start, end
        super().__init__(f"{message} (column {start + 1})")

    @property
    def caret(self) -> str:
        """The text, and below it a line that points at the place."""
        one_line = re.sub(r"\s", " ", self.text)
        return f"{one_line}\n{' ' * self.start}{'^' * max(1, self.end - self.start)}"


@dataclass(frozen=True)
class Operation:
    """An operator on two expressions."""

    op: Operator
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"({self.left}) {self.op} ({self.right})"


Expression = Concept | Operation


def evaluate(expression: Expression) -> Concept:
    """The concept that an expression stands for. Raises ConflictError where an AND contradicts itself."""
    if isinstance(expression, Concept):
        return expression
    return apply(expression.op, evaluate(expression.left), evaluate(expression.right))


def parse(text: str, vocabulary: Vocabulary) -> Expression:
    """Read an expression in the words of a vocabulary.

    >>> from symbols.vocabulary import Attribute
    >>> words = Vocabulary((Attribute("wall", ("red", "blue")), Attribute("shape", ("hat", "ice lolly"))))
    >>> parse("Hat, wall: red", words)
    Concept('wall: red, shape: hat')
    >>> str(parse("(red wall AND ice lolly) IGNORE red", words))
    '((wall: red) AND (shape: ice lolly)) IGNORE (wall: red)'

    Raises:
        ExpressionError: with the place in the text, and the nearest name where there is one.
    """
    return _Parser(text, vocabulary).parse()


class _Phrases(NamedTuple):
    """What can be written for a concept: `explicit` phrases have one reading, `loose` ones may have more."""

    explicit: dict[str, Concept]
    loose: dict[str, list[Concept]]
    longest: int
    names: tuple[str, ...]

    def read(self, written: str) -> list[Concept]:
        """The concepts that `written` may stand for, none where it is not a name."""
        key = _key(written)
        return [self.explicit[key]] if key in self.explicit else self.loose.get(key, [])


def _key(phrase: str) -> str:
    return re.sub(r"\s*[:=]\s*", ":", spelling(phrase))


@lru_cache(maxsize=16)
def _phrases(vocabulary: Vocabulary) -> _Phrases:
    explicit: dict[str, Concept] = {}
    loose: dict[str, list[Concept]] = {}
    names = list(vocabulary.aliases)
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            concept = vocabulary.concept({attribute.name: value})
            explicit[_key(f"{attribute.name}: {value}")] = concept
            phrases = [attribute.name] if attribute.binary else [value, f"{value} {attribute.name}"]
            for phrase in phrases:
                loose.setdefault(_key(phrase), []).append(concept)
            names += phrases
    for name, concept in vocabulary.aliases.items():
        explicit.setdefault(_key(name), concept)
    anything = vocabulary.concept()
    loose.setdefault(_key(str(anything)), [anything])
    return _Phrases(explicit, loose, max(map(len, (*explicit, *loose))), tuple(names))


class _Parser:
    """One reading of one text, by recursive descent; `position` is the next sign that is not white space."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary = text, vocabulary
        self.phrases = _phrases(vocabulary)
        self.operators = 0
        self.advance(0)

    def parse(self) -> Expression:
        expression = self.expression()
        if self.position < len(self.text):
            raise self.misplaced()
        return expression

    def expression(self) -> Expression:
        left = self.operand()
        while operator := _OPERATOR.match(self.text, self.position):
            self.count()
            self.advance(operator.end())
            left = Operation(OPERATORS[(operator.lastindex or 1) - 1], left, self.operand())
        return left

    def operand(self) -> Expression:
        opening = self.position
        if self.sign() != "(" or self.longest_name():
            return self.leaf()
        self.count()
        self.advance(opening + 1)
        inner = self.expression()
        if self.position == len(self.text):
            raise self.error('"(" is never closed', opening, opening + 1)
        if self.sign() != ")":
            raise self.misplaced()
        self.advance(self.position + 1)
        return inner

    def leaf(self) -> Concept:
        concept = self.name()
        while self.sign() == ",":
            self.advance(self.position + 1)
            start = self.position
            try:
                concept &= self.name()
            except ConflictError as conflict:
                raise self.error(str(conflict), start, self.position) from None
        return concept

    def name(self) -> Concept:
        found = self.longest_name()
        if found is None:
            raise self.unknown()
        start, (end, concepts) = self.position, found
        if len(concepts) > 1:
            candidates = listing([str(concept) for concept in concepts])
            raise self.error(
                f'"{self.text[start:end].rstrip()}" is ambiguous, it may mean {candidates}', start, end
            )
        self.advance(end)
        return concepts[0]

    def longest_name(self) -> tuple[int, list[Concept]] | None:
        """Where the longest name here ends, among those that a delimiter follows, and what it may mean."""
        found = None
        for stop in _DELIMITER.finditer(self.text, self.position):
            written = self.text[self.position : stop.start()]
            if len(_key(written)) > self.phrases.longest:
                break
            concepts = self.phrases.read(written)
            if concepts and stop[0] != "(":
                found = stop.start(), concepts
        return found

    def sign(self) -> str:
        return self.text[self.position : self.position + 1]

    def advance(self, position: int) -> None:
        self.position = len(self.text) - len(self.text[position:].lstrip())

    def count(self) -> None:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            raise self.error(
                f"more than {MAX_OPERATORS} operators and parentheses", self.position, self.position + 1
            )

    def error(self, message: str, start: int, end: int) -> ExpressionError:
        trailing = len(self.text[start:end]) - len(self.text[start:end].rstrip())
        return ExpressionError(message, self.text, start, end - trailing)

    def misplaced(self) -> ExpressionError:
        hint = "; between parentheses write AND" if self.sign() == "," else ""
        return self.error(f'"{self.sign()}" is out of place{hint}', self.position, self.position + 1)

    def unknown(self) -> ExpressionError:
        """Why there is no name at this place: the most specific reason that applies."""
        start = self.position
        stops = list(_DELIMITER.finditer(self.text, start))
        written = self.text[start : stops[0].start()].rstrip()
        if not written:
            before = f' before "{stops[0][0]}"' if stops[0][0] else ""
            return self.error(f"expected a name{before}", start, stops[0].end())
        for reason in (self.wrong_value(written), self.misspelt(stops, 0.8), self.no_operator(written)):
            if reason:
                return reason
        return self.misspelt(stops, 0.6) or self.error(
            f'unknown name "{written}"', start, start + len(written)
        )

    def wrong_value(self, written: str) -> ExpressionError | None:
        """The error for an attribute without a value, or with a value that it does not have."""
        head, _, value = (part.strip() for part in re.split("([:=])", written + ":", maxsplit=1))
        value = value.removesuffix(":").rstrip()
        known = {spelling(attribute.name): attribute for attribute in self.vocabulary.attributes}
        if spelling(head) not in known:
            near = did_you_mean(head, self.vocabulary.names)
            unknown = self.error(
                f'unknown attribute "{head}"{near}', self.position, self.position + len(head)
            )
            return unknown if near and value else None
        attribute = known[spelling(head)]
        if not value:
            example = f"{attribute.name}: {attribute.values[0]}"
            return self.error(
                f'"{head}" needs a value, such as "{example}"', self.position, self.position + len(head)
            )
        near = did_you_mean(value, attribute.values) or f": it has {listing(attribute.values)}"
        start = self.position + written.rindex(value)
        return self.error(
            f'attribute "{attribute.name}" has no value "{value}"{near}', start, start + len(value)
        )

    def misspelt(self, stops: list[re.Match[str]], cutoff: float) -> ExpressionError | None:
        """The error for a name that is near a known one; the name may run past words such as "and"."""
        for stop in stops:
            written = self.text[self.position : stop.start()].rstrip()
            if near := did_you_mean(written, self.phrases.names, cutoff):
                return self.error(f'unknown name "{written}"{near}', self.position, stop.start())
            if len(written) > 2 * self.phrases.longest:
                break
        return None

    def no_operator(self, written: str) -> ExpressionError | None:
        """The error for a known name with something after it that is no operator."""
        for space in reversed(list(re.finditer(r"\s+", written))):
            if self.phrases.read(written[: space.start()]):
                word = written[space.end() :].split()[0]
                near = did_you_mean(word, OPERATORS) or f": expected {', '.join(OPERATORS)} or a comma"
                start = self.position + space.end()
                return self.error(
                    f'"{word}" after "{written[: space.start()]}" is no operator{near}',
                    start,
                    start + len(word),
                )
        return None
