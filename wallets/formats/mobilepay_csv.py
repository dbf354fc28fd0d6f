"""MobilePay transferred transactions CSV, version 2: what Pivo sends here.

Source: Pivo publishes a payment API and no settlement file. The analog of the same market is
public: the transferred-transactions text of MobilePay's Transaction Reporting API (headings,
types and sample rows in docs/types.md of its repository). UTF-8, semicolon, cells may be
quoted, decimal comma with as few decimals as say the amount (``190,0``), times in UTC with Z,
dates dd-mm-yyyy. Columns are found by heading; further columns are allowed.

The types are Payment, Refund, TransactionFee, ServiceFee, Transfer, ReturnedTransaction and
Adjustment; another one refuses the file, because nobody has said what its sign means.

Signs: Payment +, Refund -. A fee is a row of its own, TransactionFee, negative when charged,
and carries the payment's id: it is folded into that payment's line, whether it stands behind
it or elsewhere. A fee that no payment of the file answers to, and ServiceFee, become lines
that are no payment, with the fee alone; so do ReturnedTransaction and Adjustment.

Public is that the rows of a transfer add up to the bank credit that carries its reference. Ours,
where the public text is silent: one Transfer row for every transfer reference and currency closes
the file; its Amount is the sum of the rows and is proved, its Message is the period
(``2026-10-14/2026-10-14``). A Transfer row of 0 stands alone in a period without payments. With
the option ``without_transfer_row`` a file may have none, as the reporting API gives it: then the
period is that of the Date column, nothing is declared, and only the bank's credit can prove the
sum. The batch is ``<transfer reference>-<currency>``.

A transfer reference is unique for one year only: a file is called by it and the year of its
Transfer Reference Date, so that next year's file is never taken for a new version of this one.

Location ID is our store reference; the option ``store_column`` names Payment Point ID or MyShop
Number instead.

It cannot carry: a count, a conversion, the payment that a refund is of. A cut file shows by
the absent Transfer row, and not at all without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from wallets.formats import columns
from wallets.formats.columns import BadValue, CannotWrite, Column, Money, Reading, TextFile, Times
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    REFUND,
    SALE,
    Line,
    Room,
    Sheet,
    Statement,
    refuse,
)

BATCH_BY = ("currency",)
ROOM = Room(originals=False, unwritable=';"')
KINDS = {
    "Payment": SALE, "Refund": REFUND, "Adjustment": NOT_A_PAYMENT,
    "ReturnedTransaction": NOT_A_PAYMENT, "ServiceFee": NOT_A_PAYMENT,
    "TransactionFee": NOT_A_PAYMENT,
}  # fmt: skip
_WORDS = columns.letters_of(KINDS)
_NEEDED = (
    "Type", "Amount", "Currency", "Timestamp", "Date", "Message", "Merchant Reference",
    "Payment Transaction ID", "Location ID", "Transfer Reference Date", "Transfer Reference",
)  # fmt: skip
COLUMNS = tuple(
    Column(name, needed=name in _NEEDED)
    for name in (
        "Company Reg No", "Merchant Name", "Payment Point ID", "Payment Point Name", "Type",
        "Amount", "Currency", "Timestamp", "Date", "Message", "Merchant Reference",
        "Merchant Payment Label", "Payment Transaction ID", "User Indicator", "Loyalty ID",
        "MyShop Number", "Brand Name", "Brand ID", "Location ID", "POS Name", "Beacon ID",
        "Merchant Payer Reference", "Agreement ID", "Receiver Account",
        "Transfer Reference Date", "Transfer Reference",
    )
)  # fmt: skip
STORE_COLUMNS = ("Location ID", "Payment Point ID", "MyShop Number")
_DAY = "%d-%m-%Y"
_UTC = ZoneInfo("UTC")


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return the transfer reference of the first row and the year of its transfer."""
    lines = columns.first_lines(head)
    try:
        headings = columns.cells_of(lines[0], ";")
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
        cells = columns.cells_of(lines[1], ";")
        year = cells[found["Transfer Reference Date"]][-4:]
        return f"transfer {cells[found['Transfer Reference']]} {year}".rstrip()
    except (BadValue, IndexError):
        return Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream.

    The file is gone through twice: first for its Transfer rows, which name the period, and
    for fees that do not stand behind their payment.
    """
    survey = _Survey.of(path, options)
    with path.open("rb") as file:
        identity = identify(path.name, file.read(columns.LONGEST_LINE), options)
    statement = Statement(
        identity=identity, period_from=survey.period[0], period_to=survey.period[1],
        lines=iter(()), records=1, others=1,
    )  # fmt: skip
    statement.lines = _Reader(statement, options, survey).lines(path)
    return statement


@dataclass
class _Survey:
    """What must be known before the first line: columns, period, fees that stand apart.

    Fees that stand apart are kept as they are written, which is a tenth of their cells' size.
    """

    found: dict[str, int]
    width: int
    period: tuple[date, date]
    store_at: int
    apart: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    apart_numbers: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, path: Path, options: dict[str, Any]) -> _Survey:
        records = columns.physical_lines(path, options)
        _number, text = next(records)
        try:
            headings = columns.cells_of(text, ";")
            if "Payment Transaction ID" not in headings and "Type" not in headings:
                raise BadValue(
                    "not_this_layout", "The first line does not hold this layout's headings."
                )
            found = columns.positions_of(headings, COLUMNS, others_allowed=True)
            store = options.get("store_column") or STORE_COLUMNS[0]
            if store not in STORE_COLUMNS or store not in found:
                raise BadValue("bad_columns", f"There is no column {store!r} that names a store.")
        except BadValue as error:
            raise refuse(error.code, 1, str(error)) from None
        survey = cls(found, len(headings), (date.max, date.min), found[store])
        kind, ref, message = (found[name] for name in ("Type", "Payment Transaction ID", "Message"))
        by_date = bool(options.get("without_transfer_row"))
        number, before = 1, ""
        for number, text in records:
            if not by_date and (
                "Trans" not in text or ("Transfer" not in text and "TransactionFee" not in text)
            ):
                before = text
                continue
            try:
                cells = columns.checked_cells(columns.cells_of(text, ";"), survey.width)
                if by_date:
                    day = columns.date_of(cells[found["Date"]], "Date", _DAY)
                    survey.cover(day, day)
                elif cells[kind] == "Transfer":
                    begins, _slash, ends = cells[message].partition("/")
                    survey.cover(*columns.period_of(begins, ends))
                if cells[kind] == "Transfer":
                    continue
                if cells[kind] == "TransactionFee":
                    if not _holds(before, ref, cells[ref]):
                        survey.apart_numbers.add(number)
                        survey.apart.setdefault(cells[ref], []).append((number, text))
                        # The next fee stands behind this one, not behind a payment.
                        before = ""
                else:
                    before = text
            except BadValue as error:
                raise refuse(error.code, number, str(error)) from None
        if survey.period[0] > survey.period[1]:
            raise refuse(
                "truncated", number,
                "The Transfer row is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip
        return survey

    def cover(self, first: date, last: date) -> None:
        self.period = min(self.period[0], first), max(self.period[1], last)

    def cells_of(self, text: str) -> list[str]:
        return columns.checked_cells(columns.cells_of(text, ";"), self.width)


def _holds(text: str, position: int, wanted: str) -> bool:
    """Tell whether a row has a text at a position; a row that is broken has nothing."""
    try:
        if '"' not in text:
            return text.split(";", position + 1)[position : position + 1] == [wanted]
        return columns.cells_of(text, ";")[position : position + 1] == [wanted]
    except BadValue:
        return False


@dataclass(slots=True)
class _Row:
    """A row with the fee rows right behind it, or why it cannot be taken apart."""

    cells: list[str]
    fees: list[list[str]]
    wrong: BadValue | None = None


class _Reader:
    def __init__(self, statement: Statement, options: dict[str, Any], survey: _Survey) -> None:
        self.statement, self.options, self.survey = statement, options, survey
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "pivo"
        self.money = Money(mark=",", short=True)
        self.times = Times("Timestamp", _UTC)
        self.at = at = survey.found
        self.settled = itemgetter(
            at["Type"], at["Payment Transaction ID"], at["Currency"], at["Amount"],
            at["Transfer Reference"], survey.store_at, at["Merchant Reference"], at["Timestamp"],
        )  # fmt: skip
        self.priced = itemgetter(at["Currency"], at["Amount"])
        self.number = 1
        self.transfers: list[tuple[int, list[str]]] = []

    def lines(self, path: Path) -> Iterator[Line]:
        records = columns.physical_lines(path, self.options)
        next(records)
        yield from self.reading.each(self._folded(records), self.take)
        for fees in self.survey.apart.values():
            for number, text in fees:
                # No payment of this file answered to it.
                self.statement.others -= 1
                try:
                    yield self._fee_alone(number, self.survey.cells_of(text))
                except BadValue as error:
                    self.reading.bad_row(error, number)
        for number, cells in self.transfers:
            try:
                self._transfer(number, cells)
            except BadValue as error:
                self.reading.bad_row(error, number)
        if self.transfers or not self.options.get("without_transfer_row"):
            self.reading.prove_undeclared(self.number, "The Transfer row")

    def _folded(self, records: Iterator[tuple[int, str]]) -> Iterator[tuple[int, _Row]]:
        """Yield each row together with the fee rows that stand right behind it."""
        kind, width, apart = self.at["Type"], self.survey.width, self.survey.apart_numbers
        statement = self.statement
        held: tuple[int, _Row] | None = None
        for number, text in records:
            self.number = number
            try:
                cells = text.split(";") if '"' not in text else columns.cells_of(text, ";")
                if len(cells) != width:
                    columns.checked_cells(cells, width)
            except BadValue as error:
                row = _Row([], [], error if text else None)
            else:
                if held is not None and cells[kind] == "TransactionFee" and number not in apart:
                    held[1].fees.append(cells)
                    statement.records += 1
                    statement.others += 1
                    continue
                row = _Row(cells, [])
            if held is not None:
                yield held
            held = number, row
        if held is not None:
            yield held

    def take(self, number: int, row: _Row) -> Line | None:
        if row.wrong:
            raise row.wrong
        cells = row.cells
        if not cells:
            return None
        settled = self.settled(cells)
        kind, ref, currency, amount = settled[:4]
        if kind == "Transfer":
            self.transfers.append((number, cells))
            return None
        if self.transfers:
            raise BadValue("bad_value", "There is a row after Transfer, which closes the file.")
        if kind == "TransactionFee":
            return None
        if kind == "ServiceFee":
            return self._fee_alone(number, cells)
        meaning = columns.kind_of(kind, KINDS)
        columns.id_of(ref, "Payment Transaction ID")
        amounts = self.money[currency]
        gross, fee = amounts[amount], 0
        fees = row.fees
        if ref in self.survey.apart:
            apart = self.survey.apart.pop(ref)
            fees = fees + [self.survey.cells_of(text) for _number, text in apart]
        for found in fees:
            charged_in, charged = self.priced(found)
            if charged_in != currency:
                raise BadValue("bad_value", f"{ref}: its fee is in another currency.")
            fee -= amounts[charged][0]
        return self._line(number, settled, meaning, gross, fee)

    def _fee_alone(self, number: int, cells: list[str]) -> Line:
        settled = self.settled(cells)
        columns.id_of(settled[1], "Payment Transaction ID")
        charged = -self.money[settled[2]][settled[3]][0]
        return self._line(number, settled, NOT_A_PAYMENT, (0, "0"), charged)

    def _line(
        self, number: int, settled: tuple[str, ...], kind: str, gross: tuple[int, str], fee: int
    ) -> Line:
        """Return the line of a row, of which ``settled`` are the cells that all rows have."""
        _type, ref, currency, _amount, reference, store, order, timestamp = settled
        if store or kind != NOT_A_PAYMENT:
            columns.id_of(store, "Location ID")
        batch = self.reading.known.get((reference, currency))
        if batch is None:
            columns.id_of(reference, "Transfer Reference")
            batch = self._batch(reference, currency)
        net = gross[0] - fee
        return self.reading.line(
            number, batch, self.wallet, kind, ref, store, currency, gross, currency, gross,
            (fee, str(fee)), (net, str(net)), "",
            columns.text_of(order, "Merchant Reference") if order else "",
            self.times[timestamp], "",
        )  # fmt: skip

    def _batch(self, reference: str, currency: str) -> int:
        return self.reading.batch(
            (reference, currency), f"{reference}-{currency}", self.wallet, currency
        )

    def _transfer(self, number: int, cells: list[str]) -> None:
        at = self.at
        currency = cells[at["Currency"]]
        reference = columns.id_of(cells[at["Transfer Reference"]], "Transfer Reference")
        paid_on = cells[at["Transfer Reference Date"]]
        self.reading.total(
            number, key=(reference, currency), ref=f"{reference}-{currency}", wallet=self.wallet,
            currency=currency, net=self.money[currency][cells[at["Amount"]]][0],
            value_date=columns.date_of(paid_on, "Transfer Reference Date", _DAY)
            if paid_on else None,
        )  # fmt: skip


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return the reference of a currency's transfer: 000, the day, nine digits."""
    return f"000{day:%Y%m%d}{number:09d}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file; return the line number of each sheet line (its fee row stands behind it).

    A batch is called ``<transfer reference>-<currency>``.
    """
    numbers = []
    with TextFile(path) as file:
        file.put(";".join(column.name for column in COLUMNS))
        for line in sheet.lines:
            kind, fee = _WORDS[line.kind], int(line.fee)
            if line.kind == NOT_A_PAYMENT and not int(line.gross):
                numbers.append(file.put(_row(sheet, line, "ServiceFee", -fee)))
                continue
            numbers.append(file.put(_row(sheet, line, kind, int(line.gross))))
            if fee:
                file.put(_row(sheet, line, "TransactionFee", -fee))
        period = f"{sheet.period_from}/{sheet.period_to}"
        for index, (batch, tally) in enumerate(
            zip(sheet.batches, columns.tallies_of(sheet), strict=True)
        ):
            stated = tally.net + (0 if index else sheet.misstate_minor)
            file.put(_cells({
                "Type": "Transfer", "Amount": columns.short_text(stated, batch.currency, ","),
                "Currency": batch.currency, "Date": sheet.period_to.strftime(_DAY),
                "Message": period, **_transfer_of(batch.ref, batch.value_date),
            }))  # fmt: skip
        if not sheet.batches:
            ref = batch_ref(
                number=sheet.number, day=sheet.period_to, store="", wallet="", currency="EUR"
            )
            file.put(_cells({
                "Type": "Transfer", "Amount": "0,0", "Currency": "EUR",
                "Date": sheet.period_to.strftime(_DAY), "Message": period,
                **_transfer_of(ref, None),
            }))  # fmt: skip
    return numbers


def _transfer_of(batch: str, value_date: date | None) -> dict[str, str]:
    return {
        "Transfer Reference": batch.rpartition("-")[0],
        "Transfer Reference Date": value_date.strftime(_DAY) if value_date else "",
    }


def _row(sheet: Sheet, line: Line, kind: str, minor: int) -> str:
    currency = columns.one_currency(line)
    batch = sheet.batches[line.batch]
    instant = columns.in_zone(line, _UTC)
    return _cells({
        "Type": kind, "Amount": columns.short_text(minor, currency, ","), "Currency": currency,
        "Timestamp": instant.strftime("%Y-%m-%d %H:%M:%SZ") if instant else "",
        "Date": (instant.date() if instant else sheet.period_to).strftime(_DAY),
        "Merchant Reference": line.merchant_ref, "Payment Transaction ID": line.ref,
        "Location ID": line.store, **_transfer_of(batch.ref, batch.value_date),
    })  # fmt: skip


def _cells(values: dict[str, str]) -> str:
    text = columns.joined(";", (values.get(column.name, "") for column in COLUMNS))
    if '"' in text:
        raise CannotWrite(f"{text!r}: no cell is written with a quote.")
    return text
