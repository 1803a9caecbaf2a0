"""The datasets of the Azure Billing APIs, and what they share: scopes, and the envelope of Azure Resource Manager."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap

from tap_azure_ea.api.errors import RefusedError
from tap_azure_ea.api.pages import Page
from tap_azure_ea.api.resource_manager import ResourceManagerAPI
from tap_azure_ea.fields import text
from tap_azure_ea.records import Record, Row
from tap_azure_ea.stream import SnapshotStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

SUBSCRIPTION_ID = text("subscription_id", "Id of the subscription.")


class BillingStream(SnapshotStream):
    """A dataset that is asked for by scope: by subscription, unless it says otherwise."""

    needs_one_of: ClassVar[tuple[str, ...]] = ("subscription_ids",)

    def __init__(self, tap: Tap, connect: Callable[[], ResourceManagerAPI]) -> None:
        super().__init__(tap)
        self._connect = connect

    @cached_property
    def api(self) -> ResourceManagerAPI:
        """Who is asked."""
        return self._connect()

    @cached_property
    def partitions(self) -> list[dict[str, str]] | None:
        """A context for each subscription."""
        return [{SUBSCRIPTION_ID.name: subscription_id} for subscription_id in self.api.subscription_ids]

    def read(self, context: Context | None) -> Iterator[Record]:
        """Yield a scope's records; one that is refused does not keep the others from being read."""
        try:
            yield from super().read(context)
        except RefusedError as error:
            if self.sampling:
                raise
            scope = " ".join(str(value) for value in (context or {}).values())
            self.failures.append(f"{self.name} of {scope}: {error}")
            self.logger.error("%s of %s cannot be read; the rest is read before the run fails. %s", *(  # noqa: TRY400
                self.name, scope, error,
            ))  # fmt: skip


def opened(pages: Iterable[Page], unwrap: Callable[[Row], Row]) -> Iterator[Page]:
    """Pass pages on with each row unwrapped, one at a time."""
    return (replace(page, rows=map(unwrap, page.rows)) for page in pages)


def properties(row: Row) -> dict[str, Any]:
    """Return a resource as a row: its properties, beside its id and name."""
    own = {name: value for name, value in row.items() if name != "properties"}
    inner = row.get("properties")
    return {**own, **inner} if isinstance(inner, Mapping) else dict(row)
