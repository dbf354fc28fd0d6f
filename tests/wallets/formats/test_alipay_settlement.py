"""Alipay's settlement text: unsigned amounts, columns by heading, the day in the name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import money
from tests.wallets.formats import samples
from wallets.formats import alipay_settlement
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

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
        (2, "2017-09-22 11:04:13", "22/09/2017 11:04:13", ("bad_date", 2)),
        (2, "2017-09-22 11:04:13", "2017-09-31", ("bad_date", 2)),
        (2, "2017-09-22 11:04:13", "2017.09.22 11:04:13", ("bad_date", 2)),
        (2, "2017-09-28 15:36:00", "28/09/2017 15:36:00", ("bad_date", 2)),
        (2, "|0.0|0.0|2864.26|", "|0.01|0.0|2864.26|", ("bad_amount", 2)),
        (2, "|0.0|0.0|2864.26|", "|-0.01|0.0|2864.27|", ("bad_amount", 2)),
        (2, "|2864.26|", "|-2864.26|", ("bad_amount", 2)),
        (3, "|555.0|", "|-555.0|", ("bad_amount", 3)),
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


def test_the_rmb_side_is_the_payers_and_only_information(path: Path) -> None:
    assert money.convert(289_905, "HKD", "CNY", "0.85329000") == 247_373
    changed = [line.replace("2473.73", "9.99").replace("473.58", "9.99") for line in GOOD]
    _statement, lines = samples.read_all("alipay_settlement", put(path, changed), OPTIONS)
    _statement, plain = samples.read_all("alipay_settlement", put(path, GOOD), OPTIONS)
    assert lines == plain


def test_what_is_distributed_leaves_the_settlement_and_is_warned_of_once(path: Path) -> None:
    lines = [
        HEADINGS,
        SALE.replace("|0.0|0.0|2864.26|", "|64.26|54.83|2800.00|"),
        REFUND.replace("|0.0|0.0|548.34|", "|48.34|41.25|500.00|"),
    ]
    statement, read = samples.read_all("alipay_settlement", put(path, lines), OPTIONS)
    assert [(one.gross, one.fee, one.net) for one in read] == [
        ("289905", "9905", "280000"), ("-55500", "-5500", "-50000"),
    ]  # fmt: skip
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("bad_value", 2, False)
    ]


HONG_KONG = [
    "Partner_transaction_id,Transaction_id,Amount,Fee,Settlement,Currency,Payment_time,"
    "Settlement_time,Issue,Product,Type,Status,Remarks,Original_partner_transaction_ID",
    "ORDER-1 ,2018122519401080010016065,852.40 ,8.52 ,843.88 ,HKD,12/26/2018 00:55:09,"
    "12/27/2018 09:40:00,ALIPAYHK,CASHIER_PAY,PAYMENT,SETTLED,,",
    "REFUND-1,2018122519401080010016066,0.2,0,-0.2,HKD,12/26/2018 0:56,12/27/2018 9:40,"
    "ALIPAYCN,CASHIER_PAY,REFUND,SETTLED,,ORDER-1",
    "2018122019401080010016067,2018122019401080010016067,0.3,0,-0.3,HKD,2018-12-20,2018-12-27,"
    "ALIPAYHK,CASHIER_PAY,CANCEL,SETTLED,,",
]
HK_NAME = "2188400000007080_settle_20181226_50002018122600000000000000000000.csv"


def test_the_hong_kong_files_are_read_too(tmp_path: Path) -> None:
    path = put(tmp_path / HK_NAME, HONG_KONG)
    told = {
        "wallet": "alipay", "store": "100001",
        "wallets": {"ALIPAYHK": "alipayhk", "ALIPAYCN": "alipay"},
    }  # fmt: skip
    statement, read = samples.read_all("alipay_settlement", path, told)
    assert [(one.wallet, one.kind, one.gross, one.fee, one.net) for one in read] == [
        ("alipayhk", "sale", "85240", "852", "84388"),
        ("alipay", "refund", "-20", "0", "-20"),
        ("alipayhk", "refund", "-30", "0", "-30"),
    ]
    assert [one.occurred_at for one in read] == [
        "2018-12-26T00:55:09+08:00", "2018-12-26T00:56:00+08:00", "",
    ]  # fmt: skip
    assert [one.original_ref for one in read] == ["", "ORDER-1", ""]
    assert [(b.ref, b.wallet, str(b.value_date)) for b in statement.batches] == [
        ("50002018122600000000000000000000-HKD", "alipayhk", "2018-12-27"),
        ("50002018122600000000000000000000-HKD", "alipay", "2018-12-27"),
    ]
    assert statement.identity == ("2188400000007080 2018-12-26 50002018122600000000000000000000")
    assert statement.identity == alipay_settlement.identify(HK_NAME, b"", told)
    assert [one.store for one in read] == ["100001"] * 3


def test_the_batches_of_a_day_are_files_of_their_own() -> None:
    other = HK_NAME.replace("5000201812260", "5000201812261")
    assert alipay_settlement.identify(HK_NAME, b"", {}) != alipay_settlement.identify(
        other, b"", {}
    )


def test_shops_are_told_apart_by_a_table_of_names(path: Path) -> None:
    heading = HEADINGS.replace("Store_id", "Secondary_merchant_name|Secondary_merchant_id")
    rows = [SALE.replace("|100001", "|Fjord Coffee|"), REFUND.replace("|100001", "|Kafé|K-7")]
    put(path, [heading, *rows])
    told = {**OPTIONS, "stores": {"Fjord Coffee": "100001", "K-7": "100002"}}
    _statement, lines = samples.read_all("alipay_settlement", path, told)
    assert [one.store for one in lines] == ["100001", "100002"]
    told = {**OPTIONS, "stores": {"Fjord Coffee": "100001"}}
    (problem,) = samples.problems("alipay_settlement", path, told)
    assert (problem.code, problem.line_no) == ("bad_value", 3)
    assert "'K-7'" in problem.text
    assert "'stores'" in problem.text
    assert samples.errors("alipay_settlement", path, OPTIONS) == [("bad_columns", 1)]


def test_a_contract_may_call_its_columns_otherwise(path: Path) -> None:
    renamed = [
        HEADINGS.replace("Store_id", "Shop no").lower().replace("|type|", "|KIND|"),
        *GOOD[1:],
    ]
    told = {**OPTIONS, "headings": {"shop no": "Store_id", "Kind": "Type"}}
    _statement, lines = samples.read_all("alipay_settlement", put(path, renamed), told)
    _statement, plain = samples.read_all("alipay_settlement", put(path, GOOD), OPTIONS)
    assert lines == plain


IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|"),
              min_size=1, max_size=64)  # fmt: skip
TEXTS = st.text(st.sampled_from("abcøß·-. 7Å咖啡"), max_size=30).map(str.strip)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for _number in range(draw(st.integers(0, 8))):
        sign = draw(st.sampled_from([1, -1]))
        minor = draw(st.integers(1, 10**11))
        fee = draw(st.integers(0, minor))
        currency = draw(st.sampled_from(samples.CURRENCIES))
        found.append(samples.line(
            sign * minor, sign * fee, ref=draw(IDS), store=draw(IDS), wallet="alipay",
            merchant_ref=draw(TEXTS), currency=currency,
            occurred_at=draw(st.sampled_from(["", "2026-10-14T23:59:59+08:00"])),
            original_ref=draw(TEXTS) if sign < 0 else "",
        ))  # fmt: skip
    return found


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("alipay_settlement", lines, wallet="alipay")
    numbers = alipay_settlement.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("alipay_settlement", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
