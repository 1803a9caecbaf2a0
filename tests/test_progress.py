from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tap_azure_ea.api.pages import Page
from tap_azure_ea.progress import Progress
from tap_azure_ea.records import RecordReader
from tap_azure_ea.snapshot import Snapshot


def test_a_long_period_says_that_it_is_alive(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = iter([0.0, 10.0, 31.0, 31.0, 50.0, 62.0, 62.0])
    monkeypatch.setattr("tap_azure_ea.progress.monotonic", lambda: next(clock))
    snapshot = Snapshot({}, "whole", lambda: None, 10_000)
    progress = Progress("usage_details", logging.getLogger("tap-azure-ea")).part("Period 202601 (2 of 2)", snapshot)

    def pages() -> Iterator[Page]:
        for number in range(1, 5):
            yield Page(number, None, [])
            snapshot.row_count += 1000

    assert len(list(progress.watch(pages(), RecordReader((), (), {})))) == 4
    assert caplog.messages == [
        "Period 202601 (2 of 2): 1,000 rows so far",
        "Period 202601 (2 of 2): 3,000 rows so far",
    ]
