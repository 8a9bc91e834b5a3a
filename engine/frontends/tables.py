"""Plain text tables."""

from __future__ import annotations

from collections.abc import Container, Sequence

from engine.markup import printable


def table(rows: Sequence[Sequence[str]], indent: str = "", left: Container[int] = (0,)) -> str:
    """Rows in aligned columns, two blanks between them; columns in `left` to the left, the others to the right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)
