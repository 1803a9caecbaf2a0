"""Read a local CSV file with csv.DictReader and count its rows."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
    print(sum(1 for _ in csv.DictReader(file)))
