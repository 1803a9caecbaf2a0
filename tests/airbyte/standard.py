# /// script
# requires-python = ">=3.10,<3.15"
# dependencies = ["airbyte-cdk~=7.39", "pytest~=9.1"]
# ///
"""Airbyte's standard tests of a source, on the installed executable; in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import (  # type: ignore[import-not-found]
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConnectorSpecification,
)
from airbyte_cdk.sources import Source  # type: ignore[import-not-found]
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase  # type: ignore[import-not-found]

# What they only warn of today counts as well; and how many there were is worth a line.
STRICT = ["-W", "error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning", "-q", "--tb=short"]
EXECUTABLE, CONNECTOR = "SOURCE_AZURE_EA", "SOURCE_AZURE_EA_CONNECTOR"


class Executable(Source):  # type: ignore[misc]
    """Hands every command to the executable: the standard tests know sources as classes only."""

    def spec(self, _logger: object) -> ConnectorSpecification:
        """Run spec."""
        return next(message.spec for message in _run("spec") if message.spec)

    def check(self, _logger: object, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Run check."""
        return next(found.connectionStatus for found in _run("check", config=config) if found.connectionStatus)

    def discover(self, _logger: object, config: Mapping[str, Any]) -> AirbyteCatalog:
        """Run discover."""
        return next(message.catalog for message in _run("discover", config=config) if message.catalog)

    def read(
        self, _logger: object, config: Mapping[str, Any], catalog: Any, state: Any = None
    ) -> Iterator[AirbyteMessage]:
        """Run read."""
        yield from _run("read", config=config, catalog=catalog, state=state)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> Any:
        """Leave it to the executable to judge the catalog."""
        return json.loads(Path(catalog_path).read_text(encoding="utf-8"))


def _run(command: str, **files: Any) -> Iterator[AirbyteMessage]:
    """Yield what the executable says."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [os.environ[EXECUTABLE], command]
        for option, content in files.items():
            path = Path(folder) / option
            path.write_text(json.dumps(content), encoding="utf-8")
            arguments += [f"--{option}", str(path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
            yield from (AirbyteMessageSerializer.load(json.loads(line)) for line in process.stdout or ())


class TestSuite(SourceTestSuiteBase):  # type: ignore[misc]
    """All of them, but those that build an image."""

    connector = Executable

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        """Return the connector's folder."""
        return Path(os.environ[CONNECTOR])


if __name__ == "__main__":
    os.environ[EXECUTABLE], os.environ[CONNECTOR] = sys.argv[1:3]
    hooks = "airbyte_cdk.test.standard_tests.pytest_hooks"
    sys.exit(pytest.main([__file__, "-c", os.devnull, "-p", hooks, "--noconftest", "-m", "not image_tests", *STRICT]))
