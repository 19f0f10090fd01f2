"""Tables for the terminal: text in columns of equal width."""

from collections.abc import Container, Sequence


def columns(rows: Sequence[Sequence[str]], *, right: Container[int] = ()) -> list[str]:
    """A line for each row, the head among them.

    Args:
        rows: Cells, as many in each row.
        right: The columns that are aligned to the right.

    >>> columns([("name", "mean"), ("a", "0.5")], right=(1,))
    ['name  mean', 'a      0.5']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        padded = (cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in cells)
        lines.append("  ".join(padded).rstrip())
    return lines
