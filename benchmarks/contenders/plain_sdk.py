"""A plain tap, as the SDK's template starts: a RESTStream, its schema, and the link to the next page."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qsl

import requests
from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseHATEOASPaginator
from singer_sdk.streams import RESTStream


class NextLink(BaseHATEOASPaginator):
    """Follows ``nextLink``."""

    def get_next_url(self, response: requests.Response) -> str | None:
        """Return the link to the next page."""
        link: str | None = response.json().get("nextLink")
        return link


class UsageDetails(RESTStream[Any]):
    """Usage of a billing period."""

    name = "usage_details"
    path = ""
    records_jsonpath = "$.data[*]"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("serviceName", th.StringType),
        th.Property("serviceTier", th.StringType),
        th.Property("location", th.StringType),
        th.Property("chargesBilledSeparately", th.BooleanType),
        th.Property("partNumber", th.StringType),
        th.Property("resourceGuid", th.StringType),
        th.Property("offerId", th.StringType),
        th.Property("cost", th.NumberType),
        th.Property("accountId", th.IntegerType),
        th.Property("productId", th.IntegerType),
        th.Property("resourceLocationId", th.IntegerType),
        th.Property("consumedServiceId", th.IntegerType),
        th.Property("departmentId", th.IntegerType),
        th.Property("accountOwnerEmail", th.StringType),
        th.Property("accountName", th.StringType),
        th.Property("serviceAdministratorId", th.StringType),
        th.Property("subscriptionId", th.IntegerType),
        th.Property("subscriptionGuid", th.StringType),
        th.Property("subscriptionName", th.StringType),
        th.Property("date", th.DateTimeType),
        th.Property("product", th.StringType),
        th.Property("meterId", th.StringType),
        th.Property("meterCategory", th.StringType),
        th.Property("meterSubCategory", th.StringType),
        th.Property("meterRegion", th.StringType),
        th.Property("meterName", th.StringType),
        th.Property("consumedQuantity", th.NumberType),
        th.Property("resourceRate", th.NumberType),
        th.Property("resourceLocation", th.StringType),
        th.Property("consumedService", th.StringType),
        th.Property("instanceId", th.StringType),
        th.Property("serviceInfo1", th.StringType),
        th.Property("serviceInfo2", th.StringType),
        th.Property("additionalInfo", th.StringType),
        th.Property("tags", th.StringType),
        th.Property("storeServiceIdentifier", th.StringType),
        th.Property("departmentName", th.StringType),
        th.Property("costCenter", th.StringType),
        th.Property("unitOfMeasure", th.StringType),
        th.Property("resourceGroup", th.StringType),
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The address, with path."""
        return str(self.config["url"])

    def get_new_paginator(self) -> NextLink:
        """Return what finds the next page."""
        return NextLink()

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the query of the next page."""
        return dict(parse_qsl(next_page_token.query)) if next_page_token else {}


class TapPlain(Tap):
    """A tap of one stream."""

    name = "tap-plain"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("url", th.StringType, required=True)
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Return the stream."""
        return [UsageDetails(self)]


TapPlain.cli()
