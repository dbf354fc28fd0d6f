"""Vipps' XML report: its own samples' quirks are read, everything that lies is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wallets.formats import samples
from wallets.formats import vipps_xml3
from wallets.formats.columns import CannotWrite

OPTIONS = {"wallet": "vipps", "timezone": "Europe/Oslo"}

CURRENCY = "<SettlementCurrencyCode>NOK</SettlementCurrencyCode>"
PRETTY = """<?xml version="1.0" encoding="UTF-8"?>
<SettlementReport xmlns="http://vipps.no/xmlschema/SettlementReport-3.0.xsd">
  <SettlementDetailsInfo>
    <SaleUnitName>Kjøkken og te</SaleUnitName>
    <SerialNumber>16655</SerialNumber>
    <PaymentsInfo>
      <ReportDateFrom>2018-09-22</ReportDateFrom>
      <ReportDateTo>2018-09-22</ReportDateTo>
      <SettlementCurrencyCode>NOK</SettlementCurrencyCode>
      <SettlementAccountNum>15037654733</SettlementAccountNum>
      <SettlementInfo>
        <SettlementDate>2018-09-24</SettlementDate>
        <SettlementID>2000004</SettlementID>
        <SettlementCurrencyCode>NOK</SettlementCurrencyCode>
        <SettlementType>Net</SettlementType>
        <TransactionInfo>
          <TransactionTime>2018-09-22T18:43:57.437+02:00</TransactionTime>
          <TransactionCaptureAmount>100.00</TransactionCaptureAmount>
          <TransactionRefundAmount>0.00</TransactionRefundAmount>
          <TransactionGrossAmount>100.00</TransactionGrossAmount>
          <TransactionNetAmount>97.75</TransactionNetAmount>
          <TransactionFeeAmount>2.25</TransactionFeeAmount>
          <SettlementCurrencyCode>NOK</SettlementCurrencyCode>
          <TransactionID>5584146378</TransactionID>
          <OrderID />
        </TransactionInfo>
        <NumOfTransactions>1</NumOfTransactions>
        <CaptureSettlementAmount>100.00</CaptureSettlementAmount>
        <RefundSettlementAmount>0.00</RefundSettlementAmount>
        <GrossSettlementAmount>100.00</GrossSettlementAmount>
        <NetSettlementAmount>97.75</NetSettlementAmount>
        <FeeSettlementAmount>2.25</FeeSettlementAmount>
        <SettledAmount>97.75</SettledAmount>
      </SettlementInfo>
      <NumOfSettlements>1</NumOfSettlements>
    </PaymentsInfo>
  </SettlementDetailsInfo>
</SettlementReport>
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "vipps.xml"
    path.write_text(PRETTY, encoding="utf-8")
    return path


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_published_row_is_read(report: Path) -> None:
    statement, lines = samples.read_all("vipps_xml3", report, OPTIONS)
    assert [one._replace(no=0) for one in lines] == [
        samples.line(
            10_000, 225, ref="5584146378", store="16655", merchant_ref="",
            occurred_at="2018-09-22T18:43:57.437+02:00",
        )
    ]  # fmt: skip
    assert lines[0].no == 16
    (batch,) = statement.batches
    assert (batch.ref, batch.currency, str(batch.value_date)) == (
        "16655-2000004", "NOK", "2018-09-24",
    )  # fmt: skip
    assert (batch.declared_count, batch.declared_gross_minor) == (1, 10_000)
    assert (batch.declared_fee_minor, batch.declared_net_minor) == (225, 9_775)
    assert str(statement.period_from) == str(statement.period_to) == "2018-09-22"
    assert (statement.records, statement.others, statement.problems) == (2, 1, [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5584146378", "&#53;584146378"),
        ("<OrderID />", "<OrderID></OrderID>"),
        ("<OrderID />", "<!-- none --><OrderID/>"),
        ("<TransactionInfo>", "<TransactionInfo >"),
    ],
)
def test_the_same_row_in_another_shape_reads_the_same(report: Path, old: str, new: str) -> None:
    _statement, plain = samples.read_all("vipps_xml3", report, OPTIONS)
    statement, shaped = samples.read_all("vipps_xml3", changed(report, old, new), OPTIONS)
    assert shaped == plain
    assert statement.records == 2


def test_a_report_with_prefixes_reads_the_same(report: Path) -> None:
    _statement, plain = samples.read_all("vipps_xml3", report, OPTIONS)
    text = report.read_text(encoding="utf-8").replace("xmlns=", "xmlns:v=")
    text = text.replace("</", "\0").replace("<", "<v:").replace("\0", "</v:")
    report.write_text(text.replace("<v:?xml", "<?xml"), encoding="utf-8")
    assert samples.read_all("vipps_xml3", report, OPTIONS)[1] == plain


def test_rows_inside_a_comment_are_no_rows(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    row = text[text.index("<TransactionInfo>") : text.index("<NumOfTransactions>")]
    changed(report, "<TransactionInfo>", f"<!-- {row} --><TransactionInfo>")
    statement, lines = samples.read_all("vipps_xml3", report, OPTIONS)
    assert [one.ref for one in lines] == ["5584146378"]
    assert statement.problems == []


def test_order_ids_repeat_and_fractions_vary_as_in_the_published_samples(tmp_path: Path) -> None:
    # Order 178: one capture and three refunds, more than was captured; fee 1.50 + 2.5 %.
    lines = [
        samples.line(7321, 333, ref="1", merchant_ref="178",
                     occurred_at="2018-09-22T18:43:57.097+02:00"),
        samples.line(-7321, 0, ref="2", merchant_ref="178",
                     occurred_at="2018-09-22T18:43:58.27+02:00"),
        samples.line(-7321, 0, ref="3", merchant_ref="178",
                     occurred_at="2018-09-22T18:43:59.33+02:00"),
        samples.line(-7321, 0, ref="4", merchant_ref="178",
                     occurred_at="2018-09-22T18:44:00+02:00"),
        samples.line(105_321, 2783, ref="5", merchant_ref=""),
    ]  # fmt: skip
    path = tmp_path / "r.xml"
    sheet = samples.sheet("vipps_xml3", lines, wallet="vipps")
    vipps_xml3.write(path, sheet, OPTIONS)
    _statement, read = samples.read_all("vipps_xml3", path, OPTIONS)
    assert [one._replace(no=0) for one in read] == sheet.lines


def test_several_settlements_of_one_unit_are_several_batches(tmp_path: Path) -> None:
    lines = [samples.line(ref="1"), samples.line(ref="2")]
    sheet = samples.sheet("vipps_xml3", lines, wallet="vipps")
    sheet.batches.append(type(sheet.batches[0])("100001-2000008", "vipps", "NOK"))
    sheet.lines[1] = sheet.lines[1]._replace(batch=1)
    path = tmp_path / "r.xml"
    vipps_xml3.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("vipps_xml3", path, OPTIONS)
    assert [batch.ref for batch in statement.batches] == ["100001-2000007", "100001-2000008"]
    assert [one.batch for one in read] == [0, 1]
    assert path.read_text().count("<SettlementDetailsInfo>") == 1


def test_a_gross_settlement_pays_the_gross(report: Path) -> None:
    changed(report, "<SettlementType>Net", "<SettlementType>Gross")
    assert samples.errors("vipps_xml3", report, OPTIONS) == [("total_differs", 27)]
    changed(report, "<SettledAmount>97.75", "<SettledAmount>100.00")
    assert samples.errors("vipps_xml3", report, OPTIONS) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "line_no"),
    [
        ("<TransactionFeeAmount>2.25", "<TransactionFeeAmount>2,25", "bad_amount", 16),
        ("<TransactionFeeAmount>2.25", "<TransactionFeeAmount>2.251", "bad_amount", 16),
        ("<TransactionGrossAmount>100.00", "<TransactionGrossAmount>1e2", "bad_amount", 16),
        ("<TransactionGrossAmount>100.00", "<TransactionGrossAmount>٣.00", "bad_amount", 16),
        ("<TransactionNetAmount>97.75", "<TransactionNetAmount>97.76", "bad_amount", 16),
        ("<TransactionFeeAmount>2.25</TransactionFeeAmount>", "", "bad_amount", 16),
        ("18:43:57.437+02:00", "25:43:57.437+02:00", "bad_date", 16),
        ("<TransactionID>5584146378", "<TransactionID>55 84", "bad_value", 16),
        ("<TransactionID>5584146378", "<TransactionID>", "bad_value", 16),
        (f"{CURRENCY}\n          <Tr", f"{CURRENCY}\n          <Tr".replace("NOK", "SEK"),
         "bad_value", 16),
        (f"{CURRENCY}\n        <Se", f"{CURRENCY}\n        <Se".replace("NOK", "XXX"),
         "currency_unknown", 11),
        ("<SettlementType>Net", "<SettlementType>Both", "unknown_type", 27),
        ("<NumOfTransactions>1", "<NumOfTransactions>2", "count_differs", 27),
        ("<NumOfTransactions>1", "<NumOfTransactions>one", "bad_value", 27),
        ("<GrossSettlementAmount>100.00", "<GrossSettlementAmount>100.01", "total_differs", 27),
        ("<FeeSettlementAmount>2.25", "<FeeSettlementAmount>2.24", "total_differs", 27),
        ("<SettledAmount>97.75</SettledAmount>", "", "bad_columns", 27),
        ("<SettlementDate>2018-09-24", "<SettlementDate>2018-09-31", "bad_date", 11),
        ("<SerialNumber>16655", "<SerialNumber>", "bad_value", 11),
        ("<ReportDateFrom>2018-09-22", "<ReportDateFrom>22.09.2018", "bad_date", 0),
        ("</SettlementInfo>", "</Settlement>", "not_this_layout", 34),
        ("SettlementReport-3.0.xsd", "SettlementReport-2.0.xsd", "not_this_layout", 1),
        ("UTF-8", "UTF-16", "bad_encoding", 1),
        ("<SettlementReport", "<!DOCTYPE a [<!ENTITY b 'c'>]>\n<SettlementReport",
         "not_this_layout", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    report: Path, old: str, new: str, code: str, line_no: int
) -> None:
    assert samples.errors("vipps_xml3", changed(report, old, new), OPTIONS)[0] == (code, line_no)


def test_a_byte_that_is_no_utf8_is_refused(report: Path) -> None:
    report.write_bytes(report.read_bytes().replace("ø".encode(), b"\xf8", 1))
    ((code, _line_no),) = samples.errors("vipps_xml3", report, OPTIONS)
    assert code == "bad_encoding"


def test_a_report_without_settlements_is_empty(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    start, end = text.index("<SettlementInfo>"), text.index("<NumOfSettlements>")
    report.write_text(text[:start] + text[end:], encoding="utf-8")
    assert samples.errors("vipps_xml3", report, OPTIONS) == [("empty", 0)]


def test_the_word_that_marks_cut_rows_is_refused_in_a_file(report: Path) -> None:
    changed(report, "<TransactionInfo>", '<TransactionInfo onestile-rows="1">')
    assert samples.errors("vipps_xml3", report, OPTIONS) == [("not_this_layout", 1)]


def test_a_reissued_report_has_the_same_identity(report: Path) -> None:
    head = report.read_bytes()
    name = vipps_xml3.identify("vipps.xml", head, {})
    assert name == "2018-09-22..2018-09-22 16655-2000004"
    assert vipps_xml3.identify("vipps-corrected.xml", head.replace(b"2.25", b"2.24"), {}) == name
    numbered = head.replace(
        b"<SettlementAccountNum>",
        b"<ReportReferenceNum>12</ReportReferenceNum><SettlementAccountNum>",
    )
    assert vipps_xml3.identify("x.xml", numbered, {}) == "2018-09-22..2018-09-22 12"
    assert (
        vipps_xml3.identify("x.xml", numbered, {"report_number_per_unit": True})
        == "2018-09-22..2018-09-22 16655-12"
    )


def test_what_a_report_cannot_say_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    for one in (
        samples.line(settled_currency="EUR"),
        samples.line(occurred_at=""),
        samples.line(kind="not_a_payment"),
    ):
        sheet = samples.sheet("vipps_xml3", [one], wallet="vipps")
        with pytest.raises(CannotWrite):
            vipps_xml3.write(path, sheet, OPTIONS)
    with pytest.raises(CannotWrite):
        vipps_xml3.write(path, samples.sheet("vipps_xml3", [], wallet="vipps"), OPTIONS)


def test_rows_over_many_chunks_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        samples.line(
            100 + n, 1, ref=str(n), store=str(1000 + n // 7), merchant_ref=f"å{n}"[n % 2 :]
        )
        for n in range(200)
    ]
    sheet = samples.sheet("vipps_xml3", lines, wallet="vipps")
    path = tmp_path / "r.xml"
    numbers = vipps_xml3.write(path, sheet, OPTIONS)
    for size in (97, 1024, 5000):
        monkeypatch.setattr(vipps_xml3, "_CHUNK", size)
        monkeypatch.setattr(vipps_xml3, "_HEAD", 4096)
        _statement, read = samples.read_all("vipps_xml3", path, OPTIONS)
        assert [one._replace(no=0) for one in read] == sheet.lines
        assert [one.no for one in read] == numbers


def test_comments_may_follow_the_report(report: Path) -> None:
    _statement, plain = samples.read_all("vipps_xml3", report, OPTIONS)
    whole = report.read_bytes()
    report.write_bytes(whole + b" <!-- made by hand -->\n<!---->\n")
    assert samples.read_all("vipps_xml3", report, OPTIONS)[1] == plain


@pytest.mark.timeout(20)
@pytest.mark.parametrize("last", [b"x", b"<!--", b"-->"])
def test_many_comments_behind_the_report_do_not_hold_the_worker(report: Path, last: bytes) -> None:
    report.write_bytes(report.read_bytes().rstrip() + b"<!---->" * 500 + last)
    ((code, _line_no),) = samples.errors("vipps_xml3", report, OPTIONS)
    assert code in {"truncated", "not_this_layout"}
