"""Blobs behind signed links, on another origin than the APIs, like Azure's storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tap_azure_ea.sandbox.messages import Request, Response, error

SIGNATURE = "sv=2024-08-04&sr=b&sig=SandboxSignature%3D"


@dataclass
class Blobs:
    """Keeps the blobs that links lead to; ``url`` is the beginning of the links."""

    url: str
    _blobs: dict[str, tuple[str, Callable[[], bytes]]] = field(default_factory=dict)

    def link(self, path: str, content_type: str, content: Callable[[], bytes]) -> str:
        """Return a link to a blob that is created when it is fetched."""
        self._blobs[f"/blobs/{path}"] = content_type, content
        return f"{self.url}/blobs/{path}?{SIGNATURE}"

    def answer(self, request: Request) -> Response:
        """Serve a blob if the signature is right; like Azure's storage, refuse requests with a token."""
        refused = "authorization" in request.headers or SIGNATURE not in request.target
        if refused or request.path not in self._blobs:
            return error(403, "Server failed to authenticate the request.")
        content_type, content = self._blobs[request.path]
        return Response(200, content(), {"Content-Type": content_type})
