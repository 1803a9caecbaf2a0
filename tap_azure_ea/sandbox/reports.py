"""Reports in CSV: submitted, prepared for two polls, and then a blob behind a signed link."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.messages import Response, encode, error
from tap_azure_ea.sandbox.rows import Row

COLUMNS = [
    "AccountId",
    "AccountName",
    "AccountOwnerEmail",
    "AdditionalInfo",
    "ConsumedQuantity",
    "ConsumedService",
    "ConsumedServiceId",
    "Cost",
    "CostCenter",
    "Date",
    "DepartmentId",
    "DepartmentName",
    "InstanceId",
    "MeterCategory",
    "MeterId",
    "MeterName",
    "MeterRegion",
    "MeterSubCategory",
    "Product",
    "ProductId",
    "ResourceGroup",
    "ResourceLocation",
    "ResourceLocationId",
    "ResourceRate",
    "ServiceAdministratorId",
    "ServiceInfo1",
    "ServiceInfo2",
    "StoreServiceIdentifier",
    "SubscriptionGuid",
    "SubscriptionId",
    "SubscriptionName",
    "Tags",
    "UnitOfMeasure",
    "PartNumber",
    "ResourceGuid",
    "OfferId",
    "ChargesBilledSeparately",
    "Location",
    "ServiceName",
    "ServiceTier",
]


@dataclass
class Reports:
    """Keeps the submitted reports; ``url`` is the beginning of the addresses to poll."""

    url: str
    blobs: Blobs
    _reports: dict[str, tuple[Iterator[int], dict[str, object], list[Row]]] = field(default_factory=dict)

    def submit(self, enrollment_number: str, days: tuple[str, str], rows: list[Row]) -> Response:
        """Queue a report."""
        number = f"{len(self._reports) + 1:08d}"
        status = {
            "id": number,
            "enrollmentNumber": enrollment_number,
            "requestedOn": f"{days[1]}T06:56:29.1290704Z",
            "status": 1,
            "blobPath": "",
            "reportUrl": f"{self.url}/reports/{number}",
            "startDate": f"{days[0]}T00:00:00",
            "endDate": f"{days[1]}T00:00:00",
        }
        self._reports[number] = (count(1), status, rows)
        return Response(202, encode(status))

    def status(self, path: str) -> Response:
        """Answer a poll: in progress at first, then completed or without data."""
        number = path.rpartition("/")[2]
        if number not in self._reports:
            return error(404, "The report is not found.")
        polls, status, rows = self._reports[number]
        if next(polls) == 1:
            return Response(200, encode({**status, "status": 2}))
        if not rows:
            return Response(200, encode({**status, "status": 5}))
        link = self.blobs.link(f"{number}.csv", "application/octet-stream", lambda: _csv(rows))
        return Response(200, encode({**status, "status": 3, "blobPath": link}))


def _csv(rows: list[Row]) -> bytes:
    names = [name[0].lower() + name[1:] for name in COLUMNS]
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(["Usage Data Extract"])
    text.write("\r\n")
    lines.writerow(COLUMNS)
    for row in rows:
        year, month, day = row["date"][:10].split("-")
        wire = {**row, "date": f"{month}/{day}/{year}"}
        lines.writerow([wire[name] for name in names])
    return b"\xef\xbb\xbf" + text.getvalue().encode()
