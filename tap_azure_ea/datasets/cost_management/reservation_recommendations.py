"""Reservation recommendations: what would pay to be reserved, by the usage of the last days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from tap_azure_ea.api.pages import Page
from tap_azure_ea.datasets.cost_management import CONSUMPTION, CONSUMPTION_VERSION, CostManagementStream
from tap_azure_ea.fields import NAMED_TEXTS, integer, json_array, json_object, number, text, timestamp
from tap_azure_ea.periods import ENROLLMENT_NUMBER
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA, RecordReader
from tap_azure_ea.snapshot import DELETED_AT, ROW_NUMBER, SNAPSHOT_AT, now

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

SCOPES = ("Shared", "Single")
LOOK_BACK_PERIODS = ("Last7Days", "Last30Days", "Last60Days")


class ReservationRecommendations(CostManagementStream):
    """Recommended reservations of virtual machines, by scope and by the days of usage that they are based on.

    https://learn.microsoft.com/rest/api/consumption/reservation-recommendations
    """

    name = "reservation_recommendations"
    primary_keys = (ENROLLMENT_NUMBER.name, "scope", "look_back_period", ROW_NUMBER.name)
    fields = (
        ENROLLMENT_NUMBER,
        text("scope", "Shared by all subscriptions of the enrollment, or Single."),
        text("look_back_period", "Usage that the recommendation is based on: Last7Days, Last30Days or Last60Days."),
        ROW_NUMBER,
        text("id", "Azure's id of the recommendation."),
        text("name", "Azure's name of the recommendation."),
        text("type", "Type of the resource, Microsoft.Consumption/reservationRecommendations."),
        text("kind", "Kind of the recommendation, legacy for an enrollment."),
        json_object("tags", "Tags of the recommendation."),
        text("location", "Region of the instances."),
        text("sku", "Recommended size, such as Standard_D4s_v5."),
        text("subscription_id", "Id of the subscription, where Azure names one."),
        text("resource_type", "Type of the resources, such as virtualmachines."),
        text("meter_id", "Id of the meter."),
        text("term", "Term of the reservation, P1Y or P3Y."),
        number("cost_with_no_reserved_instances", "Cost of the days without reservations."),
        number("total_cost_with_reserved_instances", "Cost of the days with the recommended instances reserved."),
        number("net_savings", "What the reservation would have saved."),
        number("recommended_quantity", "Recommended number of instances."),
        number("recommended_quantity_normalized", "Recommended number, counted in the normalized size."),
        text("normalized_size", "Size that the group is counted in."),
        text("instance_flexibility_group", "Group of sizes that the reservation applies to."),
        number("instance_flexibility_ratio", "Ratio of the size within its group."),
        timestamp("first_usage_date", "First day of usage that was looked at."),
        timestamp("last_usage_date", "Last day of usage that was looked at."),
        integer("total_hours", "Hours of usage that were looked at."),
        json_array("sku_properties", "Properties of the size, each with name and value.", items=NAMED_TEXTS),
        SNAPSHOT_AT,
        DELETED_AT,
        EXTRA,
    )

    @property
    def partitions(self) -> list[dict[str, str]] | None:
        """A context for each scope and look-back period."""
        return [
            {**self.asked_of, "scope": scope, "look_back_period": days}
            for scope in SCOPES
            for days in LOOK_BACK_PERIODS
        ]

    def parts(self, context: Context) -> Iterator[Part]:
        """Yield what a partition stands for: one request for a scope and a look-back period."""
        scope, look_back_period = context["scope"], context["look_back_period"]
        asked = (
            f"properties/scope eq '{scope}' AND properties/resourceType eq 'VirtualMachines' "
            f"AND properties/lookBackPeriod eq '{look_back_period}'"
        )
        query = f"api-version={CONSUMPTION_VERSION}&$filter={quote(asked)}"
        path = f"{self.account}/{CONSUMPTION}/reservationRecommendations?{query}"
        given = {**context, SNAPSHOT_AT.name: now()}

        def ask(reader: RecordReader, etag: str | None) -> Iterator[Page]:  # noqa: ARG001 - there is no ETag
            return self.api.pages(path)

        title = f"{scope} {look_back_period} ({self.place(context)})"
        yield Part(title, path, given, self.get_context_state(context), ask)
