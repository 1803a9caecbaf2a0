"""The arrows of ARCHITECTURE.md: who may import whom."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import tap_azure_ea
from tap_azure_ea.datasets import audit, billing, cost_management, datasets, ea_reporting
from tap_azure_ea.tap import TapAzureEA

PACKAGE = Path(tap_azure_ea.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

ALLOWED = {
    "__init__": set(),
    "__main__": {"tap"},
    "fields": set(),
    "records": {"fields"},
    "snapshot": {"fields", "records"},
    "progress": {"records", "refresh", "snapshot"},
    "batch": {"fields", "records"},
    "writer": {"records"},
    "documents": {"api"},
    "periods": {"fields"},
    "settings": {"api", "fields"},
    "totals": {"records"},
    "refresh": {"fields", "periods", "records", "snapshot", "totals"},
    "charge_ids": {"fields", "records"},
    "reading": {"api", "charge_ids", "fields", "progress", "records", "snapshot", "totals"},
    "stream": {
        "api",
        "batch",
        "charge_ids",
        "fields",
        "reading",
        "periods",
        "progress",
        "records",
        "refresh",
        "snapshot",
        "writer",
    },
    "api": {"api"},
    "datasets": {
        "api",
        "batch",
        "datasets",
        "documents",
        "fields",
        "reading",
        "periods",
        "records",
        "refresh",
        "snapshot",
        "stream",
        "totals",
    },
    "sandbox": {"sandbox"},
    "tap": {"api", "datasets", "records", "sandbox", "settings", "stream", "writer"},
    "airbyte": {"airbyte", "api", "records", "settings", "snapshot", "stream", "tap", "writer"},
}
HTTP_LIBRARIES = {"azure", "http", "requests", "urllib3"}
FAMILIES = (billing, cost_management, ea_reporting)


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute, so that they can be read"
            module = node.module or ""
            found.update({f"{module}.{alias.name}" for alias in node.names} if module == "tap_azure_ea" else {module})
    return found


def rooms_imported(path: Path, *, top_level: bool = False) -> set[str]:
    ours = (name for name in imports(path, top_level=top_level) if name.startswith("tap_azure_ea."))
    return {name.split(".")[1] for name in ours}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_its_arrows_allow(path: Path) -> None:
    assert rooms_imported(path) <= ALLOWED[room(path)]


def test_datasets_know_no_http_and_the_api_knows_no_singer() -> None:
    for path in MODULES:
        libraries = {name.split(".")[0] for name in imports(path)}
        if room(path) == "datasets":
            assert not libraries & HTTP_LIBRARIES, path
        if room(path) in {"api", "fields", "sandbox"}:
            assert "singer_sdk" not in libraries, path


def test_only_who_asks_for_the_sandbox_or_signs_in_loads_what_it_takes() -> None:
    assert "sandbox" not in rooms_imported(PACKAGE / "tap.py", top_level=True)
    assert "azure" not in {name.split(".")[0] for path in MODULES for name in imports(path, top_level=True)}


def test_the_folder_is_the_register() -> None:
    for family in (*FAMILIES, audit):
        files = {path.stem for path in (PACKAGE / "datasets" / family.__name__.rpartition(".")[2]).glob("*.py")}
        modules = {dataset.__module__.rpartition(".")[2] for dataset in datasets(family)}
        assert modules == files - {"__init__"}
    names = [dataset.name for family in (*FAMILIES, audit) for dataset in datasets(family)]
    assert sorted(TapAzureEA(config={"sandbox": True}).streams) == sorted(names)


def test_every_dataset_names_its_source_and_describes_every_field() -> None:
    for dataset in (dataset for family in FAMILIES for dataset in datasets(family)):
        assert "https://learn.microsoft.com/" in (inspect.getdoc(dataset) or ""), dataset
        names = [field.name for field in dataset.fields]
        assert len(names) == len(set(names))
        assert all(field.description.endswith(".") for field in dataset.fields)


def test_rooms_have_names() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "helpers", "common", "core", "base", "misc"}
