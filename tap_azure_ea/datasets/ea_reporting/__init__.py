"""The datasets of the EA Reporting API, and what they share: billing periods, freshness and snapshots."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import quote

from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import StateMessage

from tap_azure_ea.api.ea_reporting import EAReportingAPI, Page, listing
from tap_azure_ea.api.http import NoDataError
from tap_azure_ea.fields import Field, json_schema, text
from tap_azure_ea.progress import PartProgress, Progress
from tap_azure_ea.records import EXTRA, Record, RecordReader, Row
from tap_azure_ea.snapshot import DELETED_AT, ETAG, ROW_NUMBER, Snapshot
from tap_azure_ea.writer import BufferedWriter

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import MetadataMapping

    from tap_azure_ea.datasets.ea_reporting.billing_periods import BillingPeriod, BillingPeriods

ENROLLMENT_NUMBER = text("enrollment_number", "Number of the EA enrollment.")
BILLING_PERIOD_ID = text("billing_period_id", "Billing period, yyyyMM.")


def period_record(*fields: Field) -> tuple[Field, ...]:
    """Return the fields of a dataset that has one record for each billing period."""
    return (ENROLLMENT_NUMBER, BILLING_PERIOD_ID, *fields, ETAG, DELETED_AT, EXTRA)


def period_rows(*fields: Field) -> tuple[Field, ...]:
    """Return the fields of a dataset that has any number of rows, without a key of their own, for each period."""
    return period_record(ROW_NUMBER, *fields)


@dataclass(frozen=True)
class Part:
    """What is asked for at once and replaced as one: its name in the log, its requests, and which records are its."""

    title: str
    path: str
    report_path: str | None = None
    belongs: Callable[[Record], bool] | None = None


class EAReportingStream(Stream):
    """A dataset that the EA Reporting API publishes for each billing period.

    ``path`` asks for a whole period and ``custom_date_path`` for the days of one, where the API can do that; then
    ``day_field`` names the column that tells a row's day. The two report paths submit the same as reports in CSV.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    # A period that has not changed is not emitted, so no target may take what is emitted for the whole table.
    emit_activate_version_messages = False

    path: ClassVar[str]
    custom_date_path: ClassVar[str | None] = None
    report_path: ClassVar[str | None] = None
    custom_date_report_path: ClassVar[str | None] = None
    day_field: ClassVar[str | None] = None
    fields: ClassVar[tuple[Field, ...]]
    primary_keys: tuple[str, ...] = (ENROLLMENT_NUMBER.name, BILLING_PERIOD_ID.name, ROW_NUMBER.name)

    @staticmethod
    def envelope(body: Any) -> tuple[list[dict[str, Any]], str | None]:
        """Open an answer: its rows, and the link to the next page."""
        return listing(body)

    def __init__(self, tap: Tap, connect: Callable[[], EAReportingAPI]) -> None:
        super().__init__(tap, schema=json_schema(self.fields, self.primary_keys))
        self._connect = connect
        self._unvouched: Snapshot | None = None
        self._sampled = 0
        self._progress = Progress(self.name, self.logger)

    @cached_property
    def api(self) -> EAReportingAPI:
        """The enrollment to ask."""
        return self._connect()

    @cached_property
    def periods(self) -> dict[str, BillingPeriod]:
        """The billing periods that have this dataset, newest first, by their id."""
        helper = cast("BillingPeriods", self._tap.streams["billing_periods"])
        periods = helper.periods_with(self.name)
        return {period.billing_period_id: period for period in periods}

    @cached_property
    def partitions(self) -> list[dict[str, str]] | None:
        """A context for each billing period."""
        return [
            {ENROLLMENT_NUMBER.name: self.api.enrollment_number, BILLING_PERIOD_ID.name: period_id}
            for period_id in self.periods
        ]

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

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield a period's records; in a connection test, as many as the SDK wants and without asking for more."""
        if self.ABORT_AT_RECORD_COUNT is None:
            yield from self.read(context)
        else:
            for record in islice(self.read(context), self.ABORT_AT_RECORD_COUNT - self._sampled):
                self._sampled += 1
                yield record

    def read(self, context: Context | None) -> Iterator[Record]:
        """Yield a period's rows if they have changed, and let its bookmark vouch for them once they are written."""
        if context is None:
            # So the SDK asks where there is no partition: no period has this dataset.
            return
        part = self.part(context)
        bookmark = self.get_context_state(context)
        snapshot = Snapshot(bookmark, self._parameters(part), self._publish, self.STATE_MSG_FREQUENCY)
        place = (self.partitions or []).index({**context}) + 1
        progress = self._progress.part(f"{part.title} ({place} of {len(self.partitions or [])})", snapshot)
        reader = RecordReader(self.fields, self.columns, context)
        try:
            pages = self.pages(part, reader, snapshot.etag)
        except NoDataError as error:
            progress.no_data(error)
            return
        if pages is None:
            progress.unchanged()
            return
        read = partial(_read_if, part.belongs, reader, progress) if part.belongs else reader.read
        try:
            yield from snapshot.replace(progress.watch(pages, reader), read, reader.blank())
        finally:
            self._flush()
        progress.read(reader)
        self._unvouched = snapshot
        if not self.get_batch_config(self.config):
            self._vouch()

    def part(self, context: Context) -> Part:
        """Return what a partition stands for: by default a billing period, as far as it is asked for."""
        period = self.periods[context[BILLING_PERIOD_ID.name]]
        cut = self.custom_date_path and not period.whole
        path = (cut and self.custom_date_path) or self.path
        report_path = self.custom_date_report_path if cut else self.report_path
        fill = partial(
            self.fill,
            billing_period_id=period.billing_period_id,
            first_day=period.first_day,
            last_day=period.last_day,
        )
        return Part(
            f"Period {period.billing_period_id}",
            fill(path),
            fill(report_path) if report_path and self.config.get("usage_format") == "csv" else None,
            partial(_within, period, self.day_field) if self.day_field and "{first_day}" in path else None,
        )

    def fill(self, template: str, **values: str) -> str:
        """Fill in a path."""
        values["enrollment_number"] = self.api.enrollment_number
        return template.format(**{name: quote(value, safe="") for name, value in values.items()})

    def pages(self, part: Part, reader: RecordReader, etag: str | None) -> Iterator[Page] | None:
        """Ask for the pages of a part, or for None if it is still the version that the ETag names."""
        if part.report_path:
            return self.api.report_pages(part.path, part.report_path, reader.recognizes, etag)
        return self.api.pages(part.path, self.envelope, etag)

    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        """Yield the files of one period after the other, so that none is vouched for before its last file is out."""
        self._refuse_maps()
        partitions: list[Any] = [context] if context else self.partitions or [None]
        for partition in partitions:
            yield from super().get_batches(batch_config, partition)
            self._vouch()

    def log_sync_costs(self) -> None:
        """Close the run with a line about this dataset."""
        if self.selected:
            self._progress.close()

    def _parameters(self, part: Part) -> str:
        """What a reading depends on: the request, and the columns, for a column selected later must be filled."""
        columns = hashlib.sha256(" ".join(self.columns).encode()).hexdigest()
        return f"{part.report_path or part.path} columns={columns[:8]}"

    def _publish(self) -> None:
        """Write STATE now: what it says must be out before the next row."""
        self._tap.write_message(StateMessage(self.tap_state))

    def _vouch(self) -> None:
        """Let the bookmark of the period that was written last say so, and say it at once."""
        if self._unvouched:
            self._unvouched.vouch()
            self._unvouched = None
            self._publish()

    def _flush(self) -> None:
        if isinstance(self._tap.message_writer, BufferedWriter):
            self._tap.message_writer.flush()

    def _refuse_maps(self) -> None:
        """BATCH files hold the dataset's own columns: the SDK does not map or flatten what it writes to them."""
        mapped = any(type(stream_map) is not SameRecordTransform for stream_map in self.stream_maps)
        if mapped or self.config.get("flattening_enabled"):
            error = f"batch_config cannot be combined with stream_maps or flattening_enabled ({self.name})"
            raise ConfigValidationError(error, errors=[error])


def _within(period: BillingPeriod, day_field: str, record: Record) -> bool:
    day = record.get(day_field)
    return day is None or period.first_day <= day <= period.last_day


def _read_if(
    belongs: Callable[[Record], bool], reader: RecordReader, progress: PartProgress, row: Row
) -> Record | None:
    """Read a row, or return None if it is not of the days asked for: the API is known to send such rows."""
    record = reader.read(row)
    if belongs(record):
        return record
    progress.outside += 1
    return None
