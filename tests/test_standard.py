"""The SDK's own suite, on every stream."""

from __future__ import annotations

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_azure_ea.tap import TapAzureEA

# Of what fits its column and still belongs to its period, extra and _sdc_deleted_at are null.
pytestmark = pytest.mark.filterwarnings("ignore:No records were available to test:UserWarning")

# They are about what is read to its end, and a sample is not.
AUDIT = ["period_reconciliation", "period_refreshes"]
TestTapAzureEA = get_tap_test_class(
    TapAzureEA, config={"sandbox": True}, suite_config=SuiteConfig(ignore_no_records_for_streams=AUDIT)
)
