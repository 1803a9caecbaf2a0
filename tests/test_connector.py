"""What Airbyte needs beside the source: the folder of the connector, its image's steps and its page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tap_azure_ea.airbyte.spec import METHODS
from tap_azure_ea.api.ea_reporting import HOSTS
from tap_azure_ea.api.resource_manager import CLOUDS
from tests.test_airbyte import discovered

PROJECT = Path(__file__).parent.parent
CONNECTOR = PROJECT / "connectors/source-azure-ea"
METADATA: dict[str, Any] = yaml.safe_load((CONNECTOR / "metadata.yaml").read_text(encoding="utf-8"))["data"]
PAGE = (PROJECT / "docs/airbyte.md").read_text(encoding="utf-8")
VERSION = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)


def steps() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each with its arguments."""
    lines = (CONNECTOR / "Dockerfile").read_text(encoding="utf-8").splitlines()
    found = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(instruction, rest) for instruction, _, rest in found]


def test_the_image_is_built_on_airbytes_base_as_the_metadata_say() -> None:
    assert steps()[0] == ("FROM", METADATA["connectorBuildOptions"]["baseImage"])
    assert re.fullmatch(r"docker\.io/airbyte/python-connector-base:[\d.]+@sha256:[0-9a-f]{64}", steps()[0][1])
    assert [instruction for instruction, _ in steps()] == [
        "FROM", "WORKDIR", "COPY", "COPY", "RUN", "USER", "ENV", "ENTRYPOINT", "LABEL", "LABEL",
    ]  # fmt: skip
    by_name = dict(steps())
    assert by_name["USER"] == "airbyte"
    assert by_name["ENV"] == f'AIRBYTE_ENTRYPOINT="{json.loads(by_name["ENTRYPOINT"])[0]}"'


def test_one_version_is_named_everywhere() -> None:
    assert VERSION
    assert METADATA["dockerImageTag"] == VERSION[1]
    assert ("LABEL", f"io.airbyte.version={VERSION[1]}") in steps()
    assert ("LABEL", f"io.airbyte.name={METADATA['dockerRepository']}") in steps()
    assert re.search(rf"^\| {re.escape(VERSION[1])} \|", PAGE, re.MULTILINE)
    built = f"docker build -f connectors/source-azure-ea/Dockerfile -t <your registry>/source-azure-ea:{VERSION[1]} ."
    assert f"\n{built}\n" in PAGE
    assert f": {built}\n" in (CONNECTOR / "Dockerfile").read_text(encoding="utf-8")


def test_an_image_is_built_from_what_it_copies_and_nothing_else() -> None:
    copied = {source for kind, given in steps() if kind == "COPY" for source in given.split()[:-1]}
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    assert lines == ["*", *sorted(f"!{source}" for source in copied), "**/__pycache__"]


def test_the_steps_of_the_image_done_by_hand_give_both_executables(tmp_path: Path) -> None:
    code, environment = tmp_path / "code", tmp_path / "environment"
    code.mkdir()
    for _, arguments in (step for step in steps() if step[0] == "COPY"):
        *sources, target = arguments.split()
        for source in sources:
            copy = shutil.copytree if (PROJECT / source).is_dir() else shutil.copy
            copy(PROJECT / source, code / target)
    ((_, command),) = (step for step in steps() if step[0] == "RUN")
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv
    subprocess.run([uv, "venv", "--quiet", environment], check=True)
    pip, *packages = command.replace("--no-cache-dir", "--quiet").split()
    there = {**os.environ, "VIRTUAL_ENV": str(environment)}
    subprocess.run([uv, pip, *packages], cwd=code, env=there, check=True)
    ((_, entrypoint),) = (step for step in steps() if step[0] == "ENTRYPOINT")
    (tmp_path / "config.json").write_text('{"sandbox": true}')
    checked = subprocess.run(
        [environment / "bin" / json.loads(entrypoint)[0], "check", "--config", tmp_path / "config.json"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(checked.stdout.splitlines()[-1])["connectionStatus"] == {"status": "SUCCEEDED"}
    told = subprocess.run([environment / "bin/tap-azure-ea", "--version"], capture_output=True, check=True)
    assert VERSION
    assert VERSION[1].encode() in told.stdout


def test_the_metadata_allow_every_host_that_is_asked() -> None:
    asked = {*HOSTS.values(), *(url for cloud in CLOUDS.values() for url in (cloud.login_url, cloud.management_url))}
    assert {urlsplit(url).hostname for url in asked} <= {*METADATA["allowedHosts"]["hosts"]}
    assert (CONNECTOR / METADATA["icon"]).read_text(encoding="utf-8").startswith("<svg ")


def test_the_page_lists_the_streams_with_their_keys_and_modes() -> None:
    expected = [
        [
            f"`{name}`",
            ", ".join(f"`{key}`" for (key,) in stream["source_defined_primary_key"]),
            ", ".join(stream["supported_sync_modes"]).replace("_", " ").capitalize(),
        ]
        for name, stream in sorted(discovered().items())
    ]
    assert table("## Supported Streams") == expected


def test_the_page_lists_the_ways_to_sign_in() -> None:
    rows = {method.strip("`"): beside for method, beside in table("## Setup guide")}
    assert [*rows] == [*METHODS]
    for method, (_, needed, more) in METHODS.items():
        assert re.findall(r"`(\w+)`", rows[method]) == [*needed, *more]


def table(above: str) -> list[list[str]]:
    rows = re.search(r"^\|---.*\n((?:\|.*\n)+)", PAGE.split(f"\n{above}")[1], re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in rows[1].splitlines()]


@pytest.mark.parametrize("heading", ["Prerequisites", "Setup guide", "Supported sync modes", "Supported Streams"])
def test_the_page_has_the_headings_that_airbyte_wants(heading: str) -> None:
    assert PAGE.startswith(f"# {METADATA['name']}\n")
    assert f"\n## {heading}\n" in PAGE
