"""Vipps' older XML report: sums before the rows, days with times, Oslo time written as UTC."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import vipps_xml2, vipps_xml3
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Batch, Line

OPTIONS = {"wallet": "vipps", "timezone": "Europe/Oslo"}

PRETTY = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<SettlementReport xmlns="http://vipps.dnb.no/XMLSchema/SettlementReport.xsd">
  <SettlementDetailsInfo>
    <SaleUnitName>Kjøkken og te</SaleUnitName>
    <SerialNumber>16655</SerialNumber>
    <PaymentsInfo>
      <ReportDateFrom>2018-09-22T00:00:00.000Z</ReportDateFrom>
      <ReportDateTo>2018-09-23</ReportDateTo>
      <SettlementCurrencyCode>NOK</SettlementCurrencyCode>
      <TotalSettledGrossAmount>60.00</TotalSettledGrossAmount>
      <TotalSettledNetAmount>57.75</TotalSettledNetAmount>
      <TotalSettledFeeAmount>2.25</TotalSettledFeeAmount>
      <TotalSettledRefundAmount>40.00</TotalSettledRefundAmount>
      <SettlementAccountNum>15037654733</SettlementAccountNum>
      <NumOfSettlements>1</NumOfSettlements>
      <SettlementInfo>
        <SettlementBatchDate>2018-09-24T00:00:00Z</SettlementBatchDate>
        <SettlementID>2000004</SettlementID>
        <SettlementCurrencyCode>NOK</SettlementCurrencyCode>
        <GrossSettlementAmount>60.00</GrossSettlementAmount>
        <NetSettlementAmount>57.75</NetSettlementAmount>
        <FeeSettlementAmount>2.25</FeeSettlementAmount>
        <NumOfTransactions>2</NumOfTransactions>
        <TransactionInfo>
          <TransactionDate>2018-09-22T18:43:57.437Z</TransactionDate>
          <TransactionGrossAmount>100.00</TransactionGrossAmount>
          <TransactionNetAmount>97.75</TransactionNetAmount>
          <TransactionFeeAmount>2.25</TransactionFeeAmount>
          <SettlementCurrencyCode>NOK</SettlementCurrencyCode>
          <TransactionID>5584146378</TransactionID>
          <OrderID />
        </TransactionInfo>
        <TransactionInfo>
          <TransactionDate>2018-09-22T19:00:00Z</TransactionDate>
          <TransactionGrossAmount>-40.00</TransactionGrossAmount>
          <TransactionNetAmount>-40.00</TransactionNetAmount>
          <TransactionFeeAmount>0.00</TransactionFeeAmount>
          <SettlementCurrencyCode>NOK</SettlementCurrencyCode>
          <TransactionID>5584146379</TransactionID>
          <OrderID>178</OrderID>
        </TransactionInfo>
      </SettlementInfo>
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
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_report_is_read_with_oslo_times(report: Path) -> None:
    statement, lines = samples.read_all("vipps_xml2", report, OPTIONS)
    assert lines == [
        samples.line(
            10_000, 225, no=24, ref="5584146378", store="16655", merchant_ref="",
            occurred_at="2018-09-22T18:43:57.437+02:00",
        ),
        samples.line(
            -4_000, 0, no=33, ref="5584146379", store="16655", merchant_ref="178",
            occurred_at="2018-09-22T19:00:00+02:00",
        ),
    ]  # fmt: skip
    (batch,) = statement.batches
    assert (batch.ref, str(batch.value_date)) == ("16655-2000004", "2018-09-24")
    assert (batch.declared_count, batch.declared_gross_minor) == (2, 6_000)
    assert (batch.declared_fee_minor, batch.declared_net_minor) == (225, 5_775)
    assert (str(statement.period_from), str(statement.period_to)) == ("2018-09-22", "2018-09-23")
    assert (statement.records, statement.others, statement.problems) == (3, 1, [])
    assert statement.identity == "2018-09-22..2018-09-23 16655-2000004"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5584146378", "&#53;584146378"),
        ("<TransactionInfo>", "<TransactionInfo >"),
        ("<SettlementDetailsInfo>", "<SettlementDetailsInfo >"),
        ("2018-09-22T18:43:57.437Z", "2018-09-22T18:43:57.437+02:00"),
        ("2018-09-22T18:43:57.437Z", "2018-09-22T18:43:57.437+00:00"),
        ("2018-09-22T18:43:57.437Z", "2018-09-22 18:43:57.437"),
        ("TotalSettledRefundAmount>40.00", "TotalSettledRefundAmount>-40.00"),
    ],
)
def test_the_same_report_in_another_shape_reads_the_same(report: Path, old: str, new: str) -> None:
    _statement, plain = samples.read_all("vipps_xml2", report, OPTIONS)
    statement, shaped = samples.read_all("vipps_xml2", changed(report, old, new), OPTIONS)
    assert shaped == plain
    assert (statement.records, statement.problems) == (3, [])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("TotalSettledGrossAmount>60.00", "TotalSettledGrossAmount>60.01", "total_differs"),
        ("TotalSettledNetAmount>57.75", "TotalSettledNetAmount>57.74", "total_differs"),
        ("TotalSettledFeeAmount>2.25", "TotalSettledFeeAmount>-2.25", "total_differs"),
        ("TotalSettledRefundAmount>40.00", "TotalSettledRefundAmount>0.00", "total_differs"),
        ("TotalSettledRefundAmount>40.00", "TotalSettledRefundAmount>4O.00", "bad_amount"),
        ("<TotalSettledFeeAmount>2.25</TotalSettledFeeAmount>", "", "bad_columns"),
        ("<NumOfSettlements>1", "<NumOfSettlements>2", "count_differs"),
        ("<GrossSettlementAmount>60.00", "<GrossSettlementAmount>60.01", "total_differs"),
        ("<FeeSettlementAmount>2.25", "<FeeSettlementAmount>2.52", "total_differs"),
        ("<NumOfTransactions>2", "<NumOfTransactions>3", "count_differs"),
        ("<NetSettlementAmount>57.75</NetSettlementAmount>", "", "bad_columns"),
        ("<TransactionNetAmount>97.75", "<TransactionNetAmount>97.57", "bad_amount"),
        ("<TransactionGrossAmount>100.00", "<TransactionGrossAmount>1e2", "bad_amount"),
        ("18:43:57.437Z", "24:43:57.437Z", "bad_date"),
        ("18:43:57.437Z", "18:60:57.437Z", "bad_date"),
        ("<TransactionDate>2018-09-22T18", "<TransactionDate>22.09.2018 18", "bad_date"),
        ("2018-09-24T00:00:00Z", "2018-09-24Tnoon", "bad_date"),
        ("2018-09-24T00:00:00Z", "24.09.2018", "bad_date"),
        ("<TransactionID>5584146378", "<TransactionID>55 84", "bad_value"),
        (
            "NOK</SettlementCurrencyCode>\n      <Tot",
            "SEK</SettlementCurrencyCode>\n      <Tot",
            "bad_value",
        ),
        ("XMLSchema/SettlementReport.xsd", "XMLSchema/Other.xsd", "not_this_layout"),
    ],
)
def test_what_is_wrong_is_named(report: Path, old: str, new: str, code: str, whole: bool) -> None:
    changed(report, old, new)
    if not whole:
        changed(report, "<SettlementDetailsInfo>", "<SettlementDetailsInfo >")
    assert samples.errors("vipps_xml2", report, OPTIONS)[0][0] == code


def test_version_3_and_version_2_do_not_take_each_other(report: Path, tmp_path: Path) -> None:
    assert samples.errors("vipps_xml3", report, OPTIONS) == [("not_this_layout", 1)]
    other = tmp_path / "three.xml"
    sheet = samples.sheet("vipps_xml3", [samples.line()], wallet="vipps")
    vipps_xml3.write(other, sheet, OPTIONS)
    assert samples.errors("vipps_xml2", other, OPTIONS) == [("not_this_layout", 1)]


@pytest.mark.parametrize("layout", ["vipps_xml2", "vipps_xml3"])
def test_a_settlement_number_means_something_only_with_its_unit(
    tmp_path: Path, layout: str
) -> None:
    lines = [samples.line(ref="1", store="16655"), samples.line(ref="2", store="16656")]
    path = tmp_path / "r.xml"
    module = {"vipps_xml2": vipps_xml2, "vipps_xml3": vipps_xml3}[layout]
    module.write(path, samples.sheet(layout, lines, wallet="vipps"), OPTIONS)
    statement, read = samples.read_all(layout, path, OPTIONS)
    assert [batch.ref for batch in statement.batches] == ["16655-2000007", "16656-2000007"]
    assert [one.batch for one in read] == [0, 1]
    assert statement.problems == []


@pytest.mark.parametrize("layout", ["vipps_xml2", "vipps_xml3"])
def test_one_order_may_be_captured_and_refunded_often_and_too_much(
    tmp_path: Path, layout: str
) -> None:
    amounts = [800, 800, 800, -2400, -100]
    lines = [
        samples.line(minor, 0, ref=str(5_000 + n), merchant_ref="125")
        for n, minor in enumerate(amounts)
    ]
    path = tmp_path / "r.xml"
    module = {"vipps_xml2": vipps_xml2, "vipps_xml3": vipps_xml3}[layout]
    module.write(path, samples.sheet(layout, lines, wallet="vipps"), OPTIONS)
    statement, read = samples.read_all(layout, path, OPTIONS)
    assert statement.problems == []
    assert [(one.ref, one.kind, one.gross) for one in read] == [
        ("5000", "sale", "800"), ("5001", "sale", "800"), ("5002", "sale", "800"),
        ("5003", "refund", "-2400"), ("5004", "refund", "-100"),
    ]  # fmt: skip
    assert {one.merchant_ref for one in read} == {"125"}


def test_several_settlements_of_one_unit_add_up_to_its_totals(tmp_path: Path) -> None:
    sheet = samples.sheet(
        "vipps_xml2", [samples.line(ref="1"), samples.line(-500, 0, ref="2")], wallet="vipps"
    )
    sheet.batches.append(Batch("100001-2000008", "vipps", "NOK"))
    sheet.lines[1] = sheet.lines[1]._replace(batch=1)
    path = tmp_path / "r.xml"
    vipps_xml2.write(path, sheet, OPTIONS)
    text = path.read_text(encoding="utf-8")
    assert "<TotalSettledGrossAmount>95.00<" in text
    assert "<TotalSettledRefundAmount>-5.00<" in text
    assert "<NumOfSettlements>2<" in text
    statement, read = samples.read_all("vipps_xml2", path, OPTIONS)
    assert statement.problems == []
    assert [one.batch for one in read] == [0, 1]
    path.write_text(text.replace("Amount>95.00<", "Amount>95.50<"), encoding="utf-8")
    ((code, _line_no),) = samples.errors("vipps_xml2", path, OPTIONS)
    assert code == "total_differs"


def test_the_second_of_two_equal_hours_cannot_be_said(tmp_path: Path) -> None:
    for time in ("2026-10-25T02:30:00+01:00", "2026-10-14T12:30:00+01:00", ""):
        sheet = samples.sheet("vipps_xml2", [samples.line(occurred_at=time)], wallet="vipps")
        with pytest.raises(CannotWrite):
            vipps_xml2.write(tmp_path / "r.xml", sheet, OPTIONS)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for number in range(draw(st.integers(1, 8))):
        minor = draw(st.integers(1, 10**11))
        found.append(samples.line(
            -minor if draw(st.booleans()) else minor, draw(st.integers(-(10**6), 10**6)),
            ref=f"{draw(st.integers(1, 10**15))}x{number}",
            store=draw(st.sampled_from(["16655", "513428"])),
            currency=draw(st.sampled_from(samples.CURRENCIES)),
            merchant_ref=draw(st.text(st.sampled_from("abø<&>'\" 7"), max_size=12)).strip(),
            occurred_at=draw(st.sampled_from([
                "2026-10-14T00:00:00+02:00", "2026-02-28T23:59:59.123456+01:00",
                "2026-10-25T02:30:00+02:00", "2026-03-29T03:00:00.5+02:00",
            ])),
        ))  # fmt: skip
    return sorted(found, key=lambda one: (one.store, one.currency))


@pytest.mark.parametrize("layout", ["vipps_xml2", "vipps_xml3"])
@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(tmp_path: Path, layout: str, lines: list[Line]) -> None:
    module = {"vipps_xml2": vipps_xml2, "vipps_xml3": vipps_xml3}[layout]
    path = tmp_path / "r.xml"
    sheet = samples.sheet(layout, lines, wallet="vipps")
    numbers = module.write(path, sheet, OPTIONS)
    statement, read = samples.read_all(layout, path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
