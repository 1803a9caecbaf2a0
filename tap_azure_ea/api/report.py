"""What takes Azure Resource Manager a while: submitted, waited for, downloaded.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from time import monotonic, sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tap_azure_ea.api.errors import AzureError, DeadLinkError, NoDataError, ReportError
from tap_azure_ea.api.http import Answer, HTTPClient
from tap_azure_ea.api.retry_after import until_asked_again

T = TypeVar("T")
POLL_INTERVAL = 30
LONGEST_PREPARATION = 3600
MAX_SUBMISSIONS = 3

RUNNING = frozenset({"running", "inprogress", "queued"})
DONE = frozenset({"", "completed", "succeeded"})
NO_DATA_FOUND = "nodatafound"


def read_report(
    http: HTTPClient, submit: Callable[[], Answer], logger: logging.Logger, read: Callable[[list[str]], Iterable[T]]
) -> Iterator[T]:
    """Yield what is read from the links of a report.

    A report that fails, or one of whose links has expired, is submitted again and read from the start; ``ReportError``
    says when that does not help, and ``NoDataError`` that there is nothing to read.
    """
    for submission in range(1, MAX_SUBMISSIONS + 1):
        submitted = submit()
        answer = _finished(http, submitted, logger)
        status, links = _status(answer), list(_links(answer.body))
        if status == NO_DATA_FOUND:
            raise NoDataError(f"{submitted.url} found no data.")
        try:
            if status in DONE and links:
                yield from read(links)
                return
            reason = f"ended without a result ({_reason(answer.body)})"
        except DeadLinkError as error:
            reason = f"cannot be downloaded ({error})"
        logger.warning("%s %s: submission %d of %d", submitted.url, reason, submission, MAX_SUBMISSIONS)
    raise ReportError(f"{submitted.url} {reason}, {MAX_SUBMISSIONS} times. Run again later.")


def _finished(http: HTTPClient, answer: Answer, logger: logging.Logger) -> Answer:
    """Ask at the newest ``Location`` for as long as it is answered 202, or 200 with a status that says so."""
    started, title, location = monotonic(), answer.url, None
    while _status(answer) in RUNNING:
        location = answer.headers.get("Location", location)
        if not location:
            raise ReportError(f"{answer.url} answered {answer.status} without saying where the result will be.")
        if monotonic() - started > LONGEST_PREPARATION:
            raise ReportError(f"{title} was not finished after {LONGEST_PREPARATION // 60} minutes. Run again later.")
        seconds = until_asked_again(answer.headers, POLL_INTERVAL)
        if seconds >= 1:
            logger.info("Waiting %.0f s for %s", seconds, urlsplit(title).path)
        sleep(seconds)
        answer = http.get(location, base=answer.url)
    return answer


def _status(answer: Answer) -> str:
    """Return the status in lower case; none means done."""
    if answer.status == HTTPStatus.ACCEPTED:
        return "running"
    if not isinstance(answer.body, dict):
        raise AzureError(f"{answer.url} answered JSON that is not the state of a report: {answer.body!s:.300}")
    return str(answer.body.get("status") or "").lower()


def _links(body: Any) -> Iterator[str]:
    """Yield the links wherever the APIs put them."""
    manifest, properties = body.get("manifest") or {}, body.get("properties") or {}
    places = [*(blob.get("blobLink") for blob in manifest.get("blobs") or ())]
    places += [properties.get("downloadUrl"), properties.get("reportUrl"), body.get("url")]
    return (link for link in places if link)


def _reason(body: Any) -> str:
    error = body.get("error") or (body.get("properties") or {}).get("error") or body
    return f"{error!s:.300}"
