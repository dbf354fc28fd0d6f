"""A good file of every layout, made once by the writers and builders of the tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.wallets.formats import bank_files, grid
from tests.wallets.formats.bank_files import Booking, Tx
from tests.wallets.formats.cases import CASES


@cache
def good(layout: str) -> tuple[str, bytes, dict[str, Any]]:
    """Return the name of a good file, its bytes and the options that it is read with."""
    if layout == "camt":
        return "statement.xml", _camt(), {}
    if layout == "n43":
        return "extracto.n43", _n43(), {}
    with tempfile.TemporaryDirectory() as folder:
        path, data = grid.sample(layout, Path(folder))
        return path.name, data, CASES[layout].told()


def _camt() -> bytes:
    bookings = [
        Booking(9_775, reference="A1",
                txs=[Tx(9_775, "E2E-1", "Vipps AS", ("Utb. 2000810", "Vippsnr 117703"), "12344")]),
        Booking(-500, reference="A2", txs=[Tx(-500, "", "Bank Abp", ("Fee",))]),
        Booking(3_000, reference="A3", batch=2,
                txs=[Tx(1_000, "E2E-2", "ePassi Oy"), Tx(2_000, "E2E-3", "ePassi Oy")]),
        Booking(77, status="PDNG"),
    ]  # fmt: skip
    statements = [
        bank_files.statement(
            bookings, opening=100, summary=bank_files.summary(bookings[:3], "EUR")
        ),
        bank_files.statement(bookings[:1], id="S-2", iban="NO9386011117947", currency="NOK"),
    ]  # fmt: skip
    return bank_files.camt(statements).replace("><Ntry", ">\n<Ntry").encode()


def _n43() -> bytes:
    minors = [-10_000, -7_000, -833, 28_029]
    lines = [
        bank_files.n43_account(5_000),
        bank_files.n43_movement(minors[0], document="77", first="REF1", second="REF2"),
        bank_files.n43_text(1, "TRANSFERENCIA A", "PROVEEDOR"),
        bank_files.n43_movement(minors[1]),
        bank_files.n43_text(1, "RECIBO"),
        bank_files.n43_movement(minors[2]),
        bank_files.n43_movement(minors[3], second="0" * 16),
        bank_files.n43_text(1, "LIQUIDACIÓN"),
        bank_files.n43_end(minors, 5_000),
        bank_files.n43_last(9),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")
