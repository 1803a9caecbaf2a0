from __future__ import annotations

import pytest

from tap_azure_ea.fields import number, own, text
from tap_azure_ea.records import EXTRA, RecordReader

COST = number("cost_in_billing_currency", "Cost.", aliases=("extendedCost",))
GUID = text("subscription_guid", "Id of the subscription.")
PERIOD = text("billing_period_id", "Billing period.")
MARK = own(text("etag", "Version."))
FIELDS = (PERIOD, COST, GUID, MARK, EXTRA)
NAMES = [field.name for field in FIELDS]


def reader(selected: list[str] = NAMES) -> RecordReader:
    return RecordReader(FIELDS, selected, {"billing_period_id": "202601"})


@pytest.mark.parametrize(
    "name",
    [
        "costInBillingCurrency",
        "CostInBillingCurrency",
        "Cost In Billing Currency",
        "cost_in_billing_currency",
        "COST-IN-BILLING-CURRENCY",
        "Kosten (CostInBillingCurrency)",
        "Kosten (EUR) (CostInBillingCurrency)",
        "extendedCost",
    ],
)
def test_a_field_is_found_under_every_spelling_of_its_name(name: str) -> None:
    assert reader().read({name: 1})["cost_in_billing_currency"] == 1


def test_a_localised_header_is_read_by_the_text_in_its_last_parentheses() -> None:
    record = reader().read({"Abonnement-GUID (SubscriptionGuid)": "guid", "Kosten (netto)": 3})
    assert record["subscription_guid"] == "guid"
    assert record["extra"] == {"Kosten (netto)": 3}


def test_two_names_for_one_column_fill_it_once_and_the_second_is_kept_in_extra() -> None:
    record = reader().read({"costInBillingCurrency": 1, "extendedCost": 2})
    assert record["cost_in_billing_currency"] == 1
    assert record["extra"] == {"extendedCost": 2}


def test_a_new_field_shows_up_in_extra_and_a_missing_one_is_null() -> None:
    reading = reader()
    assert reading.read({"costInBillingCurrency": 1, "newField": {"a": [1]}}) == {
        "billing_period_id": "202601",
        "cost_in_billing_currency": 1,
        "subscription_guid": None,
        "etag": None,
        "extra": {"newField": {"a": [1]}},
    }
    assert reading.unknown == {"newField"}


def test_what_the_request_decides_stays_and_a_row_that_says_otherwise_keeps_its_word_in_extra() -> None:
    reading = reader()
    assert reading.read({"billingPeriodId": 202601})["extra"] is None
    record = reading.read({"billingPeriodId": "201704"})
    assert record["billing_period_id"] == "202601"
    assert record["extra"] == {"billingPeriodId": "201704"}
    assert reading.misfits == {"billingPeriodId": 1}


def test_no_wire_value_fills_a_column_of_the_taps_own() -> None:
    record = reader().read({"etag": "wire", "extra": "wire"})
    assert record["etag"] is None
    assert record["extra"] == {"etag": "wire", "extra": "wire"}


def test_deselected_columns_are_neither_read_nor_mistaken_for_new_fields() -> None:
    reading = reader(["billing_period_id", "extra"])
    assert reading.read({"costInBillingCurrency": "free"}) == {"billing_period_id": "202601", "extra": None}
    assert not reading.misfits


def test_without_the_extra_column_what_does_not_fit_is_still_counted() -> None:
    reading = reader(["cost_in_billing_currency"])
    assert reading.read({"costInBillingCurrency": "free"}) == {"cost_in_billing_currency": None}
    assert reading.misfits == {"costInBillingCurrency": 1}


def test_rows_of_different_shapes_are_each_read_by_their_own_names() -> None:
    reading = reader(["cost_in_billing_currency"])
    rows = [{"Cost In Billing Currency": 1}, {"costInBillingCurrency": 2, "x": 1}, {"x": 1}]
    assert [reading.read(row)["cost_in_billing_currency"] for row in rows] == [1, 2, None]


def test_an_empty_tags_text_and_a_missing_value_are_both_null() -> None:
    assert reader().read({"subscriptionGuid": ""}) == reader().read({"subscriptionGuid": None}) == reader().read({})
