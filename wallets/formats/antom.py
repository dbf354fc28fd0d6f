"""What the reports of Antom and Alipay+ have in common: their end, their unit, their rows. Pure.

Source, public: Antom's transaction details, settlement details and settlement summary report
pages, the field summary of both, and their Chinese mirrors; of the row formula also Antom's own
published checks of settlement reports. A report is UTF-8 CSV: headings, rows, and ``<END>`` as
its last line.

Signs: settlementAmountValue is what moves the shop's money, net of every fee, signed from the
shop's view. A fee is negative when charged: an amount that settles 14.50 with fees of -0.50 is
15.00 gross. So in every row settlement = gross + all fees, where gross is the transaction's
amount, converted at the quote. In the transaction's own currency that is proved.

Ids: in the older reports a refund has a transactionId of its own and its payment's in
originalTransactionId. In today's the transactionId of a refund is its payment's: then
``options["refund_id"]`` names the column that tells refunds apart, transactionRequestId.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from operator import add, eq, mul, ne, or_
from pathlib import Path
from typing import Any

from portal.core import money
from wallets.formats import alipay, blocks, columns, naming
from wallets.formats.columns import BadValue, CannotWrite, Column, Reading
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    REFUND,
    SALE,
    Line,
    Sheet,
    Statement,
    Unreadable,
    refuse,
)

END = "<END>"
MINOR, MAJOR = "minor", "major"

TYPES = {
    "PAYMENT": SALE,
    "CAPTURE": SALE,
    "REFUND": REFUND,
    # Money back for the whole payment, under the payment's own id.
    "CANCEL": REFUND,
    # A hold and its release: no money of the shop moves, or none is said to.
    "AUTHORIZATION": NOT_A_PAYMENT,
    "VOID": NOT_A_PAYMENT,
    # Money of a payment or refund that the shop's books closed as failed: nobody's sale.
    "PAYMENT_REVERSAL": NOT_A_PAYMENT,
    "REFUND_REVERSAL": NOT_A_PAYMENT,
    "DISPUTE": NOT_A_PAYMENT,
    "DISPUTE_REVERSAL": NOT_A_PAYMENT,
    "RAPID_DISPUTE_RESOLUTION": NOT_A_PAYMENT,
    "CDRN": NOT_A_PAYMENT,
    "SETTLEMENT_FEE": NOT_A_PAYMENT,
    "ADJUSTMENT_FEE": NOT_A_PAYMENT,
    "COLLATERAL_WITHHOLDING": NOT_A_PAYMENT,
    "COLLATERAL_WITHHELD": NOT_A_PAYMENT,
    "COLLATERAL_RELEASE": NOT_A_PAYMENT,
    "COLLATERAL_RELEASED": NOT_A_PAYMENT,
    "RESERVE": NOT_A_PAYMENT,
    "RESERVE_WITHHOLDING": NOT_A_PAYMENT,
    "RESERVE_RELEASE": NOT_A_PAYMENT,
    "RESERVE_RELEASED": NOT_A_PAYMENT,
}
"""What each transactionType (and summaryType) is; the words of both generations of reports."""
_WORDS = {SALE: "PAYMENT", REFUND: "REFUND", NOT_A_PAYMENT: "SETTLEMENT_FEE"}

STATUSES = {"": True, "SUCCESS": True, "FAIL": False, "FAILED": False, "PROCESSING": False,
            "PENDING": False, "CANCELLED": False, "CLOSED": False}  # fmt: skip
"""What a status of the transaction report says of the money: moved or not."""

_FEE = re.compile(r".*(?:Fee|WithholdingTax)AmountValue", re.ASCII | re.IGNORECASE)
_MORE_FEES = ("disputeHandlingFee", "disputeReverseFee", "nonGuaranteeCouponValue",
              "acquirerMarkupAmountValue")  # fmt: skip

COLUMNS = tuple(
    Column(name, needed=False)
    for name in (
        "settlementBatchId", "clearingBatchId", "customerId", "acquirer", "PSP", "ARN",
        "acquirerReferenceNo", "referenceMerchantId", "referenceStoreId", "transactionType",
        "transactionId", "originalTransactionId", "transactionRequestId",
        "originalTransactionRequestId", "referenceTransactionId", "orderDescription",
        "paymentMethodType", "pspName", "wallet", "status", "transactionCreationTime",
        "transactionUpdateTime", "transactionCompletionTime", "transactionTime", "paymentTime",
        "settlementInitiatedDate", "settlementTime", "valueDate", "productCode",
        "transactionAmountValue", "transactionCurrency", "convertedTransactionAmountValue",
        "convertedCurrency", "settlementAmountValue", "settlementCurrency",
        "quoteCurrencyPair", "quotePrice", "feeAmountValue", "feeCurrency", "summaryType", "count",
        "participantId", "participantAgreementId", "totalCount", *_MORE_FEES,
    )
)  # fmt: skip
_TIMES = ("transactionCompletionTime", "transactionTime", "paymentTime", "transactionCreationTime")
SETTLED_ON = ("valueDate", "settlementTime", "settlementInitiatedDate")
WRITTEN = (
    "customerId", "acquirer", "referenceMerchantId", "referenceStoreId", "transactionId",
    "originalTransactionId", "transactionRequestId", "referenceTransactionId", "transactionType",
    "paymentMethodType", "pspName", "transactionCompletionTime", "settlementTime", "productCode",
    "transactionAmountValue", "transactionCurrency", "settlementAmountValue",
    "settlementCurrency", "quoteCurrencyPair", "quotePrice", "feeAmountValue", "feeCurrency",
)  # fmt: skip
ITEMS_NEED = (
    "transactionType", "transactionId", "transactionAmountValue", "transactionCurrency",
    "settlementAmountValue", "settlementCurrency",
)  # fmt: skip


# -- a report's lines ----------------------------------------------------------------------


class Report(blocks.Records):
    """The lines of a report; one that ends in ``<END>`` without a line end is whole."""

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        super().__init__(path, options)
        self.path = path

    def __next__(self) -> tuple[int, str]:
        try:
            return super().__next__()
        except Unreadable as error:
            if error.problem.code != "truncated" or not _ends(self.path):
                raise
            return self.reader.number, END


def _ends(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        last = file.read().rpartition(b"\n")[2]
    return is_end(last.decode("utf-8", "replace"))


def is_end(text: str) -> bool:
    """Say whether a line is the end; a spreadsheet may have added empty cells to it."""
    return END in text[:16] and text.strip(' ",\t') == END


def cells_of(text: str) -> list[str]:
    return [cell.strip() for cell in columns.cells_of(text, ",")]


def headings_of(text: str, options: dict[str, Any]) -> list[str]:
    try:
        return alipay.headings_of(cells_of(text), COLUMNS, options)
    except BadValue:
        return []


@dataclass
class Places:
    """Where the columns of a report stand; one that is absent stands behind the last."""

    found: dict[str, int]
    width: int
    fees: list[tuple[int, int]]

    @classmethod
    def of(cls, headings: list[str], number: int, needed: tuple[str, ...]) -> Places:
        """Find the columns; refuse repeated headings and the absence of needed ones."""
        fees = [name for name in headings if name in _MORE_FEES or _FEE.fullmatch(name)]
        currencies = {name: f"{name.removesuffix('AmountValue').removesuffix('Value')}Currency"
                      for name in fees}  # fmt: skip
        wanted = {column.name: column for column in COLUMNS}
        wanted |= {name: Column(name, needed=False) for name in (*fees, *currencies.values())}
        wanted |= {name: Column(name) for name in needed}
        try:
            found = columns.positions_of(headings, wanted.values(), others_allowed=True)
        except BadValue as error:
            raise refuse(error.code, number, str(error)) from None
        width = len(headings)
        return cls(found, width, [(found[n], found.get(currencies[n], width)) for n in fees])

    def at(self, name: str) -> int:
        return self.found.get(name, self.width)

    def all_of(self, *names: str) -> list[int]:
        return [self.found[name] for name in names if name in self.found]


# -- the unit of amounts -------------------------------------------------------------------


class _Minor(dict[str, tuple[int, str]]):
    """Whole numbers of minor units to (minor units, digits)."""

    def __init__(self, currency: str) -> None:
        super().__init__()
        columns.minor_of("0", currency, short=True)
        self._usual = re.compile(r"-?[0-9]{1,13}", re.ASCII).fullmatch

    def __missing__(self, text: str) -> tuple[int, str]:
        if not self._usual(text):
            hint = ""
            if re.fullmatch(r"-?[0-9]{1,13}\.[0-9]{1,3}", text, re.ASCII):
                hint = (
                    " It is written in major units: a file in the other unit is wrong by exactly "
                    '100 times. If that is how they are agreed, set the option "unit" to "major".'
                )
            raise BadValue(
                "bad_amount", f"{text[:40]!r} is no amount in minor units, digits only.{hint}"
            )
        minor = int(text)
        if abs(minor) > money.LARGEST_MINOR:
            raise BadValue("bad_amount", f"{text!r} is larger than any amount this portal takes.")
        if len(self) >= columns.MOST_REMEMBERED:
            self.clear()
        found = self[text] = (minor, str(minor))
        return found


class Money(dict[str, dict[str, tuple[int, str]]]):
    """The amounts of each currency of a report, in the unit that was agreed."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.unit = unit_of(options)

    def __missing__(self, currency: str) -> dict[str, tuple[int, str]]:
        found = self[currency] = (
            _Minor(currency) if self.unit == MINOR else columns.Amounts(currency, short=True)
        )
        return found


def unit_of(options: dict[str, Any]) -> str:
    unit = options.get("unit") or MINOR
    if unit not in (MINOR, MAJOR):
        raise refuse(
            "bad_value", 0, f'The option "unit" is {unit!r}; set it to "minor" or "major".'
        )
    return str(unit)


def amount_text(minor: int, currency: str, unit: str) -> str:
    return str(minor) if unit == MINOR else money.from_minor(minor, currency)


def hundredfold(one: int, other: int) -> str:
    """Return words for two sums that differ by exactly 100 times, else nothing."""
    if one and other and (one == 100 * other or other == 100 * one):
        return (
            " That is exactly 100 times: one of them is in minor units and the other in major "
            'ones. See the option "unit".'
        )
    return ""


# -- rows of transactions ------------------------------------------------------------------


class Items:
    """Reads the transactions of a report; several wallets, one batch a wallet and currency.

    ``batch_at`` is the position of the batch's id, or ``ref`` is it for every row. ``named`` is
    what the file's name says, which the rows must agree with. ``widens`` lets payments widen
    the statement's period by their business days. ``unsettled_too``: a row may have no
    settlement amount yet.
    """

    def __init__(
        self, statement: Statement, options: dict[str, Any], places: Places, *,
        otherwise: str = "alipay", batch_at: int | None = None, ref: str = "",
        named: naming.Named | None = None, widens: bool = False, unsettled_too: bool = False,
    ) -> None:  # fmt: skip
        self.statement = statement
        self.reading = Reading(statement)
        self.money = Money(options)
        self.stores, self.wallets = alipay.stores(options), alipay.wallets(options, otherwise)
        self.times = columns.Times("The transaction's time", None)
        self.days = alipay.Days()
        self.places, self.width, self.fees = places, places.width, places.fees
        self.batch_at, self.ref, self.named, self.widens = batch_at, ref, named, widens
        self.unsettled_too = unsettled_too
        self.one_by_one = [
            places.at(name)
            for name in (
                "transactionType", "transactionId", "originalTransactionId",
                "transactionAmountValue", "transactionCurrency", "settlementAmountValue",
                "settlementCurrency", "quoteCurrencyPair", "quotePrice",
                "pspName" if "pspName" in places.found else "wallet", "referenceStoreId",
                "referenceMerchantId", "status",
            )
        ]  # fmt: skip
        refund_id = str(options.get("refund_id") or "transactionId")
        if refund_id not in places.found:
            raise refuse(
                "bad_columns", 1,
                f'The option "refund_id" names the column {refund_id!r}, which there is not.',
            )  # fmt: skip
        self.refund_at = None if refund_id == "transactionId" else places.found[refund_id]
        self.orders = places.all_of("referenceTransactionId", "transactionRequestId")
        self.paid_at = places.all_of(*_TIMES)
        self.settled_on = places.all_of(*SETTLED_ON)
        self.closed = False
        self.number = 1
        self.warned: set[str] = set()

    def lines(self, rows: Report) -> Iterable[Line]:
        return chain.from_iterable(self._parts(rows))

    def whole(self, rows: Report) -> Iterable[Line]:
        """Return the lines of a file that <END> must close."""
        return chain.from_iterable(self._closed_parts(rows))

    def _parts(self, rows: Report) -> Iterator[Iterable[Line]]:
        plan = self.plan()
        if plan is None:
            yield self.reading.each(rows, self.take)
        else:
            yield from blocks.parts(rows, plan, self.reading.each, self.take)

    def _closed_parts(self, rows: Report) -> Iterator[Iterable[Line]]:
        yield from self._parts(rows)
        self.check_closed()

    def plan(self) -> blocks.Plan | None:
        """Return how plain payments and refunds are read many at once, or None."""
        found = self.places.found
        if not found.keys() >= set(ITEMS_NEED):
            return None
        plain = {
            "transactionType": blocks.kind(_PLAIN_TYPES), "transactionId": blocks.ident("ref"),
            "originalTransactionId": blocks.ident("original_ref", needed=False),
            "transactionAmountValue": blocks.amount("gross"),
            "transactionCurrency": blocks.currency(),
            "settlementAmountValue": blocks.amount("net", "settled_currency"),
            "settlementCurrency": blocks.currency("settled_currency"),
            "quoteCurrencyPair": blocks.unread("pair"), "quotePrice": blocks.unread("quote"),
            "status": blocks.constant("", "SUCCESS"),
        }  # fmt: skip
        cells = [blocks.unread()] * self.width
        for name, cell in plain.items():
            if name in found:
                cells[found[name]] = cell
        for order, position in enumerate(self.orders):
            cells[position] = blocks.text(f"merchant_ref {order}" if order else "merchant_ref")
        for order, position in enumerate(self.paid_at):
            cells[position] = blocks.instant(f"instant {order}" if order else "instant")
        for position, currency_at in self.fees:
            charge = f"fee {position}"
            cells[position] = blocks.charge(charge, "settled_currency")
            if currency_at < self.width:
                cells[currency_at] = blocks.charge_currency(charge)
        if self.batch_at is not None:
            cells[self.batch_at] = blocks.ident("batch")
        fixed = {"batch": self.ref}
        if self.refund_at is not None:
            there = cells[self.refund_at]
            if there.what not in ("text", "unread"):
                return None
            cells[self.refund_at] = blocks.ident(there.name or "refund_id", needed=False)
        psp_at, store_at, merchant_at = self.one_by_one[9:12]
        if self.wallets.codes is None:
            fixed["wallet"] = self.wallets.of("")
        elif psp_at < self.width and (codes := _plain_codes(self.wallets)):
            cells[psp_at] = blocks.named("wallet", codes)
        else:
            return None
        if store_at < self.width:
            cells[store_at] = blocks.ident("store")
        elif self.stores.codes is None:
            fixed["store"] = self.stores.otherwise
        elif merchant_at < self.width and (codes := _plain_codes(self.stores)):
            cells[merchant_at] = blocks.named("store", codes)
        else:
            return None
        if "store" in fixed and not columns.is_id(fixed["store"]):
            return None
        if self.refund_at is not None and cells[self.refund_at].what == "named":
            return None
        return _Plain(self, cells, fixed)

    def passed(self, number: int, lines: int) -> None:
        self.number = number

    def ends(self, instants: Iterable[str]) -> list[date]:
        """Return the business days of the first and the last instant of each offset."""
        filled = list(filter(None, instants))
        found = []
        for offset in {one[-6:] for one in filled}:
            of_it = [one for one in filled if one[-6:] == offset]
            found += [self.days[min(of_it)], self.days[max(of_it)]]
        return found

    def widen(self, days: Iterable[date]) -> None:
        for day in days:
            self._widen(day)

    def check_closed(self) -> None:
        if not self.closed:
            raise refuse(
                "truncated", self.number,
                "<END> is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        if not text.strip(" ,\t"):
            return None
        if self.closed:
            raise BadValue("bad_value", "There is a row after <END>, which closes the file.")
        if END in text and is_end(text):
            self.closed = True
            return None
        cells = cells_of(text)
        if len(cells) != self.width:
            columns.checked_cells(cells, self.width)
        # One more, so that an absent column reads as an empty cell.
        cells.append("")
        return self.row(number, cells)

    def row(self, number: int, cells: list[str]) -> Line:
        (word, ref, original, price, currency, settlement, settled_currency, pair, quote, psp,
         store, merchant, status) = (cells[position] for position in self.one_by_one)  # fmt: skip
        kind = TYPES.get(word.upper())
        if kind is None:
            kind = NOT_A_PAYMENT
            if not word:
                raise BadValue("unknown_type", "transactionType is empty.")
            self.warn_once(
                "unknown_type", number, word,
                f"transactionType {word[:40]!r} is unknown: its rows are counted as money that "
                "is no payment. Ask the partner what it means.",
            )  # fmt: skip
        at = next((cells[position] for position in self.paid_at if cells[position]), "")
        wallet, occurred_at = self.wallets.of(psp), self.times[at]
        if not settlement and self.unsettled_too:
            # The transaction report names what was not converted yet without its settlement.
            settled_currency, settlement = currency, price
            self.warn_once(
                "bad_value", number, "unsettled",
                f"{ref} has no settlement amount yet, here and perhaps in further rows: it is "
                "taken at its price and without a fee.",
            )  # fmt: skip
            if kind == REFUND and not settlement.startswith("-"):
                settlement = f"-{settlement}"
        paid = self.money[settled_currency]
        net = paid[settlement]
        taken = self._fees(cells, paid, settled_currency) if self.fees else 0
        if STATUSES.get(status.upper()) is False:
            self.warn_once(
                "bad_value", number, f"status {status}",
                f"{ref} has the status {status}: such rows move no money and are no payments.",
            )  # fmt: skip
            kind, net, taken = NOT_A_PAYMENT, (0, "0"), 0
        elif status.upper() not in STATUSES:
            raise BadValue("unknown_type", f"Status {status[:20]!r} is unknown.")
        settled = (net[0] - taken, str(net[0] - taken)) if taken else net
        fee = (-taken, str(-taken))
        if kind == REFUND and word.upper() == "CANCEL":
            original = original or ref
            if not (net[0] or settled[0]):
                kind = NOT_A_PAYMENT
        elif kind == REFUND and self.refund_at is not None and cells[self.refund_at]:
            ref, original = cells[self.refund_at], original or ref
        batch = self._batch(cells, wallet, settled_currency)
        if kind == NOT_A_PAYMENT:
            return self.reading.line(
                number, batch, wallet, kind, columns.id_of(ref or word, "transactionId"),
                columns.id_of(store, "referenceStoreId") if store else "", settled_currency,
                settled, settled_currency, settled, fee, net, "", self._order(cells),
                occurred_at,
                columns.id_of(original, "originalTransactionId") if original else "",
            )  # fmt: skip
        gross = self._price(ref, price, currency, settled, settled_currency)
        rate = ""
        if currency != settled_currency and quote:
            rate = self.rate(ref, gross, currency, settled, settled_currency, pair, quote)
        if self.widens and occurred_at:
            self._widen(self.days[occurred_at])
        return self.reading.line(
            number, batch, wallet, kind, columns.id_of(ref, "transactionId"),
            columns.id_of(store or self.stores.of(merchant), "referenceStoreId"), currency, gross,
            settled_currency, settled, fee, net, rate, self._order(cells), occurred_at,
            columns.id_of(original, "originalTransactionId") if original else "",
        )  # fmt: skip

    def warn_once(self, code: str, number: int, what: str, text: str) -> None:
        if what not in self.warned and len(self.warned) < columns.MOST_ERRORS:
            self.warned.add(what)
            self.statement.warn(code, number, text)

    def _order(self, cells: list[str]) -> str:
        order = next((cells[position] for position in self.orders if cells[position]), "")
        return columns.text_of(order, "referenceTransactionId") if order else ""

    def _fees(self, cells: list[str], paid: Mapping[str, tuple[int, str]], currency: str) -> int:
        return sum_of_fees(cells, self.fees, paid, currency)

    def _price(
        self, ref: str, text: str, currency: str, settled: tuple[int, str], paid_in: str
    ) -> tuple[int, str]:
        """Return the price with the sign of the money, proved where nothing was converted."""
        price = self.money[currency][text]
        if price[0] > 0 > settled[0]:
            # Some reports write a refund's price without its sign.
            price = alipay.negated(price)
        if currency == paid_in and price[0] != settled[0]:
            raise BadValue(
                "bad_amount",
                f"{ref}: the transaction's amount is {price[0]}, but its settlement without the "
                f"fees is {settled[0]} (minor units)."
                f"{hundredfold(price[0], settled[0])}",
            )
        return price

    def rate(
        self, ref: str, price: tuple[int, str], currency: str, settled: tuple[int, str],
        paid_in: str, pair: str, quote: str,
    ) -> str:  # fmt: skip
        """Return settled currency per one of the price's; refuse what is 100 times off."""
        left, slash, right = (part.strip() for part in pair.partition("/"))
        columns.rate_of(quote)
        if not slash or {left, right} != {currency, paid_in}:
            raise BadValue(
                "bad_value",
                f"{ref}: quoteCurrencyPair {pair[:20]!r} is not of {currency} and {paid_in}.",
            )
        if currency == left:
            rate = quote
            expected, real = money.convert(price[0], currency, paid_in, quote), settled[0]
        else:
            rate = inverse(quote)
            expected, real = price[0], money.convert(settled[0], paid_in, currency, quote)
        for more, less in ((real, expected), (expected, real)):
            # Quotes have few digits and amounts are rounded: within one in a hundred.
            if less and abs(abs(more) - 100 * abs(less)) <= abs(less):
                raise BadValue(
                    "bad_amount",
                    f"{ref}: {price[0]} {currency} at {quote} is not {settled[0]} {paid_in} "
                    "(minor units), but exactly 100 times or a hundredth of it. "
                    'See the option "unit".',
                )
        return rate

    def _widen(self, day: date) -> None:
        statement = self.statement
        if day < statement.period_from:
            statement.period_from = day
        elif day > statement.period_to:
            statement.period_to = day

    def _batch(self, cells: list[str], wallet: str, currency: str) -> int:
        ref = self.ref if self.batch_at is None else cells[self.batch_at]
        index = self.reading.known.get((wallet, currency, ref))
        if index is not None:
            return index
        columns.id_of(ref, "The batch")
        agree(self.named, ref, currency)
        index = self.reading.batch((wallet, currency, ref), ref, wallet, currency)
        settled_on = next((cells[at] for at in self.settled_on if cells[at]), "")
        if settled_on:
            self.statement.batches[index].value_date = columns.date_of(
                settled_on[:10], "The day of settlement"
            )
        return index


_PLAIN_TYPES = {
    word: kind for word, kind in TYPES.items() if kind != NOT_A_PAYMENT and word != "CANCEL"
}


def _plain_codes(names: alipay.Names) -> dict[str, str]:
    """Return those names of a table that can stand in a plain cell, with our codes."""
    return {
        name: str(code)
        for name, code in (names.codes or {}).items()
        if name.isprintable() and name == name.strip() and not {",", '"'} & set(name)
        and columns.is_id(str(code))
    }  # fmt: skip


class _Plain(blocks.Plan):
    """Plain payments and refunds: their fees stand in several columns, some are converted."""

    def __init__(self, items: Items, cells: list[blocks.Cell], fixed: dict[str, str]) -> None:
        super().__init__(
            items.reading, cells, blocks.Writing(",", whole=items.money.unit == MINOR),
            ("wallet", "settled_currency", "batch"), fixed,
            ready=lambda: not items.closed, passed=items.passed,
        )  # fmt: skip
        self.items = items
        self.days_seen: list[date] = []
        self.refund_id = "" if items.refund_at is None else cells[items.refund_at].name
        names = [cell.name for cell in cells]
        # Of several columns the first one that is filled counts.
        self.instead = [
            (name, other)
            for name in ("merchant_ref", "instant")
            for other in (f"{name} {order}" for order in range(1, len(cells)))
            if other in names
        ]

    def cut(self, block: str, start: int, end: int) -> tuple[dict[str, list[str]], int, int] | None:
        found = super().cut(block, start, end)
        if found is None:
            return None
        of = found[0]
        if self.refund_id:
            words, own_ids = of["kind"], of[self.refund_id]
            refs, originals = of["ref"], of.get("original_ref") or [""] * found[1]
            own = [
                self.words[word] == REFUND and one for word, one in zip(words, own_ids, strict=True)
            ]
            of["ref"] = [one or ref for one, ref in zip(own, refs, strict=True)]
            of["original_ref"] = [
                original or (ref if one else "")
                for one, original, ref in zip(own, originals, refs, strict=True)
            ]
        for name, other in self.instead:
            if "" in of[name]:
                of[name] = [one or two for one, two in zip(of[name], of[other], strict=True)]
        return found

    def money(self, of: dict[str, list[str]]) -> blocks.Money:
        words, codes, paid_codes = of["kind"], of["currency"], of["settled_currency"]
        gross, gross_texts = self.minor(of["gross"])
        net, net_texts = self.minor(of["net"])
        charged, fee_texts = self.charged(of, paid_codes)
        paid = list(map(add, net, charged))
        signs = list(map(self.signs.__getitem__, words))
        if min(map(mul, paid, signs)) < 0:
            raise blocks.NotPlain
        if min(map(mul, gross, signs)) < 0:
            # Some reports write a refund's price without its sign.
            gross = [
                -one if one > 0 > other else one for one, other in zip(gross, paid, strict=True)
            ]
            gross_texts = list(map(str, gross))
            if min(map(mul, gross, signs)) < 0:
                raise blocks.NotPlain
        paid_texts = gross_texts
        if gross != paid:
            paid_texts = list(map(str, paid))
            if not all(map(or_, map(ne, codes, paid_codes), map(eq, gross, paid))):
                raise blocks.NotPlain
        if codes != paid_codes and "quote" in of:
            of["rate"] = self._quoted(of, gross, paid)
        kinds = list(map(self.words.__getitem__, words))
        return blocks.Money(kinds, paid, charged, gross_texts, paid_texts, fee_texts, net_texts)

    def _quoted(self, of: dict[str, list[str]], gross: list[int], paid: list[int]) -> list[str]:
        """Return the rates of converted lines, each proved at its quote."""
        pairs = of.get("pair") or [""] * len(gross)
        return [
            self.items.rate(ref, (price, ""), code, (settled, ""), paid_in, pair, quote.strip())
            if code != paid_in and quote.strip()
            else ""
            for ref, price, code, settled, paid_in, pair, quote in zip(
                of["ref"], gross, of["currency"], paid, of["settled_currency"], pairs, of["quote"],
                strict=True,
            )
        ]  # fmt: skip

    def times(self, of: dict[str, list[str]]) -> Iterable[str]:
        found = super().times(of)
        if self.items.widens and "instant" in of:
            self.days_seen = self.items.ends(of["instant"])
        return found

    def noted(
        self, of: dict[str, list[str]], number: int, batches: Iterable[int], money: blocks.Money
    ) -> None:
        self.items.widen(self.days_seen)


def sum_of_fees(
    cells: list[str], fees: list[tuple[int, int]], paid: Mapping[str, tuple[int, str]],
    currency: str,
) -> int:  # fmt: skip
    """Return the sum of a row's fees, negative when charged; all are in one currency."""
    total = 0
    for at, currency_at in fees:
        if cells[at]:
            minor = paid[cells[at]][0]
            if minor and cells[currency_at] not in ("", currency):
                raise BadValue(
                    "bad_value",
                    f"A fee is in {cells[currency_at][:10]!r} beside a settlement in {currency}.",
                )
            total += minor
    return total


def agree(named: naming.Named | None, batch: str, currency: str) -> None:
    """Refuse rows that are of another batch or currency than the file's name says."""
    if named is None:
        return
    if named.currency and named.currency != currency:
        raise BadValue(
            "bad_value",
            f"The name says {named.currency}, the row {currency}. Is the file mixed up?",
        )
    if named.batch and named.batch != batch:
        raise BadValue(
            "bad_value",
            f"The name says batch {named.batch}, the row {batch[:64]!r}. Is the file mixed up?",
        )


def inverse(quote: str) -> str:
    """Return one over a rate with ten decimals, or nothing where that is none."""
    whole, _dot, fraction = quote.partition(".")
    scaled = int(whole + fraction)
    digits = (2 * 10 ** (len(fraction) + 10) + scaled) // (2 * scaled)
    before, after = divmod(digits, 10**10)
    text = f"{before}.{after:010d}".rstrip("0").rstrip(".")
    return text if digits and before < 10**6 else ""


def first_day(head: bytes, options: dict[str, Any]) -> date | None:
    """Return the business day of the first payment or refund in a file's first bytes."""
    places: list[int] = []
    kind_at, width = -1, 0
    times, days = columns.Times("The transaction's time", None), alipay.Days()
    # The last line may be cut.
    for text in columns.first_lines(head)[:-1]:
        try:
            cells = cells_of(text)
        except BadValue:
            continue
        if kind_at < 0:
            headings = headings_of(text, options)
            if "transactionType" in headings and "transactionId" in headings:
                kind_at, width = headings.index("transactionType"), len(headings)
                places = [headings.index(name) for name in _TIMES if name in headings]
            continue
        if len(cells) != width or TYPES.get(cells[kind_at].upper()) in (None, NOT_A_PAYMENT):
            continue
        at = next((cells[place] for place in places if cells[place]), "")
        try:
            if at:
                return days[times[at]]
        except BadValue:
            continue
    return None


# -- writing -------------------------------------------------------------------------------


def row_text(cells: list[str]) -> str:
    """Return cells as one line of CSV, quoted where they need it."""
    if any(not cell.isprintable() or cell != cell.strip() for cell in cells):
        raise CannotWrite(f"{cells!r}: a cell has no control characters and no outer spaces.")
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def item(sheet: Sheet, line: Line, options: dict[str, Any]) -> dict[str, str]:
    """Return the cells of a line by heading, as far as all reports have them."""
    unit, paid = unit_of(options), line.settled_currency
    batch = sheet.batches[line.batch]
    if line.kind == NOT_A_PAYMENT and (line.currency, line.gross) != (paid, line.settled_gross):
        raise CannotWrite(f"{line.ref}: a row that is no payment has one currency.")
    fee = -int(line.fee)
    return {
        "customerId": str(options.get("customer_id") or "1022000000000000000"),
        "acquirer": "Alipay", "referenceMerchantId": "", "referenceStoreId": line.store,
        "transactionId": line.ref, "originalTransactionId": line.original_ref,
        "transactionRequestId": line.merchant_ref, "referenceTransactionId": line.merchant_ref,
        "transactionType": _WORDS[line.kind], "pspName": psp_name(line.wallet, options),
        "transactionCompletionTime": line.occurred_at,
        "settlementTime": f"{batch.value_date}T10:00:00+08:00" if batch.value_date else "",
        "productCode": "IN_STORE_PAYMENT",
        "transactionAmountValue": amount_text(int(line.gross), line.currency, unit),
        "transactionCurrency": line.currency,
        "settlementAmountValue": amount_text(int(line.net), paid, unit),
        "settlementCurrency": paid,
        "quoteCurrencyPair": f"{line.currency}/{paid}" if line.rate else "",
        "quotePrice": line.rate,
        "feeAmountValue": amount_text(fee, paid, unit), "feeCurrency": paid,
    }  # fmt: skip


def psp_name(wallet: str, options: dict[str, Any]) -> str:
    """Return what the partner calls a wallet: the first name that stands for its code."""
    table = options.get("wallets")
    if table is None:
        return ""
    name = next((name for name, code in table.items() if code == wallet), None)
    if name is None:
        raise CannotWrite(f'The option "wallets" has no name for {wallet!r}.')
    return str(name)
