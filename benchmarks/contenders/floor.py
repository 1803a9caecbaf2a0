"""The floor: fetch, decode, rename and write, without types, schema, state or error handling."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from http.client import HTTPConnection
from urllib.parse import urlsplit

import msgspec


def main() -> None:
    """Write the rows as RECORD messages."""
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    encode = msgspec.json.Encoder(decimal_format="number").encode_lines
    address = urlsplit(sys.argv[1])
    server = HTTPConnection(address.netloc)
    names: dict[str, str] = {}
    path = address.path
    while path:
        server.request("GET", path)
        page = decode(server.getresponse().read())
        names = names or {name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in page["data"][0]}
        records = [{names[name]: value for name, value in row.items()} for row in page["data"]]
        lines = [{"type": "RECORD", "stream": "usage_details", "record": record} for record in records]
        sys.stdout.buffer.write(encode(lines))
        path = page["nextLink"]


main()
