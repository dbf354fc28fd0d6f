"""MOMO Pocket settlement CSV.

Source: MOMO Pocket publishes no settlement layout. This one is ours, in the manner of the
CSV that Spanish banks export beside Norma 43: Latin-1, semicolon, dd/mm/yyyy, decimal comma,
headings in Spanish, and a closing TOTAL as record 33 of N43 closes an account::

    MOMO POCKET;LIQUIDACIÓN;<number>;<from>;<to>;<made on>
    Referencia;Tipo;Comercio;Fecha;Hora;Divisa;Importe;Comisión;Neto;Pedido;Original
    4711;VENTA;100001;14/10/2026;12:30:00;EUR;12,50;0,45;12,05;mesa 7;
    TOTAL;<reference>;<value date>;EUR;1;12,50;0,45;12,05

Signs: VENTA +, DEVOLUCIÓN -, OTRO as the money moves; Comisión is + when charged; Neto =
Importe - Comisión. Exactly the decimals of the currency. One TOTAL, and so one batch, a
currency; at least one closes every file, so a cut file shows. Times are local to the wallet;
the hour that comes twice in autumn is read as its first.

It cannot carry: a conversion, another wallet's payments, a quote or a semicolon in a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from portal.core.money import from_minor
from wallets.formats import blocks, columns
from wallets.formats.columns import BadValue, Column, Money, Reading, TextFile, Times
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
ROOM = Room(unwritable=';"', encoding=ENCODING)
KINDS = {"VENTA": SALE, "DEVOLUCIÓN": REFUND, "OTRO": NOT_A_PAYMENT}
COLUMNS = tuple(
    Column(name)
    for name in ("Referencia", "Tipo", "Comercio", "Fecha", "Hora", "Divisa", "Importe",
                 "Comisión", "Neto", "Pedido", "Original")
)  # fmt: skip
_PLAIN = {
    "Referencia": blocks.ident("ref"), "Tipo": blocks.kind(KINDS),
    "Comercio": blocks.ident("store"), "Fecha": blocks.day(), "Hora": blocks.hour(),
    "Divisa": blocks.currency(), "Importe": blocks.amount("gross"),
    "Comisión": blocks.amount("fee"), "Neto": blocks.amount("net"),
    "Pedido": blocks.text("merchant_ref"), "Original": blocks.ident("original_ref", needed=False),
}  # fmt: skip
"""The cells of a row as most have them, for reading many at once."""
_OPENING = ("MOMO POCKET", "LIQUIDACIÓN")
_DAY = "%d/%m/%Y"
_WORDS = columns.letters_of(KINDS)


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return period and number of the settlement."""
    cells = columns.first_lines(head, ENCODING)[0].split(";")
    if tuple(cells[:2]) != _OPENING or len(cells) != 6:
        return Path(name).stem
    return f"{cells[3]}..{cells[4]} {cells[2]}"


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream."""
    records = blocks.Records(path, options, encodings=(ENCODING,))
    number, text = next(records)
    cells = text.split(";")
    try:
        if tuple(cells[:2]) != _OPENING:
            raise BadValue("not_this_layout", f"The file must open with {';'.join(_OPENING)}.")
        columns.checked_cells(cells, 6)
        columns.count_of(cells[2], "Number")
        begins, ends = columns.period_of(cells[3], cells[4], _DAY)
        columns.date_of(cells[5], "Made on", _DAY)
        number, headings = next(records, (2, ""))
        found = columns.positions_of(headings.split(";"), COLUMNS)
    except BadValue as error:
        raise refuse(error.code, number, str(error)) from None
    statement = Statement(
        identity=identify(path.name, text.encode(ENCODING), options),
        period_from=begins, period_to=ends, lines=iter(()), records=2, others=2,
    )  # fmt: skip
    statement.lines = chain.from_iterable(_Reader(statement, options, found).parts(records))
    return statement


class _Reader:
    def __init__(
        self, statement: Statement, options: dict[str, Any], found: dict[str, int]
    ) -> None:
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "momo"
        self.money = Money(mark=",")
        self.zone = columns.zone_of(options, "Europe/Madrid")
        self.times = Times("Fecha and Hora", self.zone, _iso)
        self.found = found
        self.order = [found[column.name] for column in COLUMNS]
        self.number, self.closed = 2, False

    def parts(self, records: blocks.Records) -> Iterable[Iterable[Line]]:
        first, *cells = (_PLAIN[name] for name in sorted(self.found, key=self.found.__getitem__))
        plan = blocks.Plan(
            self.reading, [blocks.never(first, "TOTAL"), *cells],
            blocks.Writing(";", mark=",", day=_DAY), BATCH_BY, {"wallet": self.wallet}, self.zone,
            ready=lambda: not self.closed, passed=self.passed,
        )  # fmt: skip
        yield from blocks.parts(records, plan, self.reading.each, self.take)
        if not self.closed:
            raise refuse(
                "truncated", self.number,
                "TOTAL is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip
        self.reading.prove_undeclared(self.number, "TOTAL")

    def passed(self, number: int, lines: int) -> None:
        self.number = number

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        if not text:
            return None
        cells = text.split(";")
        if cells[0] == "TOTAL":
            self.closed = True
            self.total(number, columns.checked_cells(cells, 8))
            return None
        if self.closed:
            raise BadValue("bad_value", "There is a row after TOTAL, which closes the file.")
        columns.checked_cells(cells, len(COLUMNS))
        (ref, kind, store, day, hour, currency, gross, fee, net, order, original) = (
            cells[position] for position in self.order
        )
        amounts = self.money[currency]
        return self.reading.line(
            number, self.reading.batch((currency,), "", self.wallet, currency), self.wallet,
            columns.kind_of(kind, KINDS), columns.id_of(ref, "Referencia"),
            columns.id_of(store, "Comercio"), currency, amounts[gross], currency, amounts[gross],
            amounts[fee], amounts[net], "", columns.text_of(order, "Pedido"),
            self.times[f"{day} {hour}" if day or hour else ""],
            columns.id_of(original, "Original") if original else "",
        )  # fmt: skip

    def total(self, number: int, cells: list[str]) -> None:
        _word, ref, value_date, currency, count, gross, fee, net = cells
        amounts = self.money[currency]
        self.reading.total(
            number, key=(currency,), ref=columns.id_of(ref, "Reference"), wallet=self.wallet,
            currency=currency,
            value_date=columns.date_of(value_date, "Value date", _DAY) if value_date else None,
            count=columns.count_of(count, "Count"),
            gross=amounts[gross][0], fee=amounts[fee][0], net=amounts[net][0],
        )  # fmt: skip


def _iso(text: str) -> str:
    day, _space, hour = text.partition(" ")
    return f"{columns.date_of(day, 'Fecha', _DAY).isoformat()}T{hour}"


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"MOMO-{number}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file; return the line number of each sheet line. No batch: a TOTAL of 0 EUR."""
    zone = columns.zone_of(options, "Europe/Madrid")
    days = [day.strftime(_DAY) for day in (sheet.period_from, sheet.period_to, sheet.made_on)]
    with TextFile(path, ENCODING) as file:
        file.put(";".join((*_OPENING, str(sheet.number), *days)))
        file.put(";".join(column.name for column in COLUMNS))
        numbers = []
        for line in sheet.lines:
            currency = columns.one_currency(line)
            instant = columns.in_zone(line, zone)
            numbers.append(file.put(columns.joined(";", (
                line.ref, _WORDS[line.kind], line.store,
                instant.strftime(_DAY) if instant else "",
                instant.strftime("%H:%M:%S") if instant else "",
                currency, *(
                    from_minor(int(minor), currency, mark=",")
                    for minor in (line.gross, line.fee, line.net)
                ),
                line.merchant_ref, line.original_ref,
            ))))  # fmt: skip
        for batch, tally in zip(sheet.batches, columns.tallies_of(sheet), strict=True):
            file.put(columns.joined(";", (
                "TOTAL", batch.ref, batch.value_date.strftime(_DAY) if batch.value_date else "",
                batch.currency, str(tally.count), *(
                    from_minor(minor, batch.currency, mark=",")
                    for minor in (tally.gross, tally.fee, tally.net)
                ),
            )))  # fmt: skip
        if not sheet.batches:
            ref = batch_ref(
                number=sheet.number, day=sheet.period_to, store="", wallet="", currency="EUR"
            )
            file.put(f"TOTAL;{ref};;EUR;0;0,00;0,00;0,00")
    return numbers
