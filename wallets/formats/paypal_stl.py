"""PayPal settlement report (STL), version 9 and older.

Sources, public: PayPal's Settlement Report Specification (sections, unsigned amounts, letters
for the direction, T-codes), the STL reader of Magento's paypal module (old headings and
encoding) and the STL test file of Wikimedia's SmashPig (order of the footers' cells). CSV, the
first cell of a row is its type::

    RH  report: made on, window, account, version
    FH  file: its number within the report
    SH  section, one an account: first and last instant of the period, account, partner's account
    CH  headings, found by name; blanks do not count (``Transaction  Debit or Credit`` has two,
        old files have none)
    SB  a movement
    SF  per currency: gross credits, gross debits, fee credits, fee debits; then balances
    SC  number of the section's SB rows
    RF RC  the same for the whole report, in its last file
    FF  number of the file's SB rows; the file ends here

UTF-8, or UTF-16 with its mark as old files are. Text cells are quoted; a quote that is not
closed is refused, and a line end inside quotes is kept.

Signs: amounts are unsigned digits in minor units (10000 is 100.00 EUR and 10000 JPY); CR and DR
say the direction of gross and of fee, so a fee with DR is charged. T00xx with CR is a sale,
T11xx with DR a refund, except holds, reversed fees and reversed withdrawals; every other code is
a movement that is no payment, with one warning a code. Invoice ID is the merchant's reference;
a refund's PayPal Reference ID of type TXN is the payment. Store ID is our store reference; where
it is empty the option ``store`` or else the section's account stands in.

Proved: SF, SC and FF; RF and RC where the report is one file (FH 1 with RF). What is not public,
and so not proved: how the balances behind SF follow from the sums, and the last cell of SF.
PayPal has no number for a settlement: a batch is called ``<account>-<last day>-<currency>``.

It cannot carry: a conversion (PayPal writes it as T02xx movements), a value date.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from portal.core.money import LARGEST_MINOR
from wallets.formats import columns
from wallets.formats.columns import BadValue, CannotWrite, Column, Reading, TextFile, Times
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE, Line, Sheet, Statement, refuse

BATCH_BY = ("currency",)
COLUMNS = tuple(
    Column(name, needed=name not in {"Custom Field", "Consumer ID", "Payment Tracking ID",
                                     "Store ID"})
    for name in (
        "Transaction ID", "Invoice ID", "PayPal Reference ID", "PayPal Reference ID Type",
        "Transaction Event Code", "Transaction Initiation Date", "Transaction Completion Date",
        "Transaction  Debit or Credit", "Gross Transaction Amount", "Gross Transaction Currency",
        "Fee Debit or Credit", "Fee Amount", "Fee Currency", "Custom Field", "Consumer ID",
        "Payment Tracking ID", "Store ID",
    )
)  # fmt: skip
NOT_REFUNDS = {
    "T1101", "T1102", "T1103", "T1104", "T1105", "T1108", "T1109", "T1110", "T1111",
}  # fmt: skip
"""T11xx that give no payment back: withdrawals and points reversed, holds, fees returned."""

_WORDS = {SALE: "T0006", REFUND: "T1107", NOT_A_PAYMENT: "T0400"}
_CODE = re.compile(r"T[0-9]{4}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,14}", re.ASCII)
_TIME = re.compile(
    r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}) ([+-][0-9]{2}):?([0-9]{2})",
    re.ASCII,
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return account, period, window and number of the file within its report."""
    if head.startswith(_UTF16):
        text = head.decode("utf-16", "replace")
    else:
        text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    if "\0" in text:
        return Path(name).stem
    rows: dict[str, list[str]] = {}
    for line in text.split("\n")[:10]:
        try:
            cells = columns.cells_of(line.rstrip("\r"), ",")
        except BadValue:
            continue
        rows.setdefault(cells[0], cells)
    try:
        _type, begins, ends, account = rows["SH"][:4]
        first, last = begins[:10].replace("/", "-"), ends[:10].replace("/", "-")
        return f"{account} {first}..{last} {rows['RH'][2]} {int(rows['FH'][1])}"
    except (KeyError, IndexError, ValueError):
        return Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream.

    The file is gone through twice: first for the periods of its sections.
    """
    period = _period(path, options)
    with path.open("rb") as file:
        identity = identify(path.name, file.read(columns.LONGEST_LINE), options)
    statement = Statement(
        identity=identity, period_from=period[0], period_to=period[1], lines=iter(())
    )
    statement.lines = _Reader(statement, options).lines(path)
    return statement


def _texts(path: Path, options: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield the physical lines of a UTF-8 or a marked UTF-16 file, without their ends."""
    columns.check_size(path, options)
    with path.open("rb") as file:
        if not file.read(2).startswith(_UTF16):
            yield from columns.physical_lines(path, options)
            return
    number = 0
    with path.open(encoding="utf-16", newline="\n") as texts:
        while True:
            number += 1
            try:
                text = texts.readline(columns.LONGEST_LINE + 1)
            except UnicodeError:
                raise refuse(
                    "bad_encoding", number, "The file begins as UTF-16 and does not go on so."
                ) from None
            if not text:
                return
            if len(text) > columns.LONGEST_LINE:
                raise refuse("bad_value", number, f"Longer than {columns.LONGEST_LINE} characters.")
            if "\0" in text:
                raise refuse("bad_encoding", number, "There is a NUL.")
            if text[-1] != "\n":
                raise refuse(
                    "truncated", number,
                    "The file ends inside this line. Ask the partner to send it again.",
                )  # fmt: skip
            yield number, text[:-2] if text[-2:-1] == "\r" else text[:-1]


def _rows(path: Path, options: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row with the number of its first line; none for a blank line."""
    lines = _texts(path, options)
    for number, text in lines:
        while text.count('"') % 2:
            _number, more = next(lines, (0, None))
            if more is None or len(text) > columns.LONGEST_LINE:
                raise refuse("bad_value", number, "A quote in this line is not closed.")
            text = f"{text}\n{more}"
        try:
            row = next(csv.reader([text], strict=True), [])
        except csv.Error:
            raise refuse("bad_value", number, "The quotes in this line do not match.") from None
        yield number, row


def _period(path: Path, options: dict[str, Any]) -> tuple[date, date]:
    first, last, number = date.max, date.min, 0
    for number, text in _texts(path, options):
        if number == 1 and not text.startswith(('"RH"', "RH,")):
            raise refuse("not_this_layout", 1, "The first row is not RH. Is this another file?")
        if text.startswith(('"SH"', "SH,")):
            try:
                cells = columns.cells_of(text, ",")
                if len(cells) < 4:
                    raise BadValue("bad_columns", "SH has a period and an account.")
                begins, ends = columns.period_of(cells[1][:10], cells[2][:10], "%Y/%m/%d")
            except BadValue as error:
                raise refuse(error.code, number, str(error)) from None
            first, last = min(first, begins), max(last, ends)
    if last < first:
        raise refuse(
            "truncated", number, "There is no section (SH): the file was cut. Ask for it again."
        )
    return first, last


@dataclass(slots=True)
class _Sums:
    """Gross credits and debits, fee credits and debits, in minor units; and rows."""

    cells: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    rows: int = 0

    def add(self, gross: int, fee: int) -> None:
        self.rows += 1
        self.cells[0 if gross >= 0 else 1] += abs(gross)
        self.cells[2 if fee <= 0 else 3] += abs(fee)


_AFTER = {
    "RH": ("",), "FH": ("RH",), "SH": ("FH", "SC"), "CH": ("SH",), "SB": ("CH", "SB"),
    "SF": ("CH", "SB", "SF"), "SC": ("CH", "SB", "SF"), "RF": ("SC", "RF"),
    "RC": ("SC", "RF"), "FF": ("SC", "RC", "RF"),
}  # fmt: skip


class _Reader:
    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.options = options
        self.wallet = options.get("wallet") or "paypal"
        self.stand_in = options.get("store") or ""
        self.times = Times("Transaction Initiation Date", None, _iso)
        self.last = ""
        self.number = 1
        self.file_number = 0
        self.account, self.day = "", statement.period_to
        self.at: dict[str, int] = {}
        self.width = 0
        self.section: dict[str, _Sums] = {}
        self.report: dict[str, _Sums] = {}
        self.footed: set[tuple[str, ...]] = set()
        self.warned: set[str] = set()

    def lines(self, path: Path) -> Iterator[Line]:
        yield from self.reading.each(_rows(path, self.options), self.take)
        if self.last != "FF":
            raise refuse(
                "truncated", self.number,
                "The FF row is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip
        self.reading.prove_undeclared(self.number, "The SF row")

    def take(self, number: int, cells: list[str]) -> Line | None:
        self.number = number
        if not cells or cells == [""]:
            return None
        kind = cells[0]
        if self.last not in _AFTER.get(kind, ()):
            raise BadValue("unknown_type", f"A row {kind[:20]!r} cannot follow {self.last!r}.")
        self.last = kind
        if kind == "SB":
            return self.movement(number, columns.checked_cells(cells, self.width))
        getattr(self, f"_{kind.lower()}")(number, cells)
        return None

    def _rh(self, number: int, cells: list[str]) -> None:
        if len(cells) < 3:
            raise BadValue("bad_columns", "RH has a time and a window.")

    def _fh(self, number: int, cells: list[str]) -> None:
        self.file_number = columns.count_of(_cell(cells, 1), "FH")

    def _sh(self, number: int, cells: list[str]) -> None:
        _begins, self.day = columns.period_of(cells[1][:10], cells[2][:10], "%Y/%m/%d")
        self.account = columns.id_of(cells[3], "Account ID")
        self.section = {}

    def _ch(self, number: int, cells: list[str]) -> None:
        known = {_bare(column.name): column.name for column in COLUMNS}
        headings = [known.get(_bare(heading), heading) for heading in cells[1:]]
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
        self.at = {name: position + 1 for name, position in found.items()}
        self.width = len(cells)

    def movement(self, number: int, cells: list[str]) -> Line:
        at = self.at
        ref = columns.id_of(cells[at["Transaction ID"]], "Transaction ID")
        code = cells[at["Transaction Event Code"]]
        if _CODE.fullmatch(code) is None:
            raise BadValue("unknown_type", f"{ref}: {code[:20]!r} is no event code.")
        currency = cells[at["Gross Transaction Currency"]]
        columns.minor_of("0", currency, short=True)
        gross = _signed(
            cells[at["Gross Transaction Amount"]], cells[at["Transaction  Debit or Credit"]]
        )
        fee = 0
        if cells[at["Fee Amount"]]:
            fee = -_signed(cells[at["Fee Amount"]], cells[at["Fee Debit or Credit"]])
            if fee and cells[at["Fee Currency"]] != currency:
                raise BadValue("bad_value", f"{ref}: its fee is in another currency.")
        kind = self._kind(number, code, gross)
        store = cells[at["Store ID"]].strip() if "Store ID" in at else ""
        store = store or (self.stand_in or self.account if kind != NOT_A_PAYMENT else "")
        if store:
            columns.id_of(store, "Store ID")
        original = ""
        if kind == REFUND and cells[at["PayPal Reference ID Type"]] == "TXN":
            original = columns.id_of(cells[at["PayPal Reference ID"]], "PayPal Reference ID")
        invoice = cells[at["Invoice ID"]]
        key = (self.account, f"{self.day:%Y%m%d}", currency)
        if key in self.footed:
            raise BadValue("bad_value", f"{ref}: its currency was already summed up.")
        batch = self.reading.batch(key, "-".join(key), self.wallet, currency)
        net = gross - fee
        amount = (gross, str(gross))
        line = self.reading.line(
            number, batch, self.wallet, kind, ref, store, currency, amount, currency, amount,
            (fee, str(fee)), (net, str(net)), "",
            columns.text_of(invoice, "Invoice ID") if invoice else "",
            self.times[cells[at["Transaction Initiation Date"]]], original,
        )  # fmt: skip
        for sums in (self.section, self.report):
            sums.setdefault(currency, _Sums()).add(gross, fee)
        return line

    def _kind(self, number: int, code: str, gross: int) -> str:
        if code.startswith("T00") and gross >= 0:
            return SALE
        if code.startswith("T11") and gross <= 0 and code not in NOT_REFUNDS:
            return REFUND
        if code not in self.warned:
            self.warned.add(code)
            self.statement.warn(
                "unknown_type", number,
                f"Event {code} is taken as a movement that is no payment; its amounts count.",
            )  # fmt: skip
        return NOT_A_PAYMENT

    def _sf(self, number: int, cells: list[str]) -> None:
        currency, stated = _footer(cells)
        key = (self.account, f"{self.day:%Y%m%d}", currency)
        self.footed.add(key)
        told = len(self.statement.problems)
        gross, fee = stated[0] - stated[1], stated[3] - stated[2]
        self.reading.total(
            number, key=key, ref="-".join(key), wallet=self.wallet, currency=currency,
            value_date=None, gross=gross, fee=fee, net=gross - fee,
        )  # fmt: skip
        if told == len(self.statement.problems):
            self._compare(number, "SF", currency, stated, self.section)

    def _rf(self, number: int, cells: list[str]) -> None:
        currency, stated = _footer(cells)
        if self.file_number == 1:
            self._compare(number, "RF", currency, stated, self.report)

    def _compare(
        self, number: int, row: str, currency: str, stated: list[int], found: dict[str, _Sums]
    ) -> None:
        """Prove each of the four sums: credits and debits that are both too high cancel out."""
        sums = found.get(currency, _Sums()).cells
        if stated != sums and not self.reading.bad_rows:
            self.reading.error(
                "total_differs", number,
                f"{row} {currency} declares {stated} (gross credits and debits, fee credits and "
                f"debits, minor units), its rows add up to {sums}. Ask for a corrected file.",
            )  # fmt: skip

    def _count(self, number: int, cells: list[str], found: int) -> None:
        stated = columns.count_of(_cell(cells, 1), cells[0])
        if stated != found and not self.reading.bad_rows:
            self.reading.error(
                "count_differs", number,
                f"{cells[0]} declares {stated} rows and there are {found}. "
                "Ask the partner for a corrected file.",
            )  # fmt: skip

    def _sc(self, number: int, cells: list[str]) -> None:
        self._count(number, cells, sum(sums.rows for sums in self.section.values()))

    def _rc(self, number: int, cells: list[str]) -> None:
        if self.file_number == 1:
            self._count(number, cells, self._all())
        else:
            columns.count_of(_cell(cells, 1), "RC")

    def _ff(self, number: int, cells: list[str]) -> None:
        self._count(number, cells, self._all())

    def _all(self) -> int:
        return sum(sums.rows for sums in self.report.values())


def _cell(cells: list[str], position: int) -> str:
    if len(cells) <= position:
        raise BadValue("bad_columns", f"The row {cells[0]} has only {len(cells)} cells.")
    return cells[position]


def _bare(heading: str) -> str:
    return heading.replace(" ", "").casefold()


def _iso(text: str) -> str:
    found = _TIME.fullmatch(text)
    if found is None:
        return text
    year, month, day, clock, hours, minutes = found.groups()
    return f"{year}-{month}-{day}T{clock}{hours}:{minutes}"


def _unsigned(text: str) -> int:
    if _AMOUNT.fullmatch(text) is None or int(text) > LARGEST_MINOR:
        raise BadValue(
            "bad_amount", f"{text[:40]!r} is no amount: digits only, in minor units, no sign."
        )
    return int(text)


def _signed(text: str, letters: str) -> int:
    minor = _unsigned(text)
    if letters not in {"CR", "DR"} and (minor or letters):
        raise BadValue("bad_value", f"{letters[:20]!r} is neither CR nor DR.")
    return -minor if letters == "DR" else minor


def _footer(cells: list[str]) -> tuple[str, list[int]]:
    currency = _cell(cells, 1)
    columns.minor_of("0", currency, short=True)
    _cell(cells, 5)
    return currency, [_unsigned(cell) for cell in cells[2:6]]


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return account, last day and currency; in samples the account is the wallet's code."""
    return f"{wallet.upper()}-{day:%Y%m%d}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a report of one file; return the line number of each sheet line.

    Batches of one account must stand together: they are a section.
    """
    numbers = [0] * len(sheet.lines)
    members: list[list[int]] = [[] for _batch in sheet.batches]
    for position, line in enumerate(sheet.lines):
        members[line.batch].append(position)
    sections = [
        (account, list(indexes))
        for account, indexes in groupby(range(len(sheet.batches)), lambda i: _account(sheet, i))
    ] or [(sheet.wallet.upper(), [])]
    report: dict[str, _Sums] = {}
    begins = f"{sheet.period_from:%Y/%m/%d} 00:00:00 +0000"
    ends = f"{sheet.period_to:%Y/%m/%d} 23:59:59 +0000"
    misstate = sheet.misstate_minor
    with TextFile(path) as file:
        file.put(_row("RH", f"{sheet.made_on:%Y/%m/%d} 00:00:00 +0000", '"X"',
                      _quoted(sections[0][0]), "9"))  # fmt: skip
        file.put(_row("FH", "1"))
        for account, indexes in sections:
            section: dict[str, _Sums] = {}
            file.put(_row("SH", begins, ends, _quoted(account), '""'))
            file.put(_row("CH", *(_quoted(column.name) for column in COLUMNS)))
            for index in indexes:
                currency = sheet.batches[index].currency
                for position in members[index]:
                    line = sheet.lines[position]
                    numbers[position] = file.put(_movement(line, currency))
                    for sums in (section, report):
                        sums.setdefault(currency, _Sums()).add(int(line.gross), int(line.fee))
            for index in indexes:
                currency = sheet.batches[index].currency
                file.put(_sums("SF", currency, section.get(currency, _Sums()).cells, misstate))
                misstate = 0
            file.put(_row("SC", str(sum(sums.rows for sums in section.values()))))
        rows = sum(sums.rows for sums in report.values())
        for currency, found in report.items():
            file.put(_sums("RF", currency, found.cells))
        file.put(_row("RC", str(rows)))
        file.put(_row("FF", str(rows)))
    return numbers


def _account(sheet: Sheet, index: int) -> str:
    return sheet.batches[index].ref.rsplit("-", 2)[0]


def _movement(line: Line, batch_currency: str) -> str:
    currency = columns.one_currency(line)
    if currency != batch_currency:
        raise CannotWrite(f"{line.ref}: its batch is in {batch_currency}.")
    gross, fee = int(line.gross), int(line.fee)
    time = ""
    if line.occurred_at:
        day, _t, clock = line.occurred_at.partition("T")
        time = f"{day.replace('-', '/')} {clock[:8]} {clock[8:].replace(':', '')}"
    cells = {
        "Transaction ID": _quoted(line.ref), "Invoice ID": _quoted(line.merchant_ref),
        "PayPal Reference ID": _quoted(line.original_ref),
        "PayPal Reference ID Type": '"TXN"' if line.original_ref else '""',
        "Transaction Event Code": _quoted(_WORDS[line.kind]),
        "Transaction Initiation Date": time, "Transaction Completion Date": time,
        "Transaction  Debit or Credit": '"DR"' if gross < 0 or line.kind == REFUND else '"CR"',
        "Gross Transaction Amount": str(abs(gross)),
        "Gross Transaction Currency": _quoted(currency),
        "Fee Debit or Credit": '"DR"' if fee > 0 else '"CR"' if fee else '""',
        "Fee Amount": str(abs(fee)) if fee else "",
        "Fee Currency": _quoted(currency if fee else ""),
        "Store ID": _quoted(line.store),
    }  # fmt: skip
    return _row("SB", *(cells.get(column.name, '""') for column in COLUMNS))


def _sums(row: str, currency: str, found: list[int], misstate: int = 0) -> str:
    stated = list(found)
    stated[0 if misstate >= 0 else 1] += abs(misstate)
    balance = ('"CR"', "0") * 4
    return _row(row, _quoted(currency), *map(str, stated), *balance)


def _row(kind: str, *cells: str) -> str:
    return ",".join((f'"{kind}"', *cells))


def _quoted(text: str) -> str:
    if not text.isprintable():
        raise CannotWrite(f"{text!r}: no cell is written with a control character.")
    return '"' + text.replace('"', '""') + '"'
