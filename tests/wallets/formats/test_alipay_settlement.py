"""Alipay's settlement text: unsigned amounts, columns by heading, the day in the name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wallets.formats import samples
from wallets.formats import alipay_settlement
from wallets.formats.columns import CannotWrite

OPTIONS = {"wallet": "alipay", "timezone": "Asia/Shanghai", "partner_id": "2088100200300400"}
NAME = "alipay_2088100200300400_settlement_20170922.txt"
HEADINGS = (
    "Partner_transaction_id|Transaction_id|Amount|Rmb_amount|Fee|Distribute_amount|"
    "Distribute_rmb_amount|Settlement|Rmb_settlement|Currency|Rate|Payment_time|"
    "Settlement_time|Type|Status|Remarks|Store_id"
)
SALE = (
    "GDR-EP-5727441|2017092221001000000009179004|2899.05|2473.73|34.79|0.0|0.0|2864.26|2444.04|"
    "HKD|0.85329000|2017-09-22 11:04:13|2017-09-28 15:36:00|P|L||100001"
)
REFUND = (
    "FOREXREFUND_2017092700641633|2017092221001000000009179005|555.0|473.58|6.66|0.0|0.0|548.34|"
    "467.9|HKD|0.85329000|2017-09-22 12:00:00|2017-09-28 15:36:00|R|P|GDR-EP-5727442|100001"
)
GOOD = [HEADINGS, SALE, REFUND]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_the_published_rows_are_read_with_their_signs(path: Path) -> None:
    statement, lines = samples.read_all("alipay_settlement", put(path, GOOD), OPTIONS)
    common = {"wallet": "alipay", "currency": "HKD", "store": "100001", "batch": 0}
    assert lines == [
        samples.line(
            289_905, 3_479, no=2, ref="2017092221001000000009179004",
            merchant_ref="GDR-EP-5727441", occurred_at="2017-09-22T11:04:13+08:00", **common,
        ),
        samples.line(
            -55_500, -666, no=3, ref="2017092221001000000009179005",
            merchant_ref="FOREXREFUND_2017092700641633",
            occurred_at="2017-09-22T12:00:00+08:00", original_ref="GDR-EP-5727442", **common,
        ),
    ]  # fmt: skip
    assert (lines[0].net, lines[1].net) == ("286426", "-54834")
    (batch,) = statement.batches
    assert (batch.ref, batch.currency, str(batch.value_date)) == (
        "20170922-HKD", "HKD", "2017-09-28",
    )  # fmt: skip
    assert batch.declared_count is None
    assert str(statement.period_from) == str(statement.period_to) == "2017-09-22"
    assert statement.identity == "2088100200300400 2017-09-22"
    assert (statement.records, statement.others) == (3, 1)


def test_without_distribute_columns_and_in_another_order_it_reads_the_same(path: Path) -> None:
    _statement, plain = samples.read_all("alipay_settlement", put(path, GOOD), OPTIONS)
    names = HEADINGS.split("|")
    keep = [
        number for number, name in enumerate(names) if not name.startswith("Distribute")
    ][::-1]  # fmt: skip
    lines = ["|".join(line.split("|")[number] for number in keep) for line in GOOD]
    padded = [lines[0], "", lines[1].replace("|", " |"), lines[2]]
    statement, read = samples.read_all("alipay_settlement", put(path, padded), OPTIONS)
    assert [one._replace(no=0) for one in read] == [one._replace(no=0) for one in plain]
    assert [one.no for one in read] == [3, 4]
    assert (statement.records, statement.others) == (4, 2)


def test_gbk_is_read(path: Path) -> None:
    heading = HEADINGS + "|Secondary_merchant_name"
    rows = [SALE + "|Fjord Coffee", REFUND + "|咖啡店"]
    path.write_bytes("\n".join([heading, *rows, ""]).encode("gbk"))
    _statement, lines = samples.read_all("alipay_settlement", path, OPTIONS)
    assert [one.gross for one in lines] == ["289905", "-55500"]
    path.write_bytes(path.read_bytes()[:-2] + b"\xff\n")
    assert samples.errors("alipay_settlement", path, OPTIONS) == [("bad_encoding", 3)]


def test_a_converted_payment_keeps_the_price_side(path: Path) -> None:
    heading = HEADINGS + "|Trans_currency|Trans_amount|Trans_forex_rate"
    lines = [heading, SALE + "|NOK|3400.0|0.852661", REFUND + "|HKD|555.0|1"]
    _statement, read = samples.read_all("alipay_settlement", put(path, lines), OPTIONS)
    assert [(one.currency, one.gross, one.settled_currency, one.rate) for one in read] == [
        ("NOK", "340000", "HKD", "0.852661"), ("HKD", "-55500", "HKD", ""),
    ]  # fmt: skip


def test_a_conversion_comes_back_as_it_was(path: Path) -> None:
    one = samples.line(
        -119_900, -54, wallet="alipay", settled_currency="EUR", settled_gross="-10203",
        net="-10149", rate="0.0851", occurred_at="2026-10-14T12:30:00+08:00",
        original_ref="2017092221001000000009179004",
    )  # fmt: skip
    sheet = samples.sheet("alipay_settlement", [one], wallet="alipay")
    alipay_settlement.write(path, sheet, OPTIONS)
    _statement, lines = samples.read_all("alipay_settlement", path, OPTIONS)
    assert [line._replace(no=0) for line in lines] == sheet.lines


def test_what_failed_at_alipay_moves_no_money_and_is_warned_of(path: Path) -> None:
    lines = [HEADINGS, SALE.replace("|P|L|", "|P|F|"), REFUND]
    statement, read = samples.read_all("alipay_settlement", put(path, lines), OPTIONS)
    assert [(one.kind, one.gross, one.fee) for one in read] == [
        ("not_a_payment", "0", "0"), ("refund", "-55500", "-666"),
    ]  # fmt: skip
    (warning,) = statement.problems
    assert (warning.code, warning.line_no, warning.is_error) == ("bad_value", 2, False)


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "Transaction_id|", "Id|", ("not_this_layout", 1)),
        (1, "Store_id", "Shop", ("bad_columns", 1)),
        (1, "Remarks", "Fee", ("duplicate_heading", 1)),
        (2, "2899.05", "-2899.05", ("bad_amount", 2)),
        (2, "2899.05", "2,899.05", ("bad_amount", 2)),
        (2, "2899.05", "2899.051", ("bad_amount", 2)),
        (2, "2899.05", "NaN", ("bad_amount", 2)),
        (2, "2864.26", "2864.27", ("bad_amount", 2)),
        (2, "HKD", "HK$", ("currency_unknown", 2)),
        (2, "|P|L|", "|X|L|", ("unknown_type", 2)),
        (2, "|P|L|", "|P|X|", ("unknown_type", 2)),
        (2, "2017-09-22 11:04:13", "09/22/2017 11:04:13", ("bad_date", 2)),
        (2, "2017-09-28 15:36:00", "28.09.2017", ("bad_date", 2)),
        (2, "2017092221001000000009179004", "", ("bad_value", 2)),
        (2, "|100001", "|", ("bad_value", 2)),
        (2, "|100001", "", ("bad_columns", 2)),
        (3, "|100001", "", ("truncated", 3)),
        (3, "|100001", "|100001|x", ("truncated", 3)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new, 1), *GOOD[number:]]
    found = samples.errors("alipay_settlement", put(path, lines), OPTIONS)
    assert expected in found


def test_a_last_line_without_its_end_is_cut(path: Path) -> None:
    path.write_text("\n".join(GOOD))
    assert samples.errors("alipay_settlement", path, OPTIONS) == [("truncated", 3)]


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        (NAME, "2088100200300400 2017-09-22"),
        ("alipay_2088100200300400_settlement_20170922_2.txt", "2088100200300400 2017-09-22"),
        ("alipay_2088100200300400_settlement_20170922-corrected.txt",
         "2088100200300400 2017-09-22"),
        ("2088999900001111_settlement_20170922.txt", "2088999900001111 2017-09-22"),
        ("settlement_20170922.txt", "2088100200300400 2017-09-22"),
        ("alipay_settlement_20171322.txt", "alipay_settlement_20171322"),
        ("alipay.txt", "alipay"),
    ],
)  # fmt: skip
def test_the_name_says_whose_and_of_which_day(name: str, identity: str) -> None:
    assert alipay_settlement.identify(name, b"", OPTIONS) == identity


def test_the_name_may_come_beside_the_bytes(tmp_path: Path) -> None:
    path = put(tmp_path / "0123abcd", GOOD)
    assert samples.errors("alipay_settlement", path, OPTIONS) == [("bad_date", 0)]
    statement, _lines = samples.read_all("alipay_settlement", path, {**OPTIONS, "name": NAME})
    assert statement.identity == "2088100200300400 2017-09-22"


def test_what_the_text_cannot_say_is_not_written(path: Path) -> None:
    for one in (
        samples.line(kind="not_a_payment"), samples.line(100, -5), samples.line(-100, 5),
        samples.line(100, 200), samples.line(merchant_ref="a|b"),
    ):  # fmt: skip
        sheet = samples.sheet("alipay_settlement", [one], wallet="alipay")
        with pytest.raises(CannotWrite):
            alipay_settlement.write(path, sheet, OPTIONS)
