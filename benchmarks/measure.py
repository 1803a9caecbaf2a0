"""Wall time, CPU time and memory of a pipeline of processes, as the operating system counts them.

This process stays small and imports little, because the peak memory of a child includes that of its parent at the time
when the child was started.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter
from typing import IO

CHUNK = 1 << 20
RECORD = b'"RECORD"'
KEPT = 1 << 16

# Loopback needs no proxy, nothing is reported to anybody, and Python keeps what it compiles and gathers what it writes.
ENVIRONMENT = {
    **os.environ,
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONUNBUFFERED": "",
}

Command = Sequence[str]


class FailedError(Exception):
    """A contender cannot be measured or did not produce every row."""


@dataclass(frozen=True)
class Usage:
    """What one run took; memory is that of its largest process."""

    seconds: float
    cpu_seconds: float
    megabytes: float


@dataclass(frozen=True)
class Output:
    """What a run wrote: how many RECORD messages, and its last bytes."""

    records: int
    tail: bytes


def run(pipeline: Sequence[Command], folder: Path) -> tuple[Usage, Output]:
    """Run a pipeline of commands, and read what the last one writes."""
    with TemporaryFile() as errors:
        started = perf_counter()
        processes: list[subprocess.Popen[bytes]] = []
        for command in pipeline:
            before = processes[-1].stdout if processes else None
            processes.append(
                subprocess.Popen(
                    command,
                    cwd=folder,
                    env=ENVIRONMENT,
                    stdin=before or subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            )
            if before:
                before.close()
        assert processes[-1].stdout is not None  # noqa: S101 - it was asked for
        with processes[-1].stdout as stream:
            output = _read(stream)
        usages = [_wait(process) for process in processes]
        seconds = perf_counter() - started
        for command, process in zip(pipeline, processes, strict=True):
            if process.returncode:
                errors.seek(0)
                said = (errors.read() or output.tail).decode(errors="replace").strip()[-2000:]
                raise FailedError(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    cpu_seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Usage(seconds, cpu_seconds, max(usage.ru_maxrss for usage in usages) / 1024), output


def _read(stream: IO[bytes]) -> Output:
    """Read to the end, and count as cheaply as can be."""
    records, tail = 0, b""
    while chunk := os.read(stream.fileno(), CHUNK):
        overlap = tail[1 - len(RECORD) :]
        records += (overlap + chunk).count(RECORD)
        tail = (tail + chunk)[-KEPT:]
    return Output(records, tail)


def _wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage
