"""Invoices: what Azure asks to be paid, and what has been paid; and their documents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pendulum

from tap_azure_ea.api.errors import PartError
from tap_azure_ea.api.pages import Page, mapped
from tap_azure_ea.api.urls import without_signature
from tap_azure_ea.datasets.billing import SUBSCRIPTION_ID, BillingStream
from tap_azure_ea.documents import Documents
from tap_azure_ea.fields import OBJECTS, Field, day, flag, integer, json_array, json_object, number, text, timestamp
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA, RecordReader, Row

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

API_VERSION = "2024-04-01"
ENROLLMENT_NUMBER = "enrollment_number"
FIRST_DAY, LAST_DAY = "2014-05-01", "9999-12-31"
LOOK_BACK = dt.timedelta(days=92)
OPEN = frozenset({"Due", "OverDue"})


def amount(name: str, description: str) -> tuple[Field, Field]:
    """Return the two columns of an amount."""
    return number(name, description), text(f"{name}_currency", f"Currency of {name}, ISO 4217.", trim=True)


class Invoices(BillingStream):
    """Invoices with their amounts, due dates, status and payments, and on request their PDF documents.

    https://learn.microsoft.com/rest/api/billing/invoices
    """

    name = "invoices"
    needs_one_of = (ENROLLMENT_NUMBER, "subscription_ids")
    primary_keys = ("id",)
    fields = (
        text("id", "Azure's id of the invoice."),
        text(ENROLLMENT_NUMBER, "Number of the EA enrollment; null where invoices are read by subscription."),
        SUBSCRIPTION_ID,
        text("subscription_display_name", "Name of the subscription, where the invoice is for one."),
        text("name", "Number of the invoice."),
        text("type", "Type of the resource, Microsoft.Billing/.../invoices."),
        timestamp("invoice_date", "When the invoice was generated."),
        timestamp("due_date", "When it is due."),
        timestamp("invoice_period_start_date", "First day of the period that is invoiced."),
        timestamp("invoice_period_end_date", "Last day of the period that is invoiced."),
        text("status", "Due, OverDue, Paid, Void, Locked or Other."),
        text("invoice_type", "AzureServices, AzureMarketplace, AzureSupport or Other."),
        text("document_type", "Invoice or CreditNote."),
        text("special_taxation_type", "SubtotalLevel or InvoiceLevel, where taxes are computed specially."),
        flag("is_monthly_invoice", "Whether it is part of the monthly invoicing."),
        *amount("amount_due", "What is left to pay."),
        *amount("azure_prepayment_applied", "What was taken from the Azure prepayment."),
        *amount("billed_amount", "What is billed, before credits, without taxes."),
        *amount("credit_amount", "What was refunded for returns and cancellations."),
        *amount("free_azure_credit_applied", "What was taken from free Azure credits."),
        *amount("sub_total", "Pre-tax amount due."),
        *amount("tax_amount", "Tax of the period."),
        *amount("total_amount", "What the invoice is for, with taxes."),
        text("billed_document_id", "The invoice that this credit note was issued for."),
        text("credit_for_document_id", "The document that this one credits."),
        text("billing_profile_id", "Azure's id of the billing profile."),
        text("billing_profile_display_name", "Name of the billing profile."),
        text("purchase_order_number", "Purchase order number that is printed on the invoice."),
        json_array("documents", "The documents to download, without the signatures of their links.", items=OBJECTS),
        json_array("payments", "The payments made, each with date and amount.", items=OBJECTS),
        json_array("failed_payments", "The payments that failed, each with date and reason.", items=OBJECTS),
        json_object("rebill_details", "How the invoice was billed anew."),
        json_object("refund_details", "How the invoice was refunded."),
        text("document_path", "Where the PDF is stored; null if invoice_directory is not set."),
        integer("document_size", "Size of the PDF in bytes."),
        text("document_sha256", "SHA-256 of the PDF, in hexadecimal."),
        EXTRA,
    )

    @property
    def partitions(self) -> list[dict[str, str]] | None:
        """The enrollment, or, without one, a context for each subscription."""
        number = self.api.enrollment_number
        return [{ENROLLMENT_NUMBER: number}] if number else super().partitions

    def parts(self, context: Context) -> Iterator[Part]:
        """Yield the one listing of a scope, from where an invoice may still have changed."""
        documents = self._documents()
        bookmark = self.get_context_state(context)
        path = _path(context)
        request = f"{path} from {self.config.get('start_date') or FIRST_DAY}"
        asked_before = bookmark.get("parameters") == self.parameters(request)
        start, end = self._period(bookmark if asked_before else {})
        met = {"invoice_period_end_date": {start}, "open_since": set[str]()}

        def unwrap(row: Row) -> Row:
            invoice = _unwrapped(row)
            _note(met, invoice)
            return {**invoice, **self._kept(documents, path, str(invoice.get("name") or ""))}

        def ask(reader: RecordReader, etag: str | None) -> Iterator[Page]:  # noqa: ARG001 - there is no ETag
            query = f"api-version={API_VERSION}&periodStartDate={start}&periodEndDate={end}"
            return mapped(self.api.pages(f"{path}?{query}"), unwrap)

        def finish() -> None:
            bookmark["invoice_period_end_date"] = max(met["invoice_period_end_date"])
            bookmark["open_since"] = min(met["open_since"], default=None)

        title = f"Invoices of {' '.join(context.values())} from {start} ({self.place(context)})"
        yield Part(title, request, context, bookmark, ask, finish=finish)

    def _documents(self) -> Documents | None:
        folder = self.config.get("invoice_directory")
        return Documents(folder, self.logger) if folder else None

    def _kept(self, documents: Documents | None, path: str, name: str) -> dict[str, Any]:
        """Return what is known of an invoice's document, which is stored if it was not; a failure is but told."""
        if not documents or not name:
            return {}
        fetch = partial(self.api.document, f"{path}/{quote(name, safe='')}/download?api-version={API_VERSION}")
        try:
            return documents.keep(f"{name}.pdf", fetch)
        except PartError as error:
            self.logger.warning("There is no document of invoice %s, the next run asks again: %s", name, error)
            return {}

    def _period(self, bookmark: Mapping[str, Any]) -> tuple[str, str]:
        """Return the days to ask for: what is new, what was open, and what may have changed without being open."""
        start = day(self.config.get("start_date") or FIRST_DAY)
        end = min(day(self.config.get("end_date") or LAST_DAY), str(pendulum.now("UTC").date()))
        if latest := bookmark.get("invoice_period_end_date"):
            look_back = str(dt.date.fromisoformat(latest) - LOOK_BACK)
            start = max(start, min(look_back, bookmark.get("open_since") or look_back))
        return min(start, end), end


def _path(context: Mapping[str, str]) -> str:
    accounts = "/providers/Microsoft.Billing/billingAccounts"
    if number := context.get(ENROLLMENT_NUMBER):
        return f"{accounts}/{quote(number, safe='')}/invoices"
    return f"{accounts}/default/billingSubscriptions/{quote(context[SUBSCRIPTION_ID.name], safe='')}/invoices"


def _unwrapped(row: Row) -> dict[str, Any]:
    """Return an invoice with its amounts as two values each, and its links without what would open them."""
    invoice: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and value.keys() and value.keys() <= {"currency", "value"}:
            invoice |= {name: value.get("value"), f"{name}Currency": value.get("currency")}
        else:
            invoice[name] = _unsigned(value)
    return invoice


def _unsigned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _unsigned(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_unsigned(inner) for inner in value]
    return without_signature(value) if isinstance(value, str) else value


def _note(met: Mapping[str, set[str]], invoice: Mapping[str, Any]) -> None:
    """Note where the next run has to begin."""
    try:
        end = day(str(invoice.get("invoicePeriodEndDate")))
    except ValueError:
        return
    met["invoice_period_end_date"].add(end)
    if invoice.get("status") in OPEN:
        met["open_since"].add(end)
