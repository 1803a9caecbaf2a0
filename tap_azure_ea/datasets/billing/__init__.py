"""The datasets of the Azure Billing APIs, and what they share: most are asked for by subscription."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from tap_azure_ea.api.resource_manager import ResourceManagerAPI
from tap_azure_ea.fields import text
from tap_azure_ea.stream import SnapshotStream

SUBSCRIPTION_ID = text("subscription_id", "Id of the subscription.")


class BillingStream(SnapshotStream[ResourceManagerAPI]):
    """A dataset that is asked for by subscription, unless it says otherwise."""

    needs_one_of: ClassVar[tuple[str, ...]] = ("subscription_ids",)

    @cached_property
    def partitions(self) -> list[dict[str, str]] | None:
        """A context for each subscription."""
        return [{SUBSCRIPTION_ID.name: subscription_id} for subscription_id in self.api.subscription_ids]
