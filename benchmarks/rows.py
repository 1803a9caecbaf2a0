"""Invented usage rows in Azure's format: as wide as real ones, no two alike, the same in every run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tap_azure_ea.sandbox.catalogue import WORKLOADS
from tap_azure_ea.sandbox.reports import COLUMNS
from tap_azure_ea.sandbox.rows import usage_row

DAYS = [date(2026, 2, day) for day in range(1, 29)]
PAGE_SIZE = 1000

_encode = msgspec.json.Encoder(decimal_format="number").encode


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield rows; quantities have up to ten decimals, and costs are exactly quantity times rate."""
    chance = Random(count)  # noqa: S311 - no secret depends on it
    for number in range(count):
        quantity = Decimal(chance.randrange(1, 10**12)).scaleb(-10)
        row = usage_row(WORKLOADS[number % len(WORKLOADS)], number, DAYS[number % len(DAYS)], quantity)
        row["tags"] = row["tags"] or '{"app": "landing-zone","env": "shared","team": "platform"}'
        row["additionalInfo"] = row["additionalInfo"] or '{"UsageType":"ComputeHR","ImageType":null,"VCPUs":4}'
        yield row


def write(count: int, url: str, pages: Path, report: Path) -> list[tuple[int, int]]:
    """Write the pages, which link to each other at ``url``, and the report; return offset and length of each page."""
    places: list[tuple[int, int]] = []
    names = [name[0].lower() + name[1:] for name in COLUMNS]
    found = rows(count)
    with pages.open("wb") as json_file, report.open("w", encoding="utf-8", newline="") as csv_file:
        lines = csv.writer(csv_file, lineterminator="\r\n")
        lines.writerow(COLUMNS)
        for start in range(0, count, PAGE_SIZE):
            page = [next(found) for _ in range(min(PAGE_SIZE, count - start))]
            link = f"{url}?skiptoken={len(places) + 1}" if start + PAGE_SIZE < count else None
            body = _encode({"id": None, "data": page, "nextLink": link})
            places.append((json_file.tell(), len(body)))
            json_file.write(body)
            lines.writerows([_in_csv(row, name) for name in names] for row in page)
    return places


def _in_csv(row: dict[str, Any], name: str) -> Any:
    if name != "date":
        return row[name]
    year, month, day = row[name][:10].split("-")
    return f"{month}/{day}/{year}"
