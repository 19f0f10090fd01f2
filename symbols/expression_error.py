"""The error for a text that is not an expression, with the place in it."""

SHOWN = 100
"""Characters of an expression that an error shows, around the place."""


class ExpressionError(ValueError):
    """A text that is not an expression of the vocabulary: str() is one line, `caret` shows the place.

    Args:
        message: What is wrong.
        text: The whole expression.
        start: Where the wrong part begins, in characters from 0.
        end: Where it ends, exclusively.
    """

    def __init__(self, message: str, text: str, start: int, end: int) -> None:
        self.text, self.start, self.end = text, start, end
        super().__init__(f"{message} (column {start + 1})")

    @property
    def caret(self) -> str:
        """The text, or of a long one what is around the place, and below it a line that points at it."""
        first = max(0, min(self.start - SHOWN // 3, len(self.text) - SHOWN))
        shown = self.text[first : first + SHOWN]
        before = "..." if first else ""
        after = "..." if first + SHOWN < len(self.text) else ""
        indent = " " * (len(before) + self.start - first)
        marks = "^" * max(1, min(self.end, first + len(shown)) - self.start)
        return f"{before}{shown}{after}\n{indent}{marks}"
