"""A report that Azure prepares on request: submitted, waited for, downloaded."""

from __future__ import annotations

import logging
from time import monotonic, sleep
from typing import IO, Any

from tap_azure_ea.api.errors import AzureError, NoDataError, RefusedError, ReportError
from tap_azure_ea.api.http import Answer, HTTPClient
from tap_azure_ea.api.retry_after import until_asked_again

POLL_INTERVAL = 10
LONGEST_PREPARATION = 2 * 3600
MAX_SUBMISSIONS = 3

COMPLETED, FAILED, NO_DATA_FOUND, READY_TO_DOWNLOAD, TIMED_OUT = 3, 4, 5, 6, 7


def download_report(http: HTTPClient, submit_path: str, logger: logging.Logger) -> IO[bytes]:
    """Return the finished report as an open temporary file.

    A report that fails, times out or whose link has expired is submitted again; ``ReportError`` says when that does not
    help, and ``NoDataError`` that there is nothing to read.
    """
    for submission in range(1, MAX_SUBMISSIONS + 1):
        answer, started = http.post(submit_path), monotonic()
        while True:
            status, blob = _status(answer), answer.body.get("blobPath")
            if status == NO_DATA_FOUND:
                raise NoDataError(f"The report {submit_path} found no data.")
            if status in {FAILED, TIMED_OUT} or (blob and status in {COMPLETED, READY_TO_DOWNLOAD}):
                break
            if monotonic() - started > LONGEST_PREPARATION:
                raise ReportError(f"The report {submit_path} was not ready after {LONGEST_PREPARATION // 3600} hours.")
            seconds = until_asked_again(answer.headers, POLL_INTERVAL)
            if seconds >= 1:
                logger.info("Waiting %.0f s for the report %s (status %d)", seconds, submit_path, status)
            sleep(seconds)
            answer = http.get(answer.body["reportUrl"], base=answer.url)
        if status in {FAILED, TIMED_OUT}:
            logger.warning("The report %s ended with status %d (submission %d)", submit_path, status, submission)
            continue
        try:
            return http.download(blob)
        except RefusedError as error:
            logger.warning("The report %s cannot be downloaded: %s (submission %d)", submit_path, error, submission)
    raise ReportError(
        f"The report {submit_path} failed {MAX_SUBMISSIONS} times. Run again later, or set usage_format to json."
    )


def _status(answer: Answer) -> int:
    body: Any = answer.body
    if not isinstance(body, dict) or not isinstance(body.get("status"), int) or not body.get("reportUrl"):
        raise AzureError(f"{answer.url} answered JSON that is not the status of a report: {body!s:.300}")
    return int(body["status"])
