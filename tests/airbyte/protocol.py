# /// script
# requires-python = ">=3.10,<3.15"
# dependencies = ["airbyte-protocol-models-pdv2~=0.18"]
# ///
"""Holds each line of its input against the models that Airbyte publishes, and says how many there were."""

from __future__ import annotations

import sys
from typing import Any

from airbyte_protocol.models import AirbyteMessage, AirbyteStateBlob  # type: ignore[import-not-found]
from pydantic import BaseModel  # type: ignore[import-not-found]


def strangers(value: Any) -> list[str]:
    """Return the names that no model has; what a state holds is the source's own business."""
    if isinstance(value, AirbyteStateBlob):
        return []
    if isinstance(value, BaseModel):
        inner = (getattr(value, name) for name in value.model_fields_set - (value.model_extra or {}).keys())
        return [*(value.model_extra or {}), *(name for found in inner for name in strangers(found))]
    return [name for found in value for name in strangers(found)] if isinstance(value, list) else []


count = 0
for line in sys.stdin.buffer:
    message = AirbyteMessage.model_validate_json(line)
    if found := strangers(message):
        sys.exit(f"{found} in {line!r}")
    if sum(part is not None for name, part in message if name != "type") != 1:
        sys.exit(f"not one thing is said in {line!r}")
    count += 1
sys.stdout.write(f"{count}\n")
