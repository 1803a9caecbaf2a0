from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from singer_sdk.singerlib.encoding.simple import RecordMessage

from tap_azure_ea import fields
from tap_azure_ea.fields import Field, json_schema
from tap_azure_ea.records import EXTRA, RecordReader
from tests.conftest import Recorder, decode

TEXT = fields.text("value", "A text.")
TRIMMED = fields.text("value", "A code.", trim=True)
INTEGER = fields.integer("value", "A whole number.")
NUMBER = fields.number("value", "A number.")
FLAG = fields.flag("value", "A flag.")
DATE = fields.date("value", "A day.")
TIMESTAMP = fields.timestamp("value", "A moment.")
OBJECT = fields.json_object("value", "An object.")
ARRAY = fields.json_array("value", "An array.", items={"type": "object"})


def read(field: Field, wire_json: str) -> dict[str, Any]:
    """Read a value as the wire holds it, and return the record as the target gets it."""
    reader = RecordReader((field, EXTRA), {"value", "extra"}, {})
    record = reader.read(decode('{"value": ' + wire_json + "}"))
    line = Recorder().serialize_message(RecordMessage("stream", record))
    read_back: dict[str, Any] = decode(line)["record"]
    return read_back


@pytest.mark.parametrize(
    ("field", "wire_json", "value"),
    [
        (TEXT, '"words"', "words"),
        (TEXT, '"  kept  "', "  kept  "),
        (TEXT, '""', None),
        (TEXT, "null", None),
        (TEXT, "201704", "201704"),
        (TEXT, "1.50", "1.50"),
        (TEXT, "true", "true"),
        (TRIMMED, '"USD  "', "USD"),
        (TRIMMED, '"   "', None),
        (INTEGER, "260000000101", 260000000101),
        (INTEGER, '"42"', 42),
        (INTEGER, "7.0", 7),
        (INTEGER, "123456789012345678901", 123456789012345678901),
        (NUMBER, "0", 0),
        (NUMBER, "1.10", Decimal("1.10")),
        (NUMBER, '"1E-7"', Decimal("1E-7")),
        (NUMBER, "1E-7", Decimal("1E-7")),
        (NUMBER, '" 12.5 "', Decimal("12.5")),
        (NUMBER, "0.1234567890123456789012345678", Decimal("0.1234567890123456789012345678")),
        (NUMBER, "123456789012345678901.5", Decimal("123456789012345678901.5")),
        (NUMBER, "-18.000000000000000", Decimal("-18.000000000000000")),
        (FLAG, "true", True),
        (FLAG, '"False"', False),
        (FLAG, '"TRUE"', True),
        (DATE, '"2018-08-01T00:00:00"', "2018-08-01"),
        (DATE, '"2018-08-01"', "2018-08-01"),
        (DATE, '"08/31/2018"', "2018-08-31"),
        (DATE, '"2017-04-30T11:59:59Z"', "2017-04-30"),
        (TIMESTAMP, '"2015-09-17T23:59:59Z"', "2015-09-17T23:59:59Z"),
        (TIMESTAMP, '"2017-08-29T06:56:29.1290704"', "2017-08-29T06:56:29.1290704Z"),
        (TIMESTAMP, '"2018-02-19T00:00:00-0700"', "2018-02-19T00:00:00-07:00"),
        (TIMESTAMP, '"2018-02-19"', "2018-02-19T00:00:00Z"),
        (OBJECT, '"{\\"a\\": 1.10}"', {"a": Decimal("1.10")}),
        (OBJECT, '"\\"a\\": \\"b\\""', {"a": "b"}),
        (OBJECT, '"{\\"a\\": \\"two\\nlines\\"}"', {"a": "two\nlines"}),
        (OBJECT, '{"a": null}', {"a": None}),
        (OBJECT, '"{}"', {}),
        (OBJECT, r'"{\"a\": \"\\ud83d\\ude00\"}"', {"a": "\U0001f600"}),
        (OBJECT, '""', None),
        (ARRAY, '[{"name": "SIE Credit", "value": 1.0}]', [{"name": "SIE Credit", "value": Decimal("1.0")}]),
        (ARRAY, '"[{\\"name\\": \\"SIE Credit\\"}]"', [{"name": "SIE Credit"}]),
    ],
)
def test_a_value_reaches_the_target_exactly(field: Field, wire_json: str, value: object) -> None:
    record = read(field, wire_json)
    assert record == {"value": value, "extra": None}
    if isinstance(value, Decimal):
        assert str(record["value"]) == str(value)


@pytest.mark.parametrize(
    ("field", "wire_json"),
    [
        (TEXT, '{"a": 1}'),
        (INTEGER, "1.5"),
        (INTEGER, '"many"'),
        (INTEGER, "1E99"),
        (INTEGER, "true"),
        (NUMBER, '"1,234.56"'),
        (NUMBER, '"NaN"'),
        (NUMBER, '"Infinity"'),
        (NUMBER, '"1_000"'),
        (NUMBER, "true"),
        (NUMBER, '"free"'),
        (FLAG, '"maybe"'),
        (FLAG, "1"),
        (DATE, '"2018-02-30"'),
        (DATE, '"yesterday"'),
        (DATE, "20180801"),
        (TIMESTAMP, '"2018-02-19T25:00:00Z"'),
        (TIMESTAMP, '"02/19/2018 13:45"'),
        (TIMESTAMP, "5"),
        (OBJECT, '"not json"'),
        (OBJECT, '"[1, 2]"'),
        (OBJECT, '"{\\"a\\": 1, \\"a\\": 2}"'),
        (OBJECT, '"{\\"a\\": NaN}"'),
        (OBJECT, "17"),
        (ARRAY, '"{}"'),
        (ARRAY, '"["'),
        (OBJECT, r'"{\"a\": \"cut \\ud83d\"}"'),
        (OBJECT, '"' + "[" * 100_000 + '"'),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else value.schema["type"],
)
def test_a_value_that_does_not_fit_is_null_and_kept_in_extra_as_azure_sent_it(field: Field, wire_json: str) -> None:
    assert read(field, wire_json) == {"value": None, "extra": {"value": decode(wire_json)}}


def test_the_schema_names_types_and_describes_every_column_and_only_keys_are_never_null() -> None:
    key = fields.text("key", "A key.")
    assert json_schema((key, DATE, OBJECT), ("key",)) == {
        "type": "object",
        "properties": {
            "key": {"type": "string", "description": "A key."},
            "value": {"type": ["object", "null"], "additionalProperties": True, "description": "An object."},
        },
        "required": ["key"],
    }
