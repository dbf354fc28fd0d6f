"""Sheets to write and files to read back, for the tests of every layout."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from wallets import formats
from wallets.formats.statement import Batch, Line, Problem, Sheet, Statement, Unreadable

DAY = date(2026, 10, 14)
PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""How a property is tried: every example writes the same path anew."""
CURRENCIES = ("DKK", "EUR", "ISK", "NOK", "SEK")


def line(minor: int = 10_000, fee: int = 225, **fields: Any) -> Line:
    """A sale of a shop in Oslo; a negative amount is a refund."""
    currency = fields.get("currency", "NOK")
    values: dict[str, Any] = {
        "no": 0, "batch": 0, "wallet": "vipps", "kind": "refund" if minor < 0 else "sale",
        "ref": "5584146378", "store": "100001", "currency": currency, "gross": str(minor),
        "settled_currency": currency, "settled_gross": str(minor), "fee": str(fee),
        "net": str(minor - fee), "rate": "", "merchant_ref": "table-7",
        "occurred_at": "2026-10-14T12:30:00+02:00", "original_ref": "",
    }  # fmt: skip
    return Line(**{**values, **fields})


def sheet(layout: str, lines: list[Line], *, wallet: str, **fields: Any) -> Sheet:
    """A sheet of a layout: lines are put into the batches that the layout has."""
    module = formats.get(layout)
    batches: list[Batch] = []
    index: dict[tuple[str, ...], int] = {}
    placed = []
    for one in lines:
        key = tuple(getattr(one, name) for name in module.BATCH_BY)
        if key not in index:
            index[key] = len(batches)
            ref = module.batch_ref(
                number=7, day=DAY, store=one.store, wallet=one.wallet,
                currency=one.settled_currency,
            )  # fmt: skip
            batches.append(Batch(ref, one.wallet, one.settled_currency, date(2026, 10, 16)))
        placed.append(one._replace(batch=index[key]))
    values: dict[str, Any] = {
        "wallet": wallet, "number": 7, "period_from": DAY, "period_to": DAY,
        "made_on": date(2026, 10, 15), "batches": batches, "lines": placed,
    }  # fmt: skip
    return Sheet(**{**values, **fields})


def read_all(layout: str, path: Path, options: dict[str, Any]) -> tuple[Statement, list[Line]]:
    """Read a file to its end, and check that no record went uncounted."""
    statement = formats.get(layout).read(path, options)
    lines = list(statement.lines)
    refused = sum(1 for problem in statement.problems if problem.is_error)
    if not refused:
        assert statement.records == len(lines) + statement.others
    return statement, lines


def errors(layout: str, path: Path, options: dict[str, Any]) -> list[tuple[str, int]]:
    """What a file is refused for: code and line number, in order."""
    return [(one.code, one.line_no) for one in problems(layout, path, options)]


def problems(layout: str, path: Path, options: dict[str, Any]) -> list[Problem]:
    """The errors of a file, whether the reader went on after them or not."""
    statement: Statement | None = None
    found: list[Problem] = []
    try:
        statement = formats.get(layout).read(path, options)
        list(statement.lines)
    except Unreadable as refused:
        found = [refused.problem]
    noted = [one for one in statement.problems if one.is_error] if statement else []
    return noted + found
