"""How a dataset is spoken in Singer: parts that are replaced as one, and bookmarks that vouch for them.

It is the same for all families of APIs. What a part is, and how it is asked for, is theirs to say.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import cached_property, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import StateMessage

from tap_azure_ea.api.errors import ForbiddenError, NoDataError, NotReadyError, PartError
from tap_azure_ea.batch import BatchFiles, MisfitError
from tap_azure_ea.charge_ids import CHARGE_ID
from tap_azure_ea.fields import Field, json_schema
from tap_azure_ea.periods import BILLING_PERIOD_ID
from tap_azure_ea.progress import Progress
from tap_azure_ea.reading import Part, Reading
from tap_azure_ea.records import Record, Records
from tap_azure_ea.refresh import Refresh
from tap_azure_ea.snapshot import DELETED_AT, Snapshot
from tap_azure_ea.writer import BufferedWriter

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import MetadataMapping

API = TypeVar("API")
Refreshed = Callable[[str, Mapping[str, str], Record], None]


def _silently() -> None:
    pass


class SnapshotStream(Stream, Generic[API]):
    """A dataset that is read in parts, each of them an exactly replaced set of rows.

    ``needs_one_of`` are settings without which there is nothing to ask for; ``failures`` says why some could not be
    read, and what, while the rest was, and ``refusals`` holds the errors themselves; ``unready`` says what Azure was
    still preparing. ``amounts`` are the columns whose sums the bookmarks keep, the first of them the one that the log
    of refreshes shows; ``divided_by`` names columns whose values are summed apart, ``currency_field`` the one that
    tells the currency. A dataset that ``has_charges`` may give them a charge_id; ``changing`` are columns that say
    nothing of what a charge is for. ``refreshed`` is told of each reading of a billing period. A dataset is
    ``incremental`` if the next run needs its bookmarks, it ``reads_last`` if it is about what others have read, and is
    ``written_by_others`` if its records come while those are read.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    # A part that has not changed is not emitted, so no target may take what is emitted for the whole table.
    emit_activate_version_messages = False

    needs_one_of: ClassVar[tuple[str, ...]] = ("enrollment_number",)
    amounts: ClassVar[tuple[str, ...]] = ()
    divided_by: ClassVar[tuple[str, ...]] = ()
    currency_field: ClassVar[str | None] = None
    has_charges: ClassVar[bool] = False
    changing: ClassVar[tuple[str, ...]] = ()
    fields: tuple[Field, ...]
    primary_keys: tuple[str, ...]
    reads_last: ClassVar[bool] = False
    refreshed: Refreshed | None = None
    incremental: ClassVar[bool] = True
    written_by_others: ClassVar[bool] = False

    def __init__(self, tap: Tap, connect: Callable[[], API]) -> None:
        if self.has_charges and tap.config.get("charge_id"):
            self.fields = (*self.fields, CHARGE_ID)
        super().__init__(tap, schema=json_schema(self.fields, self.primary_keys))
        self._connect = connect
        self._closed: set[Any] = set()
        self.progress = Progress(self.name, self.logger)
        self.failures: dict[str, list[str]] = {}
        self.refusals: list[Exception] = []
        self.unready: list[NotReadyError] = []
        self._unvouched: list[Callable[[], None]] = []
        self._sampled = 0

    @cached_property
    def api(self) -> API:
        """Who is asked."""
        return self._connect()

    @abstractmethod
    def parts(self, context: Context) -> Iterator[Part]:
        """Yield what a partition is asked for in; each is read before the next is yielded."""

    def bookmarks(self, stream: str) -> list[dict[str, Any]]:
        """Return the bookmarks of a stream's partitions, without adding any."""
        found: list[dict[str, Any]] = self._tap.state.get("bookmarks", {}).get(stream, {}).get("partitions", [])
        return found

    def without_rows(self) -> Iterable[Mapping[str, str]]:
        """Return the periods asked for that Azure says have nothing of this dataset."""
        return ()

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
        records = chain.from_iterable(self.read(context))
        if self.ABORT_AT_RECORD_COUNT is None:
            yield from records
        else:
            for record in islice(records, self.ABORT_AT_RECORD_COUNT - self._sampled):
                self._sampled += 1
                yield record

    def read(self, context: Context | None) -> Iterator[Records]:
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
            place = " ".join(map(str, (context or {}).values()))
            title = f"{self.name} of {place}" if place else self.name
            self.fail(title, error)
            self.logger.error("%s cannot be read; the rest is read before the run fails. %s", title, error)  # noqa: TRY400

    def fail(self, title: str, error: Exception) -> None:
        """Note why something was not done, while the rest is."""
        self.failures.setdefault(str(error), []).append(title)
        self.refusals.append(error)

    def _replace(self, part: Part) -> Iterator[Records]:
        """Yield a part's rows if they have changed, and let its bookmark vouch for them once they are written."""
        publish = _silently if part.settled else self.publish
        snapshot = Snapshot(part.bookmark, self.parameters(part.request), publish, self.STATE_MSG_FREQUENCY)
        progress = self.progress.part(part.title, snapshot, quiet=part.settled)
        reading = Reading(self, part, progress, one_by_one=self.sampling)
        period = "" if self.sampling else part.given.get(BILLING_PERIOD_ID.name, "")
        refresh = Refresh(period, next(iter(self.amounts), ""), snapshot, reading.totals)
        complete = False
        try:
            pages = reading.pages(snapshot.etag)
            if pages is None:
                progress.unchanged()
                if refresh.confirm():
                    publish()
                return
            if refresh.begin():
                publish()
            yield from snapshot.replace(pages, reading.read, reading.reader.blank())
            complete = True
            progress.read(refresh.reason, reading.reader)
            if period and self.refreshed:
                record = refresh.record(reading.reader.misfits.total())
                self._unvouched.append(partial(self.refreshed, self.name, part.given, record))
            vouch = partial(snapshot.vouch, **refresh.bookmark(whole=part.whole))
            self._unvouched += [vouch, part.finish, publish]
        except NoDataError as error:
            progress.no_data(error)
            self._unvouched.append(part.leave)
            if isinstance(error, NotReadyError):
                self.unready.append(error)
        finally:
            if self._buffer:
                self._buffer.end_part(self.name, complete=complete)
        self.vouch_by()

    def vouch_by(self, *steps: Callable[[], None]) -> None:
        """Take these steps once what has been yielded is written: now, or when its BATCH file has been announced."""
        self._unvouched += steps
        if not self.get_batch_config(self.config):
            self._vouch()

    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        """Yield the files of one partition after the other, so that none is vouched for before its last file is out."""
        files = self.batch_files(batch_config)
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            for partition in [context] if context else self.partitions or (None,):
                counter.with_context(partition)
                timer.with_context(partition)
                try:
                    for address, rows in files.write(self.read(partition)):
                        counter.increment(rows)
                        yield batch_config.encoding, [address]
                    self._vouch()
                except MisfitError as error:
                    self._unvouched.clear()
                    self.fail(self.name, error)
                    self.logger.error("%s is not read to its end: %s", self.name, error)  # noqa: TRY400

    def batch_files(self, batch_config: BatchConfig) -> BatchFiles:
        """Return the files of this run; they hold the dataset's own columns, neither mapped nor flattened."""
        if self._mapped:
            error = f"batch_config cannot be combined with stream_maps or flattening_enabled ({self.name})"
            raise ConfigValidationError(error, errors=[error])
        fields = [field for field in self.fields if field.name in self.columns]
        return BatchFiles(fields, batch_config, f"{self.tap_name}--{self.name}")

    def log_sync_costs(self) -> None:
        """Close the run with a line about this dataset."""
        if self.selected:
            self.progress.close()

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        """Write all records, without what the SDK does to each of them: they leave ``records.py`` as they are due.

        Where they are mapped, flattened, sampled or written elsewhere, they take the SDK's road.
        """
        if not self._fast or self.sampling or not write_messages:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        unsaid = 0
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            for partition in [context] if context else self.partitions or (None,):
                counter.with_context(partition)
                timer.with_context(partition)
                for records in self.read(partition):
                    self.write(records)
                    counter.increment(records.count)
                    unsaid += records.count
                    if unsaid >= self.STATE_MSG_FREQUENCY:
                        unsaid = 0
                        self._write_unsaid_state()
        self._write_unsaid_state()

    def _write_unsaid_state(self) -> None:
        self.state_manager.is_flushed = False
        self._write_state_message()

    def write(self, records: Records) -> None:
        """Write records as RECORD messages, on the SDK's road where they are mapped, flattened or written elsewhere."""
        if self._buffer and self._fast:
            self._buffer.write_records(self.name, records)
        else:
            for record in records:
                self._write_record_message(record)

    @cached_property
    def _fast(self) -> bool:
        return bool(self._buffer) and not self._mapped

    @cached_property
    def _mapped(self) -> bool:
        mapped = any(type(stream_map) is not SameRecordTransform for stream_map in self.stream_maps)
        return mapped or bool(self.config.get("flattening_enabled"))

    def publish(self) -> None:
        """Write STATE now: what it says must be out before the next row."""
        self._tap.write_message(StateMessage(self.tap_state))

    def flush(self) -> None:
        """Write out what the writer has gathered."""
        if self._buffer:
            self._buffer.flush()

    @property
    def _buffer(self) -> BufferedWriter | None:
        writer = self._tap.message_writer
        return writer if isinstance(writer, BufferedWriter) else None

    def _vouch(self) -> None:
        """Let the bookmarks of what was written last say so, and say it at once."""
        for step in self._unvouched:
            step()
        self._unvouched.clear()
