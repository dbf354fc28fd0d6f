"""Pivo's transferred transactions: short decimal commas, fees as rows, a Transfer that proves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import mobilepay_csv
from wallets.formats.columns import CannotWrite, short_text
from wallets.formats.statement import Line

OPTIONS = {"wallet": "pivo", "timezone": "Europe/Helsinki"}
HEADINGS = [column.name for column in mobilepay_csv.COLUMNS]
REFERENCE = "00020200201123456789"


def row(kind: str, amount: str, ref: str = "", currency: str = "EUR", **more: str) -> str:
    cells = {
        "Company Reg No": "1234567-8", "Merchant Name": '"Kahvila; Oy"', "Type": kind,
        "Amount": amount, "Currency": currency, "Timestamp": "2020-01-19 19:45:13Z",
        "Date": "19-01-2020", "Merchant Reference": "table-7", "Payment Transaction ID": ref,
        "Location ID": "100001", "Transfer Reference Date": "01-02-2020",
        "Transfer Reference": REFERENCE,
    }  # fmt: skip
    if kind == "Transfer":
        cells |= {"Message": "2020-01-19/2020-01-31", "Timestamp": ""}
    cells |= {name.replace("_", " "): text for name, text in more.items()}
    return ";".join(cells.get(name, "") for name in HEADINGS)


GOOD = [
    ";".join(HEADINGS),
    row("Payment", "190,0", "2f55714b"),
    row("TransactionFee", "-1,97", "2f55714b"),
    row("Refund", "-12,55", "3a"),
    row("Payment", "5", "4b"),
    row("Transfer", "180,48"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pivo_1.csv"


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def read(path: Path, lines: list[str]) -> list[tuple[str, str, str, str]]:
    statement, found = samples.read_all("mobilepay_csv", put(path, lines), OPTIONS)
    assert statement.problems == []
    return [(one.ref, one.kind, one.gross, one.fee) for one in found]


def test_published_amounts_and_dates_are_read(path: Path) -> None:
    statement, lines = samples.read_all("mobilepay_csv", put(path, GOOD), OPTIONS)
    assert lines[0] == samples.line(
        19_000, 197, no=2, wallet="pivo", ref="2f55714b", currency="EUR",
        occurred_at="2020-01-19T19:45:13+00:00",
    )  # fmt: skip
    assert (lines[1].kind, lines[1].gross, lines[1].fee) == ("refund", "-1255", "0")
    (batch,) = statement.batches
    assert (batch.ref, str(batch.value_date)) == (f"{REFERENCE}-EUR", "2020-02-01")
    assert (batch.declared_net_minor, batch.declared_count) == (18_048, None)
    assert (str(statement.period_from), str(statement.period_to)) == ("2020-01-19", "2020-01-31")
    assert (statement.records, statement.others) == (6, 3)
    assert statement.identity == f"transfer {REFERENCE} 2020"


@pytest.mark.parametrize("order", [(1, 3, 2, 4, 5), (2, 1, 3, 4, 5), (1, 3, 4, 2, 5)])
def test_a_fee_finds_its_payment_wherever_it_stands(path: Path, order: tuple[int, ...]) -> None:
    found = read(path, [GOOD[0], *(GOOD[number] for number in order)])
    assert sorted(found) == [
        ("2f55714b", "sale", "19000", "197"),
        ("3a", "refund", "-1255", "0"),
        ("4b", "sale", "500", "0"),
    ]


def test_the_published_fee_row_is_larger_than_its_neighbour(path: Path) -> None:
    lines = [
        GOOD[0], row("Payment", "190,0", "2f55714b"), row("Payment", "19700,0", "3c"),
        row("TransactionFee", "-197,0", "3c"), row("Transfer", "19693,0"),
    ]  # fmt: skip
    assert read(path, lines) == [
        ("2f55714b", "sale", "19000", "0"),
        ("3c", "sale", "1970000", "19700"),
    ]


def test_every_published_type_has_its_place(path: Path) -> None:
    lines = [
        *GOOD[:3], row("Refund", "-12,55", "3a"), row("ServiceFee", "-1,5", "S1"),
        row("ReturnedTransaction", "-3", "T1"), row("Adjustment", "2", "A1"),
        row("Transfer", "172,98"),
    ]  # fmt: skip
    assert [(kind, gross, fee) for _ref, kind, gross, fee in read(path, lines)] == [
        ("sale", "19000", "197"), ("refund", "-1255", "0"), ("not_a_payment", "0", "150"),
        ("not_a_payment", "-300", "0"), ("not_a_payment", "200", "0"),
    ]  # fmt: skip


def test_a_transfer_reference_that_returns_after_a_year_names_another_file() -> None:
    def named(date: str) -> str:
        line = row("Payment", "1,0", "a", Transfer_Reference_Date=date)
        return mobilepay_csv.identify("x.csv", f"{GOOD[0]}\n{line}\n".encode(), OPTIONS)

    assert named("01-02-2020") == named("03-02-2020") == f"transfer {REFERENCE} 2020"
    assert named("01-02-2021") == f"transfer {REFERENCE} 2021"
    assert named("") == f"transfer {REFERENCE}"


def test_quoted_headings_and_a_quoted_transfer_are_read(path: Path) -> None:
    lines = [";".join(f'"{name}"' for name in HEADINGS), *GOOD[1:]]
    lines[5] = lines[5].replace("Transfer;", '"Transfer";', 1)
    assert len(read(path, lines)) == 3


def test_a_file_of_the_reporting_api_has_no_transfer_row(path: Path) -> None:
    lines = [*GOOD[:4], row("Payment", "5", "4b", Date="21-01-2020")]
    assert samples.errors("mobilepay_csv", put(path, lines), OPTIONS) == [("truncated", 5)]
    options = {**OPTIONS, "without_transfer_row": True}
    statement, found = samples.read_all("mobilepay_csv", path, options)
    assert statement.problems == []
    assert [one.net for one in found] == ["18803", "-1255", "500"]
    assert (str(statement.period_from), str(statement.period_to)) == ("2020-01-19", "2020-01-21")
    assert statement.batches[0].declared_net_minor is None
    with_row = put(path, [*lines, row("Transfer", "180,49", Message="payout")])
    assert samples.errors("mobilepay_csv", with_row, options) == [("total_differs", 6)]


@pytest.mark.parametrize(
    ("column", "store"), [("Payment Point ID", "PP-9"), ("MyShop Number", "7")]
)
def test_another_column_can_name_the_store(path: Path, column: str, store: str) -> None:
    lines = [GOOD[0], row("Payment", "1,0", "a", **{column: store}), row("Transfer", "1,0")]
    put(path, lines)
    _statement, (line,) = samples.read_all(
        "mobilepay_csv", path, {**OPTIONS, "store_column": column}
    )
    assert line.store == store
    for wrong in ("Beacon ID", "Nothing"):
        told = {**OPTIONS, "store_column": wrong}
        assert samples.errors("mobilepay_csv", path, told) == [("bad_columns", 1)]


def test_a_quote_is_not_written(path: Path) -> None:
    sheet = samples.sheet("mobilepay_csv", [samples.line(merchant_ref='a"b')], wallet="pivo")
    with pytest.raises(CannotWrite):
        mobilepay_csv.write(path, sheet, OPTIONS)


IDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=';"'),
    min_size=1, max_size=40,
)  # fmt: skip


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["sale", "refund", "not_a_payment"]))
        minor, fee = draw(st.integers(0, 10**11)), draw(st.integers(-(10**6), 10**6))
        if kind == "refund" or (kind == "not_a_payment" and draw(st.booleans())):
            minor = -minor
        found.append(samples.line(
            minor, fee, kind=kind, ref=f"{number}-{draw(IDS)}", store=draw(IDS), wallet="pivo",
            merchant_ref=draw(st.sampled_from(["", "table 7", "pöytä 9"])),
            currency=draw(st.sampled_from(samples.CURRENCIES)),
            occurred_at=draw(st.sampled_from(["", "2026-10-14T22:30:00+00:00"])),
        ))  # fmt: skip
    return found


@given(lines=some_lines(), data=st.data())
@samples.PROPERTY
def test_any_lines_come_back_however_the_fees_stand(
    path: Path, lines: list[Line], data: st.DataObject
) -> None:
    sheet = samples.sheet("mobilepay_csv", lines, wallet="pivo")
    numbers = mobilepay_csv.write(path, sheet, OPTIONS)
    statement, found = samples.read_all("mobilepay_csv", path, OPTIONS)
    assert statement.problems == []
    assert [one.no for one in found] == numbers
    assert [one._replace(no=0) for one in found] == sheet.lines
    heading, *rows = path.read_text(encoding="utf-8").splitlines()
    moved = [one for one in rows if ";Transfer;" not in one]
    totals = [one for one in rows if ";Transfer;" in one]
    put(path, [heading, *data.draw(st.permutations(moved)), *totals])
    statement, found = samples.read_all("mobilepay_csv", path, OPTIONS)
    assert statement.problems == []
    unmoved = ("ref", "kind", "gross", "fee", "net", "currency", "store", "occurred_at")
    assert sorted(tuple(getattr(one, name) for name in unmoved) for one in found) == sorted(
        tuple(getattr(one, name) for name in unmoved) for one in lines
    )


def test_a_returned_fee_and_two_fees_add_up(path: Path) -> None:
    lines = [
        GOOD[0], GOOD[1], GOOD[2], row("TransactionFee", "-0,03", "2f55714b"), GOOD[3],
        row("TransactionFee", "0,13", "3a"), row("Transfer", "175,58"),
    ]  # fmt: skip
    assert read(path, lines) == [
        ("2f55714b", "sale", "19000", "200"),
        ("3a", "refund", "-1255", "-13"),
    ]


def test_a_fee_without_its_payment_and_a_service_fee_are_no_payments(path: Path) -> None:
    lines = [
        *GOOD[:5], row("TransactionFee", "-0,20", "gone"),
        row("ServiceFee", "-1,5", "S1", Location_ID=""), row("Adjustment", "2", "A1"),
        row("Transfer", "180,78"),
    ]  # fmt: skip
    found = read(path, lines)
    assert found[3:] == [
        ("S1", "not_a_payment", "0", "150"),
        ("A1", "not_a_payment", "200", "0"),
        ("gone", "not_a_payment", "0", "20"),
    ]


def test_the_same_payment_twice_is_two_lines_with_a_fee_each(path: Path) -> None:
    lines = [*GOOD[:3], *GOOD[1:3], row("Transfer", "376,06")]
    assert read(path, lines) == [("2f55714b", "sale", "19000", "197")] * 2


def test_movements_come_back_as_they_were(path: Path) -> None:
    common = {"wallet": "pivo", "occurred_at": "2026-10-14T10:30:00+00:00", "currency": "EUR"}
    lines = [
        samples.line(0, 150, kind="not_a_payment", ref="S1", store="", **common),
        samples.line(-200, 0, kind="not_a_payment", ref="A1", **common),
        samples.line(-500, -13, ref="R1", **common),
    ]
    sheet = samples.sheet("mobilepay_csv", lines, wallet="pivo")
    mobilepay_csv.write(path, sheet, OPTIONS)
    _statement, found = samples.read_all("mobilepay_csv", path, OPTIONS)
    assert [one._replace(no=0) for one in found] == sheet.lines


@pytest.mark.parametrize(
    ("number", "line", "expected"),
    [
        (1, GOOD[0].replace("Amount", "Sum"), ("bad_columns", 1)),
        (1, GOOD[0].replace("Loyalty ID", "Amount"), ("duplicate_heading", 1)),
        (1, "a;b;c", ("not_this_layout", 1)),
        (2, row("Payment", "190.0", "2f55714b"), ("bad_amount", 2)),
        (2, row("Payment", "190,001", "2f55714b"), ("bad_amount", 2)),
        (2, row("Payment", "1 190,0", "2f55714b"), ("bad_amount", 2)),
        (2, row("Payment", "-190,0", "2f55714b"), ("bad_amount", 2)),
        (2, row("Pay", "190,0", "2f55714b"), ("unknown_type", 2)),
        (2, row("Payment", "190,0", "2f55714b", Timestamp="2020-01-19"), ("bad_date", 2)),
        (2, row("Payment", "190,0", "2f55714b", Location_ID=""), ("bad_value", 2)),
        (2, row("Payment", "190,0", "2f55714b") + ";", ("bad_columns", 2)),
        (2, row("Payment", "190,0", "2f55714b").replace('Oy"', "Oy"), ("bad_value", 2)),
        (2, row("Payment", "190,0", ""), ("bad_value", 2)),
        (2, row("Payment", "190,0", "2f55714b", "QQQ"), ("currency_unknown", 2)),
        (3, row("TransactionFee", "-1,97", "2f55714b", "SEK"), ("bad_value", 2)),
        (6, row("Transfer", "180,49"), ("total_differs", 6)),
        (6, row("Transfer", "180,48", Message="2020-01-19"), ("bad_date", 6)),
        (6, row("Transfer", "180,48", "", "SEK"), ("total_differs", 6)),
        (6, row("Payment", "1,0", "9"), ("truncated", 6)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, line: str, expected: tuple[str, int]
) -> None:
    lines = [*GOOD[: number - 1], line, *GOOD[number:]]
    assert samples.errors("mobilepay_csv", put(path, lines), OPTIONS)[0] == expected


def test_nothing_follows_the_transfer(path: Path) -> None:
    lines = [*GOOD, row("Payment", "1,0", "9")]
    assert samples.errors("mobilepay_csv", put(path, lines), OPTIONS) == [("bad_value", 7)]


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(19_000, "EUR", "190,0"), (-19_700, "EUR", "-197,0"), (5, "EUR", "0,05"),
     (4990, "ISK", "4990,0"), (1250, "EUR", "12,5")],
)  # fmt: skip
def test_amounts_are_written_with_as_few_decimals(minor: int, currency: str, text: str) -> None:
    assert short_text(minor, currency, ",") == text
