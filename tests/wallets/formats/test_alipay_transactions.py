"""Alipay's transaction text: a proved count, headings by name, what each type means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import alipay_transactions
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

LAYOUT = "alipay_transactions"
OPTIONS = {"wallet": "alipay", "store": "100001", "partner_id": "2088100200300400"}
NAME = "alipay_2088100200300400_transaction_20131202.txt"
HEADINGS = (
    "Partner_transaction_id|Transaction_id|Transaction_amount|Charge_amount|Currency|"
    "Payment_time|Transaction_type|Remark|Secondary_merchant_industry|Secondary_merchant_name|"
    "Operator_name|Order_scene|Trans_currency|Trans_amount|Trans_forex_rate"
)
REST = "5812|Fjord Coffee|xxx|shopQrCode|TWD|100|0.031"
GOOD = [
    "Partner:208800000000|Payment_time: 2013-12-02|Total_count:4",
    HEADINGS,
    f"0001|201312020445|100|3|HKD|2013-12-02 10:45:42|PAYMENT||{REST}",
    f"0002|201312020446|100|3|HKD|2013-12-02 10:45:13|REVERSAL||{REST}",
    f"0004|201312020447|100|3|HKD|2013-12-02 10:45:10|CANCEL||{REST}",
    f"0003|201312020448|100|3|HKD|2013-12-02 10:45:09|REFUND|Refund|{REST}",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_the_published_rows_are_read_with_their_signs(path: Path) -> None:
    statement, lines = samples.read_all(LAYOUT, put(path, GOOD), OPTIONS)
    common = {
        "wallet": "alipay", "currency": "TWD", "settled_currency": "HKD", "rate": "0.031",
        "store": "100001",
    }  # fmt: skip
    assert lines == [
        samples.line(
            10_000, 300, no=3, ref="201312020445", merchant_ref="0001",
            occurred_at="2013-12-02T10:45:42+08:00", **common,
        ),
        samples.line(
            -10_000, -300, no=4, ref="201312020446", merchant_ref="0002",
            occurred_at="2013-12-02T10:45:13+08:00", original_ref="201312020446", **common,
        ),
        samples.line(
            -10_000, -300, no=5, ref="201312020447", merchant_ref="0004",
            occurred_at="2013-12-02T10:45:10+08:00", original_ref="201312020447", **common,
        ),
        samples.line(
            -10_000, -300, no=6, ref="201312020448", merchant_ref="0003",
            occurred_at="2013-12-02T10:45:09+08:00", **common,
        ),
    ]  # fmt: skip
    assert [(b.ref, b.wallet, b.currency, b.value_date) for b in statement.batches] == [
        ("20131202-HKD", "alipay", "HKD", None)
    ]
    assert (statement.identity, statement.records, statement.others) == (
        "208800000000 2013-12-02", 6, 2,
    )  # fmt: skip
    assert str(statement.period_from) == str(statement.period_to) == "2013-12-02"
    assert statement.problems == []


def test_a_payment_and_its_reversal_leave_nothing(path: Path) -> None:
    lines = [GOOD[0].replace("count:4", "count:2"), *GOOD[1:4]]
    _statement, read = samples.read_all(LAYOUT, put(path, lines), OPTIONS)
    assert sum(int(one.net) for one in read) == 0
    spelled = [*lines[:3], lines[3].replace("REVERSAL", "REVERSE")]
    assert samples.read_all(LAYOUT, put(path, spelled), OPTIONS)[1] == read


def test_the_oldest_files_have_eight_columns(path: Path) -> None:
    lines = [GOOD[0], *("|".join(line.split("|")[:8]) for line in GOOD[1:])]
    _statement, read = samples.read_all(LAYOUT, put(path, lines), OPTIONS)
    assert [(one.currency, one.gross, one.settled_currency, one.rate) for one in read] == [
        ("HKD", "10000", "HKD", ""), ("HKD", "-10000", "HKD", ""),
        ("HKD", "-10000", "HKD", ""), ("HKD", "-10000", "HKD", ""),
    ]  # fmt: skip


def test_blank_lines_and_another_order_change_nothing(path: Path) -> None:
    _statement, plain = samples.read_all(LAYOUT, put(path, GOOD), OPTIONS)
    turned = ["|".join(reversed(line.split("|"))) for line in GOOD[1:]]
    spaced = [GOOD[0], "", turned[0].upper()]
    for line in turned[1:]:
        spaced += [line.replace("|", " | "), " ", ""]
    statement, read = samples.read_all(LAYOUT, put(path, spaced), OPTIONS)
    assert [one._replace(no=0) for one in read] == [one._replace(no=0) for one in plain]
    assert [one.no for one in read] == [4, 7, 10, 13]
    assert (statement.records, statement.others) == (15, 11)


def test_gbk_is_read(path: Path) -> None:
    path.write_bytes("".join(f"{line}\n" for line in GOOD).replace("Fjord", "咖啡").encode("gbk"))
    _statement, lines = samples.read_all(LAYOUT, path, OPTIONS)
    assert [one.gross for one in lines] == ["10000", "-10000", "-10000", "-10000"]


@pytest.mark.parametrize("stated", ["3", "5", "0"])
def test_a_count_that_lies_is_refused(path: Path, stated: str) -> None:
    lines = [GOOD[0].replace("count:4", f"count:{stated}"), *GOOD[1:]]
    assert samples.errors(LAYOUT, put(path, lines), OPTIONS) == [("count_differs", 1)]


def test_a_lost_row_is_noticed(path: Path) -> None:
    for number in range(2, 6):
        lines = [*GOOD[:number], *GOOD[number + 1 :]]
        assert samples.errors(LAYOUT, put(path, lines), OPTIONS) == [("count_differs", 1)]


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "Partner:", "Merchant:", ("not_this_layout", 1)),
        (1, "Total_count:4", "Total_count:four", ("not_this_layout", 1)),
        (1, "2013-12-02", "2013-13-02", ("bad_date", 1)),
        (2, "Transaction_id", "Id", ("bad_columns", 2)),
        (2, "Remark", "Currency", ("duplicate_heading", 2)),
        (3, "|100|3|", "|-100|3|", ("bad_amount", 3)),
        (3, "|100|3|", "|100|-3|", ("bad_amount", 3)),
        (3, "|100|3|", "|1,00|3|", ("bad_amount", 3)),
        (3, "|100|3|", "|1e2|3|", ("bad_amount", 3)),
        (3, "|100|3|", "|100.005|3|", ("bad_amount", 3)),
        (3, "|HKD|", "|XXX|", ("currency_unknown", 3)),
        (3, "PAYMENT", "PAYOUT", ("unknown_type", 3)),
        (3, "2013-12-02 10", "2013-12-02 25", ("bad_date", 3)),
        (3, "|201312020445|", "||", ("bad_value", 3)),
        (3, "|0.031", "|0,031", ("bad_value", 3)),
        (3, "|0.031", "", ("bad_columns", 3)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new, 1), *GOOD[number:]]
    assert expected in samples.errors(LAYOUT, put(path, lines), OPTIONS)


def test_a_file_without_headings_is_cut(path: Path) -> None:
    assert samples.errors(LAYOUT, put(path, GOOD[:1]), OPTIONS) == [("truncated", 1)]


def test_an_absent_shop_is_not_guessed(path: Path) -> None:
    told = {"wallet": "alipay"}
    assert samples.errors(LAYOUT, put(path, GOOD), told) == [("bad_columns", 2)]
    told = {"wallet": "alipay", "stores": {"Fjord Coffee": "100007"}}
    _statement, lines = samples.read_all(LAYOUT, path, told)
    assert [one.store for one in lines] == ["100007"] * 4


def test_another_day_in_the_name_is_warned_of(tmp_path: Path) -> None:
    path = put(tmp_path / NAME.replace("20131202", "20131203"), GOOD)
    statement, _lines = samples.read_all(LAYOUT, path, OPTIONS)
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("bad_date", 1, False)
    ]
    assert str(statement.period_from) == "2013-12-02"


def test_ids_of_28_digits_stay_text(path: Path) -> None:
    long = "2017092221001000000009179004"
    lines = [line.replace("201312020445", long) for line in GOOD]
    _statement, read = samples.read_all(LAYOUT, put(path, lines), OPTIONS)
    assert read[0].ref == long


def test_what_the_text_cannot_say_is_not_written(path: Path) -> None:
    for one in (
        samples.line(kind="not_a_payment"), samples.line(100, -5), samples.line(-100, 5),
        samples.line(merchant_ref="a|b"),
    ):  # fmt: skip
        sheet = samples.sheet(LAYOUT, [one], wallet="alipay")
        with pytest.raises(CannotWrite):
            alipay_transactions.write(path, sheet, OPTIONS)


IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|"),
              min_size=1, max_size=64)  # fmt: skip
TEXTS = st.text(st.sampled_from("abcøß·-. 7Å咖啡"), max_size=30).map(str.strip)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for _number in range(draw(st.integers(0, 8))):
        sign = draw(st.sampled_from([1, -1]))
        minor = draw(st.integers(1, 10**11))
        price = draw(st.sampled_from(samples.CURRENCIES))
        paid = draw(st.sampled_from([price, "HKD"]))
        settled = minor if paid == price else draw(st.integers(1, 10**11))
        fee = draw(st.integers(0, 2 * settled))
        found.append(samples.line(
            sign * minor, sign * fee, ref=draw(IDS), store=draw(IDS), wallet="alipay",
            merchant_ref=draw(TEXTS), currency=price, settled_currency=paid,
            settled_gross=str(sign * settled), net=str(sign * (settled - fee)),
            rate="" if paid == price else "0.851",
            occurred_at=draw(st.sampled_from(["", "2026-10-14T23:59:59+08:00"])),
            original_ref=draw(TEXTS) if sign < 0 else "",
        ))  # fmt: skip
    return found


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet(LAYOUT, lines, wallet="alipay")
    numbers = alipay_transactions.write(path, sheet, OPTIONS)
    statement, read = samples.read_all(LAYOUT, path, OPTIONS)
    assert [one.code for one in statement.problems] == ["bad_date"]  # the name is another day's
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
