"""Rows held back until their part is read whole: they cannot be taken out of a table that is being overwritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import Any

from tap_azure_ea.airbyte.catalog import DELETED
from tap_azure_ea.snapshot import ROW_NUMBER
from tap_azure_ea.writer import GATHERED_BYTES


class HeldPart:
    """The rows of one part, in a file if they are many; a first row begins them anew, and none is ever deleted.

    Rows come some at a time, and deleted ones by themselves: the first tells.
    """

    def __init__(self) -> None:
        self._lines = SpooledTemporaryFile(max_size=GATHERED_BYTES)  # noqa: SIM115 - it lives as long as this does

    def take(self, first: Mapping[str, Any], lines: bytes) -> None:
        """Hold rows, given as the lines that they will be."""
        if first[ROW_NUMBER.name] == 1:
            self.forget()
        if first.get(DELETED) is None:
            self._lines.write(lines)

    def release(self) -> Iterator[bytes]:
        """Yield the lines."""
        self._lines.seek(0)
        yield from self._lines

    def forget(self) -> None:
        """Hold nothing."""
        self._lines.seek(0)
        self._lines.truncate()
