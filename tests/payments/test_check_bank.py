"""manage.py check_bank: what a bank's file says, and an exit that says whether it is right."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.wallets.formats.bank_files import (
    IBAN,
    Booking,
    Tx,
    camt,
    n43_account,
    n43_end,
    n43_last,
    n43_movement,
    statement,
)

NOT_RELIED_ON = "1: This file is not to be relied on."
PAYOUT = Booking(9_775, txs=[Tx(9_775, "E2E", "Vipps AS", ("Utb. 2000810 Vippsnr 117703",))])


def run(layout: str, path: Path) -> tuple[list[str], str]:
    """Return the lines that were printed, and why the command failed."""
    out = StringIO()
    failed = ""
    try:
        call_command("check_bank", layout, str(path), stdout=out)
    except CommandError as error:
        failed = f"{error.returncode}: {error}"
    return out.getvalue().splitlines(), failed


def test_a_right_statement_is_told_without_touching_the_database(tmp_path: Path) -> None:
    path = tmp_path / "statement.xml"
    krona = statement([Booking(4_990)], currency="ISK", iban="IS140159260076545510730339", number=7)
    euro = statement([PAYOUT, Booking(-500), Booking(100, status="PDNG")], opening=100)
    path.write_text(camt([euro, krona]), encoding="utf-8")
    assert run("camt", path) == (
        [
            f"camt.053.001.08: {IBAN} S-1",
            f"account {IBAN}, statement S-1, number 41, 2026-10-14 to 2026-10-14, "
            "opening 1.00 EUR, closing 93.75 EUR, 3 entries",
            "account IS140159260076545510730339, statement S-1, number 7, 2026-10-14 to "
            "2026-10-14, opening 0 ISK, closing 4990 ISK, 1 entries",
            "EUR: 1 credits of 97.75, 1 debits of 5.00, 1 not booked of 1.00",
            "ISK: 1 credits of 4990, 0 debits of 0, 0 not booked of 0",
            "payouts of vipps: 1",
            "This file can be relied on.",
        ],
        "",
    )


def test_a_warning_is_told_and_does_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "extracto.n43"
    lines = [n43_account(), n43_movement(28_029), n43_end([28_029]), n43_last(2)]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("latin-1"))
    lines_told, failed = run("n43", path)
    assert failed == ""
    assert lines_told[-2:] == [
        "warning count_differs, line 4: Record 88 declares 2 records, 3 precede it.",
        "This file can be relied on.",
    ]


def test_an_error_fails(tmp_path: Path) -> None:
    path = tmp_path / "statement.xml"
    path.write_text(camt([statement([PAYOUT], closing=9_776)]), encoding="utf-8")
    lines, failed = run("camt", path)
    assert failed == NOT_RELIED_ON
    assert lines[-1].startswith("error total_differs, line ")
    assert "lead to 97.75, but it closes with 97.76" in lines[-1]


def test_a_file_that_cannot_be_read_fails_with_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "statement.xml"
    path.write_text(camt([statement([PAYOUT])])[:-40], encoding="utf-8")
    lines, failed = run("camt", path)
    assert failed == NOT_RELIED_ON
    assert [line.partition(",")[0] for line in lines if line.startswith("error")] == [
        "error truncated"
    ]
    path.write_text("<!DOCTYPE html>", encoding="utf-8")
    lines, failed = run("camt", path)
    assert (len(lines), failed) == (1, NOT_RELIED_ON)


def test_only_bank_layouts_and_files_that_exist_are_taken(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("check_bank", "scheme", str(tmp_path))
    with pytest.raises(CommandError, match="There is no file"):
        call_command("check_bank", "camt", str(tmp_path / "none"))
