"""A local Azure to try the tap and to test it against: an invented enrollment behind real HTTP.

It serves two calendar years of bills up to a given day: departments, subscriptions, tags, growth, seasons, purchases,
refunds, marketplace charges, reservations and restated months, the same for the same day and size, whose balances add
up to the last digit; as pages of JSON, and usage also as a report in CSV behind a signed link. It refuses what Azure
refuses: a wrong key, a key that is too narrow, a wrong path, a token sent to a blob.

It does not limit requests unless a fault says so, does not delay new data by days, shows an account owner the whole
usage, cuts no tags at 400 characters, and its links to blobs never expire.
"""

from tap_azure_ea.sandbox.faults import Fault
from tap_azure_ea.sandbox.server import Sandbox

__all__ = ["Fault", "Sandbox"]
