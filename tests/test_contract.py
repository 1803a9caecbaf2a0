"""Names, order and types of the API's own models, held against the sandbox's answers and against the datasets."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tap_azure_ea.datasets import datasets, ea_reporting
from tap_azure_ea.records import plain
from tap_azure_ea.sandbox import reservations
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.reports import COLUMNS

BILL = Bill("8675309", date(2026, 4, 10), date(2026, 1, 1))
MARCH = (date(2026, 1, 1), date(2026, 3, 31))

USAGE = """
serviceName:string serviceTier:string location:string chargesBilledSeparately:bool partNumber:string
resourceGuid:string offerId:string cost:double accountId:int productId:int resourceLocationId:int
consumedServiceId:int departmentId:int accountOwnerEmail:string accountName:string serviceAdministratorId:string
subscriptionId:long subscriptionGuid:string subscriptionName:string date:date-time product:string meterId:string
meterCategory:string meterSubCategory:string meterRegion:string meterName:string consumedQuantity:double
resourceRate:double resourceLocation:string consumedService:string instanceId:string serviceInfo1:string
serviceInfo2:string additionalInfo:json tags:json storeServiceIdentifier:string departmentName:string
costCenter:string unitOfMeasure:string resourceGroup:string
"""
MARKETPLACE = """
id:string subscriptionGuid:string subscriptionName:string meterId:string usageStartDate:date-time
usageEndDate:date-time offerName:string resourceGroup:string instanceId:string additionalInfo:json tags:json
orderNumber:string unitOfMeasure:string costCenter:string accountId:int accountName:string accountOwnerId:string
departmentId:int departmentName:string publisherName:string planName:string consumedQuantity:double
resourceRate:double extendedCost:double isRecurringCharge:flag-text
"""
PRICES = """
offerId:string id:string billingPeriodId:string meterId:string meterName:string unitOfMeasure:string
includedQuantity:double partNumber:string unitPrice:double currencyCode:string
"""
BALANCE = """
id:string billingPeriodId:int currencyCode:string beginningBalance:double endingBalance:double newPurchases:double
adjustments:double utilized:double serviceOverage:double chargesBilledSeparately:double totalOverage:double
totalUsage:double azureMarketplaceServiceCharges:double newPurchasesDetails:list adjustmentDetails:list
"""
PERIODS = """
billingPeriodId:string billingStart:date-time billingEnd:date-time balanceSummary:link usageDetails:link
marketplaceCharges:link priceSheet:link
"""
CHARGES = """
purchasingEnrollment:string armSkuName:string term:string region:string purchasingSubscriptionGuid:string
purchasingSubscriptionName:string accountName:string accountOwnerEmail:string departmentName:string
costCenter:string currentEnrollment:string billingFrequency:string eventDate:date-time reservationOrderId:string
description:string eventType:string quantity:double amount:double currency:string reservationOrderName:string
"""
DETAILS = """
reservationOrderId:string reservationId:string usageDate:date-time skuName:string instanceId:string
totalReservedQuantity:double reservedHours:double usedHours:double
"""
SUMMARIES = """
reservationOrderId:string reservationId:string skuName:string reservedHours:double usageDate:date-time
usedHours:double minUtilizationPercentage:double avgUtilizationPercentage:double maxUtilizationPercentage:double
"""
RECOMMENDATIONS = """
subscriptionId:string lookBackPeriod:string meterId:string skuName:string term:string region:string
costWithNoRI:double recommendedQuantity:double totalCostWithRI:double netSavings:double firstUsageDate:date-time
resourceType:string instanceFlexibilityRatio:double instanceFlexibilityGroup:string normalizedSize:string
recommendedQuantityNormalized:double skuProperties:list
"""

MODELS = {
    "usage_details": (USAGE, BILL.usage("202603")),
    "marketplace_charges": (MARKETPLACE, BILL.marketplace("202603")),
    "price_sheet": (PRICES, BILL.prices("202603")),
    "balance_summary": (BALANCE, [BILL.balance("202603")]),
    "reserved_instance_charges": (CHARGES, reservations.charges(BILL, *MARCH)),
    "reserved_instance_usage_details": (DETAILS, reservations.details(BILL, *MARCH)),
    "reserved_instance_usage_summaries": (SUMMARIES, reservations.summaries(BILL, *MARCH)),
    "reserved_instance_recommendations": (RECOMMENDATIONS, reservations.recommendations(BILL, "single", 30)),
}
SCHEMA_TYPES = {
    "string": {"string"},
    "link": {"string"},
    "date-time": {"string"},
    "bool": {"boolean"},
    "flag-text": {"boolean"},
    "double": {"number"},
    "int": {"integer", "string"},
    "long": {"integer"},
    "json": {"object"},
    "list": {"array"},
}


def model(text: str) -> dict[str, str]:
    return dict(entry.split(":") for entry in text.split())


def fits(value: Any, kind: str) -> bool:
    if kind in {"string", "json", "link"}:
        return isinstance(value, str) or (kind == "link" and value is None)
    if kind == "double":
        return isinstance(value, (Decimal, int)) and not isinstance(value, bool)
    if kind in {"int", "long"}:
        return isinstance(value, int) and (kind == "long" or value < 2**31)
    if kind == "date-time":
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?", value))
    return isinstance(value, {"bool": bool, "list": list, "flag-text": str}[kind])


@pytest.mark.parametrize("name", MODELS)
def test_the_sandbox_sends_the_models_names_and_types(name: str) -> None:
    text, rows = MODELS[name]
    expected = model(text)
    assert rows
    for row in rows:
        assert list(row) == list(expected)
        assert [field for field, kind in expected.items() if not fits(row[field], kind)] == []


@pytest.mark.parametrize("name", [*MODELS, "billing_periods"])
def test_a_dataset_has_a_column_of_the_right_type_for_every_name_and_no_other(name: str) -> None:
    dataset = next(dataset for dataset in datasets(ea_reporting) if dataset.name == name)
    expected = {plain(field): kind for field, kind in model(MODELS[name][0] if name in MODELS else PERIODS).items()}
    columns = {plain(field.name): field for field in dataset.fields if field.read}
    given = {"enrollmentnumber", "billingperiodid", "scope"} - set(expected)
    assert set(columns) - given == set(expected)
    assert [field for field, kind in expected.items() if columns[field].schema["type"] not in SCHEMA_TYPES[kind]] == []


def test_the_csv_has_the_models_columns_in_the_order_of_the_download() -> None:
    assert {column.lower() for column in COLUMNS} == {field.lower() for field in model(USAGE)}
    assert COLUMNS[:5] == ["AccountId", "AccountName", "AccountOwnerEmail", "AdditionalInfo", "ConsumedQuantity"]
    assert COLUMNS[:33] == sorted(COLUMNS[:33], key=str.lower)
    assert COLUMNS[33:] == [
        "PartNumber",
        "ResourceGuid",
        "OfferId",
        "ChargesBilledSeparately",
        "Location",
        "ServiceName",
        "ServiceTier",
    ]
