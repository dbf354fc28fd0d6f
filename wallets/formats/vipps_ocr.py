"""Vipps OCR giro file of 80 positions.

Source, public: ocr-spec.xlsx and the sample file OCRV20170114 in Vipps' developers' repository
(settlements/ocr/), after the OCR giro layout of Norwegian banks. Vipps made these files for
invoices until 2019; banks send the same layout. ASCII, one record of 80 characters a line,
positions from 1::

    NY000010  start of transmission  9-16 sender, 17-23 its number, 24-31 receiver
    NY090020  start of assignment    9-17 agreement, 18-24 its number, 25-35 account
    NY09tt30  amount, first          9-15 number, 16-21 settled on, 32 sign, 33-49 amount,
                                     50-74 KID, right-justified
    NY09tt31  amount, second         9-15 the same number, 16-41 Vipps' id, 42-47 paid on
    NY090088  end of assignment      9-16 transactions, 17-24 records with 20 and 88, 25-41 sum,
                                     42-47 settled on, 48-53 first, 54-59 last settlement day
    NY000089  end of transmission    9-16 transactions, 17-24 all records, 25-41 sum, 42-47 date

Amounts are minor units without a mark; a sign of ``-`` in position 32 is a refund. Any type
tt is taken: the specification writes 13 where the sample writes 50. The id is the one number
in 16-41: the sample writes it across two of the fields that the specification parts there. A
KID may begin or end with ``-``; it is the merchant's reference and may repeat. With the option
``kid`` (``mod10`` or ``mod11``) its check digit is tried and a wrong one is warned of.

Settlement is gross: there is no fee in this file, every line has fee 0, and the tariff of a
partner who sends it has to be invoiced, never netted. Currency is NOK. The store is the
agreement without its leading zeros, or the option ``store``; an assignment is one batch,
``<agreement>-<assignment number>``, paid out on the settlement day of its record 88. The
period is from the first to the last day of 42-47 in the records 31.

Counts, records, sums and days of 88 and 89 are proved. Each transmission has a running number,
so that a gap shows. A line's number is that of its record 30. It cannot carry: a fee, a time,
another currency, an id that is not a number, the payment that a refund is of, rows that are no
payments, a file without rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from portal.core.money import LARGEST_MINOR, from_minor
from wallets.formats import columns
from wallets.formats.columns import BadValue, CannotWrite, Reading, TextFile
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
ROOM = Room(other_movements=False, originals=False, fees=False, one_currency=True, encoding="ascii")
CURRENCY = "NOK"
WIDTH = 80
SENDER = "00009000"
_TYPE = "50"
_MOST_TOLD = 20
_MOST_BEFORE = 10_000
"""Records that may stand before the first whole transaction."""

_TRANSMISSION = re.compile(r"NY000010(.{8})([0-9]{7})([0-9]{8})(.{49})")
_ASSIGNMENT = re.compile(r"NY090020([0-9]{9})([0-9]{7})([0-9]{11})(.{45})")
_FIRST = re.compile(
    r"NY09[0-9]{2}30([0-9]{7})([0-9]{6})(.{10})([0\-])([0-9]{17})( *-?[0-9]*-?)(.{6})"
)
_SECOND = re.compile(r"NY09[0-9]{2}31([0-9]{7})([0-9]{26})([0-9]{6})([0-9]{11})(.{22})")
_ENDS = re.compile(r"NY090088([0-9]{8})([0-9]{8})([0-9]{17})([0-9]{6})([0-9]{6})([0-9]{6})(.{21})")
_LAST = re.compile(r"NY000089([0-9]{8})([0-9]{8})([0-9]{17})([0-9]{6})(.{33})")
_KID = re.compile(r"-?[0-9]*-?")
_SHAPES = {"10": _TRANSMISSION, "20": _ASSIGNMENT, "30": _FIRST, "31": _SECOND, "88": _ENDS,
           "89": _LAST}  # fmt: skip
_MAY_FOLLOW = {
    "20": {"10", "88"}, "30": {"20", "31"}, "31": {"30"}, "88": {"20", "31"}, "89": {"10", "88"},
}  # fmt: skip


# -- check digits --------------------------------------------------------------------------


def mod10(digits: str) -> str:
    """Return the check digit of weights 2, 1, 2 ... from the right, digits of products added."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        product = int(digit) * (1 if place % 2 else 2)
        total += product // 10 + product % 10
    return str(-total % 10)


def mod11(digits: str) -> str:
    """Return the check character of weights 2 to 7 from the right; ``-`` stands for ten."""
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(digits)))
    check = -total % 11
    return "-" if check == 10 else str(check)


_CHECKS = {"mod10": mod10, "mod11": mod11}


# -- reading -------------------------------------------------------------------------------


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return receiver and number of the transmission."""
    found = _TRANSMISSION.fullmatch(columns.first_lines(head, "ascii")[0])
    if found is None:
        return Path(name).stem
    return f"{int(found[3])} transmission {int(found[2])}"


def _day_of(text: str, name: str) -> date:
    """Return the day of six digits, DDMMYY of this century."""
    try:
        return datetime.strptime(text, "%d%m%y").date()  # noqa: DTZ007
    except ValueError:
        raise BadValue("bad_date", f"{name} {text!r} is no date: write it as DDMMYY.") from None


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream.

    The period is the day of the first transaction and is widened while the lines stream.
    """
    records = columns.physical_lines(path, options)
    passed: list[tuple[int, str]] = []
    day: date | None = None
    opening: re.Match[str] | None = None
    for number, text in records:
        passed.append((number, text))
        if number == 1:
            opening = _TRANSMISSION.fullmatch(text)
            if opening is None or len(text) != WIDTH:
                raise refuse(
                    "not_this_layout", 1,
                    "The first record must be NY000010 of 80 characters. Is this another file?",
                )  # fmt: skip
            continue
        shape = _SHAPES.get(text[6:8])
        found = shape.fullmatch(text) if shape is not None else None
        if number > _MOST_BEFORE:
            break
        if found is not None and shape is _SECOND:
            try:
                day = _day_of(found[3], "The day of record 31")
            except BadValue as error:
                raise refuse(error.code, number, str(error)) from None
            break
        if found is not None and shape is _LAST:
            raise refuse("empty", number, "The file has no transaction. Ask the partner about it.")
    if day is None or opening is None:
        raise refuse(
            "truncated", len(passed),
            "The file has no whole transaction. Ask the partner to send it again.",
        )  # fmt: skip
    statement = Statement(
        identity=identify(path.name, passed[0][1].encode(), options), period_from=day,
        period_to=day, lines=iter(()), sequence=int(opening[2]), sequence_of=str(int(opening[3])),
    )  # fmt: skip
    statement.lines = _Reader(statement, options).lines(chain(passed, records))
    return statement


class _Reader:
    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "vipps"
        self.store = str(options.get("store") or "")
        self.check = _CHECKS.get(str(options.get("kid") or ""))
        self.wrong_kids = 0
        self.last, self.number = "", 1
        # Of the assignment that is open: its store, batch and first record.
        self.batch, self.store_of, self.began = 0, "", 0
        self.first: tuple[int, re.Match[str]]
        self.settled: tuple[str, str] = ("", "")
        self.count = self.sum = self.all_count = self.all_sum = 0
        self.days: dict[str, date] = {}

    def lines(self, records: Iterator[tuple[int, str]]) -> Iterator[Line]:
        yield from self.reading.each(records, self.take)
        if self.last != "89":
            raise refuse(
                "truncated", self.number,
                "The record NY000089 is absent: the file was cut. "
                "Ask the partner to send it again.",
            )  # fmt: skip
        if self.wrong_kids > _MOST_TOLD:
            self.statement.warn(
                "bad_value", 0, f"{self.wrong_kids} KIDs in all have another check digit."
            )

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        kind = text[6:8]
        shape = _SHAPES.get(kind)
        if not text.strip() and self.last == "89":
            return None
        if shape is None:
            raise BadValue("unknown_type", f"Nobody told us of a record type {kind!r}.")
        if len(text) != WIDTH:
            raise BadValue(
                "bad_columns", f"The record has {len(text)} characters and should have {WIDTH}."
            )
        found = shape.fullmatch(text)
        if found is None:
            raise BadValue(
                "bad_value", f"A field of the record {text[:8]} is not as the layout says: {text}."
            )
        if self.last and self.last not in _MAY_FOLLOW.get(kind, ()):
            raise BadValue("unknown_type", f"A record {kind} cannot follow {self.last}.")
        self.last = kind
        if kind == "30":
            self.first = number, found
            # It is counted with the record 31 that makes it a line.
            return None
        if kind == "31":
            return self._line(found)
        if kind == "20":
            self._opens(number, found)
        elif kind == "88":
            self._closes(number, found)
        elif kind == "89":
            self._ends(number, found)
        return None

    def _opens(self, number: int, found: re.Match[str]) -> None:
        agreement, assignment = str(int(found[1])), str(int(found[2]))
        self.store_of = columns.id_of(self.store or agreement, "store")
        ref = f"{agreement}-{assignment}"
        if (ref,) in self.reading.known:
            raise BadValue("bad_value", f"The assignment {ref} comes a second time.")
        self.batch = self.reading.batch((ref,), ref, self.wallet, CURRENCY)
        self.began, self.count, self.sum, self.settled = number, 0, 0, ("", "")

    def _line(self, second: re.Match[str]) -> Line:
        number, first = self.first
        transaction, settled_on, _centre, sign, amount, kid, _rest = first.groups()
        again, ref, paid_on, _account, _filler = second.groups()
        # Even a line that is refused is in what the end records say.
        minor = int(amount)
        if sign == "-":
            minor = -minor
        self.count += 1
        self.sum += minor
        if transaction != again:
            raise BadValue(
                "bad_value", f"Record 31 of transaction {again} follows 30 of {transaction}."
            )
        if abs(minor) > LARGEST_MINOR:
            raise BadValue("bad_amount", f"{amount} is larger than any amount this portal takes.")
        ref = ref.lstrip("0")
        columns.id_of(ref, "Vipps' id")
        for text, name in ((settled_on, "Settled on"), (paid_on, "Paid on")):
            if text not in self.days:
                self.days[text] = _day_of(text, name)
        day = self.days[paid_on]
        statement = self.statement
        statement.period_from = min(statement.period_from, day)
        statement.period_to = max(statement.period_to, day)
        least, most = self.settled
        key = settled_on[4:] + settled_on[2:4] + settled_on[:2]
        self.settled = (min(least or key, key), max(most, key))
        kid = kid.lstrip(" ")
        if self.check is not None and kid[-1:] != (
            self.check(kid[:-1]) if kid[:-1].isdigit() else None
        ):
            self.wrong_kids += 1
            if self.wrong_kids <= _MOST_TOLD:
                statement.warn("bad_value", number, f"The KID {kid!r} has another check digit.")
        gross = (minor, str(minor))
        kind = SALE if minor > 0 else REFUND if minor < 0 else NOT_A_PAYMENT
        return self.reading.line(
            number, self.batch, self.wallet, kind, ref, self.store_of, CURRENCY, gross, CURRENCY,
            gross, (0, "0"), gross, "", kid, "", "",
        )  # fmt: skip

    def _closes(self, number: int, found: re.Match[str]) -> None:
        """Prove an assignment by its record 88."""
        batch = self.statement.batches[self.batch]
        self.all_count += self.count
        self.all_sum += self.sum
        counted, records, total, settled_on, first, last, _filler = found.groups()
        batch.value_date = _day_of(settled_on, "Settled on")
        for text, name in ((first, "First day"), (last, "Last day")):
            _day_of(text, name)
        batch.declared_count, batch.declared_gross_minor = int(counted), int(total)
        batch.declared_fee_minor, batch.declared_net_minor = 0, int(total)
        self._prove(number, batch.ref, (self.count, number - self.began + 1, self.sum),
                    (counted, records, total))  # fmt: skip
        least, most = (text[4:] + text[2:4] + text[:2] for text in (first, last))
        if self.settled != ("", "") and not least <= self.settled[0] <= self.settled[1] <= most:
            self.statement.warn(
                "bad_date", number, f"{batch.ref} has transactions settled outside {first}-{last}."
            )

    def _ends(self, number: int, found: re.Match[str]) -> None:
        """Prove the transmission by its record 89."""
        counted, records, total, made_on, _filler = found.groups()
        _day_of(made_on, "The day of record 89")
        self._prove(
            number, "The transmission", (self.all_count, number, self.all_sum),
            (counted, records, total),
        )  # fmt: skip

    def _prove(
        self, number: int, what: str, found: tuple[int, int, int], stated: tuple[str, str, str]
    ) -> None:
        if self.reading.bad_rows:
            return
        for word, there, said in zip(("transactions", "records"), found, stated, strict=False):
            if there != int(said):
                self.reading.error(
                    "count_differs", number,
                    f"{what} declares {int(said)} {word} and has {there}. "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip
        if found[2] != int(stated[2]):
            self.reading.error(
                "total_differs", number,
                f"{what} declares {from_minor(int(stated[2]), CURRENCY)} {CURRENCY}, its "
                f"transactions add up to {from_minor(found[2], CURRENCY)}. "
                "Ask the partner for a corrected file.",
            )  # fmt: skip


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return the reference of one agreement's assignment."""
    return f"{store}-{number}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a transmission; return the line number of each sheet line's record 30.

    A batch is called ``<agreement>-<assignment number>``; its lines stand together. The day of
    a transaction is the local day of its line, or the last day of the period.
    """
    if not sheet.lines:
        raise CannotWrite("An OCR file has at least one transaction.")
    zone = columns.zone_of(options, "Europe/Oslo")
    numbers: list[int] = []
    total, misstate = 0, sheet.misstate_minor
    with TextFile(path, "ascii") as file:
        first = sheet.batches[sheet.lines[0].batch]
        receiver = _digits(first.ref.rpartition("-")[0], 8, "receiver")
        file.put(_padded(f"NY000010{SENDER}{_digits(str(sheet.number), 7, 'number')}{receiver}"))
        for index, lines in groupby(sheet.lines, lambda line: line.batch):
            batch = sheet.batches[index]
            store, _dash, assignment = batch.ref.rpartition("-")
            agreement = _digits(store, 9, "agreement")
            began = file.put(_padded(
                f"NY090020{agreement}{_digits(assignment, 7, 'assignment')}15030000001"
            ))  # fmt: skip
            settled_on = f"{batch.value_date or sheet.made_on:%d%m%y}"
            in_batch = count = 0
            for count, line in enumerate(lines, 1):
                _check(line, store, options)
                instant = columns.in_zone(line, zone)
                paid_on = instant.date() if instant else sheet.period_to
                minor = int(line.gross)
                in_batch += minor
                sign = "-" if minor < 0 else "0"
                numbers.append(file.put(_padded(
                    f"NY09{_TYPE}30{_digits(str(count), 7, 'count')}{settled_on}50{paid_on:%d}9"
                    f"00000{sign}{abs(minor):017d}{line.merchant_ref:>25}"
                )))  # fmt: skip
                file.put(_padded(
                    f"NY09{_TYPE}31{count:07d}{_digits(line.ref, 26, 'id')}{paid_on:%d%m%y}"
                ))  # fmt: skip
            if in_batch < 0:
                raise CannotWrite(f"{batch.ref}: an end record has no sign for {in_batch}.")
            total += in_batch
            records = file.number - began + 2
            file.put(_padded(
                f"NY090088{count:08d}{records:08d}{_sum(in_batch + misstate)}{settled_on * 3}"
            ))  # fmt: skip
            misstate = 0
        file.put(_padded(
            f"NY000089{len(sheet.lines):08d}{file.number + 1:08d}{_sum(total)}"
            f"{sheet.made_on:%d%m%y}"
        ))  # fmt: skip
    return numbers


def _check(line: Line, store: str, options: dict[str, Any]) -> None:
    """Say what of a line this layout cannot express."""
    if columns.one_currency(line) != CURRENCY or int(line.fee):
        raise CannotWrite(f"{line.ref}: an OCR file is in {CURRENCY} and has no fees.")
    if line.kind == NOT_A_PAYMENT and int(line.gross):
        raise CannotWrite(f"{line.ref}: an OCR file has only payments and refunds.")
    if line.store != str(options.get("store") or store):
        raise CannotWrite(f"{line.ref}: an assignment is of one agreement, {store}.")
    if len(line.merchant_ref) > 25 or _KID.fullmatch(line.merchant_ref) is None:
        raise CannotWrite(f"{line.ref}: {line.merchant_ref!r} is no KID.")


def _digits(text: str, width: int, name: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= width and text[:1] != "0"):
        raise CannotWrite(f"{text!r} is no {name} of up to {width} digits.")
    return text.rjust(width, "0")


def _sum(minor: int) -> str:
    return str(max(minor, 0)).rjust(17, "0")


def _padded(text: str) -> str:
    return text.ljust(WIDTH, "0")
