"""Antom's daily transaction report: the day in the name, what was not settled yet, statuses."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import antom_transactions
from wallets.formats.statement import Line

LAYOUT = "antom_transactions"
OPTIONS: dict[str, Any] = {"wallet": "alipay"}
NAME = "transactionItems_20181225_000.csv"
GOOD = [
    "customerId,acquirer,referenceMerchantId,referenceStoreId,transactionId,"
    "originalTransactionId,transactionRequestId,referenceTransactionId,orderDescription,"
    "transactionType,status,pspName,transactionCreationTime,transactionCompletionTime,"
    "transactionAmountValue,transactionCurrency,settlementAmountValue,settlementCurrency,"
    "feeAmountValue,feeCurrency",
    "1022188000000000001,Alipay_SG,M7,100001,2018122519074101000000000112612,,req-7,order-7,"
    '"Coffee, two",PAYMENT,SUCCESS,KaKaoPay,2018-12-25T19:07:40+08:00,2018-12-25T19:07:41+08:00,'
    "1500,EUR,1450,EUR,-50,EUR",
    "1022188000000000001,Alipay_SG,M7,100001,2018122519074102000000000041675,"
    "2018122519074101000000000112612,req-8,,,REFUND,SUCCESS,KaKaoPay,"
    "2018-12-25T20:00:00+08:00,,750,EUR,-725,EUR,25,EUR",
    "<END>",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_day_of_transactions_is_read(path: Path) -> None:
    statement, lines = samples.read_all(LAYOUT, put(path, GOOD), OPTIONS)
    common = {"wallet": "alipay", "currency": "EUR", "store": "100001"}
    assert lines == [
        samples.line(
            1_500, 50, no=2, ref="2018122519074101000000000112612", merchant_ref="order-7",
            occurred_at="2018-12-25T19:07:41+08:00", **common,
        ),
        samples.line(
            -750, -25, no=3, ref="2018122519074102000000000041675", merchant_ref="req-8",
            occurred_at="2018-12-25T20:00:00+08:00",
            original_ref="2018122519074101000000000112612", **common,
        ),
    ]  # fmt: skip
    assert (statement.period_from, statement.period_to) == (date(2018, 12, 25),) * 2
    assert statement.identity == "transactions 2018-12-25 000"
    assert (statement.sequence, statement.sequence_of) == (0, "transactions 2018-12-25")
    assert [(b.ref, b.currency, b.value_date) for b in statement.batches] == [
        ("20181225", "EUR", None)
    ]
    assert (statement.records, statement.others, statement.problems) == (4, 2, [])


def test_the_parts_of_a_day_are_files_of_their_own() -> None:
    names = (NAME, NAME.replace("_000", "_001"), NAME.replace("20181225", "20181226"))
    identities = {antom_transactions.identify(name, b"", {}) for name in names}
    assert identities == {
        "transactions 2018-12-25 000", "transactions 2018-12-25 001",
        "transactions 2018-12-26 000",
    }  # fmt: skip


def test_what_was_not_converted_yet_is_taken_at_its_price_and_warned_of(path: Path) -> None:
    rows = [
        GOOD[1].replace("1500,EUR,1450,EUR,-50,EUR", "18000,KRW,,,,"),
        GOOD[2].replace("750,EUR,-725,EUR,25,EUR", "9000,KRW,,,,"),
    ]
    statement, lines = samples.read_all(LAYOUT, put(path, [GOOD[0], *rows, "<END>"]), OPTIONS)
    assert [
        (one.kind, one.currency, one.gross, one.settled_currency, one.fee, one.net)
        for one in lines
    ] == [
        ("sale", "KRW", "18000", "KRW", "0", "18000"),
        ("refund", "KRW", "-9000", "KRW", "0", "-9000"),
    ]  # fmt: skip
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("bad_value", 2, False)
    ]


def test_what_did_not_succeed_moves_no_money(path: Path) -> None:
    rows = [GOOD[1].replace("SUCCESS", word) for word in ("FAIL", "PROCESSING", "FAIL", "SUCCESS")]
    statement, lines = samples.read_all(LAYOUT, put(path, [GOOD[0], *rows, "<END>"]), OPTIONS)
    assert [(one.kind, one.net) for one in lines] == [
        ("not_a_payment", "0"), ("not_a_payment", "0"), ("not_a_payment", "0"), ("sale", "1450"),
    ]  # fmt: skip
    assert [(one.code, one.line_no) for one in statement.problems] == [
        ("bad_value", 2), ("bad_value", 3),
    ]  # fmt: skip


def test_a_name_without_a_day_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "transactions.csv", GOOD)
    assert samples.errors(LAYOUT, path, OPTIONS) == [("bad_date", 0)]
    statement, lines = samples.read_all(LAYOUT, path, {**OPTIONS, "name": NAME})
    assert (statement.identity, len(lines)) == ("transactions 2018-12-25 000", 2)


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "transactionId", "id", ("not_this_layout", 1)),
        (1, "customerId", "settlementBatchId", ("not_this_layout", 1)),
        (1, "transactionAmountValue", "amount", ("bad_columns", 1)),
        (1, "acquirer", "status", ("duplicate_heading", 1)),
        (2, "SUCCESS", "PERHAPS", ("unknown_type", 2)),
        (2, "1500,EUR", "1501,EUR", ("bad_amount", 2)),
        (2, "1500,EUR", "15.00,EUR", ("bad_amount", 2)),
        (2, "1450,EUR,-50,EUR", "1450,EUR,-50,NOK", ("bad_value", 2)),
        (2, '"Coffee, two"', '"Coffee, two', ("bad_value", 2)),
        (2, '"Coffee, two"', "Coffee, two", ("bad_columns", 2)),
        (2, ":41+08:00", ":61+08:00", ("bad_date", 2)),
        (4, "<END>", "", ("truncated", 4)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new, 1), *GOOD[number:]]
    assert expected in samples.errors(LAYOUT, put(path, lines), OPTIONS)


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
            wallet=draw(st.sampled_from(["alipay", "kakao"])),
            currency=draw(st.sampled_from(samples.CURRENCIES)), merchant_ref=draw(TEXTS),
            occurred_at=draw(st.sampled_from(["", "2026-10-14T00:00:00+08:00"])),
            original_ref=draw(st.one_of(st.just(""), IDS)),
        ))  # fmt: skip
    return found


@given(lines=some_lines(), unit=st.sampled_from(["minor", "major"]))
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(tmp_path: Path, lines: list[Line], unit: str) -> None:
    told = {**OPTIONS, "unit": unit, "wallets": {"AlipayCN": "alipay", "KaKaoPay": "kakao"}}
    path = tmp_path / "transactionItems_20261014_000.csv"
    sheet = samples.sheet(LAYOUT, lines, wallet="alipay")
    numbers = antom_transactions.write(path, sheet, told)
    statement, read = samples.read_all(LAYOUT, path, told)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
