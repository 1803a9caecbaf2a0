"""What holds for any input, tried with Hypothesis."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import chain
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from singer_sdk.singerlib.encoding.simple import RecordMessage

from tap_azure_ea.api.bodies import decode
from tap_azure_ea.datasets.ea_reporting.usage_details import UsageDetails
from tap_azure_ea.fields import date, flag, integer, json_object, number, text, timestamp
from tap_azure_ea.records import EXTRA, RecordReader, plain
from tests.conftest import Recorder
from tests.conftest import decode as parse

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,28})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs"]))


def emitted(record: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    line = Recorder().serialize_message(RecordMessage("stream", record))
    read_back: dict[str, Any] = parse(line)["record"]
    return line, read_back


@given(NUMBERS)
@example("1E-7")
@example("123456789012345678901.1234567890123456789012345678")
def test_any_number_survives_from_the_wire_to_the_message(wire: str) -> None:
    reader = RecordReader((number("cost", "Cost."), EXTRA), {"cost", "extra"}, {})
    for body in (f'{{"cost": {wire}}}', f'{{"cost": "{wire}"}}'):
        line, record = emitted(reader.read(decode(body.encode())))
        assert record["extra"] is None
        written = re.search(rb'"cost":([^,]+),', line)
        assert written
        assert Decimal(written[1].decode()).as_tuple() == Decimal(wire).as_tuple() or wire.lstrip("-") == "0"


@given(
    st.sampled_from(UsageDetails.fields), st.sampled_from([" ", "_", "-", "", "."]), st.randoms(use_true_random=False)
)
def test_any_header_dialect_finds_its_field_and_none_finds_two(field: Any, separator: str, random: Any) -> None:
    words = separator.join(field.name.strip("_").split("_"))
    dialect = "".join(random.choice((letter.upper(), letter.lower())) for letter in words)
    names = [candidate.name for candidate in UsageDetails.fields]
    reader = RecordReader(UsageDetails.fields, names, {})
    record = reader.read({dialect: "201701", f"Lokal ({dialect})": "201702"})
    if field.read is None:
        assert record["extra"] == {dialect: "201701", f"Lokal ({dialect})": "201702"}
    else:
        filled = [name for name, value in record.items() if value is not None and name != "extra"]
        assert filled in ([field.name], [])
        assert record["extra"][f"Lokal ({dialect})"] == "201702"


def test_no_two_fields_of_a_dataset_share_a_spelling() -> None:
    names = [plain(name) for field in UsageDetails.fields for name in (field.name, *field.aliases)]
    assert len(names) == len(set(names))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
    max_leaves=5,
)


@settings(max_examples=400)
@given(WORDS | JSON.map(json.dumps) | st.dictionaries(WORDS, JSON).map(lambda tags: json.dumps(tags)[1:-1]))
@example('"a": "b"')
@example('{"a": 1, "a": 2}')
@example('{"a": NaN}')
def test_any_tags_text_ends_as_an_object_or_in_extra(wire: str) -> None:
    reader = RecordReader((json_object("tags", "Tags."), EXTRA), {"tags", "extra"}, {})
    _, record = emitted(reader.read({"tags": wire}))
    if wire == "":
        assert record == {"tags": None, "extra": None}
    elif record["tags"] is None:
        assert record["extra"] == {"tags": wire}
    else:
        assert record["extra"] is None
        try:
            sent = json.loads(wire, strict=False)
        except ValueError:
            sent = json.loads("{" + wire + "}", strict=False)
        assert record["tags"] == sent


@given(st.dictionaries(WORDS, JSON))
def test_any_row_ends_whole_in_its_columns_and_extra(row: dict[str, Any]) -> None:
    fields = (text("name", "Name."), number("cost", "Cost."), EXTRA)
    record = RecordReader(fields, {"name", "cost", "extra"}, {}).read(row)
    kept = {value for value in (record["name"], record["cost"]) if value is not None}
    lost = {
        name
        for name, value in row.items()
        if value not in (None, "") and name not in (record["extra"] or {}) and plain(name) not in {"name", "cost"}
    }
    assert not lost
    assert len(kept) <= 2


KINDS = (text, integer, number, flag, date, timestamp, json_object)
MANY = (*(kind(f"{kind.__name__}_field", "A field.") for kind in KINDS), EXTRA)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(
        [
            "",
            " ",
            "1",
            "1.0",
            "1.00",
            "True",
            "false",
            "2026-02-01",
            "02/01/2026",
            "2026-02-01T00:00:00Z",
            '"a": 1',
            "{}",
        ]
    ),
    st.sampled_from(["0", "1", "1.0", "1.00", "1E+2"]).map(Decimal),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(WORDS, st.integers(), max_size=2),
)
NAMES = [field.name for field in MANY if field.read] + ["unknown"]
TEXTS = st.sampled_from(
    ["", " ", "1", "-1.50", "1-2", ".", "1_0", "1E5", "NaN", "Infinity", "\u0663", "true", "2026-02-01"]
)
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), max_size=12)
ROWS_OF_TEXTS = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, TEXTS)), max_size=4)


@settings(max_examples=300)
@given(ROWS | ROWS_OF_TEXTS, st.booleans())
def test_rows_are_read_many_at_a_time_as_they_are_one_by_one(rows: list[dict[str, Any]], ragged: bool) -> None:
    if ragged and rows:
        rows[0].pop("text_field")
    selected = {field.name for field in MANY}
    one, many = (RecordReader(MANY, selected, {"text_field": "1"}) for _ in range(2))
    assert repr(list(chain.from_iterable(many.read_all(rows)))) == repr([one.read(row) for row in rows])
    assert (many.misfits, many.unknown) == (one.misfits, one.unknown)
