"""Invoices and their documents against the sandbox, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.sandbox import Fault, Sandbox, invoices
from tests.conftest import Record, Run, Target, billing_settings, sync

pytestmark = pytest.mark.usefixtures("today")

ONLY: dict[str, list[str] | None] = {"invoices": None}
LIST = "/providers/Microsoft.Billing/billingAccounts/8675309/invoices"


def read(sandbox: Sandbox, state: Any = None, **more: Any) -> Run:
    return sync(billing_settings(sandbox, **more), state, select=ONLY)


def listings(sandbox: Sandbox) -> list[str]:
    return [request.target for request in sandbox.requests if request.method == "GET" and "?" in request.target]


def by_name(run: Run) -> dict[str, Record]:
    return {record["name"]: record for record in run.records("invoices")}


def test_every_invoice_is_read_once_with_its_total_to_the_last_digit(sandbox: Sandbox) -> None:
    records = read(sandbox).records("invoices")
    issued = invoices.of_enrollment(sandbox.bill)
    assert [(record["name"], record["total_amount"]) for record in records] == [(i.name, i.total) for i in issued]
    assert len({record["id"] for record in records}) == len(issued) == 4


def test_a_record_is_whole(sandbox: Sandbox) -> None:
    record = read(sandbox).records("invoices")[0]
    invoice = invoices.of_enrollment(sandbox.bill)[0]
    row = invoices.row(sandbox.bill, invoice, "unused")["properties"]
    assert record == {
        "id": f"{LIST}/{invoice.name}",
        "enrollment_number": "8675309",
        "subscription_id": None,
        "subscription_display_name": None,
        "name": invoice.name,
        "type": "Microsoft.Billing/invoices",
        "invoice_date": "2026-03-05T00:00:00Z",
        "due_date": "2026-04-04T00:00:00Z",
        "invoice_period_start_date": "2026-02-01T00:00:00Z",
        "invoice_period_end_date": "2026-02-28T00:00:00Z",
        "status": "Due",
        "invoice_type": "AzureServices",
        "document_type": "Invoice",
        "special_taxation_type": None,
        "is_monthly_invoice": True,
        **_amounts(row),
        "billed_document_id": None,
        "credit_for_document_id": None,
        "billing_profile_id": row["billingProfileId"],
        "billing_profile_display_name": "Enrollment 8675309",
        "purchase_order_number": "PO-2026",
        "documents": [
            {
                "documentNumbers": [invoice.name],
                "kind": "Invoice",
                "name": invoice.name,
                "source": "ENF",
                "url": f"{sandbox.url}{LIST}/{invoice.name}/download"
                f"?api-version=2024-04-01&documentName={invoice.name}",
            }
        ],
        "payments": [],
        "failed_payments": [],
        "rebill_details": {},
        "refund_details": {},
        "document_path": None,
        "document_size": None,
        "document_sha256": None,
        "extra": None,
    }


def _amounts(row: dict[str, Any]) -> dict[str, Any]:
    names = {
        "amount_due": "amountDue",
        "azure_prepayment_applied": "azurePrepaymentApplied",
        "billed_amount": "billedAmount",
        "credit_amount": "creditAmount",
        "free_azure_credit_applied": "freeAzureCreditApplied",
        "sub_total": "subTotal",
        "tax_amount": "taxAmount",
        "total_amount": "totalAmount",
    }
    values = {name: row[wire]["value"] for name, wire in names.items()}
    return values | {f"{name}_currency": "USD" for name in names}


def test_the_whole_history_is_asked_for_first_and_then_from_where_an_invoice_may_change(sandbox: Sandbox) -> None:
    first = read(sandbox)
    assert listings(sandbox) == [f"{LIST}?api-version=2024-04-01&periodStartDate=2014-05-01&periodEndDate=2026-03-10"]
    sandbox.requests.clear()
    read(sandbox, first.state)
    assert listings(sandbox) == [f"{LIST}?api-version=2024-04-01&periodStartDate=2025-11-28&periodEndDate=2026-03-10"]


def test_a_look_back_never_reaches_before_the_start_date_nor_beyond_the_end_date(sandbox: Sandbox) -> None:
    days = {"start_date": "2026-01-15", "end_date": "2026-02-15"}
    first = read(sandbox, **days)
    read(sandbox, first.state, **days)
    asked = f"{LIST}?api-version=2024-04-01&periodStartDate=2026-01-15&periodEndDate=2026-02-15"
    assert listings(sandbox) == [asked, asked]
    assert [record["invoice_period_end_date"][:10] for record in first.records("invoices")] == ["2026-01-31"]


def test_an_invoice_that_is_still_open_is_asked_for_however_old_it_is(sandbox: Sandbox) -> None:
    old = {"id": "/1", "name": "1", "properties": {"invoicePeriodEndDate": "2020-06-30", "status": "OverDue"}}
    new = {"id": "/2", "name": "2", "properties": {"invoicePeriodEndDate": "2026-02-28", "status": "Paid"}}
    sandbox.faults.append(Fault("/invoices", body=json.dumps({"value": [new, old]})))
    first = read(sandbox)
    sandbox.requests.clear()
    read(sandbox, first.state)
    assert "periodStartDate=2020-06-30" in listings(sandbox)[0]


def test_a_payment_after_the_issue_is_seen(sandbox: Sandbox) -> None:
    target = Target()
    target.load(read(sandbox).messages)
    sandbox.bill.today += timedelta(40)
    target.load(read(sandbox, target.state).messages)
    february = [row for row in target.live("invoices") if row["invoice_period_end_date"].startswith("2026-02")]
    assert {row["status"] for row in february} == {"Paid"}
    assert all(len(row["payments"]) == 1 for row in february)


def test_a_start_date_that_moves_back_or_a_new_column_reads_the_whole_history(sandbox: Sandbox) -> None:
    first = read(sandbox, start_date="2026-02-01")
    sandbox.requests.clear()
    read(sandbox, first.state)
    assert "periodStartDate=2014-05-01" in listings(sandbox)[0]
    without = sync(billing_settings(sandbox), select={"invoices": ["status"]})
    sandbox.requests.clear()
    read(sandbox, without.state)
    assert "periodStartDate=2014-05-01" in listings(sandbox)[0]


def test_pages_are_followed_also_where_their_links_are_relative(sandbox: Sandbox) -> None:
    link = f"{LIST}?api-version=2024-04-01&periodStartDate=2014-05-01&periodEndDate=2026-03-10&$skiptoken=2"
    sandbox.faults.append(Fault("/invoices", body=json.dumps({"value": [], "nextLink": link})))
    records = read(sandbox).records("invoices")
    assert [record["name"] for record in records] == [i.name for i in invoices.of_enrollment(sandbox.bill)[2:]]


def test_without_an_enrollment_invoices_are_read_by_subscription(sandbox: Sandbox) -> None:
    records = read(sandbox, enrollment_number="").records("invoices")
    expected = [
        (subscription_id, invoice.name, invoice.total)
        for subscription_id in sandbox.subscription_ids
        for invoice in invoices.of_subscription(sandbox.bill, subscription_id)
    ]
    assert [(r["subscription_id"], r["name"], r["total_amount"]) for r in records] == expected
    assert {record["enrollment_number"] for record in records} == {None}
    root = "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions"
    assert [target.partition("?")[0] for target in listings(sandbox)] == [
        f"{root}/{subscription_id}/invoices" for subscription_id in sandbox.subscription_ids
    ]


def test_each_pdf_is_stored_whole_and_downloaded_once(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when needed"
    first = read(sandbox, invoice_directory=str(folder))
    for name, record in by_name(first).items():
        content = (folder / f"{name}.pdf").read_bytes()
        assert content.startswith(b"%PDF-")
        assert name.encode() in content
        assert record["document_path"] == str(folder / f"{name}.pdf")
        assert record["document_size"] == len(content)
        assert record["document_sha256"] == hashlib.sha256(content).hexdigest()
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.pdf" for name in by_name(first))
    sandbox.requests.clear()
    second = read(sandbox, first.state, invoice_directory=str(folder))
    assert len(sandbox.requests) == 1
    assert by_name(second) == by_name(first)


def test_no_token_is_sent_to_the_blob_and_no_signature_gets_out(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    signed = {"url": "https://store.example/1.pdf?sv=1&sig=SECRET%3D&se=2", "name": "1"}
    body = {"value": [{"id": "/1", "name": "E1", "properties": {"documents": [signed], "downloadUrl": signed}}]}
    read(sandbox, invoice_directory=str(tmp_path))
    blobs = [request for request in sandbox.requests if request.path.startswith("/blobs/")]
    assert len(blobs) == 4
    assert not [request for request in blobs if "authorization" in request.headers]
    sandbox.faults.append(Fault("/invoices", body=json.dumps(body)))
    run = read(sandbox)
    assert run.records("invoices")[0]["documents"][0]["url"] == "https://store.example/1.pdf?sv=1&sig=***&se=2"
    assert "SECRET" not in str(run.messages) + caplog.text
    assert "SandboxSignature" not in caplog.text


def test_a_document_is_waited_for_as_long_as_azure_asks(sandbox: Sandbox, tmp_path: Path, waits: list[float]) -> None:
    name = invoices.of_enrollment(sandbox.bill)[0].name
    sandbox.faults.append(Fault(f"{name}/download", headers={"Retry-After": "10"}))
    read(sandbox, start_date="2026-02-10", invoice_directory=str(tmp_path))
    assert waits == [10, 0, 0, 0]


def test_an_expired_download_link_is_asked_for_anew(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.append(Fault("^/blobs/", status=403, times=2))
    records = read(sandbox, invoice_directory=str(tmp_path)).records("invoices")
    assert all(record["document_size"] for record in records)


def test_links_that_keep_expiring_leave_the_document_to_the_next_run(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.append(Fault("^/blobs/", status=403, times=3))
    records = read(sandbox, invoice_directory=str(tmp_path)).records("invoices")
    assert [record["document_path"] is None for record in records] == [True, False, False, False]
    assert "/download?api-version=2024-04-01 cannot be downloaded (GET http://localhost:" in caplog.text
    assert "3 times. Run again later." in caplog.text


def test_a_pdf_that_is_cut_in_the_middle_is_downloaded_again(
    sandbox: Sandbox, tmp_path: Path, waits: list[float]
) -> None:
    sandbox.faults.append(Fault("^/blobs/", cut=True))
    for name, record in by_name(read(sandbox, invoice_directory=str(tmp_path))).items():
        assert (tmp_path / f"{name}.pdf").read_bytes().endswith(b"%%EOF\n")
        assert record["document_size"] == (tmp_path / f"{name}.pdf").stat().st_size
    assert len([wait for wait in waits if wait]) == 1


def test_a_directory_that_cannot_be_written_is_told_before_anything_is_asked(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AzureError, match=r"invoice_directory .*file/folder cannot be written \(Not a directory\)"):
        read(sandbox, invoice_directory=str(tmp_path / "file" / "folder"))
    assert sandbox.requests == []


def test_a_disk_that_is_full_leaves_no_part_of_a_document(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tap_azure_ea.documents.os.fsync", full)
    with pytest.raises(AzureError, match="cannot be written \\(No space left on device\\)"):
        read(sandbox, invoice_directory=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_invoice_whose_document_is_refused_is_read_without_it(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = invoices.of_enrollment(sandbox.bill)[0].name
    sandbox.faults.append(Fault(f"{name}/download", status=404))
    records = by_name(read(sandbox, invoice_directory=str(tmp_path)))
    assert {name: record["document_path"] is None for name, record in records.items()} == {
        invoice.name: invoice.name == name for invoice in invoices.of_enrollment(sandbox.bill)
    }
    assert f"There is no document of invoice {name}, the next run asks again" in caplog.text


def test_a_name_that_is_a_path_stays_in_the_directory(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "invoices"
    link = json.dumps({"url": sandbox.url.replace("127.0.0.1", "localhost") + "/blobs/x"})
    sandbox.faults += [
        Fault("/invoices\\?", body='{"value": [{"id": "/1", "name": "../../evil/.name", "properties": {}}]}'),
        Fault("/download", status=200, body=link),
        Fault("^/blobs/", status=200, body="%PDF-1.7"),
    ]
    record = read(sandbox, invoice_directory=str(folder)).records("invoices")[0]
    assert [path.parent for path in tmp_path.rglob("*.pdf")] == [folder]
    assert Path(record["document_path"]).read_bytes() == b"%PDF-1.7"


@pytest.mark.parametrize("body", ['{"status": "Failed", "error": {"code": "X"}}', "{}", '{"url": null}'])
def test_an_operation_that_ends_without_a_link_is_tried_again(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    sandbox.faults.append(Fault("/download", status=200, body=body))
    assert all(record["document_path"] for record in read(sandbox, invoice_directory=str(tmp_path)).records("invoices"))
    assert "ended without a result" in caplog.text


@pytest.mark.parametrize("body", ["[]", '"url"'])
def test_an_operation_that_is_none_is_an_error(sandbox: Sandbox, tmp_path: Path, body: str) -> None:
    sandbox.faults.append(Fault("/download", status=200, body=body))
    with pytest.raises(AzureError, match="is not the state of a report"):
        read(sandbox, invoice_directory=str(tmp_path))


def test_an_api_version_that_is_not_supported_shows_those_that_are(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_azure_ea.datasets.billing.invoices.API_VERSION", "2031-01-01")
    with pytest.raises(AzureError) as raised:
        read(sandbox)
    assert "The supported api-versions are '2020-05-01,2024-04-01'. (code InvalidResourceType)" in str(raised.value)
    assert "The host does not know this version of the API" in str(raised.value)


def test_a_failed_scope_ends_the_process_with_1_after_all_else_was_read(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.forbidden.add(sandbox.subscription_ids[0])
    config = billing_settings(sandbox, start_date="2026-03-01", end_date="2026-03-02")
    (tmp_path / "config.json").write_text(json.dumps(config))
    tap = Path(sys.executable).with_name("tap-azure-ea")
    ended = subprocess.run(
        [str(tap), "--config", "config.json"], cwd=tmp_path, capture_output=True, check=False, env={**os.environ}
    )
    assert ended.returncode == 1
    assert b"Not all was read. resource_usage of " + sandbox.subscription_ids[0].encode() in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert sandbox.subscription_ids[5].encode() in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith(b'{"type":"STATE"')
