"""ePassi settlement workbook.

Source: ePassi lets a merchant export statistics as XLSX and publishes no columns. These are
ours, in the manner of the workbooks that acquirers export: a preamble that names the period,
headings, rows, and a Total row for every wallet and currency. ePassi is a hub, so the paying
wallet has a column. The first sheet holds, from A1 on::

    ePassi settlement
    Settlement number | 7
    Period from       | 2026-10-08
    Period to         | 2026-10-15
    Made on           | 2026-10-16
    Type | Transaction ID | Site ID | Wallet | Time | Currency | Amount | Fee | Net | ...
    Sale | ...
    Total | <reference> | <count> | <wallet> | <value date> | EUR | <gross> | <fee> | <net>
    End   | <rows of the sheet>

Every cell is text. An amount in a number cell is taken only where the shortest text of that
number has no more decimals than the currency; it never becomes an amount by arithmetic. A
number cell where an id should be is refused: its leading zeros or last digits may be lost.
Signs: sale +, refund -, Other as the money moves; a fee is + when charged; net = amount - fee.
Times are local to the wallet; the hour that comes twice in autumn is read as its first. A
line's number is its row. Every Total row is one batch.

It cannot carry: a conversion, more than 1,048,576 rows. A cut workbook never opens.
"""

from __future__ import annotations

import errno
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook

from portal.core.money import from_minor
from wallets.formats import columns
from wallets.formats.columns import BadValue, CannotWrite, Column, Money, Reading, Times
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE, Line, Sheet, Statement, refuse

BATCH_BY = ("wallet", "currency")
KINDS = {"Sale": SALE, "Refund": REFUND, "Other": NOT_A_PAYMENT}
_WORDS = columns.letters_of(KINDS)
COLUMNS = tuple(
    Column(name)
    for name in ("Type", "Transaction ID", "Site ID", "Wallet", "Time", "Currency", "Amount",
                 "Fee", "Net", "Reference", "Original ID")
)  # fmt: skip
PREAMBLE = ("Settlement number", "Period from", "Period to", "Made on")
TITLE = "ePassi settlement"
MOST_ROWS = 1_048_576
MOST_UNPACKED = 1024**3
_MOST_PARTS = 64
# A directory of parts that was cut sends the reader to a place before the first byte: EINVAL.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
_PIECE = 1 << 20
_OTHER_BOOKS = {"xl/workbook.bin", "content.xml"}
_PACKED_BY = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_WRITTEN_AS = re.compile(r"_x[0-9A-Fa-f]{4}_")

_STRAY_CELL = re.compile(
    rb"<(?:\w++:)?c(?=[\s/>])(?:\s+(?!r\s*=)[\w:.\-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*+"
    rb"(?!\s+r\s*=\s*[\"'][A-P](?:[0-9]{1,6}|10[0-4][0-9]{4})[\"'])"
)
"""A cell beyond column P or the last row, or one that does not say where it stands."""
# As most writers put it; only what is not like this is looked at closely.
_UNUSUAL_CELL = re.compile(rb"<c(?! r=\"[A-P][0-9]{1,6}\")[\s/>]")
_STRING_ENDS = re.compile(rb"</(?:\w+:)?si\s*>")

_INLINE = re.compile(r"<t(?: [^>]*)?>([^<]*)</t>")
_SHEET = b"xl/worksheets/sheet1.xml"

_Cell = str | float | int | bool | date | datetime


# -- opening -------------------------------------------------------------------------------


def _check_package(path: Path, options: dict[str, Any]) -> None:
    """Refuse what is no whole workbook, or would unpack to more than a feed may."""
    columns.check_size(path, options)
    with path.open("rb") as file:
        if file.read(2) != b"PK"[: min(2, path.stat().st_size)]:
            raise refuse("not_this_layout", 0, "This is no XLSX workbook.")
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            unpacked = sum(part.file_size for part in parts)
            cap = int(options.get("max_unpacked_bytes", MOST_UNPACKED))
            if unpacked > cap or len(parts) > _MOST_PARTS:
                raise refuse(
                    "too_large", 0,
                    f"The workbook unpacks to {unpacked} bytes in {len(parts)} parts; this feed "
                    f"takes {cap} in {_MOST_PARTS}. Ask the partner to split it.",
                )  # fmt: skip
            names = {part.filename for part in parts}
            if any(part.compress_type not in _PACKED_BY for part in parts):
                raise refuse("not_this_layout", 0, "The workbook is packed as no XLSX ever is.")
            damaged = package.testzip()
            if not damaged:
                _check_extent(package, cap)
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        damaged, names = "the package", {"xl/workbook.xml"}
    if damaged:
        raise refuse(
            "truncated", 0, f"The workbook is damaged at {damaged}. Ask for it to be sent again."
        )
    if "xl/workbook.xml" not in names or names & _OTHER_BOOKS:
        raise refuse("not_this_layout", 0, "This is a ZIP file, but no XLSX workbook.")


def _check_extent(package: zipfile.ZipFile, cap: int) -> None:
    """Refuse a workbook that unpacks to little and would still fill the memory when read.

    Cells are laid out as a full table, so that one in the last row and column makes 17
    thousand million of them; and a shared string is copied for every cell that names it.
    """
    longest = named = 0
    for part in package.infolist():
        with package.open(part) as file:
            rest, string = file.read(_PIECE), 0
            if not rest.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
                continue
            while rest:
                piece = file.read(_PIECE)
                # A tag that would be cut waits for the next piece.
                cut = rest.rfind(b"<") if piece else len(rest)
                if cut < 0 or len(rest) - cut > _PIECE:
                    raise refuse("too_large", 0, f"{part.filename} holds an endless text or tag.")
                text, rest = rest[:cut], rest[cut:] + piece
                usual = b":c" not in text and not _UNUSUAL_CELL.search(text)
                if not usual and (stray := _STRAY_CELL.search(text)):
                    shown = text[stray.start() : stray.start() + 60].decode("ascii", "replace")
                    raise refuse(
                        "too_large", 0,
                        f"A cell stands outside the columns A to P or says no place: {shown!r}.",
                    )  # fmt: skip
                named += text.count(b'"s"') + text.count(b"'s'")
                before = -string
                for ends in _STRING_ENDS.finditer(text) if b"si" in text else ():
                    longest, before = max(longest, ends.end() - before), ends.end()
                string = len(text) - before
    if longest * named > 2 * cap:
        raise refuse(
            "too_large", 0,
            f"{named} cells share strings of up to {longest} bytes; this feed takes {cap} bytes.",
        )  # fmt: skip


def _rows(source: Any) -> list[list[_Cell]]:
    """Return the rows of the first sheet from A1 on."""
    try:
        sheet = CalamineWorkbook.from_filelike(source).get_sheet_by_index(0)
        return sheet.to_python(skip_empty_area=False, nrows=MOST_ROWS)
    except (CalamineError, OSError, ValueError) as error:
        raise refuse("not_this_layout", 0, f"The workbook cannot be read: {error}") from None


def _text(cell: _Cell) -> str:
    """Return a cell that must be text, a date or empty."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, date):
        return cell.isoformat()
    raise BadValue(
        "bad_value", f"The cell {cell!r} is a number; ids, dates and words must be text cells."
    )


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return period and number, from the beginning of the first sheet."""
    texts = [unescape(text) for text in _INLINE.findall(_sheet_begins(head))]
    said = dict(zip(texts[1::2], texts[2::2], strict=False))
    if texts[:1] != [TITLE] or any(word not in said for word in PREAMBLE):
        return Path(name).stem
    return f"{said['Period from']}..{said['Period to']} {said['Settlement number']}"


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


def _preamble(rows: list[list[_Cell]]) -> tuple[str, date, date]:
    """Return number and period of a workbook, or raise BadValue."""
    said = {}
    if not rows or not rows[0] or rows[0][0] != TITLE:
        raise BadValue("not_this_layout", f"A1 must hold {TITLE!r}. Is this another workbook?")
    for row, name in zip(rows[1:], PREAMBLE, strict=False):
        if row[0] != name:
            raise BadValue("bad_columns", f"{name} is absent from the preamble.")
        said[name] = _text(row[1]) if len(row) > 1 else ""
    if len(said) != len(PREAMBLE):
        raise BadValue("bad_columns", f"The preamble must hold {', '.join(PREAMBLE)}.")
    columns.count_of(said["Settlement number"], "Settlement number")
    columns.date_of(said["Made on"], "Made on")
    begins, ends = columns.period_of(said["Period from"], said["Period to"])
    return said["Settlement number"], begins, ends


# -- reading -------------------------------------------------------------------------------


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a workbook. The sheet is held in memory while it is read."""
    _check_package(path, options)
    with path.open("rb") as file:
        rows = _rows(file)
    opening = 1 + len(PREAMBLE)
    try:
        number, begins, ends = _preamble(rows)
        if len(rows) == opening:
            raise BadValue("bad_columns", "There are no headings under the preamble.")
        headings = [_text(cell) for cell in rows[opening]]
        while headings and not headings[-1]:
            headings.pop()
        found = columns.positions_of(headings, COLUMNS)
    except BadValue as error:
        raise refuse(error.code, 0, str(error)) from None
    statement = Statement(
        identity=f"{begins}..{ends} {number}", period_from=begins, period_to=ends,
        lines=iter(()), records=opening + 1, others=opening + 1,
    )  # fmt: skip
    statement.lines = _Reader(statement, options, found).lines(rows, opening + 1)
    return statement


class _Reader:
    def __init__(
        self, statement: Statement, options: dict[str, Any], found: dict[str, int]
    ) -> None:
        self.reading = Reading(statement)
        self.money = Money()
        # Number cells have lost their last zeros, not their decimals.
        self.numbers = Money(short=True)
        self.times = Times("Time", columns.zone_of(options, "Europe/Helsinki"))
        self.order = [found[column.name] for column in COLUMNS]
        self.number, self.closed, self.ended = 0, False, False

    def lines(self, rows: list[list[_Cell]], start: int) -> Iterator[Line]:
        yield from self.reading.each(enumerate(rows[start:], start + 1), self.take)
        if not self.ended:
            raise refuse(
                "truncated", self.number,
                "The End row is absent: rows were lost. Ask the partner to send it again.",
            )  # fmt: skip
        self.reading.prove_undeclared(self.number, "The Total row")

    def take(self, number: int, row: list[_Cell]) -> Line | None:
        self.number = number
        cells = [row[position] for position in self.order]
        word, ref, store, wallet, time, currency = (_text(cell) for cell in cells[:6])
        if self.ended:
            if any(cell != "" for cell in row):
                raise BadValue("bad_value", "There is a row after End, which closes the sheet.")
            return None
        if word == "End":
            self.ended = True
            if columns.count_of(ref, "End") != number:
                self.reading.error(
                    "count_differs", number,
                    f"End declares {ref} rows, it stands in row {number}. "
                    "Ask the partner for a corrected workbook.",
                )  # fmt: skip
            return None
        columns.id_of(wallet, "Wallet")
        gross, fee, net = (self._amount(cell, currency) for cell in cells[6:9])
        if word == "Total":
            self.closed = True
            self.reading.total(
                number, key=(wallet, currency), ref=columns.id_of(ref, "Total's reference"),
                wallet=wallet, currency=currency,
                value_date=columns.date_of(time, "Value date") if time else None,
                count=columns.count_of(store, "Count"), gross=gross[0], fee=fee[0], net=net[0],
            )  # fmt: skip
            return None
        if self.closed:
            raise BadValue("bad_value", "There is a row after the Total rows.")
        reference, original = _text(cells[9]), _text(cells[10])
        return self.reading.line(
            number, self.reading.batch((wallet, currency), "", wallet, currency), wallet,
            columns.kind_of(word, KINDS), columns.id_of(ref, "Transaction ID"),
            columns.id_of(store, "Site ID"), currency, gross, currency, gross, fee, net, "",
            columns.text_of(reference, "Reference"), self.times[time],
            columns.id_of(original, "Original ID") if original else "",
        )  # fmt: skip

    def _amount(self, cell: _Cell, currency: str) -> tuple[int, str]:
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return self.numbers[currency][repr(cell)]
        return self.money[currency][_text(cell)]


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"EPASSI-{number}-{wallet}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a workbook, the same bytes for the same sheet; return each sheet line's row."""
    zone = columns.zone_of(options, "Europe/Helsinki")
    rows: list[list[str]] = [[TITLE]]
    stated = (sheet.number, sheet.period_from, sheet.period_to, sheet.made_on)
    rows += [[name, str(value)] for name, value in zip(PREAMBLE, stated, strict=True)]
    rows.append([column.name for column in COLUMNS])
    numbers = []
    for line in sheet.lines:
        currency = columns.one_currency(line)
        instant = columns.in_zone(line, zone)
        rows.append([
            _WORDS[line.kind], line.ref, line.store, line.wallet,
            instant.strftime("%Y-%m-%d %H:%M:%S") if instant else "", currency,
            *(from_minor(int(minor), currency) for minor in (line.gross, line.fee, line.net)),
            line.merchant_ref, line.original_ref,
        ])  # fmt: skip
        numbers.append(len(rows))
    for batch, tally in zip(sheet.batches, columns.tallies_of(sheet), strict=True):
        sums = (tally.gross, tally.fee, tally.net)
        rows.append([
            "Total", batch.ref, str(tally.count), batch.wallet, str(batch.value_date or ""),
            batch.currency, *(from_minor(minor, batch.currency) for minor in sums),
        ])  # fmt: skip
    rows.append(["End", str(len(rows) + 1)])
    if len(rows) > MOST_ROWS:
        raise CannotWrite(f"A sheet holds {MOST_ROWS} rows, this one would have {len(rows)}.")
    _write_rows(path, rows, sheet.made_on)
    return numbers


def _write_rows(path: Path, rows: list[list[str]], made_on: date) -> None:
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        book.set_properties({"created": datetime(made_on.year, made_on.month, made_on.day)})  # noqa: DTZ001
        page = book.add_worksheet("Settlement")
        for number, row in enumerate(rows):
            for position, text in enumerate(row):
                if _WRITTEN_AS.search(text) or not text.isprintable():
                    raise CannotWrite(f"{text!r} cannot stand in a workbook as it is.")
                if text:
                    page.write_string(number, position, text)
