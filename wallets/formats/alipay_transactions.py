"""Alipay's transaction text of the cross-border gateway (2013 to 2019).

Source, public: Alipay's transaction file pages for barcode, merchant code and third-party QR
payments, their Hong Kong variants and their mirrors. Text parted by ``|``, UTF-8 or GBK, blank
lines between rows allowed::

    Partner:208800000000|Payment_time: 2013-12-02|Total_count:4
    Partner_transaction_id|Transaction_id|Transaction_amount|Charge_amount|Currency|...
    0001|201312020445|100|3|HKD|2013-12-02 10:45:42|PAYMENT||...

The first line is proved: Total_count is the number of rows, so a lost row shows. Headings are
found by name, whatever their case and order; the oldest files have only the first eight, others
up to seventeen, and further ones are allowed. A day of Alipay is of UTC+8, and so is
Payment_time.

Signs: amounts are unsigned, Transaction_type turns them. PAYMENT is a sale, REFUND a refund.
REVERSAL (also REVERSE) and CANCEL take a payment back whose outcome the till did not learn: the
payer's money is returned in full and the charge with it, so for the shop's money each is a
refund of that payment, and stands beside the payment's own row. Net = amount - charge; the file
does not state it.

Settlement side: Transaction_amount, Charge_amount, Currency. Price side: Trans_currency,
Trans_amount, Trans_forex_rate; where these are absent the price is the settlement side. The
rate is not proved: the public sample has 100 TWD at 0.031 beside 100 HKD.

The shop: as in the settlement text, Store_id (opt-in), else ``options["stores"]``, a table from
Secondary_merchant_id or Secondary_merchant_name, else ``options["store"]``.
``options["wallets"]`` tells wallets of the column Issue apart; ``options["headings"]`` renames
headings. What is refunded is named by the opt-in Original_partner_transaction_ID, and by a
REVERSAL's or CANCEL's own Transaction_id where there is no such column.

It says what was paid on a day, not what is paid out: no settlement, no value date, no sum. A
feed takes this file or the settlement text, never both. It cannot carry movements that are no
payments. One batch a wallet and currency, called after the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from wallets.formats import alipay, blocks, columns, naming
from wallets.formats.columns import BadValue, CannotWrite, Column, Money, Reading, TextFile
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

BATCH_BY = ("settled_currency",)
ROOM = Room(
    other_movements=False, totals=False, one_day=True, unwritable="|",
    about="{partner_id}_transaction_{day:%Y%m%d}",
)  # fmt: skip
KINDS = {
    "PAYMENT": SALE, "REFUND": REFUND, "REVERSAL": REFUND, "REVERSE": REFUND, "CANCEL": REFUND,
}  # fmt: skip
TAKEN_BACK = frozenset({"REVERSAL", "REVERSE", "CANCEL"})
_WORDS = columns.letters_of(KINDS)
_NEEDED = (
    "Partner_transaction_id", "Transaction_id", "Transaction_amount", "Charge_amount", "Currency",
    "Payment_time", "Transaction_type",
)  # fmt: skip
_WRITTEN = (
    *_NEEDED, "Remark", "Secondary_merchant_industry", "Secondary_merchant_name",
    "Operator_name", "Order_scene", "Trans_currency", "Trans_amount", "Trans_forex_rate",
    "Store_id", "Original_partner_transaction_ID",
)  # fmt: skip
COLUMNS = tuple(
    Column(name, needed=name in _NEEDED) for name in (*_WRITTEN, "Secondary_merchant_id", "Issue")
)
_OPENING = re.compile(
    r"Partner\s*:\s*([0-9A-Za-z]{1,32})\s*\|\s*Payment_time\s*:\s*([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?\s*\|\s*Total_count\s*:\s*([0-9]{1,9})\s*",
    re.ASCII,
)


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return partner id and day, as the first line says them."""
    found = _OPENING.fullmatch(columns.first_lines(head)[0])
    return f"{found[1]} {found[2]}" if found else Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream."""
    records = blocks.Records(path, options, encodings=("utf-8", "gbk"))
    _number, text = next(records)
    opening = _OPENING.fullmatch(text)
    if opening is None:
        raise refuse(
            "not_this_layout", 1,
            "The first line must say Partner, Payment_time and Total_count. Is this another file?",
        )  # fmt: skip
    partner, day_text, total = opening.groups()
    try:
        day = columns.date_of(day_text, "Payment_time")
    except BadValue as error:
        raise refuse(error.code, 1, str(error)) from None
    statement = Statement(
        identity=f"{partner} {day}", period_from=day, period_to=day, lines=iter(()), records=1,
        others=1,
    )  # fmt: skip
    number, headings = _headings(records, statement, options)
    try:
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
    except BadValue as error:
        raise refuse(error.code, number, str(error)) from None
    if "Store_id" not in found and not alipay.stores(options).knows:
        raise refuse(
            "bad_columns", number,
            "There is no column Store_id. Agree it with the partner, or tell the feed its shops: "
            'the option "stores" for a table by name, "store" for a single one.',
        )  # fmt: skip
    named = naming.named(options.get("name") or path.name)
    if named and named.kind == "transaction" and named.day not in (None, day):
        statement.warn(
            "bad_date", 1, f"The file's name says {named.day}, its first line {day}; it is read "
            "as the first line says.",
        )  # fmt: skip
    reader = _Reader(statement, options, found, len(headings))
    statement.lines = chain.from_iterable(reader.parts(records, int(total)))
    return statement


def _headings(
    records: Iterator[tuple[int, str]], statement: Statement, options: dict[str, Any]
) -> tuple[int, list[str]]:
    """Return the headings and their line; blank lines may stand before them."""
    number = 1
    for number, text in records:
        statement.records += 1
        statement.others += 1
        if text.strip():
            return number, alipay.headings_of(text.split("|"), COLUMNS, options)
    raise refuse(
        "truncated", number, "The headings are absent: the file was cut. Ask for it again."
    )


class _Reader:
    def __init__(
        self, statement: Statement, options: dict[str, Any], found: dict[str, int], width: int
    ) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.stores, self.wallets = alipay.stores(options), alipay.wallets(options, "alipay")
        self.money = Money(short=True)
        self.times = alipay.Times("Payment_time")
        self.width = width
        self.rows = 0
        self.number = 0
        self.needed = [found[name] for name in _NEEDED]
        self.optional = [
            found.get(name, width)
            for name in (
                "Trans_currency", "Trans_amount", "Trans_forex_rate", "Store_id",
                "Secondary_merchant_id", "Secondary_merchant_name", "Issue",
                "Original_partner_transaction_ID",
            )
        ]  # fmt: skip
        self.found = found
        self.has_store = "Store_id" in found

    def parts(self, records: blocks.Records, total: int) -> Iterable[Iterable[Line]]:
        plan = self.plan()
        if plan is None:
            yield self.reading.each(records, self.take)
        else:
            yield from blocks.parts(records, plan, self.reading.each, self.take)
        if self.rows != total:
            self.reading.error(
                "count_differs", 1,
                f"Total_count is {total}, but there are {self.rows} rows; the last is line "
                f"{self.number}. Ask the partner for a corrected file.",
            )  # fmt: skip

    def plan(self) -> blocks.Plan | None:
        """Return how plain rows are read many at once; None where a table must be asked."""
        found = self.found
        price = {"Trans_currency", "Trans_amount"} & found.keys()
        if not self.has_store or self.wallets.codes is not None or len(price) == 1:
            return None
        paid = "settled_currency" if price else "currency"
        order, ref, amount, charge, settled_currency, paid_at, word = _NEEDED
        plain = {
            order: blocks.text("merchant_ref"), ref: blocks.ident("ref"),
            amount: blocks.amount("settled_gross" if price else "gross", paid),
            charge: blocks.amount("fee", paid), settled_currency: blocks.currency(paid),
            paid_at: blocks.moment(),
            word: blocks.kind({one: KINDS[one] for one in KINDS if one not in TAKEN_BACK}),
            "Trans_currency": blocks.currency(), "Trans_amount": blocks.amount("gross"),
            "Trans_forex_rate": blocks.rate(only="converted"), "Store_id": blocks.ident("store"),
            "Original_partner_transaction_ID": blocks.text("original_ref", only=REFUND),
        }  # fmt: skip
        cells = [blocks.unread()] * self.width
        for name, position in found.items():
            cells[position] = plain.get(name, blocks.unread())
        return blocks.Plan(
            self.reading, cells, blocks.Writing("|", short=True, unsigned=True),
            ("wallet", paid), {"wallet": self.wallets.of("")}, alipay.ZONE, passed=self.passed,
        )  # fmt: skip

    def passed(self, number: int, lines: int) -> None:
        self.number = number
        self.rows += lines

    def take(self, number: int, text: str) -> Line | None:
        if not text.strip():
            return None
        self.rows += 1
        self.number = number
        cells = [cell.strip() for cell in text.split("|")]
        if len(cells) != self.width:
            columns.checked_cells(cells, self.width)
        # One more, so that an absent column reads as an empty cell.
        cells.append("")
        order, ref, amount, charge, settled_currency, paid_at, word = (
            cells[position] for position in self.needed
        )
        currency, price, rate, store, merchant_id, merchant, issue, original = (
            cells[position] for position in self.optional
        )
        columns.id_of(ref, "Transaction_id")
        kind = columns.kind_of(word, KINDS)
        paid = self.money[settled_currency]
        sign = -1 if kind == REFUND else 1
        settled, fee = alipay.turned(paid[amount], sign), alipay.turned(paid[charge], sign)
        gross = settled
        if currency or price:
            gross = alipay.turned(self.money[currency][price], sign)
        currency = currency or settled_currency
        wallet = self.wallets.of(issue)
        batch = self.reading.known.get((wallet, settled_currency))
        if batch is None:
            batch = self.reading.batch(
                (wallet, settled_currency), f"{self.statement.period_from:%Y%m%d}-"
                f"{settled_currency}", wallet, settled_currency,
            )  # fmt: skip
        if not self.has_store:
            store = self.stores.of(merchant_id, merchant)
        net = settled[0] - fee[0]
        if word in TAKEN_BACK:
            original = original or ref
        return self.reading.line(
            number, batch, wallet, kind, ref, columns.id_of(store, "Store_id"), currency, gross,
            settled_currency, settled, fee, (net, str(net)),
            columns.rate_of(rate) if currency != settled_currency else "",
            columns.text_of(order, "Partner_transaction_id") if order else "",
            self.times[paid_at],
            columns.text_of(original, "Original_partner_transaction_ID")
            if kind == REFUND and original
            else "",
        )  # fmt: skip


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"{day:%Y%m%d}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file of the sheet's last day; return the line number of each sheet line.

    Nothing but the number of rows is declared, so a misstated total cannot be written.
    """
    partner = str(options.get("partner_id") or "2088000000000000")
    with TextFile(path) as file:
        file.put(
            f"Partner:{partner}|Payment_time: {sheet.period_to}|Total_count:{len(sheet.lines)}"
        )
        file.put("|".join(_WRITTEN))
        return [file.put(_row(line)) for line in sheet.lines]


def _row(line: Line) -> str:
    if line.kind == NOT_A_PAYMENT:
        raise CannotWrite(f"{line.ref}: the file has only payments and refunds.")
    paid = line.settled_currency
    sign = -1 if line.kind == REFUND else 1
    instant = columns.in_zone(line, alipay.ZONE)
    turned = [sign * int(minor) for minor in (line.settled_gross, line.fee, line.gross)]
    if any(minor < 0 for minor in turned):
        raise CannotWrite(f"{line.ref}: the file has no signs, and this {line.kind} needs one.")
    amount, fee, gross = turned
    values = {
        "Partner_transaction_id": line.merchant_ref, "Transaction_id": line.ref,
        "Transaction_amount": columns.short_text(amount, paid),
        "Charge_amount": columns.short_text(fee, paid), "Currency": paid,
        "Payment_time": instant.strftime("%Y-%m-%d %H:%M:%S") if instant else "",
        "Transaction_type": _WORDS[line.kind], "Order_scene": "shopQrCode",
        "Trans_currency": line.currency,
        "Trans_amount": columns.short_text(gross, line.currency),
        "Trans_forex_rate": line.rate or "1", "Store_id": line.store,
        "Original_partner_transaction_ID": line.original_ref,
    }  # fmt: skip
    return columns.joined("|", (values.get(name, "") for name in _WRITTEN))
