"""Rate card: what Azure's meters cost by list, for one offer, currency, locale and region."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from tap_azure_ea.api.bodies import decode, decode_items, decode_members
from tap_azure_ea.api.errors import AzureError, ForbiddenError
from tap_azure_ea.api.pages import Page
from tap_azure_ea.datasets.billing import BillingStream
from tap_azure_ea.fields import TEXTS, Field, flag, json_array, number, text, tiers, timestamp
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA, RecordReader, Row
from tap_azure_ea.snapshot import DELETED_AT, ROW_NUMBER, SNAPSHOT_AT, now

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

API_VERSION = "2015-06-01-preview"
FILTER = {"offer_id": "OfferDurableId", "currency": "Currency", "locale": "Locale", "region": "RegionInfo"}
CARD: tuple[Field, ...] = (
    text("offer_id", "Offer that the rates are of, such as MS-AZR-0003P."),
    text("currency", "Currency of the rates, ISO 4217."),
    text("locale", "Language of the names, such as en-US."),
    text("region", "Where the offer was purchased, ISO 3166-1 alpha-2."),
)


class RateCardStream(BillingStream):
    """One list of the rate card, which is one document, downloaded once a run and emitted when it has changed."""

    member: ClassVar[str]

    @property
    def partitions(self) -> list[dict[str, str]] | None:
        """The one card that the settings name."""
        names = {"offer_id": "offer", "currency": "currency", "locale": "locale", "region": "region"}
        return [{column: self.config[f"rate_card_{setting}"] for column, setting in names.items()}]

    def parts(self, context: Context) -> Iterator[Part]:
        """Yield the whole list."""
        title = f"Rate card {' '.join(context.values())}, {self.member}"
        given = {**context, SNAPSHOT_AT.name: now()}
        yield Part(title, "whole", given, self.get_context_state(context), partial(self._ask, context))

    def _ask(self, context: Mapping[str, str], _reader: RecordReader, etag: str | None) -> Iterator[Page] | None:
        """Return the list, or None if the document is still the one that was read last: its digest tells."""
        body = self._document(context)
        digest = hashlib.sha256(body).hexdigest()
        return None if digest == etag else self._pages(context, body, digest)

    def _pages(self, context: Mapping[str, str], body: bytes, digest: str) -> Iterator[Page]:
        yield Page(1, digest, self._checked(self._rows(context, body)))

    def _rows(self, context: Mapping[str, str], body: bytes) -> Iterator[dict[str, Any]]:
        """Yield the items of the list, decoded one at a time, for there are tens of thousands of them."""
        try:
            members = decode_members(body)
            currency = decode(bytes(members["Currency"]))
            if currency != context["currency"]:
                raise AzureError(f"The rate card was asked for in {context['currency']} and answered in {currency}.")
            taxed = {"IsTaxIncluded": decode(bytes(members.get("IsTaxIncluded", b"null")))}
            for item in decode_items(members[self.member]):
                yield {**taxed, **item}
        except (ValueError, KeyError, TypeError) as error:
            raise AzureError(f"The rate card is not the JSON that it should be ({error!r}).") from None

    def _checked(self, items: Iterable[Row]) -> Iterator[Row]:
        return iter(items)

    def _document(self, context: Mapping[str, str]) -> bytes:
        """Ask by the first subscription that may: the card is the same for all."""
        asked = " and ".join(f"{name} eq '{_quoted(context[column])}'" for column, name in FILTER.items())
        query = f"api-version={API_VERSION}&$filter={quote(asked, safe='')}"
        refusal: ForbiddenError | None = None
        for subscription_id in self.api.subscription_ids:
            path = f"/subscriptions/{quote(subscription_id, safe='')}/providers/Microsoft.Commerce/RateCard?{query}"
            try:
                return self.api.redirected(path).read()
            except ForbiddenError as error:
                refusal = error
                self.logger.warning("Subscription %s cannot be asked for the rate card: %s", subscription_id, error)
        raise refusal or AzureError("The rate card is asked for by subscription: set subscription_ids.")


class RateCardMeters(RateCardStream):
    """List prices of Azure's meters, with their tiers and included quantities.

    https://learn.microsoft.com/rest/api/consumption/rate-card
    """

    name = "rate_card_meters"
    member = "Meters"
    primary_keys = (*(field.name for field in CARD), "meter_id")
    fields = (
        *CARD,
        text("meter_id", "Id of the meter, as in resource_usage."),
        text("meter_name", "Name of the meter."),
        text("meter_category", "Category of the meter, such as Virtual Machines."),
        text("meter_sub_category", "Subcategory of the meter."),
        text("meter_region", "Region of the meter, where its price depends on one."),
        text("unit", "Unit that the rates are for, such as 1 Hour or 10K."),
        tiers("meter_rates", "Rates by tier: each for the quantity of a month from its from_quantity on."),
        number("included_quantity", "Quantity of a month that costs nothing."),
        timestamp("effective_date", "Since when the rates apply; null if always."),
        json_array("meter_tags", "Marks of the meter, such as Third Party.", items=TEXTS),
        flag("is_tax_included", "Whether the rates include taxes."),
        SNAPSHOT_AT,
        EXTRA,
    )

    def _checked(self, items: Iterable[Row]) -> Iterator[Row]:
        """Pass the meters on, and tell if the key does not tell them apart."""
        seen, repeated = set[str](), 0
        for meter in items:
            repeated += meter.get("MeterId") in seen
            seen.add(str(meter.get("MeterId")))
            yield meter
        if repeated:
            self.logger.warning("%d meters are listed twice: a target that upserts keeps the last of each", repeated)


class RateCardOfferTerms(RateCardStream):
    """Terms of the offer: credits, commitments with their discounts, and recurring charges.

    https://learn.microsoft.com/rest/api/consumption/rate-card
    """

    name = "rate_card_offer_terms"
    member = "OfferTerms"
    primary_keys = (*(field.name for field in CARD), ROW_NUMBER.name)
    fields = (
        *CARD,
        ROW_NUMBER,
        text("name", "Recurring Charge, Monetary Commitment or Monetary Credit."),
        timestamp("effective_date", "Since when the term applies; null if always."),
        number("recurring_charge", "What is charged each month."),
        number("credit", "What is credited each month."),
        tiers("tiered_discount", "Discount by tier: each for a commitment from its from_quantity on."),
        json_array("excluded_meter_ids", "Meters that the term does not apply to.", items=TEXTS),
        flag("is_tax_included", "Whether the amounts include taxes."),
        SNAPSHOT_AT,
        DELETED_AT,
        EXTRA,
    )


def _quoted(value: str) -> str:
    return value.replace("'", "''")
