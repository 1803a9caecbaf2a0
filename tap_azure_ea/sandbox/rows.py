"""The rows of the sandbox's bill on the wire, with Azure's names, order and types."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from tap_azure_ea.sandbox.catalogue import PRODUCTS, REGIONS, Meter, Offer, Workload, guid, meter_id

Row = dict[str, Any]

CURRENCY = "USD"
FIRST_PRODUCT = 340

_PRODUCT_IDS = {meter_id(*product): number for number, product in enumerate(PRODUCTS, start=FIRST_PRODUCT)}


def usage_row(workload: Workload, number: int, day: date, quantity: Decimal) -> Row:
    """Return what one resource used on one day, as the usage API sends it."""
    meter, subscription = workload.meter, workload.subscription
    meter_guid, location = meter_id(meter, workload.region), REGIONS[workload.region].name
    subscription_guid = guid(subscription.name)
    group = f"rg-{workload.name}-{subscription.environment}"
    provider = f"{meter.provider}/{meter.resource_type.split('/')[0]}"
    resource = f"resourceGroups/{group}/providers/{provider}/{workload.name}-{number:02d}"
    return {
        "serviceName": meter.service,
        "serviceTier": meter.tier,
        "location": location,
        "chargesBilledSeparately": meter.billed_separately,
        "partNumber": meter.part_number,
        "resourceGuid": meter_guid,
        "offerId": subscription.offer,
        "cost": quantity * meter.rate,
        "accountId": subscription.department.account_id,
        "productId": _PRODUCT_IDS[meter_guid],
        "resourceLocationId": sum(workload.region.encode()) % 90,
        "consumedServiceId": sum(meter.provider.encode()) % 90,
        "departmentId": subscription.department.id,
        "accountOwnerEmail": subscription.department.owner,
        "accountName": subscription.department.account,
        "serviceAdministratorId": subscription.department.owner,
        "subscriptionId": subscription.number,
        "subscriptionGuid": subscription_guid,
        "subscriptionName": subscription.name,
        "date": f"{day}T00:00:00",
        "product": f"{meter.category} - {meter.sub_category} - {meter.name} - {location}",
        "meterId": meter_guid,
        "meterCategory": meter.category,
        "meterSubCategory": meter.sub_category,
        "meterRegion": location,
        "meterName": meter.name,
        "consumedQuantity": quantity,
        "resourceRate": meter.rate,
        "resourceLocation": workload.region,
        "consumedService": meter.provider,
        "instanceId": f"/subscriptions/{subscription_guid}/{resource}",
        "serviceInfo1": "",
        "serviceInfo2": "Canonical" if workload.info else "",
        "additionalInfo": workload.info,
        "tags": _tags(workload),
        "storeServiceIdentifier": "",
        "departmentName": subscription.department.name,
        "costCenter": subscription.cost_center,
        "unitOfMeasure": meter.unit,
        "resourceGroup": group,
    }


def charge_row(charge_id: str, offer: Offer, start: date, end: date, quantity: Decimal) -> Row:
    """Return a marketplace charge, as the marketplace API sends it."""
    subscription = offer.subscription
    return {
        "id": charge_id,
        "subscriptionGuid": guid(subscription.name),
        "subscriptionName": subscription.name,
        "meterId": offer.meter,
        "usageStartDate": f"{start}T00:00:00Z",
        "usageEndDate": f"{end}T23:59:59Z",
        "offerName": offer.name,
        "resourceGroup": f"rg-marketplace-{subscription.environment}",
        "instanceId": f"{offer.plan}-01",
        "additionalInfo": f'{{"ImageType":null,"ServiceType":"{offer.plan}"}}',
        "tags": "",
        "orderNumber": guid(f"{offer.name} order"),
        "unitOfMeasure": "1 Month" if offer.recurring else "1 Hour",
        "costCenter": subscription.cost_center,
        "accountId": subscription.department.account_id,
        "accountName": subscription.department.account,
        "accountOwnerId": subscription.department.owner,
        "departmentId": subscription.department.id,
        "departmentName": subscription.department.name,
        "publisherName": offer.publisher,
        "planName": offer.plan,
        "consumedQuantity": quantity,
        "resourceRate": offer.rate,
        "extendedCost": quantity * offer.rate,
        "isRecurringCharge": str(offer.recurring),
    }


def price_row(price_id: str, period: str, meter: Meter, region: str) -> Row:
    """Return the price of a meter in a region, as the price sheet API sends it."""
    return {
        "offerId": "MS-AZR-0017P",
        "id": price_id,
        "billingPeriodId": period,
        "meterId": meter_id(meter, region),
        "meterName": f"{meter.category} - {meter.sub_category} - {meter.name}",
        "unitOfMeasure": _block(meter),
        "includedQuantity": 0,
        "partNumber": meter.part_number,
        "unitPrice": meter.rate * meter.block,
        "currencyCode": CURRENCY,
    }


def _block(meter: Meter) -> str:
    unit = meter.unit.removeprefix("1 ")
    return meter.unit if meter.block == 1 else f"{meter.block} {unit.replace('Hour', 'Hours')}"


def _tags(workload: Workload) -> str:
    return (
        "{" + ",".join(f'"{name}": "{value}"' for name, value in workload.tags.items()) + "}" if workload.tags else ""
    )
