"""The invoices of the sandbox enrollment and of its subscriptions, a few days after each month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.catalogue import SUBSCRIPTIONS, Subscription, guid
from tap_azure_ea.sandbox.rows import CURRENCY, Row

ZERO = Decimal(0)
SENT_AFTER = timedelta(5)
DUE_AFTER = timedelta(30)


@dataclass(frozen=True)
class Invoice:
    """An invoice for a period: ``total`` is what remains to be paid after ``prepaid``."""

    name: str
    type: str
    first_day: date
    last_day: date
    total: Decimal
    prepaid: Decimal = ZERO
    subscription: Subscription | None = None

    @property
    def sent_on(self) -> date:
        """The 5th day of the next month."""
        return self.last_day + SENT_AFTER


def of_enrollment(bill: Bill) -> list[Invoice]:
    """Return the invoices that the enrollment was sent, newest first."""
    return [invoice for period in _invoiced(bill) for invoice in _of_enrollment(bill, period)]


def of_subscription(bill: Bill, subscription_id: str) -> list[Invoice]:
    """Return the invoices for a subscription, newest first."""
    names = [guid(subscription.name) for subscription in SUBSCRIPTIONS]
    place = names.index(subscription_id)
    return [
        Invoice(
            f"S0800{_number(period) * len(names) + place:06d}", "AzureServices", *bill.days(period),
            bill.costs(period)[subscription_id], subscription=SUBSCRIPTIONS[place],
        )
        for period in _invoiced(bill)
    ]  # fmt: skip


def _invoiced(bill: Bill) -> list[str]:
    return [period for period in bill.periods if bill.days(period)[1] + SENT_AFTER <= bill.today]


def _number(period: str) -> int:
    return int(period[:4]) * 12 + int(period[4:])


def _of_enrollment(bill: Bill, period: str) -> list[Invoice]:
    balance, days, number = bill.balance(period), bill.days(period), 2 * _number(period)
    total, marketplace = balance["totalOverage"], balance["azureMarketplaceServiceCharges"]
    invoices = [Invoice(f"E0800{number:06d}", "AzureServices", *days, total, balance["utilized"])]
    if marketplace:
        invoices.append(Invoice(f"E0800{number + 1:06d}", "AzureMarketplace", *days, marketplace))
    return invoices


def row(bill: Bill, invoice: Invoice, link: str) -> Row:
    """Return an invoice as the invoice API sends it; ``link`` is the address of its document."""
    subscription = invoice.subscription
    account = f"/providers/Microsoft.Billing/billingAccounts/{bill.enrollment_number}"
    scope = f"/subscriptions/{guid(subscription.name)}/providers/Microsoft.Billing" if subscription else account
    due_on = invoice.sent_on + DUE_AFTER
    properties = {
        **_amounts(invoice, paid=due_on <= bill.today),
        **_payments(invoice, paid=due_on <= bill.today),
        "billedDocumentId": None,
        "billingProfileDisplayName": None if subscription else f"Enrollment {bill.enrollment_number}",
        "billingProfileId": None if subscription else f"{account}/billingProfiles/{bill.enrollment_number}",
        "creditForDocumentId": None,
        "documentType": "Invoice",
        "documents": [{"documentNumbers": [invoice.name], "kind": "Invoice", "name": invoice.name, "source": "ENF",
                       "url": link}],
        "dueDate": _midnight(due_on),
        "invoiceDate": _midnight(invoice.sent_on),
        "invoicePeriodStartDate": _midnight(invoice.first_day),
        "invoicePeriodEndDate": _midnight(invoice.last_day),
        "invoiceType": invoice.type,
        "isMonthlyInvoice": True,
        "purchaseOrderNumber": f"PO-{invoice.last_day:%Y}",
        "rebillDetails": {},
        "refundDetails": {},
        "specialTaxationType": None,
        "subscriptionDisplayName": subscription.name if subscription else None,
        "subscriptionId": guid(subscription.name) if subscription else None,
    }  # fmt: skip
    identity = {"id": f"{scope}/invoices/{invoice.name}", "name": invoice.name, "type": "Microsoft.Billing/invoices"}
    return {**identity, "properties": properties}


def _amounts(invoice: Invoice, *, paid: bool) -> Row:
    return {
        "amountDue": _amount(ZERO if paid else invoice.total),
        "azurePrepaymentApplied": _amount(invoice.prepaid),
        "billedAmount": _amount(invoice.total + invoice.prepaid),
        "creditAmount": _amount(ZERO),
        "freeAzureCreditApplied": _amount(ZERO),
        "subTotal": _amount(invoice.total),
        "taxAmount": _amount(ZERO),
        "totalAmount": _amount(invoice.total),
    }


def _payments(invoice: Invoice, *, paid: bool) -> Row:
    payment = {
        "amount": _amount(invoice.total),
        "date": _midnight(invoice.sent_on + DUE_AFTER),
        "paymentMethodFamily": "CheckWire",
        "paymentMethodType": "Check / wire transfer",
        "paymentType": "Debited",
    }
    return {"status": "Paid" if paid else "Due", "payments": [payment] if paid else [], "failedPayments": []}


def _amount(value: Decimal) -> Row:
    return {"currency": CURRENCY, "value": value}


def _midnight(day: date) -> str:
    return f"{day}T00:00:00Z"
