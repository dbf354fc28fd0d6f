"""MOMO Pocket's CSV: Latin-1, decimal comma, closed by TOTAL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wallets.formats import samples
from wallets.formats import momo_csv
from wallets.formats.columns import CannotWrite

OPTIONS = {"wallet": "momo", "timezone": "Europe/Madrid"}
GOOD = [
    "MOMO POCKET;LIQUIDACIÓN;7;14/10/2026;14/10/2026;15/10/2026",
    "Referencia;Tipo;Comercio;Fecha;Hora;Divisa;Importe;Comisión;Neto;Pedido;Original",
    "4711;VENTA;100001;14/10/2026;12:30:00;EUR;12,50;0,06;12,44;mesa ñ;",
    "4712;DEVOLUCIÓN;100001;14/10/2026;12:41:09;EUR;-4,50;0,00;-4,50;;4711",
    "4713;VENTA;100002;14/10/2026;18:00:00;ISK;4990;22;4968;;",
    "TOTAL;M-7-EUR;16/10/2026;EUR;2;8,00;0,06;7,94",
    "TOTAL;M-7-ISK;;ISK;1;4990;22;4968",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "momo_1.csv"


def put(path: Path, lines: list[str]) -> Path:
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("latin-1"))
    return path


def test_a_file_is_read_in_its_own_marks(path: Path) -> None:
    statement, lines = samples.read_all("momo_csv", put(path, GOOD), OPTIONS)
    assert lines[0] == samples.line(
        1250, 6, no=3, wallet="momo", ref="4711", currency="EUR", merchant_ref="mesa ñ",
        occurred_at="2026-10-14T12:30:00+02:00",
    )  # fmt: skip
    assert (lines[1].kind, lines[1].gross, lines[1].original_ref) == ("refund", "-450", "4711")
    assert (lines[2].gross, lines[2].fee, lines[2].batch) == ("4990", "22", 1)
    assert [(b.ref, b.currency, b.declared_count) for b in statement.batches] == [
        ("M-7-EUR", "EUR", 2), ("M-7-ISK", "ISK", 1),
    ]  # fmt: skip
    assert (statement.records, statement.others) == (7, 4)
    assert statement.identity == "14/10/2026..14/10/2026 7"


def test_columns_are_found_by_heading(path: Path) -> None:
    turned = [
        ";".join(reversed(line.split(";"))) if 1 <= number <= 4 else line
        for number, line in enumerate(GOOD)
    ]
    _statement, plain = samples.read_all("momo_csv", put(path, GOOD), OPTIONS)
    assert samples.read_all("momo_csv", put(path, turned), OPTIONS)[1] == plain


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "MOMO POCKET", "MOMO", ("not_this_layout", 1)),
        (1, ";7;", ";x;", ("bad_value", 1)),
        (1, "14/10/2026;14/10", "14/10/2026;13/10", ("bad_date", 1)),
        (1, "15/10/2026", "2026-10-15", ("bad_date", 1)),
        (2, "Pedido", "Referencia", ("duplicate_heading", 2)),
        (2, "Pedido", "Mesa", ("bad_columns", 2)),
        (2, "Original", "Original;Nota", ("bad_columns", 2)),
        (3, "VENTA", "venta", ("unknown_type", 3)),
        (3, "12,50", "12.50", ("bad_amount", 3)),
        (3, "12,50", "1.012,50", ("bad_amount", 3)),
        (3, "12,50", "12,5", ("bad_amount", 3)),
        (3, "12,44", "12,45", ("bad_amount", 3)),
        (3, "EUR", "eur", ("currency_unknown", 3)),
        (3, "14/10/2026", "10/14/2026", ("bad_date", 3)),
        (3, "12:30:00", "12:30", ("bad_date", 3)),
        (3, "100001", "", ("bad_value", 3)),
        (3, "mesa", "mesa;4", ("bad_columns", 3)),
        (4, "DEVOLUCIÓN", "VENTA", ("bad_amount", 4)),
        (6, ";2;8,00", ";1;8,00", ("count_differs", 6)),
        (6, "8,00", "8,01", ("total_differs", 6)),
        (6, "16/10/2026", "16/13/2026", ("bad_date", 6)),
        (7, "ISK;1;4990;22;4968", "EUR;2;8,00;0,06;7,94", ("bad_value", 7)),
        (7, "TOTAL", "TOTALS", ("bad_value", 7)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new, 1), *GOOD[number:]]
    assert samples.errors("momo_csv", put(path, lines), OPTIONS)[0] == expected


def test_a_file_without_total_is_cut_and_one_total_of_two_is_noticed(path: Path) -> None:
    assert samples.errors("momo_csv", put(path, GOOD[:5]), OPTIONS) == [("truncated", 5)]
    assert samples.errors("momo_csv", put(path, GOOD[:6]), OPTIONS) == [("count_differs", 6)]
    assert samples.errors("momo_csv", put(path, GOOD[:1]), OPTIONS) == [("bad_columns", 2)]


def test_utf8_is_not_taken_for_latin1(path: Path) -> None:
    path.write_text("\n".join(GOOD) + "\n", encoding="utf-8")
    assert samples.errors("momo_csv", path, OPTIONS) == [("not_this_layout", 1)]


def test_a_semicolon_is_not_written(path: Path) -> None:
    sheet = samples.sheet("momo_csv", [samples.line(merchant_ref="a;b")], wallet="momo")
    with pytest.raises(CannotWrite):
        momo_csv.write(path, sheet, OPTIONS)
