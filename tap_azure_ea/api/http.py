"""One request: authenticated, sent to the configured host alone, timed, checked, retried and waited for."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from tempfile import TemporaryFile, gettempdir
from time import sleep
from typing import IO, Any, NoReturn, TypeVar
from urllib.parse import urljoin

import msgspec
import requests
from urllib3.util import parse_url

from tap_azure_ea.api.retry_after import retry_after

MAX_TRIES = 8
CONNECT_TIMEOUT = 30
READ_TIMEOUT = 300
LONGEST_BACKOFF = 60
LONGEST_WAIT = 3600
ALIVE_INTERVAL = 60
EXCERPT = 300
CHUNK = 1 << 16

RETRIABLE = frozenset({429, 500, 502, 503, 504})

T = TypeVar("T")
Authenticate = Callable[[requests.PreparedRequest], requests.PreparedRequest]


class AzureError(Exception):
    """Says what was asked, what came back, and what to do about it."""


class RefusedError(AzureError):
    """Azure answered with a status that another try will not change."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NoDataError(AzureError):
    """Azure has nothing of what was asked for now."""


class _Retriable(Exception):  # noqa: N818 - the reason for another try, not an error of its own
    def __init__(self, reason: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """What Azure answered: the decoded JSON body, numbers as ``int`` or exact ``Decimal``; None for 304."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class HTTPClient:
    """Asks one host, which alone is shown the credentials.

    ``remedies`` says what to do about a status, or, under None, about a host that cannot be reached; ``secrets`` never
    appear in an error or a log.
    """

    base_url: str
    authenticate: Authenticate
    remedies: Mapping[int | None, str]
    secrets: tuple[str, ...]
    logger: logging.Logger
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, base: str | None = None) -> Answer:
        """Return the answer to a GET, after as many tries and waits as Azure asks for.

        ``url`` may be relative, to ``base`` or else to the host. Raises ``RefusedError`` for a status that is final,
        and ``AzureError`` for a link to another host, or when the last try has failed.
        """
        request = self._prepare("GET", urljoin(base or self.base_url, url), headers or {}, self._authenticate)
        return self._persist(request, self._answer)

    def post(self, url: str) -> Answer:
        """Return the answer to a POST without a body, as ``get`` does."""
        request = self._prepare("POST", urljoin(self.base_url, url), {}, self._authenticate)
        return self._persist(request, self._answer)

    def download(self, url: str) -> IO[bytes]:
        """Return what a link of any host leads to as an open temporary file; no credentials are sent there."""
        return self._persist(self._prepare("GET", url, {}, _anonymous), self._store)

    def _persist(self, request: requests.PreparedRequest, send: Callable[[requests.PreparedRequest], T]) -> T:
        """Send, as many times as it may help."""
        failures = 0
        while True:
            try:
                return send(request)
            except _Retriable as reason:
                failures += 1
                if failures == MAX_TRIES:
                    self._fail(request, f"{reason} ({failures} times)", reason.status)
                self._wait(request, reason, failures)

    def _prepare(
        self, method: str, url: str, headers: Mapping[str, str], authenticate: Authenticate
    ) -> requests.PreparedRequest:
        headers = {"Accept": "application/json", "User-Agent": "tap-azure-ea", **headers}
        try:
            request = self.session.prepare_request(requests.Request(method, url, headers=headers, auth=authenticate))
        except requests.RequestException as error:
            msg = f"{self._redact(url)} is not an address that can be asked: {self._redact(str(error))}"
            raise AzureError(msg) from None
        return request

    def _authenticate(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the credentials, unless the link leads away from the host they were given for."""
        if origin(request.url or "") != origin(self.base_url):
            msg = (
                f"Azure sent a link to {self._redact(request.url or '')}, which is not on {self.base_url}. The "
                "credentials are shown to that host alone, so the link was not followed. If your data really lives "
                "there, set its address as the host to ask."
            )
            raise AzureError(msg)
        return self.authenticate(request)

    def _answer(self, request: requests.PreparedRequest) -> Answer:
        response = self._send(request)
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return Answer(response.url, response.status_code, response.headers, None)
        return Answer(response.url, response.status_code, response.headers, self._decode(response))

    def _store(self, request: requests.PreparedRequest) -> IO[bytes]:
        response = self._send(request, stream=True)
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
            raise AzureError(f"The report cannot be stored in {place}. Set TMPDIR to where there is room.") from None
        return file

    def _send(self, request: requests.PreparedRequest, *, stream: bool = False) -> requests.Response:
        """Send once; raise ``_Retriable`` where another try may help."""
        settings = self.session.merge_environment_settings(request.url or "", {}, stream, None, None)
        try:
            response = self.session.send(
                request, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), allow_redirects=False, **settings
            )
        except requests.RequestException as error:
            raise self._broken(error) from None
        if response.status_code in RETRIABLE:
            reason = f"{response.status_code} {response.reason}{self._words(response)}"
            raise _Retriable(reason, response.status_code, retry_after(response.headers))
        if not response.ok or response.is_redirect:
            self._fail(request, self._describe(response), response.status_code)
        return response

    def _broken(self, error: requests.RequestException) -> _Retriable:
        """Describe a reset, a time-out or a cut body."""
        return _Retriable(f"the connection failed ({type(error).__name__}: {self._redact(str(error))})")

    def _decode(self, response: requests.Response) -> Any:
        try:
            return decode(response.content)
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no content type")
            reason = f"{response.status_code} with a body that is not JSON ({kind}; {error}){self._words(response)}"
            raise _Retriable(reason, response.status_code) from None

    def _describe(self, response: requests.Response) -> str:
        answer = f"{response.status_code} {response.reason}"
        if response.is_redirect:
            return f"{answer}: a redirect to {self._redact(response.headers['Location'])}, which is not followed"
        return answer + self._words(response)

    def _words(self, response: requests.Response) -> str:
        """Return Azure's own words: ``error.message`` where there is one, else the first part of the body."""
        try:
            error = decode(response.content)["error"]
            words = f"{error['message']} (code {error['code']})"
        except (ValueError, KeyError, TypeError):
            words = " ".join(response.content.decode("utf-8", "replace").split())
        return f': "{self._redact(words[:EXCERPT])}"' if words else ""

    def _fail(self, request: requests.PreparedRequest, answer: str, status: int | None) -> NoReturn:
        asked = f"{request.method} {self._redact(request.url or '')}"
        remedy = self.remedies.get(status) or self.remedies.get(None, "")
        message = f"{asked} answered {answer}. {remedy}".strip()
        raise AzureError(message) if status is None or status in RETRIABLE else RefusedError(message, status)

    def _wait(self, request: requests.PreparedRequest, reason: _Retriable, failures: int) -> None:
        """Wait as long as Azure asks, or else twice as long as the last time, and say why."""
        backoff = min(2.0**failures, LONGEST_BACKOFF) * random.uniform(0.5, 1)  # noqa: S311 - no secret depends on it
        seconds = backoff if reason.wait is None else reason.wait
        if seconds > LONGEST_WAIT:
            self._fail(request, f"{reason}, and asks to wait {seconds:.0f} seconds", reason.status)
        path = self._redact(request.path_url)
        self.logger.warning(
            "Waiting %.1f s before try %d of %d of %s: %s", seconds, failures + 1, MAX_TRIES, path, reason
        )
        while seconds > ALIVE_INTERVAL:
            sleep(ALIVE_INTERVAL)
            seconds -= ALIVE_INTERVAL
            self.logger.info("Still waiting, %.0f s to go, before asking %s again", seconds, path)
        sleep(seconds)

    def _redact(self, words: str) -> str:
        for secret in filter(None, self.secrets):
            words = words.replace(secret, "***")
        return _SIGNATURE.sub("sig=***", words)


_SIGNATURE = re.compile(r"\bsig=[^&\s\"')]+", re.IGNORECASE)


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # Without any authentication, requests would look for one in netrc.
    return request


def origin(url: str) -> tuple[str | None, str | None, int | None]:
    """Return scheme, host and port as the connection will be made, defaults filled in."""
    parts = parse_url(url)
    return parts.scheme, parts.host, parts.port or {"http": 80, "https": 443}.get(parts.scheme or "")


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


def _replace_half(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if len(escape[0]) == len(rb"\ud83d") else escape[0]


_SURROGATES = re.compile(rb"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\ud[89a-f][0-9a-f]{2}", re.IGNORECASE)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
