"""What can go wrong with Azure, in words for the person who has to do something about it."""

from __future__ import annotations

from collections.abc import Iterable


class AzureError(Exception):
    """Says what was asked, what came back, and what to do about it."""


class UnavailableError(AzureError):
    """Azure could not be had now; another run may have it, with the same settings."""


class SignInError(AzureError):
    """Nobody is let in with these credentials."""


class DifferenceError(AzureError):
    """What was read does not add up to what Azure says that it should."""


class UnfinishedError(AzureError):
    """Not all was read; ``reasons`` says why not."""

    def __init__(self, message: str, reasons: Iterable[Exception]) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class PartError(AzureError):
    """Something that was asked for cannot be had or read; something else may be."""


class ReportError(PartError):
    """A report is not prepared, or is not what it should be."""


class RefusedError(PartError):
    """Azure answered with a status that another try will not change."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ForbiddenError(RefusedError):
    """This may not be asked by whom the credentials are of; something like it may be."""


class NotFoundError(ForbiddenError):
    """This is not there, or not for whom the credentials are of."""


class DeadLinkError(RefusedError):
    """A link that Azure gave, and that needs no credentials, leads nowhere: most of them expire."""


class NoDataError(AzureError):
    """Azure has nothing of what was asked for now."""


class NotReadyError(NoDataError):
    """Azure is still preparing what was asked for."""
