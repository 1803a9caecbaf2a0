"""CSV files as tables of rows: byte order marks, lines before headers and line breaks in cells are Azure's custom."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, cast

ZIP, GZIP = (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b"
LONGEST_PREAMBLE = 50
# As many rows at a time as fit into a processor's cache.
TABLE_SIZE = 250
LONGEST_CELL = 2**31 - 1
LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Table:
    """Rows that are alike: the names of their cells once, and the cells of each."""

    names: tuple[str, ...]
    cells: list[list[str]]

    def __iter__(self) -> Iterator[dict[str, str]]:
        return (dict(zip(self.names, row, strict=True)) for row in self.cells)


def csv_tables(file: IO[bytes], is_header: Callable[[list[str]], bool]) -> Iterator[Table]:
    """Yield the rows below the first line that is a header, and close the file.

    Raises ``ValueError`` where there is none, and for a line that has more or fewer cells than the header or whose last
    quote is open: such a file is cut or garbled, and no row of it can be trusted to be whole.
    """
    csv.field_size_limit(LONGEST_CELL)
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        lines = csv.reader(text, strict=True)
        try:
            header = next(filter(is_header, islice(lines, LONGEST_PREAMBLE)), None)
            if header is None:
                raise ValueError(f"none of the first {LONGEST_PREAMBLE} lines is a header")
            if len(set(header)) < len(header):
                raise ValueError(f"the header names a column twice: {', '.join(header)}")
            before = lines.line_num
            while some := list(islice(lines, TABLE_SIZE)):
                if cells := _whole(some, len(header), before):
                    yield Table(tuple(header), cells)
                before = lines.line_num
        except csv.Error as error:
            raise ValueError(f"line {lines.line_num} cannot be read: {error}") from None


def _whole(lines: list[list[str]], width: int, before: int) -> list[list[str]]:
    """Return the lines that are not blank, if each has as many cells as the header; ``before`` is the line before."""
    whole = list(filter(None, lines))
    if not whole or set(map(len, whole)) == {width}:
        return whole
    line_number = before
    for cells in lines:
        line_number += 1 + len(LINE_BREAK.findall(",".join(cells)))
        if cells and len(cells) != width:
            break
    raise ValueError(f"line {line_number} has {len(cells)} cells and the header {width}")


def csv_files(files: Iterable[IO[bytes]], is_header: Callable[[list[str]], bool]) -> Iterator[Table]:
    """Yield the rows of one file after the other, be they plain, compressed, or ZIP archives of several; close them.

    Raises ``ValueError`` as ``csv_tables`` does, and for an archive that is broken or holds no CSV.
    """
    for file in files:
        with file:
            magic = file.read(4)
            file.seek(0)
            try:
                if magic in ZIP:
                    yield from _archived(file, is_header)
                else:
                    plain = gzip.GzipFile(fileobj=file) if magic.startswith(GZIP) else file
                    yield from csv_tables(cast("IO[bytes]", plain), is_header)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
                raise ValueError(f"it cannot be unpacked ({error})") from None


def _archived(file: IO[bytes], is_header: Callable[[list[str]], bool]) -> Iterator[Table]:
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        if not names:
            raise ValueError(f"the archive holds no CSV, but {', '.join(archive.namelist()) or 'nothing'}")
        for name in names:
            yield from csv_tables(archive.open(name), is_header)
