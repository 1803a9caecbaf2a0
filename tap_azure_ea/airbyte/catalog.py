"""Streams as Airbyte describes them, and what it chose of them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.snapshot import DELETED_AT
from tap_azure_ea.stream import SnapshotStream

FULL_REFRESH, INCREMENTAL = "full_refresh", "incremental"
CURSOR = "_ab_cdc_cursor"
# Destinations that deduplicate take a row away when this column of its last version is not null.
DELETED = "_ab_cdc_deleted_at"
CURSOR_SCHEMA = {
    "type": "integer",
    "description": "Number that grows from each record to the next: of the records with one key, the last holds.",
}


def airbyte_stream(stream: SnapshotStream[Any]) -> dict[str, Any]:
    """Return a dataset as a stream of Airbyte's catalog."""
    resumes = stream.incremental
    # What is written while others are read is never all there is.
    modes = [INCREMENTAL] if stream.written_by_others else [FULL_REFRESH, *([INCREMENTAL] if resumes else [])]
    return {
        "name": stream.name,
        "json_schema": _json_schema(stream.schema),
        "supported_sync_modes": modes,
        "source_defined_cursor": resumes,
        "default_cursor_field": [CURSOR] if resumes else [],
        "source_defined_primary_key": [[key] for key in stream.primary_keys],
        # It would let a second attempt of a full refresh go on from the first: here each begins anew.
        "is_resumable": False,
    }


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        DELETED if name == DELETED_AT.name else name: _typed(column) for name, column in schema["properties"].items()
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": {**properties, CURSOR: CURSOR_SCHEMA},
    }


def _typed(column: Mapping[str, Any]) -> dict[str, Any]:
    moment = column.get("format") == "date-time"
    return {**column, "airbyte_type": "timestamp_with_timezone"} if moment else {**column}


def configured_streams(catalog: object) -> dict[str, dict[str, Any]]:
    """Return the streams that Airbyte chose, by name; raise ``ConfigValidationError`` for what is no such catalog."""
    try:
        configured = {chosen["stream"]["name"]: chosen for chosen in catalog["streams"]}  # type: ignore[index]
        modes = {chosen["sync_mode"] for chosen in configured.values()}
        for chosen in configured.values():
            # What describes no columns raises here, and not when it is read.
            _chosen_columns(chosen)
    except (KeyError, TypeError, AttributeError):
        raise ConfigValidationError("the configured catalog is not one of Airbyte's") from None
    if unknown := modes - {FULL_REFRESH, INCREMENTAL}:
        raise ConfigValidationError(f"there is no sync mode {', '.join(sorted(map(str, unknown)))}")
    return configured


def unknown_fields(chosen: Mapping[str, Any], stream: SnapshotStream[Any]) -> list[str]:
    """Return the fields that were chosen of a stream and that it does not have."""
    known: dict[str, Any] = _json_schema(stream.schema)["properties"]
    return sorted(set(_chosen_columns(chosen)) - known.keys())


def singer_catalog(catalog: Mapping[str, Any], configured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tap's catalog with what Airbyte chose selected, and nothing else."""
    selected = deepcopy({**catalog})
    for stream in selected["streams"]:
        chosen = configured.get(stream["tap_stream_id"])
        columns = _chosen_columns(chosen) if chosen else ()
        for entry in stream["metadata"]:
            column = entry["breadcrumb"][-1] if entry["breadcrumb"] else None
            # Of a stream that is described without columns, all are meant.
            entry["metadata"]["selected"] = bool(chosen) and (not column or not columns or column in columns)
    return selected


def _chosen_columns(chosen: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(chosen["stream"].get("json_schema", {}).get("properties") or ())
