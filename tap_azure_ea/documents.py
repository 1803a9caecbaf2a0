"""Files that are kept beside the records: each downloaded once, and there only when it is whole."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from tap_azure_ea.api.errors import AzureError

_UNSAFE = re.compile(r"[^\w.-]+|^\.+")


class Documents:
    """A folder, made if it is not there; raises ``AzureError`` where it cannot be written."""

    def __init__(self, folder: str, logger: logging.Logger) -> None:
        self._folder = Path(folder)
        self._logger = logger
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise self._unwritable(error) from None

    def keep(self, name: str, fetch: Callable[[], IO[bytes]]) -> dict[str, Any]:
        """Return path, size and SHA-256 of a document, which is fetched unless it is there."""
        path = self._folder / _UNSAFE.sub("_", name)
        if not path.exists():
            with fetch() as document:
                self._store(document, path)
            self._logger.info("Stored %s", path)
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
            size = file.tell()
        return {"documentPath": str(path), "documentSize": size, "documentSha256": digest.hexdigest()}

    def _store(self, document: IO[bytes], path: Path) -> None:
        """Write beside the path and move there, so that a run that is killed leaves no part of a document."""
        try:
            with NamedTemporaryFile(dir=self._folder, prefix=f".{path.name}.", delete=False) as file:
                try:
                    shutil.copyfileobj(document, file)
                    file.flush()
                    os.fsync(file.fileno())
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink()
                    raise
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> AzureError:
        return AzureError(
            f"invoice_directory {self._folder} cannot be written ({error.strerror}): make it writable, or set another."
        )
