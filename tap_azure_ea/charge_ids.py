"""An identity for charges that have none: what they are for, and which of those that are for the same they are.

Equal descriptions give equal ids in any reading, whatever else moved, grew or was priced anew. Of several charges with
one description, ``-1`` is the first that was received, ``-2`` the second: where Azure swaps those, they swap ids.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Sequence
from hashlib import blake2b
from itertools import starmap
from typing import Any

import msgspec

from tap_azure_ea.fields import Field, own, text
from tap_azure_ea.records import Records

CHARGE_ID = own(
    text(
        "charge_id",
        "Hash of what the charge is for, without quantities and amounts, and its number among those of the same.",
    )
)
HASH_BYTES = 16
COUNT = "insert into seen values (?, 1) on conflict do update set times = times + 1 returning times"

_encode = msgspec.json.Encoder(order="deterministic", enc_hook=str).encode


def descriptive(fields: Sequence[Field], changing: Sequence[str]) -> list[str]:
    """Return the columns that say what a charge is for: what Azure sends, but numbers and what is sure to change."""
    known = (field for field in fields if field.read and field.name not in changing)
    return [field.name for field in known if field.schema["type"] != "number"]


class ChargeIds:
    """The ids of one reading; what was met is counted in a temporary database, for a month may have many millions."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._seen = sqlite3.connect("", isolation_level=None)
        weakref.finalize(self, self._seen.close)
        self._seen.execute("create table seen (hash blob primary key, times integer) without rowid")

    def forget(self) -> None:
        """Start anew, for a reading that starts anew."""
        self._seen.execute("delete from seen")

    def add(self, records: Records) -> None:
        """Give some records their ids."""
        described = zip(*(records.columns[name] for name in self._columns), strict=True)
        records.columns[CHARGE_ID.name] = list(starmap(self._id, described))

    def _id(self, *values: Any) -> str:
        found = blake2b(_encode(values), digest_size=HASH_BYTES).digest()
        ((times,),) = self._seen.execute(COUNT, (found,))
        return f"{found.hex()}-{times}"
