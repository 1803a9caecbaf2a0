"""STATE: each stream's bookmark, with the version of its form and the last number of the cursor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec
from singer_sdk.exceptions import ConfigValidationError

VERSION = 1
# What a full refresh says, as those of Airbyte's own framework do: it leaves nothing to go on from.
NO_CURSOR = {"__ab_no_cursor_state_message": True}

_AGAIN = "clear the connection's data, or refresh it, and everything is read again"


class _Part(msgspec.Struct):
    """What must be right in it, or a run would fail in the middle; there is more."""

    context: dict[str, Any] = {}
    etag: str | None = None
    row_count: int = 0
    written_up_to: int = 0
    refresh: dict[str, Any] = {}


class _Bookmark(_Part):
    partitions: list[_Part] = []


@dataclass(frozen=True)
class StreamState:
    """Where the last run of a stream ended."""

    bookmark: Any
    cursor: int

    def written(self) -> dict[str, Any]:
        """Return it as it goes into a STATE message."""
        return {"version": VERSION, "cursor": self.cursor, "bookmark": self.bookmark}


def stream_states(given: object, wanted: Collection[str]) -> dict[str, StreamState]:
    """Return the states of the streams that are wanted; raise ``ConfigValidationError`` for what nobody here wrote."""
    messages = given if isinstance(given, list) else [given] if given else []
    found = {name: state for message in messages for name, state in _entry(message).items()}
    blank: tuple[Any, ...] = (None, {}, NO_CURSOR)
    return {name: _read(name, state) for name, state in found.items() if name in wanted and state not in blank}


def _entry(message: object) -> dict[str, Any]:
    """Return the state of the stream that a message is about; there is none in an empty one of the legacy form."""
    match message:
        case {"type": "STREAM", "stream": {"stream_descriptor": {"name": str(name)}, **stream}}:
            return {name: stream.get("stream_state")}
        case {"type": "LEGACY", "data": data} if not data:
            return {}
        case {"type": "LEGACY" | "GLOBAL" as form}:
            problem = f"the state is of the form {form}, which this source never wrote"
        case {"type": _} | str() | int() | float() | list() | None:
            problem = "the state is not a list of Airbyte's state messages"
        case _:
            problem = "the state is of the form LEGACY, which this source never wrote"
    raise ConfigValidationError(f"{problem}: {_AGAIN}")


def _read(name: str, state: object) -> StreamState:
    match state:
        case {"version": version, "cursor": int(cursor), "bookmark": dict(bookmark)} if version == VERSION:
            try:
                msgspec.convert(bookmark, _Bookmark)
            except msgspec.ValidationError as error:
                raise ConfigValidationError(f"the state of {name} is damaged ({error}): {_AGAIN}") from None
            return StreamState(bookmark, cursor)
    raise ConfigValidationError(f"the state of {name} was written by another version of this source: {_AGAIN}")
