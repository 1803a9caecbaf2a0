"""The kinds of fields: what a column is called, its JSON Schema, and how Azure's value is read into it.

Each reader takes what the wire held (never null or empty text) and returns a JSON-native value, or raises
``ValueError`` or ``ArithmeticError`` for a value that does not fit, which then stays in the record's ``extra``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, NoReturn

LARGEST_INTEGER = 10**40
NO_MOMENT = "0001-01-01"

Read = Callable[[Any], Any]
ReadTexts = Callable[[Sequence[str]], "Sequence[Any] | None"]
JSONSchema = dict[str, Any]

_ISO_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?")
_US_DAY = re.compile(r"(\d\d)/(\d\d)/(\d{4})(?: .*)?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)


TEXTS: JSONSchema = {"type": ["string", "null"]}
OBJECTS: JSONSchema = {"type": "object", "additionalProperties": True}
NAMED_TEXTS: JSONSchema = {"type": "object", "properties": {"name": TEXTS, "value": TEXTS}}
NAMED_VALUES: JSONSchema = {"type": "object", "properties": {"name": TEXTS, "value": {"type": ["number", "null"]}}}


@dataclass(frozen=True)
class Field:
    """One column; ``read`` is None if the tap fills it.

    ``aliases`` are other names under which Azure has sent it. Where a row has several of its names, the column's own is
    preferred, unless it stands among the aliases: then they are in the order of preference.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    read: Read | None
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, the preferred ones first."""
        return self.aliases if self.name in self.aliases else (self.name, *self.aliases)


def json_schema(fields: tuple[Field, ...], keys: tuple[str, ...]) -> JSONSchema:
    """Return the JSON Schema of a record; every column but the keys may be null."""
    properties = {}
    for field in fields:
        kind = field.schema["type"]
        nullable = kind if field.name in keys else [kind, "null"]
        properties[field.name] = {**field.schema, "type": nullable, "description": field.description}
    return {"type": "object", "properties": properties, "required": list(keys)}


def own(field: Field) -> Field:
    """Make it a column that the tap fills, whatever Azure may send under its name."""
    return replace(field, read=None)


def text(name: str, description: str, *, aliases: tuple[str, ...] = (), trim: bool = False) -> Field:
    """Text as Azure sent it; ``trim`` drops surrounding blanks, for codes that Azure pads."""
    return Field(name, description, {"type": "string"}, _trimmed if trim else _text, aliases)


def integer(name: str, description: str, *, aliases: tuple[str, ...] = ()) -> Field:
    """Any size of whole number."""
    return Field(name, description, {"type": "integer"}, _integer, aliases)


def number(name: str, description: str, *, aliases: tuple[str, ...] = ()) -> Field:
    """Every digit that Azure sent, never through a float."""
    return Field(name, description, {"type": "number"}, _number, aliases)


def flag(name: str, description: str, *, aliases: tuple[str, ...] = ()) -> Field:
    """A boolean, which Azure may send as text."""
    return Field(name, description, {"type": "boolean"}, _flag, aliases)


def date(name: str, description: str, *, aliases: tuple[str, ...] = ()) -> Field:
    """A day, ``YYYY-MM-DD``."""
    return Field(name, description, {"type": "string", "format": "date"}, _date, aliases)


def timestamp(name: str, description: str, *, aliases: tuple[str, ...] = (), utc: bool = False) -> Field:
    """A moment, RFC 3339; UTC where Azure names no zone, and always if ``utc``. Azure's 0001-01-01 is no moment."""
    schema = {"type": "string", "format": "date-time"}
    return Field(name, description, schema, _utc_timestamp if utc else _timestamp, aliases)


def json_object(name: str, description: str, *, aliases: tuple[str, ...] = ()) -> Field:
    """A JSON object, which Azure may send as text, at times without its outer braces."""
    return Field(name, description, {"type": "object", "additionalProperties": True}, read_object, aliases)


def json_array(name: str, description: str, *, items: JSONSchema, aliases: tuple[str, ...] = ()) -> Field:
    """A JSON array, which Azure may send as text."""
    return Field(name, description, {"type": "array", "items": items}, _json_array, aliases)


def tiers(name: str, description: str, *, aliases: tuple[str, ...] = ()) -> Field:
    """What applies from which quantity on, which Azure sends as an object of one to the other."""
    properties = {"from_quantity": {"type": "number"}, "rate": {"type": "number"}}
    items = {"type": "object", "properties": properties}
    return Field(name, description, {"type": "array", "items": items}, _tiers, aliases)


def _misfit(value: object, kind: str) -> NoReturn:
    msg = f"{value!r} is not {kind}"
    raise ValueError(msg)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, Decimal)):
        return str(value)
    return _misfit(value, "text")


def _trimmed(value: Any) -> str | None:
    return _text(value).strip() or None


def _integer(value: Any) -> int:
    exact = Decimal(_number(value))
    if abs(exact) >= LARGEST_INTEGER or exact != int(exact):
        _misfit(value, "a whole number")
    return int(exact)


def _number(value: Any) -> Decimal | int:
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        return value
    exact = Decimal(value.strip()) if isinstance(value, str) and "_" not in value else _misfit(value, "a number")
    return exact if exact.is_finite() else _misfit(value, "a finite number")


def _texts(values: Sequence[str]) -> Sequence[str | None]:
    return values if all(values) else [value or None for value in values]


def _numbers(values: Sequence[str]) -> list[Decimal] | None:
    if not all(values) or "".join(values).encode().translate(None, b"0123456789.-"):
        return None
    try:
        return list(map(Decimal, values))
    except ArithmeticError:
        return None


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    return word == "true" if word in {"true", "false"} else _misfit(value, "true or false")


@lru_cache(maxsize=4096)
def day(value: str) -> str:
    """Return the day, ``YYYY-MM-DD``, that a text begins with; raise ``ValueError`` for any other text."""
    value = value.strip()
    if iso := _ISO_DAY.fullmatch(value):
        return dt.date.fromisoformat(iso[1]).isoformat()
    if us := _US_DAY.fullmatch(value):
        return dt.date(int(us[3]), int(us[1]), int(us[2])).isoformat()
    return _misfit(value, "a day")


def _date(value: Any) -> str:
    return day(value) if isinstance(value, str) else _misfit(value, "a day")


@lru_cache(maxsize=4096)
def _moment(value: str) -> str:
    parts = _MOMENT.fullmatch(value)
    if not parts:
        return f"{day(value)}T00:00:00Z" if ":" not in value else _misfit(value, "a moment")
    on, time, fraction, zone = parts.groups(default="")
    dt.datetime.fromisoformat(f"{on}T{time}")
    offset = zone if ":" in zone or not zone[1:] else f"{zone[:3]}:{zone[3:]}"
    return f"{on}T{time}{fraction}{offset.upper() or 'Z'}"


def _timestamp(value: Any) -> str | None:
    if not isinstance(value, str):
        return _misfit(value, "a moment")
    return None if value.startswith(NO_MOMENT) else _moment(value)


def _utc_timestamp(value: Any) -> str | None:
    moment = _timestamp(value)
    return moment and _in_utc(moment)


@lru_cache(maxsize=4096)
def _in_utc(moment: str) -> str:
    whole, offset = moment[:19], moment[19:].lstrip(".0123456789")
    fraction = moment[19 : len(moment) - len(offset)]
    utc = dt.datetime.fromisoformat(whole + offset.replace("Z", "+00:00")).astimezone(dt.timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def read_object(value: Any) -> dict[str, Any]:
    """Read a JSON object, or the text of one; raise ``ValueError`` for anything else."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        return _misfit(value, "a JSON object")
    try:
        parsed = _decode(value)
    except ValueError:
        parsed = _decode("{" + value + "}")
    return parsed if isinstance(parsed, dict) else _misfit(value, "a JSON object")


def _json_array(value: Any) -> list[Any]:
    parsed = _decode(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, list) else _misfit(value, "a JSON array")


def _tiers(value: Any) -> list[dict[str, Decimal | int]]:
    rates = read_object(value)
    tiers = [{"from_quantity": _number(quantity), "rate": _number(rate)} for quantity, rate in rates.items()]
    return sorted(tiers, key=itemgetter("from_quantity"))


def _decode(value: str) -> Any:
    parsed = _JSON.decode(value)
    if "\\u" in value:
        # Raises for half of a surrogate pair, which no UTF-8 can hold.
        json.dumps(parsed, ensure_ascii=False, default=str).encode()
    return parsed


def _no_constant(value: str) -> NoReturn:
    _misfit(value, "a JSON number")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _misfit(pairs, "an object with distinct names")


# The standard library's decoder, because it can read raw line breaks inside strings and see repeated names.
_JSON = json.JSONDecoder(strict=False, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unrepeated)

# What reads many texts at once, or says by None that one of them is no such value as most are.
READ_TEXTS: Mapping[Read, ReadTexts] = {_text: _texts, _number: _numbers}
# The kinds of values that a reader leaves as they are.
READY: Mapping[Read, frozenset[type]] = {
    _number: frozenset({int, Decimal, type(None)}),
    _flag: frozenset({bool, type(None)}),
}
