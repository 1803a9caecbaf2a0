"""The next page is on its way while one is being read."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.api.pages import Page, ahead


class Wire:
    """Pages that tell when they are asked for, and that may break off."""

    def __init__(self, count: int, *, breaks_at: int | None = None) -> None:
        self.asked = [threading.Event() for _ in range(count + 2)]
        self._count = count
        self._breaks_at = breaks_at

    def pages(self) -> Iterator[Page]:
        for number in range(1, self._count + 1):
            self.asked[number].set()
            if number == self._breaks_at:
                raise AzureError(f"page {number}")
            yield Page(number, None, [])


def test_pages_come_in_order_and_all_of_them() -> None:
    assert [page.number for page in ahead(Wire(50).pages())] == list(range(1, 51))
    assert list(ahead(iter(()))) == []


def test_the_next_page_is_asked_for_while_one_is_read_and_no_further_one() -> None:
    wire = Wire(5)
    pages = ahead(wire.pages(), alone=1)
    assert next(pages).number == 1
    assert not wire.asked[2].is_set()
    assert next(pages).number == 2
    assert wire.asked[3].wait(timeout=10)
    assert not wire.asked[4].is_set()
    pages.close()  # type: ignore[attr-defined]  # it is a generator


def test_an_error_is_raised_when_the_turn_of_its_page_has_come() -> None:
    pages = ahead(Wire(5, breaks_at=4).pages())
    assert [next(pages).number for _ in range(3)] == [1, 2, 3]
    with pytest.raises(AzureError, match="page 4"):
        next(pages)


def test_without_one_that_comes_alone_the_second_is_on_its_way_while_the_first_is_read() -> None:
    wire = Wire(5)
    pages = ahead(wire.pages())
    assert next(pages).number == 1
    assert wire.asked[2].wait(timeout=10)
    assert not wire.asked[3].is_set()
    pages.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize("finished", [True, False])
def test_a_file_that_nobody_wants_any_more_is_closed(finished: bool) -> None:
    wanted, unwanted = io.BytesIO(), io.BytesIO()
    fetched, abandoned = threading.Event(), threading.Event()

    def files() -> Iterator[io.BytesIO]:
        yield wanted
        if not finished:
            assert abandoned.wait(timeout=10)
        fetched.set()
        yield unwanted

    reading = ahead(files())
    assert next(reading) is wanted
    assert not finished or fetched.wait(timeout=10)
    reading.close()  # type: ignore[attr-defined]  # it is a generator
    abandoned.set()
    for thread in threading.enumerate():
        if thread.name == "next page":
            thread.join(timeout=10)
    assert unwanted.closed
    assert not wanted.closed


def test_no_thread_is_left_behind() -> None:
    list(ahead(Wire(9).pages()))
    with pytest.raises(AzureError):
        list(ahead(Wire(9, breaks_at=5).pages()))
    pages = ahead(Wire(9).pages())
    assert [next(pages).number for _ in range(4)] == [1, 2, 3, 4]
    pages.close()  # type: ignore[attr-defined]  # it is a generator
    for thread in threading.enumerate():
        if thread.name == "next page":
            thread.join(timeout=10)
            assert not thread.is_alive()
