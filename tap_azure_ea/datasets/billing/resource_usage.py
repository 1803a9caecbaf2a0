"""Resource usage: what each resource used, as the meters reported it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pendulum
from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.api.errors import NotReadyError
from tap_azure_ea.api.pages import Page, mapped
from tap_azure_ea.datasets.billing import SUBSCRIPTION_ID, BillingStream
from tap_azure_ea.fields import date, day, json_object, number, read_object, text, timestamp
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA, RecordReader, Row
from tap_azure_ea.snapshot import DELETED_AT, ROW_NUMBER

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

API_VERSION = "2015-06-01-preview"
FIRST_YEAR = 2014
UNSETTLED_DAYS = 5
ONE_DAY = dt.timedelta(days=1)


class ResourceUsage(BillingStream):
    """Quantities that each resource of a subscription used, by the day on which the meters reported them.

    https://learn.microsoft.com/rest/api/consumption/usage-aggregates
    """

    name = "resource_usage"
    primary_keys = (SUBSCRIPTION_ID.name, "reported_date", ROW_NUMBER.name)
    fields = (
        SUBSCRIPTION_ID,
        date("reported_date", "Day, UTC, on which the usage was reported; late usage is of an earlier day."),
        ROW_NUMBER,
        text("id", "Azure's id, the same for all rows of a day."),
        text("name", "Azure's name, the same for all rows of a day."),
        text("type", "Type of the resource, Microsoft.Commerce/UsageAggregate."),
        timestamp("usage_start_time", "When the usage began, UTC.", utc=True),
        timestamp("usage_end_time", "When the usage ended, UTC.", utc=True),
        text("meter_id", "Id of the meter, as in rate_card_meters and price_sheet."),
        text("meter_name", "Name of the meter."),
        text("meter_category", "Category of the meter, such as Virtual Machines."),
        text("meter_sub_category", "Subcategory of the meter."),
        text("meter_region", "Region of the meter, where its price depends on one."),
        text("unit", "Unit of the quantity."),
        number("quantity", "Quantity used, in unit."),
        text("resource_uri", "Id of the resource; null of a classic one."),
        text("location", "Location of the resource."),
        json_object("tags", "Tags of the resource."),
        json_object("additional_info", "Service-specific details of the usage."),
        text("order_number", "Order of a marketplace resource."),
        text("part_number", "Part number of a marketplace resource."),
        json_object("info_fields", "Details of a classic resource."),
        json_object("instance_data", "What Azure says of the resource beyond the columns; null as a rule."),
        DELETED_AT,
        EXTRA,
    )

    def parts(self, context: Context) -> Iterator[Part]:
        """Yield the reported days of a subscription that have not been read for good, oldest first."""
        subscription_id = context[SUBSCRIPTION_ID.name]
        bookmark = self.get_context_state(context)
        today = pendulum.now("UTC").date()
        last = min(str(today - ONE_DAY), day(self.config.get("end_date") or "9999-12-31"))
        settled_before = str(today - UNSETTLED_DAYS * ONE_DAY)
        self._begin(bookmark, subscription_id, last)
        open_days, unready = bookmark["days"], set[str]()
        asked = _asked(bookmark, last)
        title = f"Subscription {subscription_id} ({self.place(context)})"
        self.logger.info("%s: %d reported days to read, up to %s", title, len(asked), last)
        for place, reported in enumerate(asked, start=1):
            settled = reported < settled_before
            known = reported in open_days
            if settled and reported.endswith("-01"):
                # A long history is resumed where its last whole month ended.
                self.publish()
            yield Part(
                f"{title}, reported {reported} ({place} of {len(asked)})",
                self._granularity,
                {**context, "reported_date": reported},
                {} if settled and not known else open_days.setdefault(reported, {}),
                partial(self._ask, subscription_id, reported, unready),
                settled=settled and not known,
                finish=partial(_finish, bookmark, reported, settled=settled),
                leave=partial(_leave, bookmark, reported, settled=settled),
            )

    def _ask(
        self, subscription_id: str, reported: str, unready: set[str], _reader: RecordReader, _etag: str | None
    ) -> Iterator[Page]:
        """Ask for a day; where one day is not ready, the next ones hardly are: they are not waited for."""
        try:
            pages = self.api.pages(self._path(subscription_id, reported, reported), patient=not unready)
        except NotReadyError:
            unready.add(reported)
            raise
        return mapped(pages, _opened)

    @property
    def _granularity(self) -> str:
        return str(self.config["usage_granularity"])

    def _begin(self, bookmark: dict[str, Any], subscription_id: str, last: str) -> None:
        """Decide from which day on to read: where the last run ended, unless something else is asked for now."""
        granularity = bookmark.setdefault("usage_granularity", self._granularity)
        if granularity != self._granularity:
            error = (
                f"{self.name} was read with usage_granularity {granularity} so far, and rows of another would not "
                "replace those. Set it back, or drop the table and reset the state, so that all is read anew."
            )
            raise ConfigValidationError(error, errors=[error])
        asked = {"start_date": self.config.get("start_date"), "parameters": self.parameters(self._granularity)}
        if any(bookmark.get(name, "never") != value for name, value in asked.items()):
            start = day(asked["start_date"]) if asked["start_date"] else self._first_day(subscription_id, last)
            before = str(dt.date.fromisoformat(start) - ONE_DAY)
            bookmark.update(asked, first_day=start, finished_to=before, days=bookmark.get("days", {}))

    def _first_day(self, subscription_id: str, last: str) -> str:
        """Return the first day of the first year in which anything was reported, at one request a year."""
        for year in range(FIRST_YEAR, int(last[:4]) + 1):
            first = f"{year}-01-01"
            if self.api.may_have_rows(self._path(subscription_id, first, min(f"{year}-12-31", last))):
                return first
        return str(dt.date.fromisoformat(last) - UNSETTLED_DAYS * ONE_DAY)

    def _path(self, subscription_id: str, first_day: str, last_day: str) -> str:
        """Ask for whole days, whose last moment is the first of the next one."""
        end = dt.date.fromisoformat(last_day) + ONE_DAY
        start_time, end_time = (quote(f"{midnight}T00:00:00+00:00", safe="") for midnight in (first_day, end))
        return (
            f"/subscriptions/{quote(subscription_id, safe='')}/providers/Microsoft.Commerce/UsageAggregates"
            f"?api-version={API_VERSION}&reportedStartTime={start_time}&reportedEndTime={end_time}"
            f"&aggregationGranularity={self._granularity.capitalize()}&showDetails=true"
        )


def _asked(bookmark: Mapping[str, Any], last: str) -> list[str]:
    """Return the days to read: those that were not ready, then all since."""
    first, finished_to = bookmark["first_day"], bookmark["finished_to"]
    unfinished = sorted(reported for reported in bookmark["days"] if first <= reported <= finished_to)
    since = dt.date.fromisoformat(finished_to) + ONE_DAY
    count = (dt.date.fromisoformat(last) - since).days + 1
    return unfinished + [str(since + number * ONE_DAY) for number in range(count)]


def _finish(bookmark: dict[str, Any], reported: str, *, settled: bool) -> None:
    """Forget the rows of a day that has been read for good."""
    if settled:
        bookmark["days"].pop(reported, None)
        bookmark["finished_to"] = max(bookmark["finished_to"], reported)


def _leave(bookmark: dict[str, Any], reported: str, *, settled: bool) -> None:
    """Remember a day that was not ready, so that the next run asks for it."""
    bookmark["days"].setdefault(reported, {})
    if settled:
        bookmark["finished_to"] = max(bookmark["finished_to"], reported)


def _opened(row: Row) -> Row:
    """Return a row with what its instance data says of the resource, as far as that can be read."""
    try:
        instance = dict(read_object(row["instanceData"]))
        resource = dict(instance.pop("Microsoft.Resources"))
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError):
        return row
    rest = {name: resource.pop(name) for name in row.keys() & resource.keys()}
    return {**row, **resource, "instanceData": {**instance, **rest} or None}
