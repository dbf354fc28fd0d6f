"""A partner's own layout, described in the back office.

Source: the partner's own documents, as whoever described it read them. ``options["mapping"]``
is the description (wallets/formats/description.py, docs/mapped-layout.md): text with cells, a
workbook or fixed positions; where facts, columns and totals stand; what words, signs, marks
and dates mean. The same description reads and writes.

Signs, times and totals are as described, and are proved as strictly as in any other layout.
A file without totals or an end mark cannot show rows lost at its end. A cell's outer spaces do
not count. A number cell of a workbook is an amount by its shortest text, never by arithmetic,
and where an id should be it is refused.

``options["name"]`` gives the file's name where the path does not have it; of a workbook, two
versions are known as one by their names alone. A workbook is held in memory while it is read;
text streams, once more beforehand where fees have rows of their own or the rows say the period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from portal.core.money import from_minor
from wallets.formats import columns, mapped_writer
from wallets.formats import description as said
from wallets.formats.columns import BadValue, Reading, Tally
from wallets.formats.mapped_amounts import NUMBER, Amounts, Money, negated, turned
from wallets.formats.mapped_opening import (
    Opened,
    Record,
    described,
    facts_of,
    head_records,
    named,
    opened_file,
    records_of,
)
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    REFUND,
    SALE,
    Line,
    Statement,
    Unreadable,
    refuse,
)

BATCH_BY = ("wallet", "settled_currency")
HEAD_BYTES = 65_536
MOST_APART = 200_000
MOST_UNKNOWN = 50
LONGEST_SHOWN = 400
LONGEST_SHOWN = 400

write = mapped_writer.write


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"{wallet}-{number}-{currency}"


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return period and number or reference, from name and beginning; else the bare name."""
    stem = Path(name).stem
    try:
        of = described(options)
        if of.kind == said.XLSX:
            # Its beginning may be any part of it; another version must have the same name.
            facts = named(of, name)
        else:
            facts, _declared = facts_of(of, head_records(of, head), name)
    except (Unreadable, BadValue):
        return stem
    known = [facts.sequence or facts.ref] if facts.sequence or facts.ref else []
    if facts.first:
        known.insert(0, f"{facts.first}..{facts.last}")
    return " ".join(known) or stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream."""
    of = described(options)
    try:
        opened = opened_file(path, options, of)
    except BadValue as error:
        raise refuse(error.code, 0, str(error)) from None
    with path.open("rb") as file:
        identity = identify(str(options.get("name") or path.name), file.read(HEAD_BYTES), options)
    statement = Statement(
        identity=identity, period_from=date.max, period_to=date.min, lines=iter(()),
        records=opened.opening, others=opened.opening,
    )  # fmt: skip
    facts = opened.facts
    if facts.sequence:
        statement.sequence = int(facts.sequence)
    if facts.first and facts.last:
        statement.period_from, statement.period_to = facts.first, facts.last
    reader = _Reader(statement, options, opened)
    if of.period_from_rows or of.amounts["fee"] == said.ROWS:
        survey = _Survey(reader).of_file()
        if of.period_from_rows:
            if survey.first is None or survey.last is None:
                raise refuse(
                    "bad_date", 0,
                    "No row says a day, so nobody knows what the file is for. Ask the partner "
                    "to put the day into the name, and describe it.",
                )  # fmt: skip
            statement.period_from, statement.period_to = survey.first, survey.last
        reader.apart, reader.apart_numbers = survey.apart, survey.apart_numbers
        reader.open_again(opened_file(path, options, of))
    statement.lines = reader.lines()
    return statement


def raw_rows(path: Path, options: dict[str, Any], numbers: set[int]) -> dict[int, str]:
    """Return some rows of a file as they came, by number, for people to look at."""
    found: dict[int, str] = {}
    last = max(numbers, default=0)
    for number, record in records_of(path, options, described(options)):
        if number > last:
            break
        if number in numbers:
            shown = record if isinstance(record, str) else " | ".join(map(str, record)).rstrip(" |")
            found[number] = shown[:LONGEST_SHOWN]
    return found


class _Apart(NamedTuple):
    """A fee in a row of its own that does not stand behind its payment."""

    number: int
    fee: int
    currency: str
    wallet: str
    store: str
    instant: str
    settlement_ref: str
    value_date: str


class _Total(NamedTuple):
    """A row of totals: whose lines it adds up, and what it says of them, as it is written."""

    number: int
    keys: dict[str, str]
    value_date: date | None
    sums: dict[str, str]


@dataclass
class _Folded:
    """A row with the fees right behind it, or why it cannot be taken apart."""

    cells: list[str]
    fees: list[tuple[int, str]] = field(default_factory=list)
    wrong: BadValue | None = None
    records: int = 1


class _Reader:
    """Reads the records of an opened file into lines, and proves its totals at the end."""

    def __init__(self, statement: Statement, options: dict[str, Any], opened: Opened) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.of = of = opened.of
        self.money = Money(of.amounts)
        self.own_wallet = str(options.get("wallet") or "")
        self.zone = of.zone or ZoneInfo(options.get("timezone") or "UTC")
        self.instants: dict[str, tuple[str, date | None]] = {"": ("", None)}
        self.totals: list[_Total] = []
        self.unsigned: list[int] = []
        self.unknown: set[str] = set()
        self.apart: dict[str, list[_Apart]] = {}
        self.apart_numbers: set[int] = set()
        self.number, self.ended = 0, False
        amounts = of.amounts
        self.sign, self.fee, self.fee_sign = amounts["sign"], amounts["fee"], amounts["fee_sign"]
        self.letters = {
            **dict.fromkeys(amounts["credit"], 1),
            **dict.fromkeys(amounts["debit"], -1),
        }
        self.by_column = of.batches["by"] == said.COLUMN
        self.counts_unsigned = of.trailer["sums"] == "unsigned" and of.has_totals
        self.end = of.end
        self.open_again(opened)

    def open_again(self, opened: Opened) -> None:
        self.opened, self.width = opened, opened.width
        self.number = opened.opening
        at = {name: opened.at.get(name, -1) for name in said.COLUMNS}
        # An absent column is the last cell, which every row gets, and is empty.
        self.at = at
        (self.i_ref, self.i_type, self.i_time, self.i_clock, self.i_store, self.i_currency,
         self.i_gross, self.i_fee, self.i_net, self.i_wallet) = (
            at[name] for name in ("ref", "type", "time", "clock", "store", "currency", "gross",
                                  "fee", "net", "wallet")
        )  # fmt: skip
        self.i_total = opened.totals_at.get("column", -1)
        self.has_type = self.i_type >= 0
        self.converts = at["settled_gross"] >= 0
        self.fee_key = at[self.of.amounts["fee_by"]]
        self.most = max(opened.at.values()) + 1

    def lines(self) -> Iterator[Line]:
        records: Iterable[tuple[int, Any]] = self.opened.records
        if self.fee == said.ROWS:
            yield from self.reading.each(self._folded(), self.take_folded)
            yield from self._fees_alone()
        else:
            yield from self.reading.each(records, self.take)
        of = self.of
        if (self.end and not self.ended) or (of.has_totals and not self.totals):
            what = "end mark" if self.end and not self.ended else "row of totals"
            raise refuse(
                "truncated", self.number,
                f"The {what} is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip
        self._prove()

    # --- rows

    def cells(self, number: int, record: Record) -> list[str] | None:
        """Return the cells of a row of payments; None for one that is not, once it is noted."""
        self.number = number
        if isinstance(record, str) and not record.strip():
            return None
        if self.end and self._is_end(record):
            if self.ended:
                raise BadValue("bad_value", "The end mark stands twice.")
            self.ended = True
            return None
        if isinstance(record, list) and all(cell == "" for cell in record):
            return None
        cells = self.opened.split(record)
        if self.of.kind == said.DELIMITED and not any(cells):
            return None
        if self.ended:
            raise BadValue("bad_value", "There is a row after the end mark.")
        at = self.i_total
        if 0 <= at < len(cells) and cells[at] == self.of.trailer["value"]:
            self._total(number, cells)
            return None
        if self.totals:
            raise BadValue("bad_value", "There is a row after the totals, which close the file.")
        if self.of.kind == said.DELIMITED:
            width = self.width
            if not width:
                if len(cells) < self.most:
                    raise BadValue(
                        "bad_columns",
                        f"The row has {len(cells)} cells and should have at least {self.most}.",
                    )
                self.width = width = len(cells)
            if len(cells) != width:
                columns.checked_cells(cells, width)
        cells.append("")
        return cells

    def _is_end(self, record: Record) -> bool:
        if isinstance(record, str):
            text = record.strip()
            if self.of.kind == said.DELIMITED and text.startswith(self.end):
                return text[len(self.end) :].strip(self.of.file["delimiter"] + " ") == ""
            return text == self.end
        return record[:1] == [self.end] and not any(cell != "" for cell in record[1:])

    def take(self, number: int, record: Record) -> Line | None:
        cells = self.cells(number, record)
        return None if cells is None else self.line(number, cells, ())

    def line(self, number: int, cells: list[str], fees: Iterable[int]) -> Line | None:
        """Return the line of a row, its fees from rows of their own folded in."""
        of, at = self.of, self.at
        word = cells[self.i_type]
        meaning = of.types.get(word) if self.has_type else ""
        if meaning == said.IGNORED:
            return None
        currency = cells[self.i_currency] or of.constants["currency"]
        amounts = self.money[currency]
        if meaning is None:
            meaning = self._unknown(number, word)
        gross, sign = self._gross(cells, amounts, meaning)
        kind = meaning or (REFUND if gross[0] < 0 else SALE)
        if kind == said.DEDUCTION:
            kind = NOT_A_PAYMENT
        settled_currency, settled = currency, gross
        if self.converts:
            settled_currency = cells[at["settled_currency"]] or of.constants["settled_currency"]
            amounts = self.money[settled_currency]
            settled = amounts[cells[at["settled_gross"]]]
            if self.sign != said.SIGNED:
                settled = turned(settled, sign)
        if self.fee == said.NONE:
            fee = (0, "0")
        elif self.fee == said.COLUMN:
            fee = self._fee(cells[self.i_fee], amounts, sign)
        elif self.fee == said.ROWS:
            charged = sum(fees)
            fee = (charged, str(charged))
        if self.i_net >= 0:
            net = amounts[cells[self.i_net]]
            if sign < 0 and self.sign in (said.BY_TYPE, said.LETTER):
                net = negated(net)
            if self.fee == said.DIFFERENCE:
                fee = (settled[0] - net[0], str(settled[0] - net[0]))
        else:
            net = (settled[0] - fee[0], str(settled[0] - fee[0]))
        wallet = self._wallet(cells[self.i_wallet]) if self.i_wallet >= 0 else self.own_wallet
        ref, store = cells[self.i_ref], cells[self.i_store] or of.constants["store"]
        if kind != NOT_A_PAYMENT or ref:
            columns.id_of(ref, self._called("ref"))
        else:
            ref = f"row-{number}"
        if kind != NOT_A_PAYMENT or store:
            columns.id_of(store, self._called("store"))
        rate, order = cells[at["rate"]], cells[at["merchant_ref"]]
        original = cells[at["original_ref"]]
        instant = self._instant(cells)
        batch = self._batch(
            cells[at["settlement_ref"]], wallet, settled_currency, cells[at["value_date"]]
        )
        line = self.reading.line(
            number, batch, wallet, kind, ref, store, currency, gross, settled_currency, settled,
            fee, net, self._rate(rate) if rate and currency != settled_currency else "",
            columns.text_of(order, self._called("merchant_ref")) if order else "", instant,
            columns.id_of(original, self._called("original_ref")) if original else "",
        )  # fmt: skip
        if self.counts_unsigned:
            self.unsigned[batch] += abs(settled[0])
        return line

    def _called(self, column: str) -> str:
        place = self.of.columns.get(column)
        return f"{column} ({place})" if place else column

    def _unknown(self, number: int, word: str) -> str:
        """Take an unknown type as a movement that is no payment; warn of each once."""
        text = (
            f"Type {word[:40]!r} is unknown. Say in the mapping what it stands for; known are "
            f"{', '.join(self.of.types)}."
        )
        if self.sign == said.BY_TYPE or not word:
            raise BadValue("unknown_type", text[:600])
        if word not in self.unknown:
            if len(self.unknown) >= MOST_UNKNOWN:
                raise BadValue(
                    "unknown_type", f"More than {MOST_UNKNOWN} unknown types. {text}"[:600]
                )
            self.unknown.add(word)
            self.statement.warn(
                "unknown_type", number, f"{text} It is counted as money, but as no payment."[:600]
            )
        return NOT_A_PAYMENT

    def _gross(
        self, cells: list[str], amounts: Amounts, meaning: str
    ) -> tuple[tuple[int, str], int]:
        """Return the signed amount of a row, and its sign."""
        rule = self.sign
        if rule == said.SIGNED:
            gross = amounts[cells[self.i_gross]]
            return gross, -1 if gross[0] < 0 or meaning == REFUND else 1
        if rule == said.BY_TYPE:
            sign = -1 if meaning in (REFUND, said.DEDUCTION) else 1
            return turned(amounts[cells[self.i_gross]], sign), sign
        if rule == said.LETTER:
            letter = cells[self.at["letter"]]
            try:
                sign = self.letters[letter]
            except KeyError:
                raise BadValue(
                    "bad_value",
                    f"{self._called('letter')} is {letter[:40]!r}; known are "
                    f"{', '.join(self.letters)}.",
                ) from None
            return turned(amounts[cells[self.i_gross]], sign), sign
        debit, credit = (cells[self.at[name]] for name in ("debit", "credit"))
        if not debit and not credit:
            raise BadValue("bad_amount", "Neither debit nor credit holds an amount.")
        taken = turned(amounts[debit], -1) if debit else (0, "0")
        given = turned(amounts[credit], 1) if credit else (0, "0")
        if taken[0] and given[0]:
            raise BadValue("bad_amount", "Debit and credit both hold an amount.")
        return (taken, -1) if taken[0] or not credit else (given, 1)

    def _fee(self, text: str, amounts: Amounts, sign: int) -> tuple[int, str]:
        if not text and self.of.amounts["empty_fee"]:
            return 0, "0"
        fee = amounts[text]
        if self.fee_sign == said.POSITIVE:
            return fee
        if self.fee_sign == said.NEGATIVE:
            return negated(fee)
        return turned(fee, sign)

    def _wallet(self, text: str) -> str:
        if not self.of.wallets:
            return columns.id_of(text, self._called("wallet"))
        try:
            return self.of.wallets[text]
        except KeyError:
            raise BadValue(
                "bad_value",
                f"Wallet {text[:40]!r} is unknown; say in the mapping whose code it is. Known "
                f"are {', '.join(self.of.wallets)}.",
            ) from None

    def _rate(self, text: str) -> str:
        if text[:1] == NUMBER:
            text = text[1:]
        mark = self.of.amounts["mark"]
        return columns.rate_of(text.replace(mark, ".") if mark != "." else text)

    def moment(self, cells: list[str]) -> tuple[str, date | None]:
        """Return when a row says it happened: the instant (or empty), and its day."""
        text = cells[self.i_time]
        if self.i_clock >= 0 and (text or cells[self.i_clock]):
            text = f"{text} {cells[self.i_clock]}"
        found = self.instants.get(text)
        if found is None:
            form = self.of.time_form
            assert form is not None  # noqa: S101  (a time column has a form)
            if len(self.instants) >= columns.MOST_REMEMBERED:
                self.instants = {"": ("", None)}
            found = self.instants[text] = form.instant(text, self._called("time"), self.zone)
        return found

    def _instant(self, cells: list[str]) -> str:
        return self.moment(cells)[0] if self.i_time >= 0 else ""

    def _batch(self, ref: str, wallet: str, currency: str, value_date: str) -> int:
        key = (ref, wallet, currency) if self.by_column else (wallet, currency)
        index = self.reading.known.get(key)
        if index is not None:
            return index
        if self.by_column:
            ref = columns.text_of(
                ref, self._called("settlement_ref"), longest=columns.LONGEST_SETTLEMENT_REF
            )
            if not ref:
                raise BadValue("bad_value", f"{self._called('settlement_ref')} is empty.")
        else:
            day = self.statement.period_to
            ref = self.opened.facts.ref or f"{day:%Y%m%d}-{wallet}-{currency}"
        paid = self.of.date_form.day(value_date, "Value date") if value_date else None
        index = self.reading.batch(key, ref, wallet, currency)
        self.unsigned.append(0)
        self.statement.batches[index].value_date = paid or self.opened.value_date
        return index

    # --- fees in rows of their own

    def fee_row(self, cells: list[str]) -> tuple[int, str]:
        """Return what a fee's row charges, in minor units, and its currency."""
        currency = cells[self.i_currency] or self.of.constants["currency"]
        amount, _sign = self._gross(cells, self.money[currency], "")
        return (-amount[0] if self.fee_sign == said.NEGATIVE else amount[0]), currency

    def means(self, cells: list[str]) -> str | None:
        return self.of.types.get(cells[self.i_type])

    def _folded(self) -> Iterator[tuple[int, _Folded]]:
        """Yield each row together with the fee rows that stand right behind it."""
        held: tuple[int, _Folded] | None = None
        for number, record in self.opened.records:
            try:
                cells = self.cells(number, record)
                row = _Folded(cells or [])
                if cells and self.means(cells) == said.FEE and number not in self.apart_numbers:
                    fee = self.fee_row(cells)
                    if held and held[1].cells and held[1].cells[self.i_ref] == cells[self.fee_key]:
                        held[1].fees.append(fee)
                        self.statement.records += 1
                        self.statement.others += 1
                        continue
            except BadValue as error:
                row = _Folded([], wrong=error)
            if held is not None:
                yield held
            held = number, row
        if held is not None:
            yield held

    def take_folded(self, number: int, row: _Folded) -> Line | None:
        if row.wrong:
            raise row.wrong
        cells = row.cells
        if not cells or number in self.apart_numbers:
            return None
        meaning = self.means(cells)
        if meaning == said.FEE:
            fee, currency = self.fee_row(cells)
            return self._fee_line(self.alone(number, cells, fee, currency), cells[self.fee_key])
        fees = row.fees
        if meaning in (SALE, REFUND):
            apart = self.apart.pop(cells[self.i_ref], ())
            fees = fees + [(one.fee, one.currency) for one in apart]
        currency = cells[self.i_currency] or self.of.constants["currency"]
        if any(theirs != currency for _fee, theirs in fees):
            raise BadValue("bad_value", f"{cells[self.i_ref]}: its fee is in another currency.")
        return self.line(number, cells, (fee for fee, _theirs in fees))

    def alone(self, number: int, cells: list[str], fee: int, currency: str) -> _Apart:
        at = self.at
        wallet = self._wallet(cells[self.i_wallet]) if self.i_wallet >= 0 else self.own_wallet
        store = cells[self.i_store] or self.of.constants["store"]
        return _Apart(
            number, fee, currency, wallet, store, self._instant(cells),
            cells[at["settlement_ref"]], cells[at["value_date"]],
        )  # fmt: skip

    def _fees_alone(self) -> Iterator[Line]:
        for ref, fees in self.apart.items():
            for fee in fees:
                # No payment of this file answered to it.
                self.statement.others -= 1
                try:
                    yield self._fee_line(fee, ref)
                except BadValue as error:
                    self.reading.bad_row(error, fee.number)

    def _fee_line(self, fee: _Apart, ref: str) -> Line:
        if fee.store:
            columns.id_of(fee.store, self._called("store"))
        batch = self._batch(fee.settlement_ref, fee.wallet, fee.currency, fee.value_date)
        nothing = (0, "0")
        return self.reading.line(
            fee.number, batch, fee.wallet, NOT_A_PAYMENT,
            columns.id_of(ref, "The payment of a fee") if ref else f"row-{fee.number}",
            fee.store, fee.currency, nothing, fee.currency, nothing, (fee.fee, str(fee.fee)),
            (-fee.fee, str(-fee.fee)), "", "", fee.instant, "",
        )  # fmt: skip

    # --- totals

    def _total(self, number: int, cells: list[str]) -> None:
        """Take down a row of totals; it is proved once all rows are read."""
        found = {
            name: cells[at] if at < len(cells) else "" for name, at in self.opened.totals_at.items()
        }
        paid = found.get("value_date", "")
        names = ("currency", "wallet", "settlement_ref")
        keys: dict[str, str] = {name: found[name] for name in names if name in found}
        if "currency" in keys:
            self.money[keys["currency"]]  # refuses an unknown one at once
        if keys.get("wallet") and self.of.wallets:
            keys["wallet"] = self._wallet(keys["wallet"])
        self.totals.append(_Total(
            number, keys, self.of.date_form.day(paid, "Value date") if paid else None,
            {name: found[name] for name in said.SUMS if name in found},
        ))  # fmt: skip

    def _prove(self) -> None:
        """Compare every declared total with what was in the file."""
        if self.reading.bad_rows:
            return
        declared = self.opened.declared
        if any(name in declared for name in said.SUMS):
            keys = {"currency": declared["currency"]} if "currency" in declared else {}
            sums = {name: declared[name] for name in said.SUMS if name in declared}
            self._try(_Total(0, keys, None, sums), unsigned=False)
        for total in self.totals:
            self._try(total, unsigned=self.counts_unsigned)
        if not self.of.has_totals:
            return
        batches = self.statement.batches
        for index, batch in enumerate(batches):
            if not any(index in self._batches_of(total) for total in self.totals):
                self.reading.error(
                    "count_differs", self.number,
                    f"A row of totals for {batch.ref} {batch.wallet} {batch.currency} is absent. "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip

    def _batches_of(self, total: _Total) -> list[int]:
        keys = total.keys
        by_ref = self.by_column and "settlement_ref" in keys
        return [
            index for index, batch in enumerate(self.statement.batches)
            if keys.get("currency", batch.currency) == batch.currency
            and keys.get("wallet", batch.wallet) == batch.wallet
            and (not by_ref or keys["settlement_ref"] == batch.ref)
        ]  # fmt: skip

    def _try(self, total: _Total, *, unsigned: bool) -> None:
        try:
            self._compare(total, unsigned=unsigned)
        except BadValue as error:
            self.reading.error(error.code, total.number, str(error))

    def _compare(self, total: _Total, *, unsigned: bool) -> None:
        batches, tallies = self.statement.batches, self.reading.tallies
        mine = self._batches_of(total)
        found = Tally()
        for index in mine:
            one = tallies[index]
            found.count += one.count
            found.gross += self.unsigned[index] if unsigned else one.gross
            found.fee += one.fee
            found.net += one.net
        shown = " ".join(filter(None, total.keys.values())) or "The file"
        count: int | None = None
        if "count" in total.sums:
            text = total.sums["count"]
            if text[:1] == NUMBER:
                text = text[1:].removesuffix(".0")
            count = columns.count_of(text, "count")
            if count != found.count:
                self.reading.error(
                    "count_differs", total.number,
                    f"{shown} declares {count} rows and has {found.count}. Ask the partner for a "
                    "corrected file.",
                )  # fmt: skip
        said_sums: dict[str, int | None] = dict.fromkeys(("gross", "fee", "net"))
        for name in said_sums:
            if name not in total.sums:
                continue
            currency = self._currency_of(total, mine)
            minor = self.money[currency][total.sums[name]][0]
            if name == "fee" and self.fee_sign == said.NEGATIVE:
                minor = -minor
            said_sums[name] = minor
            if minor != getattr(found, name):
                self.reading.error(
                    "total_differs", total.number,
                    f"{shown} declares {name} {from_minor(minor, currency)} {currency}, its rows "
                    f"add up to {from_minor(getattr(found, name), currency)}. Ask the partner "
                    "for a corrected file.",
                )  # fmt: skip
        for index in mine:
            batch = batches[index]
            batch.value_date = total.value_date or batch.value_date
            if not self.by_column and total.keys.get("settlement_ref"):
                columns.check_batch(total.keys["settlement_ref"], batch.wallet)
                batch.ref = columns.text_of(
                    total.keys["settlement_ref"], "Settlement",
                    longest=columns.LONGEST_SETTLEMENT_REF,
                )  # fmt: skip
        if len(mine) == 1:
            batch = batches[mine[0]]
            batch.declared_count = count
            batch.declared_fee_minor, batch.declared_net_minor = said_sums["fee"], said_sums["net"]
            if not unsigned:
                batch.declared_gross_minor = said_sums["gross"]

    def _currency_of(self, total: _Total, mine: list[int]) -> str:
        if "currency" in total.keys:
            return total.keys["currency"]
        known = {self.statement.batches[index].currency for index in mine}
        if len(known) > 1:
            raise BadValue(
                "bad_value",
                "The totals do not say their currency, and the rows have several: describe where "
                "it stands, or ask the partner for one row of totals each.",
            )
        constants = self.of.constants
        return next(iter(known), constants["settled_currency"] or constants["currency"] or "EUR")


@dataclass
class _Survey:
    """What must be known before the first line: the days of the rows, fees that stand apart."""

    reader: _Reader
    first: date | None = None
    last: date | None = None
    apart: dict[str, list[_Apart]] = field(default_factory=dict)
    apart_numbers: set[int] = field(default_factory=set)

    def of_file(self) -> _Survey:
        """Go through the rows once; what is wrong with one is said when it is read."""
        reader, before = self.reader, ""
        for number, record in reader.opened.records:
            behind, before = before, ""
            try:
                cells = reader.cells(number, record)
                if cells is None:
                    continue
                meaning = reader.means(cells) if reader.has_type else SALE
                if meaning == said.FEE:
                    key = cells[reader.fee_key]
                    if key and key == behind:
                        before = behind
                    else:
                        self._fee(number, cells, key)
                elif meaning != said.IGNORED:
                    before = cells[reader.i_ref]
                of_payment = meaning in (SALE, REFUND) and reader.of.period_from_rows
                if of_payment and (day := reader.moment(cells)[1]):
                    self.first = min(self.first or day, day)
                    self.last = max(self.last or day, day)
            except BadValue:
                continue
        reader.totals.clear()
        reader.ended = False
        return self

    def _fee(self, number: int, cells: list[str], key: str) -> None:
        reader = self.reader
        fee, currency = reader.fee_row(cells)
        if len(self.apart_numbers) >= MOST_APART:
            raise refuse(
                "too_large", number,
                f"More than {MOST_APART} fees stand apart from their payments. Ask the partner "
                "to put each right behind its payment.",
            )  # fmt: skip
        one = reader.alone(number, cells, fee, currency)
        self.apart_numbers.add(number)
        self.apart.setdefault(key, []).append(one)
