"""What the tap says in Singer's words, said in Airbyte's: RECORD, STATE and stream status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import time_ns
from typing import Any

import msgspec
from singer_sdk.singerlib.encoding.simple import Message, RecordMessage, SchemaMessage, StateMessage

from tap_azure_ea.airbyte.catalog import CURSOR, DELETED
from tap_azure_ea.airbyte.held import HeldPart
from tap_azure_ea.airbyte.output import Output, milliseconds
from tap_azure_ea.airbyte.state import NO_CURSOR, StreamState
from tap_azure_ea.api.errors import NotReadyError
from tap_azure_ea.records import Records
from tap_azure_ea.snapshot import DELETED_AT, ROW_NUMBER
from tap_azure_ea.stream import SnapshotStream
from tap_azure_ea.writer import GATHERED_BYTES

STARTED, RUNNING, COMPLETE, INCOMPLETE = "STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"


class _Data(msgspec.Struct):
    stream: str
    emitted_at: int
    data: Any


class _Line(msgspec.Struct, tag_field="type", tag="RECORD"):
    record: _Data


@dataclass
class Reading:
    """What was said so far of a stream that Airbyte chose: ``records`` since the last STATE, and what that ``said``."""

    stream: SnapshotStream[Any]
    full_refresh: bool
    said: bytes = b"{}"
    records: int = 0
    status: str = ""
    held: HeldPart | None = field(init=False)

    def __post_init__(self) -> None:
        self.held = HeldPart() if self.full_refresh and ROW_NUMBER.name in self.stream.primary_keys else None

    @property
    def is_log(self) -> bool:
        """Whether its records come while other streams are read."""
        return self.stream.written_by_others

    @property
    def unready(self) -> list[NotReadyError]:
        """Why a full refresh is not full: the next run may have it, but a table that was overwritten lacks it now."""
        return self.stream.unready if self.full_refresh else []

    @property
    def is_open(self) -> bool:
        """Whether more of it may come."""
        return self.status in {STARTED, RUNNING}


class AirbyteWriter(Output):
    """Writes what the tap says of the streams that were chosen, and nothing of the others."""

    def __init__(self) -> None:
        super().__init__()
        self._readings: dict[str, Reading] = {}
        self._turn: Reading | None = None
        self._bookmarks: Mapping[str, Any] = {}
        self._emitted_at = 0
        self._cursor = 0

    def expect(
        self, streams: Iterable[SnapshotStream[Any]], full_refresh: Iterable[str], states: Mapping[str, StreamState]
    ) -> None:
        """Be told what was chosen, and where it ended last time."""
        # A clock that was set back must not make rows look older than those they replace.
        self._cursor = max([time_ns() // 1000, *(state.cursor for state in states.values())])
        for stream in streams:
            said = self._encode(states[stream.name].bookmark if stream.name in states else {})
            self._readings[stream.name] = Reading(stream, stream.name in full_refresh, said)

    def leave_out(self, stream: str) -> None:
        """Say that a stream that was chosen will not be read at all."""
        self._status(stream, INCOMPLETE)

    def write_message(self, message: Message) -> None:
        """Say in Airbyte's words what a message says in Singer's."""
        match message:
            case RecordMessage():
                self.write_records(message.stream, Records.of([message.record]))
            case SchemaMessage():
                self._begin(message.stream)
            case StateMessage():
                self._bookmarks = message.value.get("bookmarks", {})
                # The log first: no other stream's STATE vouches for a period whose refresh is not vouched for.
                for reading in sorted(self._readings.values(), key=lambda reading: not reading.is_log):
                    if reading.is_open:
                        self._vouch(reading, last=reading.is_log and not reading.full_refresh)

    def write_records(self, stream: str, records: Records) -> None:
        """Gather RECORDs, or hold them until their part is complete."""
        reading = self._readings.get(stream)
        if reading is None or not records.count:
            return
        if reading.status != RUNNING:
            self._start(reading)
            self._tell(reading, RUNNING)
        if not self._lines:
            self._emitted_at = milliseconds()
        columns = {DELETED if name == DELETED_AT.name else name: held for name, held in records.columns.items()}
        columns[CURSOR] = range(self._cursor + 1, self._cursor + records.count + 1)
        self._cursor += records.count
        numbered = Records(columns, records.count)
        lines = [_Line(_Data(stream, self._emitted_at, record)) for record in numbered.packed()]
        written = self._encode_lines(lines)
        if reading.held is None:
            self._gather(reading, written, records.count)
        else:
            reading.held.take(next(iter(numbered)), written)

    def end_part(self, stream: str, *, complete: bool) -> None:
        """Write what was held of a part that is complete, and forget what was held of another."""
        reading = self._readings.get(stream)
        if reading and reading.held:
            for line in reading.held.release() if complete else ():
                self._gather(reading, line, 1)
            reading.held.forget()
        super().end_part(stream, complete=complete)

    def finish(self) -> list[Exception]:
        """Say how each stream ended, when all was read that could be; return why a full refresh is not full."""
        for reading in self._readings.values():
            self._start(reading)
            self._end(reading)
        return [error for reading in self._readings.values() for error in reading.unready]

    def abandon(self) -> None:
        """Say that what is open will not be read to its end."""
        for reading in self._readings.values():
            if reading.is_open:
                self._tell(reading, INCOMPLETE)

    def _begin(self, stream: str) -> None:
        """Note whose turn it is, and that the one before has had its own; the log comes in between, and has none."""
        begun = self._readings.get(stream)
        if begun:
            self._start(begun)
        if begun and begun.is_log:
            return
        if self._turn:
            self._end(self._turn)
        self._turn = begun

    def _start(self, reading: Reading) -> None:
        if not reading.status:
            self._tell(reading, STARTED)

    def _end(self, reading: Reading) -> None:
        if not reading.is_open:
            return
        failed = bool(reading.stream.failures or reading.unready)
        if not (failed and reading.full_refresh):
            self._vouch(reading, last=True)
        self._tell(reading, INCOMPLETE if failed else COMPLETE)

    def _gather(self, reading: Reading, lines: bytes, count: int) -> None:
        # One addition, so that a signal that comes meanwhile finds whole lines.
        self._lines += lines
        reading.records += count
        if len(self._lines) >= GATHERED_BYTES:
            self.flush()

    def _vouch(self, reading: Reading, *, last: bool = False) -> None:
        """Write a stream's STATE if it has changed, or if rows were written that none has counted yet.

        That of a full refresh vouches for nothing, whatever a later run is configured to be.
        """
        if reading.full_refresh:
            due, state = last, NO_CURSOR
        else:
            bookmark = self._encode(self._bookmarks.get(reading.stream.name, {}))
            due = bookmark != reading.said or (last and reading.records > 0)
            state = StreamState(msgspec.Raw(bookmark), self._cursor).written()
            reading.said = bookmark
        if due:
            stream = {"stream_descriptor": {"name": reading.stream.name}, "stream_state": state}
            count, reading.records = reading.records, 0
            self.say("STATE", state={"type": "STREAM", "stream": stream, "sourceStats": {"recordCount": count}})

    def _tell(self, reading: Reading, status: str) -> None:
        reading.status = status
        self._status(reading.stream.name, status)

    def _status(self, stream: str, status: str) -> None:
        self.trace("STREAM_STATUS", stream_status={"stream_descriptor": {"name": stream}, "status": status})
