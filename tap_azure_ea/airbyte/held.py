"""Rows kept back until their part is read whole: what an overwriting destination has got, nobody can take away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any

from tap_azure_ea.airbyte.catalog import DELETED
from tap_azure_ea.snapshot import ROW_NUMBER
from tap_azure_ea.writer import GATHERED_BYTES


class HeldPart:
    """The rows of one part, in a file if they are many; a first row begins them anew, and none is ever deleted.

    Rows come some at a time, all of one part, and deleted ones by themselves: the first tells.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key for key in keys if key != ROW_NUMBER.name]
        self._part: tuple[Any, ...] | None = None
        self._lines = SpooledTemporaryFile(max_size=GATHERED_BYTES)  # noqa: SIM115 - it lives as long as this does

    def ends_before(self, first: Mapping[str, Any]) -> bool:
        """Say whether rows are of another part, so that what is held is complete."""
        return first[ROW_NUMBER.name] == 1 and self._part not in {None, self._of(first)}

    def take(self, first: Mapping[str, Any], lines: bytes) -> None:
        """Hold rows, given as the lines that they will be."""
        if first[ROW_NUMBER.name] == 1:
            self._forget()
            self._part = self._of(first)
        if first.get(DELETED) is None:
            self._lines.write(lines)

    def release(self) -> Iterator[bytes]:
        """Yield the lines, which are held no longer."""
        self._lines.seek(0)
        yield from self._lines
        self._forget()

    def _of(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(record[key] for key in self._keys)

    def _forget(self) -> None:
        self._part = None
        self._lines.seek(0)
        self._lines.truncate()
