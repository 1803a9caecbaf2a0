"""Singer messages on standard output: RECORD lines are gathered, and any other message follows all lines before it."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerWriter, SingerMessageType
from singer_sdk.singerlib.encoding.simple import Message, StateMessage

from tap_azure_ea.records import Records

GATHERED_BYTES = 1 << 20


class ReaderGoneError(Exception):
    """The output cannot be written any more."""


def end_without_output() -> NoReturn:
    """End with an error, without another try to write what Python still holds for the output."""
    if sys.stdout:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


class _RecordLine(msgspec.Struct, tag_field="type", tag="RECORD"):
    stream: str
    record: Any
    time_extracted: dt.datetime


class BufferedWriter(GenericSingerWriter[bytes, Message]):
    """Writes each message as one line, numbers with every digit."""

    def __init__(self) -> None:
        super().__init__()
        encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
        self._encode, self._encode_lines = encoder.encode, encoder.encode_lines
        self._lines = bytearray()
        self._extracted = dt.datetime.now(dt.timezone.utc)
        self._writing = False
        self._postponed: Callable[[], None] | None = None

    def serialize_message(self, message: Message) -> bytes:
        """Return the message as a line of JSON."""
        # to_dict would copy every bookmark, each time one of them changes.
        content = {"type": "STATE", "value": message.value} if isinstance(message, StateMessage) else message.to_dict()
        return self._encode(content) + b"\n"

    def write_message(self, message: Message) -> None:
        """Gather a RECORD; write any other message at once, after all that were gathered."""
        self._lines += self.serialize_message(message)
        if message.type is not SingerMessageType.RECORD or len(self._lines) >= GATHERED_BYTES:
            self.flush()

    def write_records(self, stream: str, records: Records) -> None:
        """Gather RECORD messages, as ``write_message`` would; they bear the time of the first that they are with."""
        if not self._lines:
            self._extracted = dt.datetime.now(dt.timezone.utc)
        # One addition, so that a signal that comes meanwhile finds whole lines.
        self._lines += self._encode_lines([_RecordLine(stream, record, self._extracted) for record in records.packed()])
        if len(self._lines) >= GATHERED_BYTES:
            self.flush()

    def end_part(self, stream: str, *, complete: bool) -> None:  # noqa: ARG002 - for writers that hold parts back
        """Be told that a part of a stream will get no more records, and whether it got them all."""
        self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if not sys.stdout:
            raise ReaderGoneError("There is no standard output to write to")
        self._writing = True
        try:
            # Unbuffered output (PYTHONUNBUFFERED) may take a part only.
            while self._lines:
                written = sys.stdout.buffer.write(self._lines)
                del self._lines[:written]
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise ReaderGoneError("The reader of the output went away before it was all written") from None
        except OSError as error:
            raise ReaderGoneError(f"The output cannot be written: {error.strerror}") from None
        finally:
            self._writing = False
        if self._postponed:
            action, self._postponed = self._postponed, None
            action()

    def between_lines(self, action: Callable[[], None]) -> None:
        """Run a signal's action now, or, if lines are being written, as soon as they are: none is cut or repeated."""
        if self._writing:
            self._postponed = action
        else:
            action()
