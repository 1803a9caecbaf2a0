"""The invoice API: lists in pages, and documents that are prepared on request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from urllib.parse import urlencode

from tap_azure_ea.sandbox import invoices, pdf
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.catalogue import guid
from tap_azure_ea.sandbox.invoices import Invoice
from tap_azure_ea.sandbox.messages import Request, Response, encode, error
from tap_azure_ea.sandbox.rows import CURRENCY

PAGE_SIZE = 10
SOON = {"Retry-After": "0"}


@dataclass
class InvoiceAPI:
    """Answers for the enrollment and for its subscriptions; ``url`` is the beginning of the links that it sends."""

    bill: Bill
    url: str
    blobs: Blobs
    _downloads: dict[str, tuple[Iterator[int], str]] = field(default_factory=dict)

    def page(self, request: Request, scope: dict[str, str]) -> Response:
        """List the invoices whose periods end within the days asked for."""
        query = request.query
        try:
            first_day, last_day = (date.fromisoformat(query.get(f"period{end}date", "")) for end in ("start", "end"))
            start = int(query.get("$skiptoken", 0))
        except ValueError:
            message = "periodStartDate and periodEndDate are required, as days such as 2026-01-31."
            return error(400, message, "BadRequest")
        found = [invoice for invoice in self._issued(scope) if first_day <= invoice.last_day <= last_day]
        rows = [invoices.row(self.bill, invoice, self._document_url(request, scope, invoice)) for invoice in found]
        page = {"value": rows[start : start + PAGE_SIZE]}
        following = request.with_parameter("$skiptoken", str(start + PAGE_SIZE))
        if start + PAGE_SIZE < len(rows):
            return Response(200, encode({**page, "nextLink": self.url + following}))
        return Response(200, encode(page))

    def download(self, request: Request, scope: dict[str, str]) -> Response:
        """Begin to prepare an invoice's document."""
        name = scope["name"].upper()
        invoice = next((invoice for invoice in self._issued(scope) if invoice.name == name), None)
        if not invoice:
            return error(404, f"The invoice '{name}' could not be found.", "ResourceNotFound")
        document = _document(self.bill.enrollment_number, invoice)
        link = self.blobs.link(f"{name}.pdf", "application/pdf", lambda: document)
        operation = f"invoiceDownload_{guid(f'download {len(self._downloads)}')}"
        self._downloads[operation] = count(1), link
        location = f"{self.url}{_root(scope)}/operationResults/{operation}?api-version={request.query['api-version']}"
        return Response(202, headers={"Location": location, **SOON})

    def result(self, request: Request, scope: dict[str, str]) -> Response:
        """Answer a poll: not ready at first, then with the link to the document."""
        if scope["operation"] not in self._downloads:
            return error(404, "The operation could not be found.", "ResourceNotFound")
        polls, link = self._downloads[scope["operation"]]
        if next(polls) == 1:
            return Response(202, headers={"Location": self.url + request.target, **SOON})
        return Response(200, encode({"url": link, "expiryTime": f"{self.bill.today}T23:59:59Z"}))

    def _issued(self, scope: dict[str, str]) -> list[Invoice]:
        subscription = scope["subscription"]
        return invoices.of_subscription(self.bill, subscription) if subscription else invoices.of_enrollment(self.bill)

    def _document_url(self, request: Request, scope: dict[str, str], invoice: Invoice) -> str:
        query = urlencode({"api-version": request.query["api-version"], "documentName": invoice.name})
        return f"{self.url}{_root(scope)}/invoices/{invoice.name}/download?{query}"


def _root(scope: dict[str, str]) -> str:
    account = scope["account"] or f"default/billingSubscriptions/{scope['subscription']}"
    return f"/providers/Microsoft.Billing/billingAccounts/{account}"


def _document(enrollment_number: str, invoice: Invoice) -> bytes:
    return pdf.one_page(
        [
            f"Enrollment {enrollment_number}",
            f"Invoice {invoice.name}",
            f"Billing period {invoice.first_day} to {invoice.last_day}",
            f"Total {CURRENCY} {invoice.total}",
        ]
    )
