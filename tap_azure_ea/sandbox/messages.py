"""The requests that the sandbox receives, and its responses."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec

encode = msgspec.json.Encoder(decimal_format="number").encode
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Request:
    """A request as the server received it; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, their names in lower case."""
        return {name.lower(): values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        """The body's parameters, if it is a form."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode(errors="replace")).items()}

    def with_parameter(self, name: str, value: str) -> str:
        """Return the target with a parameter added or replaced."""
        query = {**dict(parse_qsl(urlsplit(self.target).query)), name: value}
        return f"{self.path}?{urlencode(query, safe='$')}"


@dataclass(frozen=True)
class Response:
    """A response; the server adds the rest of the headers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, message: str, code: str | None = None) -> Response:
    """Return a refusal in Azure's envelope; the code is the status unless Azure has a name for it."""
    return Response(status, encode({"error": {"code": code or str(status), "message": message}}))


def table(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    """Return these columns as CSV, decimals without exponents."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(names)
    cells = itemgetter(*names)
    lines.writerows([f"{cell:f}" if type(cell) is Decimal else cell for cell in cells(row)] for row in rows)
    return text.getvalue().encode()
