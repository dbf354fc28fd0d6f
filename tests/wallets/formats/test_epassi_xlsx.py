"""ePassi's workbook: amounts come from the text of a cell, never through a float."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.wallets.formats import samples
from wallets.formats import epassi_xlsx
from wallets.formats.columns import CannotWrite

OPTIONS = {"wallet": "epassi", "timezone": "Europe/Helsinki"}
GOOD: list[list[Any]] = [
    ["ePassi settlement"],
    ["Settlement number", "7"],
    ["Period from", "2026-10-08"],
    ["Period to", "2026-10-15"],
    ["Made on", "2026-10-16"],
    [column.name for column in epassi_xlsx.COLUMNS],
    ["Sale", "E1", "100001", "epassi", "2026-10-14 12:30:00", "EUR", "12.50", "0.06", "12.44",
     "table 7", ""],
    ["Refund", "E2", "100001", "epassi", "", "EUR", "-4.50", "0.00", "-4.50", "", "E1"],
    ["Sale", "M1", "100002", "momo", "2026-10-14 18:00:00", "ISK", "4990", "22", "4968", "", ""],
    ["Total", "EP-7-EUR", "2", "epassi", "2026-10-16", "EUR", "8.00", "0.06", "7.94"],
    ["Total", "EP-7-ISK", "1", "momo", "", "ISK", "4990", "22", "4968"],
    ["End", "12"],
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "epassi_20261016.xlsx"


def put(path: Path, rows: list[list[Any]]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
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
    rows[number - 1][position : position + 1] = [cell]
    return rows


def test_a_workbook_of_a_hub_is_read(path: Path) -> None:
    statement, lines = samples.read_all("epassi_xlsx", put(path, GOOD), OPTIONS)
    assert lines[0] == samples.line(
        1250, 6, no=7, wallet="epassi", ref="E1", currency="EUR", merchant_ref="table 7",
        occurred_at="2026-10-14T12:30:00+03:00",
    )  # fmt: skip
    assert (lines[1].gross, lines[1].original_ref, lines[1].occurred_at) == ("-450", "E1", "")
    assert (lines[2].wallet, lines[2].currency, lines[2].gross) == ("momo", "ISK", "4990")
    assert [(b.ref, b.wallet, b.currency, b.declared_count) for b in statement.batches] == [
        ("EP-7-EUR", "epassi", "EUR", 2), ("EP-7-ISK", "momo", "ISK", 1),
    ]  # fmt: skip
    assert (str(statement.period_from), str(statement.period_to)) == ("2026-10-08", "2026-10-15")
    assert (statement.records, statement.others) == (12, 9)


@pytest.mark.parametrize("cell", ["12.50", 12.5])
def test_an_amount_may_stand_in_a_number_cell(path: Path, cell: Any) -> None:
    _statement, lines = samples.read_all("epassi_xlsx", put(path, changed(7, 6, cell)), OPTIONS)
    assert lines[0].gross == "1250"


def test_a_date_cell_is_a_time(path: Path) -> None:
    rows = changed(7, 4, datetime(2026, 10, 14, 12, 30))  # noqa: DTZ001
    _statement, lines = samples.read_all("epassi_xlsx", put(path, rows), OPTIONS)
    assert lines[0].occurred_at == "2026-10-14T12:30:00+03:00"


@pytest.mark.parametrize(
    ("number", "position", "cell", "expected"),
    [
        (1, 0, "Pivo settlement", ("not_this_layout", 0)),
        (2, 1, "seven", ("bad_value", 0)),
        (3, 0, "From", ("bad_columns", 0)),
        (3, 1, "8.10.2026", ("bad_date", 0)),
        (4, 1, "2026-10-07", ("bad_date", 0)),
        (6, 10, "Fee", ("duplicate_heading", 0)),
        (6, 10, "Origin", ("bad_columns", 0)),
        (7, 6, 12.505, ("bad_amount", 7)),
        (7, 6, 0.1 + 0.2, ("bad_amount", 7)),
        (7, 6, 1e22, ("bad_amount", 7)),
        (7, 6, "12.5", ("bad_amount", 7)),
        (7, 6, "12,50", ("bad_amount", 7)),
        (7, 6, " 12.50", ("bad_amount", 7)),
        (7, 8, "12.45", ("bad_amount", 7)),
        (7, 1, 4711, ("bad_value", 7)),
        (7, 2, "", ("bad_value", 7)),
        (7, 0, "sale", ("unknown_type", 7)),
        (7, 5, "EURO", ("currency_unknown", 7)),
        (7, 4, "14.10.2026 12:30", ("bad_date", 7)),
        (8, 0, "Sale", ("bad_amount", 8)),
        (9, 6, "4990.00", ("bad_amount", 9)),
        (10, 2, "3", ("count_differs", 10)),
        (10, 6, "8.01", ("total_differs", 10)),
        (11, 3, "pagaqui", ("count_differs", 11)),
        (11, 0, "Sale", ("bad_value", 11)),
        (12, 1, "13", ("count_differs", 12)),
        (12, 0, "Ende", ("bad_value", 12)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_row(
    path: Path, number: int, position: int, cell: Any, expected: tuple[str, int]
) -> None:
    rows = changed(number, position, cell)
    assert samples.errors("epassi_xlsx", put(path, rows), OPTIONS)[0] == expected


def test_lost_rows_are_noticed(path: Path) -> None:
    assert samples.errors("epassi_xlsx", put(path, GOOD[:11]), OPTIONS) == [("truncated", 11)]
    assert samples.errors("epassi_xlsx", put(path, GOOD[:5]), OPTIONS) == [("bad_columns", 0)]
    for number in range(6, 12):
        rows = [*GOOD[:number], *GOOD[number + 1 :]]
        assert samples.errors("epassi_xlsx", put(path, rows), OPTIONS)


def test_a_bomb_is_not_unpacked(path: Path) -> None:
    put(path, GOOD)
    options = {**OPTIONS, "max_unpacked_bytes": 5_000}
    assert samples.errors("epassi_xlsx", path, options) == [("too_large", 0)]


def test_a_damaged_part_is_refused(path: Path) -> None:
    put(path, GOOD)
    with zipfile.ZipFile(path) as package:
        part = package.getinfo("xl/worksheets/sheet1.xml")
        at = part.header_offset + 30 + len(part.filename) + part.compress_size // 2
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("truncated", 0)]


def test_another_zip_is_not_this_layout(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("readme.txt", "no workbook")
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("not_this_layout", 0)]


def test_the_identity_is_found_in_the_first_bytes_of_a_large_workbook(path: Path) -> None:
    lines = [
        samples.line(100 + n, 1, ref=f"X{n * 7919 % 104729}", currency="EUR", wallet="epassi")
        for n in range(6_000)
    ]
    sheet = samples.sheet("epassi_xlsx", lines, wallet="epassi")
    epassi_xlsx.write(path, sheet, OPTIONS)
    assert path.stat().st_size > 65_536
    head = path.read_bytes()[:65_536]
    identity = epassi_xlsx.identify("epassi_x.xlsx", head, OPTIONS)
    assert identity == "2026-10-14..2026-10-14 7" == epassi_xlsx.read(path, OPTIONS).identity
    assert epassi_xlsx.identify("epassi_x.xlsx", b"PK\3\4", OPTIONS) == "epassi_x"


def test_what_a_workbook_would_change_is_not_written(path: Path) -> None:
    for reference in ("_x0041_", "a\x07b"):
        sheet = samples.sheet(
            "epassi_xlsx", [samples.line(merchant_ref=reference)], wallet="epassi"
        )
        with pytest.raises(CannotWrite):
            epassi_xlsx.write(path, sheet, OPTIONS)


def repacked(
    path: Path, *changes: tuple[str, str, str], more: dict[str, str] | None = None
) -> Path:
    """Change texts inside the parts of a workbook, given as (part, old, new)."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name).decode() for name in package.namelist()}
    for name, old, new in changes:
        assert old in parts[name]
        parts[name] = parts[name].replace(old, new, 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in {**parts, **(more or {})}.items():
            package.writestr(name, text)
    return path


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        "<row r='1048576'><c s='0' r = 'XFD1048576'><v>1</v></c></row>",
        '<row r="1048576"><c r="&#88;FD1048576"><v>1</v></c></row>',
        '<row r="13"><c r="Q13"><v>1</v></c></row>',
        '<row r="9999999"><c r="A9999999"><v>1</v></c></row>',
        '<row r="1048576"><c><v>1</v></c></row>',
        '<row r="13"><c t="n"/></row>',
    ],
)
def test_a_small_workbook_with_endless_cells_is_not_laid_out(path: Path, cells: str) -> None:
    repacked(put(path, GOOD), (SHEET, "</sheetData>", f"{cells}</sheetData>"))
    assert path.stat().st_size < 10_000
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("too_large", 0)]


def test_a_far_cell_is_found_wherever_the_pieces_are_cut(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = '<row r="13"><c r="XFD13"><v>1</v></c></row>'
    repacked(put(path, GOOD), (SHEET, "</sheetData>", f"{cells}</sheetData>"))
    for size in range(150, 190):
        monkeypatch.setattr(epassi_xlsx, "_PIECE", size)
        assert samples.errors("epassi_xlsx", path, OPTIONS) == [("too_large", 0)]


def test_a_long_string_is_not_repeated_without_end(path: Path) -> None:
    put(path, GOOD)
    text = "x" * 50_000
    repacked(path, ("xl/sharedStrings.xml", "table 7", text))
    options = {**OPTIONS, "max_unpacked_bytes": 1_000_000}
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("bad_value", 7)]
    assert samples.errors("epassi_xlsx", path, options) == [("too_large", 0)]


def test_an_endless_text_is_not_read_on(path: Path) -> None:
    text = " " * (3 << 20)
    repacked(put(path, GOOD), (SHEET, "<sheetData>", f"<sheetData>{text}"))
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("too_large", 0)]


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_parts_packed_as_no_workbook_is_are_refused(path: Path, packing: int) -> None:
    put(path, GOOD)
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    with zipfile.ZipFile(path, "w", packing) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("not_this_layout", 0)]


def test_a_part_with_a_broken_name_is_a_damaged_workbook(path: Path) -> None:
    repacked(put(path, GOOD), more={"né.xml": "<a/>"})
    path.write_bytes(path.read_bytes().replace("né.xml".encode(), b"n\xff\xff.xml"))
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("truncated", 0)]


def test_a_workbook_of_another_kind_behind_this_one_is_refused(path: Path) -> None:
    repacked(put(path, GOOD), more={"xl/workbook.bin": "x"})
    assert samples.errors("epassi_xlsx", path, OPTIONS) == [("not_this_layout", 0)]


def test_a_workbook_that_lost_bytes_anywhere_is_damaged(path: Path) -> None:
    whole = put(path, GOOD).read_bytes()
    for start in range(3, len(whole) - 40, 37):
        path.write_bytes(whole[:start] + whole[start + 30 :])
        ((code, _line_no),) = samples.errors("epassi_xlsx", path, OPTIONS)
        assert code in {"truncated", "not_this_layout", "too_large"}
