# /// script
# requires-python = ">=3.10,<3.15"
# dependencies = ["airbyte-cdk~=7.39"]
# ///
"""A low-code Airbyte source, written as the documentation shows, on the released CDK."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from airbyte_cdk.entrypoint import launch  # type: ignore[import-not-found]
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer  # type: ignore[import-not-found]
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (  # type: ignore[import-not-found]
    ConcurrentDeclarativeSource,
)

address = urlsplit(sys.argv[1])
STREAM = {
    "type": "DeclarativeStream",
    "name": "usage_details",
    "primary_key": [],
    "retriever": {
        "type": "SimpleRetriever",
        "requester": {
            "type": "HttpRequester",
            "url_base": f"{address.scheme}://{address.netloc}",
            "path": address.path,
            "http_method": "GET",
        },
        "record_selector": {
            "type": "RecordSelector",
            "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
        },
        "paginator": {
            "type": "DefaultPaginator",
            "page_token_option": {"type": "RequestPath"},
            "pagination_strategy": {
                "type": "CursorPagination",
                "cursor_value": "{{ response.nextLink }}",
                "stop_condition": "{{ not response.nextLink }}",
            },
        },
    },
    "schema_loader": {
        "type": "InlineSchemaLoader",
        "schema": {"type": "object", "additionalProperties": True, "properties": {}},
    },
}
MANIFEST = {
    "version": "7.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["usage_details"]},
    "streams": [STREAM],
    "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
}
CATALOG = {
    "streams": [
        {
            "stream": {"name": "usage_details", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append",
        }
    ]
}

Path("config.json").write_text("{}", encoding="utf-8")
Path("catalog.json").write_text(json.dumps(CATALOG), encoding="utf-8")
source = ConcurrentDeclarativeSource(
    catalog=ConfiguredAirbyteCatalogSerializer.load(CATALOG), config={}, state=[], source_config=MANIFEST
)
launch(source, ["read", "--config", "config.json", "--catalog", "catalog.json"])
