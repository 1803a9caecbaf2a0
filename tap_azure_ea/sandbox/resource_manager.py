"""Azure Resource Manager: the billing and cost management APIs, for clients with a valid token and access."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tap_azure_ea.sandbox import reservation_api
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.catalogue import SUBSCRIPTIONS, guid
from tap_azure_ea.sandbox.cost_details_api import RESULTS, CostDetailsAPI
from tap_azure_ea.sandbox.enrollment_api import EnrollmentAPI
from tap_azure_ea.sandbox.invoice_api import InvoiceAPI
from tap_azure_ea.sandbox.messages import Request, Response, error
from tap_azure_ea.sandbox.operations import Operations
from tap_azure_ea.sandbox.price_sheet import PriceSheetAPI
from tap_azure_ea.sandbox.rate_card import RateCardAPI
from tap_azure_ea.sandbox.reservation_api import ReservationDetailsAPI
from tap_azure_ea.sandbox.resource_usage import ResourceUsageAPI
from tap_azure_ea.sandbox.sign_in import CLIENT_ID, SignIn

PATH = re.compile("/(subscriptions|providers)/.*", re.IGNORECASE)
VERSIONS = {
    "Microsoft.Billing": ["2020-05-01", "2024-04-01"],
    "Microsoft.Commerce": ["2015-06-01-preview", "2016-08-31-preview"],
    "Microsoft.Consumption": ["2023-05-01", "2024-08-01"],
    "Microsoft.CostManagement": ["2022-05-01", "2023-11-01", "2025-03-01"],
}
_ACCOUNTS = "/providers/Microsoft.Billing/billingAccounts"
_ACCOUNT = f"(?P<root>{_ACCOUNTS}/(?P<account>[^/]+))"
_PERIOD = "/billingPeriods/(?P<period>[^/]+)"
_LEVEL = "/(?P<level>departments|enrollmentAccounts|billingProfiles)/(?P<part>[^/]+)"
_COST = f"(?P<scope>{_ACCOUNT}({_LEVEL})?|/subscriptions/(?P<subscription>[^/]+))"
_INVOICES = (
    "/providers/Microsoft.Billing/billingAccounts/"
    "(default/billingSubscriptions/(?P<subscription>[^/]+)|(?P<account>[^/]+))"
)
_COMMERCE = "/subscriptions/(?P<subscription>[^/]+)/providers/Microsoft.Commerce"


Answer = Callable[[Request, dict[str, str]], Response]


@dataclass(frozen=True)
class Route:
    """An operation: its kind of resource, and the function that answers, given the parts of the path."""

    method: str
    path: str
    kind: str
    answer: Answer

    def scope(self, request: Request) -> dict[str, str] | None:
        """Return the parts of a request's path, if it is for this operation."""
        matched = re.fullmatch(self.path, request.path, re.IGNORECASE)
        if not matched or request.method != self.method:
            return None
        parts = {"subscription": "", "account": "", **matched.groupdict(default="")}
        return {**parts, "subscription": parts["subscription"].lower()}


def _routes_of_costs(bill: Bill, url: str, blobs: Blobs) -> list[Route]:
    """Return the operations of Cost Management, all of them long-running."""
    costs, operations = CostDetailsAPI(bill, url, blobs), Operations(url)
    prices, details = PriceSheetAPI(bill, blobs, operations), ReservationDetailsAPI(bill, blobs, operations)
    cost, price, reserved = (
        f"Microsoft.CostManagement/{kind}"
        for kind in ("generateCostDetailsReport", "pricesheets", "generateReservationDetailsReport")
    )
    root, operation = f"{_ACCOUNT}/providers/Microsoft.CostManagement", "(?P<operation>[^/]+)"
    return [
        Route("POST", f"{_COST}/providers/{cost}", cost, costs.generate),
        Route("GET", f"{_COST}{RESULTS}/{operation}", cost, costs.result),
        Route("POST", f"{_ACCOUNT}{_PERIOD}/providers/{price}/default/download", price, prices.download),
        Route("GET", f"{root}/operationResults/{operation}", price, operations.result),
        Route("POST", f"{_ACCOUNT}/providers/{reserved}", reserved, details.generate),
        Route("GET", f"{root}/reservationDetailsOperationResults/{operation}", reserved, operations.result),
    ]


def _routes_of_enrollment(bill: Bill) -> list[Route]:
    """Return the operations of Billing and Consumption, all of them answered at once."""
    enrollment = EnrollmentAPI(bill)
    answers: dict[str, Answer] = {
        "marketplaces": enrollment.marketplaces,
        "reservationTransactions": partial(reservation_api.transactions, bill),
        "reservationSummaries": partial(reservation_api.summaries, bill),
        "reservationRecommendations": partial(reservation_api.recommendations, bill),
    }
    consumption, balances = "Microsoft.Consumption", "Microsoft.Consumption/balances"
    return [
        Route("GET", _ACCOUNTS, "Microsoft.Billing/billingAccounts", enrollment.accounts),
        Route("GET", f"{_ACCOUNT}({_PERIOD})?/providers/{balances}", balances, enrollment.balance),
        *(
            Route("GET", f"{_ACCOUNT}/providers/{consumption}/{kind}", f"{consumption}/{kind}", answer)
            for kind, answer in answers.items()
        ),
    ]


class ResourceManager:
    """Answers on behalf of the billing APIs; ``forbidden`` are the subscriptions that the client cannot read."""

    def __init__(self, bill: Bill, url: str, blobs: Blobs, sign_in: SignIn, forbidden: set[str]) -> None:
        self.bill, self.sign_in, self.forbidden = bill, sign_in, forbidden
        invoices, usage, rates = InvoiceAPI(bill, url, blobs), ResourceUsageAPI(bill, url), RateCardAPI(bill, blobs)
        invoice = "Microsoft.Billing/invoices"
        self._routes = [
            Route("GET", f"{_INVOICES}/invoices", invoice, invoices.page),
            Route("POST", f"{_INVOICES}/invoices/(?P<name>[^/]+)/download", invoice, invoices.download),
            Route("GET", f"{_INVOICES}/operationResults/(?P<operation>[^/]+)", invoice, invoices.result),
            Route("GET", f"{_COMMERCE}/UsageAggregates", "Microsoft.Commerce/UsageAggregates", usage.answer),
            Route("GET", f"{_COMMERCE}/RateCard", "Microsoft.Commerce/RateCard", rates.answer),
            *_routes_of_enrollment(bill),
            *_routes_of_costs(bill, url, blobs),
        ]

    def answer(self, request: Request) -> Response:
        """Answer a request, or refuse it as Azure does."""
        return self.sign_in.refusal(request) or self._answered(request)

    def _answered(self, request: Request) -> Response:
        for route in self._routes:
            scope = route.scope(request)
            if scope is not None:
                refusal = _version_refusal(request, route.kind) or self._scope_refusal(route.kind, scope)
                return refusal or route.answer(request, scope)
        return error(404, f"The request URI is not valid: {request.path}.", "InvalidRequestUri")

    def _scope_refusal(self, kind: str, scope: dict[str, str]) -> Response | None:
        account, subscription = scope["account"], scope["subscription"]
        if account:
            known = account == self.bill.enrollment_number
            return None if known else error(401, "No claims present for the caller in the system")
        # Which accounts there are may be asked without naming one.
        if subscription and subscription not in {guid(known.name) for known in SUBSCRIPTIONS}:
            return error(404, f"The subscription '{subscription}' could not be found.", "SubscriptionNotFound")
        return _forbidden(f"{kind}/read", subscription) if subscription in self.forbidden else None


def _version_refusal(request: Request, kind: str) -> Response | None:
    namespace, resource = kind.split("/")
    version, supported = request.query.get("api-version"), VERSIONS[namespace]
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        return error(400, message, "MissingApiVersionParameter")
    if version in supported:
        return None
    message = f"The resource type '{resource}' could not be found in the namespace '{namespace}'"
    versions = f"The supported api-versions are '{','.join(supported)}'."
    return error(404, f"{message} for api version '{version}'. {versions}", "InvalidResourceType")


def _forbidden(action: str, subscription: str) -> Response:
    message = (
        f"The client '{CLIENT_ID}' with object id '{guid('client object')}' does not have authorization to perform "
        f"action '{action}' over scope '/subscriptions/{subscription}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials."
    )
    return error(403, message, "AuthorizationFailed")
