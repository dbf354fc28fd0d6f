"""Spanish bank statement N43 (Cuaderno 43 of the AEB).

Source, public: the positions of the records as Spanish banks publish them for Cuaderno 43 and as
open-source readers slice them. 80 characters a record, ISO-8859-1 (UTF-8 with its mark is taken
too), LF or CRLF, perhaps a 0x1A at the end. Positions count from 1::

    11 account      3-6 bank, 7-10 office, 11-20 account, 21-26 and 27-32 first and last day
                    (yymmdd), 33 sign, 34-47 opening, 48-50 currency (number), 51 mode, 52-77 owner
    22 movement     7-10 office, 11-16 booked, 17-22 value, 23-24 common and 25-27 own concept,
                    28 sign, 29-42 amount, 43-52 document, 53-64 and 65-80 references
    23 text         3-4 number 01 to 05, 5-42 and 43-80 text of the movement before it
    24 original     5-7 currency, 8-21 amount of the movement before it
    33 end          3-20 account, 21-25 and 26-39 number and sum of debits, 40-44 and 45-58 of
                    credits, 59 sign, 60-73 closing, 74-76 currency
    88 end of file  3-20 nines, 21-26 number of records before it

Signs: 1 is a debit, 2 a credit. Amounts are 12 and 2 digits without a mark, whatever the
currency; in one without decimals the last two are zeros. The year is 20yy.

Proved: opening + credits - debits = closing, number and sum of debits and credits, the account
and currency of the end. Banks err in two places that settle nothing, so these are warnings: a
closing sign that is neither 1 nor 2 (it is then the one that the movements lead to) and the
number in record 88. Records cut of trailing blanks are taken with one warning. Movements of zero
occur. Numbers of bank, office and account become the IBAN; a statement has no name of its own,
so a file is called by account and days.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from stdnum.es import ccc

from portal.core.money import exponent, from_minor
from wallets.formats import columns
from wallets.formats.bank_statement import (
    BOOKED,
    BankStatement,
    Detail,
    Entry,
    Page,
    prove_balances,
)
from wallets.formats.columns import BadValue
from wallets.formats.statement import refuse

CURRENCIES = {
    "036": "AUD", "124": "CAD", "156": "CNY", "203": "CZK", "208": "DKK", "344": "HKD",
    "348": "HUF", "352": "ISK", "360": "IDR", "392": "JPY", "410": "KRW", "458": "MYR",
    "554": "NZD", "578": "NOK", "702": "SGD", "752": "SEK", "756": "CHF", "764": "THB",
    "826": "GBP", "840": "USD", "901": "TWD", "978": "EUR", "985": "PLN",
}  # fmt: skip
"""ISO 4217 numbers of the currencies that the portal knows."""

WIDTH = 80
_SHORTEST = {"11": 51, "22": 42, "23": 5, "24": 21, "33": 76, "88": 26}
_AFTER = {
    "11": ("", "33"), "22": ("11", "22", "23", "24"), "23": ("22", "23"), "24": ("22", "23", "24"),
    "33": ("11", "22", "23", "24"), "88": ("33",),
}  # fmt: skip
_DEBIT, _CREDIT = "1", "2"
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return the account and the days of the first account record."""
    text = columns.first_lines(head, "latin-1")[0].removeprefix("ï»¿")
    if text[:2] != "11" or len(text) < _SHORTEST["11"] or not text[:32].isprintable():
        return Path(name).stem
    return f"{_account(text)} {text[20:26]}..{text[26:32]}"


def read(path: Path, options: dict[str, Any]) -> BankStatement:
    """Return the statement of a file; its entries stream."""
    columns.check_size(path, options)
    with path.open("rb") as file:
        head = file.read(columns.LONGEST_LINE)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse("bad_encoding", 1, "The file is UTF-16. Ask the bank for ISO-8859-1.")
    if head.removeprefix(codecs.BOM_UTF8)[:2] != b"11":
        raise refuse("not_this_layout", 1, "The first record is not 11. Is this another file?")
    statement = BankStatement(identify(path.name, head, options), "n43", iter(()))
    statement.entries = _Reader(statement).entries(path)
    return statement


def _records(path: Path, statement: BankStatement) -> Iterator[tuple[int, str]]:
    """Yield every record, padded to its width; blank lines and the end mark are no records."""
    encoding = "latin-1"
    is_told = False
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(4 * WIDTH):
            number += 1
            if number == 1 and raw.startswith(codecs.BOM_UTF8):
                raw, encoding = raw.removeprefix(codecs.BOM_UTF8), "utf-8"
            raw = raw.rstrip(b"\r\n").rstrip(b"\x1a")
            if not raw.strip():
                continue
            if b"\0" in raw:
                raise refuse("bad_encoding", number, "There is a NUL. Ask for ISO-8859-1 text.")
            try:
                text = raw.decode(encoding)
            except UnicodeDecodeError:
                raise refuse("bad_encoding", number, "The record is not UTF-8.") from None
            if len(text) > WIDTH:
                raise refuse(
                    "bad_columns", number, f"The record has {len(text)} characters, not {WIDTH}."
                )
            if len(text) < WIDTH and not is_told:
                is_told = True
                statement.warn(
                    "bad_columns", number,
                    f"Records are shorter than {WIDTH} characters: their last blanks were cut.",
                )  # fmt: skip
            if len(text) < _SHORTEST.get(text[:2], 2):
                raise refuse("truncated", number, "The record ends inside a number.")
            yield number, text.ljust(WIDTH)


class _Reader:
    def __init__(self, statement: BankStatement) -> None:
        self.statement = statement
        self.page = Page("", "EUR")
        self.last = ""
        self.number = 0
        self.pending: Entry | None = None
        self.texts: list[str] = []
        self.original: tuple[int, str] | None = None

    def entries(self, path: Path) -> Iterator[Entry]:
        for number, text in _records(path, self.statement):
            self.number = number
            self.statement.records += 1
            kind = text[:2]
            if kind not in {"23", "24"} and self.pending:
                yield self._finished(self.pending)
            try:
                if self.last not in _AFTER.get(kind, ()):
                    raise BadValue(
                        "unknown_type",
                        f"A record {kind!r} cannot follow {self.last or 'the start'!r}.",
                    )
                self.last = kind
                getattr(self, f"_{kind}")(number, text)
            except BadValue as error:
                self.statement.error(error.code, number, str(error))
        if self.last != "88":
            raise refuse(
                "truncated", self.number,
                "The record 88 is absent: the file was cut. Ask the bank to send it again.",
            )  # fmt: skip
        prove_balances(self.statement)

    def _11(self, number: int, text: str) -> None:
        self.page = Page(_account(text), "EUR", line_no=number)
        self.statement.pages.append(self.page)
        currency = self.page.currency = _currency(text[47:50])
        self.page.from_day, self.page.to_day = _day(text[20:26]), _day(text[26:32])
        self.page.owner = text[51:77].strip()
        sign, opening = text[32], _minor(text[33:47], currency)
        if sign not in {_DEBIT, _CREDIT} and opening:
            self.statement.warn(
                "bad_value", number, f"The opening sign {sign!r} is neither 1 nor 2; taken as 2."
            )
        self.page.opening_minor = -opening if sign == _DEBIT else opening

    def _22(self, number: int, text: str) -> None:
        page = self.page
        # An unreadable movement still has its place.
        page.entries += 1
        minor = _minor(text[28:42], page.currency)
        if text[27] not in {_DEBIT, _CREDIT}:
            raise BadValue("bad_value", f"The sign {text[27]!r} is neither 1 (debit) nor 2.")
        document = text[42:52].strip()
        self.texts, self.original = [], None
        self.pending = Entry(
            no=number, position=page.entries, page=len(self.statement.pages) - 1,
            booked_on=_day(text[10:16]), value_date=_day(text[16:22]),
            minor=-minor if text[27] == _DEBIT else minor, currency=page.currency,
            is_reversal=False, status=BOOKED,
            bank_reference=document if document.strip("0") else "", entry_reference="",
            code=f"{text[22:24]}-{text[24:27]}", text="", charges_minor=0, batch_count=1,
            detail_count=1, details=(_references(text[52:64], text[64:80]),),
        )  # fmt: skip

    def _23(self, number: int, text: str) -> None:
        self.texts += [text[4:42].strip(), text[42:80].strip()]

    def _24(self, number: int, text: str) -> None:
        currency = _currency(text[4:7])
        self.original = _minor(text[7:21], currency), currency

    def _finished(self, entry: Entry) -> Entry:
        """Return the entry with the texts and the original amount that followed it."""
        self.pending = None
        detail = entry.details[0]._replace(remittance=" ".join(filter(None, self.texts)))
        if self.original:
            minor = self.original[0] if entry.minor >= 0 else -self.original[0]
            detail = detail._replace(instructed_minor=minor, instructed_currency=self.original[1])
        self.page.sums.add(entry)
        return entry._replace(details=(detail,))

    def _33(self, number: int, text: str) -> None:
        page = self.page
        if _account(text) != page.account:
            raise BadValue("bad_value", f"The end is of another account than {page.account}.")
        currency = _currency(text[73:76])
        if currency != page.currency:
            raise BadValue("bad_value", f"The end is in {currency}, the account in another.")
        if not self.statement.has_errors:
            for word, side, start in (
                ("debits", page.sums.debits, 20),
                ("credits", page.sums.credits, 39),
            ):
                self._compare(number, word, side.count, side.minor, text[start : start + 19])
        closing = _minor(text[59:73], currency)
        sign = text[58]
        page.closing_minor = -closing if sign == _DEBIT else closing
        if sign not in {_DEBIT, _CREDIT}:
            if (page.opening_minor or 0) + page.sums.net_minor == -closing:
                page.closing_minor = -closing
            self.statement.warn(
                "bad_value", number,
                f"The closing sign {sign!r} is neither 1 nor 2; the movements lead to "
                f"{from_minor(page.closing_minor, currency)} {currency}.",
            )  # fmt: skip

    def _compare(self, number: int, word: str, count: int, minor: int, text: str) -> None:
        currency = self.page.currency
        declared, stated = columns.count_of(text[:5], word), _minor(text[5:], currency)
        if declared != count:
            self.statement.error(
                "count_differs", number, f"The end declares {declared} {word}, there are {count}."
            )
        if stated != minor:
            self.statement.error(
                "total_differs", number,
                f"The end declares {word} of {from_minor(stated, currency)} {currency}, they add "
                f"up to {from_minor(minor, currency)}.",
            )  # fmt: skip

    def _88(self, number: int, text: str) -> None:
        declared = columns.count_of(text[20:26], "Number of records")
        if declared != self.statement.records - 1:
            self.statement.warn(
                "count_differs", number,
                f"Record 88 declares {declared} records, {self.statement.records - 1} precede it.",
            )  # fmt: skip


def _account(text: str) -> str:
    """Return the IBAN of positions 3 to 20, or those characters where they are no number."""
    digits = text[2:20]
    if _DIGITS.fullmatch(digits) is None:
        return digits.strip()
    number = f"{digits[:8]}00{digits[8:]}"
    return str(ccc.to_iban(f"{digits[:8]}{ccc.calc_check_digits(number)}{digits[8:]}"))


def _currency(number: str) -> str:
    try:
        return CURRENCIES[number]
    except KeyError:
        raise BadValue("currency_unknown", f"{number!r} is the number of no currency.") from None


def _day(text: str) -> date:
    return columns.date_of(f"20{text}", "Day", "%Y%m%d")


def _minor(text: str, currency: str) -> int:
    """Return minor units of 14 digits that always have two decimals."""
    if _DIGITS.fullmatch(text) is None:
        raise BadValue("bad_amount", f"{text!r} is no amount: it has other than digits.")
    places = exponent(currency)
    spare = 2 - places
    if spare and int(text[-spare:]):
        raise BadValue("bad_amount", f"{text} has decimals, {currency} has none.")
    return int(text[: len(text) - spare])


def _references(first: str, second: str) -> Detail:
    """Return the detail of a movement: its two references, told apart by a blank."""
    texts = [text.strip() for text in (first, second)]
    return Detail(
        minor=None, currency="", end_to_end_id="", bank_reference="", counterparty="",
        counterparty_account="", remittance="",
        structured_reference=" ".join(text for text in texts if text.strip("0")),
    )  # fmt: skip
