"""BATCH files: records as JSON lines or Parquet, complete and in their place before anyone is told.

JSON lines hold what RECORD messages hold. Parquet has one type for each kind of column, the same in every file:
integers are BIGINT, days DATE, moments TIMESTAMP in UTC to the microsecond (what Azure sends beyond is cut), objects
and arrays their JSON text. Numbers are text with every digit, for whoever reads them to cast: no decimal type that all
engines read is exact for what Azure sends, and DECIMAL(38, 28), the nearest, overflows in a sum of ten billion yen.
"""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain, count
from typing import IO, TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import msgspec
from singer_sdk.exceptions import ConfigValidationError
from upath import UPath

from tap_azure_ea.fields import Field
from tap_azure_ea.records import Records

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig, StorageTarget

# What records may come to in Arrow before they are written as one row group.
ROW_GROUP_BYTES = 16 << 20
# The last of the quick ones: the next takes twice the time for a fifth fewer bytes.
GZIP_LEVEL = 3
BEYOND_MICROSECONDS = r"(\.\d{6})\d+"

_JSON = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class MisfitError(ValueError):
    """A value that its column's type in the file cannot hold exactly."""


class Format(Protocol):
    """How records become a file."""

    @property
    def ending(self) -> str:
        """What the file's name ends in."""

    def write(self, file: IO[bytes], records: Iterable[Records]) -> int:
        """Write all the records and return how many there were."""


class JSONLines:
    """A record a line, packed if the messages will say so."""

    def __init__(self, _fields: Collection[Field], compression: str | None) -> None:
        self._packed = compression == "gzip"
        self.ending = ".json.gz" if self._packed else ".json"

    def write(self, file: IO[bytes], records: Iterable[Records]) -> int:
        """Write lines, some at a time."""
        rows = 0
        packer = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL) if self._packed else nullcontext(file)
        with packer as lines:
            for some in records:
                lines.write(_JSON.encode_lines(list(some.packed())))
                rows += some.count
        return rows


class Parquet:
    """Columns of the types that the schema says, whatever the values happen to be."""

    ending = ".parquet"

    def __init__(self, fields: Collection[Field], compression: str | None) -> None:
        self._arrow, self._parquet = _pyarrow()
        self._kinds = {field.name: field.schema.get("format", field.schema["type"]) for field in fields}
        types, text = self._types(), self._arrow.string()
        self._schema = self._arrow.schema([(name, types.get(kind, text)) for name, kind in self._kinds.items()])
        self._compression = compression or "snappy"

    def write(self, file: IO[bytes], records: Iterable[Records]) -> int:
        """Write row groups of bounded size."""
        rows = 0
        with self._parquet.ParquetWriter(file, self._schema, compression=self._compression) as writer:
            for group in self._groups(records):
                writer.write_table(group)
                rows += group.num_rows
        return rows

    def _types(self) -> dict[str, Any]:
        """Return the types of the kinds of columns that are not text."""
        return {
            "integer": self._arrow.int64(),
            "boolean": self._arrow.bool_(),
            "date": self._arrow.date32(),
            "date-time": self._arrow.timestamp("us", "UTC"),
        }

    def _groups(self, records: Iterable[Records]) -> Iterator[Any]:
        """Gather records, as Arrow, in tables that are as large as a row group may be."""
        gathered: list[Any] = []
        for some in records:
            columns = [self._column(name, some.columns[name]) for name in self._kinds]
            gathered.append(self._arrow.record_batch(columns, schema=self._schema))
            if sum(batch.nbytes for batch in gathered) >= ROW_GROUP_BYTES:
                yield self._arrow.Table.from_batches(gathered)
                gathered = []
        if gathered:
            yield self._arrow.Table.from_batches(gathered)

    def _column(self, name: str, values: Sequence[Any]) -> Any:
        kind, arrow_type = self._kinds[name], self._schema.field(name).type
        if write := TEXTS.get(kind):
            values = [None if value is None else write(value) for value in values]
        try:
            if kind not in {"date", "date-time"}:
                return self._arrow.array(values, arrow_type)
            texts = self._arrow.array(values, self._arrow.string())
            if kind == "date-time":
                texts = self._arrow.compute.replace_substring_regex(texts, BEYOND_MICROSECONDS, r"\1")
            return texts.cast(arrow_type)
        except (self._arrow.ArrowInvalid, OverflowError):
            raise MisfitError(
                f"{name} holds a value that is beyond {arrow_type}, its type in Parquet: deselect the column, or set "
                "batch_config.encoding.format to jsonl"
            ) from None


class BatchFiles:
    """The files of one dataset in one run, named so that they sort as they were written, run after run."""

    def __init__(self, fields: Collection[Field], config: BatchConfig, title: str) -> None:
        self._format: Format = FORMATS[config.encoding.format](fields, config.encoding.compression)
        self.encoding = config.encoding
        self._storage = config.storage
        self._size = config.batch_size
        now = dt.datetime.now(dt.timezone.utc)
        self._run = f"{config.storage.prefix or ''}{title}-{now:%Y%m%dT%H%M%S%fZ}-{uuid4()}"
        self._numbers = count(1)

    def write(self, records: Iterable[Records]) -> Iterator[tuple[str, int]]:
        """Write files of ``batch_size`` records, the last with what is left; yield address and rows of each."""
        rest = _cut(records, self._size)
        for first in rest:
            name = f"{self._run}-{next(self._numbers):06}{self._format.ending}"
            with _whole(self._storage, name) as file:
                rows = self._format.write(file, _filling(chain((first,), rest), self._size))
            yield self._storage.get_url(name), rows


def _cut(records: Iterable[Records], size: int) -> Iterator[Records]:
    """Pass records on, cut where a file of that size is full."""
    room = size
    for some in records:
        rest = some
        while rest.count >= room:
            first, rest = rest.split(room)
            yield first
            room = size
        if rest.count:
            yield rest
            room -= rest.count


def _filling(records: Iterator[Records], size: int) -> Iterator[Records]:
    """Take from the records what fills a file of that size."""
    for some in records:
        yield some
        size -= some.count
        if not size:
            return


def _json(value: Any) -> str:
    return _JSON.encode(value).decode()


# The kinds of columns that are text in Parquet, while their values are not.
TEXTS: dict[str, Callable[[Any], str]] = {"number": str, "object": _json, "array": _json}
FORMATS: dict[str, type[JSONLines | Parquet]] = {"jsonl": JSONLines, "parquet": Parquet}


@contextmanager
def _whole(storage: StorageTarget, name: str) -> Iterator[IO[bytes]]:
    """Open a file that takes its place once it is complete, and leaves nothing behind if that fails."""
    # The SDK's own way to open a file would leave the transaction open then.
    path = UPath(storage.root, **storage.params).resolve() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.fs.transaction, path.fs.open(path.path, "wb") as file:
        yield file


def _pyarrow() -> tuple[Any, Any]:
    try:
        # Only who wants Parquet needs to have it.
        import pyarrow.compute  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        error = "batch_config.encoding.format parquet needs pyarrow: pip install 'tap-azure-ea[parquet]'"
        raise ConfigValidationError(error, errors=[error]) from None
    return pyarrow, pyarrow.parquet
