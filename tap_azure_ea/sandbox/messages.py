"""What the sandbox receives and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import msgspec

encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class Request:
    """A request as the server received it; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, their names in lower case."""
        return {name.lower(): values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True)
class Response:
    """A response, as far as it is not the server's business."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, message: str) -> Response:
    """Return a refusal in Azure's envelope."""
    return Response(status, encode({"error": {"code": str(status), "message": message}}))
