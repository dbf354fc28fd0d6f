"""Vipps settlement workbook of the portal, or the same table as CSV.

Source, public: the sample workbooks of 2018 and 2020 and the list of columns in Vipps'
developers' repository (settlements/xlsx/, settlements/csv/). The first sheet holds a preamble,
headings by which columns are found, and for every settlement its rows and one total row; the
blocks of several sale units stand one after the other, parted by empty rows::

    Oppgjørsrapport
    Bedriften           |  | name
    Organisasjonsnummer |  | number
    Fra dato            |  | 01.12.2019
    Til dato            |  | 31.12.2019
    Salgsdato | Salgssted | Vippsnummer | Produkt | Transaksjons-ID | Ordre-ID | Brutto | ...
    25.11.2019 | ...
    Til utbetaling netto |  |  | ... | Oppgjørs-ID | Oppgjørsdato | Oppgjørssum | Oppgjørskonto

Signs: Brutto + for Salg and - for Refundering, Gebyr - when charged, Netto = Brutto + Gebyr. A
Refundering without its sign is turned, with a warning; the total row proves it right. Oppgjørssum
is the sum of Netto. The total row of 2018 does not name the Vippsnummer, so it is that of the
rows before it. A settlement's number is unique only within its Vippsnummer, which is our store:
a batch is called ``<number>-<settlement>``. A type that nobody told us of becomes a line that
is no payment, and is warned of once.

Cells may be text or numbers. An amount in a number cell is taken from the shortest text of that
number, only with as many decimals as its currency has; it never becomes an amount by
arithmetic. An id in a number cell is taken where it is whole and has up to 15 digits, with a
warning: its leading zeros, if it had any, are lost. Text amounts may have a point or a comma.
As CSV, the delimiter is that of the headings.

The period is Fra dato to Til dato, by which the portal picks settlements, widened to the days
of their sales. There is no currency: it is the option ``currency``, else NOK. Personal data
(Fornavn, Etternavn, Melding) and unknown columns are never read.

It cannot carry: a time, a conversion, the payment that a refund is of, other movements. A
block that is lost with its total row cannot show, except that a cut workbook never opens. A
sheet is held in memory while it is read, at 1.5 to 2 KB a row; the CSV streams.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import xlsxwriter

from portal.core.money import from_minor
from wallets.formats import columns, workbook
from wallets.formats.columns import BadValue, CannotWrite, Column, Money, Reading
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    REFUND,
    SALE,
    Line,
    Room,
    Sheet,
    Statement,
    Unreadable,
    refuse,
)
from wallets.formats.workbook import Cell

BATCH_BY = ("store", "currency")
ROOM = Room(other_movements=False, originals=False, says_its_days=False, one_currency=True)
KINDS = {"Salg": SALE, "Refundering": REFUND}
_WORDS = columns.letters_of(KINDS)
TITLE, FROM, TO, NUMBER = "Oppgjørsrapport", "Fra dato", "Til dato", "Organisasjonsnummer"
TOTAL, _TOTALS = "Til utbetaling netto", "Til utbetaling"
_DATA = (
    "Salgsdato", "Vippsnummer", "Transaksjons-ID", "Ordre-ID", "Brutto", "Gebyr", "Netto",
    "Transaksjonstype", "Oppgjørs-ID", "Oppgjørsdato", "Oppgjørssum",
)  # fmt: skip
_WRITTEN = (
    "Salgsdato", "Salgssted", "Vippsnummer", "Produkt", "Transaksjons-ID", "Ordre-ID", "Brutto",
    "Gebyr", "Netto", "Transaksjonstype", "Oppgjørs-ID", "Oppgjørsdato", "Oppgjørssum",
    "Oppgjørskonto",
)  # fmt: skip
COLUMNS = tuple(Column(name, needed=name in _DATA) for name in _WRITTEN)
_DAY = "%d.%m.%Y"
_LONGEST_PREAMBLE = 20
_SHEET = b"xl/worksheets/sheet1.xml"
_ROW = re.compile(r"<row [^>]*?r=\"([0-9]{1,7})\"[^>]*>(.*?)</row>", re.DOTALL)
_CELL = re.compile(r"<c r=\"([A-Z])[0-9]+\" t=\"inlineStr\"><is><t[^>]*>([^<]*)</t>")
_ESCAPED = re.compile(r"_x[0-9A-Fa-f]{4}_")

_Rows = Iterator[tuple[int, list[Cell]]]


# -- opening -------------------------------------------------------------------------------


def _rows(path: Path, options: dict[str, Any]) -> _Rows:
    """Yield the rows of a workbook or of a text file with their numbers."""
    columns.check_size(path, options)
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            file.seek(0)
            yield from enumerate(workbook.rows(file, options), 1)
            return
    yield from _split(columns.physical_lines(path, options, encodings=("utf-8", "cp1252")))


def _split(lines: Iterator[tuple[int, str]]) -> _Rows:
    """Yield the rows of a text: the delimiter is that of the headings."""
    opening: list[tuple[int, str]] = []
    for number, text in lines:
        opening.append((number, text))
        if number == 1 and TITLE not in text:
            raise _not_this()
        if _DATA[0] in text or number > _LONGEST_PREAMBLE:
            break
    delimiter = max(";,\t", key=opening[-1][1].count)
    for number, text in chain(opening, lines):
        try:
            cells: list[Cell] = list(columns.cells_of(text, delimiter))
        except BadValue as error:
            raise refuse(error.code, number, str(error)) from None
        yield number, cells


def _not_this() -> Unreadable:
    return refuse("not_this_layout", 1, f"The first cell must hold {TITLE!r}. Is it another file?")


def _opening(rows: _Rows) -> tuple[date, date, str, list[str], int]:
    """Return first and last day, organisation, headings and their row; raise BadValue."""
    said: dict[str, Cell] = {}
    for number, cells in rows:
        word = cells[0] if cells else ""
        if number == 1 and word != TITLE:
            raise _not_this()
        if word == _DATA[0]:
            break
        if number > _LONGEST_PREAMBLE:
            raise BadValue("bad_columns", f"There is no row of headings from {_DATA[0]} on.")
        if isinstance(word, str):
            said[word] = next((cell for cell in cells[1:] if cell != ""), "")
    else:
        raise BadValue("bad_columns", f"There is no row of headings from {_DATA[0]} on.")
    headings = [cell if isinstance(cell, str) else repr(cell) for cell in cells]
    while headings and not headings[-1]:
        headings.pop()
    begins, ends = (_day(said.get(name, ""), name) for name in (FROM, TO))
    if ends < begins:
        raise BadValue("bad_date", f"The period ends on {ends}, before it begins on {begins}.")
    return begins, ends, str(said.get(NUMBER, "")), headings, number


def _day(cell: Cell, name: str) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if not isinstance(cell, str):
        raise BadValue("bad_date", f"{name} {cell!r} is no date: write it as DD.MM.YYYY.")
    return columns.date_of(cell, name, _DAY)


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return the period and the first settlement; the name of a large foreign workbook."""
    try:
        rows = iter(_beginning(head, options))
        begins, ends, organisation, headings, _number = _opening(rows)
        at = columns.positions_of(headings, COLUMNS, others_allowed=True)
        for _number, cells in rows:
            unit, settlement = (cells[at[word]] for word in ("Vippsnummer", "Oppgjørs-ID"))
            if unit != "" and settlement != "":
                return f"{begins}..{ends} {_plain(unit)}-{_plain(settlement)}"
    except (BadValue, Unreadable, IndexError, StopIteration):
        return Path(name).stem
    return f"{begins}..{ends} {organisation}".rstrip()


def _plain(cell: Cell) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _beginning(head: bytes, options: dict[str, Any]) -> _Rows:
    """Yield as many rows as the first bytes of a file hold."""
    if head[:2] != b"PK":
        whole = head.rpartition(b"\n")[0]
        lines = columns.first_lines(whole)
        if any("\ufffd" in line for line in lines):
            lines = columns.first_lines(whole, "cp1252")
        yield from _split(enumerate(lines, 1))
        return
    try:
        yield from enumerate(workbook.rows(io.BytesIO(head), options), 1)
        return
    except Unreadable:
        pass  # More of it follows; so only what is written inside the sheet can be seen.
    expected = 1
    for found in _ROW.finditer(_sheet_begins(head)):
        number = int(found[1])
        for empty in range(expected, min(number, _LONGEST_PREAMBLE)):
            yield empty, [""]
        cells: list[Cell] = [""] * 26
        for letter, text in _CELL.findall(found[2]):
            cells[ord(letter) - 65] = unescape(text)
        yield number, cells
        expected = number + 1


def _sheet_begins(head: bytes) -> str:
    """Return as much of the first sheet's XML as the first bytes of a package hold."""
    named = head.find(_SHEET)
    start = named - 30
    if start < 0 or head[start : start + 4] != b"PK\3\4":
        return ""
    extra = int.from_bytes(head[start + 28 : start + 30], "little")
    packed = head[named + len(_SHEET) + extra :]
    try:
        return (
            zlib.decompressobj(-zlib.MAX_WBITS)
            .decompress(packed, 64 * 1024)
            .decode("utf-8", "replace")
        )
    except zlib.error:
        return ""


# -- reading -------------------------------------------------------------------------------


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file. A sheet is held in memory while it is read."""
    rows = _rows(path, options)
    try:
        begins, ends, _organisation, headings, number = _opening(rows)
        found = columns.positions_of(headings, COLUMNS, others_allowed=True)
    except BadValue as error:
        raise refuse(error.code, 0, str(error)) from None
    with path.open("rb") as file:
        identity = identify(path.name, file.read(64 * 1024), options)
    statement = Statement(
        identity=identity, period_from=begins, period_to=ends, lines=iter(()), records=number,
        others=number,
    )  # fmt: skip
    statement.lines = _Reader(statement, options, found, headings, number).lines(rows)
    return statement


class _Reader:
    def __init__(
        self, statement: Statement, options: dict[str, Any], found: dict[str, int],
        headings: list[str], number: int,
    ) -> None:  # fmt: skip
        self.statement = statement
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "vipps"
        self.currency = str(options.get("currency") or "NOK")
        self.found, self.headings, self.number = found, headings, number
        self.order = [found[name] for name in _DATA]
        try:
            self.points = Money(short=True)[self.currency]
        except BadValue as error:
            raise refuse(error.code, 0, f"The option currency: {error}") from None
        self.commas = Money(mark=",", short=True)[self.currency]
        # The settlement of the last row, and the day that the rows of each name.
        self.last: tuple[str, str] = ("", "")
        self.days: dict[int, date] = {}
        self.warned: set[str] = set()
        self.turned = self.turned_at = 0

    def lines(self, rows: _Rows) -> Iterator[Line]:
        yield from self.reading.each(rows, self.take)
        if self.turned:
            self.statement.warn(
                "bad_amount", self.turned_at,
                f"{self.turned} refunds are written without their sign; they were turned.",
            )  # fmt: skip
        self.reading.prove_undeclared(self.number, f"The row {TOTAL!r}")

    def take(self, number: int, row: list[Cell]) -> Line | None:
        self.number = number
        word = row[0] if row else ""
        if word == _DATA[0] or not any(cell != "" for cell in row):
            return None
        if isinstance(word, str) and word.startswith(_TOTALS):
            self._total(number, word, row + [""] * (len(self.headings) - len(row)))
            return None
        if len(row) < len(self.headings) or any(cell != "" for cell in row[len(self.headings) :]):
            columns.checked_cells([""] * len(row), len(self.headings))
        (sold_on, unit, ref, order, gross, fee, net, kind, settlement, paid_on,
         _sum) = [row[position] for position in self.order]  # fmt: skip
        return self._line(
            number, _day(sold_on, "Salgsdato"), self._id(unit, "Vippsnummer", number),
            self._id(ref, "Transaksjons-ID", number),
            "" if order == "" else self._text(order, "Ordre-ID", number),
            (self._amount(gross), self._amount(fee), self._amount(net)),
            self._text(kind, "Transaksjonstype", number),
            self._id(settlement, "Oppgjørs-ID", number), _day(paid_on, "Oppgjørsdato"),
        )  # fmt: skip

    def _line(
        self, number: int, sold_on: date, unit: str, ref: str, order: str,
        amounts: tuple[int, int, int], word: str, settlement: str, paid_on: date,
    ) -> Line:  # fmt: skip
        gross, charged, net = amounts
        if gross + charged != net:
            raise BadValue(
                "bad_amount", f"{ref}: Netto {net} is not Brutto {gross} and Gebyr {charged} "
                "(minor units).",
            )  # fmt: skip
        kind = KINDS.get(word, NOT_A_PAYMENT)
        if kind == REFUND and gross > 0 and not charged:
            gross = net = -gross
            self.turned += 1
            self.turned_at = self.turned_at or number
        if word not in KINDS and word not in self.warned:
            self.warned.add(word)
            self.statement.warn(
                "unknown_type", number,
                f"Transaksjonstype {word[:40]!r} is unknown: its rows are counted as no payments.",
            )  # fmt: skip
        key = self.last = unit, settlement
        index = self.reading.known.get(key)
        if index is None:
            index = self.reading.batch(key, f"{unit}-{settlement}", self.wallet, self.currency)
            self.days[index] = paid_on
        if self.statement.batches[index].declared_net_minor is not None:
            raise BadValue("bad_value", f"{ref}: a row after the total row of its settlement.")
        if self.days[index] != paid_on:
            raise BadValue(
                "bad_date", f"{ref}: settled on {paid_on}, in a settlement of {self.days[index]}."
            )
        if sold_on < self.statement.period_from:
            self.statement.period_from = sold_on
        if sold_on > self.statement.period_to:
            self.statement.period_to = sold_on
        both = gross, str(gross)
        return self.reading.line(
            number, index, self.wallet, kind, ref, unit, self.currency, both, self.currency, both,
            (-charged, str(-charged)), (net, str(net)), "", order, "", "",
        )  # fmt: skip

    def _total(self, number: int, word: str, row: list[Cell]) -> None:
        """Take down and prove the total row of a settlement."""
        if word != TOTAL:
            raise BadValue("unknown_type", f"Nobody told us of a row {word[:40]!r}.")
        at = self.found
        settlement = self._id(row[at["Oppgjørs-ID"]], "Oppgjørs-ID", number)
        unit = row[at["Vippsnummer"]]
        key = (self._id(unit, "Vippsnummer", number), settlement) if unit != "" else self.last
        if key not in self.reading.known or key[1] != settlement:
            raise BadValue(
                "bad_value", f"The total of settlement {settlement} stands under no row of it."
            )
        index = self.reading.known[key]
        paid_on = _day(row[at["Oppgjørsdato"]], "Oppgjørsdato")
        if paid_on != self.days[index]:
            self.statement.warn(
                "bad_date", number,
                f"The total of {'-'.join(key)} is of {paid_on}, its rows are of "
                f"{self.days[index]}.",
            )  # fmt: skip
        account = row[at["Oppgjørskonto"]] if "Oppgjørskonto" in at else ""
        if not isinstance(account, str):
            self._tell("Oppgjørskonto", number)
        self.reading.total(
            number, key=key, ref="-".join(key), wallet=self.wallet, currency=self.currency,
            value_date=paid_on, net=self._amount(row[at["Oppgjørssum"]]),
        )  # fmt: skip

    # -- cells

    def _amount(self, cell: Cell) -> int:
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return self.points[repr(cell)][0]
        if not isinstance(cell, str):
            raise BadValue("bad_amount", f"{cell!r} is no amount.")
        return (self.commas if "," in cell else self.points)[cell][0]

    def _id(self, cell: Cell, name: str, number: int) -> str:
        return columns.id_of(self._text(cell, name, number), name)

    def _text(self, cell: Cell, name: str, number: int) -> str:
        if isinstance(cell, str):
            return columns.text_of(cell, name) if cell.strip() == cell else _outer(cell, name)
        whole = isinstance(cell, int | float) and not isinstance(cell, bool) and (
            abs(cell) < 10**15 and cell == int(cell)
        )  # fmt: skip
        if not whole:
            raise BadValue("bad_value", f"{name} {cell!r} is neither a text nor a whole number.")
        self._tell(name, number)
        return str(int(cell))  # type: ignore[arg-type]

    def _tell(self, name: str, number: int) -> None:
        """Warn once of a column whose ids stand in number cells."""
        if name not in self.warned:
            self.warned.add(name)
            self.statement.warn(
                "bad_value", number,
                f"{name} stands in a number cell: leading zeros, if it had any, are lost.",
            )  # fmt: skip


def _outer(cell: str, name: str) -> str:
    if name == "Ordre-ID":
        return columns.text_of(cell, name)
    raise BadValue("bad_value", f"{name} {cell[:80]!r} has spaces around it.")


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return the reference of one unit's settlement: numbers start at 2000001 per unit."""
    return f"{store}-{2_000_000 + number}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a workbook, the same bytes for the same sheet; return each sheet line's row.

    A batch is called ``<Vippsnummer>-<settlement>``; its lines are put together. Salgsdato is the
    local day of a line, or the last day of the period.
    """
    zone = columns.zone_of(options, "Europe/Oslo")
    currency = str(options.get("currency") or "NOK")
    rows: list[list[str]] = [
        [TITLE], ["Bedriften", "", "Alliance"], [NUMBER, "", "999999999"],
        [FROM, "", sheet.period_from.strftime(_DAY)], [TO, "", sheet.period_to.strftime(_DAY)],
        [], [], list(_WRITTEN),
    ]  # fmt: skip
    numbers = [0] * len(sheet.lines)
    misstate = sheet.misstate_minor
    order = sorted(range(len(sheet.lines)), key=lambda position: sheet.lines[position].batch)
    for index, positions in groupby(order, lambda position: sheet.lines[position].batch):
        batch = sheet.batches[index]
        unit, _dash, settlement = batch.ref.rpartition("-")
        paid_on = (batch.value_date or sheet.made_on).strftime(_DAY)
        net = 0
        for position in positions:
            line = sheet.lines[position]
            if columns.one_currency(line) != currency or line.store != unit:
                raise CannotWrite(f"{line.ref}: a block has one sale unit, and only {currency}.")
            if line.kind not in _WORDS:
                raise CannotWrite(f"{line.ref}: the table has only sales and refunds.")
            instant = columns.in_zone(line, zone)
            fee = int(line.fee)
            net += int(line.net)
            sums = [from_minor(minor, currency) for minor in (int(line.gross), -fee, int(line.net))]
            rows.append([
                (instant.date() if instant else sheet.period_to).strftime(_DAY),
                f"Sale unit {unit}", unit, "Vipps Bedrift", line.ref, line.merchant_ref, *sums,
                _WORDS[line.kind], settlement, paid_on,
            ])  # fmt: skip
            numbers[position] = len(rows)
        total = from_minor(net + misstate, currency)
        misstate = 0
        rows += [[TOTAL, *[""] * 9, settlement, paid_on, total, "05030000001"], []]
    if len(rows) > workbook.MOST_ROWS:
        raise CannotWrite(f"A sheet holds {workbook.MOST_ROWS} rows, not {len(rows)}.")
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        book.set_properties(
            {"created": datetime(sheet.made_on.year, sheet.made_on.month, sheet.made_on.day)}  # noqa: DTZ001
        )
        page = book.add_worksheet("Rapport")
        for number, row in enumerate(rows):
            for position, text in enumerate(row):
                if _ESCAPED.search(text) or not text.isprintable():
                    raise CannotWrite(f"{text!r} cannot stand in a workbook as it is.")
                if text:
                    page.write_string(number, position, text)
    return numbers
