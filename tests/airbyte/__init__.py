"""Airbyte's own parts, as scripts: each has an environment of its own, for they and the tap want different packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OFFLINE = {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}


def run(script: str, *arguments: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a script in a folder, by the Python that its first lines ask for."""
    environment = {**os.environ, **OFFLINE, "AIRBYTE_LOGGING_ROOT": str(folder / "logs")}
    command = [interpreter(script), str(HERE / script), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, **options)


@cache
def interpreter(script: str) -> str:
    """Return the interpreter of a script's environment, which uv makes once."""
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "uv makes the environments of Airbyte's own parts, and is not on the path"
    for command in ("sync --quiet", "python find"):
        arguments = [uv, *command.split(), "--script", str(HERE / script)]
        environment = {**os.environ, "UV_COMPILE_BYTECODE": "1"}
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return done.stdout.strip()
