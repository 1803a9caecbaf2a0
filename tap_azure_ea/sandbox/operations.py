"""Long-running operations: accepted, running for some polls, and then completed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from tap_azure_ea.sandbox.catalogue import guid
from tap_azure_ea.sandbox.messages import Request, Response, encode, error
from tap_azure_ea.sandbox.rows import Row

SOON = {"Retry-After": "0"}


@dataclass
class Operations:
    """Keeps the operations that were begun; ``url`` is the beginning of the addresses to poll."""

    url: str
    _begun: dict[str, tuple[Iterator[int], Row]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def begin(self, request: Request, results: str, properties: Row) -> Response:
        """Accept a request whose result, polled below the path ``results``, has these properties."""
        operation = guid(f"{results} {next(self._numbers)}")
        self._begun[operation] = count(1), properties
        return accepted(f"{self.url}{results}/{operation}?api-version={request.query['api-version']}")

    def result(self, request: Request, scope: dict[str, str]) -> Response:
        """Answer a poll: running, then running in Azure's other form, then completed."""
        if scope["operation"] not in self._begun:
            return unknown()
        polls, properties = self._begun[scope["operation"]]
        poll = next(polls)
        if poll == 1:
            return accepted(self.url + request.target)
        if poll == 2:  # noqa: PLR2004 - the second poll
            return Response(200, encode({"status": "Running"}), SOON)
        return Response(200, encode({"status": "Completed", "properties": properties}))


def accepted(location: str) -> Response:
    """Answer with the address to poll next."""
    return Response(202, headers={"Location": location, **SOON})


def unknown() -> Response:
    """Refuse a poll for an operation that was never begun."""
    return error(404, "The operation could not be found.", "ResourceNotFound")
