"""A local Azure for trying and testing the tap: an invented enrollment behind real HTTP.

It serves two calendar years of bills up to a given day: departments, subscriptions, tags, growth, seasons, purchases,
refunds, marketplace charges, reservations and restated months. The bill is the same for the same day and size, and its
balances add up to the last digit. Usage is served as pages of JSON, and also as a report in CSV behind a signed link.
From the same resources it serves the Azure Billing APIs: invoices with their documents, usage by the day on which it
was reported, including late and restated usage, and list prices; and the APIs of Cost Management, Consumption and
Billing: actual and amortized cost details of the enrollment and of its parts, balances, marketplace charges, price
sheets, and the charges, use and recommendations of reservations. Clients sign in over TLS, or use a ready token. It
refuses what Azure refuses: a wrong key, secret or token, a key with too few rights, a forbidden subscription, a wrong
path or version, a range that is too long or too long ago, and a token sent to a blob.

It differs from Azure: it limits requests only if a fault says so, has no delay before new data, shows an account owner
the usage of the whole enrollment, does not cut tags at 400 characters, and its links to blobs never expire. Tokens
expire only on request, a client's certificate is not checked, an invoice follows the restatements of its month, and
reported usage is always in detail, without the refunds and restatements of the months. Reservations that are paid by
the month are renewed forever, and one that is paid at once is amortized from its first day as if the refunded instances
had never been bought.
"""

from tap_azure_ea.sandbox.faults import Fault
from tap_azure_ea.sandbox.server import Sandbox

__all__ = ["Fault", "Sandbox"]
