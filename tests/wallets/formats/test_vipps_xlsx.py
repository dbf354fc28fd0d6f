"""The portal's workbook: blocks of several units, totals proved, names of payers left behind."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import vipps_xlsx
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

OPTIONS = {"wallet": "vipps", "timezone": "Europe/Oslo"}
PERSONAL = ("Fornavn", "Etternavn", "Melding")
HEADINGS = [*(column.name for column in vipps_xlsx.COLUMNS), *PERSONAL]


def sold(
    unit: str, ref: Any, gross: Any, fee: Any, net: Any, settlement: str, **cells: Any
) -> list[Any]:
    return [
        cells.get("day", "28.11.2019"), "Te", unit, "Vipps Bedrift", ref, cells.get("order", ""),
        gross, fee, net, cells.get("kind", "Salg"), settlement, cells.get("paid", "01.12.2019"),
        "", "", "Nora", "Eksempel", "Takk for teen",
    ]  # fmt: skip


GOOD: list[list[Any]] = [
    ["Oppgjørsrapport"],
    ["Bedriften", "", "Kjøkken og te"],
    ["Organisasjonsnummer", "", "999999999"],
    ["Fra dato", "", "01.12.2019"],
    ["Til dato", "", "31.12.2019"],
    [],
    [],
    HEADINGS,
    sold("16655", "5584146378", 100.0, -2.25, 97.75, "2000004", day="25.11.2019"),
    sold("16655", "5584146379", 500.0, -7.5, 492.5, "2000004", order="17"),
    sold("16655", "5584146380", -40, 0, -40, "2000004", kind="Refundering", order="17"),
    ["Til utbetaling netto", *[""] * 9, "2000004", "01.12.2019", 550.25, "05030000001"],
    [],
    sold("513428", "6000000001", "19,70", "-0.30", "19.40", "2000004", order="0017"),
    ["Til utbetaling netto", "Te", "513428", *[""] * 7, "2000004", "01.12.2019", "19.40", ""],
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vipps.xlsx"


def put(path: Path, rows: list[list[Any]]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        for number, row in enumerate(rows):
            for position, cell in enumerate(row):
                if isinstance(cell, datetime):
                    page.write_datetime(number, position, cell, day)
                elif isinstance(cell, str):
                    page.write_string(number, position, cell)
                else:
                    page.write_number(number, position, cell)
    return path


def changed(number: int, position: int, cell: Any) -> list[list[Any]]:
    rows = [list(row) for row in GOOD]
    rows[number - 1][position] = cell
    return rows


def test_blocks_of_several_units_are_read_and_proved(path: Path) -> None:
    statement, lines = samples.read_all("vipps_xlsx", put(path, GOOD), OPTIONS)
    assert statement.problems == []
    assert lines[0] == samples.line(
        10_000, 225, no=9, ref="5584146378", store="16655", merchant_ref="", occurred_at=""
    )
    assert [(one.no, one.kind, one.gross, one.fee, one.net) for one in lines[1:]] == [
        (10, "sale", "50000", "750", "49250"),
        (11, "refund", "-4000", "0", "-4000"),
        (14, "sale", "1970", "30", "1940"),
    ]
    assert lines[3].merchant_ref == "0017"
    assert [(b.ref, b.currency, b.declared_net_minor) for b in statement.batches] == [
        ("16655-2000004", "NOK", 55_025), ("513428-2000004", "NOK", 1_940),
    ]  # fmt: skip
    assert {str(b.value_date) for b in statement.batches} == {"2019-12-01"}
    # The portal picks settlements by their day, so that older sales are among them.
    assert (str(statement.period_from), str(statement.period_to)) == ("2019-11-25", "2019-12-31")
    assert statement.identity == "2019-12-01..2019-12-31 16655-2000004"
    assert (statement.records, statement.others) == (15, 11)


def test_payers_names_and_messages_are_in_no_line(path: Path) -> None:
    statement, lines = samples.read_all("vipps_xlsx", put(path, GOOD), OPTIONS)
    said = repr((lines, statement.problems, statement.batches, statement.identity))
    for personal in ("Nora", "Eksempel", "Takk"):
        assert personal not in said


def test_the_report_of_one_sale_is_read(path: Path) -> None:
    rows = [
        *GOOD[:7], HEADINGS[:14],
        sold("16655", "5584146378", "100.00", "-2.25", "97.75", "2000004")[:14],
        ["Til utbetaling netto", *[""] * 9, "2000004", "01.12.2019", "97.75", "05030000001"],
    ]  # fmt: skip
    statement, (line,) = samples.read_all("vipps_xlsx", put(path, rows), OPTIONS)
    assert (line.gross, line.fee, line.net, line.merchant_ref) == ("10000", "225", "9775", "")
    assert statement.problems == []


def test_the_same_table_is_read_as_text(path: Path) -> None:
    _statement, cells = samples.read_all("vipps_xlsx", put(path, GOOD), OPTIONS)
    for delimiter, encoding in ((";", "utf-8"), (",", "utf-8-sig"), ("\t", "cp1252")):
        rows = []
        for row in GOOD:
            texts = [str(cell) for cell in row]
            rows.append(delimiter.join(f'"{t}"' if delimiter in t else t for t in texts))
            if row[:1] == ["Til utbetaling netto"] or len(row) == 3:
                rows[-1] += delimiter * (len(HEADINGS) - len(row))
        text = path.with_suffix(".csv")
        text.write_text("\r\n".join([*rows, ""]), encoding=encoding, newline="")
        statement, lines = samples.read_all("vipps_xlsx", text, OPTIONS)
        assert statement.problems == []
        assert lines == cells
        assert statement.identity == "2019-12-01..2019-12-31 16655-2000004"
        text.write_text("\r\n".join([*rows[:-1], ""]), encoding=encoding, newline="")
        assert samples.errors("vipps_xlsx", text, OPTIONS) == [("count_differs", 14)]


@pytest.mark.parametrize("gross", [100, 100.0, "100.00", "100,00", "100"])
def test_an_amount_may_be_a_number_or_a_text(path: Path, gross: Any) -> None:
    _statement, lines = samples.read_all("vipps_xlsx", put(path, changed(9, 6, gross)), OPTIONS)
    assert lines[0].gross == "10000"


def test_days_may_stand_in_date_cells(path: Path) -> None:
    rows = changed(9, 0, datetime(2019, 11, 25))  # noqa: DTZ001
    rows[3][2] = datetime(2019, 12, 1)  # noqa: DTZ001
    statement, _lines = samples.read_all("vipps_xlsx", put(path, rows), OPTIONS)
    assert statement.problems == []
    assert str(statement.period_from) == "2019-11-25"


def test_ids_in_number_cells_are_taken_whole_and_warned_of(path: Path) -> None:
    rows = changed(9, 4, 5584146378)
    rows[9][5] = 17
    rows[11][13] = 5030000001
    statement, lines = samples.read_all("vipps_xlsx", put(path, rows), OPTIONS)
    assert (lines[0].ref, lines[1].merchant_ref) == ("5584146378", "17")
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("bad_value", 9, False), ("bad_value", 10, False), ("bad_value", 12, False),
    ]  # fmt: skip


def test_a_refund_without_its_sign_is_turned_and_proved_by_the_total(path: Path) -> None:
    rows = changed(11, 6, 40)
    rows[10][8] = 40
    statement, lines = samples.read_all("vipps_xlsx", put(path, rows), OPTIONS)
    assert (lines[2].gross, lines[2].net) == ("-4000", "-4000")
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("bad_amount", 11, False)
    ]
    rows[11][12] = 630.25
    assert samples.errors("vipps_xlsx", put(path, rows), OPTIONS) == [("total_differs", 12)]


def test_an_unknown_type_is_no_payment_and_its_money_is_counted(path: Path) -> None:
    rows = changed(11, 9, "Justering")
    statement, lines = samples.read_all("vipps_xlsx", put(path, rows), OPTIONS)
    assert (lines[2].kind, lines[2].gross) == ("not_a_payment", "-4000")
    assert [(one.code, one.line_no) for one in statement.problems] == [("unknown_type", 11)]


@pytest.mark.parametrize(
    ("number", "position", "cell", "expected"),
    [
        (1, 0, "Settlement report", ("not_this_layout", 1)),
        (4, 0, "Fra", ("bad_date", 0)),
        (4, 2, "2019-12-01", ("bad_date", 0)),
        (5, 2, "30.11.2019", ("bad_date", 0)),
        (8, 0, "Dato", ("bad_columns", 0)),
        (8, 4, "ID", ("bad_columns", 0)),
        (8, 4, "Netto", ("duplicate_heading", 0)),
        (9, 0, "25/11/2019", ("bad_date", 9)),
        (9, 4, 0.5, ("bad_value", 9)),
        (9, 4, 1e15, ("bad_value", 9)),
        (9, 4, "55 84", ("bad_value", 9)),
        (9, 4, " 5584", ("bad_value", 9)),
        (9, 6, 100.005, ("bad_amount", 9)),
        (9, 6, "1.000,00", ("bad_amount", 9)),
        (9, 6, "1 000,00", ("bad_amount", 9)),
        (9, 6, 1e22, ("bad_amount", 9)),
        (9, 8, 97.76, ("bad_amount", 9)),
        (9, 2, "", ("bad_value", 9)),
        (9, 11, "02.12.2019", ("bad_date", 10)),
        (10, 9, "Refundering", ("bad_amount", 10)),
        (11, 9, "Salg", ("bad_amount", 11)),
        (12, 0, "Til utbetaling brutto", ("unknown_type", 12)),
        (12, 10, "2000005", ("bad_value", 12)),
        (12, 12, 550.26, ("total_differs", 12)),
        (15, 12, "19,41", ("total_differs", 15)),
        (15, 2, "16655", ("bad_value", 15)),
    ],
)
def test_what_is_wrong_is_named_with_its_row(
    path: Path, number: int, position: int, cell: Any, expected: tuple[str, int]
) -> None:
    rows = changed(number, position, cell)
    assert samples.errors("vipps_xlsx", put(path, rows), OPTIONS)[0] == expected


def test_a_total_of_another_day_is_warned_of(path: Path) -> None:
    statement, _lines = samples.read_all(
        "vipps_xlsx", put(path, changed(12, 11, "02.12.2019")), OPTIONS
    )
    assert [(one.code, one.line_no) for one in statement.problems] == [("bad_date", 12)]


def test_lost_rows_are_noticed(path: Path) -> None:
    for number in (8, 9, 10, 11, 13):
        rows = [*GOOD[:number], *GOOD[number + 1 :]]
        assert samples.errors("vipps_xlsx", put(path, rows), OPTIONS), f"row {number + 1} lost"
    again = [*GOOD, GOOD[8]]
    assert samples.errors("vipps_xlsx", put(path, again), OPTIONS) == [("bad_value", 16)]


def test_another_currency_is_the_feeds_to_tell(path: Path) -> None:
    options = {**OPTIONS, "currency": "DKK"}
    _statement, lines = samples.read_all("vipps_xlsx", put(path, GOOD), options)
    assert {one.currency for one in lines} == {"DKK"}
    options = {**OPTIONS, "currency": "ZZZ"}
    assert samples.errors("vipps_xlsx", path, options) == [("currency_unknown", 0)]


def test_a_large_workbook_names_itself_in_its_first_bytes(path: Path) -> None:
    lines = [
        samples.line(100 + n, 1, ref=f"{n * 7919 % 104729}", occurred_at="") for n in range(5_000)
    ]
    vipps_xlsx.write(path, samples.sheet("vipps_xlsx", lines, wallet="vipps"), OPTIONS)
    assert path.stat().st_size > 65_536
    head = path.read_bytes()[:65_536]
    identity = vipps_xlsx.identify("vipps.xlsx", head, OPTIONS)
    assert identity == "2026-10-14..2026-10-14 100001-2000007"
    assert identity == vipps_xlsx.read(path, OPTIONS).identity
    assert vipps_xlsx.identify("vipps-x.xlsx", b"PK\3\4", OPTIONS) == "vipps-x"


def test_what_the_table_cannot_say_is_not_written(path: Path) -> None:
    one = samples.line(occurred_at="")
    for other in (
        one._replace(settled_currency="EUR"), one._replace(kind="not_a_payment"),
        one._replace(currency="SEK", settled_currency="SEK"),
        one._replace(merchant_ref="_x0041_"), one._replace(merchant_ref="a\x07b"),
    ):  # fmt: skip
        with pytest.raises(CannotWrite):
            vipps_xlsx.write(path, samples.sheet("vipps_xlsx", [other], wallet="vipps"), OPTIONS)


def test_the_lines_of_a_sale_unit_are_put_together(path: Path) -> None:
    one = samples.line(occurred_at="")
    lines = [one._replace(ref="1"), one._replace(ref="2", store="100002"), one._replace(ref="3")]
    sheet = samples.sheet("vipps_xlsx", lines, wallet="vipps")
    assert vipps_xlsx.write(path, sheet, OPTIONS) == [9, 13, 10]
    _statement, read = samples.read_all("vipps_xlsx", path, OPTIONS)
    assert [(line.ref, line.store) for line in read] == [
        ("1", "100001"), ("3", "100001"), ("2", "100002"),
    ]  # fmt: skip


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        minor = draw(st.integers(1, 10**11))
        found.append(samples.line(
            -minor if draw(st.booleans()) else minor, draw(st.integers(-(10**6), 10**6)),
            ref=f"{draw(st.integers(1, 10**15))}-{number}",
            store=draw(st.sampled_from(["16655", "0513428"])), occurred_at="",
            merchant_ref=draw(st.text(st.sampled_from("abø<&;,=0 7"), max_size=12)).strip(),
        ))  # fmt: skip
    return sorted(found, key=lambda one: one.store)


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("vipps_xlsx", lines, wallet="vipps")
    numbers = vipps_xlsx.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("vipps_xlsx", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
