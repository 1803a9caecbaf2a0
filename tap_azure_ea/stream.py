"""How a dataset is spoken in Singer: parts that are replaced as one, and bookmarks that vouch for them.

It is the same for all families of APIs. What a part is, and how it is asked for, is theirs to say.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import StateMessage

from tap_azure_ea.api.csv_rows import Table
from tap_azure_ea.api.errors import ForbiddenError, NoDataError, PartError
from tap_azure_ea.batch import BatchFiles, MisfitError
from tap_azure_ea.fields import Field, json_schema
from tap_azure_ea.progress import PartProgress, Progress
from tap_azure_ea.records import Record, RecordReader, Row
from tap_azure_ea.snapshot import DELETED_AT, Page, Snapshot
from tap_azure_ea.writer import BufferedWriter

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import MetadataMapping

API = TypeVar("API")
Records = Generator[Record, Any, Any]
ReadAll = Callable[[Iterable[Row]], Iterator[Any]]
Ask = Callable[[RecordReader, "str | None"], "Iterator[Page] | None"]


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Part:
    """What is asked for at once and replaced as one.

    ``request`` is what its rows are the answer to; ``given`` are the values of its records that it decides; ``ask``
    returns its pages, or None if it is still the version that the ETag names. ``settled`` parts are not expected to
    change: their reading needs no STATE of its own. ``finish`` is called when a reading can be vouched for, ``leave``
    when there was nothing to read yet.
    """

    title: str
    request: str
    given: Mapping[str, str]
    bookmark: dict[str, Any]
    ask: Ask
    belongs: Callable[[Record], bool] | None = None
    settled: bool = False
    finish: Callable[[], None] = _nothing
    leave: Callable[[], None] = _nothing


class SnapshotStream(Stream, Generic[API]):
    """A dataset that is read in parts, each of them an exactly replaced set of rows.

    ``needs_one_of`` are settings without which there is nothing to ask for; ``failures`` says why some could not be
    read, and what, while the rest was, and ``refusals`` holds the errors themselves. A dataset is ``incremental`` if
    the next run needs its bookmarks, and ``written_by_others`` if its records may come while other datasets are read.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    # A part that has not changed is not emitted, so no target may take what is emitted for the whole table.
    emit_activate_version_messages = False

    needs_one_of: ClassVar[tuple[str, ...]] = ("enrollment_number",)
    fields: ClassVar[tuple[Field, ...]]
    primary_keys: tuple[str, ...]
    incremental: ClassVar[bool] = True
    written_by_others: ClassVar[bool] = False

    def __init__(self, tap: Tap, connect: Callable[[], API]) -> None:
        super().__init__(tap, schema=json_schema(self.fields, self.primary_keys))
        self._connect = connect
        self._closed: set[Any] = set()
        self.progress = Progress(self.name, self.logger)
        self.failures: dict[str, list[str]] = {}
        self.refusals: list[Exception] = []
        self._unvouched: list[Callable[[], None]] = []
        self._sampled = 0

    @cached_property
    def api(self) -> API:
        """Who is asked."""
        return self._connect()

    @abstractmethod
    def parts(self, context: Context) -> Iterator[Part]:
        """Yield what a partition is asked for in; each is read before the next is yielded."""

    @property
    def metadata(self) -> MetadataMapping:
        """The SDK's, but the mark of deleted rows cannot be deselected: without it they would look alive."""
        metadata = super().metadata
        if mark := metadata.get(("properties", DELETED_AT.name)):
            mark.inclusion = mark.InclusionType.AUTOMATIC
        return metadata

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The selected columns, in the schema's order."""
        known = self.effective_schema["properties"]
        return tuple(f.name for f in self.fields if f.name in known and self.mask["properties", f.name])

    def parameters(self, request: str) -> str:
        """Return what a reading depends on: the request, and the columns, for one selected later must be filled."""
        return f"{request} columns={hashlib.sha256(' '.join(self.columns).encode()).hexdigest()[:8]}"

    @property
    def sampling(self) -> bool:
        """Whether this is but a connection test."""
        return self.ABORT_AT_RECORD_COUNT is not None

    def place(self, context: Context) -> str:
        """Say which partition of how many it is."""
        partitions: list[Any] = self.partitions or []
        return f"{partitions.index({**context}) + 1} of {len(partitions)}"

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield a partition's records; in a connection test, as many as the SDK wants and without asking for more."""
        if self.ABORT_AT_RECORD_COUNT is None:
            yield from self.read(context)
        else:
            for record in islice(self.read(context), self.ABORT_AT_RECORD_COUNT - self._sampled):
                self._sampled += 1
                yield record

    def read(self, context: Context | None) -> Iterator[Record]:
        """Yield the rows of what has changed; without a partition there is nothing that has this dataset.

        What is refused does not keep the rest from being read, but what else is of a scope that may not be asked.
        """
        scope = next(iter(context.values()), None) if context else None
        if scope in self._closed or (context is None and self.partitions is not None):
            return
        try:
            for part in self.parts(context or {}):
                yield from self._replace(part)
        except PartError as error:
            if self.sampling:
                raise
            if isinstance(error, ForbiddenError):
                self._closed.add(scope)
            title = " of ".join([self.name, *filter(None, [" ".join(map(str, (context or {}).values()))])])
            self.failures.setdefault(str(error), []).append(title)
            self.refusals.append(error)
            self.logger.error("%s cannot be read; the rest is read before the run fails. %s", title, error)  # noqa: TRY400

    def _replace(self, part: Part) -> Iterator[Record]:
        """Yield a part's rows if they have changed, and let its bookmark vouch for them once they are written."""
        publish = _nothing if part.settled else self.publish
        snapshot = Snapshot(part.bookmark, self.parameters(part.request), publish, self.STATE_MSG_FREQUENCY)
        progress = self.progress.part(part.title, snapshot, quiet=part.settled)
        reader = RecordReader(self.fields, self.columns, part.given)
        try:
            pages = part.ask(reader, snapshot.etag)
            if pages is None:
                progress.unchanged()
                return
            # Of a sample, no row is read before it is wanted.
            read: ReadAll = partial(map, reader.read) if self.sampling else partial(_read_all, reader)
            if part.belongs:
                read = partial(_read_if, part.belongs, read, progress)
            yield from snapshot.replace(progress.watch(pages, reader), read, reader.blank())
            progress.read(reader)
            self._unvouched += [snapshot.vouch, part.finish, publish]
        except NoDataError as error:
            progress.no_data(error)
            self._unvouched.append(part.leave)
        finally:
            self.flush()
        if not self.get_batch_config(self.config):
            self._vouch()

    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        """Yield the files of one partition after the other, so that none is vouched for before its last file is out."""
        self._refuse_maps()
        fields = [field for field in self.fields if field.name in self.columns]
        files = BatchFiles(fields, batch_config, f"{self.tap_name}--{self.name}")
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            for partition in [context] if context else self.partitions or (None,):
                counter.with_context(partition)
                timer.with_context(partition)
                try:
                    for address, rows in files.write(self.get_records(partition)):
                        counter.increment(rows)
                        yield batch_config.encoding, [address]
                    self._vouch()
                except MisfitError as error:
                    self._unvouched.clear()
                    self.failures.setdefault(str(error), []).append(self.name)
                    self.refusals.append(error)
                    self.logger.error("%s is not read to its end: %s", self.name, error)  # noqa: TRY400

    def log_sync_costs(self) -> None:
        """Close the run with a line about this dataset."""
        if self.selected:
            self.progress.close()

    def _sync_records(self, context: Context | None = None, *, write_messages: bool = True) -> Records:
        """Write all records, without what the SDK does to each of them: they leave ``records.py`` as they are due.

        Where they are mapped, flattened, sampled or written elsewhere, they take the SDK's road.
        """
        writer = self._tap.message_writer
        if self._mapped or self.sampling or not write_messages or not isinstance(writer, BufferedWriter):
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        written = counted = 0
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            for partition in [context] if context else self.partitions or (None,):
                counter.with_context(partition)
                timer.with_context(partition)
                for record in self.get_records(partition):
                    writer.write_record(self.name, record)
                    written += 1
                    if not written % self.STATE_MSG_FREQUENCY:
                        counter.increment(written - counted)
                        counted = written
                        self._write_unsaid_state()
                counter.increment(written - counted)
                counted = written
        self._write_unsaid_state()

    def _write_unsaid_state(self) -> None:
        self.state_manager.is_flushed = False
        self._write_state_message()

    @cached_property
    def _mapped(self) -> bool:
        mapped = any(type(stream_map) is not SameRecordTransform for stream_map in self.stream_maps)
        return mapped or bool(self.config.get("flattening_enabled"))

    def publish(self) -> None:
        """Write STATE now: what it says must be out before the next row."""
        self._tap.write_message(StateMessage(self.tap_state))

    def flush(self) -> None:
        """Write out what the writer has gathered."""
        if isinstance(self._tap.message_writer, BufferedWriter):
            self._tap.message_writer.flush()

    def _vouch(self) -> None:
        """Let the bookmarks of what was written last say so, and say it at once."""
        for step in self._unvouched:
            step()
        self._unvouched.clear()

    def _refuse_maps(self) -> None:
        """BATCH files hold the dataset's own columns, neither mapped nor flattened."""
        if self._mapped:
            error = f"batch_config cannot be combined with stream_maps or flattening_enabled ({self.name})"
            raise ConfigValidationError(error, errors=[error])


def _read_all(reader: RecordReader, rows: Iterable[Row]) -> Iterator[Record]:
    """Read rows by column, which is how those of a table lie already."""
    if isinstance(rows, Table):
        return reader.read_columns(rows.names, tuple(zip(*rows.cells, strict=True)), len(rows.cells))
    return reader.read_all(rows)


def _read_if(
    belongs: Callable[[Record], bool], read: ReadAll, progress: PartProgress, rows: Iterable[Row]
) -> Iterator[Record | None]:
    """Read rows, those as None that are not of the days asked for: the API is known to send such rows."""
    for record in read(rows):
        if belongs(record):
            yield record
        else:
            progress.outside += 1
            yield None
