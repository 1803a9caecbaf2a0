"""What the tap itself has to say of a bill: what changed, and whether it adds up."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, ClassVar

from tap_azure_ea.fields import text
from tap_azure_ea.reading import Part
from tap_azure_ea.stream import SnapshotStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

# What a balance states, its total first.
BALANCE_AMOUNTS = (
    "total_usage",
    "azure_marketplace_service_charges",
    "total_overage",
    "service_overage",
    "charges_billed_separately",
    "beginning_balance",
    "ending_balance",
    "new_purchases",
    "adjustments",
    "utilized",
)
SCOPE = text("scope", "What the period is of: the enrollment number, or the scope that is set.")


class AuditStream(SnapshotStream[Collection[str]]):
    """A dataset that no API is asked for; what its ``api`` stands for are the scopes that this run is about."""

    needs_one_of: ClassVar[tuple[str, ...]] = ("enrollment_number", "scope")
    partitions = None

    def parts(self, context: Context) -> Iterator[Part]:  # noqa: ARG002 - there is none
        """Yield nothing."""
        return iter(())
