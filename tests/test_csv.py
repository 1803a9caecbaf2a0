"""usage_format: csv reads the same records through submit, poll and download."""

from __future__ import annotations

import errno
import gzip
import io
import json
import re
import zipfile
from typing import Any

import pytest

from tap_azure_ea.api.csv_rows import csv_files, csv_tables
from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.sandbox import Fault, Sandbox
from tests.conftest import Record, Run, Target, settings, sync

USAGE: dict[str, list[str] | None] = {"usage_details": []}
FEBRUARY = {"start_date": "2026-02-01", "end_date": "2026-02-28"}


def read(sandbox: Sandbox, state: Any = None, **more: Any) -> Run:
    return sync(settings(sandbox, usage_format="csv", **more), state, select=USAGE)


@pytest.fixture(autouse=True)
def polls(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a test would have waited between polls."""
    waited: list[float] = []
    monkeypatch.setattr("tap_azure_ea.api.ea_report.sleep", waited.append)
    return waited


def test_csv_yields_record_for_record_what_json_yields(sandbox: Sandbox) -> None:
    def rows(run: Run) -> list[Record]:
        return sorted(run.records("usage_details"), key=lambda row: (row["billing_period_id"], row["row_number"]))

    assert rows(read(sandbox)) == rows(sync(settings(sandbox), select=USAGE))


def test_a_report_is_submitted_polled_and_downloaded_without_the_key(sandbox: Sandbox, polls: list[float]) -> None:
    read(sandbox, **FEBRUARY)
    asked = [(request.method, request.target, "authorization" in request.headers) for request in sandbox.requests]
    root = "/v3/enrollments/8675309"
    assert asked == [
        ("GET", "/v2/enrollments/8675309/billingperiods", True),
        ("GET", f"{root}/billingPeriods/202602/usagedetails", True),
        ("GET", f"{root}/billingPeriods/202602/usagedetails?skiptoken=1000", True),
        ("POST", f"{root}/usagedetails/submit?billingPeriod=202602", True),
        ("GET", "/reports/00000001", True),
        ("GET", "/reports/00000001", True),
        ("GET", "/blobs/00000001.csv?sv=2024-08-04&sr=b&sig=SandboxSignature%3D", False),
    ]
    assert polls == [10, 10]


def test_a_cut_period_is_submitted_by_its_days(sandbox: Sandbox) -> None:
    run = read(sandbox, start_date="2026-02-10", end_date="2026-02-12")
    target = "/v3/enrollments/8675309/usagedetails/submit?startTime=2026-02-10&endTime=2026-02-12"
    assert target in {request.target for request in sandbox.requests}
    assert {row["date"] for row in run.records("usage_details")} == {"2026-02-10", "2026-02-11", "2026-02-12"}


def test_freshness_costs_one_conditional_request(sandbox: Sandbox) -> None:
    first = read(sandbox)
    sandbox.requests.clear()
    second = read(sandbox, first.state)
    assert second.records("usage_details") == []
    assert [request.method for request in sandbox.requests] == ["GET"] * 5
    assert ["if-none-match" in request.headers for request in sandbox.requests] == [False, True, True, True, True]


def test_where_pages_are_tagged_one_by_one_no_etag_vouches_for_a_report(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("202602/usagedetails.skiptoken=1000", headers={"ETag": '"of the page"'}))
    run = read(sandbox, **FEBRUARY)
    assert "etag" not in run.bookmark("usage_details", "202602")
    assert run.bookmark("usage_details", "202602")["row_count"] == len(sandbox.bill.usage("202602"))


def test_after_restatements_the_target_holds_exactly_azures_rows(sandbox: Sandbox) -> None:
    target = Target()
    for _ in range(4):
        target.load(read(sandbox, target.state).messages)
        for period in sandbox.bill.periods:
            rows = sorted(target.live("usage_details", billing_period_id=period), key=lambda row: row["row_number"])
            assert [row["cost"] for row in rows] == [row["cost"] for row in sandbox.bill.usage(period)]
        sandbox.bill.restate("202601")


def test_an_unchanged_month_is_read_anew_in_another_format(sandbox: Sandbox) -> None:
    first = sync(settings(sandbox, **FEBRUARY), select=USAGE)
    assert read(sandbox, first.state, **FEBRUARY).records("usage_details")


def status(sandbox: Sandbox, number: int, **more: Any) -> str:
    return json.dumps({"status": number, "blobPath": "", "reportUrl": f"{sandbox.url}/reports/00000001", **more})


@pytest.mark.parametrize("number", [1, 2, 6, 99])
def test_a_report_that_is_not_ready_is_asked_for_again(sandbox: Sandbox, polls: list[float], number: int) -> None:
    sandbox.faults.append(Fault("/reports/", times=5, body=status(sandbox, number), headers={"Retry-After": "17"}))
    assert len(read(sandbox, **FEBRUARY).records("usage_details")) == len(sandbox.bill.usage("202602"))
    assert polls == [10, 17, 17, 17, 17, 17]


def test_a_blob_that_is_ready_to_download_is_downloaded(sandbox: Sandbox) -> None:
    blob = "http://localhost:{port}/blobs/00000001.csv?sv=2024-08-04&sr=b&sig=SandboxSignature%3D"
    port = sandbox.url.rpartition(":")[2]
    sandbox.faults.append(Fault("/reports/", body=status(sandbox, 6, blobPath=blob.format(port=port))))
    assert len(read(sandbox, **FEBRUARY).records("usage_details")) == len(sandbox.bill.usage("202602"))


@pytest.mark.parametrize("number", [4, 7])
def test_a_report_that_fails_or_times_out_is_submitted_again(
    sandbox: Sandbox, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.append(Fault("/reports/", body=status(sandbox, number), times=2))
    assert len(read(sandbox, **FEBRUARY).records("usage_details")) == len(sandbox.bill.usage("202602"))
    assert sum(request.method == "POST" for request in sandbox.requests) == 3
    assert f"ended with status {number} (submission 1)" in caplog.text


def test_a_report_that_always_fails_is_an_error_with_a_way_out_and_the_other_periods_are_read(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sandbox.faults.append(Fault("/reports/", body=status(sandbox, 4), times=3))
    with pytest.raises(AzureError, match=r"failed 3 times. Run again later, or set usage_format to json"):
        read(sandbox)
    for place, period in enumerate(("202602", "202601", "202512"), start=2):
        assert f"Period {period} ({place} of 4): {len(sandbox.bill.usage(period)):,} rows" in caplog.text


def test_a_report_without_data_leaves_what_is_known(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    first = read(sandbox)
    sandbox.bill.restate("202602")
    sandbox.faults.append(Fault("/reports/", body=status(sandbox, 5)))
    run = read(sandbox, first.state)
    assert run.state == first.state
    assert "Period 202602 (2 of 4): no data" in caplog.text


def test_an_expired_link_makes_a_new_report(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.faults.append(Fault("/blobs/", status=403))
    assert len(read(sandbox, **FEBRUARY).records("usage_details")) == len(sandbox.bill.usage("202602"))
    assert "cannot be downloaded" in caplog.text
    assert "sig=***" in caplog.text
    assert "SandboxSignature" not in caplog.text


@pytest.mark.parametrize(
    "fault",
    [Fault(cut=True), Fault(reset=True), Fault(status=429, headers={"Retry-After": "1"}), Fault(status=503)],
    ids=["cut", "reset", "429", "503"],
)
@pytest.mark.parametrize("path", ["/submit", "/reports/", "/blobs/"])
def test_each_step_may_fail_once(sandbox: Sandbox, path: str, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.faults.append(Fault(**{**vars(fault), "path": path}))
    assert len(read(sandbox, **FEBRUARY).records("usage_details")) == len(sandbox.bill.usage("202602"))
    assert "SandboxSignature" not in caplog.text


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("one,two,three\n1,2,3\n", "none of the first 50 lines is a header"),
        ("", "none of the first 50 lines is a header"),
        ("Date,Cost,Tags\n02/01/2026,1\n", "line 2 has 2 cells and the header 3"),
        ("Date,Cost,Tags\n02/01/2026,1,a,b\n", "line 2 has 4 cells and the header 3"),
        ('Date,Cost,Tags\n02/01/2026,"1\r","\na\r\nb"\n\n02/01/2026,1\n', "line 7 has 2 cells and the header 3"),
        ('Date,Cost,Tags\n02/01/2026,1,"open\n', "line 2 cannot be read: unexpected end of data"),
        ("Date,Cost,Date\n02/01/2026,1,a\n", "names a column twice"),
    ],
)
def test_a_file_that_is_cut_or_garbled_is_an_error_and_not_vouched_for(
    sandbox: Sandbox, body: str, problem: str
) -> None:
    sandbox.faults.append(Fault("/blobs/", body=body))
    with pytest.raises(AzureError, match="is not the CSV that it should be") as raised:
        read(sandbox, **FEBRUARY)
    assert problem in str(raised.value)


def test_json_that_is_no_status_is_an_error(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("/submit", body='{"status": "soon"}'))
    with pytest.raises(AzureError, match="JSON that is not the status of a report"):
        read(sandbox, **FEBRUARY)


def test_a_full_disk_is_told_with_the_remedy(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tap_azure_ea.api.http.TemporaryFile", Full)
    with pytest.raises(AzureError, match=r"\(No space left on device\)\. Set TMPDIR to where there is room\."):
        read(sandbox, **FEBRUARY)


def header(cells: list[str]) -> bool:
    return "Cost" in cells


def test_the_dialect_is_read_whatever_comes_before_the_header() -> None:
    text = '\ufeffUsage,"for\r\n2026"\r\n\r\nCost,Tags\r\n1,"{""a"": ""b,\r\nc""}"\r\n\r\n2,\r\n'
    assert [row for table in csv_tables(io.BytesIO(text.encode()), header) for row in table] == [
        {"Cost": "1", "Tags": '{"a": "b,\r\nc"}'},
        {"Cost": "2", "Tags": ""},
    ]


def test_a_file_of_a_header_alone_has_no_rows() -> None:
    assert list(csv_tables(io.BytesIO(b"Cost,Tags\r\n"), header)) == []


TABLE = b"\xef\xbb\xbfA,B\r\n1,2\r\n"


def packed(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return content.getvalue()


def rows_of(*files: bytes) -> list[dict[str, str]]:
    tables = csv_files(map(io.BytesIO, files), lambda cells: cells == ["A", "B"])
    return [row for table in tables for row in table]


def test_files_are_read_one_after_the_other_packed_or_not() -> None:
    row = {"A": "1", "B": "2"}
    assert rows_of(TABLE, gzip.compress(TABLE), packed(a_csv=TABLE, b_CSV=TABLE, read_me=b"no table")) == [row] * 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed(read_me=b"no table"), "the archive holds no CSV, but read.me"),
        (packed(), "the archive holds no CSV, but nothing"),
        (packed(a_csv=TABLE)[:40], "it cannot be unpacked"),
        (gzip.compress(TABLE)[:-9], "it cannot be unpacked"),
        (packed(a_csv=b"C,D\r\n"), "none of the first 50 lines is a header"),
    ],
)
def test_an_archive_that_is_broken_or_holds_no_csv_is_told(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        rows_of(content)
