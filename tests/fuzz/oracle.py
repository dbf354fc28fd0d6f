"""What must hold of any bytes: read whole and consistently, or refused with a reason."""

from __future__ import annotations

import re
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.core.money import LARGEST_MINOR
from wallets import formats
from wallets.formats.bank_statement import BankStatement, Entry
from wallets.formats.statement import Line, Problem, Statement, Unreadable

CODES = {
    "total_differs", "count_differs", "truncated", "not_this_layout", "bad_encoding", "bad_amount",
    "bad_date", "bad_columns", "unknown_type", "bad_value", "empty", "too_large",
    "duplicate_heading", "currency_unknown",
}  # fmt: skip
FROM_WRAPPING = {
    "bad_archive", "cannot_decrypt", "not_encrypted", "not_signed", "bad_signature", "too_large",
    "empty",
}  # fmt: skip
MOST_SECONDS = 8.0
"""Of processor time that one small file may cost, on a slow machine."""

MOST_GROWTH = 64 * 1024
"""Kilobytes that one small file may cost."""

HEAD_BYTES = 65_536
_AMOUNT = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_LAST_ROW = 1_048_576

Sums = dict[str, tuple[int, int, int, int]]


@dataclass
class Judged:
    """What came of a file: refused with ``code``, or read; then ``sums`` are its lines'.

    Of each currency (lines, gross, fee, net), settled, in minor units; of a bank's file
    (entries, credits, debits, net) of each account and currency.
    """

    code: str = ""
    sums: Sums = field(default_factory=dict)

    @property
    def was_read(self) -> bool:
        return not self.code


def judge(layout: str, path: Path, told: dict[str, Any]) -> Judged:
    """Read a file and check what must always hold; raises AssertionError."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    data = path.read_bytes()
    _check_identity(layout, path.name, data, told)
    is_bank = layout in formats.BANK_LAYOUTS
    judged = (_bank if is_bank else _settlement)(layout, path, {**told}, _last_line(layout, data))
    spent = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert spent < MOST_SECONDS, f"took {spent:.1f} s"
    assert grown < MOST_GROWTH, f"took {grown} KB"
    return judged


def _last_line(layout: str, data: bytes) -> int:
    if data.startswith(b"PK"):
        return _LAST_ROW
    # Entries of a ledger that share a physical line are counted on.
    return data.count(b"\n") + 1 + (data.count(b"{") if layout == "vipps_ledger" else 0)


def _check_identity(layout: str, name: str, data: bytes, told: dict[str, Any]) -> None:
    identify = formats.get(layout).identify
    identity = identify(name, data[:HEAD_BYTES], {**told, "name": name})
    assert isinstance(identity, str)
    assert "\0" not in identity
    identity.encode()
    assert identity == identify(name, bytes(data[:HEAD_BYTES]), {**told, "name": name})


def check_problem(problem: Problem, last_line: int, codes: set[str] = CODES) -> None:
    """Check that a problem has a stable code, a line of the file and something to say."""
    assert problem.code in codes, problem
    assert 0 <= problem.line_no <= last_line, (problem, last_line)
    assert problem.text.strip(), problem


def _settlement(layout: str, path: Path, told: dict[str, Any], last_line: int) -> Judged:
    statement: Statement | None = None
    try:
        statement = formats.get(layout).read(path, {**told, "name": path.name})
        lines = list(statement.lines)
    except Unreadable as refusal:
        check_problem(refusal.problem, last_line)
        for problem in statement.problems if statement else []:
            check_problem(problem, last_line)
        return Judged(refusal.problem.code)
    for problem in statement.problems:
        check_problem(problem, last_line)
    errors = [problem for problem in statement.problems if problem.is_error]
    if errors:
        return Judged(errors[0].code)
    assert statement.records == len(lines) + statement.others
    assert statement.period_from <= statement.period_to
    assert statement.sequence is None or statement.sequence >= 0
    found = [(0, 0, 0, 0)] * len(statement.batches)
    sums: Sums = {}
    for line in lines:
        _check_line(line, len(statement.batches), last_line)
        one = (1, int(line.settled_gross), int(line.fee), int(line.net))
        found[line.batch] = _added(found[line.batch], one)
        sums[line.settled_currency] = _added(sums.get(line.settled_currency, (0, 0, 0, 0)), one)
    if not statement.is_summary:
        _check_declared(statement, found)
    return Judged(sums=sums)


def _added(to: tuple[int, int, int, int], one: tuple[int, int, int, int]) -> Any:
    return tuple(a + b for a, b in zip(to, one, strict=True))


def _check_line(line: Line, batches: int, last_line: int) -> None:
    assert line.kind in {"sale", "refund", "not_a_payment"}
    assert 0 <= line.batch < batches
    assert 1 <= line.no <= last_line
    for amount in (line.gross, line.settled_gross, line.fee, line.net):
        assert _AMOUNT.fullmatch(amount), line
        assert str(int(amount)) == amount, line
    assert abs(int(line.settled_gross)) <= LARGEST_MINOR
    assert int(line.settled_gross) - int(line.fee) == int(line.net)
    if line.kind != "not_a_payment":
        assert (int(line.gross) >= 0) if line.kind == "sale" else (int(line.gross) <= 0), line
    for text in line[2:6]:
        assert text.isprintable(), line
    for text in line[12:]:
        assert text.isprintable(), line
    assert 1 <= len(line.ref) <= 64


def _check_declared(statement: Statement, found: list[tuple[int, int, int, int]]) -> None:
    """No file that is read has lines that add up to anything but what it declares."""
    for batch, (count, gross, fee, net) in zip(statement.batches, found, strict=True):
        for declared, real in (
            (batch.declared_count, count), (batch.declared_gross_minor, gross),
            (batch.declared_fee_minor, fee), (batch.declared_net_minor, net),
        ):  # fmt: skip
            assert declared is None or declared == real, (batch, found)


def _bank(layout: str, path: Path, told: dict[str, Any], last_line: int) -> Judged:
    statement: BankStatement | None = None
    try:
        statement = formats.get(layout).read(path, told)
        entries = list(statement.entries)
    except Unreadable as refusal:
        check_problem(refusal.problem, last_line)
        return Judged(refusal.problem.code)
    for problem in statement.problems:
        check_problem(problem, last_line)
    errors = [problem for problem in statement.problems if problem.is_error]
    if errors:
        return Judged(errors[0].code)
    assert isinstance(statement.identity, str)
    sums: Sums = {}
    net = [0] * len(statement.pages)
    for entry in entries:
        _check_entry(entry, len(statement.pages), last_line)
        if not entry.is_booked:
            continue
        net[entry.page] += entry.minor
        page = statement.pages[entry.page]
        one = (1, max(entry.minor, 0), -min(entry.minor, 0), entry.minor)
        key = f"{page.account} {page.currency}"
        sums[key] = _added(sums.get(key, (0, 0, 0, 0)), one)
    for page, moved in zip(statement.pages, net, strict=True):
        assert page.sums.net_minor == moved
        if (
            page.opening_minor is not None
            and page.closing_minor is not None
            and statement.has_balances
            and not page.is_paged
        ):
            assert page.opening_minor + moved == page.closing_minor, page
    return Judged(sums=sums)


def _check_entry(entry: Entry, pages: int, last_line: int) -> None:
    assert 0 <= entry.page < pages
    assert 1 <= entry.no <= last_line
    assert entry.position >= 1
    assert isinstance(entry.minor, int)
    assert abs(entry.minor) <= 10 * LARGEST_MINOR
    assert len(entry.details) <= entry.detail_count or not entry.detail_count
