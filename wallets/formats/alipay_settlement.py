"""Alipay's settlement text of the cross-border gateway (2015 to 2019).

Source, public: Alipay's settlement file pages for barcode and third-party QR payments and
their mirrors. Text parted by ``|``, headings in the first line, no preamble, no totals, UTF-8
or GBK. Column sets differ by contract (with and without the Distribute_ columns, opt-in ids),
so columns are found by heading and further ones are allowed. Ids of 28 digits stay text.

Signs: every amount in the file is unsigned; Type turns it (P sale +, R refund -), and the fee
of a refund, which Alipay gives back, becomes negative: 555.0 and fee 6.66 of a refund are
-555.00, -6.66 and net -548.34. Decimals vary (0.0, 548.34, 467.9).

Settlement side: Amount, Fee, Settlement, Currency. Price side: Trans_currency, Trans_amount,
Trans_forex_rate; where these are absent the price is the settlement side. Rmb_ and
Distribute_ amounts are the payer's and a third party's: information, not read. Payment_time
and Settlement_time are UTC+8. Remarks of a refund names what is refunded.

Ours: the opt-in column Store_id, agreed by contract, carries the location. A row of Status F
failed at Alipay: it moves no money, becomes a line that is no payment, and is warned of.

The file names itself: ``<anything><partner id>_settlement_<YYYYMMDD>.txt``; a suffix such as
_2 or -corrected is ignored. ``options["name"]`` gives the name where the path does not have
it, ``options["partner_id"]`` the partner where the name does not.

It cannot carry: any total (a lying total or a row lost at a line's end cannot show), other
movements than P and R, another wallet's payments. One batch a currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from wallets.formats import columns
from wallets.formats.columns import BadValue, CannotWrite, Column, Money, Reading, TextFile, Times
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE, Line, Sheet, Statement, refuse

BATCH_BY = ("settled_currency",)
KINDS = {"P": SALE, "R": REFUND, "PAYMENT": SALE, "REFUND": REFUND}
_LETTERS = columns.letters_of(KINDS)
STATUSES = {"P": True, "L": True, "SETTLED": True, "F": False}
"""What a Status says of the money: moved or not."""
_NEEDED = (
    "Partner_transaction_id", "Transaction_id", "Amount", "Fee", "Settlement", "Currency",
    "Payment_time", "Type", "Status", "Store_id",
)  # fmt: skip
COLUMNS = tuple(
    Column(name, needed=name in _NEEDED)
    for name in (
        "Partner_transaction_id", "Transaction_id", "Amount", "Rmb_amount", "Fee",
        "Distribute_amount", "Distribute_rmb_amount", "Settlement", "Rmb_settlement",
        "Currency", "Rate", "Payment_time", "Settlement_time", "Type", "Status", "Remarks",
        "Secondary_merchant_industry", "Secondary_merchant_name", "Operator_name",
        "Order_scene", "Trans_currency", "Trans_amount", "Trans_forex_rate", "Store_id",
    )
)  # fmt: skip
_ZONE = ZoneInfo("Asia/Shanghai")
_NAME = re.compile(r"(?:([0-9]{16})_)?settlement_([0-9]{8})(?![0-9])", re.ASCII)


def _named(name: str, options: dict[str, Any]) -> tuple[str, date] | None:
    """Return partner id and day of a file's name, or None where it has none."""
    found = _NAME.search(options.get("name") or name)
    if found is None:
        return None
    try:
        day = columns.date_of(found[2], "Day", "%Y%m%d")
    except BadValue:
        return None
    return found[1] or str(options.get("partner_id", "")), day


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return partner id and day, from the name; the file says neither."""
    named = _named(name, {**options, "name": name})
    return f"{named[0]} {named[1]}" if named else Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream."""
    records = columns.physical_lines(path, options, encodings=("utf-8", "gbk"))
    _number, text = next(records)
    headings = text.split("|")
    if "Transaction_id" not in (heading.strip() for heading in headings):
        raise refuse(
            "not_this_layout", 1,
            "The first line must hold the headings, Transaction_id among them.",
        )  # fmt: skip
    try:
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
    except BadValue as error:
        raise refuse(error.code, 1, str(error)) from None
    named = _named(path.name, options)
    if named is None:
        raise refuse(
            "bad_date", 0,
            "The name must hold the day, as in <partner id>_settlement_20261014.txt: "
            "the file itself does not say it.",
        )  # fmt: skip
    statement = Statement(
        identity=f"{named[0]} {named[1]}", period_from=named[1], period_to=named[1],
        lines=iter(()), records=1, others=1,
    )  # fmt: skip
    statement.lines = _Reader(statement, options, found, len(headings)).lines(records)
    return statement


class _Reader:
    def __init__(
        self, statement: Statement, options: dict[str, Any], found: dict[str, int], width: int
    ) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "alipay"
        self.money = Money(short=True)
        self.times = Times("Payment_time", _ZONE)
        self.width, self.number = width, 1
        self.needed = [found[name] for name in _NEEDED]
        price = ("Trans_currency", "Trans_amount", "Trans_forex_rate")
        self.price = [found.get(name, width) for name in price]
        self.remarks = found.get("Remarks", width)
        self.settled_on = found.get("Settlement_time", width)

    def lines(self, records: Iterator[tuple[int, str]]) -> Iterator[Line]:
        yield from self.reading.each(records, self.take)
        problems = self.statement.problems
        if (
            problems
            and problems[-1].code == "bad_columns"
            and (problems[-1].line_no == self.number)
        ):
            raise refuse(
                "truncated", self.number,
                "The last row is not whole. Ask the partner to send the file again.",
            )  # fmt: skip

    def take(self, number: int, text: str) -> Line | None:
        if not text.strip():
            return None
        self.number = number
        cells = [cell.strip() for cell in text.split("|")]
        if len(cells) != self.width:
            columns.checked_cells(cells, self.width)
        # One more, so that an absent column reads as an empty cell.
        cells.append("")
        (order, ref, amount, fee, net, settled_currency, paid_at, word, status, store) = (
            cells[position] for position in self.needed
        )
        currency, price, rate = (cells[position] for position in self.price)
        columns.id_of(ref, "Transaction_id")
        kind = columns.kind_of(word, KINDS)
        paid = self.money[settled_currency]
        sign = -1 if kind == REFUND else 1
        settled = _turned(paid[amount], sign)
        gross = settled
        if currency or price:
            gross = _turned(self.money[currency][price], sign)
        currency = currency or settled_currency
        batch = self.reading.known.get((settled_currency,))
        if batch is None:
            batch = self._batch(settled_currency, cells[self.settled_on])
        charged, kept = _turned(paid[fee], sign), _turned(paid[net], sign)
        if not STATUSES.get(status, True):
            kind, gross, settled, charged, kept = NOT_A_PAYMENT, *((0, "0"),) * 4
            self.statement.warn(
                "bad_value", number, f"{ref} failed at Alipay and moves no money; ask when it will."
            )
        elif status not in STATUSES:
            raise BadValue("unknown_type", f"Status {status[:20]!r} is unknown.")
        return self.reading.line(
            number, batch, self.wallet, kind, ref, columns.id_of(store, "Store_id"), currency,
            gross, settled_currency, settled, charged, kept,
            columns.rate_of(rate) if currency != settled_currency else "",
            columns.text_of(order, "Partner_transaction_id") if order else "",
            self.times[paid_at],
            columns.text_of(cells[self.remarks], "Remarks") if kind == REFUND else "",
        )  # fmt: skip

    def _batch(self, currency: str, settled_at: str) -> int:
        day = self.statement.period_from
        index = self.reading.batch((currency,), f"{day:%Y%m%d}-{currency}", self.wallet, currency)
        if settled_at:
            self.statement.batches[index].value_date = columns.date_of(
                settled_at[:10], "Settlement_time"
            )
        return index


def _turned(amount: tuple[int, str], sign: int) -> tuple[int, str]:
    """Return an unsigned amount with its sign; one that has a sign already is refused."""
    if amount[0] < 0:
        raise BadValue("bad_amount", f"{amount[1]} has a sign; this layout's amounts have none.")
    if sign > 0 or not amount[0]:
        return amount
    return -amount[0], f"-{amount[1]}"


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"{day:%Y%m%d}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file; return the line number of each sheet line."""
    with TextFile(path) as file:
        file.put("|".join(column.name for column in COLUMNS))
        return [file.put(_row(sheet, line)) for line in sheet.lines]


def _row(sheet: Sheet, line: Line) -> str:
    if line.kind == NOT_A_PAYMENT:
        raise CannotWrite(f"{line.ref}: the file has only payments and refunds.")
    paid, batch = line.settled_currency, sheet.batches[line.batch]
    sign = -1 if line.kind == REFUND else 1
    instant = columns.in_zone(line, _ZONE)
    turned = [sign * int(minor) for minor in (line.settled_gross, line.fee, line.net, line.gross)]
    if any(minor < 0 for minor in turned):
        raise CannotWrite(f"{line.ref}: the file has no signs, and this {line.kind} needs one.")
    amount, fee, net, gross = turned
    values = {
        "Partner_transaction_id": line.merchant_ref, "Transaction_id": line.ref,
        "Amount": columns.short_text(amount, paid), "Rmb_amount": "0.0",
        "Fee": columns.short_text(fee, paid), "Distribute_amount": "0.0",
        "Distribute_rmb_amount": "0.0", "Settlement": columns.short_text(net, paid),
        "Rmb_settlement": "0.0", "Currency": paid,
        "Payment_time": instant.strftime("%Y-%m-%d %H:%M:%S") if instant else "",
        "Settlement_time": f"{batch.value_date} 15:36:00" if batch.value_date else "",
        "Type": _LETTERS[line.kind], "Status": "P", "Remarks": line.original_ref,
        "Order_scene": "shopQrCode", "Trans_currency": line.currency,
        "Trans_amount": columns.short_text(gross, line.currency),
        "Trans_forex_rate": line.rate or "1", "Store_id": line.store,
    }  # fmt: skip
    return columns.joined("|", (values.get(column.name, "") for column in COLUMNS))
