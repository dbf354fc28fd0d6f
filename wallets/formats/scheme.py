"""The alliance's own layout, version 1, for any partner; a hub's file carries several wallets.

Source: ours, described in docs/scheme-layout.md, which is made from :data:`RECORDS` by
``python -m wallets.formats.scheme``. It follows the habit of acquirers' files that open with
a header, list details and close with totals. Bluecode, which publishes no settlement file,
sends it for itself and for the wallets that connect through its hub.

UTF-8 text, one record a line, cells parted by ``|``, no quotes: a cell never holds ``|``.
Signs: a sale is +, a refund -, a fee is + when charged, net = settled gross - fee; another
movement (O) has the sign of its money. Amounts have exactly the decimals of their currency.
Every (wallet, settled currency) of a file is one batch with one T record. E ends the file and
counts its records, so a cut file always shows.

It carries every field of a line. It cannot carry two batches of one wallet and currency.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
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

BATCH_BY = ("wallet", "settled_currency")
ROOM = Room(unwritable="|")
VERSION = "1"
KINDS = {"S": SALE, "R": REFUND, "O": NOT_A_PAYMENT}
_LETTERS = columns.letters_of(KINDS)

RECORDS = {
    "H": (
        "Header: the first record.",
        (
            Column("version", about="Always 1."),
            Column("sender", about="The code of the wallet that sends the file."),
            Column("sequence", about="Running number of the sender's settlements. A corrected "
                   "file keeps the number of the one it replaces."),
            Column("period_from", about="First business date, YYYY-MM-DD."),
            Column("period_to", about="Last business date, included."),
            Column("made_on", about="The day the file was made."),
        ),
    ),
    "D": (
        "Detail: one payment, refund or other movement.",
        (
            Column("wallet", about="The code of the paying wallet."),
            Column("kind", about="S sale, R refund, O another movement (payout, reserve ...)."),
            Column("ref", about="The wallet's own id: 1 to 64 printable ASCII characters."),
            Column("store", about="The paying wallet's reference of the location."),
            Column("currency", about="Currency of the sale, ISO 4217."),
            Column("gross", about="Amount of the sale in that currency; a refund is negative."),
            Column("settled_currency", about="Currency that is paid out."),
            Column("settled_gross", about="The amount in that currency; equal to gross where "
                   "nothing was converted."),
            Column("fee", about="What the partner keeps, in the settled currency; negative when "
                   "a fee is returned."),
            Column("net", about="settled_gross less fee."),
            Column("rate", needed=False, about="Settled currency per one of the sale's, where "
                   "converted."),
            Column("merchant_ref", needed=False, about="The merchant's reference; may repeat."),
            Column("occurred_at", needed=False, about="ISO 8601 with offset, such as "
                   "2026-10-14T12:30:00+02:00."),
            Column("original_ref", needed=False, about="For a refund, the id of the payment."),
        ),
    ),
    "T": (
        "Total: one for every wallet and settled currency, after all details.",
        (
            Column("settlement_ref", about="What the bank transfer will be called."),
            Column("wallet", about="The code of the paying wallet."),
            Column("settled_currency", about="Currency that is paid out."),
            Column("value_date", needed=False, about="When the money arrives, YYYY-MM-DD."),
            Column("count", about="Number of its D records."),
            Column("gross", about="Sum of settled_gross."),
            Column("fee", about="Sum of fee."),
            Column("net", about="Sum of net."),
        ),
    ),
    "E": (
        "End: the last record.",
        (Column("records", about="Number of records in the file, H and E included."),),
    ),
}  # fmt: skip
"""Every kind of record: what it is, and its cells in order after the letter."""

_PLAIN = (
    blocks.constant("D"), blocks.ident("wallet"), blocks.kind(KINDS), blocks.ident("ref"),
    blocks.ident("store"), blocks.currency(), blocks.amount("gross"),
    blocks.currency("settled_currency"), blocks.amount("settled_gross", "settled_currency"),
    blocks.amount("fee", "settled_currency"), blocks.amount("net", "settled_currency"),
    blocks.rate(), blocks.text("merchant_ref"), blocks.instant(),
    blocks.ident("original_ref", needed=False),
)  # fmt: skip
"""The cells of D as most records have them, for reading many at once."""

_LAST_LETTER_AFTER = {"D": "HD", "T": "HDT", "E": "HDT"}


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return sender, period and sequence: the same in every version of a file."""
    cells = columns.first_lines(head)[0].split("|")
    if cells[0] != "H" or len(cells) != 1 + len(RECORDS["H"][1]):
        return Path(name).stem
    _letter, _version, sender, sequence, begins, ends, _made_on = cells
    return f"{sender} {begins}..{ends} {sequence}"


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream."""
    records = blocks.Records(path, options)
    _number, text = next(records)
    cells = text.split("|")
    try:
        if cells[0] != "H":
            raise BadValue("not_this_layout", "The first record must be H. Is this another file?")
        _letter, version, _sender, sequence, *dates = columns.checked_cells(cells, 7)
        if version != VERSION:
            raise BadValue("not_this_layout", f"Version {version[:20]!r} is unknown; send 1.")
        columns.count_of(sequence, "sequence")
        begins, ends = columns.period_of(dates[0], dates[1])
        columns.date_of(dates[2], "made_on")
    except BadValue as error:
        raise refuse(error.code, 1, str(error)) from None
    statement = Statement(
        identity=identify(path.name, text.encode(), options),
        period_from=begins, period_to=ends, lines=iter(()), records=1, others=1,
    )  # fmt: skip
    statement.lines = chain.from_iterable(_Reader(statement).parts(records))
    return statement


class _Reader:
    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.money = Money()
        self.times = Times("occurred_at", None)
        self.last = "H"
        self.number = 1

    def parts(self, records: blocks.Records) -> Iterator[Iterable[Line]]:
        plan = blocks.Plan(
            self.reading, _PLAIN, blocks.Writing("|"), BATCH_BY,
            ready=lambda: self.last == "D", passed=self.passed,
        )  # fmt: skip
        yield from blocks.parts(records, plan, self.reading.each, self.take)
        if self.last != "E":
            raise refuse(
                "truncated", self.number,
                "The E record is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip
        self.reading.prove_undeclared(self.number, "The T record")

    def passed(self, number: int, lines: int) -> None:
        self.number = number

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        cells = text.split("|")
        letter = cells[0]
        if self.last not in _LAST_LETTER_AFTER.get(letter, ""):
            if not text and self.last == "E":
                return None
            raise BadValue("unknown_type", f"A record {letter[:20]!r} cannot follow {self.last}.")
        self.last = letter
        if letter == "D":
            return self.detail(number, columns.checked_cells(cells, 15))
        if letter == "T":
            self.total(number, columns.checked_cells(cells, 9))
        else:
            counted = columns.count_of(columns.checked_cells(cells, 2)[1], "records")
            if counted != number:
                self.reading.error(
                    "count_differs", number,
                    f"E declares {counted} records, the file has {number}. "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip
        return None

    def detail(self, number: int, cells: list[str]) -> Line:
        (_letter, wallet, kind, ref, store, currency, gross, settled_currency, settled, fee, net,
         rate, merchant_ref, occurred_at, original_ref) = cells  # fmt: skip
        price, paid = self.money[currency], self.money[settled_currency]
        key = (wallet, settled_currency)
        batch = self.reading.known.get(key)
        if batch is None:
            columns.id_of(wallet, "wallet")
            batch = self.reading.batch(key, "", wallet, settled_currency)
        return self.reading.line(
            number, batch, wallet, columns.kind_of(kind, KINDS), columns.id_of(ref, "ref"),
            columns.id_of(store, "store"), currency, price[gross], settled_currency,
            paid[settled], paid[fee], paid[net], columns.rate_of(rate) if rate else "",
            columns.text_of(merchant_ref, "merchant_ref") if merchant_ref else "",
            self.times[occurred_at],
            columns.id_of(original_ref, "original_ref") if original_ref else "",
        )  # fmt: skip

    def total(self, number: int, cells: list[str]) -> None:
        _letter, ref, wallet, currency, value_date, count, gross, fee, net = cells
        paid = self.money[currency]
        self.reading.total(
            number, key=(columns.id_of(wallet, "wallet"), currency),
            ref=columns.id_of(ref, "settlement_ref"), wallet=wallet, currency=currency,
            value_date=columns.date_of(value_date, "value_date") if value_date else None,
            count=columns.count_of(count, "count"),
            gross=paid[gross][0], fee=paid[fee][0], net=paid[net][0],
        )  # fmt: skip


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"{wallet}-{number}-{currency}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file; return the line number of each sheet line."""
    tallies = columns.tallies_of(sheet)
    with TextFile(path) as file:
        file.put(
            f"H|{VERSION}|{sheet.wallet}|{sheet.number}|{sheet.period_from}|{sheet.period_to}|"
            f"{sheet.made_on}"
        )
        numbers = [file.put(_detail(line)) for line in sheet.lines]
        for batch, tally in zip(sheet.batches, tallies, strict=True):
            sums = "|".join(
                from_minor(minor, batch.currency) for minor in (tally.gross, tally.fee, tally.net)
            )
            file.put(
                f"T|{batch.ref}|{batch.wallet}|{batch.currency}|{batch.value_date or ''}|"
                f"{tally.count}|{sums}"
            )
        file.put(f"E|{file.number + 1}")
    return numbers


def _detail(line: Line) -> str:
    price, paid = line.currency, line.settled_currency
    return columns.joined(
        "|",
        ("D", line.wallet, _LETTERS[line.kind], line.ref, line.store, price,
         from_minor(int(line.gross), price), paid, from_minor(int(line.settled_gross), paid),
         from_minor(int(line.fee), paid), from_minor(int(line.net), paid), line.rate,
         line.merchant_ref, line.occurred_at, line.original_ref),
    )  # fmt: skip


# -- its description -----------------------------------------------------------------------

_EXAMPLE = (
    Line(0, 0, "bluecode", SALE, "BC-1001", "100001", "EUR", "1250", "EUR", "1250", "6", "1244",
         "", "table 7", "2026-10-14T12:30:00+02:00", ""),
    Line(0, 0, "bluecode", REFUND, "BC-1002", "100001", "EUR", "-450", "EUR", "-450", "0", "-450",
         "", "", "2026-10-14T12:41:09+02:00", "BC-1001"),
    Line(0, 1, "momo", SALE, "M-77", "100002", "ISK", "4990", "ISK", "4990", "22", "4968",
         "", "", "2026-10-14T18:02:51+00:00", ""),
)  # fmt: skip


def describe() -> str:
    """Return docs/scheme-layout.md: the layout, from its own declaration."""
    parts = [
        "# The scheme layout\n",
        "A plain text layout for settlement files, for any partner that has none of its own. A "
        "hub sends one file for several wallets.\n",
        "This page is made by `python -m wallets.formats.scheme > docs/scheme-layout.md` from the "
        "declaration that the reader works by.\n",
        "- UTF-8 text, one record a line, every line ended by LF or CRLF.\n"
        "- Cells are parted by `|`; there are no quotes, so a cell never holds `|`.\n"
        "- The first cell is the letter of the record. Order: one `H`, any number of `D`, the "
        "`T` records, one `E`.\n"
        "- Amounts are plain digits with a point and exactly the decimals of their currency "
        "(`12.50` EUR, `4990` ISK), signed from the merchant's view: a sale +, a refund -. A fee "
        "is + when charged.\n"
        "- A file is taken as a whole or not at all. A total, a count or a sum that is not what "
        "the lines add up to refuses the file, with the line number.\n"
        "- A corrected file has the same sender, period and sequence, and replaces the earlier "
        "one. A period in which nothing happened is a file with `H` and `E`.\n",
    ]
    for letter, (about, cells) in RECORDS.items():
        parts.append(f"## {letter}\n\n{about}\n\n| # | cell | must be filled | holds |")
        parts.append("|---|---|---|---|")
        for position, cell in enumerate(cells, 2):
            must = "yes" if cell.needed else "no"
            parts.append(f"| {position} | `{cell.name}` | {must} | {cell.about} |")
        parts.append("")
    parts.append("## An example\n\n```\n" + "\n".join(example()) + "\n```")
    return "\n".join(parts) + "\n"


def example() -> list[str]:
    """Return the lines of a small, correct file of two wallets."""
    details = [_detail(line) for line in _EXAMPLE]
    return [
        "H|1|bluecode|41|2026-10-14|2026-10-14|2026-10-15", *details,
        "T|bluecode-41-EUR|bluecode|EUR|2026-10-16|2|8.00|0.06|7.94",
        "T|momo-41-ISK|momo|ISK|2026-10-16|1|4990|22|4968", f"E|{len(details) + 4}",
    ]  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(describe())
