"""Reserved instance recommendations: what would pay to be reserved, by the usage of the last days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tap_azure_ea.datasets.ea_reporting import EAReportingStream
from tap_azure_ea.fields import NAMED_TEXTS, date, json_array, number, text
from tap_azure_ea.periods import ENROLLMENT_NUMBER
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA
from tap_azure_ea.snapshot import DELETED_AT, ETAG, ROW_NUMBER

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

SCOPES = ("Shared", "Single")
LOOK_BACK_DAYS = {"Last7Days": "7", "Last30Days": "30", "Last60Days": "60"}


class ReservedInstanceRecommendations(EAReportingStream):
    """Recommended purchases of reserved instances, by scope and by the days of usage that they are based on.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-reserved-instance-recommendation
    """

    name = "reserved_instance_recommendations"
    path = "/v2/enrollments/{enrollment_number}/{scope}ReservationRecommendations?lookBackPeriod={days}"
    primary_keys = (ENROLLMENT_NUMBER.name, "scope", "look_back_period", ROW_NUMBER.name)
    fields = (
        ENROLLMENT_NUMBER,
        text("scope", "Shared by all subscriptions of the enrollment, or Single."),
        text("look_back_period", "Usage that the recommendation is based on: Last7Days, Last30Days or Last60Days."),
        ROW_NUMBER,
        text("subscription_id", "Id of the subscription; null where the scope is Shared."),
        text("meter_id", "Id of the meter."),
        text("sku_name", "Recommended size, such as Standard_D4s_v5."),
        text("term", "Term of the reservation, P1Y or P3Y."),
        text("region", "Region of the instances."),
        number("cost_with_no_ri", "Cost of the days without reserved instances."),
        number("recommended_quantity", "Recommended number of instances."),
        number("total_cost_with_ri", "Cost of the days with the recommended instances reserved."),
        number("net_savings", "What the reservation would have saved."),
        date("first_usage_date", "First day of usage that was looked at."),
        text("resource_type", "Type of the resources, such as virtualmachines."),
        text("instance_flexibility_group", "Group of sizes that the reservation applies to."),
        number("instance_flexibility_ratio", "Ratio of the size within its group."),
        text("normalized_size", "Size that the group is counted in."),
        number("recommended_quantity_normalized", "Recommended number, counted in the normalized size."),
        json_array("sku_properties", "Properties of the size, each with name and value.", items=NAMED_TEXTS),
        ETAG,
        DELETED_AT,
        EXTRA,
    )

    @property
    def partitions(self) -> list[dict[str, str]] | None:
        """A context for each scope and look-back period."""
        key = {ENROLLMENT_NUMBER.name: self.api.enrollment_number}
        return [{**key, "scope": scope, "look_back_period": period} for scope in SCOPES for period in LOOK_BACK_DAYS]

    def parts(self, context: Context) -> Iterator[Part]:
        """Yield what a partition stands for: one request for a scope and a look-back period."""
        scope, look_back_period = context["scope"], context["look_back_period"]
        path = self.fill(self.path, scope=scope, days=LOOK_BACK_DAYS[look_back_period])
        yield self.part(context, f"{scope} {look_back_period}", path)
