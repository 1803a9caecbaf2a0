"""Where the rows are, for the server and for the contenders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ENROLLMENT, PERIOD = "8675309", "202602"
USAGE_PATH = f"/v3/enrollments/{ENROLLMENT}/billingPeriods/{PERIOD}/usagedetails"
REPORT = "report.csv"


@dataclass(frozen=True)
class Site:
    """A server, its files, and an empty folder to work in."""

    url: str
    served: Path
    work: Path

    @property
    def usage_url(self) -> str:
        """The address of the first page."""
        return self.url + USAGE_PATH
