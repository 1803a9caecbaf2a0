"""Addresses: who is behind them, and what of them may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from urllib3.util import parse_url

_SIGNATURE = re.compile(r"\bsig=[^&\s\"')]+", re.IGNORECASE)


def origin(url: str) -> tuple[str | None, str | None, int | None]:
    """Return scheme, host and port as the connection will be made, defaults filled in."""
    parts = parse_url(url)
    return parts.scheme, parts.host, parts.port or {"http": 80, "https": 443}.get(parts.scheme or "")


def without_signature(text: str) -> str:
    """Return the text without what would open the links in it."""
    return _SIGNATURE.sub("sig=***", text)


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with stars where the secrets, or what would open its links, stood."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return without_signature(text)
