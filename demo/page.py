"""The pieces of a page that needs nothing but itself: no script, no font and no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from words import numeric, shown

PAGE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
SYMBOLS = {"agrees": "✓", "differs": "≠", "open": "○"}


def render(title: str, subtitle: str, parts: Collection[str]) -> str:
    """Return the whole page."""
    return PAGE.substitute(title=escape(title), subtitle=escape(subtitle), main="\n".join(parts))


def section(heading: str, text: str, *content: str, new_page: bool = False) -> str:
    """Return a part of the page; ``new_page`` is for paper."""
    kind = ' class="page"' if new_page else ""
    return "\n".join([
        f"<section{kind}>", f"<h2>{escape(heading)}</h2>", f"<p>{escape(text)}</p>", *content, "</section>",
    ])  # fmt: skip


def facts(*found: tuple[str, str, str]) -> str:
    """Return what shall be read first: titles, each with a figure and a note."""
    cells = (
        f"<div><dt>{escape(title)}</dt><dd><strong>{escape(figure)}</strong>{escape(note)}</dd></div>"
        for title, figure, note in found
    )
    return f'<dl class="facts">{"".join(cells)}</dl>'


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[object]], *, total: bool = False) -> str:
    """Return a table in which numbers stand on the right; ``total`` sets its last row off."""
    kinds = [' class="number"' if numeric(rows, place) else "" for place in range(len(header))]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(header, kinds, strict=True))
    body = [_row(row, kinds) for row in rows]
    if total:
        body[-1] = body[-1].replace("<tr>", '<tr class="total">')
    return _whole(f"<table><caption>{escape(caption)}</caption>", head, body)


def _row(row: Sequence[object], kinds: Sequence[str]) -> str:
    first, *rest = (escape(shown(cell)) for cell in row)
    cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(rest, kinds[1:], strict=True))
    return f'<tr><th scope="row">{first}</th>{cells}</tr>'


def grid(caption: str, rows: Sequence[str], columns: Mapping[str, str], verdicts: Mapping[tuple[str, str], str]) -> str:
    """Return a table of verdicts, each a symbol, a colour and, for who listens, a word."""
    key = " ".join(f'<span class="{verdict}">{symbol}</span> {verdict}' for verdict, symbol in SYMBOLS.items())
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("Comparison", *columns.values()))
    body = []
    for row in rows:
        cells = "".join(_verdict(verdicts.get((row, column), "")) for column in columns)
        body.append(f'<tr><th scope="row">{escape(row)}</th>{cells}</tr>')
    return _whole(f'<table class="grid"><caption class="key">{escape(caption)} {key}</caption>', head, body)


def _verdict(verdict: str) -> str:
    return f'<td class="{verdict}">{SYMBOLS.get(verdict, "")}<span class="hidden"> {verdict}</span></td>'


def _whole(start: str, head: str, body: Collection[str]) -> str:
    rows = "\n".join(body)
    return f'<div class="wide">{start}<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'
