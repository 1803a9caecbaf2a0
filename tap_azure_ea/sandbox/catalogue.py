"""What the sandbox enrollment pays for: departments, subscriptions, meters and workloads, all invented."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid5


@lru_cache(maxsize=4096)
def guid(name: str) -> str:
    """Return the same GUID for the same name, always."""
    return str(uuid5(NAMESPACE_URL, f"tap-azure-ea/sandbox/{name}"))


class Season(Enum):
    """How the use of a workload varies over the week, the month and the year."""

    STEADY = "every day alike"
    OFFICE = "weekdays only"
    RETAIL = "busy towards the end of the year, quiet in summer"
    CLOSING = "busy on the last two days of the month"


@dataclass(frozen=True)
class Department:
    """A department and its account."""

    id: int
    name: str
    account_id: int
    account: str
    owner: str


@dataclass(frozen=True)
class Subscription:
    """A subscription; ``number`` is the obsolete integer of the old API."""

    name: str
    number: int
    department: Department
    cost_center: str
    environment: str
    offer: str = "MS-AZR-0017P"


@dataclass(frozen=True)
class Meter:
    """A meter and its price for one unit; the price sheet states it for ``block`` units."""

    category: str
    sub_category: str
    name: str
    unit: str
    block: int
    rate: Decimal
    provider: str
    resource_type: str
    service: str
    tier: str
    part_number: str
    billed_separately: bool = False


@dataclass(frozen=True)
class Region:
    """The name of a region in meters, and how its list prices compare with those of West Europe."""

    name: str
    factor: Decimal


@dataclass(frozen=True)
class Workload:
    """Resources of one kind that serve one purpose; ``daily`` units each at the start of the enrollment."""

    name: str
    meter: Meter
    subscription: Subscription
    region: str
    daily: float
    count: int = 1
    growth: float = 0.01
    season: Season = Season.STEADY
    info: str = ""
    tags: dict[str, str] = field(default_factory=dict)


ENGINEERING = Department(71001, "Engineering", 410001, "Engineering Cloud", "engineering.cloud@enrollment.example")
DATA = Department(71002, "Data and Analytics", 410002, "Data Platform", "data.platform@enrollment.example")
CORPORATE = Department(71003, "Corporate IT", 410003, "Corporate IT", "corporate.it@enrollment.example")
COMMERCE = Department(71004, "Commerce", 410004, "Online Shop", "online.shop@enrollment.example")

SHOP = Subscription("shop-production", 260000000101, COMMERCE, "CC-4100", "production")
SHOP_STAGING = Subscription("shop-staging", 260000000102, COMMERCE, "CC-4100", "staging", "MS-AZR-0148P")
PLATFORM = Subscription("platform-production", 260000000103, ENGINEERING, "CC-2000", "production")
DEVELOPMENT = Subscription(
    "engineering-development", 260000000104, ENGINEERING, "CC-2010", "development", "MS-AZR-0148P"
)
LAKE = Subscription("data-lake", 260000000105, DATA, "CC-3000", "production")
OFFICE_IT = Subscription("corporate-shared", 260000000106, CORPORATE, "CC-1000", "production")

SUBSCRIPTIONS = (SHOP, SHOP_STAGING, PLATFORM, DEVELOPMENT, LAKE, OFFICE_IT)


def _vm(size: str, series: str, rate: str, part: str) -> Meter:
    return Meter(
        "Virtual Machines", f"{series} Series", size, "1 Hour", 100, Decimal(rate), "Microsoft.Compute",
        "virtualMachines", "Virtual Machines", f"{series} Series Linux", part,
    )  # fmt: skip


D4 = _vm("D4s v5", "Dsv5", "0.1857142857", "AAD-10401")
E8 = _vm("E8s v5", "Esv5", "0.4912380952", "AAD-10402")
B2 = _vm("B2ms", "BS", "0.0774285714", "AAD-10403")
DISK = Meter(
    "Storage", "Premium SSD Managed Disks", "P20 LRS Disk", "1/Month", 1, Decimal("66.5591428571"),
    "Microsoft.Compute", "disks", "Storage", "Premium Managed Disks", "AAD-20410",
)  # fmt: skip
BLOB = Meter(
    "Storage", "Tiered Block Blob", "Hot LRS Data Stored", "1 GB/Month", 100, Decimal("0.0171428571"),
    "Microsoft.Storage", "storageAccounts", "Storage", "Block Blob", "AAD-20411",
)  # fmt: skip
BLOB_WRITES = Meter(
    "Storage", "Tiered Block Blob", "Hot LRS Write Operations", "10K", 1, Decimal("0.0476190476"),
    "Microsoft.Storage", "storageAccounts", "Storage", "Block Blob", "AAD-20412",
)  # fmt: skip
SQL = Meter(
    "SQL Database", "Single/Elastic Pool General Purpose", "vCore", "1 Hour", 100, Decimal("0.1451809524"),
    "Microsoft.Sql", "servers/databases", "SQL Database", "General Purpose", "AAD-30420",
)  # fmt: skip
APP = Meter(
    "Azure App Service", "Premium v3 Plan", "P1 v3 App", "1 Hour", 10, Decimal("0.1228571429"),
    "Microsoft.Web", "serverfarms", "Azure App Service", "Premium v3", "AAD-40430",
)  # fmt: skip
SPARK = Meter(
    "Azure Databricks", "Premium", "Premium Jobs Compute DBU", "1 Hour", 1, Decimal("0.2857142857"),
    "Microsoft.Databricks", "workspaces", "Azure Databricks", "Premium", "AAD-50440",
)  # fmt: skip
EGRESS = Meter(
    "Bandwidth", "Rtn Preference: MGN", "Standard Data Transfer Out", "1 GB", 100, Decimal("0.0697142857"),
    "Microsoft.Network", "publicIPAddresses", "Bandwidth", "Internet Egress", "AAD-60450",
)  # fmt: skip
GATEWAY = Meter(
    "Application Gateway", "WAF v2", "Fixed Cost", "1 Hour", 10, Decimal("0.4219047619"),
    "Microsoft.Network", "applicationGateways", "Application Gateway", "WAF v2", "AAD-60451",
)  # fmt: skip
LOGS = Meter(
    "Log Analytics", "Analytics Logs", "Data Ingestion", "1 GB", 10, Decimal("2.1904761905"),
    "Microsoft.OperationalInsights", "workspaces", "Azure Monitor", "Analytics Logs", "AAD-70460",
)  # fmt: skip
SUPPORT = Meter(
    "Azure DevOps", "Azure DevOps", "Basic User", "1/Month", 1, Decimal("5.7142857143"),
    "Microsoft.VisualStudio", "account", "Azure DevOps", "User", "AAD-80470", billed_separately=True,
)  # fmt: skip

METERS = (D4, E8, B2, DISK, BLOB, BLOB_WRITES, SQL, APP, SPARK, EGRESS, GATEWAY, LOGS, SUPPORT)

REGIONS = {
    "westeurope": Region("EU West", Decimal("1.00")),
    "eastus2": Region("US East 2", Decimal("0.88")),
    "germanywestcentral": Region("DE West Central", Decimal("1.04")),
    "northeurope": Region("EU North", Decimal("0.96")),
    "swedencentral": Region("SE Central", Decimal("0.93")),
    "uksouth": Region("UK South", Decimal("1.02")),
    "southeastasia": Region("AP Southeast", Decimal("1.05")),
    "australiaeast": Region("AU East", Decimal("1.11")),
}

_RETAIL, _OFFICE, _CLOSING = Season.RETAIL, Season.OFFICE, Season.CLOSING
_D4_INFO = '{"ImageType":"Canonical","ServiceType":"Standard_D4s_v5","VCPUs":4,"UsageType":"ComputeHR"}'
_E8_INFO = '{"ImageType":"Canonical","ServiceType":"Standard_E8s_v5","VCPUs":8,"UsageType":"ComputeHR"}'
_WEB = {"app": "webshop", "owner": "commerce", "env": "production"}
_API = {"app": "platform-api", "owner": "engineering", "env": "production"}
_ETL = {"app": "lakehouse", "owner": "data", "env": "production"}

WORKLOADS = (
    Workload("shop-web", D4, SHOP, "westeurope", 96, 6, 0.012, _RETAIL, _D4_INFO, _WEB),
    Workload("shop-web-us", D4, SHOP, "eastus2", 72, 3, 0.02, _RETAIL, _D4_INFO, _WEB),
    Workload("shop-db", SQL, SHOP, "westeurope", 192, 2, 0.01, _RETAIL, "", _WEB),
    Workload("shop-gateway", GATEWAY, SHOP, "westeurope", 24, 1, 0.0, Season.STEADY, "", _WEB),
    Workload("shop-media", BLOB, SHOP, "westeurope", 410, 2, 0.03, Season.STEADY, "", _WEB),
    Workload("shop-cdn", EGRESS, SHOP, "westeurope", 540, 2, 0.02, _RETAIL, "", _WEB),
    Workload(
        "shop-staging", B2, SHOP_STAGING, "westeurope", 10, 4, 0.0, _OFFICE, "", {"app": "webshop", "env": "staging"}
    ),
    Workload("api", APP, PLATFORM, "westeurope", 24, 5, 0.01, Season.STEADY, "", _API),
    Workload("api-workers", D4, PLATFORM, "northeurope", 72, 5, 0.015, Season.STEADY, _D4_INFO, _API),
    Workload("api-db", SQL, PLATFORM, "westeurope", 96, 3, 0.01, Season.STEADY, "", _API),
    Workload("api-logs", LOGS, PLATFORM, "westeurope", 18, 2, 0.025, Season.STEADY, "", _API),
    Workload("disks", DISK, PLATFORM, "northeurope", 0.0333, 8, 0.0, Season.STEADY, "", _API),
    Workload("dev-box", B2, DEVELOPMENT, "westeurope", 9, 10, 0.0, _OFFICE, "", {"env": "development"}),
    Workload("dev-scratch", BLOB, DEVELOPMENT, "westeurope", 60, 2, 0.04),
    Workload("devops", SUPPORT, DEVELOPMENT, "westeurope", 1.6, 1, 0.01, Season.STEADY, "", {"owner": "engineering"}),
    Workload("lake-raw", BLOB, LAKE, "westeurope", 2600, 2, 0.035, Season.STEADY, "", _ETL),
    Workload("lake-writes", BLOB_WRITES, LAKE, "westeurope", 340, 2, 0.03, Season.STEADY, "", _ETL),
    Workload("spark-jobs", SPARK, LAKE, "westeurope", 96, 3, 0.03, _CLOSING, "", _ETL),
    Workload("warehouse", E8, LAKE, "westeurope", 72, 3, 0.01, _CLOSING, _E8_INFO, _ETL),
    Workload(
        "directory", B2, OFFICE_IT, "germanywestcentral", 24, 3, 0.0, Season.STEADY, "", {"owner": "corporate-it"}
    ),
    Workload("backup", BLOB, OFFICE_IT, "germanywestcentral", 700, 1, 0.02),
)

# Each meter in each region where it is used: the lines of the price sheet.
PRODUCTS = sorted(dict.fromkeys((w.meter, w.region) for w in WORKLOADS), key=lambda product: METERS.index(product[0]))


def meter_id(meter: Meter, region: str) -> str:
    """Return the id of a meter in a region."""
    return guid(f"{meter.part_number} {region}")


@dataclass(frozen=True)
class Offer:
    """A marketplace offer; a recurring one is charged once a month, the others each day."""

    publisher: str
    name: str
    plan: str
    meter: str
    subscription: Subscription
    rate: Decimal
    recurring: bool = False


OFFERS = (
    Offer("Palisade Networks", "Palisade Firewall", "bundle-2", "4core", PLATFORM, Decimal("1.3142857143")),
    Offer("Lumen Search", "Lumen Search Service", "standard", "units", SHOP, Decimal("0.8647619048")),
    Offer(
        "Northlight", "Northlight Observability", "enterprise", "month", PLATFORM, Decimal("2450.00"), recurring=True
    ),
    Offer("Certum Trust", "Certum Certificates", "wildcard", "month", SHOP, Decimal("83.25"), recurring=True),
)
