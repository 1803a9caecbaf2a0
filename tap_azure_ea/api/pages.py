"""Listings: pages of rows that link to the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import IOBase
from itertools import islice
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from tap_azure_ea.api.errors import AzureError, ReportError
from tap_azure_ea.api.http import Answer

T = TypeVar("T")
Row = Mapping[str, Any]
Envelope = Callable[[Any], tuple[list[Row], str | None]]


@dataclass(frozen=True)
class Page:
    """Rows as Azure sent them; the page numbered 1 starts the reading anew, whatever came before."""

    number: int
    etag: str | None
    rows: Iterable[Row]


def mapped(pages: Iterable[Page], change: Callable[[Row], Row]) -> Iterator[Page]:
    """Pass pages on with each row changed, one at a time."""
    return (replace(page, rows=map(change, page.rows)) for page in pages)


def paged(tables: Iterator[Iterable[Row]], title: str, etag: str | None = None) -> Iterator[Page]:
    """Yield the tables of a report as pages, of which there is at least one; ``title`` says whose they are."""
    number = 0
    try:
        for number, table in enumerate(tables, start=1):
            yield Page(number, etag, table)
    except ValueError as error:
        raise ReportError(f"{title} is not the CSV that it should be: {error}.") from None
    if not number:
        yield Page(1, etag, ())


def ahead(items: Iterator[T], *, alone: int = 0) -> Iterator[T]:
    """Pass pages or files on, and have the next one fetched while one is being read.

    The first ``alone`` are fetched when they are wanted: many listings have no more. What goes wrong with an item is
    raised when its turn has come. A fetch that nobody waits for any more ends by itself, closes what it brings, and
    does not keep the process from ending.
    """
    yield from islice(items, alone)
    fetch = _Fetch(items)
    try:
        while (item := fetch.result()) is not None:
            fetch = _Fetch(items)
            yield item
    finally:
        fetch.abandon()


class _Fetch(Thread, Generic[T]):
    def __init__(self, items: Iterator[T]) -> None:
        super().__init__(name="next page", daemon=True)
        self._items = items
        self._item: T | None = None
        self._error: Exception | None = None
        self._lock = Lock()
        self._done = self._abandoned = False
        self.start()

    def run(self) -> None:
        try:
            self._item = next(self._items, None)
        except Exception as error:  # noqa: BLE001 - it is raised where the item is asked for
            self._error = error
        with self._lock:
            self._done = True
            if self._abandoned:
                self._close()

    def result(self) -> T | None:
        self.join()
        if self._error:
            raise self._error
        return self._item

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            if self._done:
                self._close()

    def _close(self) -> None:
        if isinstance(self._item, IOBase):
            self._item.close()


def linked(ask: Callable[[str, str], Answer], answer: Answer, envelope: Envelope) -> Iterator[Page]:
    """Follow the links verbatim from the first page to the last; ``ask`` is given a link and the page it was on."""
    seen = {answer.url}
    while True:
        rows, link = _open(answer, envelope)
        yield Page(len(seen), answer.headers.get("ETag") or None, rows)
        if not link:
            return
        following = ask(link, answer.url)
        if following.url in seen:
            msg = f"Azure sent a link back to a page already read, {following.url}: the listing has no end."
            raise AzureError(msg)
        seen.add(following.url)
        answer = following


def _open(answer: Answer, envelope: Envelope) -> tuple[list[Row], str | None]:
    try:
        return envelope(answer.body)
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{answer.url} answered JSON that is not what it should be ({error!r}): {answer.body!s:.300}"
        raise AzureError(msg) from None


def checked(rows: Any) -> list[Row]:
    """Return what are rows, or raise ``ValueError``."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "error" not in row for row in rows):
        msg = "no rows"
        raise ValueError(msg)
    return rows
