"""Alipay's settlement text of the cross-border gateway (2015 to 2019).

Source, public: Alipay's settlement file pages for barcode, merchant code and third-party QR
payments, their Hong Kong variants (WAP, app, auto debit) and their mirrors. Headings in the
first line, no preamble, no totals, UTF-8 or GBK, parted by ``|`` or, in Hong Kong, by commas.
Column sets differ by contract (with and without the Distribute_ columns, opt-in ids), so
columns are found by heading, whatever its case, and further ones are allowed. Ids of 28 digits
stay text; spaces around a cell are no part of it.

Signs: amounts in the file are unsigned; Type turns them (P or PAYMENT is a sale; R or REFUND is
a refund), and the fee of a refund, which Alipay gives back, becomes negative: 555.0 and fee
6.66 of a refund are -555.00, -6.66 and net -548.34. In Hong Kong's files the Settlement of a
refund has its sign already. CANCEL takes the whole payment back after it was settled: it is a
refund. Decimals vary (0.0, 548.34, 467.9).

Proved for every row: Settlement = Amount - Fee - Distribute_amount. What is distributed goes to
a third party out of the shop's money; it is kept in the fee of the line, and warned of once, for
the fee is then not the tariff's. The public samples distribute nothing.

Settlement side: Amount, Fee, Settlement, Currency. Price side: Trans_currency, Trans_amount,
Trans_forex_rate; where these are absent the price is the settlement side. Rmb_ amounts and Rate
are the payer's: information, not read. Payment_time and Settlement_time are UTC+8, as
``2017-09-22 11:04:13`` or ``09/22/2017 11:04:13`` (month first) or a day alone, which is no
instant. Original_partner_transaction_ID, else the Remarks of a refund, names what is refunded.

The shop: the opt-in column Store_id, agreed by contract; without it ``options["stores"]``, a
table from Secondary_merchant_id or Secondary_merchant_name to our reference; without that
``options["store"]``. ``options["wallets"]`` may tell the paying wallets of the column Issue
(ALIPAYCN, ALIPAYHK) apart. ``options["headings"]`` renames headings of a contract to these.

A row of Status F failed at Alipay: it moves no money, becomes a line that is no payment, and is
warned of.

The file names itself: ``<anything><partner id>_settlement_<YYYYMMDD>.txt`` or
``<merchant id>_settle_<YYYYMMDD>_<batch>.csv``; a suffix such as _2 or -corrected is ignored.
``options["name"]`` gives the name where the path does not have it, ``options["partner_id"]`` the
partner where the name does not.

It cannot carry: any total (a lying total or a row lost at a line's end cannot show), other
movements than payments and refunds, and, as it is written here, another wallet's payments. One
batch a wallet and currency.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    about="{partner_id}_settlement_{day:%Y%m%d}",
)  # fmt: skip
KINDS = {"P": SALE, "R": REFUND, "PAYMENT": SALE, "REFUND": REFUND, "CANCEL": REFUND}
_LETTERS = columns.letters_of(KINDS)
STATUSES = {"P": True, "L": True, "SETTLED": True, "F": False}
"""What a Status says of the money: moved or not."""
_NEEDED = (
    "Partner_transaction_id", "Transaction_id", "Amount", "Fee", "Settlement", "Currency",
    "Payment_time", "Type", "Status",
)  # fmt: skip
_WRITTEN = (
    "Partner_transaction_id", "Transaction_id", "Amount", "Rmb_amount", "Fee",
    "Distribute_amount", "Distribute_rmb_amount", "Settlement", "Rmb_settlement",
    "Currency", "Rate", "Payment_time", "Settlement_time", "Type", "Status", "Remarks",
    "Secondary_merchant_industry", "Secondary_merchant_name", "Operator_name",
    "Order_scene", "Trans_currency", "Trans_amount", "Trans_forex_rate", "Store_id",
)  # fmt: skip
COLUMNS = tuple(
    Column(name, needed=name in _NEEDED)
    for name in (*_WRITTEN, "Secondary_merchant_id", "Issue", "Original_partner_transaction_ID")
)


def _named(name: str, options: dict[str, Any]) -> tuple[str, date, str] | None:
    """Return partner, day and batch of a file's name, or None where it has no day."""
    found = naming.named(options.get("name") or name)
    if found is None or found.kind != "settlement" or found.day is None:
        return None
    return found.participant or str(options.get("partner_id", "")), found.day, found.batch


def _identity(partner: str, day: date, batch: str) -> str:
    return f"{partner} {day} {batch}".rstrip()


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return partner id, day and batch, from the name; the file says none of them."""
    found = _named(name, {**options, "name": name})
    return _identity(*found) if found else Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream."""
    records = blocks.Records(path, options, encodings=("utf-8", "gbk"))
    _number, text = next(records)
    mark = "|" if "|" in text else ","
    headings = alipay.headings_of(text.split(mark), COLUMNS, options)
    if "Transaction_id" not in headings:
        raise refuse(
            "not_this_layout", 1,
            "The first line must hold the headings, Transaction_id among them.",
        )  # fmt: skip
    try:
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
    except BadValue as error:
        raise refuse(error.code, 1, str(error)) from None
    if "Store_id" not in found and not alipay.stores(options).knows:
        raise refuse(
            "bad_columns", 1,
            "There is no column Store_id. Agree it with the partner, or tell the feed its shops: "
            'the option "stores" for a table by name, "store" for a single one.',
        )  # fmt: skip
    named = _named(path.name, options)
    if named is None:
        raise refuse(
            "bad_date", 0,
            "The name must hold the day, as in <partner id>_settlement_20261014.txt: "
            "the file itself does not say it.",
        )  # fmt: skip
    statement = Statement(
        identity=_identity(*named), period_from=named[1], period_to=named[1],
        lines=iter(()), records=1, others=1,
    )  # fmt: skip
    reader = _Reader(statement, options, found, len(headings), mark, named[2])
    statement.lines = chain.from_iterable(reader.parts(records))
    return statement


class _Reader:
    def __init__(
        self, statement: Statement, options: dict[str, Any], found: dict[str, int], width: int,
        mark: str, batch: str,
    ) -> None:  # fmt: skip
        self.statement = statement
        self.reading = Reading(statement)
        self.stores, self.wallets = alipay.stores(options), alipay.wallets(options, "alipay")
        self.money = Money(short=True)
        self.times = alipay.Times("Payment_time")
        self.mark, self.width, self.number = mark, width, 1
        self.batch_id = batch
        self.needed = [found[name] for name in _NEEDED]
        self.optional = [
            found.get(name, width)
            for name in (
                "Trans_currency", "Trans_amount", "Trans_forex_rate", "Distribute_amount",
                "Remarks", "Settlement_time", "Store_id", "Secondary_merchant_id",
                "Secondary_merchant_name", "Issue", "Original_partner_transaction_ID",
            )
        ]  # fmt: skip
        self.found = found
        self.has_store = "Store_id" in found
        self.distributed = False

    def parts(self, records: blocks.Records) -> Iterable[Iterable[Line]]:
        plan = self.plan()
        if plan is None:
            yield self.reading.each(records, self.take)
        else:
            yield from blocks.parts(records, plan, self.reading.each, self.take)
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

    def plan(self) -> blocks.Plan | None:
        """Return how plain rows are read many at once; None where a table must be asked."""
        found = self.found
        price = {"Trans_currency", "Trans_amount"} & found.keys()
        if (
            not self.has_store or self.wallets.codes is not None or len(price) == 1
            or "Original_partner_transaction_ID" in found
        ):  # fmt: skip
            return None
        paid = "settled_currency" if price else "currency"
        plain = {
            "Partner_transaction_id": blocks.text("merchant_ref"),
            "Transaction_id": blocks.ident("ref"),
            "Amount": blocks.amount("settled_gross" if price else "gross", paid),
            "Fee": blocks.amount("fee", paid), "Settlement": blocks.amount("net", paid),
            "Currency": blocks.currency(paid), "Payment_time": blocks.moment(),
            "Type": blocks.kind(KINDS), "Status": blocks.constant(*filter(STATUSES.get, STATUSES)),
            "Distribute_amount": blocks.constant("", "0", "0.0", "0.00"),
            "Remarks": blocks.text("original_ref", only=REFUND),
            "Trans_currency": blocks.currency(), "Trans_amount": blocks.amount("gross"),
            "Trans_forex_rate": blocks.rate(only="converted"), "Store_id": blocks.ident("store"),
        }  # fmt: skip
        cells = [blocks.unread()] * self.width
        for name, position in found.items():
            cells[position] = plain.get(name, blocks.unread())
        return blocks.Plan(
            self.reading, cells, blocks.Writing(self.mark, short=True, unsigned=True),
            ("wallet", paid), {"wallet": self.wallets.of("")}, alipay.ZONE, passed=self.passed,
        )  # fmt: skip

    def passed(self, number: int, lines: int) -> None:
        self.number = number

    def take(self, number: int, text: str) -> Line | None:
        if not text.strip():
            return None
        self.number = number
        cells = text.split("|") if self.mark == "|" else columns.cells_of(text, ",")
        cells = [cell.strip() for cell in cells]
        if len(cells) != self.width:
            columns.checked_cells(cells, self.width)
        # One more, so that an absent column reads as an empty cell.
        cells.append("")
        (order, ref, amount, fee, net, settled_currency, paid_at, word, status) = (
            cells[position] for position in self.needed
        )
        (currency, price, rate, distribute, remarks, settled_at, store, merchant_id, merchant,
         issue, original) = (cells[position] for position in self.optional)  # fmt: skip
        columns.id_of(ref, "Transaction_id")
        kind = columns.kind_of(word, KINDS)
        paid = self.money[settled_currency]
        sign = -1 if kind == REFUND else 1
        settled = alipay.turned(paid[amount], sign)
        gross = settled
        if currency or price:
            gross = alipay.turned(self.money[currency][price], sign)
        currency = currency or settled_currency
        wallet = self.wallets.of(issue)
        batch = self.reading.known.get((wallet, settled_currency))
        if batch is None:
            batch = self._batch(wallet, settled_currency, settled_at)
        charged, kept = alipay.turned(paid[fee], sign), paid[net]
        if sign > 0 or kept[0] > 0:
            kept = alipay.turned(kept, sign)
        if distribute:
            charged = self._with_distributed(number, ref, charged, paid[distribute], sign)
        if not STATUSES.get(status, True):
            kind, gross, settled, charged, kept = NOT_A_PAYMENT, *((0, "0"),) * 4
            self.statement.warn(
                "bad_value", number, f"{ref} failed at Alipay and moves no money; ask when it will."
            )
        elif status not in STATUSES:
            raise BadValue("unknown_type", f"Status {status[:20]!r} is unknown.")
        if not self.has_store:
            store = self.stores.of(merchant_id, merchant)
        return self.reading.line(
            number, batch, wallet, kind, ref, columns.id_of(store, "Store_id"), currency,
            gross, settled_currency, settled, charged, kept,
            columns.rate_of(rate) if currency != settled_currency else "",
            columns.text_of(order, "Partner_transaction_id") if order else "",
            self.times[paid_at],
            columns.text_of(original or remarks, "Remarks") if kind == REFUND else "",
        )  # fmt: skip

    def _with_distributed(
        self, number: int, ref: str, fee: tuple[int, str], amount: tuple[int, str], sign: int
    ) -> tuple[int, str]:
        minor = alipay.turned(amount, sign)[0]
        if minor and not self.distributed:
            self.distributed = True
            self.statement.warn(
                "bad_value", number,
                f"Part of {ref} goes to a third party (Distribute_amount), here and perhaps in "
                "further rows: it is counted in the fee. Was that agreed?",
            )  # fmt: skip
        return (fee[0] + minor, str(fee[0] + minor)) if minor else fee

    def _batch(self, wallet: str, currency: str, settled_at: str) -> int:
        day = self.statement.period_from
        ref = f"{self.batch_id or f'{day:%Y%m%d}'}-{currency}"
        index = self.reading.batch((wallet, currency), ref, wallet, currency)
        if settled_at:
            self.statement.batches[index].value_date = alipay.day_of(settled_at, "Settlement_time")
        return index


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"{day:%Y%m%d}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file; return the line number of each sheet line."""
    with TextFile(path) as file:
        file.put("|".join(_WRITTEN))
        return [file.put(_row(sheet, line)) for line in sheet.lines]


def _row(sheet: Sheet, line: Line) -> str:
    if line.kind == NOT_A_PAYMENT:
        raise CannotWrite(f"{line.ref}: the file has only payments and refunds.")
    paid, batch = line.settled_currency, sheet.batches[line.batch]
    sign = -1 if line.kind == REFUND else 1
    instant = columns.in_zone(line, alipay.ZONE)
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
    return columns.joined("|", (values.get(name, "") for name in _WRITTEN))
