"""The Airbyte door: the same tap, in the words of Airbyte's protocol.

https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol
"""

from tap_azure_ea.airbyte.command import main

__all__ = ["main"]
