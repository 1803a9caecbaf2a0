"""The sandbox itself: one enrollment, served on loopback."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, timezone
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from tap_azure_ea.sandbox import resource_manager, sign_in
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.catalogue import SUBSCRIPTIONS, guid
from tap_azure_ea.sandbox.certificate import server_context
from tap_azure_ea.sandbox.ea_reporting import EAReportingAPI
from tap_azure_ea.sandbox.faults import Fault
from tap_azure_ea.sandbox.listener import Listener
from tap_azure_ea.sandbox.messages import Request, Response, error
from tap_azure_ea.sandbox.reports import Reports
from tap_azure_ea.sandbox.resource_manager import ResourceManager
from tap_azure_ea.sandbox.sign_in import SignIn

if TYPE_CHECKING:
    from typing_extensions import Self

ENROLLMENT_NUMBER = "8675309"
API_KEY = "sandbox-api-key"
ACCOUNT_OWNER_KEY = "sandbox-account-owner-key"


class Sandbox:
    """Serves an invented enrollment on loopback, in threads, until it is closed.

    ``bill`` is what it serves, and ``requests`` lists the requests so far. Add faults to ``faults``, and the ids of
    subscriptions that clients must not read to ``forbidden``. From outside, ``POST /sandbox/restate/{yyyyMM}`` restates
    a period and ``POST /sandbox/faults`` queues a fault, a JSON object of the arguments of ``Fault``.
    """

    tenant_id = sign_in.TENANT_ID
    client_id = sign_in.CLIENT_ID
    client_secret = sign_in.CLIENT_SECRET
    access_token = sign_in.ACCESS_TOKEN

    def __init__(  # noqa: PLR0913 - each has its default
        self,
        *,
        enrollment_number: str | None = None,
        api_key: str | None = None,
        today: date | None = None,
        first_day: date | None = None,
        size: int = 1,
        port: int = 0,
    ) -> None:
        today = today or datetime.now(tz=timezone.utc).date()
        first_day = first_day or date(today.year - 1, 1, 1)
        self.bill = Bill(enrollment_number or ENROLLMENT_NUMBER, today, first_day, size)
        self.faults: list[Fault] = []
        self.forbidden: set[str] = set()
        self.requests: list[Request] = []
        self._listener = Listener(self.answer, port)
        self.url = f"http://127.0.0.1:{self._listener.port}"
        self._blobs = Blobs(f"http://localhost:{self._listener.port}")
        reports = Reports(self.url, self._blobs)
        self.api = EAReportingAPI(self.bill, self.url, api_key or API_KEY, ACCOUNT_OWNER_KEY, reports)
        self._sign_in = SignIn(self.bill)
        self._manager = ResourceManager(self.bill, self.url, self._blobs, self._sign_in, self.forbidden)
        self._open = ExitStack()
        self._open.enter_context(self._listener)

    @property
    def enrollment_number(self) -> str:
        """The enrollment it serves."""
        return self.bill.enrollment_number

    @property
    def api_key(self) -> str:
        """The API key that can read everything."""
        return self.api.api_key

    @property
    def subscription_ids(self) -> list[str]:
        """The enrollment's subscriptions."""
        return [guid(subscription.name) for subscription in SUBSCRIPTIONS]

    @cached_property
    def login_url(self) -> str:
        """Where to sign in; the server for it starts when this is first read."""
        return f"https://localhost:{self._tls[0].port}"

    @property
    def certificate(self) -> str:
        """The file that clients of ``login_url`` have to trust; it exists until the sandbox is closed."""
        return str(self._tls[1])

    @cached_property
    def _tls(self) -> tuple[Listener, Path]:
        folder = mkdtemp()
        self._open.callback(rmtree, folder)
        context, certificate = server_context(Path(folder))
        return self._open.enter_context(Listener(self.answer, tls=context)), certificate

    def expire_tokens(self) -> None:
        """Refuse every token that was issued so far, and ``access_token``."""
        self._sign_in.expire()

    def close(self) -> None:
        """Stop serving."""
        self._open.close()

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        self._listener.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answer(self, request: Request) -> tuple[Response, Fault]:
        """Answer a request as Azure would, or as the first fault that strikes says."""
        if request.method == "POST" and request.path.startswith("/sandbox/"):
            return self._controlled(request), Fault(times=0)
        self.requests.append(request)
        fault = next((fault for fault in self.faults if fault.strikes(request.target)), Fault(times=0))
        if fault.restate:
            self.bill.restate(fault.restate)
        response = self._served(request) if fault.status is None else error(fault.status, "As the fault says")
        body = response.body if fault.body is None else fault.body.encode()
        return replace(response, body=body, headers={**response.headers, **fault.headers}), fault

    def _served(self, request: Request) -> Response:
        if request.path.startswith("/blobs/"):
            return self._blobs.answer(request)
        if sign_in.PATH.fullmatch(request.path):
            return self._sign_in.answer(request)
        if resource_manager.PATH.fullmatch(request.path):
            return self._manager.answer(request)
        return self.api.answer(request)

    def _controlled(self, request: Request) -> Response:
        """Answer a request to the sandbox's own paths: restate something, or queue a fault."""
        if request.path.startswith("/sandbox/restate/"):
            self.bill.restate(unquote(request.path.rpartition("/")[2]))
            return Response(204)
        if request.path == "/sandbox/faults":
            try:
                self.faults.append(msgspec.json.decode(request.body, type=Fault))
            except msgspec.DecodeError as error:
                return Response(400, str(error).encode())
            return Response(204)
        return Response(404)
