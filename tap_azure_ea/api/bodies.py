"""Bodies as Azure sends them: JSON with every digit of its numbers, and the words of its errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

EXCERPT = 300
LONGEST_WORDS = 2000


encode = msgspec.json.encode


def decode(body: bytes) -> Any:
    """Decode JSON with every digit of its numbers; raise ``ValueError`` for anything else."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        return _DECODER.decode(body)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None
    except ValueError:
        # A text that was cut within a character leaves half of a surrogate pair, which no UTF-8 can hold.
        mended = _SURROGATES.sub(_replace_half, body)
        if mended == body:
            raise
        return _DECODER.decode(mended)


def decode_members(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object undecoded, for bodies that are too big to be decoded at once."""
    return _MEMBERS.decode(body.removeprefix(b"\xef\xbb\xbf"))


def decode_items(array: msgspec.Raw) -> Iterator[Any]:
    """Decode the items of an undecoded array, one at a time."""
    return (decode(bytes(item)) for item in _ITEMS.decode(array))


def words(body: bytes) -> str:
    """Return Azure's own words: the message of an error, in an envelope or without, else the start of the body."""
    try:
        error = decode(body)
        error = error.get("error", error)
        code = error.get("code")
        message = error.get("message") or error["Message"]
        return f"{message:.{LONGEST_WORDS}}" + (f" (code {code})" if code else "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return " ".join(body.decode("utf-8", "replace").split())[:EXCERPT]


def _replace_half(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape["half"] else escape[0]


_SURROGATES = re.compile(
    rb"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(?P<half>\\ud[89a-f][0-9a-f]{2})", re.IGNORECASE
)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
