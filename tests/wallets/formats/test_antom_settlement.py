"""Antom's items and summary: <END>, units, fees, what each type is, and that the two agree."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import money
from tests.wallets.formats import samples
from wallets.formats import antom, antom_settlement
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

LAYOUT = "antom_settlement"
OPTIONS: dict[str, Any] = {"wallet": "alipay"}
BATCH = "2018122611021040123"
ITEMS_NAME = f"settlementItems_KaKaoPay_USD_{BATCH}_000.csv"
SUMMARY_NAME = f"settlementSummary_KaKaoPay_USD_{BATCH}_000.csv"
ITEMS = [
    "settlementBatchId,customerId,acquirer,referenceMerchantId,referenceStoreId,transactionId,"
    "originalTransactionId,transactionRequestId,transactionType,paymentMethodType,pspName,"
    "transactionCompletionTime,settlementTime,transactionAmountValue,transactionCurrency,"
    "settlementAmountValue,settlementCurrency,quoteCurrencyPair,quotePrice,feeAmountValue,"
    "feeCurrency",
    f"{BATCH},1022188000000000001,Alipay_SG,M7,100001,2018122519074101000000000112612,,order-7,"
    "PAYMENT,CONNECT_WALLET,KaKaoPay,2018-12-25T19:07:41+08:00,2018-12-26T10:00:00+08:30,"
    "18000,KRW,1450,USD,USD/KRW,1200,-50,USD",
    f"{BATCH},1022188000000000001,Alipay_SG,M7,100001,2018122519074102000000000041675,"
    "2018122519074101000000000112612,refund-7,REFUND,CONNECT_WALLET,KaKaoPay,"
    "2018-12-25T23:30:00+08:00,2018-12-26T10:00:00+08:30,-9000,KRW,-725,USD,USD/KRW,1200,25,USD",
    "<END>",
]
SUMMARY = [
    "settlementBatchId,customerId,acquirer,summaryType,settlementTime,count,"
    "settlementAmountValue,settlementCurrency,feeAmountValue,feeCurrency,"
    "processingFeeAmountValue,processingFeeCurrency",
    f"{BATCH},1022188000000000001,Alipay_SG,TOTAL,2018-12-26T10:00:00+08:30,2,725,USD,-25,USD,,",
    f"{BATCH},1022188000000000001,Alipay_SG,PAYMENT,2018-12-26T10:00:00+08:30,1,1450,USD,-50,USD,,",
    f"{BATCH},1022188000000000001,Alipay_SG,REFUND,2018-12-26T10:00:00+08:30,1,-725,USD,25,USD,,",
    "<END>",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ITEMS_NAME


@pytest.fixture
def summary(tmp_path: Path) -> Path:
    return tmp_path / SUMMARY_NAME


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def text_of(path: Path, options: dict[str, Any] = OPTIONS) -> str:
    return " ".join(one.text for one in samples.problems(LAYOUT, path, options))


def with_cell(line: str, heading: str, value: str, *, of: list[str] = ITEMS) -> str:
    cells = line.split(",")
    cells[of[0].split(",").index(heading)] = value
    return ",".join(cells)


def test_the_published_items_are_read_with_their_fees(path: Path) -> None:
    statement, lines = samples.read_all(LAYOUT, put(path, ITEMS), OPTIONS)
    common = {
        "wallet": "alipay", "currency": "KRW", "settled_currency": "USD", "store": "100001",
        "rate": "0.0008333333",
    }  # fmt: skip
    assert lines == [
        samples.line(
            18_000, 50, no=2, settled_gross="1500", net="1450", merchant_ref="order-7",
            ref="2018122519074101000000000112612", occurred_at="2018-12-25T19:07:41+08:00",
            **common,
        ),
        samples.line(
            -9_000, -25, no=3, settled_gross="-750", net="-725", merchant_ref="refund-7",
            ref="2018122519074102000000000041675", occurred_at="2018-12-25T23:30:00+08:00",
            original_ref="2018122519074101000000000112612", **common,
        ),
    ]  # fmt: skip
    assert money.convert(18_000, "KRW", "USD", "0.0008333333") == 1_500
    (batch,) = statement.batches
    assert (batch.ref, batch.wallet, batch.currency) == (BATCH, "alipay", "USD")
    assert batch.value_date == date(2018, 12, 26)
    assert batch.declared_net_minor is None
    assert (statement.records, statement.others, statement.is_summary) == (4, 2, False)
    assert (statement.sequence, statement.sequence_of) == (
        0,
        f"settlementItems KaKaoPay USD {BATCH}",
    )
    assert (statement.period_from, statement.period_to) == (date(2018, 12, 25),) * 2


def test_the_published_summary_only_declares(summary: Path) -> None:
    statement, lines = samples.read_all(LAYOUT, put(summary, SUMMARY), OPTIONS)
    assert statement.is_summary
    assert [(one.no, one.kind, one.ref, one.gross, one.fee, one.net) for one in lines] == [
        (3, "not_a_payment", "PAYMENT", "1500", "50", "1450"),
        (4, "not_a_payment", "REFUND", "-750", "-25", "-725"),
    ]
    (batch,) = statement.batches
    assert (batch.ref, batch.currency, batch.declared_count) == (BATCH, "USD", 2)
    assert (batch.declared_gross_minor, batch.declared_fee_minor, batch.declared_net_minor) == (
        750, 25, 725,
    )  # fmt: skip
    assert (statement.records, statement.others) == (5, 3)
    assert statement.problems == []


def test_items_and_summary_agree(path: Path, summary: Path) -> None:
    items, lines = samples.read_all(LAYOUT, put(path, ITEMS), OPTIONS)
    declared, rows = samples.read_all(LAYOUT, put(summary, SUMMARY), OPTIONS)
    assert [(b.ref, b.currency) for b in items.batches] == [
        (b.ref, b.currency) for b in declared.batches
    ]
    assert sum(int(one.net) for one in lines) == sum(int(row.net) for row in rows) == 725
    assert items.identity != declared.identity


@pytest.mark.parametrize(
    ("of", "number", "old", "new", "expected"),
    [
        (SUMMARY, 2, ",2,725,", ",3,725,", ("count_differs", 2)),
        (SUMMARY, 2, ",2,725,", ",2,724,", ("total_differs", 2)),
        (SUMMARY, 2, "-25,USD", "-26,USD", ("total_differs", 2)),
        (SUMMARY, 3, ",1450,", ",1451,", ("total_differs", 2)),
        (SUMMARY, 2, "TOTAL", "CAPTURE", ("count_differs", 5)),
        (SUMMARY, 3, "PAYMENT", "TOTAL", ("bad_value", 3)),
        (SUMMARY, 3, ",1,1450,", ",one,1450,", ("bad_value", 3)),
        (SUMMARY, 3, ",1450,", ",14.50,", ("bad_amount", 3)),
        (SUMMARY, 3, "-50,USD", "-50,EUR", ("bad_value", 3)),
        (SUMMARY, 3, BATCH, "2018122711021040123", ("bad_value", 3)),
        (SUMMARY, 1, "summaryType", "kind", ("bad_columns", 1)),
        (SUMMARY, 5, "<END>", "", ("truncated", 5)),
        (ITEMS, 1, "settlementBatchId", "batch", ("not_this_layout", 1)),
        (ITEMS, 1, "transactionType", "type", ("bad_columns", 1)),
        (ITEMS, 1, "feeCurrency", "feeAmountValue", ("duplicate_heading", 1)),
        (ITEMS, 2, "18000", "18000.00", ("bad_amount", 2)),
        (ITEMS, 2, ",1450,", ",1e3,", ("bad_amount", 2)),
        (ITEMS, 2, ",1450,", ",,", ("bad_amount", 2)),
        (ITEMS, 2, ",1450,", ",-1450,", ("bad_amount", 2)),
        (ITEMS, 2, "PAYMENT", "", ("unknown_type", 2)),
        (ITEMS, 2, "19:07:41+08:00", "19:07:41", ("bad_date", 2)),
        (ITEMS, 2, "100001", "", ("bad_value", 2)),
        (ITEMS, 2, "-50,USD", "-50,KRW", ("bad_value", 2)),
        (ITEMS, 2, "USD/KRW", "USD/JPY", ("bad_value", 2)),
        (ITEMS, 2, ",1200,", ",0,", ("bad_value", 2)),
        (ITEMS, 2, BATCH, "2018122711021040123", ("bad_value", 2)),
        (ITEMS, 2, "1450,USD", "1450,EUR", ("bad_value", 2)),
        (ITEMS, 2, "USD/KRW,", "", ("bad_columns", 2)),
        (ITEMS, 2, "order-7", '"order-7', ("bad_value", 2)),
        (ITEMS, 4, "<END>", "", ("truncated", 4)),
        (ITEMS, 4, "<END>", "<END>\n" + ITEMS[1], ("bad_value", 5)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, of: list[str], number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in of[number - 1]
    lines = [*of[: number - 1], of[number - 1].replace(old, new, 1), *of[number:]]
    path = put(tmp_path / (ITEMS_NAME if of is ITEMS else SUMMARY_NAME), lines)
    assert expected in samples.errors(LAYOUT, path, OPTIONS)


@pytest.mark.parametrize("end", ["<END>", "<END>\r\n", "<END>,,,,\n", '"<END>"\n', "<END>\n\n \n"])
def test_the_end_may_have_no_line_end_and_a_spreadsheets_cells(path: Path, end: str) -> None:
    path.write_text("\n".join(ITEMS[:-1]) + "\n" + end)
    statement, lines = samples.read_all(LAYOUT, path, OPTIONS)
    assert len(lines) == 2
    assert statement.problems == []


def test_a_file_that_ends_inside_its_end_is_cut(path: Path) -> None:
    path.write_text("\n".join(ITEMS)[:-1])
    assert samples.errors(LAYOUT, path, OPTIONS) == [("truncated", 4)]


# -- empty cycles --------------------------------------------------------------------------

EMPTY_NAME = "settlementItems_EUR_0000000000000000000_000.csv"


def test_an_empty_cycle_is_of_the_day_before_its_folder(tmp_path: Path) -> None:
    path = put(tmp_path / EMPTY_NAME, [ITEMS[0], "<END>"])
    told = {**OPTIONS, "name": f"20181226/{EMPTY_NAME}"}
    statement, lines = samples.read_all(LAYOUT, path, told)
    assert (lines, statement.batches, statement.problems) == ([], [], [])
    assert (statement.period_from, statement.period_to) == (date(2018, 12, 25),) * 2
    assert (statement.records, statement.others, statement.sequence) == (2, 2, None)


def test_two_empty_cycles_are_two_files(tmp_path: Path) -> None:
    head = f"{ITEMS[0]}\n<END>\n".encode()
    one, other = (
        antom_settlement.identify(f"{day}/{EMPTY_NAME}", head, {}) for day in (20181226, 20181227)
    )
    assert one == "settlementItems EUR 0000000000000000000 2018-12-25 000"
    assert one != other


def test_an_empty_cycle_without_a_day_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / EMPTY_NAME, [ITEMS[0], "<END>"])
    assert samples.errors(LAYOUT, path, OPTIONS) == [("bad_date", 0)]


def test_an_empty_summary_has_a_total_of_nothing(tmp_path: Path) -> None:
    total = SUMMARY[1].replace(BATCH, "0" * 19).replace(",2,725,USD,-25,", ",0,0,USD,0,")
    zeros = [SUMMARY[0], total, "<END>"]
    name = f"settlementSummary_USD_{'0' * 19}_000.csv"
    path = put(tmp_path / name, zeros)
    statement, lines = samples.read_all(LAYOUT, path, {**OPTIONS, "name": f"20181226/{name}"})
    assert lines == []
    assert [(b.declared_count, b.declared_net_minor) for b in statement.batches] == [(0, 0)]
    assert statement.problems == []


# -- names ---------------------------------------------------------------------------------


def test_the_parts_of_a_batch_are_files_of_their_own(tmp_path: Path) -> None:
    identities, sequences = [], []
    for name in (ITEMS_NAME, ITEMS_NAME.replace("_000", "_001"), SUMMARY_NAME):
        of = SUMMARY if name == SUMMARY_NAME else ITEMS
        statement, _lines = samples.read_all(LAYOUT, put(tmp_path / name, of), OPTIONS)
        identities.append(statement.identity)
        sequences.append((statement.sequence, statement.sequence_of))
    assert identities == [
        f"settlementItems KaKaoPay USD {BATCH} 000", f"settlementItems KaKaoPay USD {BATCH} 001",
        f"settlementSummary KaKaoPay USD {BATCH} 000",
    ]  # fmt: skip
    assert sequences == [
        (0, f"settlementItems KaKaoPay USD {BATCH}"), (1, f"settlementItems KaKaoPay USD {BATCH}"),
        (0, f"settlementSummary KaKaoPay USD {BATCH}"),
    ]  # fmt: skip


def test_a_report_under_another_name_is_known_by_its_first_row(tmp_path: Path) -> None:
    path = put(tmp_path / "SETTLEMENT_DETAIL_20181226.csv", ITEMS)
    statement, lines = samples.read_all(LAYOUT, path, OPTIONS)
    assert statement.identity == f"settlementItems USD {BATCH}"
    assert len(lines) == 2
    assert statement.sequence is None


def test_items_under_a_summarys_name_are_refused(summary: Path) -> None:
    assert samples.errors(LAYOUT, put(summary, ITEMS), OPTIONS) == [("not_this_layout", 1)]


# -- the unit ------------------------------------------------------------------------------

MAJOR = [
    ITEMS[0],
    ITEMS[1].replace(",1450,", ",14.50,").replace(",-50,", ",-0.5,"),
    ITEMS[2].replace(",-725,", ",-7.25,").replace(",25,", ",0.25,"),
    "<END>",
]


def test_major_units_are_read_when_they_are_agreed(path: Path) -> None:
    _statement, minor = samples.read_all(LAYOUT, put(path, ITEMS), OPTIONS)
    told = {**OPTIONS, "unit": "major"}
    _statement, major = samples.read_all(LAYOUT, put(path, MAJOR), told)
    assert major == minor


@pytest.mark.parametrize(("content", "unit"), [(MAJOR, "minor"), (ITEMS, "major")])
def test_the_wrong_unit_is_told_in_words(path: Path, content: list[str], unit: str) -> None:
    told = {**OPTIONS, "unit": unit}
    put(path, content)
    assert {code for code, _line_no in samples.errors(LAYOUT, path, told)} == {"bad_amount"}
    assert "exactly 100 times" in text_of(path, told)
    assert '"unit"' in text_of(path, told)


def test_a_price_in_another_unit_than_its_settlement_is_told_in_words(path: Path) -> None:
    row = ITEMS[1].replace("18000,KRW,1450,USD,USD/KRW,1200,", "15,USD,1450,USD,,,")
    assert samples.errors(LAYOUT, put(path, [ITEMS[0], row, "<END>"]), OPTIONS) == [
        ("bad_amount", 2)
    ]
    assert "exactly 100 times" in text_of(path)
    row = row.replace(",15,USD,", ",1499,USD,")
    assert samples.errors(LAYOUT, put(path, [ITEMS[0], row, "<END>"]), OPTIONS) == [
        ("bad_amount", 2)
    ]
    assert "100 times" not in text_of(path)


def test_a_total_in_another_unit_than_its_rows_is_told_in_words(summary: Path) -> None:
    lines = [SUMMARY[0], SUMMARY[1].replace(",725,", ",72500,"), *SUMMARY[2:]]
    assert samples.errors(LAYOUT, put(summary, lines), OPTIONS) == [("total_differs", 2)]
    assert "exactly 100 times" in text_of(summary)


def test_an_unknown_unit_is_refused(path: Path) -> None:
    told = {**OPTIONS, "unit": "cents"}
    assert samples.errors(LAYOUT, put(path, ITEMS), told) == [("bad_value", 0)]


# -- what the rows are ---------------------------------------------------------------------


def test_each_type_is_what_it_is_decided_to_be(path: Path) -> None:
    rows = [with_cell(ITEMS[2], "transactionType", word) for word in antom.TYPES
            if antom.TYPES[word] != "sale"]  # fmt: skip
    rows += [with_cell(ITEMS[1], "transactionType", word) for word in ("CAPTURE", "payment")]
    statement, lines = samples.read_all(LAYOUT, put(path, [ITEMS[0], *rows, "<END>"]), OPTIONS)
    kinds = [one.kind for one in lines]
    assert kinds[:2] == ["refund", "refund"]
    assert set(kinds[2:-2]) == {"not_a_payment"}
    assert kinds[-2:] == ["sale", "sale"]
    assert {one.net for one in lines[:-2]} == {"-725"}
    assert statement.problems == []


def test_a_cancelled_payment_is_refunded_under_its_own_id(path: Path) -> None:
    row = with_cell(with_cell(ITEMS[2], "transactionType", "CANCEL"), "originalTransactionId", "")
    nothing = row
    for heading in ("transactionAmountValue", "settlementAmountValue", "feeAmountValue"):
        nothing = with_cell(nothing, heading, "0")
    _statement, lines = samples.read_all(
        LAYOUT, put(path, [ITEMS[0], row, nothing, "<END>"]), OPTIONS
    )
    assert [(one.kind, one.net, one.original_ref) for one in lines] == [
        ("refund", "-725", lines[0].ref), ("not_a_payment", "0", lines[1].ref),
    ]  # fmt: skip


def test_todays_refunds_have_their_payments_id_and_are_told_apart_by_another(path: Path) -> None:
    payment = "2018122519074101000000000112612"
    today = with_cell(with_cell(ITEMS[2], "transactionId", payment), "originalTransactionId", "")
    other = with_cell(today, "transactionRequestId", "refund-8")
    put(path, [*ITEMS[:2], today, other, "<END>"])
    told = {**OPTIONS, "refund_id": "transactionRequestId"}
    _statement, lines = samples.read_all(LAYOUT, path, told)
    assert [(one.kind, one.ref, one.original_ref) for one in lines] == [
        ("sale", payment, ""), ("refund", "refund-7", payment), ("refund", "refund-8", payment),
    ]  # fmt: skip
    assert samples.errors(LAYOUT, path, {**OPTIONS, "refund_id": "refundId"}) == [
        ("bad_columns", 1)
    ]


def test_an_unknown_type_moves_money_and_is_warned_of_once(path: Path) -> None:
    rows = [with_cell(ITEMS[2], "transactionType", word) for word in ("LEVY", "LEVY", "TOLL")]
    statement, lines = samples.read_all(LAYOUT, put(path, [ITEMS[0], *rows, "<END>"]), OPTIONS)
    assert [(one.kind, one.net) for one in lines] == [("not_a_payment", "-725")] * 3
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("unknown_type", 2, False), ("unknown_type", 4, False),
    ]  # fmt: skip


def test_a_row_that_is_no_payment_needs_no_shop_and_no_price(path: Path) -> None:
    fee = f"{BATCH},1022188000000000001,Alipay_SG,,,S-1,,,SETTLEMENT_FEE,,,,,,,-150,USD,,,,"
    statement, lines = samples.read_all(
        LAYOUT, put(path, [*ITEMS[:3], fee, "<END>"]), {**OPTIONS, "wallets": {"KaKaoPay": "kakao"}}
    )
    assert lines[-1] == Line(
        4, 1, "alipay", "not_a_payment", "S-1", "", "USD", "-150", "USD", "-150", "0", "-150", "",
        "", "", "",
    )  # fmt: skip
    assert [(b.ref, b.wallet) for b in statement.batches] == [(BATCH, "kakao"), (BATCH, "alipay")]


def test_all_columns_of_fees_are_added_up(path: Path) -> None:
    heading = ITEMS[0] + (
        ",interchangeFeeAmountValue,interchangeFeeCurrency,taxFeeAmountValue,taxFeeCurrency,"
        "nonGuaranteeCouponValue,nonGuaranteeCouponCurrency,acquirerMarkupAmountValue,"
        "someNewFeeAmountValue"
    )
    row = ITEMS[1].replace("18000,KRW,1450,USD,USD/KRW,1200,-50,USD", "1500,USD,1420,USD,,,-50,USD")
    row += ",-10,USD,-8,USD,-7,USD,-4,-1"
    _statement, (line,) = samples.read_all(LAYOUT, put(path, [heading, row, "<END>"]), OPTIONS)
    assert (line.gross, line.settled_gross, line.fee, line.net) == ("1500", "1500", "80", "1420")


def test_a_correction_of_the_summary_is_counted_and_warned_of(summary: Path) -> None:
    correction = SUMMARY[3].replace("REFUND", "DEFAULT").replace(",1,-725,USD,25,", ",0,5,USD,0,")
    lines = [SUMMARY[0], SUMMARY[1].replace(",725,", ",730,"), *SUMMARY[2:4], correction, "<END>"]
    statement, rows = samples.read_all(LAYOUT, put(summary, lines), OPTIONS)
    assert sum(int(row.net) for row in rows) == 730
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("unknown_type", 5, False)
    ]


def test_a_price_without_its_sign_takes_that_of_the_money(path: Path) -> None:
    lines = [*ITEMS[:2], ITEMS[2].replace("-9000", "9000"), "<END>"]
    _statement, unsigned = samples.read_all(LAYOUT, put(path, lines), OPTIONS)
    _statement, signed = samples.read_all(LAYOUT, put(path, ITEMS), OPTIONS)
    assert unsigned == signed


def test_shops_and_wallets_come_by_their_tables(path: Path) -> None:
    lines = [ITEMS[0], *(line.replace(",M7,100001,", ",M7,,") for line in ITEMS[1:])]
    told = {**OPTIONS, "stores": {"M7": "100007"}, "wallets": {"KaKaoPay": "kakao"}}
    _statement, read = samples.read_all(LAYOUT, put(path, lines), told)
    assert [(one.store, one.wallet) for one in read] == [("100007", "kakao")] * 2
    assert samples.errors(LAYOUT, path, {**told, "wallets": {"GCash": "gcash"}}) == [
        ("bad_value", 2), ("bad_value", 3),
    ]  # fmt: skip
    assert "'KaKaoPay'" in text_of(path, {**told, "wallets": {}})
    assert "'wallets'" in text_of(path, {**told, "wallets": {}})


# -- the day -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2019-06-10T17:59:59+02:00", date(2019, 6, 10)),
        ("2019-06-10T18:00:00+02:00", date(2019, 6, 11)),
        ("2019-06-10T23:30:00+02:00", date(2019, 6, 11)),
        ("2019-12-10T16:59:59+01:00", date(2019, 12, 10)),
        ("2019-12-10T17:00:00+01:00", date(2019, 12, 11)),
        ("2019-12-10T15:59:59Z", date(2019, 12, 10)),
    ],
)
def test_a_new_alipay_day_starts_at_six_in_the_summer_evening(
    path: Path, instant: str, day: date
) -> None:
    lines = [ITEMS[0], with_cell(ITEMS[1], "transactionCompletionTime", instant), "<END>"]
    statement, _lines = samples.read_all(LAYOUT, put(path, lines), OPTIONS)
    assert (statement.period_from, statement.period_to) == (day, day)


def test_the_period_grows_with_the_payments_and_with_nothing_else(path: Path) -> None:
    def on(line: str, day: str) -> str:
        return with_cell(line, "transactionCompletionTime", f"{day}T12:00:00+08:00")

    rows = [
        on(ITEMS[1], "2018-12-25"), on(ITEMS[2], "2018-12-27"), on(ITEMS[1], "2018-12-24"),
        on(with_cell(ITEMS[2], "transactionType", "DISPUTE"), "2018-03-01"),
    ]  # fmt: skip
    statement, _lines = samples.read_all(LAYOUT, put(path, [ITEMS[0], *rows, "<END>"]), OPTIONS)
    assert (statement.period_from, statement.period_to) == (date(2018, 12, 24), date(2018, 12, 27))
    statement, _lines = samples.read_all(LAYOUT, put(path, [ITEMS[0], rows[3], "<END>"]), OPTIONS)
    assert (statement.period_from, statement.period_to) == (date(2018, 12, 25),) * 2


# -- round trips ---------------------------------------------------------------------------

IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
TEXTS = st.text(st.sampled_from('abcøß·-. 7Å咖啡,"|'), max_size=30).map(str.strip)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for _number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["sale", "refund", "not_a_payment"]))
        sign = -1 if kind == "refund" else 1
        settled = sign * draw(st.integers(1, 10**11))
        fee = draw(st.integers(-(10**6), 10**6))
        price, rate, paid = settled, "", "EUR"
        currency = "EUR" if kind == "not_a_payment" else draw(st.sampled_from(samples.CURRENCIES))
        if currency != "EUR":
            price, rate = sign * draw(st.integers(1, 10**11)), draw(st.sampled_from(["", "0.0851"]))
            if rate:
                settled = money.convert(price, currency, paid, rate)
        found.append(samples.line(
            price, fee, kind=kind, ref=draw(IDS), store=draw(IDS), wallet="alipay",
            currency=currency, settled_currency=paid, settled_gross=str(settled),
            net=str(settled - fee), rate=rate, merchant_ref=draw(TEXTS),
            occurred_at=draw(st.sampled_from(["", "2026-10-14T00:00:00+08:00",
                                              "2026-10-14T17:59:59+02:00"])),
            original_ref=draw(st.one_of(st.just(""), IDS)),
        ))  # fmt: skip
    return found


NAME = "20261015_settlementItems_EUR_2026101500000000007_000.csv"


@given(lines=some_lines(), unit=st.sampled_from(["minor", "major"]))
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(tmp_path: Path, lines: list[Line], unit: str) -> None:
    told = {**OPTIONS, "unit": unit}
    sheet = samples.sheet(LAYOUT, lines, wallet="alipay")
    numbers = antom_settlement.write(tmp_path / NAME, sheet, told)
    statement, read = samples.read_all(LAYOUT, tmp_path / NAME, told)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
    assert (statement.period_from, statement.period_to) == (samples.DAY, samples.DAY)


@given(lines=some_lines(), unit=st.sampled_from(["minor", "major"]))
@samples.PROPERTY
def test_the_summary_of_any_lines_agrees_with_them(
    tmp_path: Path, lines: list[Line], unit: str
) -> None:
    told = {**OPTIONS, "unit": unit}
    sheet = samples.sheet(LAYOUT, lines, wallet="alipay")
    path = tmp_path / NAME.replace("Items", "Summary")
    numbers = antom_settlement.write(path, sheet, told)
    statement, rows = samples.read_all(LAYOUT, path, told)
    assert (statement.problems, statement.is_summary) == ([], True)
    assert sum(int(row.net) for row in rows) == sum(int(line.net) for line in lines)
    assert {row.no for row in rows} == set(numbers)
    assert [(b.ref, b.currency, b.declared_count) for b in statement.batches] == [
        (b.ref, b.currency, len(lines)) for b in sheet.batches
    ]


@pytest.mark.parametrize("misstate", [1, -250])
def test_a_summary_that_lies_is_refused(tmp_path: Path, misstate: int) -> None:
    lines = [samples.line(currency="EUR", wallet="alipay")]
    sheet = samples.sheet(LAYOUT, lines, wallet="alipay", misstate_minor=misstate)
    path = tmp_path / NAME.replace("Items", "Summary")
    antom_settlement.write(path, sheet, OPTIONS)
    assert samples.errors(LAYOUT, path, OPTIONS) == [("total_differs", 2)]


@given(cut=st.integers(1, 400))
@samples.PROPERTY
def test_no_cut_summary_reads(summary: Path, cut: int) -> None:
    whole = "".join(f"{line}\n" for line in SUMMARY).encode().rstrip()
    summary.write_bytes(whole[: max(0, len(whole) - cut)])
    assert samples.errors(LAYOUT, summary, OPTIONS)


def test_what_the_items_cannot_say_is_not_written(tmp_path: Path) -> None:
    for one, told in (
        (samples.line(merchant_ref="a\nb"), OPTIONS),
        (samples.line(merchant_ref=" a"), OPTIONS),
        (samples.line(kind="not_a_payment", settled_currency="EUR"), OPTIONS),
        (samples.line(), {**OPTIONS, "wallets": {"GCash": "gcash"}}),
    ):
        sheet = samples.sheet(LAYOUT, [one], wallet="alipay")
        with pytest.raises(CannotWrite):
            antom_settlement.write(tmp_path / NAME, sheet, told)


def test_a_time_that_no_calendar_has_is_named_with_its_line(path: Path) -> None:
    odd = with_cell(ITEMS[2], "transactionCompletionTime", "0001-01-01T00:00:00+14:00")
    put(path, [*ITEMS[:2], odd, ITEMS[3]])
    assert samples.errors(LAYOUT, path, OPTIONS) == [("bad_date", 3)]
