"""The sandbox's HTTP server."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import replace
from datetime import date, datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.ea_reporting import EAReportingAPI
from tap_azure_ea.sandbox.faults import Fault
from tap_azure_ea.sandbox.messages import Request, Response, error
from tap_azure_ea.sandbox.reports import Reports

if TYPE_CHECKING:
    from typing_extensions import Self

ENROLLMENT_NUMBER = "8675309"
API_KEY = "sandbox-api-key"
ACCOUNT_OWNER_KEY = "sandbox-account-owner-key"


class Sandbox:
    """Serves an invented enrollment on loopback, in a thread, until it is closed.

    ``bill`` is what it serves, ``faults`` what it does next, and ``requests`` what it was asked. From outside,
    ``POST /sandbox/restate/{yyyyMM}`` restates a period and ``POST /sandbox/faults`` queues a fault, a JSON object of
    the arguments of ``Fault``.
    """

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
        self.requests: list[Request] = []
        self._server = _Server(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # Another origin than the API's, as Azure's storage is.
        reports = Reports(self.url, self.url.replace("127.0.0.1", "localhost"))
        self.api = EAReportingAPI(self.bill, self.url, api_key or API_KEY, ACCOUNT_OWNER_KEY, reports)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def enrollment_number(self) -> str:
        """The enrollment it serves."""
        return self.bill.enrollment_number

    @property
    def api_key(self) -> str:
        """The key that opens all of it."""
        return self.api.api_key

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answer(self, request: Request) -> tuple[Response, Fault]:
        """Answer a request as Azure would, or as the first fault that strikes says."""
        self.requests.append(request)
        fault = next((fault for fault in self.faults if fault.strikes(request.target)), Fault(times=0))
        if fault.restate:
            self.bill.restate(fault.restate)
        if fault.status is not None:
            response = error(fault.status, "As the fault says")
        elif request.path.startswith("/blobs/"):
            response = self.api.reports.blob(request)
        else:
            response = self.api.answer(request)
        body = response.body if fault.body is None else fault.body.encode()
        return replace(response, body=body, headers={**response.headers, **fault.headers}), fault

    def control(self, path: str, body: bytes) -> Response:
        """Carry out what is asked of the sandbox itself."""
        if path.startswith("/sandbox/restate/"):
            self.bill.restate(path.rpartition("/")[2])
            return Response(204)
        if path == "/sandbox/faults":
            try:
                self.faults.append(msgspec.json.decode(body, type=Fault))
            except msgspec.DecodeError as error:
                return Response(400, str(error).encode())
            return Response(204)
        return Response(404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        self._open.add(request)  # type: ignore[arg-type]  # TCP servers are given sockets
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close the connections that clients keep open too."""
        super().server_close()
        for connection in list(self._open):
            self.shutdown_request(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self, method: str = "GET") -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        response, fault = self.server.sandbox.answer(Request(method, self.path, headers))
        if fault.hang:
            self.connection.recv(1)
            self.close_connection = True
            return
        if fault.reset:
            # Without lingering, closing sends RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self._send(response, response.body[: len(response.body) // 2] if fault.cut else response.body)
        self.close_connection |= fault.cut

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.startswith("/sandbox/"):
            self.do_GET("POST")
            return
        response = self.server.sandbox.control(self.path, body)
        self._send(response, response.body)

    def _send(self, response: Response, body: bytes) -> None:
        self.send_response(response.status)
        for name, value in {"Content-Type": "application/json", **response.headers}.items():
            self.send_header(name, value)
        if response.status not in {204, 304}:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the tap's log is the one to read."""
