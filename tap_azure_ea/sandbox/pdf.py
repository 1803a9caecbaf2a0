"""A minimal PDF document."""

from __future__ import annotations

import re


def one_page(lines: list[str]) -> bytes:
    """Return a page of these lines: the same bytes for the same lines."""
    shown = " ".join(f"({_escaped(line)}) '" for line in lines)
    text = f"BT /F1 12 Tf 18 TL 72 770 Td {shown} ET"
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>"
    )
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page,
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
    ]
    return _file(objects).encode("latin-1", "replace")


def _file(objects: list[str]) -> str:
    """Return a file of these objects, followed by the table of their offsets that a reader starts with."""
    file, table = "%PDF-1.4\n", "0000000000 65535 f \n"
    for number, content in enumerate(objects, start=1):
        table += f"{len(file):010d} 00000 n \n"
        file += f"{number} 0 obj\n{content}\nendobj\n"
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(file)}\n%%EOF\n"
    return f"{file}xref\n0 {size}\n{table}{trailer}"


def _escaped(line: str) -> str:
    return re.sub(r"([\\()])", r"\\\1", line)
