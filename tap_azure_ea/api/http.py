"""One request: authenticated, sent to the configured host alone, timed, checked, retried and waited for."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from tempfile import TemporaryFile, gettempdir
from time import sleep
from typing import IO, Any, NoReturn, Protocol, TypeVar
from urllib.parse import urljoin

import requests

from tap_azure_ea.api.bodies import decode, encode, words
from tap_azure_ea.api.errors import (
    AzureError,
    DeadLinkError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from tap_azure_ea.api.retry_after import LONGEST_WAIT, retry_after
from tap_azure_ea.api.urls import origin, without_secrets

MAX_TRIES, HURRIED_TRIES = 8, 2
CONNECT_TIMEOUT = 30
READ_TIMEOUT = 300
LONGEST_BACKOFF = 60
HURRIED_WAIT = 30
ALIVE_INTERVAL = 60
CHUNK = 1 << 20

RETRIABLE = frozenset({429, 500, 502, 503, 504})
REFUSALS = {401: ForbiddenError, 403: ForbiddenError, 404: NotFoundError}
BODILESS = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

T = TypeVar("T")
Remedy = Callable[[int | None, str], str]


class Credentials(Protocol):
    """What opens a host; ``secrets`` never appear in an error or a log."""

    @property
    def secrets(self) -> Collection[str]:
        """What must not be shown."""

    def authorization(self) -> str:
        """Return the value of the ``Authorization`` header, good for the next request."""

    def renew(self, refusal: str) -> bool:
        """Say whether a request that was answered 401 in these words is worth another try, and prepare for it."""


class _Retriable(Exception):  # noqa: N818 - the reason for another try, not an error of its own
    def __init__(self, reason: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """What Azure answered: the decoded JSON body, numbers as ``int`` or exact ``Decimal``; None where there is none."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class HTTPClient:
    """Asks one host, which alone is shown the credentials.

    ``remedy`` says what to do about a status and Azure's words, or, with None, about a host that cannot be reached.
    """

    base_url: str
    credentials: Credentials
    remedy: Remedy
    logger: logging.Logger
    session: requests.Session = field(default_factory=requests.Session)
    max_tries: int = MAX_TRIES
    longest_wait: float = LONGEST_WAIT

    def __post_init__(self) -> None:
        # At DEBUG it shows every path with its query, and so the signatures of links.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

    def hurry(self) -> None:
        """Give up soon from now on: somebody waits for the answer."""
        self.max_tries, self.longest_wait = HURRIED_TRIES, HURRIED_WAIT

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, base: str | None = None) -> Answer:
        """Return the answer to a GET, after as many tries and waits as Azure asks for.

        ``url`` may be relative, to ``base`` or else to the host. Raises ``RefusedError`` for a status that is final,
        ``UnavailableError`` when the last try has failed, and ``AzureError`` for a link to another host.
        """
        request = self._prepare("GET", urljoin(base or self.base_url, url), headers)
        return self._persist_signed(request, self._answer)

    def post(self, url: str, body: Any = None) -> Answer:
        """Return the answer to a POST, of JSON if there is a body, as ``get`` does."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        data = None if body is None else encode(body)
        return self._persist_signed(self._prepare("POST", urljoin(self.base_url, url), headers, data), self._answer)

    def download(self, url: str) -> IO[bytes]:
        """Return what a link of any host leads to as an open temporary file; no credentials are sent there.

        Raises ``DeadLinkError`` where the link is refused.
        """
        try:
            return self._persist(self._prepare("GET", url), self._store)
        except RefusedError as error:
            raise DeadLinkError(str(error), error.status) from None

    def redirected(self, url: str) -> IO[bytes]:
        """Return what a GET leads to as an open temporary file; where it is redirected to, no credentials are sent.

        Raises as ``get`` and ``download`` do.
        """

        def send(request: requests.PreparedRequest) -> IO[bytes] | str:
            response = self._send(request, stream=True, redirects=True)
            if not response.is_redirect:
                return self._stored(response)
            with response:
                return urljoin(response.url, response.headers["Location"])

        found = self._persist_signed(self._prepare("GET", urljoin(self.base_url, url)), send)
        return self.download(found) if isinstance(found, str) else found

    def _persist_signed(self, request: requests.PreparedRequest, send: Callable[[requests.PreparedRequest], T]) -> T:
        """Send with credentials, each try with those of the moment, and once more where they can be renewed."""
        self._check_origin(request)

        def signed(request: requests.PreparedRequest) -> T:
            request.headers["Authorization"] = self.credentials.authorization()
            return send(request)

        try:
            return self._persist(request, signed)
        except RefusedError as error:
            if error.status != HTTPStatus.UNAUTHORIZED or not self.credentials.renew(str(error)):
                raise
        return self._persist(request, signed)

    def _persist(self, request: requests.PreparedRequest, send: Callable[[requests.PreparedRequest], T]) -> T:
        """Send, as many times as it may help."""
        failures = 0
        while True:
            try:
                return send(request)
            except _Retriable as reason:
                failures += 1
                if failures == self.max_tries:
                    self._fail(request, f"{reason} ({failures} times)", reason.status)
                self._wait(request, reason, failures)

    def _prepare(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> requests.PreparedRequest:
        headers = {"Accept": "application/json", "User-Agent": "tap-azure-ea", **(headers or {})}
        try:
            asked = requests.Request(method, url, headers=headers, data=data, auth=_anonymous)
            return self.session.prepare_request(asked)
        except requests.RequestException as error:
            msg = f"{self._redact(url)} is not an address that can be asked: {self._redact(str(error))}"
            raise AzureError(msg) from None

    def _check_origin(self, request: requests.PreparedRequest) -> None:
        """Refuse a link that leads away from the host that the credentials were given for."""
        if origin(request.url or "") != origin(self.base_url):
            msg = (
                f"Azure sent a link to {self._redact(request.url or '')}, which is not on {self.base_url}. The "
                "credentials are shown to that host alone, so the link was not followed. If your data really lives "
                "there, set its address as the host to ask."
            )
            raise AzureError(msg)

    def _answer(self, request: requests.PreparedRequest) -> Answer:
        response = self._send(request, stream=True)
        try:
            # What requests reads by itself it reads in pieces of 10 KB, which takes as long as decoding it.
            content = b"".join(response.iter_content(CHUNK))
        except requests.RequestException as error:
            raise self._broken(error) from None
        bodiless = response.status_code in BODILESS and not content
        body = None if bodiless else self._decode(response, content)
        return Answer(response.url, response.status_code, response.headers, body)

    def _store(self, request: requests.PreparedRequest) -> IO[bytes]:
        return self._stored(self._send(request, stream=True))

    def _stored(self, response: requests.Response) -> IO[bytes]:
        file = TemporaryFile()  # noqa: SIM115 - it outlives this function
        try:
            with response:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
            file.seek(0)
        except requests.RequestException as error:
            file.close()
            raise self._broken(error) from None
        except OSError as error:
            file.close()
            place = f"{gettempdir()} ({error.strerror})"
            raise AzureError(f"The download cannot be stored in {place}. Set TMPDIR to where there is room.") from None
        return file

    def _send(
        self, request: requests.PreparedRequest, *, stream: bool = False, redirects: bool = False
    ) -> requests.Response:
        """Send once; raise ``_Retriable`` where another try may help."""
        settings = self.session.merge_environment_settings(request.url or "", {}, stream, None, None)
        try:
            response = self.session.send(
                request, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), allow_redirects=False, **settings
            )
        except requests.RequestException as error:
            raise self._broken(error) from None
        if response.status_code in RETRIABLE:
            reason = f"{response.status_code} {response.reason}{self._words(response.content)}"
            raise _Retriable(reason, response.status_code, retry_after(response.headers))
        if not response.ok or (response.is_redirect and not redirects):
            self._fail(request, self._describe(response), response.status_code)
        return response

    def _broken(self, error: requests.RequestException) -> _Retriable:
        """Describe a reset, a time-out or a cut body."""
        reason = _innermost(error)
        return _Retriable(f"the connection failed ({type(reason).__name__}: {self._redact(str(reason))})")

    def _decode(self, response: requests.Response, content: bytes) -> Any:
        try:
            return decode(content)
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no content type")
            reason = f"{response.status_code} with a body that is not JSON ({kind}; {error}){self._words(content)}"
            raise _Retriable(reason, response.status_code) from None

    def _describe(self, response: requests.Response) -> str:
        answer = f"{response.status_code} {response.reason}"
        if response.is_redirect:
            return f"{answer}: a redirect to {self._redact(response.headers['Location'])}, which is not followed"
        return answer + self._words(response.content)

    def _words(self, content: bytes) -> str:
        said = words(content)
        return f': "{self._redact(said)}"' if said else ""

    def _fail(self, request: requests.PreparedRequest, answer: str, status: int | None) -> NoReturn:
        asked = f"{request.method} {self._redact(request.url or '')}"
        # Who was shown no credentials has none to mend.
        remedy = self.remedy(status, answer) if "Authorization" in request.headers else ""
        message = f"{asked} answered {answer}. {remedy}".strip()
        if status is None or status in RETRIABLE:
            raise UnavailableError(message)
        raise REFUSALS.get(status, RefusedError)(message, status)

    def _wait(self, request: requests.PreparedRequest, reason: _Retriable, failures: int) -> None:
        """Wait as long as Azure asks, or else twice as long as the last time, and say why."""
        backoff = min(2.0**failures, LONGEST_BACKOFF) * random.uniform(0.5, 1)  # noqa: S311 - no secret depends on it
        seconds = backoff if reason.wait is None else reason.wait
        if seconds > self.longest_wait:
            self._fail(request, f"{reason}, and asks to wait {seconds:.0f} seconds", reason.status)
        path = self._redact(request.path_url)
        self.logger.warning(
            "Waiting %.1f s before try %d of %d of %s: %s", seconds, failures + 1, self.max_tries, path, reason
        )
        while seconds > ALIVE_INTERVAL:
            sleep(ALIVE_INTERVAL)
            seconds -= ALIVE_INTERVAL
            self.logger.info("Still waiting, %.0f s to go, before asking %s again", seconds, path)
        sleep(seconds)

    def _redact(self, text: str) -> str:
        return without_secrets(text, self.credentials.secrets)


def _innermost(error: BaseException) -> BaseException:
    """Return what the libraries that were asked have wrapped in errors of their own."""
    inner = error.__cause__ or error.__context__
    return _innermost(inner) if inner else error


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # Without any authentication, requests would look for one in netrc.
    return request
