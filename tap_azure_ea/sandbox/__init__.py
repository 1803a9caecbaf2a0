"""A local Azure to try the tap and to test it against: an invented enrollment behind real HTTP.

It serves two calendar years of bills up to a given day: departments, subscriptions, tags, growth, seasons, purchases,
refunds, marketplace charges, reservations and restated months, the same for the same day and size, whose balances add
up to the last digit; as pages of JSON, and usage also as a report in CSV behind a signed link. From the same resources
it serves the Azure Billing APIs: invoices with their documents, usage by the day on which it was reported, late and
restated usage included, and list prices; and Cost Management, Consumption and Billing: cost details, actual and
amortized, of the enrollment and of its parts, balances, marketplace charges, price sheets, and what reservations cost,
covered and should cover; to who signs in, over TLS, or has a token. It refuses what Azure refuses: a wrong key, secret
or token, a key that is too narrow, a subscription that is forbidden, a wrong path or version, a range that is too long
or too long ago, a token sent to a blob.

It does not limit requests unless a fault says so, does not delay the enrollment's new data by days, shows an account
owner the whole usage, cuts no tags at 400 characters, and its links to blobs never expire. Tokens expire when told to,
a client's certificate is not checked, an invoice follows the restatements of its month, and reported usage is always
in detail, without the refunds and restatements of the months. Reservations that are paid by the month are renewed
forever, and one that is paid at once is amortized from the first day as if what was refunded had not been bought.
"""

from tap_azure_ea.sandbox.faults import Fault
from tap_azure_ea.sandbox.server import Sandbox

__all__ = ["Fault", "Sandbox"]
