"""Vipps MobilePay Report API ledger, version 2, kept as a file.

Source, public: the guide and the OpenAPI description of the Report API in Vipps' repository
(api-guide/, docs/swagger.yaml, December 2023). A file holds the answers of
``/report/v2/ledgers/{ledgerId}/{topic}/dates/{ledgerDate}`` for one ledger as they came, one
behind the other, on one line or many each: any number of days, topics funds and fees, all
pages of each. An answer is ``{items, hasMore, cursor, tryLater}``; an entry has pspReference,
time, ledgerDate, entryType, reference, currency, amount, balanceBefore, balanceAfter and
recipientHandle. Ids are texts, amounts whole minor units of 32 bits, signed from the
merchant's view; a fraction, an exponent, NaN and a name that comes twice are refused.

Ours, because an answer does not say what was asked: whoever keeps it may add ``ledgerId``,
``topic`` and ``ledgerDate`` in front of its items. Without them the topic is that of the first
entry that only one of them has, and the ledger is the option ``ledger`` or unnamed.

- Every balance is proved: balanceBefore + amount = balanceAfter, and each entry begins where the
  one before it of its topic ended. So a lost, repeated or changed entry and a lost day show.
- capture and refund become lines. A fee of the fees ledger (capture-fee, several for one
  capture) is folded into the line of its pspReference; without one in the file it becomes a
  line of its own that is no payment.
- scheduled-for-payout closes a batch and is its declared net, which the lines must add up to.
  The batch is called ``<unit>-<settlement>`` from the text of the bank transfer in its
  reference (``Vipps utbet. 2000023 Vippsnr 57860``), as in Vipps' other reports, else by its
  pspReference. Entries behind the last payout are a batch that declares nothing.
- fees-retained is not money moved but the sum of fees that lines already carry. Only what it
  retains beyond them (fees of an earlier file, or a file without the fees ledger) becomes a
  line that is no payment. Likewise a payout becomes one when it pays a balance brought forward,
  or pays fees out that are not retained yet: then the lines still add up to it.
- fees-invoiced gives the fees back to the payout: a line of the opposite fee.
- payout-aborted, retained- and returned-disputed-capture, correction and top-up are lines that
  are no payments. So is an entry type that nobody told us of, with one warning a type: the
  guide says that new ones come without notice.

tryLater means that the day is still open: such a file is refused as truncated, to be fetched
again. So is one whose last answer says hasMore.

The store is the number in recipientHandle (``NO:57860``, ``api:123456``), or where there is none,
as before 2022, the option ``store``. Memory is flat where fees come in the order of their
captures, as they do; else the fees of one ledger day are held. The file is gone through twice,
once for each ledger. A line's number is that of the line on which its entry begins, counted on
where entries share one. It cannot carry: a conversion, the payment that a refund is of, more
than one ledger and currency, two payouts of one day. Balances and the sums that are retained,
invoiced or paid out may be larger than 32 bits.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NoReturn

from portal.core.money import LARGEST_MINOR, from_minor
from wallets.formats import columns
from wallets.formats.columns import BadValue, CannotWrite, Reading, TextFile, Times
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

BATCH_BY = ("currency",)
ROOM = Room(originals=False, one_currency=True)
FUNDS, FEES = "funds", "fees"
KINDS = {"capture": SALE, "refund": REFUND}
_MOVEMENTS = {
    "payout-aborted", "retained-disputed-capture", "returned-disputed-capture", "correction",
    "top-up",
}  # fmt: skip
RETAINED, INVOICED, PAYOUT, FEE = (
    "fees-retained", "fees-invoiced", "scheduled-for-payout", "capture-fee",
)  # fmt: skip
_SUMS = {RETAINED, INVOICED, PAYOUT}
_OF_FUNDS = {*KINDS, *_MOVEMENTS, PAYOUT}
_OF_FEES = {FEE, INVOICED}
_WORDS = columns.letters_of(KINDS)
_LARGEST_AMOUNT = 2**31 - 1
_PIECE = 1 << 18
_LONGEST_VALUE = 1 << 20
_PAGE = 1_000
_SAID = {"ledgerId", "topic", "ledgerDate", "hasMore", "tryLater"}
_MOST_SAID = 64
"""So many names an answer may have beside its items; of those not used only the name is kept."""
_MOST_PENDING = 100_000

_BANK_TEXT = re.compile(r"(?:Utb\.|Vipps utbet\.)\s*([0-9]{7})\s+Vippsnr\s+([0-9]{4,6})")
_HANDLE = re.compile(r"[A-Za-z]{2,4}:([0-9]{1,20})")
_BLANK = re.compile(r"[ \t\r\n]*")
_OFFSET = re.compile(r"([+-][0-9]{2})([0-9]{2})")


# -- JSON, an entry at a time --------------------------------------------------------------


class _Wrong(ValueError):
    """A value that JSON allows or a reader might, and this layout does not."""


def _no_number(text: str) -> NoReturn:
    raise _Wrong(f"{text[:40]} is no whole number")


def _whole(text: str) -> int:
    if len(text) > 20:
        raise _Wrong("a number has more than 20 digits")
    return int(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Wrong("a name stands twice in one object")
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number, parse_int=_whole
)


@dataclass(slots=True)
class _Page:
    """What an answer says besides its items."""

    said: dict[str, Any]
    line_no: int


@dataclass(slots=True)
class _Entry:
    line_no: int
    values: Any


class _Answers:
    """Walks the answers of a file: first a page's begin, its entries, then the page's end.

    Holds only the piece of text in which it reads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text, self.at, self.ended = "", 0, False
        self.line, self.counted = 1, 0
        self.last_no = 0

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield ("begins", page), ("entry", entry) ... ("ends", page) for every answer."""
        with self.path.open("rb") as file:
            self.file = file
            self.decode = codecs.getincrementaldecoder("utf-8-sig")("strict").decode
            while self._next_sign():
                yield from self._answer()

    # -- text

    def _more(self) -> bool:
        """Read on; return whether there was more."""
        if self.ended:
            return False
        piece = self.file.read(_PIECE)
        self.ended = not piece
        if b"\0" in piece or (self.counted == 0 and piece[:2] in (b"\xff\xfe", b"\xfe\xff")):
            raise refuse("bad_encoding", self.line, "The file is not UTF-8. Ask for UTF-8.")
        try:
            text = self.decode(piece, self.ended)
        except UnicodeDecodeError:
            raise refuse(
                "bad_encoding", self._line(), "The file is not UTF-8. Ask for UTF-8."
            ) from None
        self._line()
        self.text, self.at, self.counted = self.text[self.at :] + text, 0, 0
        return True

    def _line(self) -> int:
        """Return the number of the physical line that is being read."""
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line

    def _next_sign(self) -> str:
        """Return the next sign that is no blank without taking it; "" at the end."""
        while True:
            found = _BLANK.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def _take(self, signs: str) -> str:
        sign = self._next_sign()
        if not sign:
            raise refuse(
                "truncated", self._line(),
                "The file ends inside an answer. Ask the partner to send it again.",
            )  # fmt: skip
        if sign not in signs:
            raise refuse(
                "not_this_layout", self._line(),
                f"{sign!r} stands where one of {signs} must be. Is this another file?",
            )  # fmt: skip
        self.at += 1
        return sign

    def _value(self) -> Any:
        """Return the next value, reading on while it is not whole."""
        self._next_sign()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                # What is wrong inside the text stays wrong, however much follows.
                if len(self.text) - self.at <= _LONGEST_VALUE and self._more():
                    continue
                code = "bad_value" if self.last_no else "not_this_layout"
                if self.ended and not self.text.rstrip().endswith("}"):
                    code = "truncated"
                raise refuse(
                    code, self._line(),
                    f"The file is no whole JSON: {error.msg}. Ask for it to be sent again.",
                ) from None  # fmt: skip
            except (_Wrong, RecursionError) as error:
                raise refuse("bad_value", self._line(), f"In this entry, {error}.") from None
            if end == len(self.text) and not isinstance(value, dict | list) and self._more():
                continue  # A number or a word may go on.
            self.at = end
            return value

    # -- answers

    def _answer(self) -> Iterator[tuple[str, Any]]:
        self._take("{")
        page = _Page({}, self._line())
        listed = False
        if self._next_sign() == "}":
            raise _no_answer(page.line_no)
        while True:
            if self._next_sign() != '"':
                self._take('"')
            name = self._value()
            self._take(":")
            if name in page.said or (name == "items" and listed):
                raise refuse("bad_value", self._line(), f"{name!r} stands twice in one answer.")
            if name == "items":
                listed = True
                yield "begins", page
                yield from self._items()
            else:
                if len(page.said) == _MOST_SAID:
                    raise refuse("bad_value", self._line(), "The answer says too much besides.")
                value = self._value()
                page.said[name] = value if name in _SAID else None
            if self._take(",}") == "}":
                break
        if not listed:
            raise _no_answer(page.line_no)
        yield "ends", page

    def _items(self) -> Iterator[tuple[str, Any]]:
        self._take("[")
        if self._next_sign() == "]":
            self.at += 1
            return
        while True:
            self._next_sign()
            self.last_no = max(self._line(), self.last_no + 1)
            yield "entry", _Entry(self.last_no, self._value())
            if self._take(",]") == "]":
                return


def _no_answer(line_no: int) -> Unreadable:
    return refuse(
        "not_this_layout", line_no, "The answer has no items. Is it an error instead of a report?"
    )


def _entries(path: Path) -> Iterator[tuple[str, _Entry | None, _Page]]:
    """Yield every entry of a file with its topic, and None at the end of every answer.

    Refuses a file that is not complete.
    """
    topic, came = "", False
    pending: list[tuple[_Entry, _Page]] = []
    page = _Page({}, 0)
    for event, value in _Answers(path):
        if event == "begins":
            page, came = value, True
            stated = page.said.get("topic", "")
            if stated not in ("", FUNDS, FEES):
                raise refuse("bad_value", page.line_no, f"The topic {stated!r} is unknown.")
            topic = stated or topic
        elif event == "entry":
            if not topic:
                topic = _topic_of(value.values)
            pending.append((value, page))
            if topic:
                yield from ((topic, entry, of) for entry, of in pending)
                pending = []
            elif len(pending) > _MOST_PENDING:
                raise refuse(
                    "unknown_type", value.line_no, "No entry tells whether this is funds or fees."
                )
        else:
            if value.said.get("tryLater"):
                raise refuse(
                    "truncated", value.line_no,
                    "The answer says tryLater: the day was still open when it was fetched. Fetch "
                    "it again, half an hour later at the earliest.",
                )  # fmt: skip
            if not value.said.get("hasMore"):
                # Nothing but unknown types: they move funds.
                yield from ((FUNDS, entry, of) for entry, of in pending)
                yield (FUNDS if pending else topic), None, value
                topic, pending = "", []
            else:
                yield topic, None, value
    if not came:
        raise refuse("empty", 0, "The file has no answer. Ask the partner to send it again.")
    if page.said.get("hasMore"):
        raise refuse(
            "truncated", page.line_no,
            "The last answer says hasMore: its further pages are absent. Fetch it again.",
        )  # fmt: skip


def _topic_of(values: Any) -> str:
    """Return the topic that an entry can only be of, or ""."""
    if not isinstance(values, dict):
        return ""
    kind, amount = values.get("entryType"), values.get("amount")
    if kind == RETAINED and isinstance(amount, int):
        return FUNDS if amount < 0 else FEES
    return FUNDS if kind in _OF_FUNDS else FEES if kind in _OF_FEES else ""


# -- the name of a file --------------------------------------------------------------------


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return ledger and first day, as far as the file's first bytes tell them."""
    text = head.decode("utf-8-sig", "replace")
    day = re.search(r"\"ledgerDate\"\s*:\s*\"([0-9]{4}-[0-9]{2}-[0-9]{2})\"", text)
    if day is None:
        return Path(name).stem
    ledger = re.search(r"\"ledgerId\"\s*:\s*\"([!-~]{1,64}?)\"", text)
    handle = re.search(r"\"recipientHandle\"\s*:\s*\"([!-~]{1,64}?)\"", text)
    whose = ledger or handle
    return f"{options.get('ledger') or (whose[1] if whose else Path(name).stem)} {day[1]}"


# -- reading -------------------------------------------------------------------------------


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a file; its lines stream.

    The period is the first day and is widened while the lines stream.
    """
    columns.check_size(path, options)
    with path.open("rb") as file:
        identity = identify(path.name, file.read(64 * 1024), options)
    statement = Statement(
        identity=identity, period_from=date.max, period_to=date.min, lines=iter(())
    )
    day = None
    for event, value in _Answers(path):
        stated = value.said.get("ledgerDate") if event != "entry" else None
        if event == "entry" and isinstance(value.values, dict):
            stated = value.values.get("ledgerDate")
        if stated is not None or event == "entry":
            try:
                day = columns.date_of(str(stated), "ledgerDate")
            except BadValue as error:
                raise refuse(error.code, value.line_no, str(error)) from None
            break
    if day is None:
        raise refuse(
            "empty", 0, "The file has neither an entry nor a ledgerDate. Is it of an open day?"
        )
    statement.period_from = statement.period_to = day
    statement.lines = _Reader(statement, options).lines(path)
    return statement


@dataclass(slots=True)
class _Moved:
    """A proved entry of either ledger."""

    no: int
    kind: str
    ref: str
    day: str
    minor: int
    currency: str
    raw: dict[str, Any]


class _Reader:
    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "vipps"
        self.store = str(options.get("store") or "")
        self.ledger = str(options.get("ledger") or "")
        self.currency = ""
        self.times = Times("time", None, lambda text: _OFFSET.sub(r"\1:\2", text))
        self.balances: dict[str, int] = {}
        # By topic: the last day, and the last one whose answer was complete.
        self.latest: dict[str, str] = {}
        self.closed: dict[str, str] = {}
        self.topics: set[str] = set()
        self.days: dict[str, date] = {}
        self.warned: set[str] = set()
        # Fees that no line has carried yet, by pspReference, and what is next behind them.
        self.fees: Iterator[_Moved] = iter(())
        self.next_fee: _Moved | None = None
        self.held: dict[str, list[_Moved]] = {}
        self.retained: dict[str, list[int]] = {}
        # Of the batch that is open: its number, the balance that it began with, and the fees
        # that its lines carry and no entry has settled yet.
        self.batches = 0
        self.brought: int | None = None
        self.unsettled = 0
        self.came = False
        self.last_day = ""
        self.number = self.seen = 0

    def lines(self, path: Path) -> Iterator[Line]:
        self.fees = self._moved(path, FEES)
        self.next_fee = next(self.fees, None)
        for moved in self._moved(path, FUNDS):
            yield from self._fees_before(moved.day)
            yield from self._funds(moved)
        yield from self._fees_before("9999-99-99")
        if self.topics == {FEES}:
            raise refuse(
                "truncated", self.seen,
                "The file has the fees of a ledger and not its funds. Fetch it again.",
            )  # fmt: skip
        self._name_open_batch()

    # -- entries

    def _moved(self, path: Path, wanted: str) -> Iterator[_Moved]:
        """Yield the entries of one ledger, proved and counted."""
        for topic, entry, page in _entries(path):
            if entry is None:
                self._answered(topic, page, wanted)
                continue
            if topic != wanted:
                continue
            self.statement.records += 1
            try:
                self._check_page(page)
                moved = self._proved(topic, entry)
            except BadValue as error:
                self.reading.bad_row(error, entry.line_no)
                continue
            yield moved

    def _answered(self, topic: str, page: _Page, wanted: str) -> None:
        """Take down that an answer is complete."""
        if wanted == FUNDS:
            self.topics.add(topic)
            self.seen = page.line_no
            try:
                self._check_page(page)
            except BadValue as error:
                self.reading.error(error.code, page.line_no, str(error))
        if topic == wanted and page.said.get("hasMore") is False:
            self.closed[topic] = self.latest.get(topic, "")

    def _check_page(self, page: _Page) -> None:
        ledger = page.said.get("ledgerId")
        if ledger is not None:
            columns.id_of(ledger if isinstance(ledger, str) else "", "ledgerId")
            self.ledger = self.ledger or ledger
            if ledger != self.ledger:
                raise BadValue("bad_value", f"An entry of ledger {ledger} in one of {self.ledger}.")
        if (stated := page.said.get("ledgerDate")) is not None:
            self._day(stated)

    def _day(self, text: Any) -> None:
        """Prove a ledgerDate and widen the period to it."""
        if not isinstance(text, str):
            raise BadValue("bad_date", f"ledgerDate {str(text)[:40]} is no text.")
        if text not in self.days:
            day = self.days[text] = columns.date_of(text, "ledgerDate")
            statement = self.statement
            statement.period_from = min(statement.period_from, day)
            statement.period_to = max(statement.period_to, day)

    def _proved(self, topic: str, entry: _Entry) -> _Moved:
        raw = entry.values
        if not isinstance(raw, dict):
            raise BadValue("bad_value", "An entry is no object.")
        texts = []
        for name in ("entryType", "pspReference", "ledgerDate", "currency"):
            value = raw.get(name)
            if not isinstance(value, str):
                raise BadValue("bad_value", f"{name} is absent or no text: ids are never numbers.")
            texts.append(value)
        kind, ref, day, currency = texts
        columns.id_of(kind, "entryType")
        columns.id_of(ref, "pspReference")
        minors = []
        for name, most in (
            ("amount", LARGEST_MINOR if kind in _SUMS else _LARGEST_AMOUNT),
            ("balanceBefore", LARGEST_MINOR), ("balanceAfter", LARGEST_MINOR),
        ):  # fmt: skip
            value = raw.get(name)
            if type(value) is not int or not -most <= value <= most:
                raise BadValue(
                    "bad_amount", f"{ref}: {name} {str(value)[:40]} is no amount in minor units."
                )
            minors.append(value)
        minor, before, after = minors
        self._day(day)
        if day < self.latest.get(topic, "") or day <= self.closed.get(topic, ""):
            raise BadValue("bad_value", f"{ref}: {topic} of {day} come again, or out of order.")
        self.latest[topic] = day
        columns.minor_of("0", currency, short=True)
        self.currency = self.currency or currency
        if currency != self.currency:
            raise BadValue("bad_value", f"{ref}: {currency} in a ledger in {self.currency}.")
        stands = self.balances.get(topic, before)
        self.balances[topic] = after
        if before + minor != after or before != stands:
            what = (
                f"begins at {before} where the entry before it ended at {stands}: an entry or a "
                "day is absent or stands twice"
                if before != stands
                else f"leads from {before} by {minor} to {after}"
            )
            self.reading.error(
                "total_differs", entry.line_no,
                f"{ref}: the balance of {topic} {what} (minor units). Fetch the report again.",
            )  # fmt: skip
        if topic == FUNDS and self.brought is None:
            self.brought = before
        return _Moved(entry.line_no, kind, ref, day, minor, currency, raw)

    # -- fees

    def _fee_of(self, moved: _Moved) -> int:
        """Return the fees of a line, reading the fees ledger on through its day at most.

        It is read on for a capture only: what else seldom has a fee, and must not make that
        the fees of its day are held.
        """
        ref, day = moved.ref, moved.day
        while (
            moved.kind == _WORDS[SALE]
            and ref not in self.held
            and self.next_fee is not None
            and self.next_fee.day <= day
        ):
            self._hold()
        charged = 0
        # Several fees of one capture stand one behind the other.
        while self.next_fee is not None and self.next_fee.ref == ref and self.next_fee.day <= day:
            self._hold()
        for fee in self.held.pop(ref, ()):
            charged -= fee.minor
            self.statement.others += 1
        return charged

    def _hold(self) -> None:
        fee = self.next_fee
        self.next_fee = next(self.fees, None)
        if fee is None:
            return
        if fee.kind == RETAINED:
            self.retained.setdefault(fee.day, []).append(fee.minor)
            self.statement.others += 1
            return
        if fee.kind not in _OF_FEES:
            self._warn_of(fee)
        # An invoice is answered by no line.
        self.held.setdefault("" if fee.kind == INVOICED else fee.ref, []).append(fee)

    def _fees_before(self, day: str) -> Iterator[Line]:
        """Yield the fees of earlier days that no line has carried."""
        if day == self.last_day:
            return
        while self.next_fee is not None and self.next_fee.day < day:
            self._hold()
        yield from self._left_over(before=day)

    def _left_over(self, *, before: str) -> Iterator[Line]:
        found = [fee for held in self.held.values() for fee in held if fee.day < before]
        for fee in found:
            line = self._safely(fee, lambda fee=fee: self._line(fee, NOT_A_PAYMENT, 0, -fee.minor))
            if line is not None:
                self.unsettled += int(line.fee)
                yield line
        if found:
            gone = {id(fee) for fee in found}
            self.held = {
                ref: kept
                for ref, held in self.held.items()
                if (kept := [fee for fee in held if id(fee) not in gone])
            }

    # -- funds

    def _funds(self, moved: _Moved) -> Iterator[Line]:
        self.last_day = moved.day
        if moved.kind in (RETAINED, PAYOUT):
            # They stand last in their day: by now it has all its fees.
            while self.next_fee is not None and self.next_fee.day <= moved.day:
                self._hold()
            yield from self._left_over(before=moved.day + "~")
            closes = self._payout if moved.kind == PAYOUT else self._retained
            line = self._safely(moved, lambda: closes(moved))
            if line is None:
                if not self.reading.bad_rows:
                    self.statement.others += 1
            else:
                yield line
            if moved.kind == PAYOUT:
                self._declare(moved)
            return
        kind = KINDS.get(moved.kind, NOT_A_PAYMENT)
        if kind == NOT_A_PAYMENT and moved.kind not in _MOVEMENTS:
            self._warn_of(moved)
        fee = self._fee_of(moved)
        self.unsettled += fee
        line = self._safely(moved, lambda: self._line(moved, kind, moved.minor, fee))
        if line is not None:
            yield line

    def _retained(self, moved: _Moved) -> Line | None:
        """Return a line for what is retained beyond the fees that lines carry."""
        retained = -moved.minor
        also = self.retained.get(moved.day)
        if also and retained != (stated := also.pop(0)):
            self.reading.error(
                "total_differs", moved.no,
                f"{moved.ref}: the funds ledger retains {retained}, the fees ledger {stated} "
                "(minor units). Fetch the report again.",
            )  # fmt: skip
        beyond = retained - self.unsettled
        self.unsettled = 0
        return self._line(moved, NOT_A_PAYMENT, 0, beyond) if beyond else None

    def _payout(self, moved: _Moved) -> Line | None:
        """Return a line for what a payout pays that no line of its batch explains."""
        brought, unsettled = self.brought or 0, self.unsettled
        self.unsettled = 0
        self.brought = moved.raw["balanceAfter"]
        if not brought and not unsettled:
            return None
        return self._line(moved, NOT_A_PAYMENT, brought, -unsettled)

    def _declare(self, moved: _Moved) -> None:
        """Close the batch that a payout pays, and prove it."""
        found = _BANK_TEXT.search(str(moved.raw.get("reference") or ""))
        ref = f"{found[2]}-{found[1]}" if found else moved.ref
        try:
            self.reading.total(
                moved.no, key=(str(self.batches),), ref=ref, wallet=self.wallet,
                currency=moved.currency, value_date=None, net=-moved.minor,
            )  # fmt: skip
        except BadValue as error:
            self.reading.error(error.code, moved.no, str(error))
        self.batches += 1
        self.came = False

    def _name_open_batch(self) -> None:
        """Name the batch of entries that are not paid out yet."""
        if self.came:
            index = self.reading.known[str(self.batches),]
            whose = self.ledger or self.number or self.wallet
            self.statement.batches[index].ref = f"{whose}-{self.statement.period_to}"[:80]

    # -- lines

    def _safely(self, moved: _Moved, make: Any) -> Line | None:
        try:
            line: Line | None = make()
        except BadValue as error:
            self.reading.bad_row(error, moved.no)
            return None
        return line

    def _warn_of(self, moved: _Moved) -> None:
        if moved.kind not in self.warned:
            self.warned.add(moved.kind)
            self.statement.warn(
                "unknown_type", moved.no,
                f"The entryType {moved.kind!r} is unknown; its money is counted as no payment.",
            )  # fmt: skip

    def _line(self, moved: _Moved, kind: str, minor: int, fee: int) -> Line:
        raw = moved.raw
        handle, reference, time = (
            raw.get(name) for name in ("recipientHandle", "reference", "time")
        )
        store = self.store
        if handle is not None:
            found = _HANDLE.fullmatch(handle) if isinstance(handle, str) else None
            if found is None:
                raise BadValue(
                    "bad_value", f"{moved.ref}: recipientHandle {str(handle)[:40]!r} has no number."
                )
            store = found[1]
        if not store and kind != NOT_A_PAYMENT:
            raise BadValue(
                "bad_value",
                f"{moved.ref} has no recipientHandle: say the sale unit in the option store.",
            )
        if not isinstance(time, str):
            raise BadValue("bad_date", f"{moved.ref}: time is absent or no text.")
        if reference is not None and not isinstance(reference, str):
            raise BadValue("bad_value", f"{moved.ref}: reference is no text.")
        self.number = self.number or (int(store) if store.isdigit() else 0)
        index = self.reading.batch((str(self.batches),), "", self.wallet, moved.currency)
        self.came = True
        both, charged, net = (minor, str(minor)), (fee, str(fee)), minor - fee
        return self.reading.line(
            moved.no, index, self.wallet, kind, moved.ref, store, moved.currency, both,
            moved.currency, both, charged, (net, str(net)), "",
            columns.text_of(reference, "reference") if reference else "", self.times[time], "",
        )  # fmt: skip


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return the reference of one payout: numbers start at 2000001 per ledger."""
    return f"{store}-{2_000_000 + number}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write the answers of a period, fees first; return the line number of each sheet line.

    A batch is called ``<unit>-<settlement>``, all of one currency, and is paid out whole. All
    entries are of the last ledger day; the days before it are empty answers.
    """
    if len(sheet.batches) > 1:
        raise CannotWrite("A ledger has one currency and pays out once a day.")
    zone = columns.zone_of(options, "Europe/Oslo")
    ledger = sheet.batches[0].ref.rpartition("-")[0] if sheet.batches else "100001"
    day = sheet.period_to
    closed_at = f"{day + timedelta(days=1)}T00:00:00.000000Z"
    numbers = [0] * len(sheet.lines)
    members: list[list[int]] = [[] for _batch in sheet.batches]
    for position, line in enumerate(sheet.lines):
        members[line.batch].append(position)
    fees: list[dict[str, Any]] = []
    funds: list[tuple[int, dict[str, Any]]] = []
    misstate = sheet.misstate_minor
    for batch, positions in zip(sheet.batches, members, strict=True):
        net = charged = 0
        for position in positions:
            line = sheet.lines[position]
            entry = _written(line, day, zone)
            fee = int(line.fee)
            net += int(line.net)
            charged += fee
            if fee:
                fees.append({**entry, "entryType": FEE, "amount": -fee})
            funds.append((position, entry))
        closing = {
            "pspReference": "", "time": closed_at, "ledgerDate": day.isoformat(),
            "entryType": RETAINED, "reference": None, "currency": batch.currency, "amount": 0,
            "recipientHandle": None,
        }  # fmt: skip
        if charged:
            closing["pspReference"] = f"{batch.ref}-fees"
            fees.append({**closing, "amount": charged})
            funds.append((-1, {**closing, "amount": -charged}))
        if net > 0:
            unit, _dash, settlement = batch.ref.rpartition("-")
            funds.append((-1, {
                **closing, "pspReference": f"{ledger}-{settlement}", "entryType": PAYOUT,
                "reference": f"Vipps utbet. {settlement} Vippsnr {unit}",
                "amount": -net - misstate,
            }))  # fmt: skip
            misstate = 0
    with TextFile(path) as file:
        for days in range((sheet.period_to - sheet.period_from).days):
            asked = _asked(ledger, FUNDS, sheet.period_from + timedelta(days=days))
            file.put(f'{{{asked},"items":[],"hasMore":false}}')
        _put(file, _asked(ledger, FEES, day), [(-1, fee) for fee in fees], numbers)
        _put(file, _asked(ledger, FUNDS, day), funds, numbers)
    return numbers


def _asked(ledger: str, topic: str, day: date) -> str:
    return f'"ledgerId":{json.dumps(ledger)},"topic":"{topic}","ledgerDate":"{day}"'


def _written(line: Line, day: date, zone: Any) -> dict[str, Any]:
    """Return a line as an entry, or say what of it this layout cannot express."""
    currency = columns.one_currency(line)
    if not line.store.isdigit() and not (line.kind == NOT_A_PAYMENT and not line.store):
        raise CannotWrite(f"{line.ref}: {line.store!r} is no number of a sale unit.")
    if not line.occurred_at:
        raise CannotWrite(f"{line.ref}: the ledger needs the time of every entry.")
    for minor in (int(line.gross), int(line.fee)):
        if abs(minor) > _LARGEST_AMOUNT:
            raise CannotWrite(f"{line.ref}: {from_minor(minor, currency)} has over 32 bits.")
    return {
        "pspReference": line.ref, "time": line.occurred_at, "ledgerDate": day.isoformat(),
        "entryType": _WORDS.get(line.kind, "correction"), "reference": line.merchant_ref or None,
        "currency": currency, "amount": int(line.gross),
        "recipientHandle": f"NO:{line.store}" if line.store else None,
    }  # fmt: skip


def _put(
    file: TextFile, asked: str, entries: list[tuple[int, dict[str, Any]]], numbers: list[int]
) -> None:
    """Write the answers of one topic, an entry a line; note where the sheet's lines stand."""
    balance = 0
    pages = range(0, len(entries) or 1, _PAGE)
    for start in pages:
        page = entries[start : start + _PAGE]
        file.put(f'{{{asked},"items":[')
        for place, (position, entry) in enumerate(page, 1):
            before, balance = balance, balance + entry["amount"]
            number = file.put(
                json.dumps(
                    {**entry, "balanceBefore": before, "balanceAfter": balance},
                    ensure_ascii=False, separators=(",", ":"),
                )
                + ("," if place < len(page) else "")
            )  # fmt: skip
            if position >= 0:
                numbers[position] = number
        if start + _PAGE < len(entries):
            file.put(f'],"hasMore":true,"cursor":"{start + _PAGE}"}}')
        else:
            file.put('],"hasMore":false}')
