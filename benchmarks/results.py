"""Format the measurements as Markdown, and write them into the documentation."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import FailedError, Usage
from benchmarks.roster import Contender, interpreter

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
GIBIBYTE = 1 << 30

OURS = ("tap-azure-ea", "singer-sdk", "msgspec", "duckdb")
THEIRS = {
    "dlt_rest_api.py": ("dlt", "duckdb"),
    "airbyte_declarative.py": ("airbyte-cdk",),
    "load_records.py": ("target-duckdb", "duckdb"),
}

Usages = Mapping[str, "Usage | None"]


def table(contenders: Mapping[str, Contender], rows: int, usages: Usages, reference: str, name: str) -> str:
    """Return a row for each contender that was measured, compared with ``reference``, which is called ``name``."""
    columns: dict[str, Callable[[Contender, Usage], str]] = {
        "rows/s": lambda _, usage: f"{rows / usage.seconds:,.0f}",
        f"times {name}": lambda _, usage: _ratio(usages.get(reference), usage, "{:.1f}"),
        "of its floor": lambda contender, usage: _ratio(usages.get(contender.floor), usage, "{:.0%}"),
        "CPU s": lambda _, usage: f"{usage.cpu_seconds:.1f}",
        "peak MB": lambda _, usage: f"{usage.megabytes:.0f}",
    }
    if not any(contender.floor for contender in contenders.values()):
        del columns["of its floor"]
    lines = [["", *columns], ["---", *["--:"] * len(columns)]]
    for key, contender in contenders.items():
        if key in usages:
            usage = usages[key]
            missing = ["not available", *[""] * (len(columns) - 1)]
            lines.append(
                [contender.title, *([cell(contender, usage) for cell in columns.values()] if usage else missing)]
            )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _ratio(reference: Usage | None, usage: Usage, form: str) -> str:
    return form.format(reference.seconds / usage.seconds) if reference else ""


def facts(runs: int, contenders: Mapping[str, Contender]) -> str:
    """Return a line about date, machine and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE
    machine = f"{os.cpu_count()} CPUs, {memory:.0f} GB, {platform.system()} {platform.machine()}"
    here = ", ".join(f"{package} {version(package)}" for package in OURS)
    scripts = {contender.script for contender in contenders.values()}
    versions = [here, *(_versions(script, packages) for script, packages in THEIRS.items() if script in scripts)]
    return (
        f"Measured on {datetime.now(timezone.utc).date()}, {machine}, Python {platform.python_version()}; "
        f"{'; '.join(filter(None, versions))}. Median of {runs} {'run' if runs == 1 else 'runs'}."
    )


def _versions(script: str, packages: tuple[str, ...]) -> str:
    """Return the versions in the environment of a script, if the environment can be created."""
    names = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    try:
        command = [interpreter(script), "-c", names, *packages]
    except FailedError:
        return ""
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return " with ".join(f"{package} {number}" for package, number in zip(packages, found, strict=True))


def write(text: str) -> None:
    """Replace the measurements in the document."""
    document = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = document.partition(BEGIN)
    _, _, foot = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{foot}", encoding="utf-8")
