"""Rows as Azure sends them, read into records: one rule for names, one reader a column, the rest in ``extra``."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import compress, islice
from operator import itemgetter
from typing import Any

import msgspec

from tap_azure_ea.fields import READ_TEXTS, READY, Field, Read, json_object, own

Row = Mapping[str, Any]
Record = dict[str, Any]
Column = tuple[str, str, Read]

EXTRA = own(
    json_object(
        "extra",
        "What Azure sent that has no column, or did not fit its column, under Azure's own names; null when empty.",
    )
)


# As many rows at a time as fit into a processor's cache.
CHUNK = 250
MISFIT = object()
NOTHING = type(None)
# Of these, equal values are the same value; 1.0 and 1.00 are equal and not the same.
TEXT_ALONE, TEXTS, INTEGERS = frozenset({str}), frozenset({str, NOTHING}), frozenset({int, NOTHING})


def collect_rarely() -> None:
    """Let Python look for cycles less often: records refer to nothing, and it would take a fifth of the time."""
    gc.set_threshold(50_000, 20, 100)


def plain(name: str) -> str:
    """Return what two spellings of a name share: its letters and digits, in one case."""
    return "".join(character for character in name.casefold() if character.isalnum())


@dataclass(frozen=True)
class Records:
    """Some records, as the values of each column: what is done to a column takes a fraction of what each record would.

    ``columns`` may be changed by who holds them.
    """

    columns: dict[str, Sequence[Any]]
    count: int

    @classmethod
    def of(cls, records: Sequence[Record]) -> Records:
        """Turn records, of which there is at least one and which have the same columns, into their columns."""
        return cls({name: [record[name] for record in records] for name in records[0]}, len(records))

    @classmethod
    def alike(cls, record: Record, count: int) -> Records:
        """Repeat a record."""
        return cls({name: [value] * count for name, value in record.items()}, count)

    def __iter__(self) -> Iterator[Record]:
        names = tuple(self.columns)
        return (dict(zip(names, values, strict=True)) for values in zip(*self.columns.values(), strict=True))

    def packed(self) -> Iterator[msgspec.Struct]:
        """Yield what is encoded as the records would be, and made in a fifth of the time."""
        return map(_struct(tuple(self.columns)), *self.columns.values())

    def where(self, chosen: Sequence[bool]) -> Records:
        """Return those that are chosen."""
        return Records({name: list(compress(values, chosen)) for name, values in self.columns.items()}, sum(chosen))

    def split(self, count: int) -> tuple[Records, Records]:
        """Return the first so many, and the rest."""
        first = Records({name: values[:count] for name, values in self.columns.items()}, min(count, self.count))
        return first, Records({name: v[count:] for name, v in self.columns.items()}, self.count - first.count)


class RecordReader:
    """Reads rows into records of the selected columns; names are matched once for each set of them, not for each row.

    ``given`` holds the values that the request decides, such as the billing period: a row that says otherwise keeps
    its own word in ``extra``. ``misfits`` counts the values that did not fit their column; ``unknown`` holds the names
    that have no column.
    """

    def __init__(self, fields: Collection[Field], selected: Collection[str], given: Mapping[str, str]) -> None:
        self.misfits: Counter[str] = Counter()
        self.unknown: set[str] = set()
        self._given = given
        self._blank: Record = {field.name: given.get(field.name) for field in fields if field.name in selected}
        self._fields = {plain(name): field for field in fields for name in field.names if field.read}
        self._columns = lru_cache(maxsize=256)(self._match)

    def forget(self) -> None:
        """Start counting anew, for a reading that starts anew."""
        self.misfits.clear()
        self.unknown.clear()

    def blank(self) -> Record:
        """Return a record with nothing but what the request decides."""
        return self._blank.copy()

    def recognizes(self, wire_names: Collection[str]) -> bool:
        """Say whether these names are those of this dataset's fields: most of them are."""
        return sum(self._field(name) is not None for name in wire_names) * 2 > len(wire_names)

    def read_all(self, rows: Iterable[Row]) -> Iterator[Records]:
        """Yield what ``read`` would return of each, many rows at a time."""
        rest = iter(rows)
        while chunk := list(islice(rest, CHUNK)):
            names = tuple(chunk[0])
            if all(tuple(row) == names for row in chunk):
                yield self.read_columns(names, [list(map(itemgetter(name), chunk)) for name in names], len(chunk))
            else:
                yield Records.of(list(map(self.read, chunk)))

    def read_columns(
        self, wire_names: tuple[str, ...], columns: Sequence[Sequence[Any]], count: int, *, texts: bool = False
    ) -> Records:
        """Return the records of rows that are alike, given what each column holds of them: only ``texts`` in CSV."""
        known, unknown = self._columns(wire_names)
        held = dict(zip(wire_names, columns, strict=True))
        records = Records.alike(self._blank, count)
        extras: dict[int, Record] = {}
        for column in known:
            values = held[column[1]]
            kinds = TEXT_ALONE if texts else frozenset(map(type, values))
            records.columns[column[0]] = self._read_column(column, values, kinds, extras)
        if unknown:
            self.unknown.update(unknown)
            for place in range(count):
                extras.setdefault(place, {}).update((name, held[name][place]) for name in unknown)
        if extras and EXTRA.name in self._blank:
            records.columns[EXTRA.name] = [extras.get(place) for place in range(count)]
        return records

    def _read_column(
        self, column: Column, values: Sequence[Any], kinds: frozenset[type], extras: dict[int, Record]
    ) -> Sequence[Any]:
        """Return what the values of a column mean; those that do not fit mean nothing, and are kept in the extras."""
        name, wire_name, read = column
        blank = self._blank[name]
        if kinds <= READY.get(read, frozenset()):
            return values
        if kinds == TEXT_ALONE and read in READ_TEXTS and (found := READ_TEXTS[read](values)) is not None:
            return found
        if kinds <= TEXTS or kinds <= INTEGERS:
            meaning = {value: _attempt(read, value, blank) for value in set(values)}
            found = [meaning[value] for value in values]
        else:
            found = [_attempt(read, value, blank) for value in values]
        if MISFIT in found:
            for place in [place for place, value in enumerate(found) if value is MISFIT]:
                extras.setdefault(place, {})[wire_name] = values[place]
                found[place] = blank
                self.misfits[wire_name] += 1
        return found

    def read(self, row: Row) -> Record:
        """Return the row as a record; what does not fit is kept and counted, never raised."""
        record = self._blank.copy()
        columns, unknown = self._columns(tuple(row))
        extra = {}
        for name, wire_name, read in columns:
            found = _attempt(read, row[wire_name], record[name])
            if found is MISFIT:
                extra[wire_name] = row[wire_name]
                self.misfits[wire_name] += 1
            else:
                record[name] = found
        if unknown:
            self.unknown.update(unknown)
            extra.update((wire_name, row[wire_name]) for wire_name in unknown)
        if extra and EXTRA.name in record:
            record[EXTRA.name] = extra
        return record

    def _match(self, wire_names: tuple[str, ...]) -> tuple[list[Column], list[str]]:
        """Pair each wire name with its column; of several names for one column, the preferred one, or the first."""
        columns: list[Column] = []
        unknown: list[str] = []
        taken: set[str] = set()
        for wire_name in sorted(wire_names, key=self._rank):
            field = self._field(wire_name)
            if field is None or field.read is None or field.name in taken:
                unknown.append(wire_name)
                continue
            taken.add(field.name)
            if field.name in self._given:
                columns.append((field.name, wire_name, partial(_agree, field.read, self._given[field.name])))
            elif field.name in self._blank:
                columns.append((field.name, wire_name, field.read))
        return columns, unknown

    def _rank(self, wire_name: str) -> int:
        field = self._field(wire_name)
        names = [plain(name) for name in field.names] if field else []
        return names.index(plain(wire_name)) if plain(wire_name) in names else len(names)

    def _field(self, wire_name: str) -> Field | None:
        """Find the field of a name, or of the text in its last parentheses, where localised headers keep it."""
        if field := self._fields.get(plain(wire_name)):
            return field
        _, _, inner = wire_name.rpartition("(")
        return self._fields.get(plain(inner)) if wire_name.rstrip().endswith(")") else None


@lru_cache(maxsize=64)
def _struct(names: tuple[str, ...]) -> type[msgspec.Struct]:
    return msgspec.defstruct("Record", names, gc=False)


def _attempt(read: Read, value: Any, blank: Any) -> Any:
    """Return what a value means: what was there before where it is none, ``MISFIT`` where it does not fit."""
    if value is None or value == "":
        return blank
    try:
        return read(value)
    except (ValueError, ArithmeticError, RecursionError):
        return MISFIT


def _agree(read: Read, given: str, value: Any) -> str:
    if str(read(value)).casefold() != given.casefold():
        msg = f"{value!r} is not {given!r}"
        raise ValueError(msg)
    return given
