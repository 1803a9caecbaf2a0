"""What takes Azure Resource Manager a while: started, asked for until it is finished.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from time import monotonic, sleep

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.api.http import LONGEST_WAIT, Answer, HTTPClient
from tap_azure_ea.api.retry_after import retry_after

POLL_INTERVAL = 30
LONGEST_OPERATION = 3600
RUNNING = frozenset({"running", "inprogress", "queued"})


def finished(http: HTTPClient, answer: Answer, logger: logging.Logger) -> Answer:
    """Return the answer that ends an operation, given the one that started it.

    It is asked for at the newest ``Location`` while it is answered 202, or 200 with a status that says so. The last
    answer's body is an object, whose meaning, failure included, is the caller's business.
    """
    started, location = monotonic(), answer.headers.get("Location")
    while answer.status == HTTPStatus.ACCEPTED or _status(answer) in RUNNING:
        location = answer.headers.get("Location", location)
        if not location:
            raise AzureError(f"{answer.url} answered {answer.status} without saying where the result will be.")
        if monotonic() - started > LONGEST_OPERATION:
            raise AzureError(f"{location} was not finished after {LONGEST_OPERATION // 60} minutes. Run again later.")
        wait = retry_after(answer.headers)
        seconds = POLL_INTERVAL if wait is None else min(wait, LONGEST_WAIT)
        logger.info("Waiting %.0f s for %s", seconds, location)
        sleep(seconds)
        answer = http.get(location, base=answer.url)
    return answer


def _status(answer: Answer) -> str:
    if not isinstance(answer.body, dict):
        raise AzureError(f"{answer.url} answered JSON that is not the state of an operation: {answer.body!s:.300}")
    return str(answer.body.get("status", "")).lower()
