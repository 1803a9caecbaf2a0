"""Airbyte messages on standard output, LOG messages among them."""

from __future__ import annotations

import logging
import sys
import traceback
from threading import RLock, current_thread, main_thread
from time import time
from typing import Any

from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.api.errors import (
    DeadLinkError,
    DifferenceError,
    NotReadyError,
    RefusedError,
    ReportError,
    SignInError,
    UnavailableError,
    UnfinishedError,
)
from tap_azure_ea.api.urls import without_secrets
from tap_azure_ea.writer import BufferedWriter

LEVELS = {logging.CRITICAL: "FATAL", logging.ERROR: "ERROR", logging.WARNING: "WARN", logging.DEBUG: "DEBUG"}
# Who mends what counts more than that it may mend itself.
FAILURES = ("config_error", "system_error", "transient_error")


class Output(BufferedWriter):
    """Writes whole lines, from any thread; ``secrets`` appear in none that tells something."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: tuple[str, ...] = ()
        self._lock = RLock()

    def say(self, kind: str, **content: Any) -> None:
        """Write a message at once, after all that were gathered."""
        self._lines += self._line(kind, content)
        self.flush()

    def trace(self, kind: str, **content: Any) -> None:
        """Write a TRACE message."""
        self.say("TRACE", trace={"type": kind, "emitted_at": milliseconds(), **content})

    def fail(self, error: BaseException, message: str = "") -> None:
        """Write what went wrong as a TRACE message, with what only a developer can read where only one can mend it."""
        kind = failure_type(error)
        content = {
            "message": self.redacted(message or str(error) or type(error).__name__),
            "internal_message": self.redacted(f"{type(error).__name__}: {error}"),
            "failure_type": kind,
        }
        if kind == "system_error":
            content["stack_trace"] = self.redacted("".join(traceback.format_exception(error)))
        self.trace("ERROR", error=content)

    def redacted(self, text: str) -> str:
        """Return a text without the secrets."""
        return without_secrets(text, self.secrets)

    def log(self, level: str, message: str, stack_trace: str | None) -> None:
        """Write a LOG message; those of other threads are not to wait until this one has something to say."""
        content = {"level": level, "message": self.redacted(message)}
        if stack_trace:
            content["stack_trace"] = self.redacted(stack_trace)
        line = self._line("LOG", {"log": content})
        if current_thread() is main_thread():
            self._lines += line
            self.flush()
        else:
            with self._lock:
                _write(line)

    def flush(self) -> None:
        """Write what was gathered, and nothing of another thread in between."""
        with self._lock:
            super().flush()

    def _line(self, kind: str, content: dict[str, Any]) -> bytes:
        return self._encode({"type": kind, **content}) + b"\n"


class LogHandler(logging.Handler):
    """Turns what is logged into LOG messages."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        stack_trace = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else None
        self._output.log(LEVELS.get(record.levelno, "INFO"), record.getMessage(), stack_trace)


def failure_type(error: BaseException) -> str:
    """Say who is asked to mend it: who set the settings, who wrote the tap, or nobody but time."""
    match error:
        case UnfinishedError():
            return min(map(failure_type, error.reasons), key=FAILURES.index)
        case UnavailableError() | NotReadyError() | DeadLinkError() | ReportError() | SystemExit():
            return "transient_error"
        case ConfigValidationError() | SignInError() | RefusedError() | DifferenceError():
            return "config_error"
    return "system_error"


def milliseconds() -> int:
    """Return this moment as Airbyte counts."""
    return int(time() * 1000)


def _write(line: bytes) -> None:
    """Write a line; where nobody reads it any more, the main thread will find out."""
    try:
        while line:
            line = line[sys.stdout.buffer.write(line) :]
        sys.stdout.buffer.flush()
    except OSError:
        pass
