"""What the demo prints."""

from __future__ import annotations

from collections.abc import Sequence

from words import numeric, shown


def table(question: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table below its question, in which numbers stand on the right."""
    lines = [header, *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [">" if numeric(rows, place) else "<" for place in range(len(header))]
    columns = [f"{{:{align}{width}}}" for align, width in zip(aligned, widths, strict=True)]
    return "\n".join(["", question, "", *("  ".join(columns).format(*line).rstrip() for line in lines)])
