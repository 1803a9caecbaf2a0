"""Singer messages on standard output: RECORD lines are gathered, and any other message follows all lines before it."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerWriter, SingerMessageType
from singer_sdk.singerlib.encoding.simple import Message, StateMessage

GATHERED_BYTES = 1 << 20


class ReaderGoneError(Exception):
    """Nobody reads the output any more."""


class BufferedWriter(GenericSingerWriter[bytes, Message]):
    """Writes each message as one line, numbers with every digit."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode
        self._lines = bytearray()
        self._extracted = b"null"
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

    def write_record(self, stream: str, record: dict[str, Any]) -> None:
        """Gather a RECORD, as ``write_message`` would; it bears the time of the first that is gathered with it."""
        if not self._lines:
            self._extracted = self._encode(dt.datetime.now(dt.timezone.utc))
        # One addition, so that a signal that comes meanwhile finds whole lines.
        self._lines += b'{"type":"RECORD","stream":"%b","record":%b,"time_extracted":%b}\n' % (
            stream.encode(), self._encode(record), self._extracted,
        )  # fmt: skip
        if len(self._lines) >= GATHERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        self._writing = True
        try:
            # Unbuffered output (PYTHONUNBUFFERED) may take a part only.
            while self._lines:
                written = sys.stdout.buffer.write(self._lines)
                del self._lines[:written]
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise ReaderGoneError("The reader of the output went away before it was all written") from None
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
