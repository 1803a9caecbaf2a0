"""An EA Reporting API that takes almost no time itself: it sends prepared files."""

from __future__ import annotations

import argparse
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.rows import write
from benchmarks.site import ENROLLMENT, PERIOD, REPORT, USAGE_PATH


class Server(ThreadingHTTPServer):
    """Serves this number of rows, from files that it writes first."""

    def __init__(self, rows: int, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.pages, self.report = folder / "pages.json", folder / REPORT
        self.places = write(rows, self.url + USAGE_PATH, self.pages, self.report)


class Handler(BaseHTTPRequestHandler):
    """Answers from the prepared files."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer what is asked for."""
        parts = urlsplit(self.path)
        if parts.path == USAGE_PATH:
            page = int(parse_qs(parts.query).get("skiptoken", ["0"])[0])
            self._send(self.server.pages, *self.server.places[page])
        elif parts.path == f"/{REPORT}":
            self._send(self.server.report, 0, self.server.report.stat().st_size)
        elif parts.path == "/reports/1":
            # Another origin than the API's, as Azure's storage is.
            link = f"http://localhost:{self.server.server_port}/{REPORT}?sig=none"
            self._answer(200, {**self._report(3), "blobPath": link})
        elif parts.path == f"/v2/enrollments/{ENROLLMENT}/billingperiods":
            period = {"billingPeriodId": PERIOD, "billingStart": "2026-02-01", "billingEnd": "2026-02-28"}
            self._answer(200, [{**period, "usageDetails": USAGE_PATH}])
        else:
            self._answer(404, {"error": {"code": "NotFound", "message": f"{parts.path} is not served"}})

    def do_POST(self) -> None:
        """Accept a report, which is ready at the first poll."""
        self._answer(202, self._report(1))

    def _report(self, status: int) -> dict[str, Any]:
        return {"id": "1", "status": status, "blobPath": "", "reportUrl": f"{self.server.url}/reports/1"}

    def _answer(self, status: int, body: Any) -> None:
        encoded = json.dumps(body).encode()
        self._head(status, len(encoded))
        self.wfile.write(encoded)

    def _send(self, path: Path, start: int, length: int) -> None:
        self._head(200, length)
        with path.open("rb") as file:
            while length:
                sent = os.sendfile(self.connection.fileno(), file.fileno(), start, length)
                start, length = start + sent, length - sent

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", '"1"')
        self.send_header("Retry-After", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Write the files, print the address, and serve them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    with Server(arguments.rows, arguments.folder) as server:
        print(server.url, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
