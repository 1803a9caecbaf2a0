"""Billing accounts: which enrollments, and other agreements, the identity may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tap_azure_ea.api.pages import Page
from tap_azure_ea.api.resource_manager import ResourceManagerAPI
from tap_azure_ea.fields import OBJECTS, TEXTS, flag, json_array, json_object, text
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA, RecordReader
from tap_azure_ea.stream import SnapshotStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

API_VERSION = "2024-04-01"


class BillingAccounts(SnapshotStream[ResourceManagerAPI]):
    """Billing accounts with their agreement, status and, of an enrollment, its dates and currency.

    https://learn.microsoft.com/rest/api/billing/billing-accounts
    """

    name = "billing_accounts"
    needs_one_of = ("tenant_id", "credential", "access_token")
    primary_keys = ("id",)
    partitions = None
    incremental = False
    fields = (
        text("id", "Azure's id of the billing account."),
        text("name", "Number of the enrollment, or name of another kind of account."),
        text("type", "Type of the resource, Microsoft.Billing/billingAccounts."),
        text("display_name", "Name of the billing account."),
        text("agreement_type", "EnterpriseAgreement, MicrosoftCustomerAgreement or another."),
        text("account_type", "Enterprise, Individual, Partner or another."),
        text("account_sub_type", "Enterprise, Professional, Individual or another."),
        text("account_status", "Active, Expired, Deleted or another."),
        text("account_status_reason_code", "Why the account has its status."),
        text("provisioning_state", "Whether the account is set up: Succeeded, as a rule."),
        text("notification_email_address", "Address that notifications go to; personal data."),
        text("primary_billing_tenant_id", "Tenant of the account."),
        flag("has_read_access", "Whether the identity may read the account."),
        flag("has_no_billing_profiles", "Whether the account has no billing profiles."),
        json_object("enrollment_details", "Of an enrollment: dates, currency, channel, language, support and cloud."),
        json_object("sold_to", "Address of the buyer; personal data."),
        json_object("registration_number", "Registration of the buyer, where one is needed."),
        json_array("billing_relationship_types", "Relationships of the account, such as DirectEA.", items=TEXTS),
        json_array("qualifications", "What the account is qualified for.", items=TEXTS),
        json_array("tax_ids", "Tax ids of the buyer.", items=OBJECTS),
        EXTRA,
    )

    def parts(self, context: Context) -> Iterator[Part]:  # noqa: ARG002 - there is but one
        """Yield the one listing."""
        path = f"/providers/Microsoft.Billing/billingAccounts?api-version={API_VERSION}"

        def ask(reader: RecordReader, etag: str | None) -> Iterator[Page]:  # noqa: ARG001 - there is no ETag
            return self.api.pages(path)

        yield Part("Billing accounts", path, {}, self.get_context_state(None), ask)
