"""The lines of a cost details report, with Azure's names, order and values for an enrollment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random

from tap_azure_ea.sandbox.benefits import COMMITMENT, NOBODY, SAVINGS_PLAN, Benefit, Use
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.catalogue import OFFICE_IT, SUBSCRIPTIONS, Meter, Subscription, guid, meter_id
from tap_azure_ea.sandbox.rows import CURRENCY, Row

COLUMNS = [
    "InvoiceSectionName", "AccountName", "AccountOwnerId", "SubscriptionId", "SubscriptionName", "ResourceGroup",
    "ResourceLocation", "Date", "ProductName", "MeterCategory", "MeterSubCategory", "MeterId", "MeterName",
    "MeterRegion", "UnitOfMeasure", "Quantity", "EffectivePrice", "CostInBillingCurrency", "CostCenter",
    "ConsumedService", "ResourceId", "Tags", "OfferId", "AdditionalInfo", "ServiceInfo1", "ServiceInfo2",
    "ResourceName", "ReservationId", "ReservationName", "UnitPrice", "ProductOrderId", "ProductOrderName", "Term",
    "PublisherType", "PublisherName", "ChargeType", "Frequency", "PricingModel", "AvailabilityZone",
    "BillingAccountId", "BillingAccountName", "BillingCurrencyCode", "BillingPeriodStartDate",
    "BillingPeriodEndDate", "BillingProfileId", "BillingProfileName", "InvoiceSectionId", "IsAzureCreditEligible",
    "PartNumber", "PayGPrice", "PlanName", "ServiceFamily", "CostAllocationRuleName", "benefitId", "benefitName",
    "AccountId", "ResourceLocationNormalized",
]  # fmt: skip

FAMILIES = {
    "Virtual Machines": "Compute",
    "Storage": "Storage",
    "SQL Database": "Databases",
    "Azure App Service": "Compute",
    "Azure Databricks": "Analytics",
    "Bandwidth": "Networking",
    "Application Gateway": "Networking",
    "Log Analytics": "Management and Governance",
    "Azure DevOps": "Developer Tools",
}
_USAGE = [
    ("ResourceGroup", "resourceGroup"), ("ResourceLocation", "resourceLocation"), ("ProductName", "product"),
    ("MeterCategory", "meterCategory"), ("MeterSubCategory", "meterSubCategory"), ("MeterId", "meterId"),
    ("MeterName", "meterName"), ("MeterRegion", "meterRegion"), ("UnitOfMeasure", "unitOfMeasure"),
    ("EffectivePrice", "resourceRate"), ("CostInBillingCurrency", "cost"), ("ConsumedService", "consumedService"),
    ("ResourceId", "instanceId"), ("AdditionalInfo", "additionalInfo"), ("ServiceInfo1", "serviceInfo1"),
    ("ServiceInfo2", "serviceInfo2"), ("UnitPrice", "resourceRate"), ("PartNumber", "partNumber"),
    ("ResourceLocationNormalized", "resourceLocation"),
]  # fmt: skip
_MARKETPLACE = [
    ("ResourceGroup", "resourceGroup"), ("ProductName", "offerName"), ("MeterId", "meterId"),
    ("UnitOfMeasure", "unitOfMeasure"), ("Quantity", "consumedQuantity"), ("EffectivePrice", "resourceRate"),
    ("CostInBillingCurrency", "extendedCost"), ("ResourceId", "instanceId"), ("ResourceName", "instanceId"),
    ("Tags", "tags"), ("AdditionalInfo", "additionalInfo"), ("ProductOrderId", "orderNumber"),
    ("ProductOrderName", "offerName"), ("PublisherName", "publisherName"), ("PlanName", "planName"),
]  # fmt: skip
LIST_PRICE = Decimal("1.18")
ZERO = Decimal(0)
REGION, METER_REGION = "westeurope", "EU West"


def month(bill: Bill, period: str) -> Row:
    """Return what all rows of a period share; unused columns are blank."""
    first_day, last_day = bill.days(period)
    return {
        **dict.fromkeys(COLUMNS, ""),
        "BillingAccountId": bill.enrollment_number,
        "BillingAccountName": f"Enrollment {bill.enrollment_number}",
        "BillingCurrencyCode": CURRENCY,
        "BillingPeriodStartDate": _written(first_day),
        "BillingPeriodEndDate": _written(last_day),
        "BillingProfileId": bill.enrollment_number,
        "BillingProfileName": f"Enrollment {bill.enrollment_number}",
        "IsAzureCreditEligible": "True",
        "PublisherType": "Azure",
        "PublisherName": "Microsoft",
        "ChargeType": "Usage",
        "Frequency": "UsageBased",
        "PricingModel": "OnDemand",
    }


def usage(row: Row) -> Row:
    """Return the columns of an EA usage row."""
    year, month, day = row["date"][:10].split("-")
    return {
        **_OWNERS[row["subscriptionGuid"]],
        **{name: row[its_name] for name, its_name in _USAGE},
        "Date": f"{month}/{day}/{year}",
        "Quantity": round(row["consumedQuantity"], 8),
        "ResourceName": row["instanceId"].rpartition("/")[2],
        "Tags": row["tags"][1:-1],
        "IsAzureCreditEligible": "False" if row["chargesBilledSeparately"] else "True",
        "PayGPrice": row["resourceRate"] * LIST_PRICE,
        "ServiceFamily": FAMILIES[row["meterCategory"]],
    }


def marketplace(row: Row) -> Row:
    """Return the columns of an EA marketplace charge."""
    recurring = row["isRecurringCharge"] == "True"
    return {
        **_OWNERS[row["subscriptionGuid"]],
        **{name: row[its_name] for name, its_name in _MARKETPLACE},
        "Date": _written(date.fromisoformat(row["usageStartDate"][:10])),
        "PublisherType": "Marketplace",
        "ChargeType": "Purchase" if recurring else "Usage",
        "Frequency": "Recurring" if recurring else "UsageBased",
        "IsAzureCreditEligible": "False",
        "PayGPrice": ZERO,
        "ServiceFamily": "Azure Marketplace",
    }


def charge(benefit: Benefit, row: Row) -> Row:
    """Return the columns of a payment or refund for a reservation; they only name its order."""
    day = date.fromisoformat(row["eventDate"][:10])
    return {
        **_paid(benefit, day, Decimal(row["quantity"]), row["amount"], f"{benefit.root}/"),
        "ConsumedService": "Microsoft.Capacity",
        "ReservationId": benefit.order_id,
        "ChargeType": row["eventType"],
        "Frequency": row["billingFrequency"],
    }


def commitment(day: date) -> Row:
    """Return the columns of a day's payment for the savings plan."""
    return {
        **_paid(SAVINGS_PLAN, day, Decimal(1), COMMITMENT, SAVINGS_PLAN.id),
        "ConsumedService": "Microsoft.BillingBenefits",
        "ChargeType": "Purchase",
        "Frequency": "Recurring",
    }


def covered(use: Use, cost: Decimal) -> Row:
    """Return the columns of usage that a benefit covered, or of its unused part, at this cost."""
    reservation, resource = use.benefit.model == "Reservation", use.instance or use.benefit.id
    return {
        **_benefit(use.benefit, use.benefit.id),
        "Date": _written(use.day),
        "Quantity": use.hours,
        "EffectivePrice": round(cost / use.hours, 10),
        "CostInBillingCurrency": cost,
        "ConsumedService": use.benefit.meter.provider if use.instance else use.benefit.root.split("/")[2],
        "ResourceGroup": use.instance.split("/")[4] if use.instance else "",
        "ResourceId": resource,
        "ResourceName": resource.rpartition("/")[2],
        "ReservationId": guid(use.benefit.name) if reservation else "",
        "ChargeType": f"Unused{use.benefit.model}" if use.instance == NOBODY else "Usage",
        "UnitPrice": use.benefit.meter.rate,
        "PayGPrice": ZERO if reservation else use.benefit.meter.rate * LIST_PRICE,
    }


def rounding(bill: Bill, period: str) -> Row:
    """Return the columns of the rounding adjustment of a period."""
    chance = Random(f"{bill.enrollment_number} rounding {period}")  # noqa: S311 - not for secrets
    cost = Decimal(chance.randrange(-(10**21), 10**21)).scaleb(-28)
    return {
        **_owner(OFFICE_IT),
        "Date": _written(bill.days(period)[1]),
        "ProductName": "Rounding Adjustment",
        "Quantity": ZERO,
        "EffectivePrice": ZERO,
        "CostInBillingCurrency": cost,
        "UnitPrice": ZERO,
        "PayGPrice": ZERO,
        "ChargeType": "RoundingAdjustment",
        "PricingModel": "",
        "Frequency": "",
    }


def _owner(subscription: Subscription) -> Row:
    department = subscription.department
    return {
        "InvoiceSectionName": department.name,
        "InvoiceSectionId": str(department.id),
        "AccountName": department.account,
        "AccountId": str(department.account_id),
        "AccountOwnerId": department.owner,
        "SubscriptionId": guid(subscription.name),
        "SubscriptionName": subscription.name,
        "CostCenter": subscription.cost_center,
        "OfferId": subscription.offer,
    }


_OWNERS = {guid(subscription.name): _owner(subscription) for subscription in SUBSCRIPTIONS}


def _benefit(benefit: Benefit, benefit_id: str) -> Row:
    return {
        **_owner(benefit.subscription),
        **_metered(benefit.meter),
        "ReservationName": benefit.order_name if benefit.model == "Reservation" else "",
        "ProductOrderId": benefit.order_id,
        "ProductOrderName": benefit.order_name,
        "Term": str(benefit.months),
        "PricingModel": benefit.model,
        "benefitId": benefit_id,
        "benefitName": benefit.order_name,
    }


def _paid(benefit: Benefit, day: date, quantity: Decimal, cost: Decimal, benefit_id: str) -> Row:
    return {
        **_benefit(benefit, benefit_id),
        "Date": _written(day),
        "Quantity": quantity,
        "EffectivePrice": round(abs(cost) / quantity, 10),
        "CostInBillingCurrency": cost,
        "ResourceId": benefit_id,
        "UnitOfMeasure": "1",
        "UnitPrice": round(abs(cost) / quantity, 10),
        "PayGPrice": ZERO,
    }


def _metered(meter: Meter) -> Row:
    return {
        "ResourceLocation": REGION,
        "ResourceLocationNormalized": REGION,
        "ProductName": f"{meter.category} - {meter.sub_category} - {meter.name} - {METER_REGION}",
        "MeterCategory": meter.category,
        "MeterSubCategory": meter.sub_category,
        "MeterId": meter_id(meter, REGION),
        "MeterName": meter.name,
        "MeterRegion": METER_REGION,
        "UnitOfMeasure": meter.unit,
        "PartNumber": meter.part_number,
        "ServiceFamily": FAMILIES[meter.category],
    }


def _written(day: date) -> str:
    return f"{day:%m/%d/%Y}"
