"""Adyen settlement details report, CSV.

Source, public: the structure of the settlement detail report in Adyen's documentation (columns,
record types, published sample rows). UTF-8, comma, cells may be quoted, columns are found by
heading and further ones are allowed. Amounts have a decimal point and up to the currency's
decimals (``7.5``). Debit and credit stand in columns of their own, for gross in the gross
currency (GC) and for net in the net currency (NC): credit is money to the merchant.

The fee is the sum of Commission, Markup, Scheme Fees and Interchange (NC), + when charged;
settled gross is net plus fee. In one currency it must be the gross; where converted, the rate is
carried as it is written, and a settled gross that it cannot explain is a warning.

Settled is a sale and is called by its Psp Reference, Refunded a refund by its Modification
Reference, with the Psp Reference as the payment's. Chargebacks, their reversals, corrections,
deposits and balance transfers are movements that are no payments; Fee, MiscCosts, PaymentCost and
InvoiceDeduction carry a fee alone. A type that is not published is a movement too, with one
warning each. A row that has no id is called ``<type>-<batch>-<line>``.

MerchantPayout is the sum of the rest of its batch in a currency, and is proved. A batch without
one must add up to 0, as a balance that is moved to the next batch does. A batch number is unique
within its merchant account, so a batch is called ``<merchant account>-<batch number>-<currency>``.

Creation Date is a local time. The letters in TimeZone name the region, and in the autumn hour
that comes twice they say which one is meant; letters that are not in :data:`ZONES` need the
option ``timezone``.

Merchant Account is our store reference, or the cell of an opt-in column ``Store``. The report
states no period: it is the days of its Settled rows, unless the payout's Merchant Reference says
it (``2026-10-14/2026-10-14``), which is ours.

It cannot carry: a count, a value date. A cut file shows by the absent payout; one that holds
several batches and loses the last of them whole does not show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import chain, compress
from operator import add, mul, sub
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from portal.core.money import convert, exponent, from_minor
from wallets.formats import blocks, columns
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
ROOM = Room(unwritable=',"')
PAYOUT = "MerchantPayout"
COSTS = {"Fee", "MiscCosts", "PaymentCost", "InvoiceDeduction"}
MOVEMENTS = {
    "Chargeback", "SecondChargeback", "ChargebackReversed", "RefundedReversed",
    "DepositCorrection", "MatchedStatement", "ManualCorrected", "BankInstructionReturned",
    "EpaPaid", "Balancetransfer", "PaidOut", "PaidOutReversed",
}  # fmt: skip
ZONES = {
    "CET": "Europe/Amsterdam", "CEST": "Europe/Amsterdam", "GMT": "Europe/London",
    "BST": "Europe/London", "WET": "Europe/Lisbon", "WEST": "Europe/Lisbon",
    "EET": "Europe/Helsinki", "EEST": "Europe/Helsinki", "UTC": "UTC",
    "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "EST": "America/New_York",
    "EDT": "America/New_York", "SGT": "Asia/Singapore", "HKT": "Asia/Hong_Kong",
    "JST": "Asia/Tokyo", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney",
}  # fmt: skip
_FEES = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
_OPTIONAL = {"Company Account", "Payment Method", "Store"}
COLUMNS = tuple(
    Column(name, needed=name not in _OPTIONAL)
    for name in (
        "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference",
        "Payment Method", "Creation Date", "TimeZone", "Type", "Modification Reference",
        "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)", "Exchange Rate",
        "Net Currency", "Net Debit (NC)", "Net Credit (NC)", *_FEES, "Batch Number", "Store",
    )
)  # fmt: skip
_STATED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})/([0-9]{4}-[0-9]{2}-[0-9]{2})", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

Key = tuple[str, str, str]


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return merchant account and batch number of the first row."""
    lines = columns.first_lines(head)
    try:
        headings = columns.cells_of(lines[0], ",")
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
        cells = columns.cells_of(lines[1], ",")
        return f"{cells[found['Merchant Account']]} batch {cells[found['Batch Number']]}"
    except (BadValue, IndexError):
        return Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream.

    The file is gone through twice: first for the days that it covers.
    """
    records = blocks.Records(path, options)
    _number, text = next(records)
    if "Psp Reference" not in text:
        raise refuse("not_this_layout", 1, "The first line does not hold this layout's headings.")
    try:
        headings = columns.cells_of(text, ",")
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
    except BadValue as error:
        raise refuse(error.code, 1, str(error)) from None
    period = _period(records, found)
    with path.open("rb") as file:
        identity = identify(path.name, file.read(columns.LONGEST_LINE), options)
    statement = Statement(
        identity=identity, period_from=period[0], period_to=period[1], lines=iter(()),
        records=1, others=1,
    )  # fmt: skip
    reader = _Reader(statement, options, found, len(headings))
    statement.lines = chain.from_iterable(reader.parts(path))
    return statement


def _days_and_words(
    records: blocks.Records, found: dict[str, int]
) -> Iterator[tuple[str, str, str]]:
    """Yield day, type and merchant reference of the rows, at least once each that differs.

    Rows that are broken are passed over: the reader names them.
    """
    kind, created, reference = (
        found[name] for name in ("Type", "Creation Date", "Merchant Reference")
    )
    pattern = None
    if created < kind:
        pattern = re.compile(
            rf"^(?>[^,\n]*+,){{{created}}}([^,\n]{{0,10}}+)[^,\n]*+"
            rf"(?>,[^,\n]*+){{{kind - created - 1}}},([^,\n]*+)",
            re.MULTILINE,
        )
    for block, lines in records.scanned():
        texts: Iterable[str] = (text for _number, text in lines)
        if block:
            texts = block.split("\n")
            if pattern is not None and '"' not in block:
                different = set(pattern.findall(block))
                if all(word != PAYOUT for _day, word in different):
                    for day, word in different:
                        yield day, word, ""
                    continue
        for text in texts:
            try:
                cells = columns.cells_of(text, ",")
                said = cells[created][:10], cells[kind]
                reference_of = cells[reference] if said[1] == PAYOUT else ""
            except (BadValue, IndexError):
                continue
            yield *said, reference_of


def _period(records: blocks.Records, found: dict[str, int]) -> tuple[date, date]:
    """Return the stated period, or the days of the Settled rows, or those of all rows."""
    stated: list[str] = []
    settled: list[str] = []
    others: list[str] = []
    for day, word, reference in _days_and_words(records, found):
        if word == PAYOUT and (words := _STATED.fullmatch(reference)):
            stated = _spread(stated, *words.groups())
        elif _DAY.fullmatch(day):
            if word == "Settled":
                settled = _spread(settled, day)
            else:
                others = _spread(others, day)
    days = stated or settled or others
    if not days:
        raise refuse(
            "truncated", 0, "There is no row that can be read: the file was cut, ask again."
        )
    try:
        return columns.period_of(days[0], days[-1])
    except BadValue as error:
        raise refuse(error.code, 0, str(error)) from None


def _spread(days: list[str], *more: str) -> list[str]:
    found = (*days, *more)
    return [min(found), max(found)]


class _Plan(blocks.Plan):
    """Settled and Refunded rows of one currency: debit and credit, the fee in four columns."""

    clock: _Clock

    def money(self, of: dict[str, list[str]]) -> blocks.Money:
        if of["currency"] != of["settled_currency"]:
            raise blocks.NotPlain
        gross = self.sided(of["gross_credit"], of["gross_debit"])
        net = self.sided(of["net_credit"], of["net_debit"])
        fee = [0] * len(net)
        for name in _FEES:
            if any(of[name]):
                fee = list(map(add, fee, self.few(_filled(of[name]))[0]))
        signs = map(self.signs.__getitem__, of["kind"])
        if gross != list(map(add, net, fee)) or min(map(mul, gross, signs)) < 0:
            raise blocks.NotPlain
        kinds = list(map(self.words.__getitem__, of["kind"]))
        texts = list(map(str, gross))
        return blocks.Money(kinds, gross, fee, texts, texts, map(str, fee), map(str, net))

    def sided(self, credits: list[str], debits: list[str]) -> list[int]:
        """Return credit less debit."""
        came, went = self.few(_filled(credits))[0], self.few(_filled(debits))[0]
        if not all(map(add, credits, debits)) or min(came) < 0 or min(went) < 0:
            raise blocks.NotPlain
        if any(compress(came, went)):
            raise blocks.NotPlain
        return list(map(sub, came, went))

    def fields(self, of: dict[str, list[str]], kinds: list[str]) -> dict[str, Iterable[str]]:
        payments, accounts = of["payment"], of["account"]
        stores = of.get("store", accounts)
        refs, originals = payments, [""] * len(kinds)
        if REFUND in kinds:
            are_sales = [kind == SALE for kind in kinds]
            refs = [
                payment if is_sale else own
                for is_sale, payment, own in zip(are_sales, payments, of["own"], strict=True)
            ]
            originals = [
                "" if is_sale else payment
                for is_sale, payment in zip(are_sales, payments, strict=True)
            ]
        if not all(refs):
            raise blocks.NotPlain
        if not all(stores):
            stores = [one or account for one, account in zip(stores, accounts, strict=True)]
        return {**super().fields({**of, "ref": refs, "store": stores}, kinds),
                "original_ref": originals}  # fmt: skip

    def times(self, of: dict[str, list[str]]) -> Iterable[str]:
        zones = {self.clock.zone(letters) for letters in set(of["letters"])}
        if len(zones) > 1:
            raise blocks.NotPlain
        [zone] = zones
        if zone is not self.days.zone:
            self.days = blocks.Days(self.writing.day, zone)
        return super().times(of)


def _filled(texts: list[str]) -> list[str]:
    return [one or "0.00" for one in texts]


class _Reader:
    def __init__(
        self, statement: Statement, options: dict[str, Any], found: dict[str, int], width: int
    ) -> None:
        self.statement, self.options, self.at, self.width = statement, options, found, width
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "adyen"
        self.money = Money(short=True)
        self.clock = _Clock(options)
        self.number = 1
        self.payouts: dict[Key, tuple[int, int]] = {}
        self.warned: set[str] = set()

    def plan(self) -> _Plan:
        """Return how plain rows are read many at once."""
        of = "settled_currency"
        plain = {
            "Merchant Account": blocks.ident("account"),
            "Psp Reference": blocks.ident("payment", needed=False),
            "Merchant Reference": blocks.text("merchant_ref"), "Creation Date": blocks.moment(),
            "TimeZone": blocks.ident("letters"),
            "Type": blocks.kind({"Settled": SALE, "Refunded": REFUND}),
            "Modification Reference": blocks.ident("own", needed=False),
            "Gross Currency": blocks.currency(), "Gross Debit (GC)": blocks.charge("gross_debit"),
            "Gross Credit (GC)": blocks.charge("gross_credit"),
            "Net Currency": blocks.currency(of), "Net Debit (NC)": blocks.charge("net_debit", of),
            "Net Credit (NC)": blocks.charge("net_credit", of),
            **{name: blocks.charge(name, of) for name in _FEES},
            "Batch Number": blocks.ident("batch_number"),
            "Store": blocks.ident("store", needed=False),
        }  # fmt: skip
        cells = [blocks.unread()] * self.width
        for name, position in self.at.items():
            cells[position] = plain.get(name, blocks.unread())
        plan = _Plan(
            self.reading, cells, blocks.Writing(",", short=True), ("account", "batch_number", of),
            {"wallet": self.wallet}, passed=self.passed,
        )  # fmt: skip
        plan.clock = self.clock
        return plan

    def passed(self, number: int, lines: int) -> None:
        self.number = number

    def parts(self, path: Path) -> Iterable[Iterable[Line]]:
        records = blocks.Records(path, self.options)
        next(records)
        yield from blocks.parts(records, self.plan(), self.reading.each, self.take)
        for key, (number, minor) in self.payouts.items():
            try:
                self.reading.total(
                    number, key=key, ref="-".join(key), wallet=self.wallet, currency=key[2],
                    value_date=None, net=minor,
                )  # fmt: skip
            except BadValue as error:
                self.reading.bad_row(error, number)
        if self.reading.bad_rows:
            return
        for batch, tally in zip(self.statement.batches, self.reading.tallies, strict=True):
            if batch.declared_net_minor is None and tally.net:
                self.reading.error(
                    "truncated", self.number,
                    f"The payout of {batch.ref} is absent and its rows add up to "
                    f"{from_minor(tally.net, batch.currency)}: the file was cut. "
                    "Ask the partner to send it again.",
                )  # fmt: skip

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        if not text:
            return None
        cells = columns.checked_cells(columns.cells_of(text, ","), self.width)
        at = self.at
        account = columns.id_of(cells[at["Merchant Account"]], "Merchant Account")
        currency = cells[at["Net Currency"]]
        key = (account, columns.id_of(cells[at["Batch Number"]], "Batch Number"), currency)
        net = self._sided(cells, "Net Credit (NC)", "Net Debit (NC)", currency)
        if net is None:
            raise BadValue("bad_amount", "The row has neither a net debit nor a net credit.")
        if cells[at["Type"]] == PAYOUT:
            _number, before = self.payouts.get(key, (0, 0))
            self.payouts[key] = number, before - net
            return None
        return self._line(number, cells, key, net)

    def _line(self, number: int, cells: list[str], key: Key, net: int) -> Line:
        at = self.at
        word, currency = cells[at["Type"]], key[2]
        kind = self._kind(number, word)
        paid = self.money[currency]
        fee = sum(paid[cells[at[name]]][0] for name in _FEES if cells[at[name]])
        price = cells[at["Gross Currency"]] or currency
        gross = self._sided(cells, "Gross Credit (GC)", "Gross Debit (GC)", price)
        if gross is None:
            if kind != NOT_A_PAYMENT:
                raise BadValue("bad_amount", "The row has neither a gross debit nor a credit.")
            # A row without a gross says all in its net.
            price = currency
            if word in COSTS:
                gross, fee = 0, -net
            else:
                gross = net + fee
        settled = net + fee
        rate = ""
        if price != currency:
            rate = columns.rate_of(cells[at["Exchange Rate"]])
            self._explain(number, gross, price, settled, currency, rate)
        ref, original = self._refs(cells, kind)
        order = cells[at["Merchant Reference"]]
        batch = self.reading.batch(key, "-".join(key), self.wallet, currency)
        return self.reading.line(
            number, batch, self.wallet, kind, ref or f"{word}-{key[1]}-{number}"[:64],
            self._store(cells, kind), price, (gross, str(gross)), currency,
            (settled, str(settled)), (fee, str(fee)), (net, str(net)), rate,
            columns.text_of(order, "Merchant Reference") if order else "",
            self.clock.instant(cells[at["Creation Date"]], cells[at["TimeZone"]]), original,
        )  # fmt: skip

    def _kind(self, number: int, word: str) -> str:
        if word == "Settled":
            return SALE
        if word == "Refunded":
            return REFUND
        if word not in COSTS and word not in MOVEMENTS and word not in self.warned:
            columns.id_of(word, "Type")
            self.warned.add(word)
            self.statement.warn(
                "unknown_type", number,
                f"Type {word[:40]!r} is taken as a movement that is no payment; its amounts count.",
            )  # fmt: skip
        return NOT_A_PAYMENT

    def _refs(self, cells: list[str], kind: str) -> tuple[str, str]:
        """Return the id of the row and, of a refund, the payment's."""
        payment = cells[self.at["Psp Reference"]]
        if kind == REFUND:
            own = columns.id_of(cells[self.at["Modification Reference"]], "Modification Reference")
            return own, columns.id_of(payment, "Psp Reference") if payment else ""
        if kind == SALE or payment:
            columns.id_of(payment, "Psp Reference")
        return payment, ""

    def _store(self, cells: list[str], kind: str) -> str:
        store = cells[self.at["Store"]] if "Store" in self.at else ""
        if not store and (kind != NOT_A_PAYMENT or "Store" not in self.at):
            store = cells[self.at["Merchant Account"]]
        return columns.id_of(store, "Store") if store else ""

    def _sided(self, cells: list[str], credit: str, debit: str, currency: str) -> int | None:
        """Return credit less debit, None where both cells are empty."""
        plus, minus = cells[self.at[credit]], cells[self.at[debit]]
        amounts = self.money[currency]
        came, went = (amounts[text][0] if text else 0 for text in (plus, minus))
        if came and went:
            raise BadValue("bad_amount", f"There is a debit {minus} and a credit {plus}: one of.")
        if came < 0 or went < 0:
            raise BadValue("bad_amount", "A debit or credit has no sign.")
        return came - went if plus or minus else None

    def _explain(
        self, number: int, gross: int, price: str, settled: int, currency: str, rate: str
    ) -> None:
        """Warn once when no rate that is written so makes the settled amount of the gross."""
        places = len(rate.partition(".")[2])
        slack = (abs(gross) * 10 ** exponent(currency)) // (2 * 10 ** (places + exponent(price)))
        if abs(convert(gross, price, currency, rate) - settled) > slack + 1 and (
            "rate" not in self.warned
        ):
            self.warned.add("rate")
            self.statement.warn(
                "bad_amount", number,
                f"{from_minor(gross, price)} {price} at {rate} is not "
                f"{from_minor(settled, currency)} {currency}; the amounts are taken as they are.",
            )  # fmt: skip


class _Clock:
    """Local times with the letters of their zone to ISO 8601 with offset, each proved once."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.zones: dict[str, ZoneInfo] = {}
        self.known: dict[tuple[str, str], str] = {}

    def instant(self, text: str, letters: str) -> str:
        if not text:
            return ""
        found = self.known.get((text, letters))
        if found is None:
            found = columns.instant_of(text, "Creation Date", self.zone(letters))
            if len(text) == 19:
                found = _said_by_letters(found, letters, self.zone(letters))
            if len(self.known) >= columns.MOST_REMEMBERED:
                self.known.clear()
            self.known[text, letters] = found
        return found

    def zone(self, letters: str) -> ZoneInfo:
        zone = self.zones.get(letters)
        if zone is None:
            name = ZONES.get(letters) or self.options.get("timezone")
            if not name:
                raise BadValue(
                    "bad_date",
                    f"TimeZone {letters[:20]!r} is unknown: give this feed the option timezone.",
                )
            zone = self.zones[letters] = ZoneInfo(name)
        return zone


def _said_by_letters(instant: str, letters: str, zone: ZoneInfo) -> str:
    """Return the later of two equal local times where the letters are the later one's."""
    later = datetime.fromisoformat(instant[:19]).replace(tzinfo=zone, fold=1)
    if later.tzname() != letters:
        return instant
    return f"{instant[:19]}{columns.offset_text(later)}"


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return merchant account, batch number and currency; the account is the wallet's code."""
    return f"{wallet}-{number}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a report with the column Store; return the line number of each sheet line.

    The payouts close the file. Times are written in the option ``timezone``, CET without one.
    """
    zone = columns.zone_of(options, "Europe/Amsterdam")
    period = f"{sheet.period_from}/{sheet.period_to}"
    with TextFile(path) as file:
        file.put(",".join(column.name for column in COLUMNS))
        numbers = [file.put(_detail(sheet, line, zone)) for line in sheet.lines]
        payouts = [
            (batch.ref, tally.net + (0 if index else sheet.misstate_minor))
            for index, (batch, tally) in enumerate(
                zip(sheet.batches, columns.tallies_of(sheet), strict=True)
            )
        ] or [(f"{sheet.wallet}-{sheet.number}-EUR", 0)]
        for ref, minor in payouts:
            account, number, currency = ref.rsplit("-", 2)
            file.put(_cells({
                "Merchant Account": account, "Merchant Reference": period,
                "Creation Date": f"{sheet.made_on} 00:00:00", "TimeZone": "CET", "Type": PAYOUT,
                "Gross Currency": currency, "Net Currency": currency, "Batch Number": number,
                **_in_columns(-minor, currency, "Net {} (NC)"),
            }))  # fmt: skip
    return numbers


def _detail(sheet: Sheet, line: Line, zone: ZoneInfo) -> str:
    gross, fee, net = int(line.gross), int(line.fee), int(line.net)
    price, currency = line.currency, line.settled_currency
    account, number, of = sheet.batches[line.batch].ref.rsplit("-", 2)
    if of != currency:
        raise CannotWrite(f"{line.ref}: its batch is in {of}.")
    instant = columns.in_zone(line, zone)
    word, own = {
        SALE: ("Settled", ""), REFUND: ("Refunded", line.ref),
        NOT_A_PAYMENT: ("ManualCorrected" if gross else "Fee", ""),
    }[line.kind]  # fmt: skip
    return _cells({
        "Merchant Account": account,
        "Psp Reference": line.original_ref if own else line.ref,
        "Merchant Reference": line.merchant_ref,
        "Creation Date": instant.strftime("%Y-%m-%d %H:%M:%S") if instant else "",
        "TimeZone": (instant.tzname() or "") if instant else "",
        "Type": word, "Modification Reference": own, "Gross Currency": price,
        **_in_columns(gross, price, "Gross {} (GC)", refund=line.kind == REFUND),
        "Exchange Rate": line.rate or "1", "Net Currency": currency,
        **_in_columns(net, currency, "Net {} (NC)"),
        "Commission (NC)": from_minor(fee, currency), "Batch Number": number,
        "Store": line.store,
    })  # fmt: skip


def _in_columns(minor: int, currency: str, heading: str, *, refund: bool = False) -> dict[str, str]:
    side = "Debit" if minor < 0 or refund else "Credit"
    return {heading.format(side): from_minor(abs(minor), currency)}


def _cells(values: dict[str, str]) -> str:
    text = columns.joined(",", (values.get(column.name, "") for column in COLUMNS))
    if '"' in text:
        raise CannotWrite(f"{text!r}: no cell is written with a quote.")
    return text
