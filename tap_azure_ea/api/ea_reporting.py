"""The EA Reporting API: an API key, pages that link to the next one, and an ETag for what has not changed.

https://learn.microsoft.com/azure/cost-management-billing/automate/migrate-ea-reporting-arm-apis-overview
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import islice
from typing import Any

from tap_azure_ea.api.csv_rows import csv_tables
from tap_azure_ea.api.ea_report import download_report
from tap_azure_ea.api.errors import NoDataError, RefusedError, UnavailableError
from tap_azure_ea.api.http import Answer, HTTPClient
from tap_azure_ea.api.pages import Envelope, Page, Row, ahead, checked, linked, paged

MAX_READINGS = 5

HOSTS = {"public": "https://consumption.azure.com", "us_government": "https://consumption.azure.us"}

_RETIRED = (
    "Microsoft retired the public EA Reporting API on 1 May 2024; if nothing answers at that address, that is why."
)
_REMEDIES = {
    None: f"Check ea_reporting_url, cloud and the network. {_RETIRED}",
    400: "Check start_date and end_date.",
    401: (
        "Either the API key is unknown, expired (keys last six months) or revoked: generate a new one as an enterprise "
        "administrator and set api_key. Or its owner may not read this report: department administrators and account "
        "owners see usage and marketplace charges only, so deselect balance_summary and price_sheet, or use an "
        "enterprise administrator's key."
    ),
    403: "The API key's owner may not read this: use an enterprise administrator's key.",
    404: f"Check enrollment_number and ea_reporting_url. {_RETIRED}",
    410: _RETIRED,
    429: "Other clients share the enrollment's limits: run again later, or at another time of day.",
    500: "Azure failed for longer than this run waits: run again later, and what is finished will not be read again.",
}
_REMEDIES |= dict.fromkeys((502, 503, 504), _REMEDIES[500])


class APIKey:
    """The key of an enrollment, good until it expires."""

    def __init__(self, key: str) -> None:
        self.secrets = (key,)

    def authorization(self) -> str:
        """Return it as Azure wants it."""
        return f"bearer {self.secrets[0]}"

    def renew(self, refusal: str) -> bool:  # noqa: ARG002 - whatever the words are
        """Say no: only people can renew it."""
        return False


class EAReportingAPI:
    """One enrollment, opened by one API key."""

    def __init__(self, base_url: str, enrollment_number: str, api_key: str, logger: logging.Logger) -> None:
        self.enrollment_number = enrollment_number
        self._logger = logger
        self._http = HTTPClient(base_url, APIKey(api_key), _remedy, logger)
        self.hurry = self._http.hurry

    def pages(self, path: str, envelope: Envelope, etag: str | None = None) -> Iterator[Page] | None:
        """Return all pages of a listing, or None if it is still the version that the ETag names.

        Raises ``NoDataError`` before the first page: a period without data is answered with 404, and at times 400. A
        listing that changes while its pages are being read is read again from its first page.
        """
        first = self._ask(path, etag)
        return None if first is None else self._unmixed(path, envelope, first)

    def report_pages(
        self, path: str, submit_path: str, is_header: Callable[[list[str]], bool], etag: str | None = None
    ) -> Iterator[Page] | None:
        """Return what ``pages`` would, from a report in CSV; the listing is only asked whether it has changed.

        The ETag is that of the listing before the report was submitted: where the report is newer, the next run reads
        it again. Where the second page bears another, the server tags pages, and none vouches for the report.
        """
        first = self._ask(path, etag)
        if first is None:
            return None
        version, *others = (page.etag for page in islice(self._linked(first, listing), 2))
        report = download_report(self._http, submit_path, self._logger)
        etag = version if {version, None}.issuperset(others) else None
        return paged(csv_tables(report, is_header), f"The report {submit_path}", etag)

    def _ask(self, path: str, etag: str | None) -> Answer | None:
        """Return the first page of a listing, or None if it is still the version that the ETag names."""
        try:
            first = self._http.get(path, {"If-None-Match": etag} if etag else {})
        except RefusedError as error:
            if error.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
                raise NoDataError(*error.args) from None
            raise
        return None if etag and first.status == HTTPStatus.NOT_MODIFIED else first

    def _unmixed(self, path: str, envelope: Envelope, first: Answer) -> Iterator[Page]:
        """Yield the pages of one version; start again where a page bears another ETag than the first.

        Where the second reading meets the very same ETags, the server tags pages and not listings.
        """
        met: list[str] = []
        for _ in range(MAX_READINGS):
            tagged_by_page = False
            etags: list[str] = []
            for page in ahead(self._linked(first, envelope), alone=1):
                etags += [page.etag] if page.etag else []
                if len(set(etags)) > 1 and not tagged_by_page:
                    if etags != met:
                        self._logger.warning("%s was restated while it was being read: reading it again", path)
                        break
                    tagged_by_page = True
                    self._logger.warning("%s bears an ETag per page, so it will be read whole every time", path)
                yield page
            else:
                return
            met = etags
            first = self._http.get(path)
        msg = f"{path} was restated during each of {MAX_READINGS} readings. Run again later: it will be read whole."
        raise UnavailableError(msg)

    def _linked(self, first: Answer, envelope: Envelope) -> Iterator[Page]:
        return linked(lambda link, base: self._http.get(link, base=base), first, envelope)


def _remedy(status: int | None, words: str) -> str:  # noqa: ARG001 - the status says enough
    return _REMEDIES.get(status) or _REMEDIES[None]


def listing(body: Any) -> tuple[list[Row], str | None]:
    """Open a page, ``{data, nextLink}``, or the bare array of an API that does not page."""
    rows, link = (body["data"], body.get("nextLink")) if isinstance(body, dict) else (body, None)
    return checked(rows), link


def one_row(body: Any) -> tuple[list[Row], None]:
    """Open a bare object, or an array that holds it."""
    rows = checked(body if isinstance(body, list) else [body])
    if len(rows) > 1:
        msg = f"{len(rows)} rows where there is one at most"
        raise ValueError(msg)
    return rows, None
