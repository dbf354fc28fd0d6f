"""Vipps settlement CSV in sections.

Source, public: the sample settlement-report.csv of 2018 and 2022 and the list of columns in
Vipps' developers' repository (settlements/csv/). ASCII or UTF-8, comma, point as decimal mark,
dates dd.MM.yyyy. The first cell of a row is its section; the first row of a section is its
headings, by which columns are found, whatever their order::

    OrganizationNumber,MerchantName       a row of headings and one of values; not read
    Name,VisitingAddress,...              likewise
    SettlementInfo,...                    one payout: unit, number, sums, NumberOfTransactions
    FeeInfo,...                           fees charged to another account: counted, in no sum
    TransactionInfo,...                   one capture or refund

Signs: Gross is + for a capture, Refund - for a refund (whose Gross is 0), a fee is - when
charged. A line's gross is Gross + Refund and its fee the opposite of Fee. A settlement's number
is unique only within its sale unit: a batch is called ``<unit>-<number>``. The store of a line
is the SaleUnitNumber of its row. There is no time and no period: the period is from the first
to the last SalesDate.

What the official sample does, and what is done about it, always with a warning:

- Net leaves refunds out (``Net = Gross + Fee``), in the settlement and in its rows, so that a
  refund's is 0.00. The payout is Net + Refund. ``Net = Gross + Fee + Refund`` is taken as well,
  silently; any other Net is total_differs in a settlement and bad_amount in a row. Declared net
  of the batch is the payout in both cases.
- An amount stands there with a decimal comma and without quotes, so that a row has one cell
  more than its headings. It is put together again where exactly one way makes every amount of
  the row right, sum included; else the row is refused.
- Rows name another sale unit, settlement or date than the SettlementInfo above them. Where
  that is the only one they are counted to it; its sums then prove that they are its own. Where
  it is one of several, the file is refused.

Sections may come again, for another unit. It cannot carry: a time, a conversion, the payment
that a refund is of, rows that are no payments, a file without rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import chain, combinations, compress
from operator import add, itemgetter, neg
from pathlib import Path
from typing import Any

from portal.core.money import from_minor
from wallets.formats import blocks, columns
from wallets.formats.columns import (
    Amounts,
    BadValue,
    CannotWrite,
    Column,
    Money,
    Reading,
    TextFile,
)
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

BATCH_BY = ("store", "currency")
ROOM = Room(other_movements=False, originals=False)

SETTLEMENT, FEE, TRANSACTION = "SettlementInfo", "FeeInfo", "TransactionInfo"
_AMOUNTS = ("Gross", "Fee", "Refund", "Net")
_UNIT = "SaleUnitNumber"
SECTIONS = {
    SETTLEMENT: (
        Column("SalesUnitName", needed=False), Column(_UNIT), Column("SettlementDate"),
        Column("SettlementID"), Column("SettlementAccount", needed=False), Column("Gross"),
        Column("Currency"), Column("Fee"), Column("Refund"), Column("Net"),
        Column("NumberOfTransactions"),
    ),
    FEE: (
        Column("SettlementDate", needed=False), Column("SaleUnitName", needed=False),
        Column(_UNIT, needed=False), Column("FeeAccount", needed=False), Column("Fee"),
        Column("Currency"),
    ),
    TRANSACTION: (
        Column("SalesDate"), Column("SaleUnitName", needed=False), Column(_UNIT),
        Column("TransactionId"), Column("SettlementId"), Column("OrderID"),
        Column("SettlementDate"), Column("Gross"), Column("Currency"), Column("Fee"),
        Column("Refund"), Column("Net"),
    ),
}  # fmt: skip
_PLAIN = {
    "SalesDate": blocks.date("sold_on"), _UNIT: blocks.ident("store"),
    "TransactionId": blocks.ident("ref"), "SettlementId": blocks.ident("settlement"),
    "OrderID": blocks.text("merchant_ref"), "SettlementDate": blocks.ident("paid_on"),
    "Gross": blocks.amount("captured"), "Currency": blocks.currency(),
    "Fee": blocks.amount("charged"), "Refund": blocks.amount("refunded"),
    "Net": blocks.amount("net"),
}  # fmt: skip
"""The cells of a row as most have them, for reading many at once."""
_ABOUT = ("OrganizationNumber", "Name")
"""First cells of the headings over one row that is not read."""

_DAY = "%d.%m.%Y"
_MOST_TOLD = 20
_MOST_SPLIT = 4
_MOST_BEFORE = 500_000
_HEAD = 64 * 1024


# -- the name of a file --------------------------------------------------------------------


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return unit and number of the first settlement, and of the last one of its section."""
    found: list[str] = []
    at: dict[str, int] | None = None
    whole = columns.first_lines(head)
    for text in whole[:-1]:
        if not text.startswith(SETTLEMENT + ","):
            if found:
                break
            continue
        try:
            cells = columns.cells_of(text, ",")
            if at is None:
                at = columns.positions_of(cells, SECTIONS[SETTLEMENT], others_allowed=True)
            else:
                found.append(f"{cells[at[_UNIT]]}-{cells[at['SettlementID']]}")
        except (BadValue, IndexError):
            break
    else:
        # The section is longer than what can be seen of it.
        found = found[:1]
    return "..".join(dict.fromkeys((found[0], found[-1]))) if found else Path(name).stem


# -- reading -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Section:
    """Where the columns of a section stand, and how many cells its rows have."""

    headings: list[str]
    at: dict[str, int]


@dataclass(slots=True)
class _Head:
    """A settlement as its SettlementInfo declares it, and what its rows brought."""

    index: int
    line_no: int
    unit: str
    number: str
    paid_on: str
    currency: str
    amounts: Amounts
    gross: int
    refund: int
    refunded: int = 0


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream.

    The period is the first row's SalesDate and is widened while the lines stream.
    """
    records = blocks.Records(path, options)
    passed: list[tuple[int, str]] = []
    at: int | None = None
    declared = False
    for number, text in records:
        passed.append((number, text))
        if number > _MOST_BEFORE:
            raise refuse("too_large", number, f"{number} records stand before the first row.")
        if number == 1 and text.partition(",")[0] not in (*_ABOUT, SETTLEMENT):
            raise refuse(
                "not_this_layout", 1,
                f"The file must begin with {_ABOUT[0]} or {SETTLEMENT}. Is this another file?",
            )  # fmt: skip
        if not text.startswith(TRANSACTION + ","):
            declared |= text.startswith(SETTLEMENT + ",") and "SettlementID" not in text
            continue
        try:
            cells = columns.cells_of(text, ",")
            if at is None:
                at = columns.positions_of(
                    cells, SECTIONS[TRANSACTION], others_allowed=True
                )["SalesDate"]  # fmt: skip
                continue
            if "SalesDate" in cells:
                continue
            day = columns.date_of(cells[at] if at < len(cells) else "", "SalesDate", _DAY)
        except BadValue as error:
            raise refuse(error.code, number, str(error)) from None
        break
    else:
        raise refuse(
            "truncated" if declared or at is None else "empty", len(passed),
            "The file has no TransactionInfo rows. Ask the partner to send it again.",
        )  # fmt: skip
    with path.open("rb") as file:
        identity = identify(path.name, file.read(_HEAD), options)
    statement = Statement(identity=identity, period_from=day, period_to=day, lines=iter(()))
    statement.lines = chain.from_iterable(_Reader(statement, options).parts(passed, records))
    return statement


class _Plan(blocks.Plan):
    """Rows with captured and refunded in columns of their own, and a fee below zero."""

    reader: _Reader
    net_differs: list[bool]

    def money(self, of: dict[str, list[str]]) -> blocks.Money:
        captured, gross_texts = self.minor(of["captured"])
        refunded, _texts = self.few(of["refunded"])
        if min(captured) < 0 or max(refunded) > 0:
            raise blocks.NotPlain
        gross = captured
        if any(refunded):
            if any(compress(captured, refunded)):
                raise blocks.NotPlain
            gross = list(map(add, captured, refunded))
            gross_texts = list(map(str, gross))
        charged, _texts = self.few(of["charged"])
        fee = list(map(neg, charged))
        stated, net_texts = self.minor(of["net"])
        net = list(map(add, gross, charged))
        self.net_differs = []
        if stated != net:
            if not all(
                one == paid or one == paid - refund
                for one, paid, refund in zip(stated, net, refunded, strict=True)
            ):
                raise blocks.NotPlain
            self.net_differs = [one != paid for one, paid in zip(stated, net, strict=True)]
            net_texts = list(map(str, net))
        kinds = [SALE if one > 0 else REFUND if one else NOT_A_PAYMENT for one in gross]
        self.refunded = refunded
        for one in set(of["sold_on"]):
            self.days[one]
        return blocks.Money(kinds, gross, fee, gross_texts, gross_texts, map(str, fee), net_texts)

    def noted(
        self, of: dict[str, list[str]], number: int, batches: Iterable[int], money: blocks.Money
    ) -> None:
        reader = self.reader
        for batch, minor in compress(zip(batches, self.refunded, strict=False), self.refunded):
            reader.heads_at[batch].refunded += minor
        if self.net_differs:
            reader.left_out += sum(self.net_differs)
            reader.left_out_at = reader.left_out_at or number + self.net_differs.index(True)
        for one in set(of["sold_on"]):
            reader.sold_on(date.fromisoformat(self.days[one][0][:-1]))


class _Reader:
    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "vipps"
        self.money = Money()
        self.commas = Money(mark=",")
        self.sections: dict[str, _Section] = {}
        self.about = False
        # Settlements of the sections now open, and to which of them rows were found to belong.
        self.heads: dict[tuple[str, str, str], _Head] = {}
        self.belongs: dict[tuple[str, ...], int] = {}
        self.heads_at: dict[int, _Head] = {}
        self.rows_came = False
        self.number = 1
        self.days: dict[str, date] = {}
        self.repaired = self.left_out = self.left_out_at = 0
        self.width = 0
        self.cells: Any = None
        self.plan = _Plan(
            self.reading, (), blocks.Writing(",", day=_DAY),
            ("store", "settlement", "paid_on", "currency"), {"wallet": self.wallet},
            ready=lambda: self.cells is not None, passed=self.passed, known=self.belongs,
        )  # fmt: skip
        self.plan.reader = self

    def passed(self, number: int, lines: int) -> None:
        self.number, self.rows_came = number, True

    def parts(
        self, before: list[tuple[int, str]], records: blocks.Records
    ) -> Iterable[Iterable[Line]]:
        yield self.reading.each(before, self.take)
        yield from blocks.parts(records, self.plan, self.reading.each, self.take)
        self._close(self.number)
        warn = self.statement.warn
        if self.left_out:
            warn(
                "bad_amount", self.left_out_at,
                f"Net leaves out the refund in {self.left_out} rows; each is paid as "
                "Gross + Fee + Refund.",
            )  # fmt: skip
        if self.repaired > _MOST_TOLD:
            warn(
                "bad_columns",
                0,
                f"{self.repaired} rows in all had amounts with an unquoted decimal comma.",
            )

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        cells = columns.cells_of(text, ",")
        tag = cells[0]
        if tag == TRANSACTION:
            if self.cells is not None and len(cells) == self.width:
                try:
                    return self._row(number, cells)
                except BadValue as error:
                    if "TransactionId" not in cells:
                        return self._row(number, self._mended(number, tag, cells, error))
            return self._transaction(number, cells)
        if tag == SETTLEMENT:
            self._settlement(number, cells)
        elif tag == FEE:
            self._fee(number, cells)
        elif self.about:
            self.about = False
        elif tag in _ABOUT:
            self.about = True
        elif text.strip():
            raise BadValue("unknown_type", f"Nobody told us of a section {tag[:40]!r}.")
        return None

    # -- sections

    def _section(self, tag: str, cells: list[str]) -> _Section | None:
        """Return the section of a row, or None where the row is its headings."""
        section = self.sections.get(tag)
        sign = SECTIONS[tag][-1].name
        if section is None or (sign in cells and "Currency" in cells):
            at = columns.positions_of(cells, SECTIONS[tag], others_allowed=True)
            self.sections[tag] = _Section(cells, at)
            return None
        return section

    def _settlement(self, number: int, cells: list[str]) -> None:
        section = self._section(SETTLEMENT, cells)
        if self.rows_came:
            self._close(number)
        if section is None:
            return
        if len(cells) == len(section.headings):
            try:
                self._declared(number, cells, section.at)
            except BadValue as error:
                mended = self._mended(number, SETTLEMENT, cells, error)
                self._declared(number, mended, section.at)
            return
        self._declared(number, self._mended(number, SETTLEMENT, cells, None), section.at)

    def _declared(self, number: int, cells: list[str], at: dict[str, int]) -> None:
        """Open a settlement by its SettlementInfo."""
        unit = columns.id_of(cells[at[_UNIT]], _UNIT)
        settlement = columns.id_of(cells[at["SettlementID"]], "SettlementID")
        paid_on, currency = cells[at["SettlementDate"]], cells[at["Currency"]]
        amounts = self.money[currency]
        gross, fee, refund, net = (amounts[cells[at[name]]][0] for name in _AMOUNTS)
        count = columns.count_of(cells[at["NumberOfTransactions"]], "NumberOfTransactions")
        value_date = columns.date_of(paid_on, "SettlementDate", _DAY)
        ref = f"{unit}-{settlement}"
        if (unit, settlement, currency) in self.reading.known:
            raise BadValue("bad_value", f"Settlement {ref} is declared a second time.")
        payout = gross + fee + refund
        if net not in (payout, gross + fee):
            raise BadValue(
                "total_differs",
                f"{ref} declares Net {cells[at['Net']]}, which is neither Gross + Fee nor "
                f"Gross + Fee + Refund ({from_minor(payout, currency)} {currency}). "
                "Ask the partner for a corrected file.",
            )
        index = self.reading.batch((unit, settlement, currency), ref, self.wallet, currency)
        if net != payout:
            self.statement.warn(
                "total_differs", number,
                f"{ref} declares Net {from_minor(net, currency)} {currency} without its refunds "
                f"of {from_minor(refund, currency)}; the payout is "
                f"{from_minor(payout, currency)} {currency}.",
            )  # fmt: skip
        batch = self.statement.batches[index]
        batch.value_date, batch.declared_count = value_date, count
        batch.declared_gross_minor, batch.declared_fee_minor = gross + refund, -fee
        batch.declared_net_minor = payout
        head = _Head(index, number, unit, settlement, paid_on, currency, amounts, gross, refund)
        self.heads[unit, settlement, currency] = self.heads_at[index] = head
        self.belongs[unit, settlement, paid_on, currency] = index

    def _fee(self, number: int, cells: list[str]) -> None:
        """Prove a fee that is charged to another account; it is in no settlement."""
        section = self._section(FEE, cells)
        if section is not None:
            columns.checked_cells(cells, len(section.headings))
            _proved = self.money[cells[section.at["Currency"]]][cells[section.at["Fee"]]]

    def _transaction(self, number: int, cells: list[str]) -> Line | None:
        section = self._section(TRANSACTION, cells)
        if section is None:
            if self.rows_came and not self.heads:
                raise BadValue("bad_columns", f"Headings without a {SETTLEMENT} before them.")
            at = self.sections[TRANSACTION].at
            self.width = len(cells)
            plain = [blocks.constant(TRANSACTION), *[blocks.unread()] * (self.width - 1)]
            for name, cell in _PLAIN.items():
                plain[at[name]] = cell
            self.plan.declare(plain)
            self.cells = itemgetter(
                *(at[name] for name in ("SalesDate", _UNIT, "TransactionId", "SettlementId",
                                        "OrderID", "SettlementDate", "Currency", *_AMOUNTS))
            )  # fmt: skip
            return None
        return self._row(number, self._mended(number, TRANSACTION, cells, None))

    def _close(self, line_no: int) -> None:
        """Prove the settlements of the sections that end here."""
        for head in self.heads.values():
            tally, batch = self.reading.tallies[head.index], self.statement.batches[head.index]
            self.reading.prove(batch, tally, head.line_no)
            captured = tally.gross - head.refunded
            wrong = (captured, head.refunded) != (head.gross, head.refund)
            if wrong and tally.gross == batch.declared_gross_minor and not self.reading.bad_rows:
                self.reading.error(
                    "total_differs", head.line_no,
                    f"{batch.ref} declares Gross {from_minor(head.gross, head.currency)} and "
                    f"Refund {from_minor(head.refund, head.currency)}, its rows add up to "
                    f"{from_minor(captured, head.currency)} and "
                    f"{from_minor(head.refunded, head.currency)} {head.currency}. "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip
        self.heads, self.rows_came = {}, False
        self.belongs.clear()
        self.heads_at.clear()

    # -- rows

    def _row(self, number: int, cells: list[str]) -> Line:
        (sold_on, unit, ref, settlement, order, paid_on, currency, gross, fee, refund,
         net) = self.cells(cells)  # fmt: skip
        key = (unit, settlement, paid_on, currency)
        index = self.belongs.get(key)
        if index is not None:
            head = self.heads_at[index]
        else:
            # A row that may still be mended must not be warned of: so its amounts go first.
            for text in (gross, fee, refund, net):
                self.money[currency][text]
            head = self._head_of(number, key)
        amounts = head.amounts
        captured, _text = amounts[gross]
        refunded, _text = amounts[refund]
        charged, _text = amounts[fee]
        stated, _text = amounts[net]
        minor = captured + refunded
        paid = minor + charged
        if captured < 0 or refunded > 0 or (captured and refunded):
            raise BadValue(
                "bad_amount",
                f"{ref}: Gross {gross} and Refund {refund}: a row is a capture, which is never "
                "below zero, or a refund, which is never above.",
            )
        if stated != paid:
            if stated != captured + charged:
                raise BadValue(
                    "bad_amount",
                    f"{ref}: Net {net} is neither Gross {gross} + Fee {fee} nor that with "
                    f"Refund {refund}.",
                )
            self.left_out += 1
            self.left_out_at = self.left_out_at or number
        day = self.days.get(sold_on)
        if day is None:
            day = self.days[sold_on] = columns.date_of(sold_on, "SalesDate", _DAY)
            self.sold_on(day)
        columns.id_of(ref, "TransactionId")
        order = columns.text_of(order, "OrderID") if order else ""
        kind = SALE if minor > 0 else REFUND if minor < 0 else NOT_A_PAYMENT
        self.reading.tallies[head.index].add(minor, -charged, paid)
        head.refunded += refunded
        self.rows_came = True
        amount = str(minor)
        return tuple.__new__(
            Line,
            (number, head.index, self.wallet, kind, ref, unit, currency, amount, currency, amount,
             str(-charged), str(paid), "", order, "", ""),
        )  # fmt: skip

    def sold_on(self, day: date) -> None:
        """Widen the period by a day."""
        statement = self.statement
        statement.period_from = min(statement.period_from, day)
        statement.period_to = max(statement.period_to, day)

    def _head_of(self, number: int, key: tuple[str, str, str, str]) -> _Head:
        """Return the settlement that a row is counted to; warn where the row names another."""
        unit, settlement, paid_on, currency = key
        columns.id_of(unit, _UNIT)
        columns.id_of(settlement, "SettlementId")
        columns.date_of(paid_on, "SettlementDate", _DAY)
        head = self.heads.get((unit, settlement, currency))
        if head is None:
            of_currency = [one for one in self.heads.values() if one.currency == currency]
            if len(of_currency) != 1:
                raise BadValue(
                    "bad_value",
                    f"The row is of settlement {unit}-{settlement} in {currency[:10]}, which no "
                    f"{SETTLEMENT} above it declares. Ask the partner for a corrected file.",
                )
            head = of_currency[0]
        if (unit, settlement, paid_on) != (head.unit, head.number, head.paid_on):
            self.statement.warn(
                "bad_value", number,
                f"The row names sale unit {unit}, settlement {settlement} of {paid_on}; its "
                f"SettlementInfo names {head.unit}, {head.number} of {head.paid_on}. It is "
                "counted to that one.",
            )  # fmt: skip
        self.belongs[key] = head.index
        return head

    # -- decimal commas

    def _mended(self, number: int, tag: str, cells: list[str], wrong: BadValue | None) -> list[str]:
        """Return the cells of a row with the decimal commas of its amounts made points.

        ``wrong`` is what was the matter with a row that has as many cells as its headings.
        Raises it, or bad_columns, unless exactly one way of reading the row makes it right.
        """
        section = self.sections[tag]
        wanted, at = len(section.headings), section.at
        extra = len(cells) - wanted
        if not 0 <= extra <= _MOST_SPLIT:
            columns.checked_cells(cells, wanted)
        ways = []
        for split in combinations(sorted(at[name] for name in _AMOUNTS), extra):
            joined, position = [], 0
            for column in range(wanted):
                width = 2 if column in split else 1
                joined.append(",".join(cells[position : position + width]))
                position += width
            if (changed := self._pointed(joined, at, tag)) is not None:
                ways.append(changed)
        if len(ways) != 1:
            if wrong is not None:
                raise wrong
            raise BadValue(
                "bad_columns",
                f"The row has {len(cells)} cells under {wanted} headings, which decimal commas "
                "alone do not explain.",
            )
        mended, what = ways[0]
        if not what:
            # Nothing of it was a comma: the row was wrong in another way.
            raise wrong or BadValue("bad_columns", f"The row has {len(cells)} cells.")
        self.repaired += 1
        if self.repaired <= _MOST_TOLD:
            self.statement.warn(
                "bad_columns", number,
                f"{len(cells)} cells under {wanted} headings; decimal comma repaired: "
                f"{', '.join(what)}.",
            )  # fmt: skip
        return mended

    def _pointed(
        self, cells: list[str], at: dict[str, int], tag: str
    ) -> tuple[list[str], list[str]] | None:
        """Return cells with points in their amounts, and what was changed; None if wrong."""
        cells = list(cells)
        currency, what, minors = cells[at["Currency"]], [], []
        try:
            for name in _AMOUNTS:
                text = cells[at[name]]
                if "," in text:
                    minor = self.commas[currency][text][0]
                    cells[at[name]] = from_minor(minor, currency)
                    what.append(f"{name} {text} is {cells[at[name]]}")
                else:
                    minor = self.money[currency][text][0]
                minors.append(minor)
            if tag == SETTLEMENT:
                columns.count_of(cells[at["NumberOfTransactions"]], "NumberOfTransactions")
        except BadValue:
            return None
        gross, fee, refund, net = minors
        return (cells, what) if net in (gross + fee, gross + fee + refund) else None


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return the reference of one unit's settlement: numbers start at 2000001 per unit."""
    return f"{store}-{2_000_000 + number}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a clean file, Net with refunds; return the line number of each sheet line.

    A batch is called ``<unit>-<number>`` and holds lines of that unit and currency. The
    SalesDate is the local day of a line, or the last day of the period.
    """
    if not sheet.lines:
        raise CannotWrite("A settlement file has at least one transaction.")
    zone = columns.zone_of(options, "Europe/Oslo")
    sums = [[0, 0, 0, 0, 0] for _batch in sheet.batches]
    rows = []
    for line in sheet.lines:
        batch = sheet.batches[line.batch]
        unit, _dash, settlement = batch.ref.rpartition("-")
        currency = columns.one_currency(line)
        if line.store != unit or currency != batch.currency:
            raise CannotWrite(f"{line.ref}: a settlement has one sale unit and one currency.")
        gross, fee = int(line.gross), int(line.fee)
        if line.kind == NOT_A_PAYMENT and gross:
            raise CannotWrite(f"{line.ref}: the file has only captures and refunds.")
        captured, refunded = max(gross, 0), min(gross, 0)
        for position, minor in enumerate((captured, -fee, refunded, gross - fee, 1)):
            sums[line.batch][position] += minor
        instant = columns.in_zone(line, zone)
        sold_on = instant.date() if instant else sheet.period_to
        texts = [from_minor(minor, currency) for minor in (captured, -fee, refunded, gross - fee)]
        rows.append(_joined((
            TRANSACTION, sold_on.strftime(_DAY), f"Sale unit {unit}", unit, line.ref, settlement,
            line.merchant_ref, (batch.value_date or sheet.made_on).strftime(_DAY), texts[0],
            currency, *texts[1:],
        )))  # fmt: skip
    with TextFile(path) as file:
        file.put("OrganizationNumber,MerchantName")
        file.put("999999999,Alliance")
        file.put("Name,VisitingAddress,Postbox,Zipno,Place,Country,CompanyNumber")
        file.put("Vipps,,,,,,")
        file.put(_headings(SETTLEMENT))
        misstate = sheet.misstate_minor
        for batch, (captured, fee, refunded, net, count) in zip(sheet.batches, sums, strict=True):
            if not count:
                continue
            unit, _dash, settlement = batch.ref.rpartition("-")
            texts = [
                from_minor(minor, batch.currency)
                for minor in (captured + misstate, fee, refunded, net)
            ]
            misstate = 0
            file.put(_joined((
                SETTLEMENT, f"Sale unit {unit}", unit,
                (batch.value_date or sheet.made_on).strftime(_DAY), settlement, "15030000001",
                texts[0], batch.currency, *texts[1:], str(count),
            )))  # fmt: skip
        file.put(_headings(FEE))
        file.put(_headings(TRANSACTION))
        return [file.put(row) for row in rows]


def _joined(cells: Iterable[str]) -> str:
    """Return cells as one line; those with a comma or a quote are quoted."""
    quoted = [
        '"' + cell.replace('"', '""') + '"' if "," in cell or '"' in cell else cell
        for cell in cells
    ]
    text = ",".join(quoted)
    if not text.isprintable():
        raise CannotWrite(f"{text!r}: no cell can hold a control character.")
    return text


def _headings(tag: str) -> str:
    return ",".join((tag, *(column.name for column in SECTIONS[tag])))
