"""Alipay+ at hub level: several wallets in one file, a proved summary, what a settlement nets."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import alipayplus_settlement
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

LAYOUT = "alipayplus_settlement"
OPTIONS: dict[str, Any] = {
    "wallet": "bluecode", "wallets": {"AlipayCN": "alipay", "Bluecode": "bluecode"},
}  # fmt: skip
WHO = "1022188000000000001"
NAME = f"transactionItems_{WHO}_EUR_20261014001_A7_000.csv"
SETTLEMENT_NAME = f"settlement_{WHO}_EUR_77001_A7_000.csv"
GOOD = [
    "clearingBatchId,participantId,participantAgreementId,settlementCurrency,valueDate,"
    "totalCount,settlementAmountValue,feeAmountValue,feeCurrency",
    f"20261014001,{WHO},A7,EUR,2026-10-16,3,1725,-75,EUR",
    "",
    "clearingBatchId,pspName,transactionType,transactionId,originalTransactionId,"
    "referenceTransactionId,referenceStoreId,transactionTime,transactionAmountValue,"
    "transactionCurrency,settlementAmountValue,settlementCurrency,feeAmountValue,feeCurrency",
    "20261014001,AlipayCN,PAYMENT,2026101419074101000000000112612,,order-7,100001,"
    "2026-10-14T19:07:41+08:00,1500,EUR,1450,EUR,-50,EUR",
    "20261014001,AlipayCN,REFUND,2026101419074102000000000041675,"
    "2026101419074101000000000112612,,100001,2026-10-14T17:59:59+02:00,-750,EUR,-725,EUR,25,EUR",
    "20261014001,Bluecode,PAYMENT,BC-1,,,100002,2026-10-14T08:00:00+02:00,1050,EUR,1000,EUR,-50,EUR",
]
SETTLEMENT = [
    GOOD[0].replace("clearingBatchId", "settlementBatchId"),
    f"77001,{WHO},A7,EUR,2026-10-16,2,1795,-80,EUR",
    "",
    "clearingBatchId,settlementCurrency,count,settlementAmountValue,feeAmountValue,feeCurrency",
    "20261014001,EUR,3,1725,-75,EUR",
    "20261013001,EUR,1,70,-5,EUR",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def text_of(path: Path, options: dict[str, Any]) -> str:
    return " ".join(one.text for one in samples.problems(LAYOUT, path, options))


def test_one_file_carries_several_wallets(path: Path) -> None:
    statement, lines = samples.read_all(LAYOUT, put(path, GOOD), OPTIONS)
    assert [
        (one.no, one.batch, one.wallet, one.kind, one.gross, one.fee, one.net, one.store)
        for one in lines
    ] == [
        (5, 0, "alipay", "sale", "1500", "50", "1450", "100001"),
        (6, 0, "alipay", "refund", "-750", "-25", "-725", "100001"),
        (7, 1, "bluecode", "sale", "1050", "50", "1000", "100002"),
    ]
    assert [(b.ref, b.wallet, b.currency, b.value_date) for b in statement.batches] == [
        ("20261014001", "alipay", "EUR", date(2026, 10, 16)),
        ("20261014001", "bluecode", "EUR", date(2026, 10, 16)),
    ]
    assert statement.identity == f"transactionItems {WHO} A7 EUR 20261014001 000"
    assert statement.sequence == 0
    assert statement.sequence_of == f"transactionItems {WHO} A7 EUR 20261014001"
    assert (statement.period_from, statement.period_to) == (samples.DAY, samples.DAY)
    assert (statement.records, statement.others, statement.is_summary) == (7, 4, False)
    assert statement.problems == []


def test_an_unknown_wallet_says_what_to_add(path: Path) -> None:
    told = {**OPTIONS, "wallets": {"AlipayCN": "alipay"}}
    assert samples.errors(LAYOUT, put(path, GOOD), told) == [("bad_value", 7)]
    assert "'Bluecode'" in text_of(path, told)
    assert "'wallets'" in text_of(path, told)


def test_a_file_of_one_wallet_declares_its_batch(path: Path) -> None:
    lines = [GOOD[0], GOOD[1].replace(",3,1725,-75,", ",2,725,-25,"), *GOOD[2:6], "<END>"]
    statement, _lines = samples.read_all(LAYOUT, put(path, lines), OPTIONS)
    (batch,) = statement.batches
    assert (
        batch.declared_count, batch.declared_gross_minor, batch.declared_fee_minor,
        batch.declared_net_minor,
    ) == (2, 750, 25, 725)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "totalCount", "rows", ("not_this_layout", 1)),
        (1, "valueDate", "totalCount", ("duplicate_heading", 1)),
        (1, "feeCurrency", "settlementDirection", ("bad_columns", 1)),
        (2, ",3,1725,", ",4,1725,", ("count_differs", 2)),
        (2, ",3,1725,", ",3,1726,", ("total_differs", 2)),
        (2, ",3,1725,", ",3,17.25,", ("bad_amount", 2)),
        (2, ",-75,", ",-74,", ("total_differs", 2)),
        (2, f",{WHO},", ",1022188000000000002,", ("bad_value", 2)),
        (2, ",A7,", ",A8,", ("bad_value", 2)),
        (2, ",EUR,2026", ",NOK,2026", ("bad_value", 2)),
        (2, "20261014001", "20261014002", ("bad_value", 2)),
        (2, "2026-10-16", "16.10.2026", ("bad_date", 2)),
        (2, "2026-10-16", "", ("bad_columns", 2)),
        (4, "transactionId", "id", ("bad_columns", 4)),
        (4, "settlementAmountValue", "settled", ("bad_columns", 4)),
        (4, "pspName", "transactionType", ("duplicate_heading", 4)),
        (4, "feeCurrency", "direction", ("bad_columns", 4)),
        (5, "20261014001", "20261014002", ("bad_value", 5)),
        (5, "1450,EUR", "1450,NOK", ("bad_value", 5)),
        (5, "1500,EUR", "1501,EUR", ("bad_amount", 5)),
        (5, "-50,EUR", "50,EUR", ("bad_amount", 5)),
        (6, "-725", "725", ("bad_amount", 6)),
        (6, "+02:00", "", ("bad_date", 6)),
        (7, "100002", "", ("bad_value", 7)),
        (7, ",-50,EUR", "", ("bad_columns", 7)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new, 1), *GOOD[number:]]
    if expected == ("bad_columns", 2):
        lines[1] = lines[1].replace(",,", ",")
    assert expected in samples.errors(LAYOUT, put(path, lines), OPTIONS)


def test_lost_rows_are_noticed(path: Path) -> None:
    for number in (1, 3, 4, 5, 6):
        lines = [*GOOD[:number], *GOOD[number + 1 :]]
        assert samples.errors(LAYOUT, put(path, lines), OPTIONS), f"line {number + 1} may be lost"


def test_details_without_a_summary_must_be_closed(path: Path) -> None:
    assert samples.errors(LAYOUT, put(path, GOOD[3:]), OPTIONS) == [("truncated", 4)]
    statement, lines = samples.read_all(LAYOUT, put(path, [*GOOD[3:], "<END>"]), OPTIONS)
    assert len(lines) == 3
    assert [b.ref for b in statement.batches] == ["20261014001"] * 2


def test_a_cycle_without_transactions_is_of_the_day_before_its_folder(path: Path) -> None:
    zero = GOOD[1].replace(",3,1725,-75,", ",0,0,0,")
    told = {**OPTIONS, "name": f"v1/settlements/clearing/{WHO}/20261015/{NAME}"}
    for lines in ([GOOD[0], zero], [GOOD[0], zero, "", GOOD[3]], [GOOD[0], zero, "<END>"]):
        statement, read = samples.read_all(LAYOUT, put(path, lines), told)
        assert (read, statement.batches, statement.problems) == ([], [], [])
        assert (statement.period_from, statement.period_to) == (samples.DAY, samples.DAY)
        assert statement.identity == f"transactionItems {WHO} A7 EUR 20261014001 000"
    assert samples.errors(LAYOUT, path, OPTIONS) == [("bad_date", 0)]
    wrong = zero.replace(",0,0,0,", ",0,5,0,")
    assert samples.errors(LAYOUT, put(path, [GOOD[0], wrong]), told) == [("total_differs", 2)]
    assert samples.errors(LAYOUT, put(path, [GOOD[0], GOOD[1]]), told) == [("truncated", 2)]


def test_identity_is_participant_agreement_currency_batch_and_part() -> None:
    names = [
        NAME, NAME.replace("_000", "_001"), NAME.replace("_A7_", "_A8_"),
        NAME.replace("EUR", "NOK"), NAME.replace("014001", "014002"),
        NAME.replace(WHO, "1022188000000000002"), SETTLEMENT_NAME,
    ]  # fmt: skip
    assert len({alipayplus_settlement.identify(name, b"", {}) for name in names}) == len(names)
    for suffix in ("_2", "-corrected"):
        again = NAME.replace(".csv", f"{suffix}.csv")
        assert alipayplus_settlement.identify(again, b"", {}) == (
            f"transactionItems {WHO} A7 EUR 20261014001 000"
        )


def test_a_settlement_declares_what_its_clearing_batches_bring(tmp_path: Path, path: Path) -> None:
    settlement = put(tmp_path / SETTLEMENT_NAME, SETTLEMENT)
    statement, rows = samples.read_all(LAYOUT, settlement, OPTIONS)
    assert statement.is_summary
    assert [(row.no, row.kind, row.ref, row.gross, row.fee, row.net) for row in rows] == [
        (5, "not_a_payment", "20261014001", "1800", "75", "1725"),
        (6, "not_a_payment", "20261013001", "75", "5", "70"),
    ]
    assert [(b.ref, b.declared_count, b.declared_net_minor, b.value_date)
            for b in statement.batches] == [
        ("20261014001", 3, 1725, date(2026, 10, 16)), ("20261013001", 1, 70, date(2026, 10, 16)),
    ]  # fmt: skip
    assert statement.identity == f"settlement {WHO} A7 EUR 77001 000"
    clearing, lines = samples.read_all(LAYOUT, put(path, GOOD), OPTIONS)
    assert {batch.ref for batch in clearing.batches} == {statement.batches[0].ref}
    assert sum(int(one.net) for one in lines) == int(rows[0].net)


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (2, ",2,1795,", ",3,1795,", ("count_differs", 2)),
        (2, ",2,1795,", ",2,1794,", ("total_differs", 2)),
        (2, ",2,1795,", ",2,179500,", ("total_differs", 2)),
        (2, "77001", "77002", ("bad_value", 2)),
        (5, ",EUR,3,", ",NOK,3,", ("bad_value", 5)),
        (6, "20261013001", "20261014001", ("bad_value", 6)),
        (6, ",70,", ",0.70,", ("bad_amount", 6)),
        (6, ",1,70,", ",one,70,", ("bad_value", 6)),
    ],
)  # fmt: skip
def test_a_settlement_that_does_not_add_up_is_refused(
    tmp_path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in SETTLEMENT[number - 1]
    lines = [*SETTLEMENT[: number - 1], SETTLEMENT[number - 1].replace(old, new, 1),
             *SETTLEMENT[number:]]  # fmt: skip
    path = put(tmp_path / SETTLEMENT_NAME, lines)
    assert expected in samples.errors(LAYOUT, path, OPTIONS)
    assert ("exactly 100 times" in text_of(path, OPTIONS)) == (new in (",2,179500,", ",0.70,"))


def test_a_transaction_summary_is_a_list_without_a_section(tmp_path: Path) -> None:
    name = NAME.replace("transactionItems", "summary")
    told = {**OPTIONS, "name": f"20261015/{name}"}
    statement, rows = samples.read_all(LAYOUT, put(tmp_path / name, SETTLEMENT[3:5]), told)
    assert (statement.is_summary, statement.period_from) == (True, samples.DAY)
    assert [(row.ref, row.net) for row in rows] == [("20261014001", "1725")]


def test_the_fee_report_is_not_read_twice(tmp_path: Path) -> None:
    path = put(tmp_path / NAME.replace("transactionItems", "feeItems"), GOOD)
    assert samples.errors(LAYOUT, path, OPTIONS) == [("not_this_layout", 0)]


def test_an_agreement_may_call_its_columns_otherwise(path: Path) -> None:
    _statement, plain = samples.read_all(LAYOUT, put(path, GOOD), OPTIONS)
    renamed = [line.replace("pspName", "MPP").replace("totalCount", "records") for line in GOOD]
    told = {**OPTIONS, "headings": {"mpp": "pspName", "records": "totalCount"}}
    assert samples.read_all(LAYOUT, put(path, renamed), told)[1] == plain


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-10-14T17:59:59+02:00", date(2026, 10, 14)),
        ("2026-10-14T18:00:00+02:00", date(2026, 10, 15)),
        ("2026-12-14T16:59:59+01:00", date(2026, 12, 14)),
        ("2026-12-14T17:00:00+01:00", date(2026, 12, 15)),
    ],
)
def test_the_cycle_is_a_day_of_utc_8(path: Path, instant: str, day: date) -> None:
    row = GOOD[6].replace("2026-10-14T08:00:00+02:00", instant)
    lines = [GOOD[0], GOOD[1].replace(",3,1725,-75,", ",1,1000,-50,"), GOOD[3], row]
    statement, _lines = samples.read_all(LAYOUT, put(path, lines), OPTIONS)
    assert (statement.period_from, statement.period_to) == (day, day)


IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
TEXTS = st.text(st.sampled_from('abcøß·-. 7Å咖啡,"|'), max_size=30).map(str.strip)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for _number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["sale", "refund", "not_a_payment"]))
        sign = -1 if kind == "refund" else 1
        minor = sign * draw(st.integers(0, 10**11))
        found.append(samples.line(
            minor, draw(st.integers(-(10**6), 10**6)), kind=kind, ref=draw(IDS), store=draw(IDS),
            wallet=draw(st.sampled_from(["alipay", "bluecode"])), currency="EUR",
            merchant_ref=draw(TEXTS), occurred_at="2026-10-14T00:00:00+08:00",
            original_ref=draw(st.one_of(st.just(""), IDS)),
        ))  # fmt: skip
    return found


WRITTEN = f"20261015_transactionItems_{WHO}_EUR_2026101400000000007_A7_000.csv"


@given(lines=some_lines(), unit=st.sampled_from(["minor", "major"]))
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(tmp_path: Path, lines: list[Line], unit: str) -> None:
    told = {**OPTIONS, "unit": unit}
    sheet = samples.sheet(LAYOUT, lines, wallet="bluecode")
    numbers = alipayplus_settlement.write(tmp_path / WRITTEN, sheet, told)
    statement, read = samples.read_all(LAYOUT, tmp_path / WRITTEN, told)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers


@given(lines=some_lines(), unit=st.sampled_from(["minor", "major"]))
@samples.PROPERTY
def test_the_settlement_of_any_lines_agrees_with_them(
    tmp_path: Path, lines: list[Line], unit: str
) -> None:
    told = {**OPTIONS, "unit": unit, "name": f"20261015/{SETTLEMENT_NAME}"}
    sheet = samples.sheet(LAYOUT, lines, wallet="bluecode")
    path = tmp_path / SETTLEMENT_NAME
    numbers = alipayplus_settlement.write(path, sheet, told)
    statement, rows = samples.read_all(LAYOUT, path, told)
    assert (statement.problems, statement.is_summary) == ([], True)
    assert sum(int(row.net) for row in rows) == sum(int(line.net) for line in lines)
    assert {row.no for row in rows} == set(numbers)
    assert {b.ref for b in statement.batches} == {b.ref for b in sheet.batches}


def test_one_file_is_written_in_one_currency(path: Path) -> None:
    lines = [samples.line(wallet="alipay", currency=currency) for currency in ("EUR", "NOK")]
    with pytest.raises(CannotWrite):
        alipayplus_settlement.write(path, samples.sheet(LAYOUT, lines, wallet="alipay"), OPTIONS)
