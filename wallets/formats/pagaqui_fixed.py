"""Pagaqui settlement file of fixed width.

Source: Pagaqui publishes no settlement layout. This one is ours, in the manner of the
fixed-width files that Portuguese shops know from SIBS: a header, details, trailers. Latin-1,
every record :data:`WIDTH` characters, texts left-justified and padded with spaces, numbers
right-justified and padded with zeros, amounts a sign and 14 digits in minor units, dates
YYYYMMDD. The records and their fields are declared in :data:`RECORDS`.

0 header with number and period; 1 detail; 8 trailer, one a currency, with count and sums; 9
end, with the number of records. Every 8 is one batch. V sale +, D refund (devolução) -, O
another movement as the money moves; a fee is + when charged; net = gross - fee. Times are
local to the wallet; the hour that comes twice in autumn is read as its first. A cut file
always shows.

It cannot carry: a conversion, another wallet's payments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from wallets.formats import blocks, columns
from wallets.formats.columns import BadValue, CannotWrite, Column, Reading, TextFile, Times
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
ENCODING = "iso-8859-1"
ROOM = Room(encoding=ENCODING)
KINDS = {"V": SALE, "D": REFUND, "O": NOT_A_PAYMENT}
_LETTERS = columns.letters_of(KINDS)
_NAME = "PAGAQUI"
_DAY = "%Y%m%d"

RECORDS = {
    "0": (
        Column("sender", width=8), Column("version", width=2), Column("number", width=8),
        Column("period_from", width=8), Column("period_to", width=8), Column("made_on", width=8),
    ),
    "1": (
        Column("kind", width=1), Column("ref", width=64), Column("store", width=64),
        Column("date", width=8), Column("time", width=6), Column("currency", width=3),
        Column("gross", width=15), Column("fee", width=15), Column("net", width=15),
        Column("merchant_ref", width=140), Column("original_ref", width=64),
    ),
    "8": (
        Column("ref", width=64), Column("currency", width=3), Column("value_date", width=8),
        Column("count", width=9),
        Column("gross", width=15), Column("fee", width=15), Column("net", width=15),
    ),
    "9": (Column("records", width=9),),
}  # fmt: skip
"""The fields of every record after its first character, in order."""

WIDTH = 1 + max(sum(field.width for field in fields) for fields in RECORDS.values())


_PLAIN = tuple(
    replace(cell, width=declared.width)
    for declared, cell in zip(
        RECORDS["1"],
        (
            blocks.kind(KINDS), blocks.ident("ref"), blocks.ident("store"), blocks.day(),
            blocks.hour(colons=False), blocks.currency(), blocks.amount("gross"),
            blocks.amount("fee"), blocks.amount("net"), blocks.text("merchant_ref"),
            blocks.ident("original_ref", needed=False),
        ),
        strict=True,
    )
)  # fmt: skip
"""The fields of a detail as most have them, for reading many at once; they fill the record."""


def _slices(fields: tuple[Column, ...]) -> list[slice]:
    found, start = [], 1
    for field in fields:
        found.append(slice(start, start + field.width))
        start += field.width
    return found


_SLICES = {letter: _slices(fields) for letter, fields in RECORDS.items()}
_AFTER = {"1": "01", "8": "018", "9": "08"}
_AMOUNT = re.compile(r"[+-][0-9]{14}", re.ASCII)


def _fields(text: str) -> list[str]:
    """Return the fields of a record, without padding; the record must be whole."""
    if len(text) != WIDTH:
        raise BadValue(
            "bad_columns", f"The record has {len(text)} characters and should have {WIDTH}."
        )
    slices = _SLICES[text[0]]
    if text[slices[-1].stop :].strip(" "):
        raise BadValue("bad_columns", "There is text where the record should be blank.")
    return [text[part].rstrip(" ") for part in slices]


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return period and number of the settlement."""
    text = columns.first_lines(head, ENCODING)[0]
    try:
        sender, _version, number, begins, ends, _made_on = _fields(text)
    except (BadValue, KeyError, ValueError):
        return Path(name).stem
    return f"{begins}..{ends} {number}" if sender == _NAME else Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream."""
    records = blocks.Records(path, options, encodings=(ENCODING,))
    _number, text = next(records)
    try:
        if not text.startswith(f"0{_NAME} "):
            raise BadValue("not_this_layout", f"The file must open with 0{_NAME}.")
        _sender, version, number, begins, ends, made_on = _fields(text)
        if version != "01":
            raise BadValue("not_this_layout", f"Version {version!r} is unknown; send 01.")
        columns.count_of(number, "number")
        period_from, period_to = columns.period_of(begins, ends, _DAY)
        columns.date_of(made_on, "made_on", _DAY)
    except BadValue as error:
        raise refuse(error.code, 1, str(error)) from None
    statement = Statement(
        identity=identify(path.name, text.encode(ENCODING), options),
        period_from=period_from, period_to=period_to, lines=iter(()), records=1, others=1,
    )  # fmt: skip
    statement.lines = chain.from_iterable(_Reader(statement, options).parts(records))
    return statement


def _minor(text: str, name: str, currency: str) -> tuple[int, str]:
    if _AMOUNT.fullmatch(text) is None:
        raise BadValue(
            "bad_amount", f"{name} {text!r} is no amount: a sign and 14 digits in minor units."
        )
    minor = int(text)
    if abs(minor) > columns.LARGEST_MINOR:
        raise BadValue("bad_amount", f"{name} {text!r} is larger than any amount taken here.")
    return minor, str(minor)


class _Reader:
    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "pagaqui"
        self.zone = columns.zone_of(options, "Europe/Lisbon")
        self.times = Times("date and time", self.zone, _iso)
        self.last, self.number = "0", 1

    def parts(self, records: blocks.Records) -> Iterable[Iterable[Line]]:
        plan = blocks.FixedPlan(
            self.reading, _PLAIN, blocks.Writing("\x1f", end="\x1f", minor=True, day=_DAY),
            BATCH_BY, {"wallet": self.wallet}, self.zone,
            ready=lambda: self.last == "1", passed=self.passed, letter="1",
        )  # fmt: skip
        yield from blocks.parts(records, plan, self.reading.each, self.take)
        if self.last != "9":
            raise refuse(
                "truncated", self.number,
                "Record 9 is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip
        self.reading.prove_undeclared(self.number, "Record 8")

    def passed(self, number: int, lines: int) -> None:
        self.number = number

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        letter = text[:1]
        if self.last not in _AFTER.get(letter, ""):
            if not text and self.last == "9":
                return None
            raise BadValue("unknown_type", f"A record {letter!r} cannot follow {self.last}.")
        self.last = letter
        fields = _fields(text)
        if letter == "1":
            return self.detail(number, fields)
        if letter == "8":
            self.total(number, fields)
        elif columns.count_of(fields[0], "records") != number:
            self.reading.error(
                "count_differs", number,
                f"Record 9 declares {int(fields[0])} records, the file has {number}. "
                "Ask the partner for a corrected file.",
            )  # fmt: skip
        return None

    def detail(self, number: int, fields: list[str]) -> Line:
        kind, ref, store, day, time, currency, gross, fee, net, order, original = fields
        columns.minor_of("0", currency, short=True)
        paid = _minor(gross, "gross", currency)
        return self.reading.line(
            number, self.reading.batch((currency,), "", self.wallet, currency), self.wallet,
            columns.kind_of(kind, KINDS), columns.id_of(ref, "ref"),
            columns.id_of(store, "store"), currency, paid, currency, paid,
            _minor(fee, "fee", currency), _minor(net, "net", currency), "",
            columns.text_of(order, "merchant_ref"), self.times[day + time],
            columns.id_of(original, "original_ref") if original else "",
        )  # fmt: skip

    def total(self, number: int, fields: list[str]) -> None:
        ref, currency, value_date, count, gross, fee, net = fields
        columns.minor_of("0", currency, short=True)
        self.reading.total(
            number, key=(currency,), ref=columns.id_of(ref, "ref"), wallet=self.wallet,
            currency=currency,
            value_date=columns.date_of(value_date, "value_date", _DAY) if value_date else None,
            count=columns.count_of(count, "count"),
            gross=_minor(gross, "gross", currency)[0], fee=_minor(fee, "fee", currency)[0],
            net=_minor(net, "net", currency)[0],
        )  # fmt: skip


def _iso(text: str) -> str:
    day = columns.date_of(text[:8], "date", _DAY).isoformat()
    return f"{day}T{text[8:10]}:{text[10:12]}:{text[12:]}"


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"PQ{number:08d}{currency}"


def _record(letter: str, *values: str | int | None) -> str:
    """Return a record: texts padded with spaces, counts with zeros, a date or None as is."""
    parts = [letter]
    for field, value in zip(RECORDS[letter], values, strict=True):
        text = f"{value:0{field.width}d}" if isinstance(value, int) else (value or "")
        if len(text) > field.width or not text.isprintable():
            raise CannotWrite(f"{text!r} does not fit {field.name}, {field.width} characters.")
        parts.append(text.ljust(field.width))
    return "".join(parts).ljust(WIDTH)


def _signed(minor: str | int) -> str:
    return f"{int(minor):+015d}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file; return the line number of each sheet line."""
    zone = columns.zone_of(options, "Europe/Lisbon")
    days = [day.strftime(_DAY) for day in (sheet.period_from, sheet.period_to, sheet.made_on)]
    with TextFile(path, ENCODING) as file:
        file.put(_record("0", _NAME, "01", sheet.number, *days))
        numbers = []
        for line in sheet.lines:
            instant = columns.in_zone(line, zone)
            numbers.append(file.put(_record(
                "1", _LETTERS[line.kind], line.ref, line.store,
                instant.strftime(_DAY) if instant else "",
                instant.strftime("%H%M%S") if instant else "", columns.one_currency(line),
                _signed(line.gross), _signed(line.fee), _signed(line.net),
                line.merchant_ref, line.original_ref,
            )))  # fmt: skip
        for batch, tally in zip(sheet.batches, columns.tallies_of(sheet), strict=True):
            file.put(_record(
                "8", batch.ref, batch.currency,
                batch.value_date.strftime(_DAY) if batch.value_date else "", tally.count,
                _signed(tally.gross), _signed(tally.fee), _signed(tally.net),
            ))  # fmt: skip
        file.put(_record("9", file.number + 1))
    return numbers
