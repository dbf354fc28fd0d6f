"""Adyen's settlement details: debit and credit columns, four fees, a payout that proves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import adyen_settlement
from wallets.formats.statement import Line

OPTIONS = {"wallet": "adyen", "timezone": "Europe/Amsterdam"}
HEADINGS = [column.name for column in adyen_settlement.COLUMNS if column.name != "Store"]


def row(kind: str, **more: str) -> str:
    cells = {
        "Company Account": "TestCompany", "Merchant Account": "TestMerchant",
        "Creation Date": "2013-06-03 11:26:49", "TimeZone": "CET", "Type": kind,
        "Gross Currency": "GBP", "Net Currency": "GBP", "Exchange Rate": "1", "Batch Number": "4",
    }  # fmt: skip
    words = {
        "psp": "Psp Reference", "mod": "Modification Reference", "order": "Merchant Reference",
        "gd": "Gross Debit (GC)", "gc": "Gross Credit (GC)", "nd": "Net Debit (NC)",
        "nc": "Net Credit (NC)", "com": "Commission (NC)", "markup": "Markup (NC)",
        "scheme": "Scheme Fees (NC)", "inter": "Interchange (NC)",
    }  # fmt: skip
    cells |= {words.get(name, name.replace("_", " ")): text for name, text in more.items()}
    return ",".join(cells.get(name, "") for name in HEADINGS)


SALE = row(
    "Settled", psp="1813702551707653", mod="1713702551795048", order="3vpzf7", gc="5.00",
    nc="4.88", markup="0.04", scheme="0.01", inter="0.07",
)  # fmt: skip
CHARGEBACK = row(
    "Chargeback", psp="1313642467023511", mod="2313642467170922", gd="349.99", nd="357.49",
    com="7.5", Creation_Date="2013-03-26 22:37:26",
)  # fmt: skip
GOOD = [
    ",".join(HEADINGS),
    SALE,
    CHARGEBACK,
    row("Settled", psp="11", gc="400.00", nc="400.00", Creation_Date="2013-06-04 00:00:01"),
    row("Refunded", psp="11", mod="12", gd="10.00", nd="10.10", com="0.10"),
    row("Fee", mod="Transaction Fees June 2013", nd="2.29", TimeZone="BST"),
    row("MerchantPayout", mod="TX1XT batch 4", nd="35.00", Creation_Date="2013-06-11 04:55:40"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settlement_detail_report_batch_4.csv"


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_published_rows_are_read_and_their_payout_is_proved(path: Path) -> None:
    statement, lines = samples.read_all("adyen_settlement", put(path, GOOD), OPTIONS)
    assert statement.problems == []
    assert lines[0] == samples.line(
        500, 12, no=2, wallet="adyen", ref="1813702551707653", store="TestMerchant",
        currency="GBP", merchant_ref="3vpzf7", occurred_at="2013-06-03T11:26:49+02:00",
    )  # fmt: skip
    assert [(one.kind, one.ref, one.gross, one.fee, one.net) for one in lines[1:]] == [
        ("not_a_payment", "1313642467023511", "-34999", "750", "-35749"),
        ("sale", "11", "40000", "0", "40000"),
        ("refund", "12", "-1000", "10", "-1010"),
        ("not_a_payment", "Fee-4-6", "0", "229", "-229"),
    ]
    assert lines[3].original_ref == "11"
    (batch,) = statement.batches
    assert (batch.ref, batch.declared_net_minor) == ("TestMerchant-4-GBP", 3_500)
    assert (str(statement.period_from), str(statement.period_to)) == ("2013-06-03", "2013-06-04")
    assert statement.identity == "TestMerchant batch 4"
    assert (statement.records, statement.others) == (7, 2)


def test_a_conversion_keeps_both_currencies_and_the_rate(path: Path) -> None:
    lines = [
        GOOD[0],
        row("Settled", psp="1", gc="1199.00", nc="101.49", com="0.54", Exchange_Rate="0.0851",
            Gross_Currency="NOK", Net_Currency="EUR"),
        row("MerchantPayout", nd="101.49", Net_Currency="EUR"),
    ]  # fmt: skip
    statement, (line,) = samples.read_all("adyen_settlement", put(path, lines), OPTIONS)
    assert statement.problems == []
    assert (line.currency, line.gross, line.settled_currency) == ("NOK", "119900", "EUR")
    assert (line.settled_gross, line.fee, line.net) == ("10203", "54", "10149")
    assert line.rate == "0.0851"
    assert statement.batches[0].ref == "TestMerchant-4-EUR"


def test_a_rate_that_explains_nothing_is_told_once(path: Path) -> None:
    sale = row("Settled", psp="1", gc="1199.00", nc="101.49", Exchange_Rate="0.0951",
               Gross_Currency="NOK", Net_Currency="EUR")  # fmt: skip
    lines = [GOOD[0], sale, sale, row("MerchantPayout", nd="202.98", Net_Currency="EUR")]
    statement, found = samples.read_all("adyen_settlement", put(path, lines), OPTIONS)
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("bad_amount", 2, False)
    ]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("time", "letters", "instant"),
    [
        ("2026-10-14 12:00:00", "CET", "2026-10-14T12:00:00+02:00"),
        ("2026-10-14 12:00:00", "CEST", "2026-10-14T12:00:00+02:00"),
        ("2026-01-14 12:00:00", "CET", "2026-01-14T12:00:00+01:00"),
        ("2026-10-25 02:30:00", "CEST", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 02:30:00", "CET", "2026-10-25T02:30:00+01:00"),
        ("2026-10-14 12:00:00", "BST", "2026-10-14T12:00:00+01:00"),
        ("2026-10-14 12:00:00", "PDT", "2026-10-14T12:00:00-07:00"),
        ("2026-10-14 12:00:00", "PST", "2026-10-14T12:00:00-07:00"),
        ("2026-10-14 12:00:00", "XYZ", "2026-10-14T12:00:00+02:00"),
    ],
)  # fmt: skip
def test_the_letters_of_the_zone_say_where_the_clock_hangs(
    path: Path, time: str, letters: str, instant: str
) -> None:
    sale = row("Settled", psp="1", gc="1.00", nc="1.00", Creation_Date=time, TimeZone=letters)
    lines = [GOOD[0], sale, row("MerchantPayout", nd="1.00")]
    _statement, (line,) = samples.read_all("adyen_settlement", put(path, lines), OPTIONS)
    assert line.occurred_at == instant


def test_unknown_letters_need_the_zone_of_the_feed(path: Path) -> None:
    lines = [GOOD[0], SALE.replace("CET", "XYZ"), row("MerchantPayout", nd="4.88")]
    put(path, lines)
    assert samples.errors("adyen_settlement", path, {}) == [("bad_date", 2)]


def test_a_batch_that_moves_its_balance_on_needs_no_payout(path: Path) -> None:
    moved = row("Balancetransfer", mod="to batch 5", nc="10.10")
    lines = [GOOD[0], GOOD[4], moved]
    statement, found = samples.read_all("adyen_settlement", put(path, lines), OPTIONS)
    assert statement.problems == []
    assert [(one.kind, one.ref, one.gross, one.fee) for one in found] == [
        ("refund", "12", "-1000", "10"),
        ("not_a_payment", "Balancetransfer-4-3", "1010", "0"),
    ]


def test_a_type_that_nobody_published_is_counted_and_told_once(path: Path) -> None:
    new = row("Gift", psp="9", gc="1.00", nc="1.00")
    lines = [GOOD[0], new, new, row("MerchantPayout", nd="2.00")]
    statement, found = samples.read_all("adyen_settlement", put(path, lines), OPTIONS)
    assert [one.kind for one in found] == ["not_a_payment"] * 2
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("unknown_type", 2, False)
    ]


def test_two_payouts_of_a_batch_add_up(path: Path) -> None:
    lines = [*GOOD[:6], row("MerchantPayout", nd="30.00"), row("MerchantPayout", nd="5.00")]
    statement, _found = samples.read_all("adyen_settlement", put(path, lines), OPTIONS)
    assert (statement.problems, statement.batches[0].declared_net_minor) == ([], 3_500)


def test_merchants_with_equal_batch_numbers_are_told_apart(path: Path) -> None:
    lines = [*GOOD, *(line.replace("TestMerchant", "OtherMerchant") for line in GOOD[1:])]
    statement, found = samples.read_all("adyen_settlement", put(path, lines), OPTIONS)
    assert statement.problems == []
    assert [b.ref for b in statement.batches] == ["TestMerchant-4-GBP", "OtherMerchant-4-GBP"]
    assert {one.store for one in found} == {"TestMerchant", "OtherMerchant"}


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "Markup (NC)", "Marks", ("bad_columns", 1)),
        (1, "Company Account", "Type", ("duplicate_heading", 1)),
        (1, "Psp Reference", "Id", ("not_this_layout", 1)),
        (2, ",5.00,", ",5.0.0,", ("bad_amount", 2)),
        (2, ",5.00,", ",5.001,", ("bad_amount", 2)),
        (2, ",5.00,", ",-5.00,", ("bad_amount", 2)),
        (2, ",5.00,", ",5.01,", ("bad_amount", 2)),
        (2, ",,5.00,", ",1.00,5.00,", ("bad_amount", 2)),
        (2, ",,5.00,", ",5.00,,", ("bad_amount", 2)),
        (2, ",,5.00,", ",,,", ("bad_amount", 2)),
        (2, ",,4.88,", ",,,", ("bad_amount", 2)),
        (2, "0.04", "0.05", ("bad_amount", 2)),
        (2, "1813702551707653", "", ("bad_value", 2)),
        (2, "TestMerchant", "Test Merchant", ("bad_value", 2)),
        (2, "GBP,,4.88", "QQQ,,4.88", ("currency_unknown", 2)),
        (2, "11:26:49", "25:26:49", ("bad_date", 2)),
        (2, "TestCompany,", "", ("bad_columns", 2)),
        (3, "7.5", "7.6", ("bad_amount", 3)),
        (5, ",12,", ",,", ("bad_value", 5)),
        (7, "35.00", "35.01", ("total_differs", 7)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new, 1), *GOOD[number:]]
    assert samples.errors("adyen_settlement", put(path, lines), OPTIONS)[0] == expected


def test_a_file_that_ends_before_its_payout_was_cut(path: Path) -> None:
    assert samples.errors("adyen_settlement", put(path, GOOD[:-1]), OPTIONS) == [("truncated", 6)]
    assert samples.errors("adyen_settlement", put(path, GOOD[:1]), OPTIONS) == [("truncated", 0)]


IDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=',"'),
    min_size=1, max_size=40,
)  # fmt: skip
TEXTS = st.text(st.sampled_from("abcøéß·-. 7ÅÑ"), max_size=30).map(str.strip)
TIMES = ["", "2026-10-14T00:00:00+02:00", "2026-02-28T23:59:59+01:00",
         "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+02:00"]  # fmt: skip


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for _number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["sale", "refund", "not_a_payment"]))
        minor, fee = draw(st.integers(0, 10**11)), draw(st.integers(-(10**6), 10**6))
        sign = -1 if kind == "refund" or (kind == "not_a_payment" and draw(st.booleans())) else 1
        common = {
            "kind": kind, "ref": draw(IDS), "store": draw(IDS), "wallet": "adyen",
            "merchant_ref": draw(TEXTS), "occurred_at": draw(st.sampled_from(TIMES)),
            "currency": draw(st.sampled_from(samples.CURRENCIES)),
            "original_ref": draw(st.one_of(st.just(""), IDS)) if kind == "refund" else "",
        }  # fmt: skip
        if common["currency"] != "EUR" and draw(st.booleans()):
            settled = sign * draw(st.integers(0, 10**11))
            common |= {"settled_currency": "EUR", "settled_gross": str(settled),
                       "net": str(settled - fee), "rate": "0.0851"}  # fmt: skip
        found.append(samples.line(sign * minor, fee, **common))
    return found


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("adyen_settlement", lines, wallet="adyen")
    numbers = adyen_settlement.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("adyen_settlement", path, OPTIONS)
    assert {one.code for one in statement.problems} <= {"bad_amount"}
    assert not any(one.is_error for one in statement.problems)
    assert [one._replace(no=0, batch=0) for one in read] == [
        one._replace(batch=0) for one in sheet.lines
    ]
    assert [one.no for one in read] == numbers
    assert [statement.batches[one.batch].ref for one in read] == [
        sheet.batches[one.batch].ref for one in sheet.lines
    ]
