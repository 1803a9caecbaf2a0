"""Azure Resource Manager: a token, pages that link to the next one, documents behind links that expire.

https://learn.microsoft.com/rest/api/azure/
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from http import HTTPStatus
from time import sleep
from typing import IO, Any

from tap_azure_ea.api.csv_rows import csv_files
from tap_azure_ea.api.entra import NO_CLAIMS
from tap_azure_ea.api.errors import DeadLinkError, ForbiddenError, NotReadyError, RefusedError, UnavailableError
from tap_azure_ea.api.http import Answer, Credentials, HTTPClient
from tap_azure_ea.api.pages import Envelope, Page, Row, ahead, checked, linked, mapped, paged
from tap_azure_ea.api.report import POLL_INTERVAL, read_report
from tap_azure_ea.api.retry_after import until_asked_again

MAX_LINKS = 3
MAX_QUESTIONS = 4


@dataclass(frozen=True)
class Cloud:
    """Where a cloud is; the host that a token is for is not always the one that is asked."""

    login_url: str
    management_url: str
    scope: str


CLOUDS = {
    "public": Cloud(
        "https://login.microsoftonline.com",
        "https://management.azure.com",
        "https://management.azure.com/.default",
    ),
    "us_government": Cloud(
        "https://login.microsoftonline.us",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net/.default",
    ),
    "china": Cloud(
        "https://login.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn/.default",
    ),
}

_ROLE = (
    "The identity that signs in has no role there. An enrollment is opened by an EA role such as EnrollmentReader, "
    "which is granted by API alone; a subscription by the role Reader. The README says how."
)
_VERSION = "The host does not know this version of the API; if it names the versions it knows, please open an issue."
_REMEDIES = {
    None: "Check management_url, cloud and the network.",
    400: "Check what these words name: start_date, end_date, scope, or rate_card_offer, currency, locale and region.",
    401: "If access_token is set, it has expired: set a new one. If not, check cloud and tenant_id.",
    403: _ROLE,
    404: "Check enrollment_number, subscription_ids and management_url.",
    429: "Other clients share the limits of the tenant: run again later, or at another time of day.",
    500: "Azure failed for longer than this run waits: run again later, and what is finished will not be read again.",
}
_REMEDIES |= dict.fromkeys((502, 503, 504), _REMEDIES[500])


class ResourceManagerAPI:
    """What one identity may ask of Azure Resource Manager, about an enrollment and some subscriptions."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        logger: logging.Logger,
        enrollment_number: str,
        subscription_ids: tuple[str, ...],
    ) -> None:
        self.enrollment_number = enrollment_number
        self.subscription_ids = subscription_ids
        self._logger = logger
        self._kept: dict[str, IO[bytes]] = {}
        self._http = HTTPClient(base_url, credentials, _remedy, logger)
        self.hurry = self._http.hurry

    def pages(
        self, path: str, envelope: Envelope | None = None, *, etag: str | None = None, patient: bool = True
    ) -> Iterator[Page]:
        """Yield the pages of a listing, or of whatever ``envelope`` opens; rows are resources and their properties.

        These APIs tag nothing: the pages bear the ETag that is given. Raises ``NotReadyError``, on any page, where
        Azure is still processing what was asked for; if ``patient``, it is asked a few times more before that.
        """

        def ask(link: str, base: str | None = None) -> Answer:
            return self._ready(lambda: self._http.get(link, base=base), MAX_QUESTIONS if patient else 1)

        pages = mapped(ahead(linked(ask, ask(path), envelope or listing), alone=1), _unwrapped)
        return (replace(page, etag=etag) for page in pages)

    def pages_of_days(
        self, path: Callable[[str, str], str], first_day: str, last_day: str, etag: str | None = None
    ) -> Iterator[Page]:
        """Yield the pages of a listing of days, both included; a range that is refused is asked for in halves."""
        halves = self._halved(path, date.fromisoformat(first_day), date.fromisoformat(last_day))
        return (replace(page, number=number, etag=etag) for number, page in enumerate(halves, start=1))

    def _halved(self, path: Callable[[str, str], str], first_day: date, last_day: date) -> Iterator[Page]:
        try:
            pages = self.pages(path(str(first_day), str(last_day)))
        except RefusedError as error:
            if isinstance(error, ForbiddenError) or first_day == last_day:
                raise
            self._logger.info("Asking for %s to %s in halves: %s", first_day, last_day, error)
            middle = first_day + (last_day - first_day) // 2
            yield from self._halved(path, first_day, middle)
            yield from self._halved(path, middle + timedelta(1), last_day)
        else:
            yield from pages

    def report_pages(
        self, path: str, is_header: Callable[[list[str]], bool], etag: str | None = None, body: Any = None
    ) -> Iterator[Page]:
        """Yield the pages of a report that a POST submits; the next file is downloaded while one is read.

        Where a link has expired by then, they begin again with page 1, of a new report. Raises ``NoDataError`` where
        there is nothing to report, and ``ReportError`` where that cannot be had or read.
        """

        def read(links: list[str]) -> Iterator[Page]:
            files = ahead(map(self._http.download, links))
            return paged(csv_files(files, is_header), f"The report {path}", etag)

        return read_report(self._http, lambda: self._http.post(path, body), self._logger, read)

    def may_have_rows(self, path: str) -> bool:
        """Say whether a listing has any row, or cannot tell: it is not ready, or does not answer such a question."""
        try:
            return any(True for page in self.pages(path, patient=False) for _ in page.rows)
        except NotReadyError:
            return True
        except RefusedError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            return True

    def document(self, path: str) -> IO[bytes]:
        """Return a document that is prepared on request, as an open temporary file."""

        def download(links: list[str]) -> Iterator[IO[bytes]]:
            return map(self._http.download, links)

        (document,) = read_report(self._http, lambda: self._http.post(path), self._logger, download)
        return document

    def redirected(self, path: str) -> IO[bytes]:
        """Return what a path redirects to, as an open temporary file that is downloaded once a run."""
        if path not in self._kept:
            self._kept[path] = self._redirected(path)
            weakref.finalize(self, self._kept[path].close)
        self._kept[path].seek(0)
        return self._kept[path]

    def _redirected(self, path: str) -> IO[bytes]:
        for _ in range(MAX_LINKS):
            try:
                return self._http.redirected(path)
            except DeadLinkError as error:
                self._logger.warning("The link to %s leads nowhere, asking for a new one: %s", path, error)
        raise UnavailableError(f"{MAX_LINKS} links to {path} led nowhere. Run again later.")

    def _ready(self, ask: Callable[[], Answer], questions: int) -> Answer:
        """Ask again while Azure says that it is not ready."""
        for question in range(1, questions + 1):
            answer = ask()
            if answer.status != HTTPStatus.ACCEPTED:
                return answer
            if question < questions:
                seconds = until_asked_again(answer.headers, POLL_INTERVAL)
                self._logger.info("Waiting %.0f s, for Azure is still processing %s", seconds, answer.url)
                sleep(seconds)
        raise NotReadyError(f"Azure is still processing {answer.url} ({answer.body!s:.300}): the next run asks again.")


def listing(body: Any) -> tuple[list[Row], str | None]:
    """Open a page, ``{value, nextLink}``; there may be no body where there is nothing to list."""
    return (checked(body["value"]), body.get("nextLink")) if body is not None else ([], None)


def one_row(body: Any) -> tuple[list[Row], None]:
    """Open a bare object; there may be no body where there is none."""
    return ([] if body is None else checked([body])), None


def _unwrapped(row: Row) -> Row:
    """Return a resource as a row: its properties, beside its id and name."""
    properties = row.get("properties")
    own = {name: value for name, value in row.items() if name != "properties"}
    return {**own, **properties} if isinstance(properties, dict) else row


def _remedy(status: int | None, words: str) -> str:
    if NO_CLAIMS in words:
        return _ROLE
    if "api-version" in words.lower() or "api version" in words.lower():
        return _VERSION
    return _REMEDIES.get(status) or _REMEDIES[None]
