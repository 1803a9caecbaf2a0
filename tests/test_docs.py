"""What the documents say is held against the code."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import meltano.schemas
import pytest
import yaml
from jsonschema import Draft7Validator

from tap_azure_ea.api.http import MAX_TRIES
from tap_azure_ea.api.retry_after import LONGEST_WAIT
from tap_azure_ea.datasets import audit, billing, cost_management, datasets, ea_reporting
from tap_azure_ea.sandbox import Sandbox
from tap_azure_ea.tap import TapAzureEA
from tests.conftest import settings, sync

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [path for folder in (".", "docs", "examples/*") for path in sorted(PROJECT.glob(f"{folder}/*.md"))]
SETTINGS: dict[str, Any] = TapAzureEA.config_jsonschema["properties"]
BUILT_IN = ("stream_map", "faker_config", "flattening_", "batch_config")
OURS = {name: schema for name, schema in SETTINGS.items() if not name.startswith(BUILT_IN)}
MELTANO = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))
EXTRACTOR = MELTANO["plugins"]["extractors"][0]


def table(heading: str) -> list[list[str]]:
    section = README.split(f"\n{heading}\n")[1]
    rows = re.search(r"^\|---.*\n((?:\|.*\n)+)", section, re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in rows[1].splitlines()]


def test_the_readmes_settings_are_the_taps() -> None:
    expected = []
    for name, schema in OURS.items():
        default = "" if "default" not in schema else f"`{json.dumps(schema['default']).strip(chr(34))}`"
        secret = " (secret)" if schema.get("secret") else ""
        expected.append([f"`{name}`{secret}", default, schema["description"]])
    assert table("## Settings") == expected


@pytest.mark.parametrize(
    ("heading", "family"),
    [
        ("### EA Reporting API", ea_reporting),
        ("### Azure Billing APIs", billing),
        ("### Cost Management", cost_management),
        ("### Written by the tap", audit),
    ],
)
def test_the_readmes_streams_are_the_taps(heading: str, family: ModuleType) -> None:
    expected = [
        [f"`{dataset.name}`", ", ".join(f"`{key}`" for key in dataset.primary_keys), _first_sentence(dataset)]
        for dataset in sorted(datasets(family), key=lambda dataset: str(dataset.name))
    ]
    assert table(heading) == expected


def _first_sentence(dataset: type) -> str:
    return (inspect.getdoc(dataset) or "").split("\n\n")[0].replace("\n", " ")


def test_the_readme_states_the_limits_of_the_code() -> None:
    assert f"up to {MAX_TRIES} times" in README
    assert LONGEST_WAIT == 3600
    assert "at most an hour" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_inside_the_project_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    for path, _, anchor in links:
        target = document.parent / path if path else document
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, anchor


def test_the_batch_pages_statements_give_duckdb_the_current_bill(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PROJECT / "docs" / "batch.md").read_text(encoding="utf-8")
    (settings_block,) = re.findall(r"```json\n(.+?)```", page, re.DOTALL)
    batch_config = json.loads(settings_block)["batch_config"]
    batch_config["storage"]["root"] = (tmp_path / "bill").as_uri()
    current, load = re.findall(r"```sql\n(.+?)```", page, re.DOTALL)[:2]
    monkeypatch.chdir(tmp_path)
    config, loaded, state = settings(sandbox, batch_config=batch_config), set[Path](), None
    with duckdb.connect() as database:
        for _ in range(3):
            state = sync(config, state, select={"usage_details": []}).state
            (name, *_) = sorted({*tmp_path.glob("bill/*")} - loaded)
            loaded |= {*tmp_path.glob("bill/*")}
            (moment,) = re.findall(r"--usage_details-(\w+Z)-", name.name)
            database.execute(load.replace("20260301T060000123456Z", moment))
            costs = "select billing_period_id, row_number, cost::decimal(38, 28)"
            expected = [
                (period, number, row["cost"])
                for period in sorted(sandbox.bill.periods)
                for number, row in enumerate(sandbox.bill.usage(period), start=1)
            ]
            table = "usage_details where _sdc_deleted_at is null"
            assert database.execute(f"{costs} from {table} order by all").fetchall() == expected
            assert database.execute(f"{costs} from ({current}) order by all").fetchall() == expected
            sandbox.bill.restate("202601")


def test_the_architecture_names_every_room() -> None:
    text = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (PROJECT / "tap_azure_ea").iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert {room for room in rooms if room not in text} == set()


def test_the_dataset_of_the_contributing_guide_works(tmp_path: Path) -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    source = inspect.cleandoc(text.split("```python\n")[1].split("```")[0])
    (tmp_path / "example.py").write_text(source)
    script = (
        "from example import Credits as D; from tap_azure_ea.tap import TapAzureEA; "
        "print(D(TapAzureEA(config={'sandbox': True}), None).schema['properties']['amount']['type'])"
    )
    printed = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert printed.stdout == "['number', 'null']\n"


def test_the_sample_config_is_valid_and_holds_no_secret() -> None:
    config = json.loads((PROJECT / "sample_config.json").read_text(encoding="utf-8"))
    TapAzureEA(config={**config, "api_key": "a-key"})
    assert all(config[name].startswith("<") for name, schema in OURS.items() if schema.get("secret") and name in config)


def test_meltanos_project_is_valid_and_needs_no_hub() -> None:
    schema = json.loads((Path(meltano.schemas.__file__).parent / "meltano.schema.json").read_text(encoding="utf-8"))
    Draft7Validator(schema).validate(MELTANO)
    plugins = [plugin for kind in MELTANO["plugins"].values() for plugin in kind]
    assert all({"namespace", "pip_url", "settings"} <= set(plugin) for plugin in plugins)


def test_meltanos_settings_are_the_taps() -> None:
    declared = [
        {
            "name": setting["name"],
            "label": setting["label"],
            "description": setting["description"],
            "secret": setting.get("sensitive", False),
            "default": setting.get("value"),
            "options": [option["value"] for option in setting.get("options", [])],
        }
        for setting in EXTRACTOR["settings"]
    ]
    assert declared == [
        {
            "name": name,
            "label": schema["title"],
            "description": schema["description"],
            "secret": schema.get("secret", False),
            "default": schema.get("default"),
            "options": schema.get("enum", []),
        }
        for name, schema in OURS.items()
    ]


def test_meltanos_capabilities_are_the_taps() -> None:
    assert sorted(EXTRACTOR["capabilities"]) == sorted(capability.value for capability in TapAzureEA.capabilities)


def test_the_changelog_begins_with_what_is_not_released_yet() -> None:
    headings = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
